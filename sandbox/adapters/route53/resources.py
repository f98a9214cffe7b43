"""CloudFormation's types of Route 53: health checks, made real, and records and zones, as Route 53 has them.

MiniStack takes any record, does not know that a zone with VPCs is private, and keeps the old record when only the set
identifier changes.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ministack.services import route53
from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas

from . import checks, records
from .state import Fault, Record

HEALTH_CHECK, RECORD_SET, ZONE = (f"AWS::Route53::{name}" for name in ("HealthCheck", "RecordSet", "HostedZone"))
Provisioned = tuple[str, dict[str, Any]]
_NUMBERS = ("FailureThreshold", "HealthThreshold", "Port", "RequestInterval")
_SWITCHES = ("EnableSNI", "Inverted", "MeasureLatency")


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[HEALTH_CHECK] = {"create": _create, "update": _update, "delete": _delete}
    handlers[RECORD_SET] = _checking(handlers[RECORD_SET])
    handlers[ZONE] = _with_privacy(handlers[ZONE])


def _failed(fault: Fault) -> _FailedError:
    code = "NotFound" if fault.status == 404 else "InvalidRequest"
    text = f"{fault} (Service: Route53, Status Code: {fault.status})"
    return _FailedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})')


def _config(properties: Record) -> Record:
    """A check's configuration with the types that the API has; templates may have text for all."""
    given: Record = dict(properties["HealthCheckConfig"])
    given |= {name: int(given[name]) for name in _NUMBERS if name in given}
    return given | {name: str(given[name]).lower() == "true" for name in _SWITCHES if name in given}


def _create(logical_id: str, properties: Record, stack: str) -> Provisioned:
    config = _config(properties)
    _refuse(config, "")
    id, reference = route53._hc_id(), str(uuid4())
    route53._health_checks[id] = {"id": id, "caller_reference": reference, "config": config, "version": 1}
    route53._hc_caller_refs[reference] = id
    return _finished(id, properties)


def _update(physical_id: str, old: Record, new: Record, stack: str) -> Provisioned:
    schema = schemas.load(HEALTH_CHECK)
    paths = [path.split(".") for path in schema.create_only] if schema else []
    record = route53._health_checks.get(physical_id)
    if record is None or any(schemas.dig(old, path) != schemas.dig(new, path) for path in paths):
        return _create(physical_id, new, stack)
    config = _config(new)
    _refuse(config, physical_id)
    record.update(config=config, version=record["version"] + 1)
    return _finished(physical_id, new)


def _refuse(config: Record, own: str) -> None:
    try:
        checks.refuse(config, own)
    except Fault as fault:
        raise _failed(fault) from fault


def _finished(id: str, properties: Record) -> Provisioned:
    checks.note_alarm(id)
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("HealthCheckTags") or []}
    route53._tags["healthcheck", id] = tags
    return id, {"HealthCheckId": id}


def _delete(physical_id: str, properties: Record) -> None:
    record = route53._health_checks.pop(physical_id, None)
    if record is not None:
        route53._hc_caller_refs.pop(record["caller_reference"], None)
        route53._tags.pop(("healthcheck", physical_id), None)


def _checking(handler: dict[str, Any]) -> dict[str, Any]:
    """The provisioner of records, with Route 53's refusals."""

    def refuse(properties: Record, instead_of: Record | None) -> None:
        zone = provisioners._r53_resolve_hosted_zone_id(properties)
        record = provisioners._r53_record_set_build_rs(properties)
        former = [provisioners._r53_record_set_build_rs(one) for one in (instead_of,) if one]
        try:
            records.refuse(zone, record, *former)
        except Fault as fault:
            raise _failed(fault) from fault

    def create(logical_id: str, properties: Record, stack: str) -> Any:
        refuse(properties, None)
        return handler["create"](logical_id, properties, stack)

    def update(physical_id: str, old: Record, new: Record, stack: str) -> Any:
        refuse(new, old)
        updated = handler["update"](physical_id, old, new, stack)
        if old.get("SetIdentifier") != new.get("SetIdentifier") and updated[0] == physical_id:
            handler["delete"](physical_id, old)
        return updated

    return {**handler, "create": create, "update": update}


def _with_privacy(handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: Record, stack: str) -> Any:
        provisioned = handler["create"](logical_id, properties, stack)
        route53._zones[provisioned[0]]["private"] = bool(properties.get("VPCs"))
        return provisioned

    return {**handler, "create": create}
