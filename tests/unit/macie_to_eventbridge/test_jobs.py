"""Jobs stay what they are, and the log that Macie writes tells what they did not read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_s3 as s3

from cdk_refarch import AllowList, BucketCriteria, ClassificationJob, CustomDataIdentifier, MacieToEventBridge
from tests.unit.macie_to_eventbridge.findings import SMALLEST
from tests.unit.templates import Template

JOB_ERRORS = (
    '{{ ($.jobName = "{name}") && (($.eventType = "ACCOUNT_*")'
    ' || (($.eventType = "BUCKET_*") && ($.eventType != "BUCKET_MATCHED_THE_CRITERIA"))'
    ' || ($.eventType = "NO_BUCKETS_MATCHED_THE_CRITERIA")'
    ' || ($.eventType = "JOB_PAUSED_BY_MACIE_SERVICE_QUOTA_MET")) }}'
)


def test_the_filter_of_the_longest_name_of_a_job_is_one_that_logs_take() -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
    assert len(JOB_ERRORS.format(name="J" * 500)) <= 1024


ERRORS = {
    **dict.fromkeys(("ACCOUNT_ACCESS_DENIED", "ACCOUNT_DISABLED", "ACCOUNT_DISASSOCIATED"), True),
    **dict.fromkeys(("ACCOUNT_ISOLATED", "ACCOUNT_REGION_DISABLED", "ACCOUNT_SUSPENDED"), True),
    **dict.fromkeys(("ACCOUNT_TERMINATED", "BUCKET_ACCESS_DENIED", "BUCKET_DETAILS_UNAVAILABLE"), True),
    **dict.fromkeys(("BUCKET_DOES_NOT_EXIST", "BUCKET_IN_DIFFERENT_REGION", "BUCKET_OWNER_CHANGED"), True),
    **dict.fromkeys(("NO_BUCKETS_MATCHED_THE_CRITERIA", "JOB_PAUSED_BY_MACIE_SERVICE_QUOTA_MET"), True),
    **dict.fromkeys(("BUCKET_MATCHED_THE_CRITERIA", "JOB_CREATED", "ONE_TIME_JOB_STARTED"), False),
    **dict.fromkeys(("SCHEDULED_RUN_STARTED", "SCHEDULED_RUN_COMPLETED", "JOB_COMPLETED"), False),
    **dict.fromkeys(("JOB_CANCELLED", "JOB_PAUSED_BY_USER", "JOB_RESUMED_BY_USER"), False),
    "JOB_RESUMED_BY_MACIE_SERVICE_QUOTA_LIFTED": False,
}
"""Event type to whether something was not read:
https://docs.aws.amazon.com/macie/latest/user/discovery-jobs-monitor-cw-logs-ref.html"""


@pytest.mark.parametrize("type", ERRORS)
def test_what_was_not_read_is_an_error_of_its_job_and_nothing_else_is(type: str) -> None:
    assert met(JOB_ERRORS.format(name="Daily"), {"jobName": "Daily", "eventType": type}) is ERRORS[type]
    assert met(JOB_ERRORS.format(name="Daily"), {"jobName": "Dailyish", "eventType": type}) is False


def met(pattern: str, event: dict[str, str]) -> bool:
    """Tell whether a filter pattern is met, by Python: || and && become or and and, and each term what it says."""

    def term(found: re.Match[str]) -> str:
        field, comparison, value = found.groups()
        return str(fnmatchcase(event[field], value) is (comparison == "="))

    python = re.sub(r'\$\.(\w+) (!?=) "([^"]*)"', term, pattern.strip("{} ")).replace("||", "or").replace("&&", "and")
    assert set(re.findall(r"\w+", python)) <= {"True", "False", "or", "and"}
    return bool(eval(python))  # noqa: S307


def test_another_order_of_a_list_is_no_other_job() -> None:
    def jobs(turn: Callable[[Iterable[Any]], Iterable[Any]]) -> list[Any]:
        def turned(*values: Any) -> list[Any]:
            return list(turn(values))

        criteria = BucketCriteria(
            accounts=turned("1" * 12, "2" * 12),
            access=turned("NOT_PUBLIC", "PUBLIC"),
            shared=turned("EXTERNAL", "INTERNAL"),
            tags=dict(turned(("Data", "Customers"), ("Stage", "prod"))),
            excluded_buckets=turned("scratch", "tmp"),
        )
        stack = cdk.Stack(cdk.App(), "Security")
        made = MacieToEventBridge(
            stack,
            "Macie",
            **SMALLEST,
            custom_data_identifiers=turned(
                CustomDataIdentifier(id="Badge", regex="BN-[0-9]{6}"),
                CustomDataIdentifier(id="Staff", regex="EMP-[0-9]{6}"),
            ),
            allow_lists=turned(AllowList(id="One", regex="x"), AllowList(id="Two", regex="y")),
            jobs=[
                ClassificationJob(id="Some", bucket_criteria=criteria, object_prefixes=turned("a/", "b/")),
                ClassificationJob(
                    id="Few",
                    buckets=turned("lake", "logs"),
                    custom_data_identifiers=turned("Badge", "Staff"),
                    allow_lists=turned("One", "Two"),
                ),
            ],
        )
        template = Template(stack)
        return [template.of(one)["Job"] for one in made.discovery.jobs.values()]

    assert jobs(list) == jobs(lambda values: reversed(list(values)))


def test_names_that_are_known_at_deployment_stay_in_the_order_given() -> None:
    # The text of a token ends in a number, and the tenth comes before the ninth.
    for before in range(12):
        stack = cdk.Stack(cdk.App(), "Security")
        for _ in range(before):
            str(cdk.Lazy.string(_Nothing()))
        lake, logs = (s3.Bucket(stack, id).bucket_name for id in ("Lake", "Logs"))
        jobs = [ClassificationJob(id="Some", buckets=[lake, "known", logs])]
        made = MacieToEventBridge(stack, "Macie", **SMALLEST, jobs=jobs)
        (definition,) = Template(stack).of(made.discovery.jobs["Some"])["Job"]["s3JobDefinition"]["bucketDefinitions"]
        assert ["known", *(stack.resolve(one) for one in (lake, logs))] == definition["buckets"]


@jsii.implements(cdk.IStableStringProducer)
class _Nothing:
    def produce(self) -> str:
        return ""
