"""The keys that templates give to topics, Kinesis streams and DynamoDB tables, which MiniStack drops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import dynamodb, kinesis, sns
from ministack.services.cloudformation import provisioners

Note = Callable[[str, Mapping[str, Any]], None]
"""Notes the key of something with this physical id and these properties."""


def install() -> None:
    """Put the adapter in MiniStack's place."""
    for type, note in _NOTES.items():
        handlers = provisioners._RESOURCE_HANDLERS
        handlers[type] = _noting(handlers[type], note)


def _noting(handler: dict[str, Any], note: Note) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        provisioned = handler["create"](logical_id, properties, stack)
        note(provisioned[0], properties)
        return provisioned

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        provisioned = handler["update"](physical_id, old, new, *rest)
        note(provisioned[0], new)
        return provisioned

    return {**handler, "create": create, "update": update}


def _of_stream(name: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("StreamEncryption") or {}
    stream = kinesis._streams[name]
    stream["EncryptionType"] = wanted.get("EncryptionType", "NONE")
    stream["KeyId"] = wanted.get("KeyId", "")


def _of_table(name: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("SSESpecification") or {}
    _describe(name, {"Enabled": wanted.get("SSEEnabled", False), "KMSMasterKeyId": wanted.get("KMSMasterKeyId")})


def _of_global_table(name: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("SSESpecification") or {}
    here = [one for one in properties.get("Replicas") or [] if one["Region"] == get_region()]
    keys = [one["SSESpecification"]["KMSMasterKeyId"] for one in here if one.get("SSESpecification")]
    _describe(name, {"Enabled": wanted.get("SSEEnabled", False), "KMSMasterKeyId": "".join(keys)})


def _describe(name: str, specification: Mapping[str, Any]) -> None:
    enabled = specification["Enabled"] in (True, "true")
    dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(specification) if enabled else None


def _of_topic(arn: str, properties: Mapping[str, Any]) -> None:
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = properties["KmsMasterKeyId"]


_NOTES: dict[str, Note] = {
    "AWS::DynamoDB::GlobalTable": _of_global_table,
    "AWS::DynamoDB::Table": _of_table,
    "AWS::Kinesis::Stream": _of_stream,
    "AWS::SNS::Topic": _of_topic,
}
