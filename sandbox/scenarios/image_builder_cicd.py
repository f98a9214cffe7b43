"""A commit, a golden image, a fleet that is rolled over, and what happens when one of them fails."""

from __future__ import annotations

import json
from functools import partial

from sandbox.operations import denied, listener, told, waiting
from sandbox.run import Run

from . import Deployment, Outcome, must_be, scenario
from ._delivery import (
    APP,
    FLEET,
    IMAGE,
    commit,
    edited,
    executions,
    failures,
    fewest,
    files,
    finished,
    image_id,
    images,
    in_service,
    pipeline_arn,
)

ALARMS, ROLE, RULE, QUEUE = "AWS::SNS::Topic", "AWS::IAM::Role", "AWS::Events::Rule", "AWS::SQS::Queue"
HARDENING, TEST = "components/hardening.yaml", "sshd -T | grep"
FAR = "eu-west-1"
SETTINGS = {"environment": {"COPY_REGIONS": FAR}}
DEPLOYMENTS = (
    Deployment(
        (APP,),
        context={"architectures": "image_builder_cicd", "image_builder_cicd": json.dumps(SETTINGS)},
        deploys=(IMAGE, FLEET),
    ),
)


@scenario("a commit becomes an image, and the image a fleet")
def commits(run: Run) -> Outcome:
    """Source, build, image stack, approval and fleet stack, each with its own role; the fleet runs the new image."""
    known = len(executions(run))
    commit(run, "The sample repository", files())
    finished(run, known)
    image = image_id(run)
    must_be(image.startswith("ami-"), f"the parameter has {image!r}")
    must_be(in_service(run) == [image] * 2, f"the fleet runs {in_service(run)}, the parameter has {image}")
    copy = image_id(run, FAR)
    must_be(copy.startswith("ami-") and copy != image, f"the parameter of {FAR} has {copy!r}")
    must_be(len(executions(run)) == known + 1, f"there are {len(executions(run))} runs, and there were {known}")
    return Outcome("1 commit of the sample repository", "1 image in 2 regions, 2 instances of it")


@scenario("a test of the image fails")
def tests_fail(run: Run) -> Outcome:
    """The image goes nowhere, the stack is rolled back, the parameter and the fleet stay, and alarms ring."""
    before, known = image_id(run), len(executions(run))
    topic = run.outputs(APP)["AlarmTopicArn"]
    broken = edited(HARDENING, TEST, f"false && {TEST}")
    with listener(run, topic) as ears:
        commit(run, "A test that fails", broken)
        finished(run, known, status="Failed")
        ears.must_hear("WebServerEventsBuildFailed")
    said = failures(run)
    must_be(any("Image/" in one for one in said), f"what failed is {said}")
    must_be(images(run)[0]["state"]["status"] == "FAILED", f"the latest image is {images(run)[0]['state']}")
    must_be(image_id(run) == before, "the parameter has the image that failed")
    must_be(in_service(run) == [before] * 2, f"the fleet runs {in_service(run)}")
    return Outcome("1 commit with a failing test", "2 instances of the image before", "1 image failed, alarm rang")


@scenario("a changed component rolls the fleet over")
def changes(run: Run) -> Outcome:
    """Another text of a component is another image; never fewer instances than before are ready meanwhile."""
    before, known = image_id(run), len(executions(run))
    changed = edited(HARDENING, TEST, TEST) | edited("app.py", "Hello, fleet", "Good morning, fleet")
    commit(run, "The test as it was, and another greeting", changed)
    finished(run, known)
    image = image_id(run)
    must_be(image != before, "the parameter has the former image")
    must_be(in_service(run) == [image] * 2, f"the fleet runs {in_service(run)}, the parameter has {image}")
    least = fewest(run)
    must_be(least >= 2, f"{least} instances were ready at a moment, the fleet has 2 at least")
    return Outcome("1 commit with another parameter of a component", "2 instances rolled over", f"never below {least}")


@scenario("the schedule builds an image")
def scheduled(run: Run) -> Outcome:
    """A newer version of the parent image: the image is built by the schedule, and the fleet follows by itself."""
    before, known = image_id(run), len(executions(run))
    skipped = told(run, "/_sandbox/image-builder/schedule", {"pipeline": pipeline_arn(run)})
    must_be("skipped" in skipped, f"without anything new, the schedule made {skipped}")
    parent = run.client("imagebuilder").get_image(imageBuildVersionArn=images(run)[0]["arn"])["image"]["imageRecipe"]
    told(run, "/_sandbox/image-builder/parent", {"parentImage": parent["parentImage"]})
    built = told(run, "/_sandbox/image-builder/schedule", {"pipeline": pipeline_arn(run)})
    must_be("image" in built, f"with a newer parent, the schedule made {built}")
    finished(run, known)
    image = image_id(run)
    must_be(image != before, "the parameter has the former image")
    must_be(in_service(run) == [image] * 2, f"the fleet runs {in_service(run)}, the parameter has {image}")
    return Outcome("2 ticks of the schedule, 1 newer parent", "1 image, 2 instances of it", "1 tick had nothing to do")


