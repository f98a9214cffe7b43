"""Arguments of WorkspacesFailover, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    Desktop,
    ExistingDirectory,
    IpGroup,
    IpRule,
    RoutingControl,
    StandbyDesktop,
    WorkspacesFailover,
    WorkspacesSite,
)
from tests.unit.drawn import Choices, Drawn

ACCOUNT, PRIMARY, FAILOVER = "111122223333", "us-east-1", "eu-west-1"
HERE = f"{FAILOVER}:{ACCOUNT}"
GROUPS = [IpGroup(id="Office", rules=[IpRule(cidr="198.51.100.0/24")])]


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> WorkspacesFailover:  # noqa: N802
    """Make the failover in a stack of its own, from two sites that all of an app have in common."""
    if not scope.node.children:
        # A template without resources is none.
        cdk.CfnWaitConditionHandle(scope, "Nothing")
    app = scope.node.root
    primary = _site(app, PRIMARY)
    sites = {"primary": primary, "failover": _site(app, FAILOVER), "text": "site"}
    triggers = {"unhealthy": primary.alarms["MostlyUnhealthy"], "text": "alarm", "own": _alarm(primary, "Average")}
    triggers["strange"] = _alarm(primary, "p90")
    own = cdk.Stack(scope, id, env=cdk.Environment(account=ACCOUNT, region=arguments.pop("region")))
    try:
        for name in ("primary", "failover"):
            arguments[name] = sites[arguments[name]]
        arguments["trigger_alarms"] = [triggers[one] for one in arguments["trigger_alarms"]]
        made = WorkspacesFailover(own, "Failover", **arguments)
    except ValueError:
        if not own.node.children:
            scope.node.try_remove_child(id)
        raise
    cdk.Annotations.of(own).acknowledge_warning("cdk-refarch:key-policy", "What is brought along is of no app.")
    return made


def _site(app: Any, region: str) -> WorkspacesSite:
    """The site of a region, with a desktop of the same user."""
    if (there := app.node.try_find_child(f"Site-{region}")) is not None:
        found: WorkspacesSite = there.node.find_child("Site")
        return found
    own = cdk.Stack(app, f"Site-{region}", env=cdk.Environment(account=ACCOUNT, region=region))
    user = (
        Desktop(user_name="ann", bundle_id="wsb-0a1b2c3d4")
        if region == PRIMARY
        else StandbyDesktop(user_name="ann", primary_region=PRIMARY)
    )
    return WorkspacesSite(
        own,
        "Site",
        fqdn="desktop.example.com",
        directory=ExistingDirectory(directory_id="d-1111111111" if region == PRIMARY else "d-2222222222"),
        ip_groups=GROUPS,
        desktops=[user],
        alarm_topic=sns.Topic.from_topic_arn(own, "Told", _told(region)),
    )


def _alarm(site: WorkspacesSite, statistic: str) -> cloudwatch.Alarm:
    own = cdk.Stack.of(site)
    if isinstance(there := own.node.try_find_child(statistic), cloudwatch.Alarm):
        return there
    metric = cloudwatch.Metric(namespace="Own", metric_name="Failed", statistic=statistic)
    made = cloudwatch.Alarm(
        own,
        statistic,
        alarm_name=f"own-{statistic}",
        alarm_description="Nobody can log in. See who cannot.",
        metric=metric,
        threshold=1,
        evaluation_periods=1,
    )
    made.add_alarm_action(actions.SnsAction(sns.Topic.from_topic_arn(own, f"{statistic}Told", _told(own.region))))
    return made


def _told(region: str) -> str:
    return f"arn:aws:sns:{region}:{ACCOUNT}:t"


_elsewhere = cdk.Stack(None, "FailoversElsewhere")
_ZONE = route53.HostedZone.from_hosted_zone_attributes(
    _elsewhere, "Zone", hosted_zone_id="Z0123456789ABCDEFGHIJ", zone_name="example.com"
)
_OTHER = route53.HostedZone.from_hosted_zone_attributes(
    _elsewhere, "Other", hosted_zone_id="Z1123456789ABCDEFGHIJ", zone_name="example.org"
)
_KEY = kms.Key.from_key_arn(_elsewhere, "Key", f"arn:aws:kms:{HERE}:key/own")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/own")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", _told(FAILOVER))
_FIFO = sns.Topic.from_topic_arn(_elsewhere, "Fifo", f"{_told(FAILOVER)}.fifo")
_CONTROL = "arn:aws:route53-recovery-control::111122223333:controlpanel/0123abcd/routingcontrol/4567ef89"

MINUTES, SECONDS = cdk.Duration.minutes, cdk.Duration.seconds

# Each argument with values that are legal, at least alone, and with values that never are.
PLACE: Choices = {
    "region": ([FAILOVER, "eu-central-1"], [PRIMARY]),
    "primary": (["primary"], ["failover", "text"]),
    "failover": (["failover"], ["primary", "text"]),
    "zone": ([_ZONE], [_OTHER, "example.com", None]),
}
TRIGGERS: Choices = {
    "trigger_alarms": (
        [[], ["unhealthy"], ["unhealthy", "own"]],
        [["strange"], ["own", "own"], ["unhealthy", "text"]],
    ),
}
CONTROL: Choices = {
    "arn": ([_CONTROL], ["", "control", _CONTROL.partition("/")[0]]),
    "endpoints": (
        [{"us-east-1": "https://one.example.com"}, {f"eu-west-{number}": "https://a" for number in range(5)}],
        [{}, {"us-east-1": "http://one"}, {"here": "https://one"}, ["https://one"]],
    ),
}
HOW: Choices = {
    "ttl": ([SECONDS(1), SECONDS(60)], [SECONDS(0), SECONDS(61), 60]),
    "check_dns": ([True, False], ["no", None]),
    "drill_duration": ([MINUTES(1), MINUTES(1440)], [SECONDS(59), MINUTES(1441), None]),
    "guard_interval": ([MINUTES(5), MINUTES(1440)], [MINUTES(4), MINUTES(1441), "1h"]),
}
OTHER: Choices = {
    "encryption_key": ([None, _KEY], [_KEY_ALIAS, "key"]),
    "alarm_topic": ([_TOPIC], [_FIFO, "topic"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
PARTS = ("place", "triggers", "control", "how", "other")


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Drawn(draw, PARTS, tame=5)
    control = {name: drawn.one("control", values) for name, values in CONTROL.items()}
    return {
        **{name: drawn.one("place", values) for name, values in PLACE.items()},
        **{name: drawn.one("triggers", values) for name, values in TRIGGERS.items()},
        "routing_control": RoutingControl(**control) if drawn.wants("control", 3) else None,
        **drawn.some("how", HOW, most=4),
        **drawn.some("other", OTHER),
    }


EXAMPLES = 8
"""Fewer than of the others, because each is many resources in three stacks."""

ARGUMENTS = arguments()
