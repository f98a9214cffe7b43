"""Custom resources: asked again after a crash, continued in another invocation, failed with a reason, cleared up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sandbox.operations import told
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed

FAR = "us-west-2"
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
ANSWER = """
import json, urllib.request
def answer(event, status="SUCCESS", id="it", **data):
    said = {"Status": status, "PhysicalResourceId": id, "Reason": "so it is", "Data": data, **{
        name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(said).encode(), method="PUT")
    urllib.request.urlopen(request)
"""
ANSWERS = f"{ANSWER}\ndef handler(event, context):\n    answer(event)\n"
RAISES = f"""{ANSWER}
def handler(event, context):
    if event["RequestType"] == "Create":
        print("tried")
        raise LookupError("no such thing")
    print("deleted", event["PhysicalResourceId"])
    answer(event)
"""
REFUSES = f"""{ANSWER}
def handler(event, context):
    print(event["RequestType"], event.get("PhysicalResourceId"))
    answer(event, "FAILED" if event["RequestType"] == "Create" else "SUCCESS", "half")
"""
NOTES = f"""{ANSWER}
import boto3
ssm = boto3.client("ssm")
def handler(event, context):
    if event["RequestType"] == "Create":
        notes = ssm.describe_parameters()["Parameters"]
        ssm.put_parameter(Name=f"/attempt-{{len(notes)}}", Value="here", Type="String")
    else:
        for note in ssm.describe_parameters()["Parameters"]:
            ssm.delete_parameter(Name=note["Name"])
    answer(event)
"""
GOES_ON = f"""{ANSWER}
import boto3
def handler(event, context):
    turn = event.get("Turn", 1)
    if event["RequestType"] == "Delete" or turn == 4:
        return answer(event, Turns=str(turn))
    payload = json.dumps(event | {{"Turn": turn + 1}})
    boto3.client("lambda").invoke(
        FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=payload)
"""
GOES_ON_AND_FAILS = GOES_ON.replace("turn == 4", "turn == 4 and 1 / 0")


def template(code: str, *actions: str) -> dict[str, Any]:
    function = {
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Code": {"ZipFile": code},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Timeout": 10,
    }
    allowed = {"Effect": "Allow", "Action": list(actions) or "none:None", "Resource": "*"}
    role = {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "Do", "PolicyDocument": {"Statement": [allowed]}}],
    }
    custom = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Custom": {"Type": "Custom::Thing", "Properties": custom},
        }
    }


def crashes(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told(run, "/_sandbox/lambda/crashes", {})["crashes"]
    return found


def printed(run: Run, stack: str) -> str:
    """What the functions of a stack printed, also when it is gone."""
    logs = run.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{stack}-")["logGroups"]
    events = [one for group in groups for one in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]]
    return "\n".join(one["message"] for one in events)


@contextmanager
def crashing(run: Run, function: str, **how: Any) -> Iterator[None]:
    told(run, "/_sandbox/lambda/crash", {"function": function, **how})
    try:
        yield
    finally:
        told(run, "/_sandbox/lambda/crash", {"function": function, **how, "times": 0})


def test_one_that_answers_over_tls_is_created(run: Run) -> None:
    with deployed(run, "Answers", template(ANSWERS)):
        assert run.resource("Answers", "Custom::Thing") == "it"


def test_one_whose_function_raises_is_tried_three_times_and_fails_with_what_it_said(run: Run) -> None:
    with pytest.raises(Broken, match=r"gave no answer.*no such thing"), deployed(run, "Raises", template(RAISES)):
        pass
    assert printed(run, "Raises").count("tried") == 3
    assert "deleted Raises-Custom-" in printed(run, "Raises")


def test_what_failed_to_be_created_is_deleted_under_the_id_that_it_answered_with(run: Run) -> None:
    with pytest.raises(Broken, match="so it is"), deployed(run, "Refuses", template(REFUSES)):
        pass
    said = printed(run, "Refuses")
    assert "Create None" in said
    assert said.count("Delete half") == 1


def test_what_was_made_before_something_failed_is_retained_only_if_the_template_says_so(run: Run) -> None:
    once, ever = (template(REFUSES), template(REFUSES))
    for made, policy in ((once, "RetainExceptOnCreate"), (ever, "Retain")):
        made["Resources"]["Custom"]["DependsOn"] = "Kept"
        made["Resources"]["Custom"]["DeletionPolicy"] = policy
        made["Resources"]["Kept"] = {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": policy,
            "Properties": {"QueueName": f"kept-{policy}"},
        }
    for name, made in (("Once", once), ("Ever", ever)):
        with pytest.raises(Broken, match="so it is"), deployed(run, name, made):
            pass
    assert printed(run, "Once").count("Delete half") == 1
    sqs = run.client("sqs")
    (left,) = sqs.list_queues(QueueNamePrefix="kept-")["QueueUrls"]
    assert left.endswith("/kept-Retain")
    sqs.delete_queue(QueueUrl=left)


def test_a_function_that_dies_after_a_call_is_tried_again_and_finds_what_it_did(run: Run) -> None:
    before = len(crashes(run))
    with (
        crashing(run, "Dies-Function", call="ssm:PutParameter"),
        deployed(run, "Dies", template(NOTES, "ssm:*")),
    ):
        (crash,) = crashes(run)[before:]
        assert (crash["region"], crash["call"]) == ("us-east-1", "ssm:PutParameter")
        notes = run.client("ssm").describe_parameters()["Parameters"]
        assert [note["Name"] for note in notes] == ["/attempt-0", "/attempt-1"]


def test_a_function_that_dies_each_time_fails(run: Run) -> None:
    with (
        pytest.raises(Broken, match=r"gave no answer.*Runtime exited"),
        crashing(run, "DiesOften-Function", after=1, times=3),
        deployed(run, "DiesOften", template(NOTES, "ssm:*")),
    ):
        pass


def test_a_crash_is_of_one_region_and_can_be_called_off(run: Run) -> None:
    before = crashes(run)
    with crashing(run, "Lives-Function", region=FAR):
        told(run, "/_sandbox/lambda/crash", {"function": "Lives-Function"})
        told(run, "/_sandbox/lambda/crash", {"function": "Lives-Function", "times": 0})
        with deployed(run, "Lives", template(NOTES, "ssm:*")):
            pass
    assert crashes(run) == before
    with pytest.raises(Broken, match="a part of a function's name"):
        told(run, "/_sandbox/lambda/crash", {})


def test_a_function_that_goes_on_in_further_invocations_answers_in_the_end(run: Run) -> None:
    own = template(GOES_ON, "lambda:InvokeFunction")
    own["Outputs"] = {"Turns": {"Value": {"Fn::GetAtt": ["Custom", "Turns"]}}}
    with deployed(run, "GoesOn", own):
        assert run.outputs("GoesOn") == {"Turns": "4"}


def test_a_function_that_goes_on_and_then_fails_for_good_is_the_failure_at_once(run: Run) -> None:
    began = time.monotonic()
    with (
        pytest.raises(Broken, match=r"gave no answer.*division by zero"),
        deployed(run, "GoesOnAndFails", template(GOES_ON_AND_FAILS, "lambda:InvokeFunction")),
    ):
        pass
    assert time.monotonic() - began < 40


def test_a_function_has_the_time_that_a_scenario_gives_it(run: Run) -> None:
    code = ANSWERS.replace("    answer(event)", "    answer(event, Left=str(context.get_remaining_time_in_millis()))")
    own = template(code)
    own["Outputs"] = {"Left": {"Value": {"Fn::GetAtt": ["Custom", "Left"]}}}
    told(run, "/_sandbox/lambda/time", {"function": "Hurries-Function", "seconds": 3})
    with deployed(run, "Hurries", own):
        assert 2000 < int(run.outputs("Hurries")["Left"]) <= 3000
        told(run, "/_sandbox/lambda/time", {"function": "Hurries-Function", "seconds": 0})
    with deployed(run, "Hurries", own):
        assert 9000 < int(run.outputs("Hurries")["Left"]) <= 10000
    with pytest.raises(Broken, match="seconds must be given"):
        told(run, "/_sandbox/lambda/time", {"function": "Hurries-Function"})


def test_a_function_goes_on_in_another_region_too(run: Run) -> None:
    own = template(GOES_ON, "lambda:InvokeFunction")
    far = Run(run.sandbox, regions={"GoesOnFar": FAR})
    with deployed(far, "GoesOnFar", own):
        assert far.resource("GoesOnFar", "Custom::Thing") == "it"
