"""Refusal of bad arguments of the methods of ``SesConfigSets``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import get_args

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.choice_checks import check_choices
from cdk_refarch._parts.domain_checks import DOMAIN, is_under, known
from cdk_refarch._parts.list_checks import check_known, elements
from cdk_refarch._parts.resource_checks import check_same_account, managed_key

from .values import BounceType

OWN_IDS = frozenset(
    (
        *("Key", "Streams", "Identity", "Records", "Feedback", "Analytics", "Account", "Inbound"),
        # These two have a meaning of their own in the CDK.
        *("Default", "Resource"),
    )
)
"""Ids of what the construct itself creates."""

HOOK_ID = "[A-Z][A-Za-z0-9]{0,63}"

PATTERN = r"[A-Za-z0-9!#%&'*+/=^_`{|}~.-]{1,64}"
"""What may stand before the @, and * for any text. ? and $ have a meaning of their own in policies."""

TEMPLATE_NAME = "[A-Za-z0-9_-]{1,64}"
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-ses-template-template.html"""

MAX_COMBINATIONS = 150
"""Of a filter policy, where each list counts as often as it is deep:
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""

STREAM_DEPTH = 3
BOUNCE_DEPTH = 2


def check_stream(checks: Checks, argument: str, stream: object, streams: Collection[str]) -> None:
    """Refuse a stream that there is not.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        stream: The name of the stream.
        streams: The names that there are.

    Raises:
        ValueError: If it is none of them.
    """
    remedy = "give the name of a stream"
    check_known(checks, argument, stream, remedy=remedy)
    checks.one_of(argument, str(stream), streams, remedy=remedy)


def check_grant(
    checks: Checks,
    stream: str,
    from_addresses: Sequence[str],
    template_names: Sequence[str],
    streams: Collection[str],
    sender_name: str,
) -> None:
    """Check what somebody may send.

    Args:
        checks: The checks of the construct.
        stream: The argument.
        from_addresses: The argument.
        template_names: The argument.
        streams: The names of the streams that there are.
        sender_name: The domain or the address of the identity.

    Raises:
        ValueError: If there is no such stream, or the identity has no such address.
    """
    check_stream(checks, "stream", stream, streams)
    remedy = "give ['*@example.com'], say"
    if known(sender_name):
        remedy = f"give ['{'' if '@' in sender_name else '*@'}{sender_name}'], say"
    given = elements(checks, "from_addresses", from_addresses, unit="addresses", remedy=remedy, low=1, known=True)
    for address in given:
        text = checks.text("from_addresses", address, remedy=remedy)
        if text is None:
            continue
        before, _, domain = text.rpartition("@")
        if not re.fullmatch(PATTERN, before) or not re.fullmatch(DOMAIN, domain.lower()):
            rule = "a list of addresses without display names, where * stands for any text before the @"
            checks.refuse("from_addresses", rule, repr(text), remedy)
        if known(sender_name) and not _is_of(before, domain.lower(), sender_name):
            checks.refuse("from_addresses", f"a list of addresses of {sender_name}", repr(text), remedy)
    remedy = "give the names of templates, or [] for mail without templates"
    for name in elements(checks, "template_names", template_names, unit="templates", remedy=remedy, known=True):
        rule = "a list of names of 1 to 64 letters, digits, _ and -"
        checks.matches("template_names", name, TEMPLATE_NAME, rule=rule, remedy=remedy)


def check_grantee(checks: Checks, grantee: object, scope: Construct | None = None) -> None:
    """Refuse what nothing can be granted to.

    Args:
        checks: The checks of the construct.
        grantee: The argument.
        scope: The construct, whose account the grantee must be of; None for any account.

    Raises:
        ValueError: If it is no identity of IAM, or one that no policy can be attached to.
    """
    if not hasattr(grantee, "grant_principal"):
        got = f"{type(grantee).__name__} {grantee!r}"
        checks.refuse("grantee", "an IGrantable", got, "give a role, or a function that sends")
    principal = grantee.grant_principal
    rule = "one that a policy can be attached to"
    if isinstance(principal, iam.UnknownPrincipal):
        remedy = "give its role, or bring it along together with its role"
        checks.refuse("grantee", rule, "one without a role that is known", remedy)
    # Such principals are for the policies of resources. One around a role would lose its conditions.
    if isinstance(principal, iam.PrincipalBase):
        checks.refuse("grantee", rule, type(principal).__name__, "give a role, a user or a group")
    there = getattr(principal, "principal_account", None)
    here = None if scope is None else cdk.Stack.of(scope).account
    if known(there, here) and there != here:
        # The CDK would attach nothing to its role, and say nothing.
        remedy = "give a role here that the other account may assume"
        checks.refuse("grantee", f"in the account of the stack, {here}", there, remedy)


def check_hook(
    checks: Checks,
    scope: Construct,
    id: str,
    target: object,
    streams_given: Sequence[str],
    streams: Collection[str],
    bounce_types: Collection[str] = (),
) -> None:
    """Check who is told, and of which streams.

    Args:
        checks: The checks of the construct.
        scope: The construct.
        id: The argument.
        target: The argument.
        streams_given: The argument ``streams``.
        streams: The names of the streams that there are.
        bounce_types: The types of bounces that are told; empty for all. Checked before.

    Raises:
        ValueError: If the id is taken, SNS cannot reach the target, or there is no such stream.
    """
    remedy = "call it CleanList, say"
    check_known(checks, "id", id, remedy=remedy)
    checks.matches("id", id, HOOK_ID, rule="a PascalCase word of 1 to 64 letters and digits", remedy=remedy)
    if id in OWN_IDS or scope.node.try_find_child(id) is not None:
        checks.refuse("id", "one that is free", f"{id!r}, which is taken", "use another id")
    _check_target(checks, scope, target)
    remedy = "give a list of names of streams, or leave it out for all"
    names = elements(checks, "streams", streams_given, unit="streams", remedy=remedy, known=True)
    for name in names:
        check_stream(checks, "streams", name, streams)
    each = STREAM_DEPTH * max(1, BOUNCE_DEPTH * len(bounce_types))
    if len(names) * each > MAX_COMBINATIONS:
        rule = f"a list of at most {MAX_COMBINATIONS // each} streams"
        if bounce_types:
            rule += f" when bounce_types has {len(bounce_types)}"
        checks.refuse("streams", rule, f"a list of {len(names)}", "leave it out for all, or tell two queues")


def check_endpoint(checks: Checks, endpoint: str, told: Mapping[str, str]) -> None:
    """Refuse a second subscription of one target, which SNS does if the two filter otherwise.

    Args:
        checks: The checks of the construct.
        endpoint: The ARN of the argument ``target``.
        told: The ARNs of targets that are told already, to what tells them.

    Raises:
        ValueError: If it is told already.
    """
    if endpoint in told:
        remedy = "give each its own queue or function: a topic knows a target once, with one filter"
        checks.refuse("target", "one that nothing else tells", f"that of {told[endpoint]}", remedy)


def check_bounce_types(checks: Checks, bounce_types: Sequence[BounceType]) -> None:
    """Check which bounces are told.

    Args:
        checks: The checks of the construct.
        bounce_types: The argument.

    Raises:
        ValueError: If it is no list of types.
    """
    remedy = "give ['Permanent'], or [] for all"
    check_choices(checks, "bounce_types", bounce_types, get_args(BounceType), unit="types", remedy=remedy)


def _check_target(checks: Checks, scope: Construct, target: object) -> None:
    if not hasattr(target, "function_arn") and not hasattr(target, "queue_arn"):
        got = f"{type(target).__name__} {target!r}"
        checks.refuse("target", "an IFunction or an IQueue", got, "give a function, or a queue that a system reads")
    checks.same_region("target", target, scope)
    check_same_account(checks, "target", target, scope, "tell a queue here, and read it from there")
    if getattr(target, "fifo", False):
        checks.refuse("target", "a standard queue", "a FIFO one", "the feedback topic cannot send to FIFO ones")
    alias = managed_key(target)
    if alias is not None:
        remedy = "use a key that admits sns.amazonaws.com: Amazon SNS has no access to this one"
        checks.refuse("target", "encrypted with a key of your own", f"one with {alias}", remedy)
    checks.key("key of target", getattr(target, "encryption_master_key", None))


def _is_of(before: str, domain: str, sender: str) -> bool:
    """Tell whether an identity has an address: a domain has those of its subdomains, an address those with a label."""
    own, at, home = sender.rpartition("@")
    if not at:
        return is_under(domain, sender.lower())
    return domain == home.lower() and (before == own or before.startswith(f"{own}+"))
