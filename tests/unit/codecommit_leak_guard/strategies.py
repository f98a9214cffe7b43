"""Arguments of CodeCommitLeakGuard, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import CodeCommitLeakGuard, LeakNotification, LeakResponse
from tests.unit.drawn import Choices, Drawn

HERE = "eu-west-1:111122223333"


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> CodeCommitLeakGuard:  # noqa: N802
    """Make the construct in a stack of its own, which has a region that what is brought along can be of or not."""
    if not scope.node.children:
        # A template without resources is none.
        cdk.CfnWaitConditionHandle(scope, "Nothing")
    own = cdk.Stack(scope, id, env=cdk.Environment(account="111122223333", region=arguments.pop("region")))
    try:
        made = CodeCommitLeakGuard(own, "Guard", **arguments)
    except ValueError:
        if not own.node.children:
            scope.node.try_remove_child(id)
        raise
    # What is brought along belongs to no app, so that any app can use it.
    cdk.Annotations.of(own).acknowledge_warning("cdk-refarch:key-policy", "What is brought along is of no app.")
    return made


_elsewhere = cdk.Stack(None, "Elsewhere")


def _repository(id: str, where: str = HERE) -> codecommit.IRepository:
    return codecommit.Repository.from_repository_arn(_elsewhere, id, f"arn:aws:codecommit:{where}:{id.lower()}")


def _role(id: str, account: str = "111122223333") -> iam.IRole:
    return iam.Role.from_role_arn(_elsewhere, id, f"arn:aws:iam::{account}:role/{id.lower()}")


_SHOP, _LAB = _repository("Shop"), _repository("Lab")
_FAR, _OTHERS = _repository("Far", "us-east-1:111122223333"), _repository("Others", "eu-west-1:444455556666")
_ANY = codecommit.Repository.from_repository_name(_elsewhere, "Any", "*")
_DEPLOY, _OTHERS_ROLE = _role("Deploy"), _role("OthersRole", "444455556666")
_ANY_ROLE = iam.Role.from_role_arn(_elsewhere, "AnyRole", "arn:aws:iam::111122223333:role/ci/*")
_ADMINISTRATOR = iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess")
_POLICY = iam.ManagedPolicy.from_managed_policy_arn(_elsewhere, "Policy", "arn:aws:iam::aws:policy/Quarantine")
_KEY = kms.Key.from_key_arn(_elsewhere, "Key", f"arn:aws:kms:{HERE}:key/01234567-89ab-cdef-0123-456789abcdef")
_FAR_KEY = kms.Key.from_key_arn(
    _elsewhere, "FarKey", "arn:aws:kms:us-east-1:111122223333:key/11234567-89ab-cdef-0123-456789abcdef"
)
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/own")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_FIFO = sns.Topic.from_topic_arn(_elsewhere, "Fifo", f"arn:aws:sns:{HERE}:t.fifo")

# Each argument with values that are legal, at least alone, and with values that never are.
FLAG = ([True, False], ["no", None])
PLACE: Choices = {"region": (["eu-west-1"], ["ca-west-1", "eusc-de-east-1"])}
WATCHED: Choices = {
    "repositories": ([None, [_SHOP], [_SHOP, _LAB]], [[], [_FAR], [_OTHERS], [_SHOP, _SHOP], [_ANY], ["shop"], "shop"]),
    "decrypt_keys": ([[], [_KEY]], [[_FAR_KEY], [_KEY_ALIAS], [_KEY, _KEY], "key", None]),
    "delivery": (["eventbridge", "trigger"], ["poll", None]),
}
RESPONSE: Choices = {
    "dry_run": FLAG,
    "user_paths": ([["/"], ["/people/", "/machines/build/"]], [[], ["/people"], ["/*/"], "/people/"]),
    "exempt_users": ([[], ["emergency", "ann@example.com"]], [["/people/ann"], [""], "ann", ["ann", "ann"]]),
    "break_glass_tag": (["break-glass", "On call"], ["", "AWS:tag", " on call", None]),
    "quarantine_policy": ([None, _POLICY], [_ADMINISTRATOR, "arn:aws:iam::aws:policy/Quarantine"]),
    "revoke_roles": ([[], [_DEPLOY]], [["deploy"], [_OTHERS_ROLE], [_ANY_ROLE], [_DEPLOY, _DEPLOY], None]),
}
NOTIFICATION: Choices = {
    "topic": ([None, _TOPIC], [_FIFO, "topic"]),
    "emails": ([[], ["a@example.com"]], [["nobody"], "a@example.com"]),
    "security_hub": FLAG,
}
OTHER: Choices = {
    "encryption_key": ([None, _KEY], [_KEY_ALIAS, "key"]),
    "alarm_topic": ([_TOPIC], [_FIFO, "topic"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
PARTS = ("place", "watched", "response", "notification", "other")


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Drawn(draw, PARTS, tame=4)
    return {
        **{name: drawn.one("place", values) for name, values in PLACE.items()},
        **drawn.some("watched", WATCHED, most=3),
        "response": LeakResponse(**drawn.some("response", RESPONSE, most=4)),
        "notification": LeakNotification(**drawn.some("notification", NOTIFICATION)),
        **drawn.some("other", OTHER),
    }


ARGUMENTS = arguments()
