"""Macie's custom resources: always an answer, patience with what is not there yet, and nothing lost on delete."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import URL, CloudFormation
from tests.handlers.loading import Context
from tests.handlers.macie_to_eventbridge.provider import EXPORT, JOB, LOG, NEVER_ENABLED, SETTINGS

PROVIDER = "macie"

JOB_ID = "3ce05dbb7ec5505def334104bf347abc"
JOB_PROPERTIES = {
    "name": "Nightly",
    "samplingPercentage": "50",
    "initialRun": "true",
    "managedDataIdentifierSelector": "RECOMMENDED",
    "s3JobDefinition": {"bucketDefinitions": [{"accountId": "111122223333", "buckets": ["lake"]}]},
}


def test_the_answer_is_what_cloudformation_asks_for_and_the_log_is_without_the_url(
    aws: FakeAws, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloudformation.send(SETTINGS, {}) == {
        "StackId": "stack",
        "RequestId": "request-1",
        "LogicalResourceId": "Resource",
        "PhysicalResourceId": "macie-settings",
        "Status": "SUCCESS",
        "Reason": "done",
    }
    request = cloudformation.requests[0]
    assert (request.full_url, request.get_method(), request.headers) == (URL, "PUT", {"Content-type": ""})
    assert aws.calls == []
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["type"] == SETTINGS
    assert "secret" not in line


def test_settings_that_are_given_are_made(aws: FakeAws, cloudformation: CloudFormation) -> None:
    properties = {
        "AutomatedDiscovery": "ENABLED",
        "DiscoveryMembers": "NEW",
        "ExcludedBuckets": ["b", "a", "there"],
        "PublishClassificationFindings": "true",
        "AutoEnableMembers": "false",
    }
    aws.reply("macie2", "UpdateAutomatedDiscoveryConfiguration")
    aws.reply("macie2", "ListClassificationScopes", {"classificationScopes": [{"id": "scope", "name": "x"}]})
    aws.reply("macie2", "GetClassificationScope", {"s3": {"excludes": {"bucketNames": ["there", "other"]}}})
    aws.reply("macie2", "UpdateClassificationScope")
    flags = {"publishClassificationFindings": False, "publishPolicyFindings": False}
    aws.reply("macie2", "GetFindingsPublicationConfiguration", {"securityHubConfiguration": flags})
    aws.reply("macie2", "PutFindingsPublicationConfiguration")
    aws.reply("macie2", "UpdateOrganizationConfiguration")
    assert cloudformation.send(SETTINGS, properties)["Status"] == "SUCCESS"
    assert cloudformation.given("UpdateAutomatedDiscoveryConfiguration") == [
        {"status": "ENABLED", "autoEnableOrganizationMembers": "NEW"}
    ]
    assert cloudformation.given("UpdateClassificationScope") == [
        {"id": "scope", "s3": {"excludes": {"bucketNames": ["a", "b"], "operation": "ADD"}}}
    ]
    assert cloudformation.given("PutFindingsPublicationConfiguration") == [
        {"securityHubConfiguration": {"publishClassificationFindings": True, "publishPolicyFindings": False}}
    ]
    assert cloudformation.given("UpdateOrganizationConfiguration") == [{"autoEnable": False}]
    assert aws.actions() == {
        "macie2:UpdateAutomatedDiscoveryConfiguration",
        "macie2:ListClassificationScopes",
        "macie2:GetClassificationScope",
        "macie2:UpdateClassificationScope",
        "macie2:GetFindingsPublicationConfiguration",
        "macie2:PutFindingsPublicationConfiguration",
        "macie2:UpdateOrganizationConfiguration",
    }


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"status": "ENABLED", "firstEnabledAt": datetime(2024, 1, 1, tzinfo=UTC)}, None),
        ({"status": "DISABLED"}, {"status": "ENABLED"}),
        ({"status": "DISABLED", "autoEnableOrganizationMembers": "NONE"}, {"status": "ENABLED"}),
        (
            {
                "status": "DISABLED",
                "autoEnableOrganizationMembers": "NONE",
                "firstEnabledAt": datetime(2024, 1, 1, tzinfo=UTC),
            },
            {"status": "ENABLED", "autoEnableOrganizationMembers": "NONE"},
        ),
    ],
)
def test_what_was_decided_for_members_stays_unless_it_is_given(
    aws: FakeAws, cloudformation: CloudFormation, now: dict[str, Any], told: dict[str, Any] | None
) -> None:
    aws.reply("macie2", "GetAutomatedDiscoveryConfiguration", now)
    aws.reply("macie2", "UpdateAutomatedDiscoveryConfiguration", repeat=True)
    cloudformation.send(SETTINGS, {"AutomatedDiscovery": "ENABLED"})
    assert cloudformation.given("UpdateAutomatedDiscoveryConfiguration") == ([told] if told else [])
    read, write = "macie2:GetAutomatedDiscoveryConfiguration", "macie2:UpdateAutomatedDiscoveryConfiguration"
    assert aws.actions() == ({read, write} if told else {read})


def test_buckets_that_are_excluded_no_more_are_removed_first(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "ListClassificationScopes", {"classificationScopes": [{"id": "scope"}]})
    aws.reply("macie2", "GetClassificationScope", {"s3": {"excludes": {"bucketNames": ["old", "kept", "other"]}}})
    aws.reply("macie2", "UpdateClassificationScope", repeat=True)
    old = {"ExcludedBuckets": ["old", "kept", "gone"]}
    cloudformation.send(SETTINGS, {"ExcludedBuckets": ["kept", "new"]}, "Update", OldResourceProperties=old)
    assert [given["s3"]["excludes"] for given in cloudformation.given("UpdateClassificationScope")] == [
        {"bucketNames": ["old"], "operation": "REMOVE"},
        {"bucketNames": ["new"], "operation": "ADD"},
    ]


def test_the_scope_is_waited_for(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "ListClassificationScopes", {"classificationScopes": []}, repeat=True)
    answer = cloudformation.send(SETTINGS, {"ExcludedBuckets": ["a"]}, context=Context(60, look=10))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    assert answer["Reason"] == NEVER_ENABLED
    assert cloudformation.pauses == [1, 2, 4]


LIST, GET, UPDATE = (
    "ListSensitivityInspectionTemplates",
    "GetSensitivityInspectionTemplate",
    "UpdateSensitivityInspectionTemplate",
)


def test_policy_findings_go_to_security_hub_where_macie_does_not_say(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    aws.reply("macie2", "GetFindingsPublicationConfiguration")
    aws.reply("macie2", "PutFindingsPublicationConfiguration")
    cloudformation.send(SETTINGS, {"PublishClassificationFindings": "false"})
    assert cloudformation.given("PutFindingsPublicationConfiguration") == [
        {"securityHubConfiguration": {"publishClassificationFindings": False, "publishPolicyFindings": True}}
    ]


@pytest.mark.parametrize("more", [{}, {"KeyPrefix": ""}, {"KeyPrefix": "macie/"}, {"BucketOwner": "111122223333"}])
def test_results_are_exported_to_a_bucket(aws: FakeAws, cloudformation: CloudFormation, more: dict[str, str]) -> None:
    aws.reply("macie2", "PutClassificationExportConfiguration")
    answer = cloudformation.send(EXPORT, {"BucketName": "results", "KmsKeyArn": "key", **more})
    assert answer["PhysicalResourceId"] == "macie-results-export"
    destination = {"bucketName": "results", "kmsKeyArn": "key"}
    if more.get("KeyPrefix"):
        destination["keyPrefix"] = "macie/"
    if more.get("BucketOwner"):
        destination["expectedBucketOwner"] = "111122223333"
    assert cloudformation.given("PutClassificationExportConfiguration") == [
        {"configuration": {"s3Destination": destination}}
    ]
    assert aws.actions() == {"macie2:PutClassificationExportConfiguration"}


PASSING: list[Exception] = [
    *(
        FakeError(code, "not yet")
        for code in (
            "ValidationException",
            "AccessDeniedException",
            "ResourceNotFoundException",
            "ConflictException",
            "ThrottlingException",
            "InternalServerException",
        )
    ),
    ReadTimeoutError(endpoint_url="https://macie2"),
]


def test_what_passes_is_tried_again_with_growing_pauses(aws: FakeAws, cloudformation: CloudFormation) -> None:
    for error in PASSING:
        aws.reply("macie2", "PutClassificationExportConfiguration", error)
    aws.reply("macie2", "PutClassificationExportConfiguration")
    assert cloudformation.send(EXPORT, {"BucketName": "results", "KmsKeyArn": "key"})["Status"] == "SUCCESS"
    assert cloudformation.pauses == [1, 2, 4, 8, 16, 20, 20]


@pytest.mark.parametrize(("left", "tries"), [(21, 2), (20.9, 1)])
def test_time_is_left_for_the_answer(aws: FakeAws, cloudformation: CloudFormation, left: float, tries: int) -> None:
    context = Context(left)
    error = FakeError("ValidationException", "x" * 5000)
    aws.reply("macie2", "PutClassificationExportConfiguration", error)
    if tries == 2:
        aws.reply("macie2", "PutClassificationExportConfiguration")
    answer = cloudformation.send(EXPORT, {"BucketName": "results", "KmsKeyArn": "key"}, context=context)
    assert len(aws.calls) == tries
    assert answer["Status"] == ("SUCCESS" if tries == 2 else "FAILED")
    assert len(cloudformation.requests[0].data) < 1000


def test_what_does_not_pass_fails_at_once(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "CreateClassificationJob", FakeError("ServiceQuotaExceededException", "too many", 402))
    answer = cloudformation.send(JOB, {"Job": JOB_PROPERTIES}, "Update", PhysicalResourceId=JOB_ID)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", JOB_ID)
    assert answer["Reason"].endswith("too many")
    assert cloudformation.pauses == []


@pytest.mark.parametrize(
    ("schedule", "made"),
    [
        ({}, {"jobType": "ONE_TIME"}),
        ({"schedule": "DAILY"}, {"jobType": "SCHEDULED", "scheduleFrequency": {"dailySchedule": {}}}),
        (
            {"schedule": "MONDAY"},
            {"jobType": "SCHEDULED", "scheduleFrequency": {"weeklySchedule": {"dayOfWeek": "MONDAY"}}},
        ),
        ({"schedule": "31"}, {"jobType": "SCHEDULED", "scheduleFrequency": {"monthlySchedule": {"dayOfMonth": 31}}}),
    ],
)
def test_a_job_is_made_of_text(
    aws: FakeAws, cloudformation: CloudFormation, schedule: dict[str, str], made: dict[str, Any]
) -> None:
    aws.reply("macie2", "CreateClassificationJob", {"jobId": JOB_ID})
    assert cloudformation.send(JOB, {"Job": JOB_PROPERTIES | schedule})["PhysicalResourceId"] == JOB_ID
    typed = {"samplingPercentage": 50, "initialRun": True, "clientToken": "request-1"}
    assert cloudformation.given("CreateClassificationJob") == [JOB_PROPERTIES | typed | made]
    assert aws.actions() == {"macie2:CreateClassificationJob"}


def test_a_job_needs_neither_sampling_nor_an_initial_run(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "CreateClassificationJob", {"jobId": JOB_ID}, repeat=True)
    least = {key: JOB_PROPERTIES[key] for key in ("name", "s3JobDefinition")}
    cloudformation.send(JOB, {"Job": least})
    cloudformation.send(JOB, {"Job": {**least, "schedule": "DAILY", "initialRun": "false"}})
    first, second = cloudformation.given("CreateClassificationJob")
    assert first == {**least, "jobType": "ONE_TIME", "clientToken": "request-1"}
    assert second["initialRun"] is False


def test_an_update_makes_a_new_job_only_if_the_job_changes(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "CreateClassificationJob", {"jobId": "new"})
    old = {"ServiceToken": "other", "Job": JOB_PROPERTIES}
    update: dict[str, Any] = {"action": "Update", "PhysicalResourceId": JOB_ID, "OldResourceProperties": old}
    assert cloudformation.send(JOB, {"Job": JOB_PROPERTIES}, **update)["PhysicalResourceId"] == JOB_ID
    changed = {"Job": JOB_PROPERTIES | {"name": "Other"}}
    assert cloudformation.send(JOB, changed, **update)["PhysicalResourceId"] == "new"


OVER = [
    FakeError("ValidationException", "cannot update completed job for job"),
    FakeError("ResourceNotFoundException", "no job", 404),
    FakeError("AccessDeniedException", "Macie is not enabled", 403),
]


@pytest.mark.parametrize("answers", [[{}], *([error] for error in OVER), [FakeError("ThrottlingException"), {}]])
def test_a_deleted_job_is_cancelled_unless_it_is_over(
    aws: FakeAws, cloudformation: CloudFormation, answers: list[Any]
) -> None:
    for one in answers:
        aws.reply("macie2", "UpdateClassificationJob", one)
    answer = cloudformation.send(JOB, {"Job": {}}, "Delete", PhysicalResourceId=JOB_ID)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_ID)
    assert cloudformation.given("UpdateClassificationJob")[-1] == {"jobId": JOB_ID, "jobStatus": "CANCELLED"}
    assert len(cloudformation.pauses) == len(answers) - 1
    assert aws.actions() == {"macie2:UpdateClassificationJob"}


def test_a_job_that_may_not_be_cancelled_stays(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("macie2", "UpdateClassificationJob", FakeError("AccessDeniedException", "not authorized", 403))
    answer = cloudformation.send(JOB, {"Job": {}}, "Delete", PhysicalResourceId=JOB_ID)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", JOB_ID)


@pytest.mark.parametrize(
    ("kind", "physical_id"),
    [(SETTINGS, "macie-settings"), (EXPORT, "macie-results-export"), (LOG, "/aws/x"), (JOB, "failed-create")],
)
def test_nothing_else_is_undone_on_delete(
    aws: FakeAws, cloudformation: CloudFormation, kind: str, physical_id: str
) -> None:
    answer = cloudformation.send(kind, {}, "Delete", PhysicalResourceId=physical_id)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    assert aws.calls == []


@pytest.mark.parametrize("days", [None, "180"])
def test_the_log_of_jobs_is_made_with_its_retention(
    aws: FakeAws, cloudformation: CloudFormation, days: str | None
) -> None:
    aws.reply("logs", "CreateLogGroup", FakeError("OperationAbortedException"))
    aws.reply("logs", "CreateLogGroup")
    if days:
        aws.reply("logs", "PutRetentionPolicy")
    properties = {"LogGroupName": "/aws/macie"} | ({"RetentionInDays": days} if days else {})
    assert cloudformation.send(LOG, properties)["PhysicalResourceId"] == "/aws/macie"
    expected = [{"logGroupName": "/aws/macie", "retentionInDays": 180}] if days else []
    assert cloudformation.given("PutRetentionPolicy") == expected
    assert aws.actions() == {"logs:CreateLogGroup", *(["logs:PutRetentionPolicy"] if days else [])}


def test_a_log_that_is_there_stays_as_it_is(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("logs", "CreateLogGroup", FakeError("ResourceAlreadyExistsException"))
    answer = cloudformation.send(LOG, {"LogGroupName": "/aws/macie", "RetentionInDays": "180"})
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "/aws/macie")


def test_a_type_that_nobody_knows_fails(cloudformation: CloudFormation) -> None:
    answer = cloudformation.send("Custom::MacieX", {})
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("ResourceType must be one of Custom::MacieSettings, ")


def test_a_mistake_of_the_function_is_answered_and_not_raised_so_that_lambda_does_not_do_it_again(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = cloudformation.send(EXPORT, {})
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "unexpected failure, see the log stream 2026/01/31/[$LATEST]abc"
    assert "KeyError" in capsys.readouterr().out


def test_a_request_that_boto3_refuses_is_answered_at_once(cloudformation: CloudFormation) -> None:
    answer = cloudformation.send(JOB, {"Job": {"name": "Nightly"}})
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    assert "s3JobDefinition" in answer["Reason"]
    assert cloudformation.pauses == []


def test_the_answer_is_sent_again_if_it_does_not_arrive(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation.failures = [urllib.error.URLError("down"), TimeoutError()]
    cloudformation.send(SETTINGS, {})
    assert len(cloudformation.requests) == 3
    cloudformation.failures = [urllib.error.URLError("down") for _ in range(3)]
    with pytest.raises(urllib.error.URLError):
        cloudformation.send(SETTINGS, {})
    assert cloudformation.pauses == [1, 2, 1, 2]
    assert "secret" not in capsys.readouterr().out
