"""Image Builder of the sandbox: what stacks make of it, what builds do and ask, and what they tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import denied, told, waiting
from sandbox.process import Sandbox
from sandbox.run import Run

from .conftest import deployed
from .golden import (
    ACCOUNT,
    FRIEND,
    NAME,
    OTHER,
    PARAMETER,
    PARENT,
    REGION,
    Template,
    built,
    detail,
    elsewhere,
    golden,
    parameter,
    policy,
    region,
)

IMAGE = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image/{NAME}"
PIPELINE = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{NAME}"
STATES = ["BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]
STATE, DISABLED = "EC2 Image Builder Image State Change", "EC2 Image Builder Image Pipeline Automatically Disabled"


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

    def of(self, type: str, count: int) -> list[dict[str, Any]]:
        return [one for one in self.all(count) if one["detail-type"] == type]

    def all(self, count: int) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]] | None:
            there = waiting(self.run, self.queue)
            return there if len(there) >= count else None

        return self.run.wait(f"{count} events", found, 10)


@pytest.fixture
def events(run: Run) -> Events:
    return Events(run)


@pytest.fixture(scope="module")
def stack(sandbox: Sandbox) -> Iterator[Run]:
    """A pipeline that brings images to two regions, with lifecycle rules, in a stack that builds nothing."""
    shared = region(OTHER)
    shared["AmiDistributionConfiguration"]["LaunchPermissionConfiguration"] = {"UserIds": [FRIEND]}
    template = golden(None, region(REGION), shared, image=False)
    template["Resources"] |= policy(detail("DEPRECATE", 30), detail("DELETE", 90, RetainAtLeast=1))
    run = Run(sandbox)
    with deployed(run, "Golden", template):
        yield run
        for image in images(run):
            run.client("imagebuilder").delete_image(imageBuildVersionArn=image["arn"])


@pytest.fixture(scope="module")
def image(stack: Run) -> Template:
    """An image that was built."""
    return build(stack)


def images(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.client("imagebuilder").list_image_pipeline_images(imagePipelineArn=PIPELINE)[
        "imageSummaryList"
    ]
    return found


def build(run: Run) -> Template:
    started = run.client("imagebuilder").start_image_pipeline_execution(imagePipelineArn=PIPELINE)
    return built(run, started["imageBuildVersionArn"])


def amis(image: Template) -> dict[str, str]:
    return {one["region"]: one["image"] for one in image["outputResources"]["amis"]}


def failure(image: Template) -> str:
    assert image["state"]["status"] == "FAILED"
    return str(image["state"]["reason"])


def role_of(run: Run, path: str, stack: str = "Golden") -> str:
    return run.resource(stack, "AWS::IAM::Role", path)


def test_a_build_leaves_amis_parameters_and_a_log_and_tells_of_each_state(stack: Run, events: Events) -> None:
    image = build(stack)
    assert image["arn"].startswith(f"{IMAGE}/1.0.1/")
    assert (image["state"], image["sourcePipelineArn"]) == ({"status": "AVAILABLE"}, PIPELINE)
    made = amis(image)
    assert made == {REGION: parameter(stack), OTHER: parameter(stack, OTHER)}
    for where, ami in made.items():
        (found,) = elsewhere(stack, "ec2", where).describe_images(ImageIds=[ami], Owners=["self"])["Images"]
        tags = {one["Key"]: one["Value"] for one in found["Tags"]}
        assert (found["State"], found["OwnerId"], tags["CreatedBy"]) == ("available", ACCOUNT, "EC2 Image Builder")
        assert (tags["Ec2ImageBuilderArn"], tags["Team"]) == (image["arn"], "Images")
        assert tags["sandbox:components"].endswith(f" {NAME}/1.0.0/1")
    everything = events.all(6)
    (scan,) = [one for one in everything if one["detail-type"] == "EC2 Image Builder CVE Detected"]
    assert set(scan["detail"]["finding-severity-counts"].values()) == {0}
    heard = [one for one in everything if one["detail-type"] == STATE]
    assert [one["detail"]["state"] for one in heard] == [{"status": state} for state in STATES]
    assert [one["detail"]["previous-state"]["status"] for one in heard] == ["PENDING", *STATES[:-1]]
    assert {tuple(one["resources"]) for one in heard} == {(image["arn"],)}
    stream = image["version"]
    logs = stack.client("logs").filter_log_events(logGroupName=NAME, logStreamNames=[stream])["events"]
    assert any("test Do ExecuteBash: status 0" in one["message"] for one in logs)


def test_instances_start_from_the_ami_until_it_is_deregistered(stack: Run, image: Template) -> None:
    ami, ec2 = amis(image)[OTHER], elsewhere(stack, "ec2", OTHER)
    (shared,) = elsewhere(stack, "ec2", OTHER, FRIEND).describe_images(ImageIds=[ami])["Images"]
    assert shared["OwnerId"] == ACCOUNT
    (started,) = ec2.run_instances(ImageId=ami, MinCount=1, MaxCount=1)["Instances"]
    assert started["ImageId"] == ami
    ec2.terminate_instances(InstanceIds=[started["InstanceId"]])
    ec2.deregister_image(ImageId=ami)
    with pytest.raises(ClientError, match=r"InvalidAMIID\.NotFound"):
        ec2.run_instances(ImageId=ami, MinCount=1, MaxCount=1)


@pytest.mark.usefixtures("image")
def test_instances_of_builds_are_terminated(stack: Run) -> None:
    pages = stack.client("ec2").get_paginator("describe_instances").paginate()
    filtered = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
    own = [one for one in filtered if {"Key": "CreatedBy", "Value": "EC2 Image Builder"} in one.get("Tags", [])]
    assert own
    assert {one["State"]["Name"] for one in own} == {"terminated"}


@pytest.mark.parametrize(
    ("who", "action", "resource", "state"),
    [
        ("InstanceRole", "imagebuilder:GetComponent", f"component/{NAME}/1.0.0/1", "BUILDING"),
        ("ExecutionRole", "iam:PassRole", "role/Golden-InstanceRole", "BUILDING"),
        ("ExecutionRole", "ec2:RunInstances", "image/ami-", "BUILDING"),
        ("ExecutionRole", "ec2:CreateImage", "instance/i-", "BUILDING"),
        ("ExecutionRole", "logs:PutLogEvents", f"log-group:{NAME}", "BUILDING"),
        ("ExecutionRole", "inspector2:ListFindings", r"\*", "TESTING"),
        ("ExecutionRole", "ssm:PutParameter", f"parameter{PARAMETER}", "INTEGRATING"),
    ],
)
def test_what_a_role_may_not_do_fails_the_image_where_it_is_needed(
    stack: Run, who: str, action: str, resource: str, state: str
) -> None:
    before = parameter(stack)
    with denied(stack, role_of(stack, who), [action]):
        image = build(stack)
    assert re.search(f"while {state}: .*{action} on resource: .*{resource}", failure(image)), failure(image)
    assert image["state"]["failureContext"]["imageStatus"] == state
    assert parameter(stack) == before


def test_a_region_that_is_refused_fails_the_image_though_the_other_has_its_ami(stack: Run) -> None:
    with denied(stack, role_of(stack, "ExecutionRole"), ["ec2:CopyImage"]):
        image = build(stack)
    assert list(amis(image)) == [REGION]
    (where,) = image["state"]["failureContext"]["distributionFailure"]["regionFailures"]
    assert (where["region"], where["status"]) == (OTHER, "FAILED")
    assert re.search(f"Distribution failed in {OTHER}: .*ec2:CopyImage on resource: .*{OTHER}::image/", failure(image))


def test_a_schedule_builds_when_a_dependency_has_an_update(stack: Run, image: Template) -> None:
    assert image["buildType"] == "USER_INITIATED"
    path = "/_sandbox/image-builder/"
    skipped = told(stack, f"{path}schedule", {"pipeline": PIPELINE})
    assert skipped == {"skipped": "no dependency updates are available"}
    told(stack, f"{path}parent", {"parentImage": PARENT})
    found = built(stack, told(stack, f"{path}schedule", {"pipeline": PIPELINE})["image"])
    assert (found["buildType"], found["state"]["status"]) == ("SCHEDULED", "AVAILABLE")


def test_a_pipeline_is_disabled_when_its_schedule_fails_too_often(stack: Run, events: Events) -> None:
    client, path = stack.client("imagebuilder"), "/_sandbox/image-builder/"
    with denied(stack, role_of(stack, "ExecutionRole"), ["ec2:RunInstances"]):
        failure(build(stack))  # by hand, which does not count
        for count in (1, 2):
            told(stack, f"{path}parent", {"parentImage": PARENT})
            failure(built(stack, told(stack, f"{path}schedule", {"pipeline": PIPELINE})["image"]))
            pipeline = client.get_image_pipeline(imagePipelineArn=PIPELINE)["imagePipeline"]
            assert (pipeline["consecutiveFailures"], pipeline["lastRunStatus"]) == (count, "FAILED")
    (heard,) = events.of(DISABLED, 7)
    assert (heard["resources"], heard["detail"]) == ([PIPELINE], {"consecutive-failures": "2"})
    assert pipeline["status"] == "DISABLED"
    assert told(stack, f"{path}schedule", {"pipeline": PIPELINE}) == {"skipped": "the pipeline is disabled"}
    assert build(stack)["state"]["status"] == "AVAILABLE"
    assert client.get_image_pipeline(imagePipelineArn=PIPELINE)["imagePipeline"]["consecutiveFailures"] == 0


def test_each_scan_tells_what_it_found(stack: Run, image: Template, events: Events) -> None:
    told(stack, "/_sandbox/image-builder/cve", {"image": image["arn"], "critical": 1, "medium": 2})
    (found,) = events.of("EC2 Image Builder CVE Detected", 1)
    assert found["resources"] == [image["arn"], PIPELINE]
    counts = {"all": 3, "critical": 1, "high": 0, "medium": 2}
    assert found["detail"]["finding-severity-counts"] == counts


def test_a_build_can_be_cancelled(stack: Run, events: Events) -> None:
    client = stack.client("imagebuilder")
    arn = client.start_image_pipeline_execution(imagePipelineArn=PIPELINE)["imageBuildVersionArn"]
    client.cancel_image_creation(imageBuildVersionArn=arn)
    assert built(stack, arn)["state"] == {"status": "CANCELLED"}
    assert events.all(1)[-1]["detail"]["state"] == {"status": "CANCELLED"}


def test_lifecycle_rules_deprecate_then_delete_as_far_as_the_role_may(stack: Run, image: Template) -> None:
    client, path = stack.client("imagebuilder"), "/_sandbox/image-builder/lifecycle"
    old, new = image, build(stack)
    rules = stack.resource("Golden", "AWS::ImageBuilder::LifecyclePolicy")
    assert told(stack, path, {"policy": rules, "days": 1})["resources"] == []
    assert told(stack, path, {"policy": rules, "days": 40})["state"]["status"] == "SUCCESS"
    assert {one["state"]["status"] for one in images(stack) if one["arn"] == new["arn"]} == {"DEPRECATED"}
    (ami,) = stack.client("ec2").describe_images(ImageIds=[amis(new)[REGION]])["Images"]
    assert ami["DeprecationTime"]
    mark(stack, old, "somebody")
    done = told(stack, path, {"policy": rules, "days": 100})
    assert done["state"]["status"] == "FAILED"
    assert "ec2:DeregisterImage" in done["state"]["reason"]
    mark(stack, old, "EC2 Image Builder")
    assert told(stack, path, {"policy": rules, "days": 100})["state"]["status"] == "SUCCESS"
    left = [one["arn"] for one in images(stack) if one["state"]["status"] not in ("CANCELLED", "FAILED")]
    assert left == [new["arn"]]
    for where, id in amis(old).items():
        assert elsewhere(stack, "ec2", where).describe_images(ImageIds=[id])["Images"] == []
    latest = client.list_lifecycle_executions(resourceArn=rules)["lifecycleExecutions"][0]
    assert latest["state"]["status"] == "SUCCESS"


def mark(run: Run, image: Template, creator: str) -> None:
    tags = [{"Key": "CreatedBy", "Value": creator}]
    run.client("ec2").create_tags(Resources=[amis(image)[REGION]], Tags=tags)


def test_what_others_refer_to_is_not_deleted(stack: Run) -> None:
    client = stack.client("imagebuilder")
    recipe = stack.resource("Golden", "AWS::ImageBuilder::ImageRecipe")
    component = stack.resource("Golden", "AWS::ImageBuilder::Component")
    with pytest.raises(ClientError, match="ResourceDependencyException"):
        client.delete_image_recipe(imageRecipeArn=recipe)
    with pytest.raises(ClientError, match="ResourceDependencyException"):
        client.delete_component(componentBuildVersionArn=component)


def test_callers_need_permissions_for_what_they_name(stack: Run, sandbox: Sandbox) -> None:
    iam, name = stack.client("iam"), f"caller{uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    statement = {"Effect": "Allow", "Action": "imagebuilder:GetImagePipeline", "Resource": PIPELINE}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [statement]}))
    client = sandbox.client("imagebuilder", made["Arn"])
    assert client.get_image_pipeline(imagePipelineArn=PIPELINE)["imagePipeline"]["name"] == NAME
    with pytest.raises(ClientError, match="not authorized to perform: imagebuilder:StartImagePipelineExecution"):
        client.start_image_pipeline_execution(imagePipelineArn=PIPELINE)
