"""How events reach targets with a role, what becomes of those that a function fails on, and which alarms tell of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sandbox.adapters import log_metrics
from sandbox.operations import body, denied, keys, waiting
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed

ALARM = "Failures"
FAILS = "def handler(event, context):\n    raise LookupError('no such thing')\n"


def get(id: str, name: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [id, name]}


def role(service: str, **statements: tuple[Any, Any]) -> dict[str, Any]:
    """A role with a policy; each statement is actions and resources."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements.values()]
    policies = [{"PolicyName": "It", "PolicyDocument": {"Version": "2012-10-17", "Statement": allowed}}]
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": document, "Policies": policies},
    }


def queue_policy(queue: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    document = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": get(queue)}]}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document}}


def rule(*targets: dict[str, Any], bus: Any = None) -> dict[str, Any]:
    properties = {"EventPattern": {"source": ["mine"]}, "Targets": list(targets)}
    return {"Type": "AWS::Events::Rule", "Properties": properties | ({"EventBusName": bus} if bus else {})}


def put(run: Run, **detail: Any) -> None:
    run.client("events").put_events(Entries=[{"Source": "mine", "DetailType": "It", "Detail": json.dumps(detail)}])


def targets() -> dict[str, Any]:
    """A rule with a state machine, a stream and another bus, each with its role, and a dead-letter queue."""
    dead = {"Arn": get("Dead")}
    state = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    bucket = {"Fn::Join": ["", [get("Bucket"), "/*"]]}
    s3 = ["s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"]
    writes = {"all": ([*s3, "s3:ListBucketMultipartUploads", "s3:PutObject"], [get("Bucket"), bucket])}
    transformed = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"n": <n>}\n'}
    destination = {"BucketARN": get("Bucket"), "RoleARN": get("Delivers")}
    machine = {"DefinitionString": json.dumps(state), "RoleArn": get("Machines")}
    names = {"Machine": "states:StartExecution", "Stream": "firehose:PutRecord", "Bus": "events:PutEvents"}
    arns = {"Machine": {"Ref": "Machine"}, "Stream": get("Stream"), "Bus": get("Bus")}
    rules = [
        {"Id": name, "Arn": arns[name], "RoleArn": get(f"{name}Role"), "DeadLetterConfig": dead}
        | ({"InputTransformer": transformed} if name == "Stream" else {})
        for name in names
    ]
    return {
        **{f"{name}Role": role("events.amazonaws.com", it=(action, arns[name])) for name, action in names.items()},
        "Machines": role("states.amazonaws.com", none=("none:None", "*")),
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Delivers": role("firehose.amazonaws.com", **writes),
        "Stream": {
            "Type": "AWS::KinesisFirehose::DeliveryStream",
            "Properties": {"ExtendedS3DestinationConfiguration": destination},
        },
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "other"}},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Last": {"Type": "AWS::SQS::Queue"},
        "DeadPolicy": queue_policy("Dead"),
        "LastPolicy": queue_policy("Last"),
        "Rule": rule(*rules),
        "Then": rule({"Id": "Queue", "Arn": get("Last")}, bus={"Ref": "Bus"}),
    }


def named(run: Run, queue: str, name: str) -> list[dict[str, Any]]:
    return [one for one in waiting(run, queue) if one["detail"] == {"n": name}]


def test_targets_with_a_role_get_events_as_far_as_the_role_may(run: Run) -> None:
    with deployed(run, "Targets", {"Resources": targets()}):
        machine = run.resource("Targets", "AWS::StepFunctions::StateMachine")
        bucket = run.resource("Targets", "AWS::S3::Bucket")
        last, dead = (run.resource("Targets", "AWS::SQS::Queue", name) for name in ("Last", "Dead"))
        put(run, n=1)
        started = run.client("stepfunctions").list_executions
        run.wait("the state machine", lambda: started(stateMachineArn=machine)["executions"])
        (event,) = run.wait("the other bus", lambda: waiting(run, last))
        assert (event["detail"], event["source"]) == ({"n": 1}, "mine")
        (key,) = run.wait("the object", lambda: keys(run, bucket, ""))
        assert json.loads(body(run, bucket, key)) == {"n": 1}
        assert waiting(run, dead) == []
        assert run.resource("Targets", "AWS::Events::Rule", "Then").startswith("other|Targets-Then")
        for name, action in (
            ("Machine", "states:StartExecution"),
            ("Stream", "firehose:PutRecord"),
            ("Bus", "events:PutEvents"),
        ):
            with denied(run, run.resource("Targets", "AWS::IAM::Role", f"{name}Role"), [action]):
                put(run, n=name)
                (event,) = run.wait(name, partial(named, run, dead, name))
                assert event["source"] == "mine"


def errors(id: str, function: Any) -> dict[str, Any]:
    """The errors of a function, as a metric of an alarm."""
    dimensions = [{"Name": "FunctionName", "Value": function}]
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": dimensions}
    return {"Id": id, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}


