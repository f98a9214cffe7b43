"""What rings when a run of the pipeline fails."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.descriptions import described
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.rule_metrics import matched


class PipelineFailure(Construct):
    """A rule that counts failed runs, and an alarm on it.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        pipeline_name: The pipeline.
        operation: What it shares with the other parts.

    Attributes:
        rule: The rule; it has no target and counts.
        alarms: The alarm by its name.
    """

    def __init__(self, scope: Construct, id: str, *, pipeline_name: str, operation: Operation) -> None:
        super().__init__(scope, id)
        self.rule = events.CfnRule(
            self,
            "Rule",
            description=described("Counts failed runs, for", self),
            event_pattern={
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Pipeline Execution State Change"],
                "detail": {"pipeline": [pipeline_name], "state": ["FAILED"]},
            },
            state="ENABLED",
            # Said so, because the security packs fail at a rule that says nothing of targets.
            targets=[],
        )
        watched: list[Watched] = [
            (
                "PipelineFailed",
                matched(self.rule),
                "A run of the pipeline failed, or nobody approved it in time. The stacks are what they were before, or "
                "were rolled back to it. See in CodePipeline which action failed and why, mend it, and retry the stage "
                "or push again.",
            )
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic)
