"""What happens to images, as rules that others can listen to, and as alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_imagebuilder as imagebuilder
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.descriptions import described
from cdk_refarch._parts.event_route import EventRoute
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.rule_metrics import matched
from cdk_refarch._parts.target_checks import check_target

if TYPE_CHECKING:
    from cdk_refarch._parts.rule_targets import Target

Occurrence = Literal["Available", "Failed", "Vulnerable", "Disabled"]

STATE_CHANGE = "EC2 Image Builder Image State Change"
FOUND = "EC2 Image Builder CVE Detected"
DISABLED = "EC2 Image Builder Image Pipeline Automatically Disabled"
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html"""

ALARMS: Mapping[Occurrence, tuple[str, str]] = {
    "Failed": (
        "BuildFailed",
        "An image could not be built, failed its tests, or could not be distributed everywhere. The parameter has the "
        "image before it, unless only one region failed. Read the reason in Image Builder, and the image's log.",
    ),
    "Vulnerable": (
        "Vulnerable",
        "Amazon Inspector found critical or high vulnerabilities in an image. See its findings in Image Builder, and "
        "build an image with the packages that mend them.",
    ),
    "Disabled": (
        "PipelineDisabled",
        "Image Builder has disabled the schedule after too many failures: no more images are built by it. Mend the "
        "cause, and enable the pipeline.",
    ),
}
"""What rings an alarm, with its name and what to do."""


class ImageEvents(Construct):
    """Rules for what happens to the images of one pipeline, and alarms on those that need somebody.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        prefix: The name of the recipe.
        pipeline: The pipeline.
        scan: Whether images are scanned.
        operation: What it shares with the other parts.

    Attributes:
        rules: The rules by name; they have no targets and count.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefix: str,
        pipeline: imagebuilder.CfnImagePipeline,
        scan: bool,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._operation = operation
        stack = cdk.Stack.of(self)
        images = f"arn:{stack.partition}:imagebuilder:{stack.region}:{stack.account}:image/{prefix}/"
        self._patterns: Mapping[str, Mapping[str, Any]] = _patterns(images, pipeline.attr_arn, scan)
        counted = [occurrence for occurrence in ALARMS if occurrence in self._patterns]
        self.rules: Mapping[str, events.CfnRule] = {
            name: events.CfnRule(
                self,
                f"{name}Rule",
                description=described(f"Counts {name.lower()} images or schedules, for", self),
                event_pattern=self._patterns[name],
                state="ENABLED",
                targets=[],
            )
            for name in counted
        }
        watched: list[Watched] = [(ALARMS[name][0], matched(self.rules[name]), ALARMS[name][1]) for name in counted]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic)

    def route(self, id: str, target: Target, occurrence: Occurrence) -> EventRoute:
        """Send events to a target.

        Args:
            id: The id of the route.
            target: Where they go.
            occurrence: Which events.

        Raises:
            ValueError: If the target is of another kind, or the events never come.
        """
        checks = Checks.of(self, id)
        check_target(checks, self, target, subject="events")
        if occurrence not in self._patterns:
            remedy = "give scan=True, or drop the route"
            checks.refuse("target", "of a golden image that is scanned", "one with scan=False", remedy)
        return EventRoute(
            self,
            id,
            target=target,
            patterns={occurrence: self._patterns[occurrence]},
            # The route has an alarm that is called Failed.
            rule_ids={occurrence: f"{occurrence}Rule"},
            description=f"{occurrence} images to",
            subject="events",
            after_loss="look at the images in Image Builder",
            operation=self._operation,
        )


def _patterns(images: str, pipeline_arn: str, scan: bool) -> dict[str, Mapping[str, Any]]:
    of_image = [{"prefix": images}]
    found: dict[str, Mapping[str, Any]] = {
        name: {
            "source": ["aws.imagebuilder"],
            "detail-type": [STATE_CHANGE],
            # The event names no pipeline, and so the recipe has a name that no other pipeline uses.
            "resources": of_image,
            "detail": {"state": {"status": [status]}},
        }
        for name, status in (("Available", "AVAILABLE"), ("Failed", "FAILED"))
    }
    if scan:
        some = [{"numeric": [">", 0]}]
        found["Vulnerable"] = {
            "source": ["aws.imagebuilder"],
            "detail-type": [FOUND],
            "resources": of_image,
            # The event comes after every scan, also of an image without a finding.
            "detail": {"$or": [{"finding-severity-counts": {level: some}} for level in ("critical", "high")]},
        }
    found["Disabled"] = {"source": ["aws.imagebuilder"], "detail-type": [DISABLED], "resources": [pipeline_arn]}
    return found
