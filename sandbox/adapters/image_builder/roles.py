"""What the roles of a build are asked: the execution role for each step, the instance's for what its agent does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, iam, kms

from sandbox.adapters import access

from .components import is_managed
from .state import Record, get, home

SERVICE = "imagebuilder.amazonaws.com"
CREATOR = "EC2 Image Builder"
CREATED = {"CreatedBy": CREATOR}
"""The tag of everything that a build makes."""
CROSS_ACCOUNT_ROLE = "EC2ImageBuilderDistributionCrossAccountRole"
_LINKED = "AWSServiceRoleForImageBuilder"
_TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}]}
_CHANNELS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
_USES = "DescribeKey CreateGrant Decrypt GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo"
USE_OF_KEY = tuple(_USES.split())
"""What is done with the key of volumes and snapshots, through EC2."""


@dataclass(frozen=True)
class Actor:
    """A role that a build acts with.

    Attributes:
        session: The role, assumed.
    """

    session: access.Session

    def ask(
        self,
        action: str,
        resource: str = "*",
        request: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        **conditions: str,
    ) -> None:
        """Refuse what the role may not do.

        Args:
            action: The IAM action.
            resource: The ARN.
            request: The tags that the request gives; None for none.
            tags: The tags that the resource has; None for none.
            conditions: Other condition keys, with two underscores for a colon.

        Raises:
            Refused: If it is not allowed.
        """
        context: dict[str, Any] = {name.replace("__", ":"): value for name, value in conditions.items()}
        for name, value in (request or {}).items():
            context[f"aws:RequestTag/{name}"] = value
        if request:
            context["aws:TagKeys"] = list(request)
        for name, value in (tags or {}).items():
            context.update({f"{prefix}:ResourceTag/{name}": value for prefix in ("aws", "ec2", "ssm")})
        access.require(self.session, action, resource, context)

    def use_key(self, key: str, region: str, actions: tuple[str, ...] = USE_OF_KEY) -> None:
        """Refuse the use of a key for volumes and snapshots.

        Args:
            key: The key's ARN, id or alias; empty for none.
            region: The region of an id and of EC2.
            actions: The actions, without the prefix.

        Raises:
            Refused: If it is not allowed, or the key cannot be used.
        """
        if not key or key == "alias/aws/ebs":
            return
        arn = access.key_arn(key, self.session.account, region)
        owner, place = arn.split(":")[4], arn.split(":")[3]
        with request_scope(owner, place):
            if "alias/" in key:
                alias = f"arn:aws:kms:{place}:{owner}:alias/{key.rpartition('alias/')[2]}"
                arn = access.key_arn(str(kms._aliases.get(alias, key)), owner, place)
            via = {"kms:ViaService": f"ec2.{region}.amazonaws.com", "kms:CallerAccount": self.session.account}
            for action in actions:
                about = {"kms:GrantIsForAWSResource": "true"} if action == "CreateGrant" else {}
                about |= {} if action in ("CreateGrant", "DescribeKey") else {"kms:EncryptionContextKeys": "aws:ebs:id"}
                access.require(self.session, f"kms:{action}", arn, {**via, **about})
            access.refuse_disabled_key(arn)


def executor(role: str | None) -> Actor:
    """The role that Image Builder acts with: the execution role, or the service-linked one.

    Args:
        role: The execution role; None for none.

    Raises:
        Refused: If Image Builder cannot assume it.
    """
    here = home()
    if role:
        about = {"aws:SourceAccount": here.account}
        return Actor(access.assume(role, SERVICE, here.account, here.region, about))
    if _LINKED not in iam._roles:
        iam._roles[_LINKED] = {
            "RoleName": _LINKED,
            "RoleId": f"AROA{_LINKED.upper()[:17]}",
            "Arn": f"arn:aws:iam::{here.account}:role/aws-service-role/{SERVICE}/{_LINKED}",
            "Path": f"/aws-service-role/{SERVICE}/",
            "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": json.dumps(_TRUST),
            "AttachedPolicies": [],
            "InlinePolicies": {_LINKED: _linked_policy()},
            "Tags": [],
        }
    session = f"arn:aws:sts::{here.account}:assumed-role/{_LINKED}/imagebuilder"
    return Actor(access.Session(_LINKED, session, here.account, here.region))


@cache
def _linked_policy() -> Any:
    """AWS's policy of the service-linked role, as moto ships it."""
    return json.loads(import_module("moto.iam.aws_managed_policies").aws_managed_policies_data)[_LINKED]["Document"]


