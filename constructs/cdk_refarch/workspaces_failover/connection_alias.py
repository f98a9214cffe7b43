"""The name of a site by which clients find it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_workspaces as workspaces
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider
from cdk_refarch._parts.resource_checks import check_resources

from .directory_checks import DIRECTORY_ID
from .site_checks import check_fqdn
from .statements import ANY_WORKSPACES, workspaces_arn

LASTS = cdk.Duration.minutes(15)
"""An association takes seconds; more is given to it than one invocation has."""


class ConnectionAlias(Construct):
    """A connection alias that is associated with a directory: its users register their clients with a domain name.

    Creates the alias, and a function that associates it and takes it off again before it is deleted. The alias of a
    name is created in each region, by the same account; once created, the name belongs to the account for good.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        fqdn: The name that clients are registered with, a domain that you own, in lower case. Its TXT records are made
            by ``RedirectionRecord``.
        directory_id: The directory, registered with WorkSpaces. It can have one alias, and the alias one directory.
        encryption_key: Encrypts the function's log; None to create a key.
        removal_policy: What happens to the key and the log when the construct is removed. The alias goes.
        log_retention: How long the log is kept.

    Attributes:
        fqdn: The name.
        alias: The alias.
        alias_id: Its id.
        directory_id: The directory.
        connection_identifier: What the TXT record of this region says. Another association has another one.

    Raises:
        ValueError: If an argument is one that WorkSpaces would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        fqdn: str,
        directory_id: str,
        encryption_key: kms.IKey | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        checks = Checks.of(scope, id)
        check_fqdn(checks, scope, fqdn)
        remedy = "give the id that aws ds describe-directories shows"
        checks.matches("directory_id", directory_id, DIRECTORY_ID, rule="d- and 10 hexadecimal digits", remedy=remedy)
        check_resources(checks, scope, encryption_key, None, removal_policy, log_retention, users="logs")
        wanted = alias_claims(fqdn)
        if not is_token(directory_id):
            wanted[f"connection alias of the directory {directory_id}"] = "directory_id"
        check_claims(
            checks, scope, wanted, {"fqdn": "use the one that is there", "directory_id": "a directory can have one"}
        )
        super().__init__(scope, id)
        claim(self, wanted)
        operation = Operation(
            encryption_key=key_for(self, encryption_key, data="logs", removal_policy=removal_policy),
            alarm_topic=None,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.fqdn, self.directory_id = fqdn, directory_id
        self.alias = workspaces.CfnConnectionAlias(self, "Alias", connection_string=fqdn)
        self.alias_id: str = self.alias.attr_alias_id
        alias, any_alias = (workspaces_arn(self, "connectionalias", name) for name in (self.alias_id, "*"))
        provider = Provider(
            self,
            "Provider",
            module="connection_aliases",
            description="Associates a connection alias of WorkSpaces with a directory",
            statements=[
                statement(["workspaces:DescribeConnectionAliases"], "*"),
                statement(
                    ["workspaces:AssociateConnectionAlias"], alias, workspaces_arn(self, "directory", directory_id)
                ),
                statement(["workspaces:DisassociateConnectionAlias"], any_alias),
            ],
            operation=operation,
            any_resource=ANY_WORKSPACES,
            lasts=LASTS,
        )
        acknowledge_wildcard(
            provider.role,
            any_alias,
            "The alias of a name that was in the template before gives the directory free, and nobody knows its id by "
            "then.",
        )
        association = provider.resource(
            self,
            "Association",
            "ConnectionAliasAssociation",
            {"AliasId": self.alias_id, "DirectoryId": directory_id, "Fqdn": fqdn},
        )
        self.connection_identifier: str = association.get_att_string("ConnectionIdentifier")


def alias_claims(fqdn: str) -> dict[str, str]:
    """Return what the alias of a name is that there is one of.

    Args:
        fqdn: The argument.
    """
    return {f"connection alias of {fqdn}": "fqdn"}
