"""Macie's CloudFormation types in the sandbox are real, and fail as they do on AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed

ACCOUNT = "123456789012"
ENABLE = {"Session": {"Type": "AWS::Macie::Session", "Properties": {"FindingPublishingFrequency": "ONE_HOUR"}}}
CRITERIA = {"resourcesAffected.s3Bucket.name": {"eq": ["scratch"]}}
OWN: dict[str, dict[str, Any]] = {
    "Employee": {"Type": "AWS::Macie::CustomDataIdentifier", "Properties": {"Name": "Employee", "Regex": "E[0-9]+"}},
    "List": {"Type": "AWS::Macie::AllowList", "Properties": {"Name": "List", "Criteria": {"Regex": "E1+"}}},
    "Filter": {
        "Type": "AWS::Macie::FindingsFilter",
        "Properties": {"Name": "Filter", "Action": "ARCHIVE", "FindingCriteria": {"Criterion": CRITERIA}},
    },
}
OUTPUTS = {
    "Arn": {"Value": {"Fn::GetAtt": ["Employee", "Arn"]}},
    "Status": {"Value": {"Fn::GetAtt": ["List", "Status"]}},
}


def test_cloudformation_needs_macie_for_what_belongs_to_it_and_enables_it_once(run: Run) -> None:
    with pytest.raises(Broken, match="Macie is not enabled"), deployed(run, "NoMacie", {"Resources": OWN}):
        pass
    with deployed(run, "Macie", {"Resources": ENABLE}):
        assert run.resource("Macie", "AWS::Macie::Session") == ACCOUNT
        assert run.client("macie2").get_macie_session()["findingPublishingFrequency"] == "ONE_HOUR"
        with pytest.raises(Broken, match="already been enabled"), deployed(run, "Second", {"Resources": ENABLE}):
            pass
    with pytest.raises(ClientError, match=r"AccessDeniedException.*not enabled"):
        run.client("macie2").get_macie_session()


def test_cloudformation_makes_and_changes_what_belongs_to_macie(run: Run) -> None:
    client = run.client("macie2")
    waiting = {name: {**resource, "DependsOn": "Session"} for name, resource in OWN.items()}
    with deployed(run, "Macie", {"Resources": {**ENABLE, **waiting}, "Outputs": OUTPUTS}):
        (custom,) = client.list_custom_data_identifiers()["items"]
        assert run.resource("Macie", "AWS::Macie::CustomDataIdentifier") == custom["id"]
        assert run.outputs("Macie") == {"Arn": custom["arn"], "Status": "OK"}
        (allow,) = client.list_allow_lists()["allowLists"]
        assert run.resource("Macie", "AWS::Macie::AllowList") == allow["id"]
        id = run.resource("Macie", "AWS::Macie::FindingsFilter")
        assert client.get_findings_filter(id=id)["findingCriteria"] == {"criterion": CRITERIA}
        update(run, "Macie", {"Resources": {**ENABLE, **changed(waiting)}})
        assert [one["name"] for one in client.list_custom_data_identifiers()["items"]] == ["Employees"]
        assert client.get_custom_data_identifier(id=run.resource("Macie", "AWS::Macie::CustomDataIdentifier"))
        assert client.get_allow_list(id=allow["id"])["criteria"] == {"regex": "E2+"}


def changed(resources: dict[str, Any]) -> dict[str, Any]:
    """With another list in place, and an identifier of another name, which is another identifier."""
    found: dict[str, Any] = json.loads(json.dumps(resources))
    found["List"]["Properties"]["Criteria"]["Regex"] = "E2+"
    found["Employee"]["Properties"]["Name"] = "Employees"
    return found


def update(run: Run, stack: str, template: dict[str, Any]) -> None:
    cloudformation = run.client("cloudformation")
    cloudformation.update_stack(StackName=stack, TemplateBody=json.dumps(template))
    status = "UPDATE_COMPLETE"
    run.wait(stack, lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == status)
