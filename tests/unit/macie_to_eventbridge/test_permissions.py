"""Each role allows exactly what is needed, and only services that work for this account assume it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.unit.grants import function, grants
from tests.unit.macie_to_eventbridge.findings import ACCOUNT
from tests.unit.macie_to_eventbridge.permissions import (
    HERE,
    QUARANTINES,
    SESSIONS,
    resources,
    sending,
    via,
)
from tests.unit.templates import Row, flat, rows

Roles = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def roles() -> Roles:
    return {name: one["Properties"] for name, one in resources().items() if one["Type"] == "AWS::IAM::Role"}


def test_there_is_no_role_beyond_those_below_and_no_policy_beside_them(roles: Roles) -> None:
    providers = [f"{name}DiscoveryProviderFunctionRole" for name in (*SESSIONS, "Export", "Jobs")]
    quarantines = [f"{name}QuarantineFunctionRole" for name in (*QUARANTINES, "Keyed")]
    routes = [f"WaysRoutes{name}Role" for name in ("Machine", "Bus", "Stream")]
    assert sorted(roles) == sorted([*providers, *quarantines, "AfterReconcilerFunctionRole", *routes])
    assert not [name for name, one in resources().items() if one["Type"] == "AWS::IAM::Policy"]


LISTS = (
    *("macie2:GetClassificationScope", "macie2:ListClassificationScopes", "macie2:UpdateClassificationScope"),
    *(f"macie2:{one}SensitivityInspectionTemplate{s}" for one, s in (("Get", ""), ("List", "s"), ("Update", ""))),
)
DISCOVERING = ("macie2:GetAutomatedDiscoveryConfiguration", "macie2:UpdateAutomatedDiscoveryConfiguration")
PUBLISHING = ("macie2:GetFindingsPublicationConfiguration", "macie2:PutFindingsPublicationConfiguration")
LEADING = ("macie2:UpdateOrganizationConfiguration",)

# Buckets, identifiers, lists and jobs may be dropped again, by an update that finds the role as it will be: every
# provider can take them off Macie's lists, and cancel jobs.
ACTIONS = {
    "Discovers": (*DISCOVERING, *LISTS),
    "Excludes": LISTS,
    "Publishes": (*PUBLISHING, *LISTS),
    "Leads": (*LEADING, *LISTS),
    "Everything": (*DISCOVERING, *LISTS, *PUBLISHING, *LEADING),
    "Export": (*LISTS, "macie2:PutClassificationExportConfiguration"),
}
JOBS = f"arn:aws:macie2:{HERE}:classification-job/*"


@pytest.mark.parametrize("name", ACTIONS)
def test_the_provider_may_do_what_was_asked_for(roles: Roles, name: str) -> None:
    assert set(rows(roles[f"{name}DiscoveryProviderFunctionRole"])) == {
        *function(f"{name}DiscoveryProvider"),
        *grants("*", *ACTIONS[name]),
        *grants(JOBS, "macie2:UpdateClassificationJob"),
    }


def test_the_provider_may_make_jobs_and_their_log(roles: Roles) -> None:
    assert set(rows(roles["JobsDiscoveryProviderFunctionRole"])) == {
        *function("JobsDiscoveryProvider"),
        *grants("*", *LISTS),
        *grants(JOBS, "macie2:CreateClassificationJob", "macie2:UpdateClassificationJob"),
        *grants(
            [f"arn:aws:logs:{HERE}:log-group:/aws/macie/classificationjobs{end}" for end in ("", ":*")],
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
        ),
    }


def quarantine(name: str) -> set[Row]:
    """What a quarantine may do in any case."""
    return {*function(f"{name}Quarantine"), *sending(f"{name}QuarantineFailedFindings", f"{name}Key")}


BUCKETS = ["arn:aws:s3:::lake", "arn:aws:s3:::team-*"]
OBJECTS = [f"{one}/*" for one in BUCKETS]
TAGGING = (
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
)
BLOCKING = ("s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock")
READING = ("s3:GetObject", "s3:GetObjectVersion")
COPYING = (
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
)


def copying(name: str) -> set[Row]:
    return {
        *grants(f"<{name}QuarantineBucket.Arn>", "s3:ListBucket"),
        *grants(f"<{name}QuarantineBucket.Arn>/*", *COPYING),
        *grants(f"<{name}Key.Arn>", "kms:Decrypt", "kms:GenerateDataKey", when=via("s3")),
    }


def test_a_dry_run_may_do_nothing_to_any_bucket(roles: Roles) -> None:
    assert set(rows(roles["DryQuarantineFunctionRole"])) == quarantine("Dry")


def test_the_quarantine_may_touch_the_named_buckets_only(roles: Roles) -> None:
    assert set(rows(roles["LiveQuarantineFunctionRole"])) == {
        *quarantine("Live"),
        *grants(BUCKETS, "s3:ListBucket", *BLOCKING),
        *grants(OBJECTS, *TAGGING, *READING),
        *copying("Live"),
    }


def test_the_quarantine_may_only_do_what_is_switched_on(roles: Roles) -> None:
    assert set(rows(roles["TagsQuarantineFunctionRole"])) == {
        *quarantine("Tags"),
        *grants(BUCKETS, "s3:ListBucket"),
        *grants(OBJECTS, *TAGGING),
    }
    assert set(rows(roles["BlocksQuarantineFunctionRole"])) == {*quarantine("Blocks"), *grants(BUCKETS, *BLOCKING)}


def test_the_quarantine_reads_encrypted_objects_by_the_keys_that_were_given(roles: Roles) -> None:
    assert set(rows(roles["KeyedQuarantineFunctionRole"])) == {
        *quarantine("Keyed"),
        *grants(BUCKETS[:1], "s3:ListBucket"),
        *grants(OBJECTS[:1], *READING),
        *copying("Keyed"),
        *grants(f"arn:aws:kms:{HERE}:key/lake", "kms:Decrypt", when=via("s3")),
    }


def test_no_role_may_delete_anything_but_a_note_of_the_reconciler(roles: Roles) -> None:
    deleting = {action for role in roles.values() for action, _, _ in rows(role) if "Delete" in action or "*" in action}
    assert deleting == {"dynamodb:DeleteItem"}


def test_the_reconciler_may_compare_and_send_as_itself(roles: Roles) -> None:
    address = hashlib.sha256(b"Security/Security/After").hexdigest()[:32]
    source = f"cdk-refarch.macie.reconciled.{address}"
    as_itself = {"StringEquals": {"events:source": source, "events:detail-type": "Macie Finding"}}
    assert set(rows(roles["AfterReconcilerFunctionRole"])) == {
        *function("AfterReconciler"),
        *sending("AfterReconcilerFailedEvents", "AfterKey"),
        *grants("*", "macie2:GetFindings", "macie2:ListFindings"),
        *grants(
            "<AfterReconcilerHeard.Arn>",
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:PutItem",
        ),
        *grants("<AfterKey.Arn>", "kms:Decrypt", "kms:GenerateDataKey", when=via("dynamodb")),
        *grants(f"arn:aws:events:{HERE}:event-bus/default", "events:PutEvents", when=str(as_itself)),
    }


ROUTES = {
    "Machine": grants(f"arn:aws:states:{HERE}:stateMachine:m", "states:StartExecution"),
    "Bus": grants(f"arn:aws:events:{HERE}:event-bus/b", "events:PutEvents"),
    "Stream": grants("<Stream.Arn>", "firehose:PutRecord", "firehose:PutRecordBatch"),
}


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_may_hand_findings_to_its_target_only(roles: Roles, name: str) -> None:
    assert set(rows(roles[f"WaysRoutes{name}Role"])) == ROUTES[name]


def trust(role: dict[str, Any]) -> dict[str, Any]:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    return dict(flat(statement))


def test_only_rules_of_this_account_assume_the_roles_of_routes(roles: Roles) -> None:
    for name in ROUTES:
        assert trust(roles[f"WaysRoutes{name}Role"]) == {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/*"},
            },
        }


def test_only_lambda_assumes_the_roles_of_functions(roles: Roles) -> None:
    for name, role in roles.items():
        if name.endswith("FunctionRole"):
            assert trust(role)["Principal"] == {"Service": "lambda.amazonaws.com"}


DONE = {
    "macie": [
        *ACTIONS["Everything"],
        *ACTIONS["Export"],
        "macie2:CreateClassificationJob",
        "macie2:UpdateClassificationJob",
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
    ],
    "quarantine": [*BLOCKING, *READING, *TAGGING, "s3:PutObject"],
    "reconciler": [
        *("macie2:ListFindings", "macie2:GetFindings", "events:PutEvents"),
        *("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"),
    ],
}
"""Handler to every action that its tests saw it do, in tests/handlers/macie_to_eventbridge."""
GIVEN_TO = {
    "macie": ("DiscoveryProvider", ["Everything", "Export", "Jobs"]),
    "quarantine": ("Quarantine", ["Live"]),
    "reconciler": ("Reconciler", ["After"]),
}
BESIDE = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    *("sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"),
    # To be told 404 for an object that is not there, and to end an upload in parts that failed.
    *("s3:ListBucket", "s3:AbortMultipartUpload"),
}


@pytest.mark.parametrize("handler", DONE)
def test_a_role_allows_what_its_handler_does_and_nothing_for_nothing(roles: Roles, handler: str) -> None:
    part, names = GIVEN_TO[handler]
    found = {action for name in names for action, _, _ in rows(roles[f"{name}{part}FunctionRole"])}
    assert found - BESIDE == set(DONE[handler])
