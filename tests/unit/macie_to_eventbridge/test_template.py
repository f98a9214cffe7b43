"""What MacieToEventBridge makes of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import (
    AllowList,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Organization,
    Quarantine,
    ResultsExport,
    Route,
    SuppressionRule,
    TicketQueue,
)
from tests.unit.macie_to_eventbridge.findings import SMALLEST
from tests.unit.macie_to_eventbridge.test_jobs import JOB_ERRORS
from tests.unit.templates import Template

HERE = "eu-west-1:111122223333"
BADGE = CustomDataIdentifier(
    id="Badge",
    regex="BN-[0-9]{6}",
    keywords=["badge"],
    ignore_words=["test badge"],
    maximum_match_distance=20,
    description="Badges",
)
MATRICULATION = CustomDataIdentifier(id="Matriculation", regex="MA-[0-9]{6}")
JOBS = [
    ClassificationJob(
        id="Daily",
        bucket_criteria=BucketCriteria(
            accounts=["444455556666"],
            access=["PUBLIC"],
            shared=["EXTERNAL", "UNKNOWN"],
            tags={"Data": "Customers", "Stage": "prod"},
            excluded_buckets=["scratch"],
        ),
        schedule="DAILY",
        initial_run=True,
        sampling_percentage=10,
        object_prefixes=["exports/"],
        description="Every day",
    ),
    ClassificationJob(id="Weekly", bucket_criteria=BucketCriteria(), schedule="MONDAY", custom_data_identifiers=[]),
    ClassificationJob(
        id="Monthly",
        buckets=["lake", "logs"],
        schedule=31,
        custom_data_identifiers=["Matriculation"],
        allow_lists=[],
        managed_data_identifiers="NONE",
    ),
    ClassificationJob(id="Once", buckets=["lake"]),
]


class Made(NamedTuple):
    """Constructs in stacks of their own, for each has what belongs to an account once."""

    plain: MacieToEventBridge
    full: MacieToEventBridge
    live: MacieToEventBridge
    topic: sns.Topic
    key: kms.Key
    lake: s3.Bucket
    given: s3.Bucket
    bus: events.EventBus
    templates: list[Template]

    def of(self, construct: Any) -> dict[str, Any]:
        """The properties of a construct's resource."""
        found: dict[str, Any] = self.resource(construct).get("Properties", {})
        return found

    def resource(self, construct: Any) -> dict[str, Any]:
        """The whole resource of a construct, from the template of its stack."""
        names = [cdk.Stack.of(one).stack_name for one in (self.plain, self.full, self.live)]
        return self.templates[names.index(cdk.Stack.of(construct).stack_name)].resource(construct)

    def job(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.of(self.full.discovery.jobs[id])["Job"]
        return found

    def named(self, path: str, among: MacieToEventBridge | None = None) -> Any:
        """A construct inside, the full one unless told otherwise, by its path."""
        found: Any = among or self.full
        for id in path.split("/"):
            found = found.node.find_child(id)
        return found

    def value(self, value: Any) -> Any:
        return self.templates[0].resolve(value)


@pytest.fixture(scope="module")
def made() -> Made:
    app = cdk.App()
    stack, living = cdk.Stack(app, "Security"), cdk.Stack(app, "Living")
    topic, key = sns.Topic(stack, "Topic"), kms.Key(living, "Own")
    lake, bus = s3.Bucket(stack, "Lake"), events.EventBus(stack, "Bus")
    given = s3.Bucket(living, "Given")
    plain = MacieToEventBridge(cdk.Stack(app, "Plain"), "Plain")
    full = MacieToEventBridge(
        stack,
        "Full",
        session=MacieSession(
            publishing_frequency="SIX_HOURS",
            automated_discovery=True,
            excluded_buckets=["scratch"],
            security_hub=True,
            organization=Organization(auto_enable_members=False, discovery_members="NEW"),
        ),
        results_export=ResultsExport(prefix="macie/", infrequent_access_after_days=30, expire_after_days=400),
        custom_data_identifiers=[BADGE, MATRICULATION],
        allow_lists=[
            AllowList(id="TestBadges", regex="BN-000[0-9]{3}", description="Test doors"),
            AllowList(id="Words", bucket=lake, object_key="words.txt"),
        ],
        suppression_rules=[
            SuppressionRule(id="Scratch", criteria={"resourcesAffected.s3Bucket.name": ["scratch", "tmp"]}),
        ],
        jobs=JOBS,
        routes=[Route(id="Pipeline", target=lambda_function(stack))],
        notification=Notification(emails=["a@example.com", "b@example.com"], include_samples=True),
        ticket_queue=TicketQueue(),
        quarantine=Quarantine(),
        audit_bus=bus,
        reconcile=True,
        alarm_topic=topic,
        log_retention=logs.RetentionDays.ONE_YEAR,
    )
    live = MacieToEventBridge(
        living,
        "Live",
        session=MacieSession(existing=True, automated_discovery=False, security_hub=False),
        results_export=ResultsExport(bucket=given),
        quarantine=Quarantine(dry_run=False, buckets=["team-*"], tag=False, lock_days=30),
        reconcile=True,
        encryption_key=key,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    templates = [Template(cdk.Stack.of(one)) for one in (plain, full, live)]
    return Made(plain, full, live, topic, key, lake, given, bus, templates)


def lambda_function(stack: cdk.Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{HERE}:function:f")


def test_macie_is_enabled_and_stays_enabled_whatever_happens_to_the_stack(made: Made) -> None:
    session = made.resource(made.plain.discovery.session)
    assert session["Properties"] == {"Status": "ENABLED", "FindingPublishingFrequency": "FIFTEEN_MINUTES"}
    assert (session["DeletionPolicy"], session["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert made.of(made.full.discovery.session)["FindingPublishingFrequency"] == "SIX_HOURS"


def test_a_session_that_exists_is_not_enabled_again(made: Made) -> None:
    assert made.live.discovery.session is None
    assert [len(one.all("AWS::Macie::Session")) for one in made.templates] == [1, 1, 0]


def test_everything_of_macie_waits_for_the_session(made: Made) -> None:
    discovery = made.full.discovery
    waiting = [
        *discovery.custom_data_identifiers.values(),
        *discovery.allow_lists.values(),
        *discovery.suppression_rules.values(),
        *discovery.jobs.values(),
        made.named("Discovery/Settings"),
        made.named("Discovery/Export"),
    ]
    session = made.value(discovery.session.logical_id) if discovery.session else None
    assert len(waiting) == 11
    for one in waiting:
        assert session in made.resource(one)["DependsOn"], one.node.path


def test_identifiers_have_all_that_was_said(made: Made) -> None:
    found = {id: made.of(one) for id, one in made.full.discovery.custom_data_identifiers.items()}
    assert found == {
        "Badge": {
            "Name": "Badge",
            "Regex": "BN-[0-9]{6}",
            "Keywords": ["badge"],
            "IgnoreWords": ["test badge"],
            "MaximumMatchDistance": 20,
            "Description": "Badges",
        },
        "Matriculation": {"Name": "Matriculation", "Regex": "MA-[0-9]{6}"},
    }


def test_allow_lists_are_patterns_or_files_of_words(made: Made) -> None:
    found = {id: made.of(one) for id, one in made.full.discovery.allow_lists.items()}
    words = {"BucketName": made.value(made.lake.bucket_name), "ObjectKey": "words.txt"}
    assert found == {
        "TestBadges": {
            "Name": "TestBadges",
            "Description": "Test doors",
            "Criteria": {"Regex": "BN-000[0-9]{3}"},
        },
        "Words": {"Name": "Words", "Criteria": {"S3WordsList": words}},
    }


def test_suppression_rules_archive_what_meets_them(made: Made) -> None:
    assert made.of(made.full.discovery.suppression_rules["Scratch"]) == {
        "Name": "Scratch",
        "Action": "ARCHIVE",
        "FindingCriteria": {"Criterion": {"resourcesAffected.s3Bucket.name": {"eq": ["scratch", "tmp"]}}},
    }


def wanted(made: Made, path: str, among: MacieToEventBridge) -> dict[str, Any]:
    """What a custom resource asks its function for."""
    found = dict(made.of(made.named(path, among)))
    function = made.named("Discovery/Provider/Function", among)
    assert found.pop("ServiceToken") == made.value(function.function_arn)
    assert found.pop("ServiceTimeout") == "600"
    return found


def ids_of(made: Made, parts: Mapping[str, Any]) -> list[Any]:
    return [made.value(one.attr_id) for one in parts.values()]


def test_settings_say_what_was_asked_for_and_nothing_else(made: Made) -> None:
    assert wanted(made, "Discovery/Settings", made.full) == {
        "AutomatedDiscovery": "ENABLED",
        "DiscoveryMembers": "NEW",
        "ExcludedBuckets": ["scratch"],
        "Inspection": {
            "CustomDataIdentifierIds": ids_of(made, made.full.discovery.custom_data_identifiers),
            "AllowListIds": ids_of(made, made.full.discovery.allow_lists),
        },
        "PublishClassificationFindings": "true",
        "AutoEnableMembers": "false",
    }
    assert wanted(made, "Discovery/Settings", made.live) == {
        "AutomatedDiscovery": "DISABLED",
        "PublishClassificationFindings": "false",
    }
    # Where nothing was asked for, an update that dropped the last setting sees what it was.
    assert wanted(made, "Discovery/Settings", made.plain) == {}
    assert made.resource(made.named("Discovery/Settings", made.plain))["Type"] == "Custom::MacieSettings"


def test_results_go_to_the_bucket_with_the_key(made: Made) -> None:
    for one, more in ((made.plain, {}), (made.full, {"KeyPrefix": "macie/"})):
        assert one.discovery.results is not None
        assert wanted(made, "Discovery/Export", one) == {
            "BucketName": made.value(one.discovery.results.bucket.bucket_name),
            "BucketOwner": {"Ref": "AWS::AccountId"},
            "KmsKeyArn": made.value(one.encryption_key.key_arn),
            **more,
        }


def test_macie_is_told_of_the_results_when_bucket_policy_and_key_let_it_in(made: Made) -> None:
    results: Any = made.plain.discovery.results
    needed = [results.bucket, results.bucket.policy, made.plain.encryption_key, made.plain.discovery.session]
    waits = made.resource(made.named("Discovery/Export", made.plain))["DependsOn"]
    assert {made.value((one.node.default_child or one).logical_id) for one in needed} <= set(waits)


def test_results_move_and_go_as_asked(made: Made) -> None:
    assert made.full.discovery.results is not None
    _, rule = made.of(made.full.discovery.results.bucket)["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "Id": "Results",
        "Status": "Enabled",
        "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
        "ExpirationInDays": 400,
    }
    assert made.plain.discovery.results is not None
    rules = made.of(made.plain.discovery.results.bucket)["LifecycleConfiguration"]["Rules"]
    assert [one["Id"] for one in rules] == ["Leftovers"]


def test_a_given_bucket_gets_the_results_and_no_other_is_made(made: Made) -> None:
    results = made.live.discovery.results
    assert results is not None
    assert (results.bucket, results.access_log_bucket, results.node.children) == (made.given, None, [])
    # It may be another account's, of which the app cannot tell.
    assert wanted(made, "Discovery/Export", made.live) == {
        "BucketName": made.value(made.given.bucket_name),
        "KmsKeyArn": made.value(made.key.key_arn),
    }


def test_a_job_reads_buckets_that_meet_all_criteria(made: Made) -> None:
    def simple(key: str, *values: str) -> dict[str, Any]:
        return {"simpleCriterion": {"comparator": "EQ", "key": key, "values": list(values)}}

    def tag(key: str, value: str) -> dict[str, Any]:
        return {"tagCriterion": {"comparator": "EQ", "tagValues": [{"key": key, "value": value}]}}

    assert made.job("Daily")["s3JobDefinition"] == {
        "bucketCriteria": {
            "includes": {
                "and": [
                    simple("ACCOUNT_ID", "444455556666"),
                    simple("S3_BUCKET_EFFECTIVE_PERMISSION", "PUBLIC"),
                    simple("S3_BUCKET_SHARED_ACCESS", "EXTERNAL", "UNKNOWN"),
                    tag("Data", "Customers"),
                    tag("Stage", "prod"),
                ]
            },
            "excludes": {"and": [simple("S3_BUCKET_NAME", "scratch")]},
        },
        "scoping": {
            "includes": {
                "and": [{"simpleScopeTerm": {"comparator": "STARTS_WITH", "key": "OBJECT_KEY", "values": ["exports/"]}}]
            }
        },
    }
    own = {"simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID", "values": [{"Ref": "AWS::AccountId"}]}}
    assert made.job("Weekly")["s3JobDefinition"] == {"bucketCriteria": {"includes": {"and": [own]}}}


def test_a_job_reads_named_buckets_of_this_account(made: Made) -> None:
    account = {"accountId": {"Ref": "AWS::AccountId"}}
    assert made.job("Monthly")["s3JobDefinition"] == {"bucketDefinitions": [{**account, "buckets": ["lake", "logs"]}]}


def test_a_job_has_the_schedule_and_the_sample_that_it_was_given(made: Made) -> None:
    schedules = {id: made.job(id).get("schedule") for id in made.full.discovery.jobs}
    assert schedules == {"Daily": "DAILY", "Weekly": "MONDAY", "Monthly": "31", "Once": None}
    assert (made.job("Daily")["initialRun"], made.job("Daily")["samplingPercentage"]) == ("true", 10)
    assert "initialRun" not in made.job("Weekly")
    assert made.job("Weekly")["samplingPercentage"] == 100
    assert (made.job("Daily")["name"], made.job("Daily")["description"]) == ("Daily", "Every day")
    assert "description" not in made.job("Once")


def test_a_job_uses_all_identifiers_and_lists_unless_it_names_some(made: Made) -> None:
    identifiers = {id: made.value(one.attr_id) for id, one in made.full.discovery.custom_data_identifiers.items()}
    lists = ids_of(made, made.full.discovery.allow_lists)
    assert made.job("Daily")["customDataIdentifierIds"] == list(identifiers.values())
    assert made.job("Daily")["allowListIds"] == lists
    assert "customDataIdentifierIds" not in made.job("Weekly")
    assert made.job("Monthly")["customDataIdentifierIds"] == [identifiers["Matriculation"]]
    assert "allowListIds" not in made.job("Monthly")
    selectors = [made.job(id)["managedDataIdentifierSelector"] for id in ("Daily", "Monthly")]
    assert selectors == ["RECOMMENDED", "NONE"]


def test_errors_of_jobs_are_counted_from_the_log_that_macie_writes(made: Made) -> None:
    log = made.named("Discovery/JobLog")
    assert wanted(made, "Discovery/JobLog", made.full) == {
        "LogGroupName": "/aws/macie/classificationjobs",
        "RetentionInDays": "365",
    }
    alarm = made.of(made.full.alarms["JobErrors"])
    for id, job in made.full.discovery.jobs.items():
        counted = made.named(f"Discovery/JobErrors/{id}")
        properties = made.of(counted)
        assert properties["LogGroupName"] == made.value(log.ref)
        assert properties["FilterPattern"] == JOB_ERRORS.format(name=id)
        (metric,) = properties["MetricTransformations"]
        assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
        assert (metric["MetricValue"], alarm["Statistic"]) == ("1", "Sum")
        # It must be there when the job begins.
        assert made.value(counted.logical_id) in made.resource(job)["DependsOn"]


def test_jobs_are_created_one_after_the_other(made: Made) -> None:
    jobs: list[Any] = list(made.full.discovery.jobs.values())
    names = [made.value(one.node.default_child.logical_id) for one in jobs]
    for number, job in enumerate(jobs):
        waits = set(made.resource(job)["DependsOn"]) & set(names)
        assert waits == set(names[number - 1 : number] if number else []), number


def test_the_function_for_settings_exists_only_when_something_needs_it(made: Made) -> None:
    stack = cdk.Stack(cdk.App(), "Least")
    least = MacieToEventBridge(stack, "Macie", **SMALLEST)
    assert least.discovery.node.try_find_child("Provider") is None
    assert list(least.alarms) == list(least.routes) == []
    assert least.discovery.node.try_find_child("Settings") is None
    # Without settings, results and jobs, there is nothing but the key.
    resources = Template(stack).json["Resources"].values()
    assert sorted(one["Type"] for one in resources if one["Type"] != "AWS::CDK::Metadata") == ["AWS::KMS::Key"]


@pytest.mark.parametrize(
    "given",
    [
        {"session": MacieSession(existing=True, security_hub=False)},
        {"results_export": ResultsExport()},
        {"jobs": [ClassificationJob(id="Once", buckets=["lake"])]},
    ],
    ids=lambda given: "".join(given),
)
def test_whatever_needs_the_function_comes_with_settings_that_see_the_last_one_go(given: dict[str, Any]) -> None:
    stack = cdk.Stack(cdk.App(), "Some")
    MacieToEventBridge(stack, "Macie", **{**SMALLEST, **given})
    assert len(Template(stack).all("Custom::MacieSettings")) == 1


def test_nothing_that_was_not_asked_for_is_made(made: Made) -> None:
    plain = made.plain
    parts = (plain.notification_topic, plain.ticket_queue, plain.failed_tickets, plain.quarantine, plain.reconciler)
    assert parts == (None,) * 5
    assert (dict(plain.routes), dict(plain.alarms), plain.discovery.metric_job_errors) == ({}, {}, None)


def test_functions_run_on_one_runtime_with_traces_and_a_log_of_their_own(made: Made) -> None:
    for part, module, minutes in (
        ("Discovery/Provider", "macie", 5),
        ("Quarantine", "index", 15),
        ("Reconciler", "index", 5),
    ):
        properties = made.of(made.named(f"{part}/Function"))
        assert (properties["Runtime"], properties["Handler"]) == ("python3.14", f"{module}.handler")
        assert (properties["Timeout"], properties["TracingConfig"]) == (minutes * 60, {"Mode": "Active"})
        log = made.named(f"{part}/Log")
        assert properties["LoggingConfig"] == {"LogGroup": made.value(log.log_group_name)}
        assert made.of(log) == {
            "KmsKeyId": made.value(made.full.encryption_key.key_arn),
            "RetentionInDays": 365,
        }


def test_logs_are_kept_for_half_a_year_unless_the_user_chooses_otherwise(made: Made) -> None:
    assert made.of(made.named("Discovery/Provider/Log", made.plain))["RetentionInDays"] == 180


def test_data_is_retained_unless_the_user_chooses_otherwise(made: Made) -> None:
    held = ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::KMS::Key"]
    for one, policy, kinds in ((made.full, "Retain", held), (made.live, "Delete", held[:-1])):
        inside: list[Any] = [each for each in one.node.find_all() if getattr(each, "cfn_resource_type", "") in held]
        found = {(each.cfn_resource_type, made.resource(each)["DeletionPolicy"]) for each in inside}
        assert found == {(kind, policy) for kind in kinds}


def test_a_given_key_is_used_everywhere_and_none_is_made(made: Made) -> None:
    assert made.live.encryption_key is made.key
    assert made.live.node.try_find_child("Key") is None
    key = made.value(made.key.key_arn)
    encrypted = {
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::DynamoDB::Table": "SSESpecification",
    }
    inside: list[Any] = [one for one in made.live.node.find_all() if hasattr(one, "cfn_resource_type")]
    found = [str(made.of(one)[encrypted[kind]]) for one in inside if (kind := one.cfn_resource_type) in encrypted]
    assert len(found) == 7
    assert all(str(key) in one for one in found)


@pytest.mark.parametrize(
    "removed", ["jobs", "notification", "quarantine", "reconcile", "routes", "custom_data_identifiers"]
)
def test_what_holds_data_keeps_its_name_when_other_arguments_come_and_go(removed: str) -> None:
    arguments: dict[str, Any] = {
        "custom_data_identifiers": [MATRICULATION],
        "jobs": [ClassificationJob(id="Once", buckets=["lake"])],
        "routes": [Route(id="One", target=sqs.Queue.from_queue_arn(cdk.Stack(), "Q", f"arn:aws:sqs:{HERE}:q"))],
        "notification": Notification(),
        "ticket_queue": TicketQueue(),
        "quarantine": Quarantine(dry_run=False, buckets=["lake"]),
        "reconcile": True,
    }
    whole, less = (
        ids(cdk.Stack(None, "Security"), arguments),
        ids(cdk.Stack(None, "Security"), {name: value for name, value in arguments.items() if name != removed}),
    )
    assert less < whole or removed in ("jobs", "custom_data_identifiers")
    assert less <= whole


def ids(stack: cdk.Stack, arguments: dict[str, Any]) -> set[str]:
    held = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::KMS::Key")
    made = MacieToEventBridge(stack, "Macie", **arguments)
    inside: list[Any] = list(made.node.find_all())
    found = [one for one in inside if getattr(one, "cfn_resource_type", "") in (*held, "AWS::Macie::Session")]
    return {str(stack.resolve(one.logical_id)) for one in found}
