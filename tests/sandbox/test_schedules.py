"""EventBridge Scheduler in the sandbox: it does what it does with the role of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.run import Run

from .conftest import deployed
from .test_ses_stacks import function, get, resource, role

SAYS = "def handler(event, context):\n    print('got', event['a'])\n"


def schedule(at: str, role: str, **more: Any) -> dict[str, Any]:
    target = {"Arn": get("Called"), "RoleArn": get(role), "Input": '{"a": 17}', **more}
    return resource(
        "Scheduler::Schedule", FlexibleTimeWindow={"Mode": "OFF"}, ScheduleExpression=f"at({at})", Target=target
    )


def test_a_schedule_calls_its_function_or_tells_its_dead_letter_queue_why_not(run: Run) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    who = "scheduler.amazonaws.com"
    resources = {
        "Called": function(SAYS, "Writes"),
        "Writes": role("logs:*"),
        "Calls": role("lambda:InvokeFunction", service=who, on=get("Called")),
        "CallsNot": role("sqs:SendMessage", service=who, on=get("Lost")),
        "Lost": resource("SQS::Queue"),
        "Good": schedule(soon, "Calls"),
        "Bad": schedule(soon, "CallsNot", DeadLetterConfig={"Arn": get("Lost")}),
    }
    with deployed(run, "Schedules", {"Resources": resources}):
        group = f"/aws/lambda/{run.resource('Schedules', 'AWS::Lambda::Function')}"
        logs, sqs = run.client("logs"), run.client("sqs")

        def said() -> str:
            there = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            events = logs.filter_log_events(logGroupName=group)["events"] if there else []
            return "".join(one["message"] for one in events)

        run.wait("the call", lambda: "got 17" in said())
        queue = run.resource("Schedules", "AWS::SQS::Queue")
        (lost,) = run.wait(
            "the dead letter",
            lambda: sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"]).get("Messages"),
        )
        assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
        assert "lambda:InvokeFunction" in lost["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
        assert said().count("got 17") == 1
