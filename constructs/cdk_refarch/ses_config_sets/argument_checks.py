"""Refusal of bad arguments of ``SesConfigSets`` as a whole, before anything is created."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag
from cdk_refarch._parts.s3_delivery.s3_checks import check_sink

from .event_table import event_sink
from .identity_checks import check_identity
from .stream_checks import check_streams, check_suppression
from .use_checks import check_stream
from .values import AddressIdentity, Analytics, DomainIdentity, Feedback, SendingStream, SesAccount

MAX_TRANSIENT_DAYS = 3650

CAMPAIGN_TAG = "[a-z0-9_-]{1,256}"
"""In lower case, because the table of events has all keys so.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html"""

VDM = ("engagement_metrics", "optimized_shared_delivery")


def check_sending(
    checks: Checks,
    scope: Construct,
    identity: object,
    streams: Mapping[str, SendingStream],
    default_stream: str | None,
    feedback: Feedback,
    analytics: Analytics | None,
) -> None:
    """Check who sends what, and where its events go.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        identity: The argument.
        streams: The argument.
        default_stream: The argument.
        feedback: The argument.
        analytics: The argument.

    Raises:
        ValueError: If SES would refuse one, or events or a reputation would be lost.
    """
    check_identity(checks, scope, identity)
    check_streams(checks, scope, streams, identity)
    if default_stream is not None:
        check_stream(checks, "default_stream", default_stream, streams)
        if not isinstance(identity, DomainIdentity | AddressIdentity):
            remedy = "leave default_stream out: whoever made the identity set its configuration set"
            rule = "given together for an identity that is made here only"
            checks.refuse("default_stream and identity", rule, "one that exists", remedy)
    checks.instance("feedback", feedback, Feedback, remedy="give Feedback() or leave it out")
    inner = checks.within("Feedback")
    check_flag(inner, "record", feedback.record, remedy="give False to read the queue yourself")
    days = feedback.keep_transient_days
    remedy = "give a number of days in this range"
    if days is None:
        inner.refuse("keep_transient_days", f"from 1 day to {MAX_TRANSIENT_DAYS} days", "NoneType None", remedy)
    inner.number("keep_transient_days", days, 1, MAX_TRANSIENT_DAYS, unit="days", remedy=remedy)
    _check_analytics(checks, scope, analytics, streams)


def _check_analytics(
    checks: Checks, scope: Construct, analytics: Analytics | None, streams: Mapping[str, SendingStream]
) -> None:
    if analytics is None:
        return
    checks.instance("analytics", analytics, Analytics, remedy="give Analytics(), or None to keep no events")
    if not any(stream.analytics_events for stream in streams.values()):
        rule = "given together for one stream or more"
        remedy = "give analytics=None, or events to a stream"
        checks.refuse("analytics and analytics_events", rule, "no events of any stream", remedy)
    inner = checks.within("Analytics")
    check_sink(inner, event_sink(analytics))
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    inner.same_region("access_log_bucket", analytics.access_log_bucket, scope)
    inner.matches(
        "campaign_tag",
        analytics.campaign_tag,
        CAMPAIGN_TAG,
        rule="from 1 to 256 lower-case letters, digits, _ and -",
        remedy="name the tag as the table has it: in lower case",
    )


def check_account(
    checks: Checks, account: SesAccount | None, streams: Mapping[str, SendingStream] | None = None
) -> None:
    """Check the settings of the account.

    Args:
        checks: The checks of the construct.
        account: The argument.
        streams: The streams, which may not ask for what the account is told to do without; checked before.

    Raises:
        ValueError: If nothing is set, or something that SES does not have.
    """
    if account is None:
        return
    checks.instance("account", account, SesAccount, remedy="give SesAccount(suppression=['BOUNCE', 'COMPLAINT'])")
    if all(getattr(account, setting) is None for setting in ("suppression", *VDM)):
        checks.refuse("account", "one with a setting or more", "one with none", "set one of them, or leave account out")
    if account.suppression is not None:
        check_suppression(checks, "suppression of account", account.suppression)
    for setting in VDM:
        if getattr(account, setting) is not None:
            remedy = "leave it out to leave that as it is"
            check_flag(checks, f"{setting} of account", getattr(account, setting), remedy=remedy)
    # One that is set sets both.
    switched = any(getattr(account, setting) is not None for setting in VDM)
    for setting in VDM if switched else ():
        for name, stream in (streams or {}).items():
            if getattr(stream, setting) and not getattr(account, setting):
                rule = "True for the account when it is for a stream"
                got = f"{getattr(account, setting)} with True for {name}"
                checks.refuse(f"{setting} of account", rule, got, "set it for the account, or leave the stream's out")
