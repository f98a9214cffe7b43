"""WorkSpaces of one region, which users reach by a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_workspaces as workspaces
from constructs import Construct

from cdk_refarch._parts.alarms import alarm
from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.resource_checks import check_resources

from .alarm_names import name_for_health_checks
from .connection_alias import ConnectionAlias, alias_claims
from .desktop_checks import check_desktops
from .desktops import desktop, standbys
from .directories import site_directory
from .directory_checks import check_directory
from .directory_values import Directory, ExistingDirectory
from .registration import default_role as make_default_role
from .registration import ip_groups as make_ip_groups
from .registration import registration
from .site_checks import check_fqdn, check_ip_groups, check_settings
from .site_values import ClientAccess, Desktop, DesktopDefaults, IpGroup, SelfService, StandbyDesktop

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

PERIOD = cdk.Duration.minutes(5)
"""WorkSpaces are asked for their health every five minutes."""

IN_A_ROW = 3
FAILED_CONNECTIONS = 10


class WorkspacesSite(Construct):
    """WorkSpaces of one region: a directory, who may connect from where, and a name that clients find it by.

    Registers the directory, which is there or is created, with WorkSpaces; sets how its WorkSpaces are created, what
    users may do with them, and from which devices and addresses they come; associates a connection alias; creates
    WorkSpaces for users; and watches them. Volumes are encrypted.

    Two sites of one name in two regions of an account are put together by ``WorkspacesFailover``.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        fqdn: The name that clients are registered with, the same in both regions: a domain that you own, in lower case.
        directory: The directory: ``ExistingDirectory``, ``ManagedAd`` or ``AdConnector``.
        ip_groups: Where users may come from, 1 to 25 groups. What others have put on the directory stays.
        desktops: WorkSpaces that are created now: ``Desktop``, and ``StandbyDesktop`` in a failover region.
        defaults: How WorkSpaces are created from now on.
        client_access: From which kinds of device users may connect.
        self_service: What users may do with their WorkSpaces.
        default_role: Whether to create the role ``workspaces_DefaultRole``, which WorkSpaces acts with, if the account
            has none. It is never deleted. False if it is somebody else's to create.
        encryption_key: Encrypts volumes and logs; None to create a key. WorkSpaces takes 500 WorkSpaces for a key.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to WorkSpaces, created directories, the registration, its IP groups, key and logs
            when the construct is removed. The connection alias goes in any case.
        log_retention: How long logs are kept.

    Attributes:
        fqdn: The name.
        region: The region of the site.
        directory: The argument.
        directory_id: The directory, once it is registered and set.
        registration_code: The registration code of the directory, for clients that do not know the name.
        connection_alias: The alias.
        standby_of: The regions whose WorkSpaces have standbys here.
        ip_groups: The IP groups by id.
        desktops: The WorkSpaces by the names of their users; those of standbys are custom resources.
        encryption_key: The key.
        alarms: The alarms by name. ``MostlyUnhealthy`` is made to trigger a redirection.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or nobody could connect.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        fqdn: str,
        directory: Directory,
        ip_groups: Sequence[IpGroup],
        desktops: Sequence[Desktop | StandbyDesktop] = (),
        defaults: DesktopDefaults = DesktopDefaults(),
        client_access: ClientAccess = ClientAccess(),
        self_service: SelfService = SelfService(),
        default_role: bool = True,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        checks = Checks.of(scope, id)
        check_fqdn(checks, scope, fqdn)
        check_directory(checks, scope, directory)
        check_ip_groups(checks, ip_groups)
        check_desktops(checks, scope, desktops)
        check_settings(checks, scope, defaults, client_access, self_service, default_role)
        check_resources(
            checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users="volumes and logs"
        )
        wanted = _claims(directory)
        # The alias claims its own later, when a refusal would leave the site behind.
        once = {**wanted, **alias_claims(fqdn)}
        check_claims(checks, scope, once, dict.fromkeys(("directory", "fqdn"), "put the two sites together"))
        super().__init__(scope, id)
        claim(self, wanted)
        operation = Operation(
            encryption_key=key_for(self, encryption_key, data="volumes and logs", removal_policy=removal_policy),
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.fqdn, self.directory = fqdn, directory
        self.region: str = cdk.Stack.of(self).region
        self.encryption_key: kms.IKey = operation.encryption_key
        self.ip_groups: Mapping[str, workspaces.CfnWorkspaceIpGroup] = make_ip_groups(self, ip_groups, operation)
        registered = registration(
            self,
            site_directory(self, directory, operation),
            self.ip_groups,
            defaults=defaults,
            client_access=client_access,
            self_service=self_service,
            operation=operation,
        )
        if default_role:
            registered.node.add_dependency(make_default_role(self, operation))
        self.directory_id: str = registered.get_att_string("DirectoryId")
        self.registration_code: str = registered.get_att_string("RegistrationCode")
        self.connection_alias = ConnectionAlias(
            self,
            "Alias",
            fqdn=fqdn,
            directory_id=self.directory_id,
            encryption_key=operation.encryption_key,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.desktops: Mapping[str, workspaces.CfnWorkspace | cdk.CustomResource] = {
            **{
                one.user_name: desktop(self, one, self.directory_id, operation)
                for one in desktops
                if isinstance(one, Desktop)
            },
            **standbys(
                self,
                [one for one in desktops if isinstance(one, StandbyDesktop)],
                fqdn=fqdn,
                directory_id=self.directory_id,
                after=self.connection_alias,
                operation=operation,
            ),
        }
        self.standby_of = frozenset(one.primary_region for one in desktops if isinstance(one, StandbyDesktop))
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(alarm_topic)

    def metric(self, metric_name: str, *, statistic: str = "Sum", period: cdk.Duration = PERIOD) -> cloudwatch.Metric:
        """Return a metric of all WorkSpaces of the directory.

        Args:
            metric_name: Its name, as in ``UserConnected``:
                https://docs.aws.amazon.com/workspaces/latest/adminguide/cloudwatch-metrics.html
            statistic: How the values of a period are put together.
            period: Length of a period.
        """
        return cloudwatch.Metric(
            namespace="AWS/WorkSpaces",
            metric_name=metric_name,
            dimensions_map={"DirectoryId": self.directory_id},
            statistic=statistic,
            period=period,
        )

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        unhealthy = alarm(
            self,
            "Unhealthy",
            metric=self.metric("Unhealthy", statistic="Maximum"),
            description="WorkSpaces did not answer the health check for a quarter of an hour. See which in the "
            "console, and restart or rebuild them.",
            topic=topic,
            periods=IN_A_ROW,
        )
        failing = alarm(
            self,
            "ConnectionFailures",
            metric=self.metric("ConnectionFailure"),
            description="Users log in and get no session. See ConnectionFailure by WorkSpace, and AWS Health. When "
            "nobody can log in at all, this alarm does not ring.",
            topic=topic,
            threshold=FAILED_CONNECTIONS,
            periods=IN_A_ROW,
        )
        most = alarm(
            self,
            "MostlyUnhealthy",
            # Each WorkSpace counts as 0 or 1.
            metric=self.metric("Unhealthy", statistic="Average"),
            description="Most WorkSpaces did not answer the health check for a quarter of an hour. Look at AWS Health, "
            "and fail over by the runbook unless this alarm is a trigger.",
            topic=topic,
            threshold=0.5,
            periods=IN_A_ROW,
            # A region that is gone sends no data: Route 53 stays with what it knew.
            missing=cloudwatch.TreatMissingData.MISSING,
        )
        for made in (unhealthy, most, failing):
            name_for_health_checks(made)
        return {"Unhealthy": unhealthy, "MostlyUnhealthy": most, "ConnectionFailures": failing}


def _claims(directory: Directory) -> dict[str, str]:
    """Return what a site makes that there is one of."""
    if isinstance(directory, ExistingDirectory):
        return {f"registration of the directory {directory.directory_id}": "directory"}
    return {}
