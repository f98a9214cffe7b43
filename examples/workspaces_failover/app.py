#!/usr/bin/env python3
"""A company's own app: desktops in two regions, on directories that it has, behind one name."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk_refarch import (
    AlarmTopic,
    ClientAccess,
    Desktop,
    DesktopDefaults,
    ExistingDirectory,
    IpGroup,
    IpRule,
    SelfService,
    StandbyDesktop,
    WorkspacesFailover,
    WorkspacesSite,
)

ACCOUNT, PRIMARY, FAILOVER = "111122223333", "eu-west-1", "eu-central-1"
FQDN = "desktop.example.com"
BUNDLE = "wsb-0a1b2c3d4"
STAFF = ("ana", "ben", "chloe")
"""Names of users in the directory."""

IP_GROUPS = [
    IpGroup(
        id="Offices",
        description="Offices and their VPN",
        rules=[
            IpRule(cidr="198.51.100.0/25", description="Dublin"),
            IpRule(cidr="203.0.113.17", description="NAT gateway of the VPN"),
        ],
    )
]
DEFAULTS = DesktopDefaults(organizational_unit="OU=Desktops,DC=corp,DC=example,DC=com")
CLIENTS = ClientAccess(linux=False, web=True)


class Primary(cdk.Stack):
    """The desktops that people work at, in a directory that another app made."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, env=cdk.Environment(account=ACCOUNT, region=PRIMARY))
        topic = AlarmTopic(self, "Alarms")
        self.site = WorkspacesSite(
            self,
            "Desktops",
            fqdn=FQDN,
            directory=ExistingDirectory(directory_id="d-93671a2b3c"),
            ip_groups=IP_GROUPS,
            desktops=[Desktop(user_name=user, bundle_id=BUNDLE, running_mode="ALWAYS_ON") for user in STAFF],
            defaults=DEFAULTS,
            client_access=CLIENTS,
            self_service=SelfService(restart=True, rebuild=True),
            alarm_topic=topic,
        )
        cloudwatch.Dashboard(
            self,
            "Board",
            widgets=[[cloudwatch.GraphWidget(title="Connected", left=[self.site.metric("UserConnected")])]],
        )


class Failover(cdk.Stack):
    """Where they go when Dublin is gone: an AD Connector of the same directory, with a standby for everybody."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, env=cdk.Environment(account=ACCOUNT, region=FAILOVER))
        self.site = WorkspacesSite(
            self,
            "Desktops",
            fqdn=FQDN,
            directory=ExistingDirectory(directory_id="d-99671d4e5f"),
            ip_groups=IP_GROUPS,
            desktops=[StandbyDesktop(user_name=user, primary_region=PRIMARY) for user in STAFF],
            defaults=DEFAULTS,
            client_access=CLIENTS,
            default_role=False,
            alarm_topic=AlarmTopic(self, "Alarms"),
        )


class Redirection(cdk.Stack):
    """The name, in a zone that the company has, and the switch between the two."""

    def __init__(self, scope: Construct, id: str, *, primary: WorkspacesSite, failover: WorkspacesSite) -> None:
        super().__init__(scope, id, env=cdk.Environment(account=ACCOUNT, region=FAILOVER))
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id="Z0123456789ABCDEFGHIJ", zone_name="example.com"
        )
        redirection = WorkspacesFailover(
            self,
            "Failover",
            primary=primary,
            failover=failover,
            zone=zone,
            trigger_alarms=[primary.alarms["MostlyUnhealthy"]],
            drill_duration=cdk.Duration.minutes(30),
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        cdk.CfnOutput(self, "Runbook", value=redirection.state_machine.state_machine_arn)


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    primary = Primary(app, "DesktopsPrimary").site
    failover = Failover(app, "DesktopsFailover").site
    Redirection(app, "DesktopsRedirection", primary=primary, failover=failover)
    return app


if __name__ == "__main__":
    build().synth()
