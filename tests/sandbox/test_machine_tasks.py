"""What follows a finding in the sandbox: machines, what they set aside, alerts, counts of lines, Security Hub."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import denied, waiting
from sandbox.run import Run

from .conftest import deployed
from .test_iam_requests import allow, client, session
from .test_ses import ACCOUNT
from .test_ses_stacks import function, get, resource, role
from .test_state_machines import WHO, begun, ended

ANSWERS = """
class BusyError(Exception):
    pass
def handler(event, context):
    if event["item"] == "busy":
        raise BusyError("another one has it")
    return {"item": event["item"], "of": event["walk"]}
"""
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Again"}]
RETRY = [{"ErrorEquals": ["BusyError"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]


def definition() -> dict[str, Any]:
    """A machine that answers each item of a list, and sets those aside that fail, as an input that it takes again."""
    answer = {
        "Answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${Function}", "Payload.$": "$"},
            "ResultSelector": {"answer.$": "$.Payload"},
            "Retry": RETRY,
            "Catch": CATCH,
            "End": True,
        },
        "Again": {"Type": "Pass", "Parameters": {"items.$": "States.Array($.item)"}, "Next": "SetAside"},
        "SetAside": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": "${Queue}", "MessageBody.$": "States.JsonToString($)"},
            "ResultPath": None,
            "End": True,
        },
    }
    selector = {"item.$": "$$.Map.Item.Value", "walk.$": "$.walk"}
    each = {"ItemProcessor": {"StartAt": "Answer", "States": answer}, "ItemSelector": selector, "MaxConcurrency": 2}
    context = {"walk.$": "$$.Execution.Name", "request.$": "$$.Execution.Input", "slice": 0}
    reported = {"Variable": "$.request.detail.report", "IsPresent": True, "Next": "Failed"}
    return {
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Pass", "Parameters": context, "Next": "Each"},
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.request.detail.items",
                **each,
                "ResultPath": "$.answers",
                "Next": "End?",
            },
            "End?": {"Type": "Choice", "Choices": [reported], "Default": "Succeeded"},
            "Failed": {"Type": "Fail", "Error": "Reported", "Cause": "as asked"},
            "Succeeded": {"Type": "Succeed"},
        },
    }


def resources() -> dict[str, Any]:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    runs = role("lambda:InvokeFunction", "sqs:SendMessage", "kms:GenerateDataKey", "kms:Decrypt", service=WHO)
    target = {"Id": "Machine", "Arn": get("Machine"), "RoleArn": get("Starts")}
    return {
        "Function": function(ANSWERS, "Works"),
        "Works": role("logs:*"),
        "Runs": runs,
        "Key": resource("KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": [root]}),
        "Queue": resource("SQS::Queue", KmsMasterKeyId=get("Key")),
        "Machine": resource(
            "StepFunctions::StateMachine",
            DefinitionString=json.dumps(definition()),
            DefinitionSubstitutions={"Function": get("Function"), "Queue": {"Ref": "Queue"}},
            RoleArn=get("Runs"),
        ),
        "Starts": role("states:StartExecution", service="events.amazonaws.com", on=get("Machine")),
        "Rule": resource("Events::Rule", EventPattern={"source": ["tests"]}, Targets=[target]),
    }


def executed(run: Run, machine: str, items: list[str], **detail: Any) -> dict[str, Any]:
    return ended(run, begun(run, machine, {"detail": {"items": items, **detail}}))


def test_a_machine_answers_each_item_and_sets_aside_what_fails(run: Run) -> None:
    with deployed(run, "Tasks", {"Resources": resources()}):
        machine = run.resource("Tasks", "AWS::StepFunctions::StateMachine")
        queue, runs = run.resource("Tasks", "AWS::SQS::Queue"), run.resource("Tasks", "AWS::IAM::Role", "Runs")
        nothing = executed(run, machine, [])
        output = json.loads(nothing["output"])
        assert output == {
            "walk": nothing["name"],
            "request": {"detail": {"items": []}},
            "slice": 0,
            "answers": [],
        }
        some = executed(run, machine, ["one", "busy", "two"])
        walk = some["name"]
        first, busy, last = json.loads(some["output"])["answers"]
        assert [first, last] == [{"answer": {"item": item, "of": walk}} for item in ("one", "two")]
        assert busy == {"items": ["busy"]}
        assert waiting(run, queue) == [{"items": ["busy"]}]
        assert executed(run, machine, [], report={})["error"] == "Reported"
        for action in ("sqs:SendMessage", "kms:GenerateDataKey"):
            with denied(run, runs, [action]):
                refused = executed(run, machine, ["busy"])
            assert refused["error"] == "SQS.AmazonSQSException"
            assert f"not authorized to perform: {action}" in refused["cause"]
        with denied(run, runs, ["lambda:InvokeFunction"]):
            assert executed(run, machine, ["one"])["status"] == "SUCCEEDED"
        assert {"items": ["one"]} in waiting(run, queue)


def test_a_rule_starts_a_machine_with_its_event(run: Run) -> None:
    with deployed(run, "Started", {"Resources": resources()}):
        machine, client = run.resource("Started", "AWS::StepFunctions::StateMachine"), run.client("stepfunctions")
        entry = {"Source": "tests", "DetailType": "a test", "Detail": json.dumps({"items": ["x"]})}
        run.client("events").put_events(Entries=[entry])
        (begun,) = run.wait("it", lambda: client.list_executions(stateMachineArn=machine)["executions"])
        end = ended(run, begun["executionArn"])
        assert json.loads(end["output"])["request"]["detail-type"] == "a test"
        assert json.loads(end["output"])["answers"][0]["answer"]["item"] == "x"


def test_an_alert_has_a_text_for_each_protocol_and_queues_get_the_default(run: Run) -> None:
    sns, sqs = run.client("sns"), run.client("sqs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    take = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}
    queue = sqs.create_queue(QueueName="alerts", Attributes={"Policy": json.dumps({"Statement": [take]})})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:alerts")
    texts = {"default": json.dumps({"type": "leak"}), "email": "A key was pushed."}
    attributes = {"severity": {"DataType": "String", "StringValue": "HIGH"}}
    sns.publish(
        TopicArn=topic,
        MessageStructure="json",
        Subject="A leak",
        Message=json.dumps(texts),
        MessageAttributes=attributes,
    )
    (heard,) = run.wait("it", lambda: waiting(run, queue))
    assert json.loads(heard["Message"]) == {"type": "leak"}
    assert (heard["Subject"], heard["MessageAttributes"]["severity"]["Value"]) == ("A leak", "HIGH")
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)


def finding(**changed: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "one",
        "ProductArn": f"arn:aws:securityhub:us-east-1:{ACCOUNT}:product/{ACCOUNT}/default",
        "GeneratorId": "guard",
        "AwsAccountId": ACCOUNT,
        "CreatedAt": "2026-11-24T01:02:03Z",
        "UpdatedAt": "2026-11-24T01:02:03Z",
        "Title": "A key was pushed",
        "Description": "It is in a file.",
        "Resources": [{"Type": "Other", "Id": "x"}],
        "FindingProviderFields": {"Severity": {"Label": "HIGH"}, "Types": ["TTPs/Credential Access"]},
    } | changed


def test_findings_are_taken_where_security_hub_is_enabled_by_those_who_may(run: Run) -> None:
    hub = run.client("securityhub")
    product = finding()["ProductArn"]
    with session(run, allow("securityhub:BatchImportFindings", product)) as key:
        own = client(run, "securityhub", key).batch_import_findings
        with pytest.raises(ClientError, match="not subscribed") as refused:
            own(Findings=[finding()])
        assert refused.value.response["Error"]["Code"] == "InvalidAccessException"
        hub.enable_security_hub()
        assert own(Findings=[finding()])["SuccessCount"] == 1
        assert own(Findings=[finding(Title="Anew")])["SuccessCount"] == 1
        with pytest.raises(ClientError, match="AccessDenied"):
            client(run, "securityhub", key).get_findings()
    (found,) = hub.get_findings()["Findings"]
    assert (found["Title"], found["FindingProviderFields"]["Severity"]["Label"]) == ("Anew", "HIGH")
    wrongs: list[dict[str, Any]] = [
        {"Title": "x" * 257},
        {"CreatedAt": "yesterday"},
        {"AwsAccountId": "1"},
        {"FindingProviderFields": {}},
    ]
    for wrong in wrongs:
        answer = hub.batch_import_findings(Findings=[finding(**wrong)])
        assert (answer["FailedCount"], answer["FailedFindings"][0]["ErrorCode"]) == (1, "InvalidInput"), wrong
    with (
        session(run, allow("securityhub:*", product.replace("us-east-1", "eu-west-1"))) as key,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        client(run, "securityhub", key).batch_import_findings(Findings=[finding()])
    hub.disable_security_hub()


def test_a_filter_of_logs_counts_values_of_lines_that_have_a_number(run: Run) -> None:
    logs, cloudwatch = run.client("logs"), run.client("cloudwatch")
    logs.create_log_group(logGroupName="/refarch/filters")
    logs.create_log_stream(logGroupName="/refarch/filters", logStreamName="one")
    wanted = {"failed": ("{ $.failed = 1 }", "1"), "told": ("{ $.told = * }", "$.told")}
    for name, (pattern, value) in wanted.items():
        metric = {"metricName": name, "metricNamespace": "tests", "metricValue": value}
        logs.put_metric_filter(
            logGroupName="/refarch/filters", filterName=name, filterPattern=pattern, metricTransformations=[metric]
        )
    lines = [{"failed": 1, "told": 0}, {"failed": 0, "told": 3}, {"other": 1}, "START", {"failed": 1, "told": 2}]
    events = [
        {"timestamp": 1790000000000 + n, "message": line if isinstance(line, str) else json.dumps(line)}
        for n, line in enumerate(lines)
    ]
    logs.put_log_events(logGroupName="/refarch/filters", logStreamName="one", logEvents=events)

    def total(name: str) -> float:
        query = {"Namespace": "tests", "MetricName": name, "Period": 86400, "Statistics": ["Sum"]}
        found = cloudwatch.get_metric_statistics(StartTime=0, EndTime=2_000_000_000, **query)["Datapoints"]
        return float(sum(point["Sum"] for point in found))

    run.wait("both", lambda: (total("failed"), total("told")) == (2, 5))
    logs.delete_log_group(logGroupName="/refarch/filters")
