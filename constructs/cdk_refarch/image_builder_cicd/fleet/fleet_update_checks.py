"""Refusal of updates that could not begin, would never end, or would take the whole fleet down."""

from __future__ import annotations

import itertools

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import elements
from cdk_refarch._parts.resource_checks import check_resource

from .fleet_checks import Instances, known, operating_system
from .fleet_values import FleetCapacity, InstanceRefresh, RollingUpdate

MAX_BATCH = 100
LONGEST_PAUSE_S = 3600
LONGEST_BAKE_S = 172_800
MAX_SPREAD = 100
MAX_ALARMS = 10
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html"""

LONGEST_GRACE_S = 86_340
"""Alarms wait a minute longer than the health checks do, and look back a day at most:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""

MAX_TARGET_GROUPS = 50
"""https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html"""

URL = r"https?://[^\s'\"\\]+"


def check_update(
    checks: Checks,
    scope: Construct,
    update: object,
    capacity: FleetCapacity,
    target_groups: object,
    given: Instances,
) -> None:
    """Check how the fleet is rolled over to another image.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        update: The argument.
        capacity: The argument; checked before.
        target_groups: The argument; checked before.
        given: What the instances are; checked before.

    Raises:
        ValueError: If AWS would refuse it, or it could not succeed.
    """
    if isinstance(update, RollingUpdate):
        _check_rolling(checks, update, capacity)
        _check_script(checks, scope, given)
        return
    if not isinstance(update, InstanceRefresh):
        got = f"{type(update).__name__} {update!r}"
        checks.refuse("update", "an InstanceRefresh or a RollingUpdate", got, "leave it out for InstanceRefresh()")
    _check_refresh(checks, update)
    watched = len(elements(checks, "target_groups", target_groups, unit="groups", remedy="give a list"))
    _check_alarms(checks, scope, update.alarms, MAX_ALARMS - watched)


def check_health(
    checks: Checks, scope: Construct, vpc: ec2.IVpc, target_groups: object, grace: cdk.Duration | None
) -> None:
    """Check by what the instances are known to be healthy.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        vpc: The argument; checked before.
        target_groups: The argument.
        grace: The argument ``health_check_grace``.

    Raises:
        ValueError: If instances cannot be in a target group, or its health cannot be told.
    """
    remedy = "give cdk.Duration.minutes(5), say"
    _check_duration(checks, "health_check_grace", grace, 0, LONGEST_GRACE_S, remedy, now=True)
    remedy = "give [elbv2.ApplicationTargetGroup(...)]"
    groups = elements(checks, "target_groups", target_groups, unit="groups", remedy=remedy, high=MAX_TARGET_GROUPS)
    arns = []
    for position, group in enumerate(groups):
        argument = f"target_groups[{position}]"
        if not (hasattr(group, "target_group_arn") and hasattr(group, "add_target")):
            rule = "an IApplicationTargetGroup or an INetworkTargetGroup"
            checks.refuse(argument, rule, f"{type(group).__name__} {group!r}", remedy)
        arns.append(str(group.target_group_arn))
        if arns[-1] in arns[:-1]:
            checks.refuse("target_groups", "a list without repetition", f"{group.node.path} twice", "drop one of them")
        _check_target_group(checks, scope, vpc, argument, group)


def _check_target_group(checks: Checks, scope: Construct, vpc: ec2.IVpc, argument: str, group: Construct) -> None:
    _check_place(checks, scope, argument, group, str(getattr(group, "target_group_arn")))  # noqa: B009 - of two interfaces
    owner, resource = cdk.Stack.of(group), group.node.default_child
    kind = owner.resolve(getattr(resource, "target_type", None))
    if kind not in (None, "instance"):
        remedy = "give one whose target_type is elbv2.TargetType.INSTANCE"
        checks.refuse(argument, "a target group of instances", f"one of the type {kind}", remedy)
    home = owner.resolve(getattr(resource, "vpc_id", None))
    if isinstance(home, str) and not is_token(vpc.vpc_id) and home != vpc.vpc_id:
        checks.refuse(argument, f"in the VPC of the fleet, {vpc.vpc_id}", f"one in {home}", "use one of the same VPC")
    try:
        getattr(group, "metrics")  # noqa: B009 - of two interfaces
    except RuntimeError:
        rule = "a target group of a load balancer"
        remedy = "create its listener before the fleet, or name load_balancer_arns where it is imported"
        checks.refuse(argument, rule, "one of none", remedy)


def _check_place(checks: Checks, scope: Construct, argument: str, given: Construct, arn: str) -> None:
    """Check where something is that was made here or imported, when the CDK takes the latter for one of the stack's."""
    here, there = cdk.Stack.of(scope), cdk.Stack.of(given)
    region, account = (there.region, there.account) if is_token(arn) else arn.split(":")[3:5]
    for what, theirs, ours in (("region", region, here.region), ("account", account, here.account)):
        if theirs != ours and not is_token(theirs) and not is_token(ours):
            checks.refuse(argument, f"in the {what} of the stack, {ours}", theirs, f"use one of the same {what}")


