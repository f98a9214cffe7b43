"""What a golden image is made of, where it goes, and what becomes of old ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

Platform = Literal["LINUX", "WINDOWS"]
"""What the image runs."""


@dataclass(frozen=True, kw_only=True)
class ImageComponent:
    """A component of one's own: what is done to the image, and how it is tested.

    Its document has the phases ``build``, ``validate`` and ``test``; one with ``test`` alone only tests. A document of
    up to 16,000 characters stands in the template; a longer one must be a file, of up to 64 KiB, and becomes an asset.

    Args:
        id: Tells it from the other components of the image; it begins with a capital letter.
        document: The document; None when ``path`` is given.
        path: A file with the document, YAML or JSON; None when ``document`` is given.
        version: Its version, three numbers. The same version with another text becomes another build of it, so that it
            need not be counted up.
        parameters: Values for the document's parameters, by their names.
    """

    id: str
    document: Mapping[str, Any] | None = None
    path: str | Path | None = None
    version: str = "1.0.0"
    parameters: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ManagedComponent:
    """A component that is there already: one of Amazon's by its name, or any by its ARN.

    Args:
        name: The name of one that Amazon manages, such as ``update-linux``, or the ARN of any other, with its version.
        version: The version of one that Amazon manages, three numbers, or ``x`` for the latest.
        parameters: Values for the component's parameters, by their names.
    """

    name: str
    version: str = "x.x.x"
    parameters: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RootVolume:
    """The volume that the image is made from. It is always encrypted.

    Args:
        size_gib: Its size in GiB, from 1 to 16000; None for that of the parent image.
        device_name: What the parent image calls its root device; None for ``/dev/xvda`` on Linux and ``/dev/sda1`` on
            Windows.
    """

    size_gib: int | None = None
    device_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class BuildInstance:
    """The instances that the image is built and tested on.

    Args:
        instance_types: The types that may be used, of the parent image's architecture; Image Builder takes one that can
            be had.
        subnets: Where they are started; None for private subnets with a way out. Image Builder uses the first one. It
            must reach Systems Manager, Image Builder, CloudWatch Logs and Amazon S3.
        security_groups: Their security groups; None to create one that lets nothing in, and HTTPS out.
        statements: What they may do besides being built, such as reading a bucket of packages.
        terminate_on_failure: Whether an instance is terminated when the build fails. Switched off, it stays for looking
            at, and costs.
        working_directory: Where components are downloaded to and run; None for ``/tmp`` or ``C:/``. An image whose
            ``/tmp`` forbids execution, as those of CIS do, needs another.
    """

    instance_types: Sequence[str] = ("m7i-flex.large", "m7i.large", "m6i.large")
    subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] | None = None
    statements: Sequence[iam.PolicyStatement] = ()
    terminate_on_failure: bool = True
    working_directory: str | None = None


@dataclass(frozen=True, kw_only=True)
class LaunchTemplateUpdate:
    """A launch template that gets a version with each new image.

    Args:
        launch_template_id: The template. It must be tagged ``CreatedBy`` with ``EC2 Image Builder``.
        account: The account that it is in, one of those that get a copy; None for the stack's.
        set_default: Whether the new version becomes the default one.
    """

    launch_template_id: str
    account: str | None = None
    set_default: bool = True


@dataclass(frozen=True, kw_only=True)
class ImageRegion:
    """Where an image goes in one region.

    Args:
        region: The region; None for the stack's.
        encryption_key: Encrypts the image there; None for the construct's key in the stack's region, and for the AWS
            managed key of Amazon EBS in others, which no other account can use. A given key that the app does not own
            must admit the accounts that get the image, and the role of Auto Scaling.
        copy_to_accounts: Accounts that get a copy of their own, each with the role of ``ImageDistributionRole``.
        share_with_accounts: Accounts that may start instances from the image.
        share_with_organizations: ARNs of organizations whose accounts may.
        share_with_organizational_units: ARNs of organizational units whose accounts may.
        parameter: Whether the id of the image is written to the parameter of Systems Manager: in this account, and in
            those that get a copy.
        launch_templates: Launch templates of the region that get a version with the image.
    """

    region: str | None = None
    encryption_key: kms.IKey | None = None
    copy_to_accounts: Sequence[str] = ()
    share_with_accounts: Sequence[str] = ()
    share_with_organizations: Sequence[str] = ()
    share_with_organizational_units: Sequence[str] = ()
    parameter: bool = True
    launch_templates: Sequence[LaunchTemplateUpdate] = ()


@dataclass(frozen=True, kw_only=True)
class BuildSchedule:
    """When an image is built besides the deployments that change it.

    Args:
        expression: ``cron(...)`` with six fields, or ``rate(...)`` of days.
        timezone: The time zone of the expression, a name of the IANA database.
        only_with_updates: Whether it is built only when the parent image or a component has a newer version. Image
            Builder looks at those whose versions have an ``x``, so that the parent image needs one. Newer packages
            alone are no update to Image Builder: to get these, build always.
        disable_after_failures: After how many failures in a row the schedule is disabled, from 1 to 10; None for never.
    """

    expression: str = "cron(0 3 ? * sun *)"
    timezone: str = "Etc/UTC"
    only_with_updates: bool = True
    disable_after_failures: int | None = 3


@dataclass(frozen=True, kw_only=True)
class ImageLifecycle:
    """What becomes of old images, of all versions of the recipe. Image Builder looks once a day.

    Args:
        deprecate_after: How old an image is when it is marked as deprecated, in whole days from 1 to 1000; None for
            never.
        delete_after: How old it is when it is deleted with its AMIs and snapshots, in whole days up to 1000; None for
            never.
        keep_at_least: How many images are kept however old they are, from 1 to 10.
        keep_launched_within: Images from which an instance was started within this time are kept, in whole days up to
            365; None to look at the age alone.
    """

    deprecate_after: cdk.Duration | None = cdk.Duration.days(90)
    delete_after: cdk.Duration | None = cdk.Duration.days(365)
    keep_at_least: int = 5
    keep_launched_within: cdk.Duration | None = cdk.Duration.days(90)