def failing() -> dict[str, Any]:
    """A function that fails on events, with a dead-letter queue, and an alarm on the sum of errors of two functions."""
    code = {"Handler": "index.handler", "Runtime": "python3.13", "Code": {"ZipFile": FAILS}, "Role": get("Role")}
    invoke = {
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "FunctionName": {"Ref": "Function"},
    }
    metrics = [errors("a", "unknown"), errors("b", {"Ref": "Function"})]
    alarm = {
        "AlarmName": ALARM,
        "Metrics": [{"Id": "sum", "Expression": "FILL(a, 0) + FILL(b,0)"}, *metrics],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 3,
        "TreatMissingData": "notBreaching",
    }
    return {
        "Role": role("lambda.amazonaws.com", it=("sqs:SendMessage", get("Dead"))),
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {**code, "DeadLetterConfig": {"TargetArn": get("Dead")}},
        },
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": invoke},
        "Rule": rule({"Id": "Function", "Arn": get("Function")}),
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }


def count(run: Run, name: str, metric: str) -> float:
    found = run.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in found))


def test_events_that_a_function_fails_on_are_tried_three_times_and_go_to_its_dead_letter_queue(run: Run) -> None:
    with deployed(run, "Fails", {"Resources": failing()}):
        name, dead = run.resource("Fails", "AWS::Lambda::Function"), run.resource("Fails", "AWS::SQS::Queue")
        state = run.client("cloudwatch").describe_alarms
        run.wait("the alarm's rest", lambda: state(AlarmNames=[ALARM])["MetricAlarms"][0]["StateValue"] == "OK")
        put(run, n=1)
        (event,) = run.wait("the event", lambda: waiting(run, dead))
        assert event["detail"] == {"n": 1}
        assert (count(run, name, "Invocations"), count(run, name, "Errors")) == (3, 3)
        run.wait("the alarm", lambda: state(AlarmNames=[ALARM])["MetricAlarms"][0]["StateValue"] == "ALARM")
        with denied(run, run.resource("Fails", "AWS::IAM::Role"), ["sqs:SendMessage"]):
            run.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
            run.wait("the error", lambda: count(run, name, "DeadLetterErrors") == 1)
        assert len(waiting(run, dead)) == 1
        run.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert (count(run, name, "Invocations"), count(run, name, "Errors")) == (7, 7)


def test_a_function_whose_role_may_not_send_to_its_dead_letter_queue_is_refused(run: Run) -> None:
    resources = failing()
    policy = resources["Role"]["Properties"].pop("Policies")[0]
    resources["Later"] = {"Type": "AWS::IAM::Policy", "Properties": {**policy, "Roles": [{"Ref": "Role"}]}}
    refused = pytest.raises(Broken, match="role does not have permissions to call SendMessage on SQS")
    with refused, deployed(run, "Fails", {"Resources": resources}):
        pass


def test_an_alarm_on_other_expressions_is_refused_by_name(run: Run) -> None:
    resources = failing()
    resources["Alarm"]["Properties"]["Metrics"][0]["Expression"] = "a / b"
    with (
        pytest.raises(Broken, match="a sum of metrics filled with 0"),
        deployed(run, "Fails", {"Resources": resources}),
    ):
        pass


def test_log_events_become_metrics_as_filters_say(run: Run) -> None:
    pattern = '{ $.eventType = "ACCOUNT_*" || $.eventType = "BUCKET_*" }'
    transformation = {"MetricNamespace": "Mine", "MetricName": "Failed", "MetricValue": "1"}
    filter = {"FilterPattern": pattern, "LogGroupName": {"Ref": "Group"}, "MetricTransformations": [transformation]}
    resources = {
        "Group": {"Type": "AWS::Logs::LogGroup"},
        "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": filter},
    }
    with deployed(run, "Filtered", {"Resources": resources}):
        logs, group = run.client("logs"), run.resource("Filtered", "AWS::Logs::LogGroup")
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        texts = ['{"eventType": "BUCKET_ACCESS_DENIED"}', '{"eventType": "JOB_CREATED"}', "BUCKET_ no JSON"]
        written = [{"timestamp": 1, "message": text} for text in texts]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=written)
        found = run.client("cloudwatch").get_metric_statistics(
            Namespace="Mine",
            MetricName="Failed",
            StartTime="2020-01-01T00:00:00Z",
            EndTime="2100-01-01T00:00:00Z",
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        assert sum(point["Sum"] for point in found) == 1


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("{ $.a = 1 }", {"a": 1.0}, {"a": 2}),
        ("{ $.a != x }", {"a": "y"}, {"a": "x"}),
        ("{ $.a != x }", {"a": "y"}, {}),
        ('{ ($.a >= 2 && $.b.c = true) || $.d[1] = "x y" }', {"d": [0, "x y"]}, {"a": 2, "b": {"c": False}}),
        ("{ $.a < 2 && $.a > 0 }", {"a": 1}, {"a": 2}),
        ("{ $.a IS NULL }", None, {"a": None}),
        ("{ $.a = 1 || }", None, {"a": 1}),
    ],
)
def test_patterns_of_filters(pattern: str, matching: Any, other: Any) -> None:
    test: Callable[[Any], bool] = log_metrics._compiled(pattern)
    assert matching is None or test(matching)
    assert not test(other)
