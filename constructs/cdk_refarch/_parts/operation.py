"""What the parts of an architecture share."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What parts that run code or hold data share.

    Args:
        encryption_key: Encrypts data and logs.
        alarm_topic: Where alarms go; None for nowhere.
        removal_policy: What happens to data when the construct is removed.
        log_retention: How long logs are kept.
    """

    encryption_key: kms.IKey
    alarm_topic: sns.ITopic | None
    removal_policy: cdk.RemovalPolicy
    log_retention: logs.RetentionDays
