"""CloudFormation's types of Macie, made real: the session, custom data identifiers, allow lists and findings filters.

A custom data identifier cannot be changed, so that a change makes a new one, as the type's schema says.
"""

from __future__ import annotations

import re
from typing import Any

from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas

from . import library, settings, state
from .state import Fault, Record

Provisioned = tuple[str, dict[str, Any]]
_HANDLER_CODES = {
    "AccessDeniedException": "AccessDenied",
    "ConflictException": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
    "ValidationException": "InvalidRequest",
}
_KINDS = {
    "AWS::Macie::AllowList": library.ALLOW_LIST,
    "AWS::Macie::CustomDataIdentifier": library.IDENTIFIER,
    "AWS::Macie::FindingsFilter": library.FILTER,
}


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::Macie::Session"] = {"create": _create_session, "update": _update_session, "delete": _delete_session}
    for name, kind in _KINDS.items():
        handlers[name] = _handler(kind)
        schema = schemas.load(name)
        provisioners._REPLACING_PROPERTIES[name] = tuple(schema.create_only) if schema else ()


def _failed(fault: Fault) -> _FailedError:
    code = _HANDLER_CODES.get(fault.code, "GeneralServiceException")
    text = f"{fault} (Service: Macie2, Status Code: {fault.status})"
    return _FailedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})')


def _create_session(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    try:
        settings.enable(
            {"findingPublishingFrequency": properties.get("FindingPublishingFrequency")} | _status(properties)
        )
    except Fault as fault:
        raise _failed(fault) from fault
    return _session()


def _update_session(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    frequency = new.get("FindingPublishingFrequency", "SIX_HOURS")
    try:
        settings.update({"findingPublishingFrequency": frequency, "status": "ENABLED"} | _status(new))
    except Fault as fault:
        raise _failed(fault) from fault
    return _session()


def _status(properties: dict[str, Any]) -> Record:
    return {"status": properties["Status"]} if "Status" in properties else {}


def _session() -> Provisioned:
    macie = state.session()
    discovery = macie.discovery.get("status", "DISABLED")
    attributes = {"ServiceRole": macie.settings["serviceRole"], "AutomatedDiscoveryStatus": discovery}
    return macie.account, {"AwsAccountId": macie.account, **attributes}


def _delete_session(physical_id: str, properties: dict[str, Any]) -> None:
    try:
        state.disable()
    except Fault:
        return


def _handler(kind: library.Kind) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
        try:
            return _provisioned(kind, kind.create(_members(properties)))
        except Fault as fault:
            raise _failed(fault) from fault

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
        dropped = {_lower(name): None for name in old.keys() - new.keys()}
        try:
            changed = kind.update(physical_id, {**dropped, **kind.defaults, **_members(new)})
            return _provisioned(kind, changed)
        except Fault as fault:
            raise _failed(fault) from fault

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        try:
            kind.delete(physical_id)
        except Fault:
            return

    return {"create": create, "update": update, "delete": delete}


def _provisioned(kind: library.Kind, record: Record) -> Provisioned:
    status = {"Status": library.status(record)} if kind is library.ALLOW_LIST else {}
    return record["id"], {"Id": record["id"], "Arn": record["arn"], **status}


def _members(properties: dict[str, Any]) -> Record:
    """Properties under the names of the API; fields of findings and tags are values, and stay as they are."""
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
    named: Record = {_lower(name): _renamed(value) for name, value in properties.items() if name != "Tags"}
    if isinstance(named.get("maximumMatchDistance"), str):
        named["maximumMatchDistance"] = int(named["maximumMatchDistance"])
    return named | ({"tags": tags} if tags else {})


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {_lower(key): _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _lower(name: str) -> str:
    return re.sub(r"^(S3|[A-Z])", lambda head: head[0].lower(), name)
