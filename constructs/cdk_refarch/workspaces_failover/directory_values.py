"""Which directory the WorkSpaces of a region belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_secretsmanager as secretsmanager

Edition = Literal["Enterprise", "Standard"]
ConnectorSize = Literal["Small", "Large"]


@dataclass(frozen=True, kw_only=True)
class ExistingDirectory:
    """A directory that is there: AWS Managed Microsoft AD, AD Connector or Simple AD.

    It may be registered with WorkSpaces already; then it stays registered when the construct is removed.

    Args:
        directory_id: Its id, as in ``d-0123456789``.
        subnet_ids: Two subnets of the directory's VPC for the WorkSpaces, in different availability zones that
            WorkSpaces supports; None for those of the directory. If it is registered already, those that it is
            registered with.
    """

    directory_id: str
    subnet_ids: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ManagedAd:
    """A directory of AWS Managed Microsoft AD that is created, for the primary region.

    Args:
        name: Its fully qualified domain name, as in ``corp.example.com``, with two labels or more.
        vpc: Where its domain controllers are, and the WorkSpaces.
        admin_secret: A secret whose JSON has the password of the account ``Admin`` under ``password``: 8 to 64
            characters of three of the classes upper case, lower case, digits and others.
        edition: ``Enterprise`` or ``Standard``. Only Enterprise can be replicated to another region.
        short_name: Its NetBIOS name, up to 15 characters; None for the first label of the name.
        subnets: Two subnets in different availability zones that WorkSpaces supports; None for private subnets with a
            way out, of which there must be two then.
    """

    name: str
    vpc: ec2.IVpc
    admin_secret: secretsmanager.ISecret
    edition: Edition = "Enterprise"
    short_name: str | None = None
    subnets: ec2.SubnetSelection | None = None


@dataclass(frozen=True, kw_only=True)
class LocalReplica:
    """Domain controllers of a Managed AD that is replicated into the region of the connector.

    The region is added to the directory, unless it has been. That takes from one to three hours, which the deployment
    waits for, and needs the Enterprise edition. AWS connects the domain controllers of the two regions.

    Args:
        primary_region: The region that the directory was created in.
        directory_id: Its id; None for the one Managed AD of the connector's name in that region.
    """

    primary_region: str
    directory_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrimaryControllers:
    """Domain controllers of a Managed AD in the primary region, for editions that cannot be replicated.

    When that region is gone, nobody can log in to the WorkSpaces of the other one: a warning says so.

    Args:
        primary_region: The region that the directory is in.
        directory_id: Its id; None for the one Managed AD of the connector's name in that region.
    """

    primary_region: str
    directory_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AdConnector:
    """An AD Connector that is created, for the failover region: a replicated Managed AD cannot be registered there.

    It is created anew when one of its arguments changes, because AWS can change none of them.

    Args:
        name: The fully qualified domain name of the directory that it connects to.
        vpc: Where it is, and the WorkSpaces. The VPC must have default tenancy, reach the domain controllers, and have
            no interface endpoints for CloudWatch, Systems Manager or AWS STS without an override of their names.
        service_account: A secret whose JSON has ``username`` and ``password`` of an account of the directory that may
            read users and groups, create computer objects and join them to the domain. A new password makes no new
            connector: set it in the console of AWS Directory Service too.
        controllers: Which domain controllers it asks: ``LocalReplica``, ``PrimaryControllers``, or the IPv4 addresses
            of one or two DNS servers of the directory.
        size: ``Small`` or ``Large``.
        short_name: The NetBIOS name of the directory, up to 15 characters; None to leave it to AWS.
        subnets: Two subnets in different availability zones that WorkSpaces supports; None for private subnets with a
            way out, of which there must be two then.
    """

    name: str
    vpc: ec2.IVpc
    service_account: secretsmanager.ISecret
    controllers: LocalReplica | PrimaryControllers | Sequence[str]
    size: ConnectorSize = "Small"
    short_name: str | None = None
    subnets: ec2.SubnetSelection | None = None


Directory = ExistingDirectory | ManagedAd | AdConnector
