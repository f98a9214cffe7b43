"""What an update from one template to another does to each resource, as CloudFormation decides it by the schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.unit.templates import plain

Change = Literal["added", "removed", "replaced", "updated"]

ORDER: dict[str | None, int] = {None: 0, "updated": 1, "replaced": 2}

VOLATILE = {("AWS::ImageBuilder::ImagePipeline", "DeploymentId")}
"""Attributes that change when their resource is updated in place.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-imagebuilder-imagepipeline.html
"""

CONDITIONS = {"AWS::ImageBuilder::Image": lambda given: given["ImagePipelineExecutionSettings"].get("OnUpdate", False)}
"""When a change of a property that replaces its resource only sometimes does so."""


@lru_cache
def schema(kind: str) -> Mapping[str, Any]:
    """Return the schema of a type as CloudFormation's registry has it.

    Args:
        kind: The type.
    """
    found: Mapping[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return found


def changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Change]:
    """Return what happens to the resources to which something happens, by their ids without hashes.

    Args:
        before: The template that is deployed.
        now: The template that is deployed then.
    """
    old, new = before["Resources"], now["Resources"]
    found: dict[str, Any] = {name: "added" for name in new if name not in old}
    found |= {name: "removed" for name in old if name not in new}
    common = [name for name in new if name in old]
    assert all(old[name]["Type"] == new[name]["Type"] for name in common)
    while True:
        news = {name: _fate(old[name], new[name], new, found) for name in common}
        better = {name: one for name, one in news.items() if ORDER[one] > ORDER[found.get(name)]}
        if not better:
            return {plain(name): one for name, one in found.items()}
        found |= better


def _fate(old: Any, new: Any, resources: dict[str, Any], found: Mapping[str, str]) -> Change | None:
    kind = new["Type"]
    touched = {
        name
        for name in {*old.get("Properties", {}), *new.get("Properties", {})}
        if old.get("Properties", {}).get(name) != new.get("Properties", {}).get(name)
        or any(_moves(reference, resources, found) for reference in _references(new["Properties"].get(name)))
    }
    if not touched:
        return None
    document = schema(kind)
    always, sometimes = (
        {pointer.split("/")[2] for pointer in document.get(f"{which}OnlyProperties", [])}
        for which in ("create", "conditionalCreate")
    )
    if touched & always or (touched & sometimes and CONDITIONS[kind](new["Properties"])):
        return "replaced"
    return "updated" if touched - sometimes else None


def _moves(reference: tuple[str, str], resources: dict[str, Any], found: Mapping[str, str]) -> bool:
    name, attribute = reference
    if name not in resources:
        return False
    volatile = (resources[name]["Type"], attribute) in VOLATILE
    return found.get(name) == "replaced" or (volatile and found.get(name) == "updated")


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"], "Ref"
        elif "Fn::GetAtt" in value:
            name, attribute = value["Fn::GetAtt"]
            yield name, attribute
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
