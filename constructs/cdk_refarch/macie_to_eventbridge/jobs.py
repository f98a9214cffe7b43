"""Jobs of Macie, as its API takes them, and where their errors show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_macie as macie
from constructs import Construct

from cdk_refarch._parts.checks import is_token

from .settings import switch
from .values import BucketCriteria, ClassificationJob

JOB_LOG = "/aws/macie/classificationjobs"
"""Where Macie writes how its jobs fare:
https://docs.aws.amazon.com/macie/latest/user/discovery-jobs-monitor-cw-logs-configure.html"""

JOB_ERRORS = (
    '{{ ($.jobName = "{name}") && (($.eventType = "ACCOUNT_*")'
    ' || (($.eventType = "BUCKET_*") && ($.eventType != "BUCKET_MATCHED_THE_CRITERIA"))'
    ' || ($.eventType = "NO_BUCKETS_MATCHED_THE_CRITERIA")'
    ' || ($.eventType = "JOB_PAUSED_BY_MACIE_SERVICE_QUOTA_MET")) }}'
)
"""The log events of a job that say that something was not read. All jobs of the account have one log.
https://docs.aws.amazon.com/macie/latest/user/discovery-jobs-monitor-cw-logs-ref.html"""


def job(
    wanted: ClassificationJob,
    *,
    account: str,
    custom_data_identifiers: Mapping[str, macie.CfnCustomDataIdentifier],
    lists: Mapping[str, macie.CfnAllowList],
) -> dict[str, Any]:
    """Return a job as the API creates it, with ``schedule`` for its type and its frequency.

    Args:
        wanted: What is asked for; checked before.
        account: The account of the buckets.
        custom_data_identifiers: The created identifiers by id.
        lists: The created allow lists by id.
    """
    chosen = custom_data_identifiers if wanted.custom_data_identifiers is None else wanted.custom_data_identifiers
    allowed = lists if wanted.allow_lists is None else wanted.allow_lists
    found: dict[str, Any] = {
        "name": wanted.id,
        "description": wanted.description,
        "schedule": None if wanted.schedule is None else str(wanted.schedule),
        "initialRun": switch(wanted.initial_run or None, "true", "false"),
        "samplingPercentage": wanted.sampling_percentage,
        "managedDataIdentifierSelector": wanted.managed_data_identifiers,
        # In order, because another order would be another job, which reads all again.
        "customDataIdentifierIds": [custom_data_identifiers[id].attr_id for id in sorted(chosen)] or None,
        "allowListIds": [lists[id].attr_id for id in sorted(allowed)] or None,
        "s3JobDefinition": _definition(wanted, account),
    }
    return {name: value for name, value in found.items() if value is not None}


def job_statements(scope: Construct) -> list[iam.PolicyStatement]:
    """Return what it takes to create jobs, and to have a log group for them.

    Args:
        scope: Any construct of the stack.
    """
    return [
        iam.PolicyStatement(actions=["macie2:CreateClassificationJob"], resources=[any_job(scope)]),
        iam.PolicyStatement(actions=["logs:CreateLogGroup", "logs:PutRetentionPolicy"], resources=job_log(scope)),
    ]


def job_log(scope: Construct) -> list[str]:
    """Return the ARN of the log group of jobs, in the two forms that policies know.

    Args:
        scope: Any construct of the stack.
    """
    stack = cdk.Stack.of(scope)
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{JOB_LOG}"
    return [arn, f"{arn}:*"]


def any_job(scope: Construct) -> str:
    """Return the ARN of all jobs of the account and region.

    Args:
        scope: Any construct of the stack.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:macie2:{stack.region}:{stack.account}:classification-job/*"


def _definition(wanted: ClassificationJob, account: str) -> dict[str, Any]:
    definition: dict[str, Any] = {}
    if wanted.bucket_criteria is None:
        definition["bucketDefinitions"] = [{"accountId": account, "buckets": _ordered(wanted.buckets)}]
    else:
        definition["bucketCriteria"] = _criteria(wanted.bucket_criteria, account)
    if wanted.object_prefixes:
        term = {"comparator": "STARTS_WITH", "key": "OBJECT_KEY", "values": _ordered(wanted.object_prefixes)}
        definition["scoping"] = {"includes": {"and": [{"simpleScopeTerm": term}]}}
    return definition


def _criteria(wanted: BucketCriteria, account: str) -> dict[str, Any]:
    includes = [_simple("ACCOUNT_ID", _ordered(wanted.accounts) or [account])]
    if wanted.access:
        includes.append(_simple("S3_BUCKET_EFFECTIVE_PERMISSION", _ordered(wanted.access)))
    if wanted.shared:
        includes.append(_simple("S3_BUCKET_SHARED_ACCESS", _ordered(wanted.shared)))
    includes += _tags(wanted.tags)
    excludes = [_simple("S3_BUCKET_NAME", _ordered(wanted.excluded_buckets))] if wanted.excluded_buckets else []
    criteria = {"includes": {"and": includes}}
    return {**criteria, "excludes": {"and": excludes}} if excludes else criteria


def _ordered(given: Sequence[str]) -> list[str]:
    # Tokens stay as they were given: their own text changes with what else the app has.
    return [*sorted(one for one in given if not is_token(one)), *(one for one in given if is_token(one))]


def _simple(key: str, values: list[str]) -> dict[str, Any]:
    return {"simpleCriterion": {"comparator": "EQ", "key": key, "values": values}}


def _tags(tags: Mapping[str, str] | None) -> list[dict[str, Any]]:
    # One criterion for each tag, because a bucket meets one with several tags when it has any of them.
    return [
        {"tagCriterion": {"comparator": "EQ", "tagValues": [{"key": key, "value": value}]}}
        for key, value in sorted((tags or {}).items())
    ]