def _check_refresh(checks: Checks, update: InstanceRefresh) -> None:
    low, high = update.min_healthy_percentage, update.max_healthy_percentage
    for name, value, bounds in (("min", low, (0, 100)), ("max", high, (100, 200))):
        argument = f"{name}_healthy_percentage of update"
        if value is None:
            checks.refuse(argument, f"from {bounds[0]} % to {bounds[1]} %", "NoneType None", "leave it out")
        checks.number(argument, value, *bounds, unit="%", remedy="give a percentage in this range")
    if known(low, high) and high - low > MAX_SPREAD:
        argument = "max_healthy_percentage and min_healthy_percentage of update"
        checks.refuse(
            argument, f"at most {MAX_SPREAD} apart", f"{high} and {low}", "lower the first or raise the other"
        )
    remedy = "give cdk.Duration.minutes(10), say"
    if update.warmup is not None:
        _check_duration(checks, "warmup of update", update.warmup, 0, LONGEST_BAKE_S, remedy)
    _check_duration(checks, "bake of update", update.bake, 0, LONGEST_BAKE_S, remedy)
    points = _check_checkpoints(checks, update.checkpoints)
    if update.checkpoint_delay is not None:
        _check_duration(checks, "checkpoint_delay of update", update.checkpoint_delay, 0, LONGEST_BAKE_S, remedy)
        if not points:
            rule, remedy = "given together with checkpoints", "give checkpoints=[25, 100], say, or leave the delay out"
            checks.refuse("checkpoint_delay of update", rule, "without any", remedy)


def _check_checkpoints(checks: Checks, given: object) -> list[object]:
    argument, remedy = "checkpoints of update", "give [25, 100], say"
    points = elements(checks, argument, given, unit="percentages", remedy=remedy, known=True)
    for point in points:
        if point is None:
            checks.refuse(argument, "percentages", "NoneType None", remedy)
        checks.number(argument, point, 1, 100, unit="%", remedy=remedy)
    numbers = [point for point in points if not is_token(point)]
    rising = all(first < second for first, second in itertools.pairwise(numbers))
    if numbers and (not rising or (points[-1] in numbers and points[-1] != 100)):
        checks.refuse(argument, "percentages that rise to 100", points, remedy)
    return points


def _check_alarms(checks: Checks, scope: Construct, given: object, most: int) -> None:
    argument, remedy = "alarms of update", "give alarms of Amazon CloudWatch"
    if most < 0:
        rule = f"{MAX_ALARMS} at most, for the alarm of each is watched"
        checks.refuse("target_groups", rule, MAX_ALARMS - most, "use RollingUpdate, or fewer")
    alarms = elements(checks, argument, given, unit="alarms", remedy=remedy)
    if len(alarms) > most:
        rule = f"{most} at most beside those of the target groups"
        checks.refuse(argument, rule, len(alarms), "put some together in a cloudwatch.CompositeAlarm")
    for position, alarm in enumerate(alarms):
        name = f"{argument}[{position}]"
        if alarm is None:
            checks.refuse(name, "an IAlarm", "NoneType None", remedy)
        check_resource(checks, None, name, alarm, "alarm_arn", "IAlarm")
        _check_place(checks, scope, name, alarm, alarm.alarm_arn)


def _check_rolling(checks: Checks, update: RollingUpdate, capacity: FleetCapacity) -> None:
    def number(name: str, low: int, high: int, unit: str) -> None:
        value, remedy = getattr(update, name), "give a number in this range"
        if value is None:
            checks.refuse(f"{name} of update", f"a number from {low} to {high}", "NoneType None", remedy)
        checks.number(f"{name} of update", value, low, high, unit=unit, remedy=remedy)

    number("batch_size", 1, MAX_BATCH, "instances")
    number("min_successful_percentage", 1, 100, "%")
    if is_token(update.min_successful_percentage):
        # The CDK compares it with its bounds.
        argument = "min_successful_percentage of update"
        checks.refuse(argument, "known when the app runs", "a token", "give a number, say 100")
    if update.min_in_service is not None and known(capacity.maximum):
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
        remedy = "an update needs room for one to be replaced: lower it, or raise the maximum of capacity"
        checks.number(
            "min_in_service of update",
            update.min_in_service,
            0,
            int(capacity.maximum) - 1,
            unit="instances",
            remedy=remedy,
            when=f"the maximum of capacity is {int(capacity.maximum)}",
        )
    remedy = "give cdk.Duration.minutes(15), say"
    _check_duration(checks, "pause of update", update.pause, 1, LONGEST_PAUSE_S, remedy, now=True)
    if update.health_check_url is not None:
        remedy = "give 'http://localhost:8080/health', say, or None to ask nothing"
        rule = "a URL of http or https without quotes"
        checks.matches("health_check_url of update", update.health_check_url, URL, rule=rule, remedy=remedy)


def _check_script(checks: Checks, scope: Construct, given: Instances) -> None:
    """Check that commands which signal can be put behind those that start an instance."""
    if operating_system(scope, given.image) is ec2.OperatingSystemType.WINDOWS:
        remedy = "use InstanceRefresh, which asks the load balancer"
        checks.refuse("update", "an InstanceRefresh for Windows", "RollingUpdate", remedy)
    if given.user_data is None:
        return
    rule, remedy = "commands of bash when update is a RollingUpdate", "give ec2.UserData.for_linux()"
    try:
        # Only a text that is given as a whole refuses even no commands.
        given.user_data.add_on_exit_commands()
    except RuntimeError:
        checks.refuse("user_data", rule, "a text that nothing can be put behind", remedy)
    first = given.user_data.render().partition("\n")[0]
    if not (first.startswith("#!") and first.endswith("bash")):
        checks.refuse("user_data", rule, f"a script that begins with {first!r}", remedy)


def _check_duration(
    checks: Checks, argument: str, value: object, low: int, high: int, remedy: str, *, now: bool = False
) -> None:
    if not isinstance(value, cdk.Duration):
        checks.instance(argument, value, cdk.Duration, remedy=remedy)
        return
    seconds = checks.seconds(argument, value)
    if seconds is None and now:
        checks.refuse(argument, "known when the app runs", "a token", remedy)
    checks.number(argument, seconds, low, high, unit="s", remedy=remedy)
