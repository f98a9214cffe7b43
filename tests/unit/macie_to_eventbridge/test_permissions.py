"""Each role and each policy admits exactly what is needed, and only services that work for this account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch import (
    ClassificationJob,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Organization,
    Quarantine,
    ResultsExport,
    Route,
    TicketQueue,
)
from tests.unit.macie_to_eventbridge.findings import ACCOUNT, REGION, SMALLEST
from tests.unit.templates import Template

ENV = cdk.Environment(account=ACCOUNT, region=REGION)
HERE = f"{REGION}:{ACCOUNT}"
PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}

Row = tuple[str, str, str]
Roles = dict[str, dict[str, Any]]


def plain(logical_id: str) -> str:
    return re.sub("[0-9A-F]{8}$", "", logical_id)


def flat(value: Any) -> Any:
    """Show references as <LogicalId.Attribute>, without the hash of the id."""
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(flat(value["Fn::Join"][1]))
    if "Fn::GetAtt" in value:
        return f"<{plain(value['Fn::GetAtt'][0])}.{value['Fn::GetAtt'][1]}>"
    if "Ref" in value:
        return PSEUDO.get(value["Ref"], f"<{plain(value['Ref'])}>")
    return {key: flat(item) for key, item in value.items()}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def rows(role: dict[str, Any]) -> Iterator[Row]:
    """The role's permissions: action, resource and condition."""
    assert "ManagedPolicyArns" not in role
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield action, flat(resource), str(flat(statement.get("Condition", "")))


def grants(resources: Any, *actions: str, when: str = "") -> set[Row]:
    return {(action, resource, when) for action in actions for resource in listed(resources)}


