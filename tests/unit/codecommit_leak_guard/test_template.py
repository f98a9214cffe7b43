"""What the template has: how pushes arrive, the functions, the record, who is told, and the alarms of each of them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch.codecommit_leak_guard.leak_scan import CODE
from tests.unit.codecommit_leak_guard import built as known
from tests.unit.codecommit_leak_guard.built import ACCOUNT, HERE, Built, built
from tests.unit.scenes import Scene
from tests.unit.templates import flat

SPACE = "cdk-refarch/CodeCommitLeakGuard"
CHANGES = ["referenceCreated", "referenceUpdated", "unreferencedMergeCommitCreated"]
PUSHES = {
    "source": ["aws.codecommit"],
    "detail-type": ["CodeCommit Repository State Change"],
    "detail": {"event": CHANGES},
}
SCENES = ("plain", "full", "dry", "told")


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, made: Built) -> Scene:
    found: Scene = getattr(made, request.param)
    return found


def arns(*names: str) -> list[str]:
    return [f"arn:aws:codecommit:{HERE}:{name}" for name in names]


def test_pushes_to_all_repositories_reach_the_machine_unless_some_are_given(made: Built) -> None:
    patterns = {name: [one["EventPattern"] for one in getattr(made, name).all("AWS::Events::Rule")] for name in SCENES}
    assert patterns == {
        "plain": [PUSHES],
        "full": [],
        "dry": [{**PUSHES, "resources": arns("shop")}],
        "told": [
            {**PUSHES, "resources": arns(*known.MANY[:10])},
            {**PUSHES, "resources": arns(*known.MANY[10:])},
        ],
    }
    assert list(made.told.made.push_route.rules) == ["Rule", "Rule2"]


def test_each_rule_hands_whole_events_to_the_machine_or_sets_them_aside(made: Built) -> None:
    for scene in (made.plain, made.dry, made.told):
        for rule in scene.all("AWS::Events::Rule"):
            assert rule["State"] == "ENABLED"
            assert rule["Targets"] == [
                {
                    "Id": "Target",
                    "Arn": "<GuardMachineStateMachine>",
                    "RoleArn": "<GuardPushesRole.Arn>",
                    "DeadLetterConfig": {"Arn": "<GuardPushesDeadLetterQueue.Arn>"},
                    "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
                }
            ]


def test_there_are_rules_or_triggers_and_never_both(made: Built) -> None:
    assert made.full.made.push_route is None
    assert made.full.made.push_triggers is not None
    for scene in (made.plain, made.dry, made.told):
        assert scene.made.push_triggers is None
        assert scene.all("Custom::CodeCommitTrigger") == []


def test_each_repository_has_a_trigger_once_it_may_call_the_function(made: Built) -> None:
    triggers = [one for one in made.full.template.json["Resources"].values() if "Trigger" in one["Type"]]
    given = [flat(one["Properties"]) for one in triggers]
    assert [one["RepositoryName"] for one in given] == ["<Shop.Name>", "lab"]
    assert {one["FunctionArn"] for one in given} == {"<GuardTriggersFunction.Arn>"}
    assert {one["ServiceToken"] for one in given} == {"<GuardTriggersProviderFunction.Arn>"}
    resources = made.full.template.json["Resources"]
    for trigger in triggers:
        (waits,) = (resources[one] for one in trigger["DependsOn"])
        assert waits["Type"] == "AWS::Lambda::Permission"
        assert (
            flat(waits["Properties"]["SourceArn"])
            .split(":")[-1]
            .startswith(flat(trigger["Properties"]["RepositoryName"]).partition(".")[0])
        )


def test_each_trigger_has_a_name_of_its_own_that_codecommit_takes(made: Built) -> None:
    # https://docs.aws.amazon.com/codecommit/latest/APIReference/API_RepositoryTrigger.html
    names = {one["Name"] for one in made.full.all("Custom::CodeCommitTrigger")}
    assert len(names) == 2
    assert all(re.fullmatch(r"cdk-refarch-[0-9a-f]{32}", one) for one in names)


FUNCTIONS = {
    "Scan": ("scan", 900, 1769),
    "Response": ("respond", 300, 256),
    "Triggers": ("start", 300, 256),
}


def parts(scene: Scene) -> list[str]:
    return ["Scan", "Response", *(["Triggers"] if scene.made.push_triggers else [])]


def test_the_functions_have_their_code_their_time_and_their_memory(scene: Scene) -> None:
    for part in parts(scene):
        module, timeout, memory = FUNCTIONS[part]
        found = scene.of(scene.named(f"{part}/Function"))
        assert (found["Handler"], found["Timeout"], found["MemorySize"]) == (f"{module}.handler", timeout, memory)
        assert (found["Runtime"], found["TracingConfig"]) == ("python3.14", {"Mode": "Active"})
        assert found["LoggingConfig"] == {"LogGroup": f"<Guard{part}Log>"}
    assert scene.of(scene.made.scan_function)["Handler"] == "scan.handler"
    assert scene.of(scene.made.response_function)["Handler"] == "respond.handler"


def test_what_lambda_calls_by_itself_has_a_queue_for_what_fails(made: Built) -> None:
    found = made.full.of(made.full.made.push_triggers.function)
    assert found["DeadLetterConfig"] == {"TargetArn": "<GuardTriggersFailedEvents.Arn>"}
    for part in ("Scan", "Response"):
        assert "DeadLetterConfig" not in made.full.of(made.full.named(f"{part}/Function"))


def test_the_functions_are_told_what_was_given_and_no_more(made: Built) -> None:
    record, roles = {"TABLE_NAME": "<GuardRecord>"}, ["<Deploy.Arn>", known.DEPLOY]
    for scene in (made.plain, made.full, made.dry, made.told):
        assert scene.variables("Scan") == record
    assert made.full.variables("Triggers") == {"STATE_MACHINE_ARN": "<GuardMachineStateMachine>"}
    nothing = {"EXEMPT_USERS": "[]", "BREAK_GLASS_TAG": "break-glass", "REVOKE_ROLES": "[]", "DRY_RUN": "false"}
    for scene in (made.plain, made.told):
        assert scene.variables("Response") == {**record, "TOPIC_ARN": "<GuardNotificationTopic>", **nothing}
    response = made.full.variables("Response")
    assert json.loads(response.pop("REVOKE_ROLES")) == roles
    assert response == {
        **record,
        "TOPIC_ARN": "<Told>",
        "DRY_RUN": "false",
        "EXEMPT_USERS": '["emergency"]',
        "BREAK_GLASS_TAG": "keep",
        "QUARANTINE_POLICY_ARN": known.QUARANTINE,
        "PRODUCT_ARN": f"arn:aws:securityhub:{HERE}:product/{ACCOUNT}/default",
    }
    dry = made.dry.variables("Response")
    assert json.loads(dry.pop("REVOKE_ROLES")) == roles
    assert (dry["DRY_RUN"], dry["TOPIC_ARN"], dry["QUARANTINE_POLICY_ARN"]) == ("true", known.TOLD, known.QUARANTINE)
    assert "PRODUCT_ARN" not in dry


def loaded(module: str, known_by_now: set[str] | None = None) -> set[str]:
    """The modules of the folder that one imports, with those that they import."""
    found = {module} if known_by_now is None else known_by_now | {module}
    for node in ast.walk(ast.parse((CODE / f"{module}.py").read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name not in found and (CODE / f"{name}.py").exists():
                found |= loaded(name, found)
    return found


@pytest.mark.parametrize("part", FUNCTIONS)
def test_a_function_has_every_variable_that_its_code_reads(made: Built, part: str) -> None:
    text = "".join((CODE / f"{name}.py").read_text() for name in loaded(FUNCTIONS[part][0]))
    needed = set(re.findall(r'environ\["([A-Z_]+)"\]', text))
    may = set(re.findall(r'environ\.get\("([A-Z_]+)"', text)) - {"AWS_REGION"}
    assert needed - {"AWS_REGION"} <= set(made.full.variables(part)) <= needed | may
    if part != "Triggers":
        assert needed - {"AWS_REGION"} <= set(made.plain.variables(part))


def test_the_record_is_encrypted_can_be_restored_and_has_the_keys_that_the_code_uses(made: Built) -> None:
    for scene, key in ((made.plain, "<GuardKey.Arn>"), (made.full, "<Given.Arn>")):
        table = scene.of(scene.made.table)
        assert table["SSESpecification"] == {"KMSMasterKeyId": key, "SSEEnabled": True, "SSEType": "KMS"}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert [(one["AttributeName"], one["KeyType"]) for one in table["KeySchema"]] == [
            ("pk", "HASH"),
            ("sk", "RANGE"),
        ]
        assert {one["AttributeType"] for one in table["AttributeDefinitions"]} == {"S"}


def test_the_topic_is_encrypted_takes_no_plain_http_and_tells_those_who_are_named(made: Built) -> None:
    for scene in (made.plain, made.told):
        topic = scene.of(scene.made.notification_topic)
        assert topic["KmsMasterKeyId"] == "<GuardKey.Arn>"
        (policy,) = scene.all("AWS::SNS::TopicPolicy")
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert made.plain.all("AWS::SNS::Subscription") == []
    told = made.told.all("AWS::SNS::Subscription")
    assert [(one["Protocol"], one["Endpoint"], one["TopicArn"]) for one in told] == [
        ("email", address, "<GuardNotificationTopic>") for address in known.MAILS
    ]


def test_a_topic_that_is_given_is_told_and_none_is_made(made: Built) -> None:
    assert made.full.template.resolve(made.full.made.notification_topic.topic_arn)["Ref"].startswith("Told")
    assert made.dry.made.notification_topic.topic_arn == known.TOLD
    assert (len(made.full.all("AWS::SNS::Topic")), len(made.dry.all("AWS::SNS::Topic"))) == (2, 0)


def test_what_is_kept_is_encrypted_and_removed_as_it_was_said(made: Built) -> None:
    for scene, key, policy, days in (
        (made.plain, "<GuardKey.Arn>", "Retain", 180),
        (made.full, "<Given.Arn>", "Delete", 7),
    ):
        groups = scene.all("AWS::Logs::LogGroup")
        assert {(one["KmsKeyId"], one["RetentionInDays"]) for one in groups} == {(key, days)}
        assert len(groups) == (5 if scene is made.full else 3)
        queues = scene.all("AWS::SQS::Queue")
        assert {(one["KmsMasterKeyId"], one["MessageRetentionPeriod"]) for one in queues} == {(key, 1209600)}
        assert len(queues) == 2
        kept = ("AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::StepFunctions::StateMachine")
        assert {one["DeletionPolicy"] for kind in kept for one in scene.template.all(kind)} == {policy}
    assert made.plain.template.resource(made.plain.made.encryption_key)["DeletionPolicy"] == "Retain"
    assert made.plain.of(made.plain.made.encryption_key)["EnableKeyRotation"] is True


MESSAGES, RUNS, CALLS = "ApproximateNumberOfMessagesVisible", "AWS/States", "AWS/Lambda"


def in_queue(name: str) -> tuple[str, str, dict[str, str], str]:
    return "AWS/SQS", MESSAGES, {"QueueName": f"<{name}.QueueName>"}, "Maximum"


ALARMS: dict[str, tuple[str, str, dict[str, str], str]] = {
    "FailedScans": in_queue("GuardMachineFailedScans"),
    **{
        f"Scans{one}": (RUNS, f"Executions{one}", {"StateMachineArn": "<GuardMachineStateMachine>"}, "Sum")
        for one in ("Failed", "TimedOut", "Aborted")
    },
    "ScanErrors": (CALLS, "Errors", {"FunctionName": "<GuardScanFunction>"}, "Sum"),
    "ResponseErrors": (CALLS, "Errors", {"FunctionName": "<GuardResponseFunction>"}, "Sum"),
}
OF_RULES = {"PushesUndelivered": in_queue("GuardPushesDeadLetterQueue")}
OF_TRIGGERS = {
    "TriggerErrors": (CALLS, "Errors", {"FunctionName": "<GuardTriggersFunction>"}, "Sum"),
    "TriggerFailed": in_queue("GuardTriggersFailedEvents"),
    "TriggerLost": (CALLS, "DeadLetterErrors", {"FunctionName": "<GuardTriggersFunction>"}, "Sum"),
}
SEEN_ELSEWHERE = {"CouldNotAct", "NotificationsFailed"}


@pytest.mark.parametrize("name", ["full", "told"])
def test_every_alarm_watches_what_its_name_says_and_tells_the_topic(made: Built, name: str) -> None:
    scene: Scene = getattr(made, name)
    watched = {**ALARMS, **(OF_TRIGGERS if name == "full" else OF_RULES)}
    others = SEEN_ELSEWHERE | (set() if name == "full" else {"PushesFailed"})
    assert set(scene.made.alarms) == {*watched, *others}
    assert len(scene.all("AWS::CloudWatch::Alarm")) == len(scene.made.alarms)
    for alarm, one in scene.made.alarms.items():
        found = scene.of(one)
        assert found["AlarmActions"] == ["<Woken>"]
        assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert (found["EvaluationPeriods"], found["TreatMissingData"]) == (1, "notBreaching")
        # What has happened, and what to do.
        assert len(re.findall(r"[.:] [A-Z]|: \w", found["AlarmDescription"])) >= 1, alarm
        if alarm in watched:
            dimensions = {one["Name"]: one["Value"] for one in found["Dimensions"]}
            assert (found["Namespace"], found["MetricName"], dimensions, found["Statistic"]) == watched[alarm]


def test_alarms_tell_nobody_unless_there_is_a_topic(made: Built) -> None:
    assert not [one for one in made.plain.made.alarms.values() if "AlarmActions" in made.plain.of(one)]


def test_what_no_rule_could_deliver_is_added_up_over_all_rules(made: Built) -> None:
    metrics = made.told.of(made.told.made.alarms["PushesFailed"])["Metrics"]
    (sum_of,) = (one for one in metrics if "Expression" in one)
    assert sum_of["Expression"] == " + ".join(
        f"FILL({what}{rule}, 0)" for rule in ("rule", "rule2") for what in ("failed", "lost")
    )
    counted = {
        (one["MetricStat"]["Metric"]["MetricName"], one["MetricStat"]["Metric"]["Dimensions"][0]["Value"])
        for one in metrics
        if "MetricStat" in one
    }
    assert counted == {
        (metric, f"<GuardPushes{rule}>")
        for metric in ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
        for rule in ("Rule", "Rule2")
    }


def test_notifications_that_reach_nobody_wake_somebody(made: Built) -> None:
    for scene, topic in ((made.plain, "<GuardNotificationTopic.TopicName>"), (made.full, "<Told.TopicName>")):
        found = scene.of(scene.made.alarms["NotificationsFailed"])
        assert (found["Namespace"], found["MetricName"]) == ("AWS/SNS", "NumberOfNotificationsFailed")
        assert (found["Dimensions"], found["Statistic"]) == ([{"Name": "TopicName", "Value": topic}], "Sum")


COUNTED = {
    "metric_leaks": ("Response", "{ $.told = 1 }", "1"),
    "metric_could_not_act": ("Response", "{ $.failed = 1 }", "1"),
    "metric_not_scanned": ("Scan", "{ $.not_scanned >= 0 }", "$.not_scanned"),
}


@pytest.mark.parametrize("method", COUNTED)
def test_a_metric_is_what_the_log_says_and_can_be_read_by_any_period(scene: Scene, method: str) -> None:
    part, pattern, value = COUNTED[method]
    metric = getattr(scene.made, method)(period=cdk.Duration.minutes(1))
    assert (metric.namespace, metric.statistic, metric.period.to_seconds()) == (SPACE, "Sum", 60)
    assert getattr(scene.made, method)().period.to_seconds() == 300
    (found,) = (
        one
        for one in scene.all("AWS::Logs::MetricFilter")
        if one["MetricTransformations"][0]["MetricName"] == metric.metric_name
    )
    (transformation,) = found["MetricTransformations"]
    assert (found["LogGroupName"], found["FilterPattern"]) == (f"<Guard{part}Log>", pattern)
    assert (transformation["MetricNamespace"], transformation["MetricValue"]) == (SPACE, value)


def test_the_alarm_on_what_stayed_usable_watches_what_the_log_says(made: Built) -> None:
    for scene in (made.plain, made.full):
        found = scene.of(scene.made.alarms["CouldNotAct"])
        assert (found["Namespace"], found["Statistic"], found["Period"]) == (SPACE, "Sum", 300)
        assert found["MetricName"] == scene.made.metric_could_not_act().metric_name


def test_no_two_metrics_and_guards_share_a_name(made: Built) -> None:
    names: list[Any] = [
        one["MetricTransformations"][0]["MetricName"]
        for name in SCENES
        for one in getattr(made, name).all("AWS::Logs::MetricFilter")
    ]
    assert len(names) == len(set(names)) == 12
