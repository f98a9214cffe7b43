"""The stacks of ``WorkspacesFailover``: the primary site, the failover site, and what redirects users between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_refarch import (
    AdConnector,
    AlarmTopic,
    Desktop,
    ExistingDirectory,
    IpGroup,
    IpRule,
    LocalReplica,
    ManagedAd,
    StandbyDesktop,
    WorkspacesFailover,
    WorkspacesSite,
)

from .config import Settings, WorkspacesFailoverSettings

ADMIN = '{"username": "Admin"}'
"""What is known of the account that Directory Service creates."""


class WorkspacesFailoverStack(cdk.Stack):
    """What redirects users, in the failover region; adds the stacks of the two sites to the app.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        primary: The stack of the primary site.
        standby: The stack of the failover site.
        failover: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        own = settings.workspaces_failover
        env = cdk.Environment(region=own.failover_region)
        super().__init__(scope, id, env=env, description="Redirects users of WorkSpaces to another region")
        self.primary = PrimarySiteStack(scope, f"{id}Primary", settings=settings)
        self.standby = FailoverSiteStack(
            scope, f"{id}Standby", settings=settings, service_account=self.primary.admin_secret_name
        )
        removal = _removal(settings)
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.failover = WorkspacesFailover(
            self,
            "Failover",
            primary=self.primary.site,
            failover=self.standby.site,
            zone=self._zone(own),
            trigger_alarms=[self.primary.site.alarms["MostlyUnhealthy"]] if own.automatic else [],
            drill_duration=cdk.Duration.minutes(own.drill_minutes),
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        if not own.users:
            cdk.Annotations.of(self.failover).acknowledge_warning(
                "cdk-refarch:idle-connector",
                "No users are named in the settings yet. The guard tells of it as no-desktops, and its alarm rings.",
            )
        for name, value, description in self._outputs():
            cdk.CfnOutput(self, name, value=value, description=description)

    def _zone(self, own: WorkspacesFailoverSettings) -> route53.IHostedZone:
        if own.hosted_zone_id is not None:
            return route53.HostedZone.from_hosted_zone_attributes(
                self, "Zone", hosted_zone_id=own.hosted_zone_id, zone_name=own.hosted_zone_name
            )
        zone = route53.PublicHostedZone(self, "Zone", zone_name=own.hosted_zone_name)
        servers = cdk.Fn.join(",", zone.hosted_zone_name_servers or [])
        cdk.CfnOutput(self, "NameServers", value=servers, description="Delegate the zone to them at your registrar")
        return zone

    def _outputs(self) -> Iterator[tuple[str, str, str]]:
        failover = self.failover
        yield "Fqdn", failover.fqdn, "What users enter as the registration code of their client"
        yield "StateMachineArn", failover.state_machine.state_machine_arn, "The runbook: failover, failback, drill"
        yield "SwitchParameter", failover.switch.parameter_name, "Where users are sent: primary or failover"
        yield "HealthCheckId", failover.health.health_check_id, "Healthy while users are sent to the primary site"
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told of alarms"


class _SiteStack(cdk.Stack):
    """A site with alarms to a topic, in its region.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.
        region: Its region.

    Attributes:
        site: The site.
        alarm_topic: The topic that its alarms go to.
    """

    site: WorkspacesSite

    def __init__(self, scope: Construct, id: str, *, settings: Settings, region: str) -> None:
        super().__init__(scope, id, env=cdk.Environment(region=region), description="WorkSpaces of one region")
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=_removal(settings))

    def _site(
        self,
        settings: Settings,
        directory: ExistingDirectory | ManagedAd | AdConnector,
        desktops: Sequence[Desktop | StandbyDesktop],
    ) -> WorkspacesSite:
        own = settings.workspaces_failover
        site = WorkspacesSite(
            self,
            "Site",
            fqdn=own.fqdn,
            directory=directory,
            ip_groups=[IpGroup(id="Allowed", rules=[IpRule(cidr=cidr) for cidr in own.allowed_cidrs])],
            desktops=desktops,
            alarm_topic=self.alarm_topic,
            removal_policy=_removal(settings),
        )
        cdk.CfnOutput(self, "DirectoryId", value=site.directory_id, description="The directory of the site")
        cdk.CfnOutput(
            self,
            "ConnectionIdentifier",
            value=site.connection_alias.connection_identifier,
            description="What the TXT record of the site says",
        )
        cdk.CfnOutput(self, "AlarmTopicArn", value=self.alarm_topic.topic_arn, description="Subscribe for alarms")
        return site

    def _network(self, block: str, removal: cdk.RemovalPolicy) -> ec2.IVpc:
        """Create a network for a directory that is created; the blocks of the two regions do not overlap."""
        network = ec2.Vpc(
            self,
            "Network",
            ip_addresses=ec2.IpAddresses.cidr(block),
            max_azs=2,
            nat_gateways=1,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
            ],
            # What the consumer's flags would make of it is a function that writes the setting.
            restrict_default_security_group=False,
            flow_logs={"Rejected": ec2.FlowLogOptions(traffic_type=ec2.FlowLogTrafficType.REJECT)},
        )
        if removal is cdk.RemovalPolicy.RETAIN:
            # A directory that is kept needs it, and it could not be deleted.
            cdk.RemovalPolicies.of(network).retain()
        return network


