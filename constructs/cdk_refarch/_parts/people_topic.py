"""Topics for people, made alike in every architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from .alarm_topic import tell
from .checks import Checks
from .keys import USE
from .list_checks import elements
from .policies import statement, use_key


def people_topic(scope: Construct, id: str, *, emails: Sequence[str], key: kms.IKey) -> sns.Topic:
    """Create an encrypted topic for people.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        emails: Addresses that are told, once their owners have confirmed; checked before.
        key: Encrypts messages.
    """
    topic = sns.Topic(scope, id, master_key=key, enforce_ssl=True)
    for address in emails:
        # Named by the address: under a number, those behind one that is dropped would be subscribed anew, which is the
        # same subscription, and then unsubscribed.
        tell(topic, f"Email{hashlib.sha256(address.encode()).hexdigest()[:8]}", address)
    return topic


def publish(scope: Construct, topic: sns.ITopic) -> list[iam.PolicyStatement]:
    """Return what a role needs to publish to a topic.

    Args:
        scope: Any construct of the stack.
        topic: The topic. The key of one that is known by its ARN alone is not known.
    """
    statements = [statement(["sns:Publish"], topic.topic_arn)]
    key = getattr(topic, "master_key", None)
    return statements if key is None else [*statements, use_key(scope, key, "sns", USE)]


def check_emails(checks: Checks, argument: str, emails: object, *, remedy: str) -> None:
    """Refuse what is no list of addresses.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        emails: What was given.
        remedy: What to do.

    Raises:
        ValueError: If it is something else, or only known at deployment.
    """
    for address in elements(checks, argument, emails, unit="addresses", remedy=remedy, known=True):
        checks.matches(argument, address, r"[^@\s]+@[^@\s]+", rule="a list of addresses", remedy=remedy)
