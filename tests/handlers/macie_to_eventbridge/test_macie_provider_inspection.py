"""Macie's custom resources: what automated discovery uses besides Macie's own identifiers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context
from tests.handlers.macie_to_eventbridge.provider import NEVER_ENABLED, SETTINGS

PROVIDER = "macie"

LIST, GET, UPDATE = (
    f"{verb}SensitivityInspectionTemplate{plural}" for verb, plural in (("List", "s"), ("Get", ""), ("Update", ""))
)
TEMPLATES = {"sensitivityInspectionTemplates": [{"id": "template", "name": "x"}]}


def template(aws: FakeAws, **given: Any) -> None:
    aws.reply("macie2", LIST, TEMPLATES)
    aws.reply("macie2", GET, {"sensitivityInspectionTemplateId": "template", "name": "x", **given})


def test_automated_discovery_uses_ours_besides_what_is_there(aws: FakeAws, cloudformation: CloudFormation) -> None:
    excludes = {"managedDataIdentifierIds": ["OPENSSH_PRIVATE_KEY"]}
    managed = {"managedDataIdentifierIds": ["UK_NINO"]}
    includes = {**managed, "customDataIdentifierIds": ["other", "there"], "allowListIds": ["others"]}
    template(aws, description="of the team", excludes=excludes, includes=includes)
    aws.reply("macie2", UPDATE)
    inspection = {"CustomDataIdentifierIds": ["there", "new"], "AllowListIds": ["list"]}
    assert cloudformation.send(SETTINGS, {"Inspection": inspection})["PhysicalResourceId"] == "macie-settings"
    assert cloudformation.given(GET) == [{"id": "template"}]
    ours = {"customDataIdentifierIds": ["new", "other", "there"], "allowListIds": ["list", "others"]}
    assert cloudformation.given(UPDATE) == [
        {"id": "template", "description": "of the team", "excludes": excludes, "includes": {**managed, **ours}}
    ]
    assert aws.actions() == {f"macie2:{operation}" for operation in (LIST, GET, UPDATE)}


@pytest.mark.parametrize(
    ("ours", "includes"),
    [
        ({"CustomDataIdentifierIds": ["a"]}, {"customDataIdentifierIds": ["a"]}),
        ({"AllowListIds": ["b", "a"]}, {"allowListIds": ["a", "b"]}),
    ],
)
def test_a_new_template_gets_only_what_is_given(
    aws: FakeAws, cloudformation: CloudFormation, ours: dict[str, list[str]], includes: dict[str, list[str]]
) -> None:
    template(aws)
    aws.reply("macie2", UPDATE)
    cloudformation.send(SETTINGS, {"Inspection": ours})
    assert cloudformation.given(UPDATE) == [{"id": "template", "includes": includes}]


def test_automated_discovery_uses_no_more_what_only_was_ours(aws: FakeAws, cloudformation: CloudFormation) -> None:
    includes = {"customDataIdentifierIds": ["old", "kept", "other"], "allowListIds": ["list"]}
    template(aws, includes=includes)
    aws.reply("macie2", UPDATE)
    old = {"Inspection": {"CustomDataIdentifierIds": ["old", "kept", "gone"], "AllowListIds": ["list"]}}
    new = {"Inspection": {"CustomDataIdentifierIds": ["kept", "new"]}}
    cloudformation.send(SETTINGS, new, "Update", OldResourceProperties=old)
    assert cloudformation.given(UPDATE) == [
        {"id": "template", "includes": {"customDataIdentifierIds": ["kept", "new", "other"], "allowListIds": []}}
    ]


@pytest.mark.parametrize("new", [{}, {"Inspection": {}}, {"Inspection": {"AllowListIds": []}}])
def test_an_update_without_inspection_takes_all_of_ours(
    aws: FakeAws, cloudformation: CloudFormation, new: dict[str, Any]
) -> None:
    template(aws, includes={"customDataIdentifierIds": ["old", "other"]})
    aws.reply("macie2", UPDATE)
    old = {"Inspection": {"CustomDataIdentifierIds": ["old"]}}
    cloudformation.send(SETTINGS, new, "Update", OldResourceProperties=old)
    assert cloudformation.given(UPDATE) == [{"id": "template", "includes": {"customDataIdentifierIds": ["other"]}}]


def test_a_template_that_has_all_is_not_updated(aws: FakeAws, cloudformation: CloudFormation) -> None:
    template(aws, includes={"customDataIdentifierIds": ["b", "a"], "allowListIds": ["list"]})
    old = {"Inspection": {"CustomDataIdentifierIds": ["a"], "AllowListIds": ["gone"]}}
    new = {"Inspection": {"CustomDataIdentifierIds": ["a", "b"], "AllowListIds": []}}
    assert cloudformation.send(SETTINGS, new, "Update", OldResourceProperties=old)["Status"] == "SUCCESS"
    assert aws.actions() == {f"macie2:{operation}" for operation in (LIST, GET)}


def test_nothing_is_asked_when_nothing_is_or_was_to_be_used(aws: FakeAws, cloudformation: CloudFormation) -> None:
    nothing: dict[str, Any] = {"Inspection": {"CustomDataIdentifierIds": [], "AllowListIds": []}}
    cloudformation.send(SETTINGS, nothing, "Update", OldResourceProperties=nothing)
    assert aws.calls == []


def test_the_template_is_waited_for(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", LIST, {"sensitivityInspectionTemplates": []})
    template(aws)
    # A new identifier is not known everywhere at once.
    aws.reply("macie2", UPDATE, FakeError("ValidationException", "no such identifier"))
    aws.reply("macie2", UPDATE)
    inspection = {"Inspection": {"AllowListIds": ["list"]}}
    assert cloudformation.send(SETTINGS, inspection)["Status"] == "SUCCESS"
    assert cloudformation.pauses == [1, 1]
    aws.reply("macie2", LIST, {"sensitivityInspectionTemplates": []}, repeat=True)
    answer = cloudformation.send(SETTINGS, inspection, context=Context(60, look=10))
    assert (answer["Status"], answer["Reason"]) == ("FAILED", NEVER_ENABLED)


@pytest.mark.parametrize("action", ["Update", "Delete"])
def test_a_template_from_which_ours_is_to_be_taken_need_not_be_there(
    aws: FakeAws, cloudformation: CloudFormation, action: str
) -> None:
    aws.reply("macie2", LIST, {"sensitivityInspectionTemplates": []})
    ours = {"Inspection": {"AllowListIds": ["list"]}}
    properties: dict[str, Any] = {} if action == "Update" else ours
    more = {"PhysicalResourceId": "macie-settings"} | ({"OldResourceProperties": ours} if action == "Update" else {})
    assert cloudformation.send(SETTINGS, properties, action, **more)["Status"] == "SUCCESS"
    assert cloudformation.pauses == []


@pytest.mark.parametrize("physical_id", ["macie-settings", "failed-create"])
def test_deleted_settings_take_ours_from_automated_discovery_and_nothing_else(
    aws: FakeAws, cloudformation: CloudFormation, physical_id: str
) -> None:
    template(aws, description="", includes={"customDataIdentifierIds": ["old", "other"]})
    aws.reply("macie2", UPDATE, FakeError("ThrottlingException"))
    aws.reply("macie2", UPDATE)
    properties = {
        "AutomatedDiscovery": "ENABLED",
        "ExcludedBuckets": ["a"],
        "Inspection": {"CustomDataIdentifierIds": ["old"], "AllowListIds": ["list"]},
    }
    answer = cloudformation.send(SETTINGS, properties, "Delete", PhysicalResourceId=physical_id)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    left = {"id": "template", "description": "", "includes": {"customDataIdentifierIds": ["other"]}}
    assert cloudformation.given(UPDATE) == [left, left]
    assert aws.actions() == {f"macie2:{operation}" for operation in (LIST, GET, UPDATE)}


@pytest.mark.parametrize("operation", [LIST, GET, UPDATE])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FakeError("AccessDeniedException", "Macie is not enabled", 403), "SUCCESS"),
        (FakeError("ResourceNotFoundException", "no template", 404), "SUCCESS"),
        (FakeError("AccessDeniedException", "not authorized", 403), "FAILED"),
        (FakeError("ValidationException", "no such identifier"), "SUCCESS"),
    ],
)
def test_only_a_template_that_is_out_of_reach_is_left_on_delete(
    aws: FakeAws, cloudformation: CloudFormation, operation: str, error: FakeError, status: str
) -> None:
    answers: dict[str, dict[str, Any]] = {LIST: TEMPLATES, GET: {"includes": {"allowListIds": ["list"]}}, UPDATE: {}}
    for step in [LIST, GET, UPDATE][: [LIST, GET, UPDATE].index(operation)]:
        aws.reply("macie2", step, answers[step])
    aws.reply("macie2", operation, error)
    ours = {"Inspection": {"AllowListIds": ["list"]}}
    answer = cloudformation.send(SETTINGS, ours, "Delete", PhysicalResourceId="macie-settings")
    assert (answer["Status"], answer["PhysicalResourceId"]) == (status, "macie-settings")
    assert cloudformation.pauses == []
