"""Arguments of ImageBuilderCicd, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    ImageBuilderCicd,
    ImageDeployment,
    TemplateBuild,
)
from tests.unit.drawn import Choices, Drawn

MINUTES = cdk.Duration.minutes
HERE = "eu-west-1:111122223333"


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> ImageBuilderCicd:  # noqa: N802
    """Make the construct in a stack of its own, which has a region so that fleets can be in another."""
    if not scope.node.children:
        # A template without resources is none.
        cdk.CfnWaitConditionHandle(scope, "Nothing")
    own = cdk.Stack(scope, id, env=cdk.Environment(account="111122223333", region="eu-west-1"))
    try:
        made = ImageBuilderCicd(own, "Cicd", **arguments)
    except ValueError:
        if not own.node.children:
            scope.node.try_remove_child(id)
        raise
    for warning in WARNINGS:
        cdk.Annotations.of(own).acknowledge_warning(f"cdk-refarch:{warning}", "What is brought along is of no app.")
    return made


WARNINGS = ("access-log-policy", "artifact-bucket-policy", "connection", "key-policy")
"""What somebody else has to do for what is brought along, because it belongs to no app so that any app can use it."""


_elsewhere = cdk.Stack(None, "Elsewhere")
_REPOSITORY = codecommit.Repository.from_repository_name(_elsewhere, "Repository", "images")
_ROLE = iam.Role.from_role_arn(_elsewhere, "Role", "arn:aws:iam::111122223333:role/deploy")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_FIFO = sns.Topic.from_topic_arn(_elsewhere, "Fifo", f"arn:aws:sns:{HERE}:t.fifo")
_KEY = kms.Key.from_key_arn(_elsewhere, "Key", f"arn:aws:kms:{HERE}:key/own")
_FAR_KEY = kms.Key.from_key_arn(_elsewhere, "FarKey", "arn:aws:kms:us-east-1:111122223333:key/far")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/own")
_LOGS = s3.Bucket.from_bucket_name(_elsewhere, "Logs", "logs")
_FAR = s3.Bucket.from_bucket_attributes(
    _elsewhere, "Far", bucket_name="far", encryption_key=_FAR_KEY, region="us-east-1"
)
_STATEMENT = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::packages/a"])


# Each argument with values that are legal, at least alone, and with values that never are.
FLAG = ([True, False], ["yes", None])
BRANCHES = (["main", "release/1.0"], ["", "release/*", "refs/heads/main", None])
STATEMENTS = ([[], [_STATEMENT]], [_STATEMENT, ["s3:GetObject"]])
TEMPLATES = ([None, "out/a.json"], ["/a.json", "Source::a.json", ""])
REPOSITORY: Choices = {"repository": ([None, _REPOSITORY], ["images"]), "branch": BRANCHES}
CONNECTION: Choices = {
    "connection_arn": (
        [
            f"arn:aws:{service}:{HERE}:connection/01234567-89ab-cdef-0123-456789abcdef"
            for service in ("codeconnections", "codestar-connections")
        ],
        ["github", ""],
    ),
    "repository": (["owner/name", "group/part/name"], ["name", "https://github.com/a/b"]),
    "branch": BRANCHES,
}
IMAGE: Choices = {
    "stack_name": (["GoldenImage", "I" * 60], ["Golden_Image", "", "Fleet", "fleet-image"]),
    "template": TEMPLATES,
    "deploy_role": ([None, _ROLE], ["deploy"]),
    "statements": STATEMENTS,
}
FLEET: Choices = {
    "template": TEMPLATES,
    "parameters": ([{}, {"MinSize": "2"}], [{"MinSize": 2}, [], {"A": "b" * 1000}]),
    "region": ([None, "eu-west-1", "us-east-1"], ["europe", "us-west-2"]),
    "account": ([None, "111122223333"], ["1111", "444455556666"]),
    "action_role_arn": ([None], ["arn:aws:iam::111122223333:role/action"]),
    "deploy_role_arn": ([None, "arn:aws:iam::111122223333:role/deploy"], ["deploy"]),
    "statements": STATEMENTS,
}
AWAY: dict[str, Any] = {
    "account": "444455556666",
    "action_role_arn": "arn:aws:iam::444455556666:role/action",
    "deploy_role_arn": "arn:aws:iam::444455556666:role/deploy",
}
BUILD: Choices = {
    "buildspec": (["buildspec.yml", "ci/b.yml"], ["/b.yml", "../b.yml", ""]),
    "environment": ([{}, {"STAGE": "test"}], [{"CODEBUILD_A": "b"}, {"PASSWORD": "a"}, {"IMAGE_STACK": "A"}, "A=b"]),
    "timeout": ([MINUTES(5), MINUTES(2160)], [MINUTES(4), MINUTES(2161), 30]),
    "bootstrap_qualifier": (["hnb659fds", "images"], ["", "qualifierlong"]),
}
APPROVAL: Choices = {
    "topic": ([None, _TOPIC], [_FIFO, "topic"]),
    "emails": ([[], ["ops@example.com"]], [["ops"], "ops@example.com"]),
    "timeout": ([MINUTES(5), MINUTES(86400)], [MINUTES(4), MINUTES(86401), None]),
}
OTHER: Choices = {
    "follow_images": FLAG,
    "boundary_statements": STATEMENTS,
    "access_log_bucket": ([None, _LOGS], ["logs"]),
    "encryption_key": ([None, _KEY], [_KEY_ALIAS, "key"]),
    "alarm_topic": ([None, _TOPIC], [_FIFO, "topic"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
PARTS = ("source", "image", "fleets", "build", "approval", "other")


class Delivery(Drawn):
    """Arguments of the construct as they are drawn.

    Args:
        draw: What draws them.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, PARTS, tame=4)

    def source(self) -> CodeCommitSource | ConnectionSource:
        if self._draw(st.booleans()):
            return CodeCommitSource(**self.some("source", REPOSITORY))
        return ConnectionSource(**{name: self.one("source", values) for name, values in CONNECTION.items()})

    def fleets(self) -> list[FleetDeployment]:
        count = self._draw(st.sampled_from([1, 1, 2, 3]))
        made = [
            FleetDeployment(id=f"F{number}", stack_name=name, **self.some("fleets", FLEET))
            for number, name in zip(range(count), ("Fleet", "Shop", "Desk"), strict=False)
        ]
        if self._draw(st.integers(0, 3)) == 3:
            made.append(FleetDeployment(id="Away", stack_name="Away", region="us-east-1", **AWAY))
        return made


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Delivery(draw)
    approval = Approval(**drawn.some("approval", APPROVAL))
    return {
        "source": drawn.source(),
        "image": ImageDeployment(**drawn.some("image", IMAGE)),
        "fleets": drawn.fleets(),
        "build": TemplateBuild(**drawn.some("build", BUILD)),
        "approval": draw(st.sampled_from([approval, approval, None])),
        "artifact_buckets": {"us-east-1": _FAR},
        **drawn.some("other", OTHER),
    }


EXAMPLES = 12
"""Fewer than of the others, because each is many resources more."""

ARGUMENTS = arguments()
