"""Provisions the resource types that MiniStack does not know, by recording them.

The properties are checked against the type's schema, what the service would decide is made up as the schema says,
``Ref``, ``Fn::GetAtt`` and replacement follow the schema. Where moto has the service, the resource is made real
there. All recorded resources are listed by the Cloud Control API (``list_resources``, ``get_resource``).
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

from ministack.core import responses
from ministack.services import cloudcontrol
from ministack.services.cloudformation import provisioners

from sandbox.adapters import moto_services, schemas
from sandbox.adapters.schemas import Schema, dig

from . import api, native
from .values import Place, attributes, completed, identifier, readable

TYPES: set[str] = set()
"""The types that are recorded."""
_log = logging.getLogger("sandbox.recorded")


def install() -> None:
    """Provision all types that have a schema, check the properties of all, and have moto answer for its services."""
    native.install()
    schemas.install()
    handlers = provisioners._RESOURCE_HANDLERS
    for resource_type in schemas.types():
        if resource_type not in handlers:
            handlers[resource_type] = _handler(resource_type)
            TYPES.add(resource_type)
    moto_services.install()


def _handler(resource_type: str) -> dict[str, Any]:
    return {
        "create": partial(_create, resource_type),
        "update": partial(_update, resource_type),
        "update_with_logical_id": True,
        "delete": partial(_delete, resource_type),
    }


def _create(resource_type: str, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    schema = _schema(resource_type)
    schemas.check(resource_type, logical_id, properties)
    _learn(schema)
    place = _place(stack, logical_id)
    model = completed(schema, properties, place)
    _refuse_existing(schema, model)
    model = api.create(schema, model, place.region)
    return _recorded(schema, model)


def _update(
    resource_type: str,
    physical_id: str,
    old: dict[str, Any],
    new: dict[str, Any],
    stack: str,
    logical_id: str | None = None,
) -> tuple[str, dict[str, Any]]:
    schema = _schema(resource_type)
    schemas.check(resource_type, logical_id or physical_id, new)
    replacing = [path for path in schema.create_only if dig(old, path.split(".")) != dig(new, path.split("."))]
    if replacing:
        replaced: tuple[str, dict[str, Any]] = provisioners._replace_resource(
            resource_type, physical_id, old, new, stack, logical_id
        )
        return replaced
    known = _read(resource_type, physical_id)
    if known is None:
        raise api.HandlerError(
            f"Resource handler returned message: \"Resource of type '{resource_type}' with identifier "
            f"'{physical_id}' was not found.\" (HandlerErrorCode: NotFound)"
        )
    decided = {path.split(".")[0] for path in (*schema.read_only, *schema.primary)}
    kept = {name: value for name, value in known.items() if name in decided and name not in new}
    place = _place(stack, logical_id or physical_id)
    model = completed(schema, {**kept, **new}, place)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    api.change(schema, model, changed, place.region)
    return _recorded(schema, model)


def _delete(resource_type: str, physical_id: str, properties: dict[str, Any]) -> None:
    known = _read(resource_type, physical_id)
    if known is not None:
        api.delete(_schema(resource_type), {**properties, **known}, responses.get_region())
        del cloudcontrol._resources[_key(resource_type, physical_id)]


def _schema(resource_type: str) -> Schema:
    schema = schemas.load(resource_type)
    if schema is None:
        raise api.HandlerError(f"{resource_type} has no schema")
    return schema


def _learn(schema: Schema) -> None:
    """Tell MiniStack which properties replace a resource, and which name keeps it from being replaced."""
    replacing = tuple(path for path in schema.create_only if "." not in path)
    provisioners._REPLACING_PROPERTIES.setdefault(schema.type, replacing)
    if len(schema.primary) == 1 and schema.primary[0] not in schema.read_only:
        provisioners._CUSTOM_NAME_REPLACEMENT.setdefault(schema.type, {"name": schema.primary[0]})


def _place(stack: str, logical_id: str) -> Place:
    name = provisioners._physical_name(stack, logical_id)
    return Place(responses.get_account_id(), responses.get_region(), name, responses.now_iso())


def _refuse_existing(schema: Schema, model: dict[str, Any]) -> None:
    found = identifier(schema, model)
    if _key(schema.type, found) in cloudcontrol._resources:
        raise api.HandlerError(
            f"Resource handler returned message: \"Resource of type '{schema.type}' with identifier "
            f"'{found}' already exists.\" (HandlerErrorCode: AlreadyExists)"
        )


def _recorded(schema: Schema, model: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    physical_id = identifier(schema, model)
    cloudcontrol._resources[_key(schema.type, physical_id)] = {
        "TypeName": schema.type,
        "Identifier": physical_id,
        "Properties": json.dumps(readable(schema, model)),
    }
    _log.info("%s %s is recorded", schema.type, physical_id)
    return physical_id, attributes(schema, model)


def _read(resource_type: str, physical_id: str) -> dict[str, Any] | None:
    found = cloudcontrol._resources.get(_key(resource_type, physical_id))
    known: dict[str, Any] | None = json.loads(found["Properties"]) if found else None
    return known


def _key(resource_type: str, physical_id: str) -> str:
    return str(cloudcontrol._resource_key(resource_type, physical_id))
