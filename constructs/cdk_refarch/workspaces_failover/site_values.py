"""What the users of a site get, and from where they get at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_ec2 as ec2

RunningMode = Literal["AUTO_STOP", "ALWAYS_ON", "MANUAL"]


@dataclass(frozen=True, kw_only=True)
class IpRule:
    """Public addresses that users may come from.

    Args:
        cidr: An IPv4 address or block, as in ``192.0.2.0/24``: of an office, a VPN or a NAT gateway. ``0.0.0.0/0`` lets
            everybody come.
        description: Whose addresses they are, up to 255 characters.
    """

    cidr: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class IpGroup:
    """An IP access control group.

    Args:
        id: Its id within the site, which no other of its groups has.
        rules: Where users may come from, 1 to 10 rules. A group without rules would let nobody come.
        description: What it is for, up to 255 characters.
    """

    id: str
    rules: Sequence[IpRule]
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ClientAccess:
    """From which kinds of device users may connect.

    The clients for Windows, macOS and Linux follow a redirection from version 3.0.9 on; test what else you allow.

    Args:
        windows: The client for Windows.
        macos: The client for macOS.
        linux: The client for Linux.
        ios: Devices with iOS and iPadOS.
        android: Devices with Android, and Chromebooks that run Android apps.
        chrome_os: The client for ChromeOS.
        web: The browser, by Web Access.
        zero_client: PCoIP zero clients.
        thin_client: Amazon WorkSpaces Thin Client, whose support ends on 2027-03-31.
    """

    windows: bool = True
    macos: bool = True
    linux: bool = True
    ios: bool = False
    android: bool = False
    chrome_os: bool = False
    web: bool = False
    zero_client: bool = False
    thin_client: bool = False


@dataclass(frozen=True, kw_only=True)
class SelfService:
    """What users may do with their WorkSpaces by themselves, in the client.

    Args:
        restart: Restart it.
        increase_volume: Make its volumes larger.
        change_compute_type: Choose another compute type.
        switch_running_mode: Switch between AlwaysOn and AutoStop.
        rebuild: Have it made anew from its image and the last snapshot of the user volume.
    """

    restart: bool = True
    increase_volume: bool = False
    change_compute_type: bool = False
    switch_running_mode: bool = False
    rebuild: bool = False


@dataclass(frozen=True, kw_only=True)
class DesktopDefaults:
    """How WorkSpaces of the directory are created; those that are there stay as they are.

    Args:
        internet_access: Whether they get public addresses. Without, they reach the internet through a NAT gateway.
        organizational_unit: The distinguished name of the unit that their computer accounts are put in, as in
            ``OU=Desktops,DC=corp,DC=example,DC=com``; None for the directory's default.
        security_group: A security group that they have besides the directory's own; None for none.
        local_administrator: Whether users administer their WorkSpaces.
        maintenance_mode: Whether AWS maintains those in AutoStop mode, for which it starts them once a month: in a
            window of about two weeks from the third Monday on, from 00:00 to 05:00. Those in AlwaysOn mode are
            maintained in any case, on Sundays from 00:00 to 04:00 in their time zone; those in manual mode never.
        instance_role_arn: The role of the WorkSpaces themselves; None for none.
    """

    internet_access: bool = False
    organizational_unit: str | None = None
    security_group: ec2.ISecurityGroup | None = None
    local_administrator: bool = False
    maintenance_mode: bool = True
    instance_role_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class Desktop:
    """A WorkSpace of a user, created now. Both volumes are encrypted.

    Args:
        user_name: The user's name in the directory, the same in both regions, up to 63 characters.
        bundle_id: What it is made from, as in ``wsb-0123456789``; of the region.
        running_mode: ``AUTO_STOP`` (by the hour), ``ALWAYS_ON`` (by the month) or ``MANUAL`` (WorkSpaces Core).
        auto_stop_after: How long after the last disconnection one in ``AUTO_STOP`` is stopped, in whole hours from 1 to
            48; None for an hour.
        compute_type: The compute type, as in ``PERFORMANCE``; None for the bundle's.
        root_volume_gib: The size of the system volume: 80, or 175 to 2000; None for the bundle's.
        user_volume_gib: The size of the user's volume: 10, 50 or 100 with a system volume of 80, else 100 to 2000; None
            for the bundle's. Sizes are given both or none.
        tags: Its tags.
    """

    user_name: str
    bundle_id: str
    running_mode: RunningMode = "AUTO_STOP"
    auto_stop_after: cdk.Duration | None = None
    compute_type: str | None = None
    root_volume_gib: int | None = None
    user_volume_gib: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StandbyDesktop:
    """A standby of the WorkSpace that a user has in the primary region (Multi-Region Resilience).

    AWS makes it from the image of the primary one, which must be there: deploy the primary region first. It is found by
    the connection alias of the primary region.

    Args:
        user_name: The user's name in the directory, the same in both regions, up to 63 characters.
        primary_region: The region of the primary WorkSpace.
        replicate_data: Whether its volumes are copied here every 12 hours, one way: what a user writes on the standby
            is not copied back.
    """

    user_name: str
    primary_region: str
    replicate_data: bool = True
