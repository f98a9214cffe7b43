"""CloudFormation's types of delivery, made real: repositories, pipelines, and what MiniStack forgets of projects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import codebuild, s3
from ministack.services.cloudformation import provisioners

from sandbox.adapters import moto_services, schemas
from sandbox.adapters.json_rpc import Fault, Record
from sandbox.adapters.recorded.members import Members

from . import codecommit, codepipeline, engine, pipelines, triggers
from .repositories import Repository

Provisioned = tuple[str, dict[str, Any]]
_PIPELINE = "AWS::CodePipeline::Pipeline"
_PROJECT = "AWS::CodeBuild::Project"
_REPOSITORY = "AWS::CodeCommit::Repository"
_CODES = {"RepositoryNameExistsException": "AlreadyExists", "PipelineNameInUseException": "AlreadyExists"}


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_REPOSITORY] = {"create": _create_repository, "update": _update_repository, "delete": _delete_repository}
    handlers[_PIPELINE] = {"create": _create_pipeline, "update": _update_pipeline, "delete": _delete_pipeline}
    handlers[_PROJECT] = _whole(handlers[_PROJECT])
    for name in (_REPOSITORY, _PIPELINE):
        schema = schemas.load(name)
        provisioners._REPLACING_PROPERTIES[name] = tuple(schema.create_only) if schema else ()


def _failed(fault: Fault, service: str) -> _FailedError:
    code = _CODES.get(fault.code, "InvalidRequest")
    text = f"{fault} (Service: {service}, Status Code: 400)"
    return _FailedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})')


def _create_repository(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    tags = {one["Key"]: one["Value"] for one in properties.get("Tags") or []}
    try:
        made = codecommit.create(
            properties["RepositoryName"],
            properties.get("RepositoryDescription", ""),
            properties.get("KmsKeyId", ""),
            tags,
        )
    except Fault as fault:
        raise _failed(fault, "AWSCodeCommit") from fault
    code = properties.get("Code")
    if code:
        archive = s3._get_object_data(code["S3"]["Bucket"], code["S3"]["Key"], code["S3"].get("ObjectVersion"))
        if archive is None:
            raise _FailedError(f"The object {code['S3']['Key']} of Code does not exist")
        codecommit.seed(made, archive, code.get("BranchName", "main"))
    try:
        _put_triggers(made, properties)
    except _FailedError:
        codecommit.remove(made.name)
        raise
    return made.id, _attributes(made)


def _put_triggers(of: Repository, properties: Mapping[str, Any]) -> None:
    try:
        triggers.put(of, triggers.of_template(properties.get("Triggers") or ()))
    except Fault as fault:
        raise _failed(fault, "AWSCodeCommit") from fault


def _attributes(of: Repository) -> dict[str, Any]:
    said = codecommit.described(of)
    return {
        "Arn": of.arn,
        "Name": of.name,
        "RepositoryId": of.id,
        "CloneUrlHttp": said["cloneUrlHttp"],
        "CloneUrlSsh": said["cloneUrlSsh"],
    }


def _of_id(id: str) -> Repository | None:
    return next((one for one in codecommit.REPOSITORIES.values() if one.id == id), None)


def _update_repository(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    found = _of_id(physical_id)
    if found is None:
        raise _FailedError(f"The repository {physical_id} does not exist")
    if new["RepositoryName"] != found.name:
        if new["RepositoryName"] in codecommit.REPOSITORIES:
            raise _failed(Fault("RepositoryNameExistsException", f"{new['RepositoryName']} exists"), "AWSCodeCommit")
        del codecommit.REPOSITORIES[found.name]
        found.arn = found.arn.removesuffix(found.name) + new["RepositoryName"]
        found.name = new["RepositoryName"]
        codecommit.REPOSITORIES[found.name] = found
    found.description = new.get("RepositoryDescription", "")
    found.tags = {one["Key"]: one["Value"] for one in new.get("Tags") or []}
    if new.get("Triggers") or old.get("Triggers"):
        _put_triggers(found, new)
    return physical_id, _attributes(found)


def _delete_repository(physical_id: str, properties: dict[str, Any]) -> None:
    found = _of_id(physical_id)
    if found is not None:
        codecommit.remove(found.name)


def _declaration(properties: Mapping[str, Any], name: str) -> Record:
    """A pipeline in the form of the API; stores of several regions are a map there."""
    given = {key: value for key, value in properties.items() if key not in ("ArtifactStores", "Tags")} | {"Name": name}
    shape = moto_services.model(codepipeline.SERVICE).operation_model("CreatePipeline").input_shape
    made: Record = Members(shape, given, "Pipeline").values["pipeline"]
    for one in properties.get("ArtifactStores") or []:
        store = one["ArtifactStore"]
        key = {"encryptionKey": {"id": store["EncryptionKey"]["Id"], "type": "KMS"}} if "EncryptionKey" in store else {}
        made.setdefault("artifactStores", {})[one["Region"]] = {"type": "S3", "location": store["Location"], **key}
    return made


def _disable(of: pipelines.Pipeline, properties: Mapping[str, Any]) -> None:
    given = properties.get("DisableInboundStageTransitions") or []
    of.disabled = {one["StageName"]: {"disabledReason": one["Reason"]} for one in given}


def _create_pipeline(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    name = properties.get("Name") or provisioners._physical_name(stack, logical_id)
    tags = {one["Key"]: one["Value"] for one in properties.get("Tags") or []}
    try:
        made = pipelines.create(_declaration(properties, name), tags)
    except Fault as fault:
        raise _failed(fault, "AWSCodePipeline") from fault
    _disable(made, properties)
    engine.start(made, "CreatePipeline", "cloudformation.amazonaws.com")
    return name, {"Version": "1"}


def _update_pipeline(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    try:
        changed = pipelines.update(_declaration(new, physical_id))
    except Fault as fault:
        raise _failed(fault, "AWSCodePipeline") from fault
    _disable(changed, new)
    if str(new.get("RestartExecutionOnUpdate", "false")).lower() == "true":
        engine.start(changed, "UpdatePipeline", "cloudformation.amazonaws.com")
    return physical_id, {"Version": str(changed.declaration["version"])}


def _delete_pipeline(physical_id: str, properties: dict[str, Any]) -> None:
    codepipeline.delete(physical_id)


def _whole(handler: dict[str, Any]) -> dict[str, Any]:
    """The provisioner of projects, with what MiniStack's does not keep."""
    create: Callable[..., Provisioned] = handler["create"]
    update: Callable[..., Provisioned] = handler["update"]

    def kept(provisioned: Provisioned, properties: Mapping[str, Any]) -> Provisioned:
        project = codebuild._projects[provisioned[0]]
        for name, key in (("LogsConfig", "logsConfig"), ("Cache", "cache"), ("VpcConfig", "vpcConfig")):
            project[key] = provisioners._codebuild_cfn_to_api(properties.get(name) or {})
        logs = project["logsConfig"].get("cloudWatchLogs")
        if logs is not None:
            project["logsConfig"] = {"cloudWatchLogs": logs}
        project["encryptionKey"] = properties.get("EncryptionKey") or project["encryptionKey"]
        return provisioned

    return {
        **handler,
        "create": lambda logical_id, properties, *rest: kept(create(logical_id, properties, *rest), properties),
        "update": lambda physical_id, old, new, *rest: kept(update(physical_id, old, new, *rest), new),
    }
