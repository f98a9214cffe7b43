"""CloudFormation's types of Image Builder, made by its API; an image is waited for, as CloudFormation does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners

from sandbox.adapters import access, rest_json, schemas, workers

from . import builds, components, configurations, images, lifecycle
from .configurations import Kind
from .state import Fault, Record, get, home, of

Provisioned = tuple[str, dict[str, Any]]
_IMAGE = "AWS::ImageBuilder::Image"
_SETTINGS = "ImagePipelineExecutionSettings"
_API = rest_json.Api("imagebuilder")
_RENAMED = {"version": "semanticVersion", "launchPermissionConfiguration": "launchPermission"}
_CODES = {
    "ForbiddenException": "AccessDenied",
    "ResourceAlreadyExistsException": "AlreadyExists",
    "ResourceDependencyException": "ResourceConflict",
    "ResourceNotFoundException": "NotFound",
}
_POLL = 0.05


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    versioned: dict[str, Callable[[Record], Record]] = {
        "Component": components.create_component,
        "ImageRecipe": components.create_recipe,
    }
    for noun, make in versioned.items():
        _register(noun, {"create": partial(_create_version, noun, make), "update": _retag, "delete": _delete(noun)})
    for kind in (configurations.INFRASTRUCTURE, configurations.DISTRIBUTION, configurations.PIPELINE):
        _register(kind.noun, _named(kind))
    _register(configurations.POLICY.noun, _named(configurations.POLICY))
    _register("Image", {"create": _create_image, "update": _update_image, "delete": _delete_image})
    provisioners._RESOURCE_HANDLERS[_IMAGE]["update_with_logical_id"] = True
    provisioners._CONDITIONALLY_REPLACING_PROPERTIES[_IMAGE] = (_SETTINGS,)
    workers.TYPES.add(_IMAGE)
    workers.install()


def _register(noun: str, handler: dict[str, Any]) -> None:
    name = f"AWS::ImageBuilder::{noun}"
    provisioners._RESOURCE_HANDLERS[name] = handler
    schema = schemas.load(name)
    provisioners._REPLACING_PROPERTIES[name] = tuple(schema.create_only) if schema else ()


def _failed(message: str, code: str = "GeneralServiceException") -> _FailedError:
    return _FailedError(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})')


def _done(request: Callable[[], Record]) -> Record:
    try:
        return request()
    except Fault as fault:
        text = f"{fault} (Service: Imagebuilder, Status Code: {fault.status})"
        raise _failed(text, _CODES.get(fault.code, "InvalidRequest")) from fault


def _members(operation: str, properties: Mapping[str, Any]) -> Record:
    """Properties under the names of the API, with the types that it has."""
    found = _renamed(_API.input(operation), properties)
    return {name: value for name, value in found.items() if value is not None}


def _renamed(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        named = {_RENAMED.get(lower := name[0].lower() + name[1:], lower): item for name, item in value.items()}
        return {name: _renamed(shape.members[name], item) for name, item in named.items() if name in shape.members}
    if kind == "list" and isinstance(value, list):
        return [_renamed(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: str(item) for key, item in value.items()}
    if kind == "boolean":
        return provisioners._cfn_bool(value)
    return int(value) if kind in ("integer", "long") else value


def _latest(answer: Record) -> dict[str, Any]:
    names = {"Arn": "latestVersionArn", "Major": "latestMajorVersionArn"}
    names |= {"Minor": "latestMinorVersionArn", "Patch": "latestPatchVersionArn"}
    return {f"LatestVersion.{name}": answer["latestVersionReferences"][key] for name, key in names.items()}


def _create_version(
    noun: str, make: Callable[[Record], Record], logical_id: str, properties: dict[str, Any], stack: str
) -> Provisioned:
    answer = _done(lambda: make(_members(f"Create{noun}", properties)))
    arn = next(value for name, value in answer.items() if name.endswith("Arn"))
    record = get(arn)
    own = {"Type": record["type"], "Encrypted": True} if noun == "Component" else {}
    return arn, {"Arn": arn, "Name": record["name"], **own, **_latest(answer)}


def _retag(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    get(physical_id)["tags"] = dict(new.get("Tags") or {})
    return physical_id, {}


def _delete(noun: str) -> Callable[[str, dict[str, Any]], None]:
    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        operations = {**components.OPERATIONS, **configurations.OPERATIONS}
        if physical_id not in home().resources:
            return
        member = f"{noun[0].lower()}{noun[1:]}Arn"
        member = "componentBuildVersionArn" if noun == "Component" else member
        _done(lambda: operations[f"Delete{noun}"]({member: physical_id}))

    return delete


def _named(kind: Kind) -> dict[str, Any]:
    def attributes(arn: str) -> Provisioned:
        record = get(arn)
        more = {"DeploymentId": record["deploymentId"]} if "deploymentId" in record else {}
        return arn, {"Arn": arn, "Name": record["name"], **more}

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
        answer = _done(lambda: kind.create(_members(f"Create{kind.noun}", properties)))
        return attributes(answer[kind.arn_member])

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
        if _without_tags(old) != _without_tags(new):
            request = {**_members(f"Update{kind.noun}", new), kind.arn_member: physical_id}
            _done(lambda: kind.update(request))
        get(physical_id)["tags"] = dict(new.get("Tags") or {})
        return attributes(physical_id)

    return {"create": create, "update": update, "delete": _delete(kind.noun)}


def _without_tags(properties: Mapping[str, Any]) -> Record:
    return {name: value for name, value in properties.items() if name != "Tags"}


def _create_image(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    access.over_tls()
    image = _done(lambda: _started(properties))
    while image["state"]["status"] not in builds.ENDED:
        time.sleep(_POLL)
    state, arn = image["state"], image["arn"]
    if state["status"] != "AVAILABLE":
        if not _is_retained(stack, logical_id):
            images.delete(image)
        why = state.get("reason", "the build was cancelled")
        raise _failed(f"Image {arn} has the status {state['status']}: {why}", "NotStabilized")
    here = home()
    made = [
        one["image"]
        for one in image["outputResources"]["amis"]
        if one["region"] == here.region and one["accountId"] == here.account
    ]
    head, version = arn.rpartition("/")[0].rsplit("/", 1)
    major, minor, _ = version.split(".")
    forms = {"Arn": "x.x.x", "Major": f"{major}.x.x", "Minor": f"{major}.{minor}.x", "Patch": version}
    latest = {f"LatestVersion.{name}": f"{head}/{form}" for name, form in forms.items()}
    return arn, {"Arn": arn, "Name": image["name"], "ImageId": made[0] if made else "", "ImageUri": "", **latest}


def _started(properties: Mapping[str, Any]) -> Record:
    settings = properties.get(_SETTINGS)
    if settings is None:
        return images.create(_members("CreateImage", properties))
    id = settings.get("DeploymentId")
    pipeline = next((one for one in of("image-pipeline") if one["deploymentId"] == id), None)
    if pipeline is None:
        raise Fault("InvalidRequestException", f"There is no pipeline with the deployment ID {id}.")
    return images.run_pipeline(pipeline, dict(properties.get("Tags") or {}))


def _is_retained(stack: str, logical_id: str) -> bool:
    """Whether a template says that an image stays also if it failed."""
    body = (cloudformation._stacks.get(stack) or {}).get("_template_body")
    resource = engine._parse_template(body)["Resources"].get(logical_id, {}) if body else {}
    return resource.get("DeletionPolicy") == "Retain"


def _update_image(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None
) -> Provisioned:
    before, after = old.get(_SETTINGS) or {}, new.get(_SETTINGS) or {}
    changed = before.get("DeploymentId") != after.get("DeploymentId")
    if changed and provisioners._cfn_bool(after.get("OnUpdate", False)):
        made: Provisioned = provisioners._replace_resource(_IMAGE, physical_id, old, new, stack, logical_id)
        return made
    get(physical_id)["tags"] = dict(new.get("Tags") or {})
    return physical_id, {}


def _delete_image(physical_id: str, properties: dict[str, Any]) -> None:
    access.over_tls()
    image = home().resources.get(physical_id)
    if image is None:
        return
    role = (properties.get("DeletionSettings") or {}).get("ExecutionRole")
    try:
        _done(lambda: _removed(image, role))
    except access.Refused as error:
        raise _failed(str(error), "AccessDenied") from error


def _removed(image: Record, role: str | None) -> Record:
    if image["state"]["status"] not in builds.ENDED:
        images.cancel(image)
        while image["state"]["status"] not in builds.ENDED:
            time.sleep(_POLL)
    if role:
        lifecycle.remove(image, role)
    else:
        images.delete(image)
    return image