def via(service: str) -> str:
    return str({"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}})


def function(part: str) -> set[Row]:
    """What every function needs: its log, and traces."""
    return {
        *grants(f"<{part}Log.Arn>", "logs:CreateLogStream", "logs:PutLogEvents"),
        *grants("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }


def sending(queue: str, key: str) -> set[Row]:
    return {
        *grants(f"<{queue}.Arn>", "sqs:SendMessage"),
        *grants(f"<{key}.Arn>", "kms:Decrypt", "kms:GenerateDataKey", when=via("sqs")),
    }


@pytest.fixture(scope="module")
def made() -> cdk.Stack:
    """A stack with a construct for each thing that asks for permissions."""
    stack = cdk.Stack(cdk.App(), "Security", env=ENV)
    for name, session in SESSIONS.items():
        MacieToEventBridge(stack, name, session=session, results_export=ResultsExport(enabled=False))
    MacieToEventBridge(
        stack, "Export", session=MacieSession(existing=True), results_export=ResultsExport(prefix="macie/")
    )
    MacieToEventBridge(stack, "Jobs", **SMALLEST, jobs=[ClassificationJob(id="Once", buckets=["lake"])])
    for name, quarantine in QUARANTINES.items():
        MacieToEventBridge(stack, name, **SMALLEST, quarantine=quarantine)
    keyed = Quarantine(
        dry_run=False,
        buckets=["lake"],
        block_public_access=False,
        tag=False,
        decrypt_keys=[kms.Key.from_key_arn(stack, "LakeKey", f"arn:aws:kms:{HERE}:key/lake")],
    )
    MacieToEventBridge(stack, "Keyed", **SMALLEST, quarantine=keyed)
    MacieToEventBridge(stack, "After", **SMALLEST, reconcile=True)
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", f"arn:aws:events:{HERE}:event-bus/b")
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Fsm", f"arn:aws:states:{HERE}:stateMachine:m")
    stream = firehose.CfnDeliveryStream(stack, "Stream")
    called = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{HERE}:function:f")
    targets = {"Machine": machine, "Bus": bus, "Stream": stream, "Called": called}
    MacieToEventBridge(
        stack,
        "Ways",
        **SMALLEST,
        routes=[
            *(Route(id=id, target=target) for id, target in targets.items()),  # type: ignore[arg-type]
            Route(id="Theirs", target=sns.Topic(stack, "Theirs", master_key=kms.Key(stack, "TheirKey"))),
        ],
        notification=Notification(),
        ticket_queue=TicketQueue(),
    )
    return stack


SESSIONS = {
    "Discovers": MacieSession(automated_discovery=True),
    "Excludes": MacieSession(existing=True, excluded_buckets=["scratch"]),
    "Publishes": MacieSession(existing=True, security_hub=False),
    "Leads": MacieSession(existing=True, organization=Organization(auto_enable_members=True)),
    "Everything": MacieSession(
        automated_discovery=True,
        excluded_buckets=["scratch"],
        security_hub=True,
        organization=Organization(auto_enable_members=True, discovery_members="ALL"),
    ),
}
LAKE = {"dry_run": False, "buckets": ["lake", "team-*"]}
QUARANTINES = {
    "Dry": Quarantine(buckets=["lake"]),
    "Live": Quarantine(**LAKE),  # type: ignore[arg-type]
    "Tags": Quarantine(**LAKE, copy=False, block_public_access=False),  # type: ignore[arg-type]
    "Blocks": Quarantine(**LAKE, copy=False, tag=False),  # type: ignore[arg-type]
}


@pytest.fixture(scope="module")
def resources(made: cdk.Stack) -> dict[str, dict[str, Any]]:
    """All resources by their logical id without its hash."""
    return {plain(name): one for name, one in Template(made).json["Resources"].items()}


@pytest.fixture(scope="module")
def roles(resources: dict[str, dict[str, Any]]) -> Roles:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::IAM::Role"}


def test_there_is_no_role_beyond_those_below_and_no_policy_beside_them(
    roles: Roles, resources: dict[str, dict[str, Any]]
) -> None:
    providers = [f"{name}DiscoveryProviderFunctionRole" for name in (*SESSIONS, "Export", "Jobs")]
    quarantines = [f"{name}QuarantineFunctionRole" for name in (*QUARANTINES, "Keyed")]
    routes = [f"WaysRoutes{name}Role" for name in ("Machine", "Bus", "Stream")]
    assert sorted(roles) == sorted([*providers, *quarantines, "AfterReconcilerFunctionRole", *routes])
    assert not [name for name, one in resources.items() if one["Type"] == "AWS::IAM::Policy"]


LISTS = (
    *("macie2:GetClassificationScope", "macie2:ListClassificationScopes", "macie2:UpdateClassificationScope"),
    *(f"macie2:{one}SensitivityInspectionTemplate{s}" for one, s in (("Get", ""), ("List", "s"), ("Update", ""))),
)
DISCOVERING = ("macie2:GetAutomatedDiscoveryConfiguration", "macie2:UpdateAutomatedDiscoveryConfiguration")
PUBLISHING = ("macie2:GetFindingsPublicationConfiguration", "macie2:PutFindingsPublicationConfiguration")
LEADING = ("macie2:UpdateOrganizationConfiguration",)

# Buckets, identifiers and lists may be dropped again: every function for settings can take them off Macie's lists.
ACTIONS = {
    "Discovers": (*DISCOVERING, *LISTS),
    "Excludes": LISTS,
    "Publishes": (*PUBLISHING, *LISTS),
    "Leads": (*LEADING, *LISTS),
    "Everything": (*DISCOVERING, *LISTS, *PUBLISHING, *LEADING),
    "Export": ("macie2:PutClassificationExportConfiguration",),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_the_provider_may_do_what_was_asked_for(roles: Roles, name: str) -> None:
    expected = function(f"{name}DiscoveryProvider") | grants("*", *ACTIONS[name])
    assert set(rows(roles[f"{name}DiscoveryProviderFunctionRole"])) == expected


def test_the_provider_may_make_jobs_and_their_log(roles: Roles) -> None:
    assert set(rows(roles["JobsDiscoveryProviderFunctionRole"])) == {
        *function("JobsDiscoveryProvider"),
        *grants(
            f"arn:aws:macie2:{HERE}:classification-job/*",
            "macie2:CreateClassificationJob",
            "macie2:UpdateClassificationJob",
        ),
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
    as_itself = {"StringEquals": {"events:source": "cdk-refarch.macie", "events:detail-type": "Macie Finding"}}
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


def allowed(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a resource's policy that allow something."""
    document = resource["Properties"].get("PolicyDocument") or resource["Properties"]["KeyPolicy"]
    found = [flat(one) for one in document["Statement"] if one["Effect"] == "Allow"]
    return [
        {name: one[name] for name in ("Action", "Principal", "Resource", "Condition") if name in one} for one in found
    ]


def rules(name: str) -> list[str]:
    return [f"<WaysRoutes{name}{rule}.Arn>" for rule in ("SensitiveDataRule", "PolicyRule")]


def service(name: str) -> dict[str, str]:
    return {"Service": f"{name}.amazonaws.com"}


def test_queues_take_messages_of_their_own_rules_only(resources: dict[str, dict[str, Any]]) -> None:
    for queue, route in (("WaysRoutesMachineDeadLetterQueue", "Machine"), ("WaysTicketQueue", "Tickets")):
        assert allowed(resources[f"{queue}Policy"]) == [
            {
                "Action": "sqs:SendMessage",
                "Principal": service("events"),
                "Resource": f"<{queue}.Arn>",
                "Condition": {"ArnEquals": {"aws:SourceArn": rules(route)}},
            }
        ]


def test_the_reconciler_is_called_by_its_own_rules_only(resources: dict[str, dict[str, Any]]) -> None:
    own = [f"<AfterReconciler{rule}.Arn>" for rule in ("HeardRule", "Schedule")]
    (statement,) = allowed(resources["AfterReconcilerFailedEventsPolicy"])
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": own}}
    for rule, arn in zip(("HeardRule", "Schedule"), own, strict=True):
        assert flat(resources[f"AfterReconciler{rule}Permission"]["Properties"]) == {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "<AfterReconcilerFunction.Arn>",
            "Principal": "events.amazonaws.com",
            "SourceArn": arn,
        }


def test_a_function_is_called_by_the_rules_of_its_route_only(resources: dict[str, dict[str, Any]]) -> None:
    for rule in ("SensitiveDataRule", "PolicyRule"):
        assert flat(resources[f"WaysRoutesCalled{rule}Permission"]["Properties"]) == {
            "Action": "lambda:InvokeFunction",
            "FunctionName": f"arn:aws:lambda:{HERE}:function:f",
            "Principal": "events.amazonaws.com",
            "SourceArn": f"<WaysRoutesCalled{rule}.Arn>",
        }


def test_a_topic_admits_eventbridge_without_a_condition_that_it_never_meets(
    resources: dict[str, dict[str, Any]],
) -> None:
    for topic in ("WaysNotificationTopic", "Theirs"):
        assert allowed(resources[f"{topic}Policy"]) == [
            {"Action": "sns:Publish", "Principal": service("events"), "Resource": f"<{topic}>"}
        ]


ROOT = {
    "Action": "kms:*",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Resource": "*",
}
LOGS = {
    "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
    "Resource": "*",
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:log-group:*"}},
}
USE = {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Principal": service("events"), "Resource": "*"}
TO_QUEUES = {
    **USE,
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/*"},
    },
}
TO_TOPICS = {**USE, "Condition": {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{HERE}:*"}}}
MACIE_OF_THIS_ACCOUNT = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnLike": {
        "aws:SourceArn": [
            f"arn:aws:macie2:{HERE}:export-configuration:*",
            f"arn:aws:macie2:{HERE}:classification-job/*",
        ]
    },
}
MACIE = {
    "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
    "Principal": service("macie"),
    "Resource": "*",
    "Condition": MACIE_OF_THIS_ACCOUNT,
}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("DiscoversKey", [ROOT, LOGS]),
        ("ExportKey", [ROOT, LOGS, MACIE]),
        ("DryKey", [ROOT, LOGS, TO_QUEUES]),
        ("WaysKey", [ROOT, LOGS, TO_QUEUES, TO_TOPICS]),
        ("TheirKey", [ROOT, TO_TOPICS]),
    ],
)
def test_a_key_admits_the_services_that_use_it_and_nobody_else(
    resources: dict[str, dict[str, Any]], key: str, expected: list[dict[str, Any]]
) -> None:
    assert sorted(map(str, allowed(resources[key]))) == sorted(map(str, expected))


def test_macie_of_this_account_writes_results_under_their_prefix(resources: dict[str, dict[str, Any]]) -> None:
    bucket = "<ExportDiscoveryResultsBucket.Arn>"
    own = {"Principal": service("macie"), "Condition": MACIE_OF_THIS_ACCOUNT}
    found = allowed(resources["ExportDiscoveryResultsBucketPolicy"])
    expected = [
        {**own, "Action": "s3:GetBucketLocation", "Resource": bucket},
        {**own, "Action": "s3:PutObject", "Resource": f"{bucket}/macie/*"},
    ]
    assert found == expected


DONE = {
    "macie_provider": [
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
    "macie_provider": ("DiscoveryProvider", ["Everything", "Export", "Jobs"]),
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
