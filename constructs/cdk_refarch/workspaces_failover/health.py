"""The health check of the primary site: healthy while users are to be sent there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import alarm

from .alarm_names import name_for_health_checks
from .failover_values import RoutingControl
from .trigger_checks import alarm_name

NAMESPACE = "CdkRefarch/WorkspacesFailover"
METRIC = "PrimaryDisabled"


class PrimaryHealth(Construct):
    """What Route 53 asks before it answers with the primary site.

    Route 53 reads the data of a metric that the switch writes, in the region of the stack. It needs neither the primary
    region for that nor the API of Route 53, whose control plane is in us-east-1.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        fqdn: The name of the sites.
        trigger_alarms: Alarms that redirect by themselves.
        routing_control: A routing control that redirects; None for none.
        alarm_topic: Where alarms go; None for nowhere.

    Attributes:
        health_check_id: The health check of the record: unhealthy if one of ``checks`` is.
        checks: The health checks by what they look at.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        fqdn: str,
        trigger_alarms: Sequence[cloudwatch.Alarm],
        routing_control: RoutingControl | None,
        alarm_topic: sns.ITopic | None,
    ) -> None:
        super().__init__(scope, id)
        switch = self._switch_alarm(fqdn, alarm_topic)
        self.alarms: Mapping[str, cloudwatch.Alarm] = {"PrimaryDisabled": switch}
        checks = {"Switch": self._of_alarm("Switch", name_for_health_checks(switch), cdk.Stack.of(self).region, switch)}
        for one in trigger_alarms:
            name = f"Trigger-{cdk.Names.unique_resource_name(one, max_length=64, separator='-')}"
            checks[name] = self._of_alarm(name, alarm_name(one), cdk.Stack.of(one).region, one)
        if routing_control is not None:
            settings = route53.CfnHealthCheck.HealthCheckConfigProperty(
                type="RECOVERY_CONTROL", routing_control_arn=routing_control.arn
            )
            checks["RoutingControl"] = self._check("RoutingControl", settings)
        self.checks: Mapping[str, route53.CfnHealthCheck] = checks
        self.health_check_id: str = self._of_all(list(checks.values())).attr_health_check_id

    def _switch_alarm(self, fqdn: str, topic: sns.ITopic | None) -> cloudwatch.Alarm:
        made = alarm(
            self,
            "PrimaryDisabled",
            metric=cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=METRIC,
                dimensions_map={"Fqdn": fqdn},
                statistic="Maximum",
                period=cdk.Duration.minutes(1),
            ),
            description="Users are sent to the failover site, because somebody has switched to it. When the primary "
            "site is well, fail back by the runbook. If it has insufficient data, nobody tells Route 53 where to send "
            "users: look whether the rule that calls the switch each minute is enabled.",
            topic=topic,
            # Without data, Route 53 stays with what it knew.
            missing=cloudwatch.TreatMissingData.MISSING,
        )
        if topic is not None:
            # A switch that is not called fails nowhere.
            made.add_insufficient_data_action(actions.SnsAction(topic))
        return made

    def _of_alarm(self, id: str, name: str, region: str, source: cloudwatch.Alarm) -> route53.CfnHealthCheck:
        l1 = route53.CfnHealthCheck
        settings = l1.HealthCheckConfigProperty(
            type="CLOUDWATCH_METRIC",
            alarm_identifier=l1.AlarmIdentifierProperty(name=name, region=region),
            insufficient_data_health_status="LastKnownStatus",
        )
        made = self._check(id, settings)
        # It is known by its name only.
        made.node.add_dependency(source)
        return made

    def _of_all(self, checks: Sequence[route53.CfnHealthCheck]) -> route53.CfnHealthCheck:
        if len(checks) == 1:
            return checks[0]
        settings = route53.CfnHealthCheck.HealthCheckConfigProperty(
            type="CALCULATED",
            child_health_checks=[one.attr_health_check_id for one in checks],
            health_threshold=len(checks),
        )
        return self._check("All", settings)

    def _check(self, id: str, settings: route53.CfnHealthCheck.HealthCheckConfigProperty) -> route53.CfnHealthCheck:
        tag = route53.CfnHealthCheck.HealthCheckTagProperty(key="Name", value=f"{self.node.path}/{id}"[-255:])
        return route53.CfnHealthCheck(self, id, health_check_config=settings, health_check_tags=[tag])
