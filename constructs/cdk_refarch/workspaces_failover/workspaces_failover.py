"""WorkSpaces in two regions, and everything that redirects users between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.keys import admit_rules_to_queues, key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider
from cdk_refarch._parts.resource_checks import check_resources

from .connection_alias import LASTS
from .directory_salt import directory_salt
from .directory_values import AdConnector, LocalReplica, PrimaryControllers
from .failover_checks import check_redirection, check_sites
from .failover_values import RoutingControl
from .health import PrimaryHealth
from .redirection import DnsAnswer, DriftGuard, RedirectionSwitch, Sites
from .redirection_record import RedirectionRecord
from .runbook import Runbook
from .statements import ANY_WORKSPACES
from .trigger_checks import check_routing_control, check_triggers
from .workspaces_site import WorkspacesSite

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns


class WorkspacesFailover(Construct):
    """Redirects users of WorkSpaces to another region, by a switch, by alarms or by a routing control.

    Creates the TXT records by which clients find the primary site while its health check is healthy and the failover
    site otherwise, the health checks, a switch, a guard that looks regularly whether a redirection would work, and a
    runbook that fails over, fails back and holds drills. It belongs into a stack in the failover region or a third one:
    nothing of it needs the primary region, nor the control plane of Route 53 when users are redirected.

    The two sites are found by their name at the deployment: nothing is exported from one region to another, and the
    stacks of the sites are deployed first.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        primary: The site that users work at.
        failover: The site that they are sent to otherwise.
        zone: The hosted zone of the name.
        trigger_alarms: Alarms that redirect by themselves, and back when they are silent again, such as
            ``primary.alarms["MostlyUnhealthy"]``: on one metric, in periods of a minute or more, with a name, without M
            out of N. Users lose their sessions: without any, people decide.
        routing_control: A routing control that redirects too; None for none.
        ttl: How long resolvers keep an answer, from 1 to 60 seconds.
        check_dns: Whether the runbook asks DNS whether clients are told the new site. False for a private zone.
        drill_duration: How long a drill leaves users at the failover site, from a minute to 24 hours.
        guard_interval: How often the guard looks, from 5 minutes to a day.
        encryption_key: Encrypts queues and logs; None to create a key.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to the key, queues, logs and the runbook when the construct is removed. The records
            go in any case.
        log_retention: How long logs are kept.

    Attributes:
        fqdn: The name, which users give their client as registration code.
        record: The records.
        health: The health checks: ``health.health_check_id`` is the one of the record.
        switch: The switch: ``switch.parameter_name`` is the parameter that says where users are sent.
        guard: The guard.
        state_machine: The runbook.
        encryption_key: The key.
        alarms: The alarms by name.

    Raises:
        ValueError: If users could not be redirected between the sites, or AWS would refuse an argument.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        primary: WorkspacesSite,
        failover: WorkspacesSite,
        zone: route53.IHostedZone,
        trigger_alarms: Sequence[cloudwatch.Alarm] = (),
        routing_control: RoutingControl | None = None,
        ttl: cdk.Duration = cdk.Duration.seconds(60),
        check_dns: bool = True,
        drill_duration: cdk.Duration = cdk.Duration.minutes(15),
        guard_interval: cdk.Duration = cdk.Duration.hours(1),
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        checks = Checks.of(scope, id)
        check_sites(checks, scope, primary, failover)
        check_redirection(checks, zone, primary.fqdn, ttl, check_dns, drill_duration, guard_interval)
        check_triggers(checks, scope, trigger_alarms)
        check_routing_control(checks, routing_control)
        check_resources(
            checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users="queues and logs"
        )
        wanted = {f"redirection of {primary.fqdn}": "primary"}
        check_claims(checks, scope, wanted, {"primary": "use the one that is there"})
        super().__init__(scope, id)
        claim(self, wanted)
        self._order(primary, failover)
        self._warn(primary, failover)
        operation = Operation(
            encryption_key=key_for(self, encryption_key, data="queues and logs", removal_policy=removal_policy),
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        admit_rules_to_queues(self, operation.encryption_key)
        self.fqdn: str = primary.fqdn
        self.encryption_key: kms.IKey = operation.encryption_key
        sites = Sites(
            fqdn=primary.fqdn,
            zone_id=zone.hosted_zone_id,
            primary_region=primary.region,
            failover_region=failover.region,
            identifiers=self._identifiers({"primary": primary, "failover": failover}, operation),
        )
        self.health = PrimaryHealth(
            self,
            "Health",
            fqdn=self.fqdn,
            trigger_alarms=trigger_alarms,
            routing_control=routing_control,
            alarm_topic=alarm_topic,
        )
        self.record = RedirectionRecord(
            self,
            "Record",
            zone=zone,
            fqdn=self.fqdn,
            primary_identifier=sites.identifiers["primary"],
            failover_identifier=sites.identifiers["failover"],
            health_check_id=self.health.health_check_id,
            ttl=ttl,
        )
        self.switch = RedirectionSwitch(
            self, "Switch", fqdn=self.fqdn, routing_control=routing_control, operation=operation
        )
        self.guard = DriftGuard(
            self,
            "Guard",
            sites=sites,
            switch=self.switch,
            health_check_id=self.health.health_check_id,
            interval=guard_interval,
            operation=operation,
        )
        answer = DnsAnswer(self, "Answer", sites=sites, check_dns=check_dns, operation=operation)
        runbook = Runbook(
            self,
            "Runbook",
            guard=self.guard.function,
            switch=self.switch.function,
            answer=answer.function,
            hold=drill_duration,
            operation=operation,
        )
        self.state_machine: sfn.StateMachine = runbook.state_machine
        self.alarms: Mapping[str, cloudwatch.Alarm] = {
            **self.health.alarms,
            **self.switch.alarms,
            **self.guard.alarms,
            **runbook.alarms,
        }

    def _order(self, primary: WorkspacesSite, failover: WorkspacesSite) -> None:
        """Have the stacks of the sites deployed before this one, and the primary's first where the other needs it."""
        here, first, second = (cdk.Stack.of(one) for one in (self, primary, failover))
        controllers = getattr(failover.directory, "controllers", None)
        if isinstance(controllers, LocalReplica | PrimaryControllers) or failover.standby_of:
            second.add_stack_dependency(first, "the other site finds the directory and the WorkSpaces of this one")
        for stack in (first, second):
            if stack is not here:
                here.add_stack_dependency(stack, "the sites are found by their name")

    def _warn(self, primary: WorkspacesSite, failover: WorkspacesSite) -> None:
        there = {user.lower() for user in failover.desktops}
        missing = sorted(user for user in primary.desktops if user.lower() not in there)
        if missing:
            shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:users-without-failover",
                f"The failover site has no WorkSpace for {shown}: AWS makes none when users are redirected.",
            )
        if isinstance(failover.directory, AdConnector) and not failover.desktops:
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:idle-connector",
                "The failover site has no WorkSpaces: AWS deregisters an AD Connector without any after 30 days. "
                "https://docs.aws.amazon.com/workspaces/latest/adminguide/register-deregister-directory.html",
            )

    def _identifiers(self, sites: Mapping[str, WorkspacesSite], operation: Operation) -> dict[str, str]:
        provider = Provider(
            self,
            "IdentifierProvider",
            module="connection_aliases",
            description="Finds the connection identifiers of two sites of WorkSpaces by their name",
            statements=[statement(["workspaces:DescribeConnectionAliases"], "*")],
            operation=operation,
            any_resource=ANY_WORKSPACES,
            lasts=LASTS,
        )
        found = {}
        for name, site in sites.items():
            asked = {"Region": site.region, "Fqdn": site.fqdn, "Directory": directory_salt(site, site.directory)}
            made = provider.resource(self, f"{name.capitalize()}Identifier", "ConnectionIdentifier", asked)
            if cdk.Stack.of(site) is cdk.Stack.of(self):
                made.node.add_dependency(site.connection_alias)
            found[name] = made.get_att_string("ConnectionIdentifier")
        return found
