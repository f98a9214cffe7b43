"""CloudFormation's types of the warehouse, made as their APIs make them: namespace, workgroup and integration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudcontrol
from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas
from sandbox.adapters.json_rpc import Fault, Record

from . import integrations, namespaces, workgroups
from .state import Integration, Namespace, home

Provisioned = tuple[str, dict[str, Any]]
_NAMESPACE = "AWS::RedshiftServerless::Namespace"
_WORKGROUP = "AWS::RedshiftServerless::Workgroup"
_INTEGRATION = "AWS::Redshift::Integration"
_CODES = {
    "ConflictException": "AlreadyExists",
    "IntegrationAlreadyExistsFault": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
}
_BOOLEANS = ("ManageAdminPassword", "EnhancedVpcRouting", "PubliclyAccessible")
_INTEGERS = ("BaseCapacity", "MaxCapacity", "Port", "FinalSnapshotRetentionPeriod")


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    _register(_NAMESPACE, {"create": _create_namespace, "update": _update_namespace, "delete": _delete_namespace})
    _register(_WORKGROUP, {"create": _create_workgroup, "update": _update_workgroup, "delete": _delete_workgroup})
    _register(_INTEGRATION, {"create": _create_integration, "update": _rename, "delete": _delete_integration})


def _register(name: str, handler: dict[str, Any]) -> None:
    provisioners._RESOURCE_HANDLERS[name] = handler
    schema = schemas.load(name)
    provisioners._REPLACING_PROPERTIES[name] = tuple(schema.create_only) if schema else ()


def _done(operation: Callable[[Record], Any], request: Record) -> Any:
    try:
        return operation(request)
    except Fault as fault:
        code = _CODES.get(fault.code, "InvalidRequest")
        text = f"{fault} (Service: RedshiftServerless, Status Code: {fault.status})"
        raise _FailedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})') from fault


def _members(properties: Mapping[str, Any]) -> Record:
    """Properties under the names of the API, with values of the API's types."""
    found: Record = {}
    for name, value in properties.items():
        if name in _BOOLEANS:
            value = provisioners._cfn_bool(value)
        elif name in _INTEGERS:
            value = int(value)
        elif name == "ConfigParameters":
            value = [
                {"parameterKey": one["ParameterKey"], "parameterValue": str(one["ParameterValue"])} for one in value
            ]
        found[name[0].lower() + name[1:]] = value
    return found


def _attributes(kind: str, record: Record) -> dict[str, Any]:
    """What ``Fn::GetAtt`` finds; the ARN of the administrator's secret is not among it."""
    hidden = ("adminPasswordSecretArn", "adminPasswordSecretKmsKeyId")
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name == "endpoint":
            found |= {"Workgroup.Endpoint.Address": value["address"], "Workgroup.Endpoint.Port": str(value["port"])}
        elif name not in hidden:
            found[f"{kind}.{name[0].upper()}{name[1:]}"] = value
    return found


def _create_namespace(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    record: Record = _done(namespaces.create, _members(properties))["namespace"]
    _put_policy(home().namespaces[record["namespaceName"]], properties)
    return record["namespaceName"], _attributes("Namespace", record)


def _put_policy(space: Namespace, properties: Mapping[str, Any]) -> None:
    """Put the resource policy; an empty one deletes it, and none at all leaves what is there."""
    given = properties.get("NamespaceResourcePolicy")
    if given is not None:
        space.policy = json.loads(given) if isinstance(given, str) else dict(given)


def _update_namespace(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    if old.get("DbName") != new.get("DbName"):
        said = "DbName cannot be changed"
        raise _FailedError(f'Resource handler returned message: "{said}" (HandlerErrorCode: NotUpdatable)')
    left_out: Record = {"iamRoles": []} if "IamRoles" in old and "IamRoles" not in new else {}
    changed = {name: value for name, value in new.items() if old.get(name) != value or name == "NamespaceName"}
    record: Record = _done(namespaces.update, {**left_out, **_members(changed)})["namespace"]
    _put_policy(home().namespaces[physical_id], new)
    return physical_id, _attributes("Namespace", record)


def _delete_namespace(physical_id: str, properties: dict[str, Any]) -> None:
    if physical_id in home().namespaces:
        final = ("FinalSnapshotName", "FinalSnapshotRetentionPeriod")
        given = {name: properties[name] for name in final if name in properties}
        _done(namespaces.delete, {"namespaceName": physical_id, **_members(given)})


def _create_workgroup(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    record: Record = _done(workgroups.create, _members(properties))["workgroup"]
    return record["workgroupName"], _attributes("Workgroup", record)


def _update_workgroup(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    record: Record = _done(workgroups.update, _members(new))["workgroup"]
    return physical_id, _attributes("Workgroup", record)


def _delete_workgroup(physical_id: str, properties: dict[str, Any]) -> None:
    if physical_id in home().workgroups:
        _done(workgroups.delete, {"workgroupName": physical_id})


def _create_integration(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    given = {"IntegrationName": provisioners._physical_name(stack, logical_id)[:63], **properties}
    made: Integration = _done(integrations.create, given)
    _list(made, properties)
    return made.arn, {"IntegrationArn": made.arn, "CreateTime": now_iso()}


def _list(made: Integration, properties: dict[str, Any]) -> None:
    """Let the Cloud Control API find an integration, as there is no other API for it here."""
    cloudcontrol._resources[cloudcontrol._resource_key(_INTEGRATION, made.arn)] = {
        "TypeName": _INTEGRATION,
        "Identifier": made.arn,
        "Properties": json.dumps({**properties, "IntegrationArn": made.arn}),
    }


def _rename(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    made = home().integrations[physical_id]
    made.name = new.get("IntegrationName", made.name)
    _list(made, new)
    return physical_id, {"IntegrationArn": physical_id}


def _delete_integration(physical_id: str, properties: dict[str, Any]) -> None:
    integrations.delete(physical_id)
    cloudcontrol._resources.pop(cloudcontrol._resource_key(_INTEGRATION, physical_id), None)
