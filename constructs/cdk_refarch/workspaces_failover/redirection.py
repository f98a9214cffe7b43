"""The functions that watch over the redirection, switch it, and ask what clients are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.event_function import Occasion, call
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.log_metrics import measure_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.queues import failure_queue

from .failover_values import RoutingControl
from .health import NAMESPACE
from .statements import ANY_DIRECTORY, ANY_WORKSPACES
from .switch_parameter import switch_parameter

CODE = Path(__file__).parent / "handlers" / "redirection"

ANY_METRIC = (
    "CloudWatch has no resources for data of metrics; the statement is for one namespace. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html."
)


@dataclass(frozen=True, kw_only=True)
class Sites:
    """What the functions are told of the two sites.

    Attributes:
        fqdn: The name of both.
        zone_id: The hosted zone that its records are in.
        primary_region: The region of the primary site.
        failover_region: The region of the failover site.
        identifiers: The connection identifiers by ``primary`` and ``failover``.
    """

    fqdn: str
    zone_id: str
    primary_region: str
    failover_region: str
    identifiers: Mapping[str, str]


class DriftGuard(Construct):
    """A function that looks regularly whether users could be redirected.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sites: The sites.
        switch: The switch, which says where users are sent.
        health_check_id: The health check that the record of the primary site must have.
        interval: How often it looks.
        operation: What it shares with the other parts.

    Attributes:
        function: The function, which the runbook calls too.
        failed_events: Calls that failed; the next one looks at the same.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sites: Sites,
        switch: RedirectionSwitch,
        health_check_id: str,
        interval: cdk.Duration,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        self.failed_events: sqs.IQueue = failure_queue(
            self,
            "FailedEvents",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        describing = ["DescribeConnectionAliases", "DescribeWorkspaceDirectories", "DescribeWorkspaces"]
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="guard.handler",
            description="Looks whether users of WorkSpaces could be redirected to another region",
            timeout=cdk.Duration.minutes(3),
            statements=[
                statement([f"workspaces:{one}" for one in describing], "*"),
                statement(["ds:DescribeDirectories"], "*"),
                statement(
                    ["route53:ListResourceRecordSets"], f"arn:{stack.partition}:route53:::hostedzone/{sites.zone_id}"
                ),
                statement(["ssm:GetParameter"], switch.parameter_arn),
            ],
            environment={
                "FQDN": sites.fqdn,
                "ZONE_ID": sites.zone_id,
                "PRIMARY_REGION": sites.primary_region,
                "FAILOVER_REGION": sites.failover_region,
                "PARAMETER_NAME": switch.parameter_name,
                "HEALTH_CHECK_ID": health_check_id,
            },
            operation=operation,
            any_resource=f"{ANY_WORKSPACES} {ANY_DIRECTORY}",
            failed_events=self.failed_events,
        )
        occasion = Occasion(description="Looks for drift, for", schedule_expression=rate(interval))
        call(self, self.function, self.failed_events, {"Regularly": occasion})
        self._metric_name = f"Findings-{address(self)}"
        measure_lines(
            self,
            "FindingsMetric",
            log_group_name=self.function.log_group.log_group_name,
            field="findings",
            namespace=NAMESPACE,
            metric_name=self._metric_name,
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(interval, operation)

    def metric_findings(self, *, period: cdk.Duration) -> cloudwatch.Metric:
        """Return how much was found that is in the way of a redirection.

        Args:
            period: Length of a period.
        """
        return cloudwatch.Metric(namespace=NAMESPACE, metric_name=self._metric_name, statistic="Maximum", period=period)

    def _alarms(self, interval: cdk.Duration, operation: Operation) -> dict[str, cloudwatch.Alarm]:
        found = alarm(
            self,
            "DriftAlarm",
            metric=self.metric_findings(period=interval),
            description="A redirection would not work, or not for all users: the log of the guard names what is to be "
            "mended, in lines with the field finding.",
            topic=operation.alarm_topic,
            # A period without an answer says nothing: ``GuardFailed`` tells of it.
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        failed: list[Watched] = [
            (
                "GuardFailed",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Nobody knows whether users could be redirected: the guard failed three times. Read its log, mend it, "
                "and purge the queue; it looks again by itself.",
            )
        ]
        return {"Drift": found, **alarms(self, failed, operation.alarm_topic)}


class RedirectionSwitch(Construct):
    """A switch between the sites: a parameter that says where users are sent, and a metric that repeats it each minute.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        fqdn: The name of the sites.
        routing_control: A routing control that is turned with it; None for none.
        operation: What it shares with the other parts.

    Attributes:
        parameter_name: The name of the parameter, which is ``primary`` or ``failover``. No deployment turns it.
        parameter_arn: Its ARN.
        function: The function that turns it.
        failed_events: Calls that failed; that of the next minute does the same.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        fqdn: str,
        routing_control: RoutingControl | None,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        parameter = switch_parameter(self, fqdn, operation)
        self.parameter_name: str = parameter.name
        self.parameter_arn: str = parameter.arn
        self.failed_events: sqs.IQueue = failure_queue(
            self,
            "FailedEvents",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="switch.handler",
            description="Says to Route 53 each minute where users of WorkSpaces are sent, and turns it",
            timeout=cdk.Duration.seconds(90),
            statements=self._statements(routing_control),
            environment={
                "FQDN": fqdn,
                "NAMESPACE": NAMESPACE,
                "PARAMETER_NAME": self.parameter_name,
                **_control_environment(routing_control),
            },
            operation=operation,
            any_resource=ANY_METRIC,
            failed_events=self.failed_events,
        )
        occasion = Occasion(description="Repeats where users are sent, for", schedule_expression="rate(1 minute)")
        for rule in call(self, self.function, self.failed_events, {"EachMinute": occasion}).values():
            # Its first call would fail.
            rule.node.add_dependency(parameter.resource)
        watched: list[Watched] = [
            (
                "SwitchFailed",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Route 53 was not told where users are to be sent, and stays with what it knew. Read the log of the "
                "switch, mend it, and purge the queue; it repeats itself each minute.",
            )
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic)

    def _statements(self, control: RoutingControl | None) -> list[iam.PolicyStatement]:
        telling = statement(["cloudwatch:PutMetricData"], "*")
        telling.add_conditions({"StringEquals": {"cloudwatch:namespace": NAMESPACE}})
        statements = [statement(["ssm:GetParameter", "ssm:PutParameter"], self.parameter_arn), telling]
        if control is not None:
            statements.append(statement(["route53-recovery-cluster:UpdateRoutingControlState"], control.arn))
        return statements


def _control_environment(control: RoutingControl | None) -> dict[str, str]:
    if control is None:
        return {}
    endpoints = [{"Region": region, "Endpoint": url} for region, url in control.endpoints.items()]
    return {"ROUTING_CONTROL_ARN": control.arn, "ROUTING_CONTROL_ENDPOINTS": json.dumps(endpoints)}


class DnsAnswer(Construct):
    """A function that asks DNS where clients are sent. The runbook calls it until the answer is right.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sites: The sites.
        check_dns: Whether DNS can be asked.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
    """

    def __init__(self, scope: Construct, id: str, *, sites: Sites, check_dns: bool, operation: Operation) -> None:
        super().__init__(scope, id)
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="answer.handler",
            description="Asks DNS which region clients of WorkSpaces are sent to",
            timeout=cdk.Duration.seconds(30),
            statements=[],
            environment={
                "FQDN": sites.fqdn,
                "CHECK_DNS": "true" if check_dns else "false",
                "IDENTIFIERS": cdk.Stack.of(self).to_json_string(dict(sites.identifiers)),
            },
            operation=operation,
        )
        acknowledge(
            self.function,
            "Serverless::Serverless-LambdaDLQ",
            "Only the runbook calls this function and waits for it: what fails fails the run, which has an alarm.",
        )


def rate(interval: cdk.Duration) -> str:
    """Return a schedule of Amazon EventBridge.

    Args:
        interval: How often, in whole minutes.
    """
    minutes = int(interval.to_minutes())
    return f"rate({minutes} minute{'' if minutes == 1 else 's'})"
