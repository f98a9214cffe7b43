"""What may not change between two versions of a template: stateful resources, their ids, what would replace them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from .intrinsics import flat

STATEFUL = frozenset(
    (
        *("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::KMS::Key", "AWS::Logs::LogGroup"),
        *("AWS::KinesisFirehose::DeliveryStream", "AWS::Kinesis::Stream", "AWS::DynamoDB::Table"),
        *("AWS::DynamoDB::GlobalTable", "AWS::Glue::Database", "AWS::Glue::Table", "AWS::SecretsManager::Secret"),
        *("AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::EFS::FileSystem", "AWS::OpenSearchService::Domain"),
        *("AWS::RedshiftServerless::Namespace", "AWS::Redshift::Cluster", "AWS::CodeCommit::Repository"),
        *("AWS::DirectoryService::MicrosoftAD", "AWS::WorkSpaces::ConnectionAlias", "AWS::Cognito::UserPool"),
        *("AWS::SES::EmailIdentity", "AWS::SES::ConfigurationSet", "AWS::SES::DedicatedIpPool"),
        *("AWS::Macie::Session", "AWS::ImageBuilder::Image", "AWS::OpenSearchServerless::Collection"),
    )
)
"""Types that hold what cannot be made again: data, keys, names that others know."""


HOLDING_DATA = STATEFUL - {
    *("AWS::SNS::Topic", "AWS::KinesisFirehose::DeliveryStream", "AWS::Kinesis::Stream"),
    *("AWS::SES::EmailIdentity", "AWS::SES::ConfigurationSet", "AWS::SES::DedicatedIpPool"),
    "AWS::WorkSpaces::ConnectionAlias",
}
"""Those of which a stack must leave something behind: the others only pass data on, or are names."""


@lru_cache
def replacing(kind: str) -> tuple[str, ...]:
    """Return the properties whose change makes CloudFormation replace a resource, as its schema says.

    Args:
        kind: The type.
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return tuple(pointer.removeprefix("/properties/") for pointer in schema.get("createOnlyProperties", []))


def losses(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield what an update from one template to another would delete, replace or stop retaining.

    Args:
        before: The template that is deployed.
        now: The template that would be deployed.
    """
    added = {name for name in now["Resources"] if name not in before["Resources"]}
    for name, old in before["Resources"].items():
        kind = old["Type"]
        if kind not in STATEFUL:
            continue
        new = now["Resources"].get(name)
        if new is None or new["Type"] != kind:
            instead = sorted(one for one in added if now["Resources"][one]["Type"] == kind)
            hint = f"; is it {' or '.join(instead)} now?" if instead else ""
            yield f"[-] {kind} {name} would be deleted: keep its id, or tell users in UPGRADING.md{hint}"
            continue
        for path in replacing(kind):
            was, is_now = _read(old, path), _read(new, path)
            if was != is_now:
                yield f"[~] {kind} {name} would be replaced: {path} was {json.dumps(was)}, is {json.dumps(is_now)}"
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if old.get(policy, "").startswith("Retain") and not new.get(policy, "").startswith("Retain"):
                change = f"{policy} was {old[policy]}, is {new.get(policy)}"
                yield f"[~] {kind} {name} would not be retained any more: {change}"


def _read(resource: dict[str, Any], path: str) -> Any:
    found: Any = resource.get("Properties", {})
    for part in path.split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return flat(found)