class PrimarySiteStack(_SiteStack):
    """The primary site, with a Managed AD unless a directory is given.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        admin_secret_name: The secret of the account Admin, which the failover region has a replica of; None if the
            directory is given.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        own = settings.workspaces_failover
        super().__init__(scope, id, settings=settings, region=own.primary_region)
        self.admin_secret_name: str | None = None
        if own.primary_directory_id is not None:
            directory: ExistingDirectory | ManagedAd = ExistingDirectory(directory_id=own.primary_directory_id)
        else:
            self.admin_secret_name = f"{id}/admin"
            directory = ManagedAd(
                name=own.directory_name,
                vpc=self._network("10.20.0.0/16", _removal(settings)),
                admin_secret=self._admin(self.admin_secret_name, settings),
            )
        desktops = [Desktop(user_name=user, bundle_id=own.primary_bundle_id or "") for user in own.users]
        self.site = self._site(settings, directory, desktops)

    def _admin(self, name: str, settings: Settings) -> secretsmanager.ISecret:
        secret = secretsmanager.Secret(
            self,
            "Admin",
            secret_name=name,
            description="The account Admin of the directory",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=ADMIN,
                generate_string_key="password",
                password_length=32,
                exclude_punctuation=True,
                require_each_included_type=True,
            ),
            replica_regions=[secretsmanager.ReplicaRegion(region=settings.workspaces_failover.failover_region)],
            removal_policy=_removal(settings),
        )
        cdk.Validations.of(secret).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-SMG4",
                reason="Directory Service takes the password once, and changes it by its own API: a rotation here "
                "would make the secret wrong. Change both, as the README says.",
            )
        )
        return secret


class FailoverSiteStack(_SiteStack):
    """The failover site, with an AD Connector unless a directory is given.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.
        service_account: The secret of the account that the connector uses, if the primary's directory is created.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, service_account: str | None) -> None:
        own = settings.workspaces_failover
        super().__init__(scope, id, settings=settings, region=own.failover_region)
        secret = own.service_account_secret or service_account
        if own.failover_directory_id is not None or secret is None:
            directory: ExistingDirectory | AdConnector = ExistingDirectory(directory_id=own.failover_directory_id or "")
        else:
            directory = AdConnector(
                name=own.directory_name,
                vpc=self._network("10.21.0.0/16", _removal(settings)),
                service_account=secretsmanager.Secret.from_secret_name_v2(self, "ServiceAccount", secret),
                controllers=LocalReplica(primary_region=own.primary_region, directory_id=own.primary_directory_id),
            )
        self.site = self._site(settings, directory, [self._desktop(own, user) for user in own.users])

    def _desktop(self, own: WorkspacesFailoverSettings, user: str) -> Desktop | StandbyDesktop:
        if own.standby:
            return StandbyDesktop(user_name=user, primary_region=own.primary_region)
        return Desktop(user_name=user, bundle_id=own.failover_bundle_id or "")


def _removal(settings: Settings) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
