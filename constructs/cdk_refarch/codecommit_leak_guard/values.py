"""What a user says about leaks: small frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_sns as sns

Delivery = Literal["eventbridge", "trigger"]


@dataclass(frozen=True, kw_only=True)
class LeakResponse:
    """What is done about a leaked key of the own account. Keys of other accounts are only told of.

    Args:
        dry_run: Whether it only tells what it would do. It has no permission to change anything then.
        user_paths: Paths of the IAM users whose keys may be made inactive, each with a slash at both ends; ``/`` is all
            users. A key of a user elsewhere is told of as one that could not be disabled.
        exempt_users: Names of users whose keys are never touched, only told of.
        break_glass_tag: Key of a tag, of up to 128 characters. The keys of a user that has it are never touched, only
            told of, unless its value is ``false``.
        quarantine_policy: A managed policy that is attached as well to the user of a leaked key, such as
            ``AWSCompromisedKeyQuarantineV3`` of AWS; None for none. It also binds sessions that were opened with the
            key, which go on when the key is inactive.
        revoke_roles: Roles whose sessions are revoked, all that were opened before, when one of them leaks; empty to
            only tell of temporary credentials. To revoke them, the function may write inline policies of these roles.
    """

    dry_run: bool = False
    user_paths: Sequence[str] = ("/",)
    exempt_users: Sequence[str] = ()
    break_glass_tag: str = "break-glass"
    quarantine_policy: iam.IManagedPolicy | None = None
    revoke_roles: Sequence[iam.IRole] = ()


@dataclass(frozen=True, kw_only=True)
class LeakNotification:
    """Who is told of leaks, of what was done, and of what could not be.

    Args:
        topic: A topic that is told; None to create an encrypted one. If it is encrypted and known by its ARN alone, the
            role of ``response_function`` needs ``kms:Decrypt`` and ``kms:GenerateDataKey`` on its key.
        emails: Addresses that are told, once their owners have confirmed. Only with a topic that is created.
        security_hub: Whether each leak becomes a finding in AWS Security Hub, which must be enabled in the account and
            region.
    """

    topic: sns.ITopic | None = None
    emails: Sequence[str] = ()
    security_hub: bool = False