@scenario("an image whose instances never become healthy")
def unhealthy(run: Run) -> Outcome:
    """The refresh rolls back: the fleet runs the former image, and never fewer instances than before were ready."""
    before, known = image_id(run), len(executions(run))
    pipeline, imagebuilder = pipeline_arn(run), run.client("imagebuilder")
    with denied(run, run.resource(APP, ROLE, "StarterFunctionRole"), ["codepipeline:StartPipelineExecution"]):
        made = imagebuilder.start_image_pipeline_execution(imagePipelineArn=pipeline)["imageBuildVersionArn"]
        run.wait("the image", lambda: _is(run, made, "AVAILABLE"))
        waits = run.resource(APP, QUEUE, "StarterFailedEvents")
        run.wait("the queue of failed events", lambda: waiting(run, waits))
    bad = image_id(run)
    told(run, "/_sandbox/fleet/health", {"imageId": bad, "healthy": False})
    name = run.outputs(APP)["PipelineName"]
    run.client("codepipeline").start_pipeline_execution(name=name)
    finished(run, known, status="Failed")
    must_be(bad != before, "the parameter has the former image")
    must_be(in_service(run) == [before] * 2, f"the fleet runs {in_service(run)}, before it ran {before}")
    least = fewest(run)
    must_be(least >= 2, f"{least} instances were ready at a moment, the fleet has 2 at least")
    told(run, "/_sandbox/fleet/health", {"imageId": bad, "healthy": True})
    return Outcome("1 image that does not boot", "2 instances of the former image", "1 event in the starter's queue")


@scenario("one region refuses the image")
def region_refuses(run: Run) -> Outcome:
    """The image fails with the reason; the parameters of both regions and the fleet stay with the image before."""
    before, far = image_id(run), image_id(run, FAR)
    with denied(run, run.resource(IMAGE, ROLE, "ExecutionRole"), ["ec2:CopyImage"]):
        imagebuilder = run.client("imagebuilder")
        made = imagebuilder.start_image_pipeline_execution(imagePipelineArn=pipeline_arn(run))["imageBuildVersionArn"]
        run.wait("the failure", lambda: _is(run, made, "FAILED"))
    reason = imagebuilder.get_image(imageBuildVersionArn=made)["image"]["state"]["reason"]
    must_be("ec2:CopyImage" in reason, f"the reason is {reason!r}")
    must_be((image_id(run), image_id(run, FAR)) == (before, far), "a parameter has the image that failed")
    return Outcome("1 build while copying is denied", "the parameters of 2 regions as they were", "1 image failed")


@scenario("the schedule is disabled")
def disabled(run: Run) -> Outcome:
    """After three failures in a row the schedule is disabled, and rings; the role may not start instances."""
    role = run.resource(IMAGE, ROLE, "ExecutionRole")
    pipeline, imagebuilder = pipeline_arn(run), run.client("imagebuilder")
    parent = imagebuilder.get_image(imageBuildVersionArn=images(run)[0]["arn"])["image"]["imageRecipe"]["parentImage"]
    before = image_id(run)
    with denied(run, role, ["ec2:RunInstances"]):
        for _ in range(3):
            told(run, "/_sandbox/image-builder/parent", {"parentImage": parent})
            made = told(run, "/_sandbox/image-builder/schedule", {"pipeline": pipeline})["image"]
            run.wait("the failure", partial(_is, run, made, "FAILED"))
    status = imagebuilder.get_image_pipeline(imagePipelineArn=pipeline)["imagePipeline"]["status"]
    must_be(status == "DISABLED", f"the pipeline is {status}")
    alarm = run.resource(IMAGE, "AWS::CloudWatch::Alarm", "PipelineDisabled")
    cloudwatch = run.client("cloudwatch")
    run.wait(
        "the alarm",
        lambda: cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"] == "ALARM",
    )
    must_be(image_id(run) == before, "the parameter has another image")
    return Outcome("3 ticks while no instance can start", "the parameter as it was", "3 failed, disabled, alarm rang")


def _is(run: Run, arn: str, status: str) -> bool:
    image = run.client("imagebuilder").get_image(imageBuildVersionArn=arn)["image"]
    return bool(image["state"]["status"] == status)
