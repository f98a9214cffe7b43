"""Image Builder of the sandbox: what stacks make of it, what builds ask and do, and what they tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import waiting
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .golden import ACCOUNT, NAME, PARAMETER, PARENT, REGION, built, document, golden, parameter, region, without

IMAGE = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image/{NAME}"
STATES = ["BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]


class Events:
    """A queue that gets all of Image Builder's events."""

    def __init__(self, run: Run) -> None:
        self.run, name = run, f"q{uuid4().hex[:12]}"
        self.queue = run.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
        policy = {"Policy": json.dumps({"Statement": [allow]})}
        run.client("sqs").set_queue_attributes(QueueUrl=self.queue, Attributes=policy)
        run.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.imagebuilder"]}))
        run.client("events").put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def all(self, count: int) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]] | None:
            there = waiting(self.run, self.queue)
            return there if len(there) >= count else None

        return self.run.wait(f"{count} events", found, 10)


@pytest.fixture
def events(run: Run) -> Events:
    return Events(run)


@pytest.fixture
def clean(run: Run) -> Iterator[None]:
    """Nothing of an earlier test is in the way."""
    yield
    if parameter(run):
        run.client("ssm").delete_parameter(Name=PARAMETER)


pytestmark = pytest.mark.usefixtures("clean")


def test_a_stack_waits_for_its_image_and_has_its_ami(run: Run, events: Events) -> None:
    with deployed(run, "Golden", golden()):
        ami = run.outputs("Golden")["Ami"]
        arn = run.resource("Golden", "AWS::ImageBuilder::Image")
        assert arn == f"{IMAGE}/1.0.1/1"
        (found,) = run.client("ec2").describe_images(ImageIds=[ami], Owners=["self"])["Images"]
        tags = {one["Key"]: one["Value"] for one in found["Tags"]}
        assert (found["State"], found["OwnerId"], tags["CreatedBy"]) == ("available", ACCOUNT, "EC2 Image Builder")
        assert (tags["Ec2ImageBuilderArn"], tags["Team"]) == (arn, "Images")
        assert tags["sandbox:components"].endswith(f" {NAME}/1.0.0/1")
        assert parameter(run) == ami
        told = [one for one in events.all(5) if one["resources"] == [arn]]
        assert [one["detail"]["state"] for one in told] == [{"status": state} for state in STATES]
        assert [one["detail"]["previous-state"]["status"] for one in told] == ["PENDING", *STATES[:-1]]
        assert {one["detail-type"] for one in told} == {"EC2 Image Builder Image State Change"}
        logs = run.client("logs").filter_log_events(logGroupName=NAME, logStreamNames=["1.0.1/1"])["events"]
        assert any("test Do ExecuteBash: status 0" in one["message"] for one in logs)
