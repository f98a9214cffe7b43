"""Faults in the sandbox: calls that fail when a scenario says so, for whom it says, and as often; and their number."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import faulty, told, watched
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .test_ses_stacks import function, resource, role

ASKS = """
import boto3, botocore.config
def handler(event, context):
    config = botocore.config.Config(retries={"total_max_attempts": event["attempts"]})
    return boto3.client("sqs", config=config).list_queues()["ResponseMetadata"]["RetryAttempts"]
"""


def failed(call: Any, **request: Any) -> tuple[str, int]:
    """The code and the status of the error that a call ends with."""
    with pytest.raises(ClientError) as error:
        call(**request)
    answer: Any = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("codecommit", "list_repositories", "codecommit:ListRepositories"),
        ("dynamodb", "list_tables", "dynamodb:ListTables"),
        ("events", "list_rules", "events:ListRules"),
        ("iam", "list_users", "iam:ListUsers"),
        ("lambda", "list_functions", "lambda:ListFunctions"),
        ("s3", "list_buckets", "s3:ListAllMyBuckets"),
        ("securityhub", "get_findings", "securityhub:GetFindings"),
        ("sns", "list_topics", "sns:ListTopics"),
        ("sqs", "list_queues", "sqs:ListQueues"),
        ("stepfunctions", "list_state_machines", "states:ListStateMachines"),
        ("sts", "get_caller_identity", "sts:GetCallerIdentity"),
    ],
)
def test_a_call_fails_in_the_protocol_of_its_service(run: Run, service: str, operation: str, call: str) -> None:
    asked = getattr(run.client(service), operation)
    with faulty(run, call, "Strange", message="once"):
        assert failed(asked) == ("Strange", 400)
        asked()
    with faulty(run, call, "AccessDenied", status=403, times=5):
        code, status = failed(asked)
        assert (code.removesuffix("Exception"), status) == ("AccessDenied", 403)
    asked()


def test_clients_try_again_what_is_throttled_or_out_of_order(run: Run) -> None:
    ask = run.client("iam").list_users
    for error in ("Throttling", "ServiceUnavailable"):
        with faulty(run, "iam:List*", error):
            assert ask()["ResponseMetadata"]["RetryAttempts"] == 1
    with faulty(run, "iam:List*", "InternalFailure", times=100):
        assert failed(ask) == ("InternalFailure", 500)


def test_a_fault_waits_comes_back_and_may_do_what_was_asked(run: Run) -> None:
    sqs, how = run.client("sqs"), []
    with faulty(run, "sqs:ListQueues", "Strange", times=2, after=1, every=2):
        for _ in range(7):
            try:
                sqs.list_queues()
            except ClientError:
                how.append("failed")
            else:
                how.append("fine")
    assert how == ["fine", "fine", "failed", "fine", "failed", "fine", "fine"]
    with faulty(run, "sqs:CreateQueue", "Strange", done=True):
        assert failed(sqs.create_queue, QueueName="made-all-the-same")[0] == "Strange"
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="made-all-the-same")["QueueUrl"])


def test_a_fault_of_one_function_is_none_of_others_and_its_calls_are_counted(run: Run) -> None:
    resources = {"Asks": function(ASKS, "Works"), "Else": function(ASKS, "Works"), "Works": role("*")}
    with deployed(run, "Faulty", {"Resources": resources}), watched(run, "sqs:ListQueues") as count:
        one, other = (run.resource("Faulty", "AWS::Lambda::Function", name) for name in ("Asks", "Else"))
        invoke, payload = run.client("lambda").invoke, b'{"attempts": 3}'
        with faulty(run, "sqs:*", "ThrottlingException", times=2, function=one):
            run.client("sqs").list_queues()
            assert invoke(FunctionName=other, Payload=payload)["Payload"].read() == b"0"
            assert invoke(FunctionName=one, Payload=payload)["Payload"].read() == b"2"
        with faulty(run, "sqs:*", "ThrottlingException", times=9, role="Works"):
            assert b"ThrottlingException" in invoke(FunctionName=other, Payload=payload)["Payload"].read()
        assert (count(), count("sqs:List*", one), count(function=other), count("sqs:Send*")) == (3, 1, 1, 0)
        seen = told(run, "/_sandbox/calls/seen", {})["calls"]
        assert [call["status"] for call in seen if call["function"] == one] == [400, 400, 200]


def test_a_fault_that_cannot_be_is_refused(run: Run) -> None:
    for request, said in (({"call": "GetBlob"}, "IAM action"), ({"call": "a:B", "every": 0}, "at least 1")):
        with pytest.raises(Broken, match=said):
            told(run, "/_sandbox/faults", request)


def test_regions_and_stacks_are_not_disturbed_by_faults_elsewhere(run: Run) -> None:
    with (
        faulty(run, "sqs:*", "Strange", times=9, region="eu-west-1"),
        deployed(run, "Quiet", {"Resources": {"Queue": resource("SQS::Queue")}}),
    ):
        run.client("sqs").list_queues()
        assert failed(run.client("sqs", "eu-west-1").list_queues) == ("Strange", 400)
