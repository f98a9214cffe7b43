"""Makes a recorded resource real in moto, so that whoever asks its service finds it.

Which calls create, read, change and delete a resource is in its schema, as the permissions of its handlers; their
members are matched to the properties by name. A call that moto lacks leaves the resource recorded only.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sandbox.adapters import arns, moto_services
from sandbox.adapters.keywords import matches
from sandbox.adapters.schemas import Schema, load

from .members import Members, plain

_CREATES = "Create|Enable|Register|Put|Import"
_READS = "Get|Describe"
_CHANGES = "Update|Modify|Put"
_DELETES = "Delete|Terminate|Disable|Deregister"
_ASIDE = re.compile(r"Tags?(ForResource)?$|TagResource$|Alias$|Grant$|Policy$|Triggers$|Commit$")
_MISSING = r"^(NotImplementedException|404|501)$"
_GONE = r"NotFound|DoesNotExist"
_OTHER_NAMES = {"dnsipaddresses": "dnsipaddrs"}
"""Read-only properties that the API has under another name."""
_log = logging.getLogger("sandbox.recorded")


class HandlerError(ValueError):
    """The service refused a call; the message is as CloudFormation puts it."""


@dataclass(frozen=True)
class Api:
    """The calls for the resources of a type.

    Attributes:
        scope: The service, by the name that requests to it are signed for.
        resource: The last part of the type's name.
        create: The operation that creates a resource.
        read: The operation that reads one.
        change: The operations that change one.
        delete: The operation that deletes one.
    """

    scope: str
    resource: str
    create: str
    read: str | None
    change: tuple[str, ...]
    delete: str | None


@cache
def api_of(resource_type: str) -> Api | None:
    """The calls for the resources of a type, ``None`` if moto does not have its service.

    Args:
        resource_type: The CloudFormation type.
    """
    schema = load(resource_type)
    if schema is None:
        return None
    _, segment, resource = [*resource_type.split("::"), "", ""][:3]
    scope = arns.service_of(schema.permissions("create"), segment)
    if scope not in moto_services.SERVICES:
        return None
    known = frozenset(moto_services.model(scope).operation_names)

    def found(handler: str, verbs: str) -> list[str]:
        names = [action.partition(":")[2] for action in schema.permissions(handler) if action.startswith(f"{scope}:")]
        fitting = [name for name in names if name in known and re.match(f"({verbs})[A-Z]", name)]
        return sorted(fitting, key=lambda name: _distance(name, resource))

    create = found("create", _CREATES)
    if not create or _distance(create[0], resource) > 1:
        return None
    read, delete = found("read", _READS), found("delete", _DELETES)
    change = tuple(name for name in found("update", _CHANGES) if not _ASIDE.search(name))
    return Api(scope, resource, create[0], next(iter(read), None), change, next(iter(delete), None))


def _distance(operation: str, resource: str) -> int:
    """How far the name of an operation is from being about a resource."""
    about = plain(re.sub(r"^[A-Z][a-z]+", "", operation))
    if about in (plain(resource), f"{plain(resource)}s"):
        return 0
    return 2 if _ASIDE.search(operation) else 1


def create(schema: Schema, model: dict[str, Any], region: str) -> dict[str, Any]:
    """Create a resource at its service.

    Args:
        schema: The schema of its type.
        model: Its properties, with those that were made up for the service.
        region: The region.

    Returns:
        Its properties, with those that the service decided.
    """
    api = api_of(schema.type)
    own = {name: value for name, value in model.items() if name not in schema.read_only}
    answer = _call(api, api.create, own, region) if api else None
    if api is None or answer is None:
        return model
    model = _adopted(schema, model, answer)
    if api.read:
        model = _adopted(
            schema, model, _call(api, api.read, _identity(schema, api, api.read, model), region, ".") or {}
        )
    return model


def change(schema: Schema, model: Mapping[str, Any], changed: set[str], region: str) -> None:
    """Change a resource at its service.

    Args:
        schema: The schema of its type.
        model: Its new properties.
        changed: The names of those that changed.
        region: The region.
    """
    api = api_of(schema.type)
    for operation in api.change if api else ():
        if api and _members(api, operation, model).are_about(changed):
            _call(api, operation, model, region)


def delete(schema: Schema, model: Mapping[str, Any], region: str) -> None:
    """Delete a resource at its service.

    Args:
        schema: The schema of its type.
        model: Its properties.
        region: The region.
    """
    api = api_of(schema.type)
    if api and api.delete:
        _call(api, api.delete, _identity(schema, api, api.delete, model), region, _GONE)


def _identity(schema: Schema, api: Api, operation: str, model: Mapping[str, Any]) -> Mapping[str, Any]:
    """What names a resource in a request: its identifiers, or else whatever the request needs."""
    names = {path.split(".")[0] for path in (*schema.primary, *schema.read_only)}
    identity = {name: value for name, value in model.items() if name in names}
    return identity if _members(api, operation, identity).values else model


def _members(api: Api, operation: str, model: Mapping[str, Any]) -> Members:
    shape = moto_services.model(api.scope).operation_model(operation).input_shape
    return Members(shape, model, api.resource)


def _call(
    api: Api, operation: str, model: Mapping[str, Any], region: str, harmless: str = _MISSING
) -> dict[str, Any] | None:
    """Call an operation; ``None`` if it fails harmlessly, or the properties do not make up its request."""
    errors = importlib.import_module("botocore.exceptions")
    members = _members(api, operation, model)
    method = importlib.import_module("botocore").xform_name(operation)
    try:
        answer: dict[str, Any] = getattr(moto_services.client(api.scope, region), method)(**members.values)
    except errors.ParamValidationError as error:
        _log.warning("%s:%s cannot be called for a recorded resource: %s", api.scope, operation, error)
        return None
    except errors.ClientError as error:
        fault = error.response.get("Error", {})
        code, message = str(fault.get("Code")), fault.get("Message")
        if re.search(f"{_MISSING}|{harmless}", code):
            _log.info("%s:%s is not done by moto: %s", api.scope, operation, message)
            return None
        raise HandlerError(f'Resource handler returned message: "{message} (Service: {api.scope}, {code})"') from error
    if answer.get("FailedRequests"):
        failed = answer["FailedRequests"][0]
        raise HandlerError(f'Resource handler returned message: "{failed.get("ErrorMessage")} (Service: {api.scope})"')
    return answer


def _adopted(schema: Schema, model: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with those of an answer in place of what was made up, where they fit the schema."""
    found = dict(reversed(list(_flat(answer))))
    adopted = dict(model)
    kind = plain(schema.type.split("::")[-1])
    for name in schema.read_only:
        wanted = plain(name)
        value = next(
            (found[key] for key in (wanted, kind + wanted, _OTHER_NAMES.get(wanted, wanted)) if key in found), None
        )
        subschema = schema.at(name)
        if value is None or "." in name or subschema is None:
            continue
        if subschema.get("type") == "string" and not isinstance(value, str):
            value = str(value)
        fits = not any(schema.validator.problems(subschema, value))
        if fits and matches(subschema.get("pattern", ""), str(value)):
            adopted[name] = value
    return adopted


def _flat(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of an answer by name, the outer ones first."""
    if isinstance(value, Mapping):
        items = [(plain(key), item) for key, item in value.items() if key != "ResponseMetadata"]
        yield from items
        for _, item in items:
            yield from _flat(item)
    elif isinstance(value, list):
        for item in value[:1]:
            yield from _flat(item)