def across(actor: Actor, account: str, region: str) -> Actor:
    """The role that another account has for AMIs that are distributed to it.

    Args:
        actor: The role that Image Builder acts with.
        account: The other account.
        region: The region.

    Raises:
        Refused: If one of the accounts does not let it be assumed.
    """
    arn = f"arn:aws:iam::{account}:role/{CROSS_ACCOUNT_ROLE}"
    actor.ask("sts:AssumeRole", arn)
    role = iam._roles.get_scoped(account, None, CROSS_ACCOUNT_ROLE)
    if role is None:
        raise access.Refused(f"{actor.session.principal} cannot assume {arn}: there is no such role")
    if not iam_evaluator.evaluate_trust_policy(role["AssumeRolePolicyDocument"], actor.session.principal):
        denied = f"{actor.session.principal} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        raise access.Refused(f"{denied} because its trust policy does not allow it")
    session = f"arn:aws:sts::{account}:assumed-role/{CROSS_ACCOUNT_ROLE}/imagebuilder"
    return Actor(access.Session(CROSS_ACCOUNT_ROLE, session, account, region))


def instance_role(infrastructure: Record) -> tuple[str, str]:
    """The ARNs of the profile of the instances and of its role.

    Args:
        infrastructure: The infrastructure configuration.

    Raises:
        LookupError: If there is no such profile, or it has no role.
    """
    name = infrastructure["instanceProfileName"]
    profile = iam._instance_profiles.get(name)
    if profile is None or not profile["Roles"]:
        raise LookupError(f"the instance profile {name} {'has no role' if profile else 'does not exist'}")
    role = profile["Roles"][0]
    found = iam._roles.get(role if isinstance(role, str) else role["RoleName"])
    if found is None:
        raise LookupError(f"the role of the instance profile {name} does not exist")
    return profile["Arn"], found["Arn"]


def agent(infrastructure: Record, image: Record, instance: str, group: str, custom: bool) -> None:
    """Refuse what the instance's role must be able to do for its agent and for components.

    Args:
        infrastructure: The infrastructure configuration.
        image: The image.
        instance: The instance's ARN.
        group: The log group of the image.
        custom: Whether the execution role writes it, which then is asked elsewhere.

    Raises:
        Refused: If something is not allowed.
    """
    here = home()
    _, role = instance_role(infrastructure)
    actor = Actor(access.assume(role, "ec2.amazonaws.com", here.account, here.region, {}))
    actor.ask("ssm:UpdateInstanceInformation", instance)
    for action in _CHANNELS:
        actor.ask(f"ssmmessages:{action}")
    for component in image["imageRecipe"]["componentBuilds"]:
        actor.ask("imagebuilder:GetComponent", component)
        key = "" if is_managed(component) else get(component).get("kmsKeyId", "")
        if key:
            keys = {"aws:CalledVia": SERVICE, "kms:EncryptionContextKeys": "aws:imagebuilder:arn"}
            arn = access.key_arn(key, here.account, here.region)
            access.require(actor.session, "kms:Decrypt", arn, keys)
            access.refuse_disabled_key(arn)
    logs = (infrastructure.get("logging") or {}).get("s3Logs") or {}
    if logs.get("s3BucketName"):
        prefix = (logs.get("s3KeyPrefix") or "").strip("/")
        actor.ask("s3:PutObject", f"arn:aws:s3:::{logs['s3BucketName']}/{prefix}/{image['name']}".replace("//", "/"))
    if not custom:
        write_log(actor, group, image)


def write_log(actor: Actor, group: str, image: Record) -> None:
    """Refuse what whoever writes the log of an image must be able to do.

    Args:
        actor: Who writes it.
        group: The log group.
        image: The image.

    Raises:
        Refused: If something is not allowed.
    """
    here = home()
    arn = f"arn:aws:logs:{here.region}:{here.account}:log-group:{group}"
    if group not in cloudwatch_logs._log_groups:
        actor.ask("logs:CreateLogGroup", f"{arn}:*")
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        actor.ask(action, f"{arn}:log-stream:{image['version']}")


def keys_of(recipe: Record) -> Iterator[str]:
    """The keys that a recipe has volumes encrypted with.

    Args:
        recipe: The recipe.
    """
    for mapping in recipe.get("blockDeviceMappings") or []:
        key = (mapping.get("ebs") or {}).get("kmsKeyId")
        if key:
            yield str(key)
