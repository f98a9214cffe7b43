"""Step Functions and scheduled rules in the sandbox: roles, errors by name, time, and what is counted."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import denied, told
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .test_ses import ACCOUNT
from .test_ses_stacks import function, get, permission, resource, role

REGION, FAR = "us-east-1", "us-west-2"
WHO = "states.amazonaws.com"
RAISES = """
import time
class NotReady(Exception):
    pass
class Messy(Exception):
    pass
def handler(event, context):
    print("asked for", event.get("raise"))
    if event.get("raise") == "NotReady":
        raise NotReady("two lines:\\nnot ready: yet")
    if event.get("raise") == "Messy":
        raise Messy
    time.sleep(event.get("sleep", 0))
    return {"fine": True}
"""
CALLED = "def handler(event, context):\n    print('called by', event['source'])\n"


def definition(function: str = "${Function}") -> dict[str, Any]:
    """A machine that asks a function, patient with what is not ready, and then waits for a minute."""
    return {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function, "Payload.$": "$"},
                "Retry": [{"ErrorEquals": ["NotReady"], "IntervalSeconds": 30, "MaxAttempts": 2, "BackoffRate": 1}],
                "Catch": [{"ErrorEquals": ["NotReady"], "Next": "TooLate"}],
                "Next": "Hold",
            },
            "Hold": {"Type": "Wait", "Seconds": 60, "Next": "Done"},
            "TooLate": {"Type": "Fail", "Error": "TooLate", "Cause": "never ready"},
            "Done": {"Type": "Succeed"},
        },
    }


def machine(described: dict[str, Any] | None = None, who: str = "Runs") -> dict[str, Any]:
    return resource(
        "StepFunctions::StateMachine",
        DefinitionString=json.dumps(described or definition()),
        DefinitionSubstitutions={"Function": get("Function")},
        RoleArn=get(who),
    )


def alarm(metric: str, of: str = "Machine") -> dict[str, Any]:
    return resource(
        "CloudWatch::Alarm",
        Namespace="AWS/States",
        MetricName=metric,
        Dimensions=[{"Name": "StateMachineArn", "Value": {"Ref": of}}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        TreatMissingData="notBreaching",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


def resources() -> dict[str, Any]:
    return {
        "Function": function(RAISES, "Works"),
        "Works": role("logs:*"),
        "Runs": role("lambda:InvokeFunction", service=WHO, on=get("Function")),
        "Machine": machine(),
        "Hurried": machine({"TimeoutSeconds": 1, **definition()}),
        **{name: alarm(f"Executions{name}") for name in ("Failed", "Aborted")},
        "TimedOut": alarm("ExecutionsTimedOut", "Hurried"),
    }


def begun(run: Run, machine: str, given: dict[str, Any]) -> str:
    client = run.client("stepfunctions")
    return str(client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"])


def ended(run: Run, execution: str) -> dict[str, Any]:
    client = run.client("stepfunctions")

    def end() -> dict[str, Any] | None:
        found: dict[str, Any] = client.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    return run.wait("the end of the execution", end)


def executed(run: Run, machine: str, **given: Any) -> tuple[str, str]:
    """How an execution ended: its status, and the error."""
    end = ended(run, begun(run, machine, given))
    return end["status"], end.get("error", "")


def rings(run: Run, name: str) -> bool:
    found = run.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    return any(name in one["AlarmName"] for one in found)


def test_machines_ask_their_functions_and_end_as_on_aws(run: Run) -> None:
    with deployed(run, "Machines", {"Resources": resources()}):
        own, hurried = (
            run.resource("Machines", "AWS::StepFunctions::StateMachine", name) for name in ("Machine", "Hurried")
        )
        began = time.monotonic()
        assert executed(run, own) == ("SUCCEEDED", "")
        # A minute of waiting is a fifth of a second.
        assert 30 > time.monotonic() - began > 0.2
        client = run.client("stepfunctions")
        slow = begun(run, hurried, {"sleep": 2})
        stopped = begun(run, own, {"sleep": 1, "raise": "nothing"})
        client.stop_execution(executionArn=stopped)
        assert executed(run, own, **{"raise": "NotReady"}) == ("FAILED", "TooLate")
        assert executed(run, own, **{"raise": "Messy"}) == ("FAILED", "Messy")
        asked = run.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{run.resource('Machines', 'AWS::Lambda::Function')}"
        )["events"]
        assert sum("asked for NotReady" in one["message"] for one in asked) == 3
        with denied(run, run.resource("Machines", "AWS::IAM::Role", "Runs"), ["lambda:InvokeFunction"]):
            refused = ended(run, begun(run, own, {}))
        assert refused["error"] == "Lambda.AWSLambdaException"
        assert "not authorized to perform: lambda:InvokeFunction" in refused["cause"]
        assert ended(run, slow)["status"] == "TIMED_OUT"
        for name in ("Failed", "Aborted", "TimedOut"):
            run.wait(f"the alarm {name}", partial(rings, run, f"Machines-{name}"))
        assert ended(run, stopped)["status"] == "ABORTED"


def test_a_machine_whose_role_does_not_trust_step_functions_is_refused(run: Run) -> None:
    broken = resources() | {"Machine": machine(who="Works")}
    with (
        pytest.raises(Broken, match="Neither the global service principal"),
        deployed(run, "Untrusted", {"Resources": broken}),
    ):
        pass
    iam, client = run.client("iam"), run.client("stepfunctions")
    elsewhere = {"StringEquals": {"aws:SourceArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Other"}}
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": WHO}, "Action": "sts:AssumeRole", "Condition": elsewhere}
        ]
    }
    arn = iam.create_role(RoleName="OfOther", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    wanted = {"definition": json.dumps(definition("f")), "roleArn": arn}
    with pytest.raises(ClientError, match="Neither the global service principal"):
        client.create_state_machine(name="This", **wanted)
    client.delete_state_machine(stateMachineArn=client.create_state_machine(name="Other", **wanted)["stateMachineArn"])
    iam.delete_role(RoleName="OfOther")


def test_rules_with_a_rate_call_each_second_and_others_when_told_so(run: Run) -> None:
    source = {"Fn::GetAtt": ["Rule", "Arn"]}
    resources = {
        "Called": function(CALLED, "Works"),
        "Works": role("logs:*"),
        "Rule": resource(
            "Events::Rule", ScheduleExpression="rate(1 minute)", Targets=[{"Id": "F", "Arn": get("Called")}]
        ),
        "Never": resource(
            "Events::Rule",
            Name="Never",
            ScheduleExpression="cron(0 0 1 1 ? *)",
            Targets=[{"Id": "F", "Arn": get("Called"), "Input": '{"source": "a scenario"}'}],
        ),
        "Allowed": permission("Called", "events.amazonaws.com", source),
        "AllowedToo": permission("Called", "events.amazonaws.com", get("Never")),
    }
    far = Run(run.sandbox, regions={"Rates": FAR})
    for name in ("Allowed", "AllowedToo"):
        resources[name]["Properties"].pop("SourceAccount")
    with deployed(far, "Rates", {"Resources": resources}):
        logs = far.client("logs", FAR)
        group = f"/aws/lambda/{far.resource('Rates', 'AWS::Lambda::Function')}"

        def said(what: str) -> int:
            there = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            events = logs.filter_log_events(logGroupName=group)["events"] if there else []
            return sum(what in one["message"] for one in events)

        told(far, "/_sandbox/events/rule", {"rule": "Never", "region": FAR})
        far.wait("two calls", lambda: said("called by aws.events") >= 2, 10)
        assert said("called by a scenario") == 1
        with pytest.raises(Broken, match="no rule with a schedule"):
            told(far, "/_sandbox/events/rule", {"rule": "Never"})
