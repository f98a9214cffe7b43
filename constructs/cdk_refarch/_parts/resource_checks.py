"""Refusal of resources that are brought along and cannot be used."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from .checks import Checks, is_token


def check_resource(
    checks: Checks, scope: Construct | None, argument: str, given: object, attribute: str, interface: str
) -> None:
    """Check what is brought along, if anything is.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in; None if any region will do.
        argument: The argument as typed.
        given: The resource, or None.
        attribute: The attribute by which it is known.
        interface: What it must implement.

    Raises:
        ValueError: If it is of another kind, or of another region.
    """
    if given is None:
        return
    if not hasattr(given, attribute):
        got = f"{type(given).__name__} {given!r}"
        checks.refuse(argument, f"an {interface}", got, f"give a construct that implements {interface}")
    if scope is not None:
        checks.same_region(argument, given, scope)


def check_present(checks: Checks, argument: str, given: object, attribute: str, interface: str) -> None:
    """Check what must be brought along.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        given: The resource.
        attribute: The attribute by which it is known.
        interface: What it must implement.

    Raises:
        ValueError: If it is missing, or of another kind.
    """
    if given is None:
        checks.refuse(argument, f"an {interface}", "NoneType None", f"give a construct that implements {interface}")
    check_resource(checks, None, argument, given, attribute, interface)


def check_same_account(checks: Checks, argument: str, given: object, scope: Construct, remedy: str) -> None:
    """Refuse a resource of another account than the stack's, when both are known.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: The resource, or None.
        scope: The scope that the construct will be put in.
        remedy: What to do.

    Raises:
        ValueError: If they differ.
    """
    there = getattr(getattr(given, "env", None), "account", None)
    here = cdk.Stack.of(scope).account
    if there is not None and there != here and not is_token(there) and not is_token(here):
        checks.refuse(argument, f"in the account of the stack, {here}", there, remedy)


def check_access_logs(checks: Checks, bucket: object) -> None:
    """Refuse a bucket that S3 does not deliver access logs to.

    Args:
        checks: The checks of what it is given to.
        bucket: The argument ``access_log_bucket``, or None.

    Raises:
        ValueError: If it is encrypted with a key.
    """
    if getattr(bucket, "encryption_key", None) is not None:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        remedy = "use a bucket encrypted with S3-managed keys: access logs are not delivered to others"
        checks.refuse("access_log_bucket", "a bucket without a KMS key", "one with a key", remedy)


def managed_key(given: object) -> str | None:
    """Return the alias of the AWS managed key that a topic or queue is encrypted with, or None.

    Nobody can change the policy of such a key, so that no service can be admitted.

    Args:
        given: The topic or queue.
    """
    for attribute in ("master_key", "encryption_master_key"):
        alias = str(getattr(getattr(given, attribute, None), "alias_name", ""))
        if alias.startswith("alias/aws/"):
            return alias
    # A queue with this setting knows no key at all.
    managed = getattr(getattr(given, "encryption_type", None), "name", None) == "KMS_MANAGED"
    return "alias/aws/sqs" if managed else None


def check_alarm_topic(checks: Checks, scope: Construct, topic: object) -> None:
    """Refuse what alarms cannot be sent to.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        topic: The argument ``alarm_topic``, or None.

    Raises:
        ValueError: If it is no topic, of another region, a FIFO one, or encrypted with a key of AWS.
    """
    check_resource(checks, scope, "alarm_topic", topic, "topic_arn", "ITopic")
    if getattr(topic, "fifo", False):
        checks.refuse("alarm_topic", "a standard topic", "a FIFO one", "CloudWatch alarms cannot send to FIFO ones")
    alias = managed_key(topic)
    if alias is not None:
        remedy = "use AlarmTopic, or a key that admits cloudwatch.amazonaws.com"
        checks.refuse("alarm_topic", "encrypted with a key of your own", f"one with {alias}", remedy)


def check_key(checks: Checks, scope: Construct, key: object, users: str) -> None:
    """Refuse what data cannot be encrypted with.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        key: The argument ``encryption_key``, or None.
        users: What encrypts with it, such as ``queues and logs``.

    Raises:
        ValueError: If it is no key, of another region, or not a symmetric one.
    """
    check_resource(checks, scope, "encryption_key", key, "key_arn", "IKey")
    checks.key("encryption_key", key)
    spec = getattr(getattr(getattr(key, "node", None), "default_child", None), "key_spec", None)
    if spec not in (None, "SYMMETRIC_DEFAULT"):
        checks.refuse("encryption_key", "a symmetric key for encryption", spec, f"{users} take no other")


def check_resources(
    checks: Checks,
    scope: Construct,
    encryption_key: object,
    alarm_topic: object,
    removal_policy: object,
    log_retention: object,
    *,
    users: str,
) -> None:
    """Check what every architecture may be given.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        encryption_key: The argument.
        alarm_topic: The argument.
        removal_policy: The argument.
        log_retention: The argument.
        users: What encrypts with the key, such as ``queues and logs``.

    Raises:
        ValueError: If one is of another kind than it must be.
    """
    check_key(checks, scope, encryption_key, users)
    check_alarm_topic(checks, scope, alarm_topic)
    checks.removal_policy(removal_policy)
    checks.instance("log_retention", log_retention, logs.RetentionDays, remedy="give logs.RetentionDays.ONE_YEAR, say")
