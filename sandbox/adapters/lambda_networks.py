"""Functions in a VPC, made by templates: where they are, which MiniStack forgets, and that their role may do it.

Nothing is kept from them: they are processes of this machine. What stands in the VPC looks where a caller is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, lambda_svc
from ministack.services.cloudformation import provisioners

from . import access

_FUNCTION = "AWS::Lambda::Function"
_ACTIONS = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""


def install() -> None:
    """Put the adapter in MiniStack's place."""
    handler = provisioners._RESOURCE_HANDLERS[_FUNCTION]
    handler["create"], handler["update"] = _created(handler["create"]), _updated(handler["update"])


def _created(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        _refuse(properties)
        made = create(logical_id, properties, stack)
        _place(made[0], properties)
        return made

    return created


def _updated(update: Callable[..., Any]) -> Callable[..., Any]:
    def updated(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **more: Any) -> Any:
        if old.get("VpcConfig") != new.get("VpcConfig"):
            _refuse(new)
        made = update(physical_id, old, new, *rest, **more)
        _place(made[0], new)
        return made

    return updated


def _place(name: str, properties: dict[str, Any]) -> None:
    lambda_svc._functions[name]["config"]["VpcConfig"] = lambda_svc._vpc_config_with_id(properties.get("VpcConfig"))


def _refuse(properties: dict[str, Any]) -> None:
    """Refuse networks that are not there, and a role that may not have interfaces."""
    wanted = properties.get("VpcConfig") or {}
    if not wanted.get("SubnetIds"):
        return
    for name, known in (("SubnetIds", ec2._subnets), ("SecurityGroupIds", ec2._security_groups)):
        missing = [one for one in wanted.get(name) or [] if one not in known]
        if missing:
            raise ValueError(f"Error occurred while describing {name} {', '.join(missing)}: they do not exist")
    try:
        account, region = get_account_id(), get_region()
        session = access.assume(properties["Role"], "lambda.amazonaws.com", account, region, {})
        for action in _ACTIONS:
            access.require(session, action, "*")
    except access.Refused as refused:
        said = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"
        raise ValueError(f"{said} ({refused})") from refused
