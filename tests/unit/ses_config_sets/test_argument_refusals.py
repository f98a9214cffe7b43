"""What concerns the construct as a whole is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cfnlint
import pytest
from aws_cdk import aws_s3 as s3

from cdk_refarch import SesConfigSets
from cdk_refarch._parts.s3_delivery.s3_sink import BucketLifecycle
from cdk_refarch.ses_config_sets import argument_checks, region_checks
from cdk_refarch.ses_config_sets.event_table import COLUMNS, event_sink
from cdk_refarch.ses_config_sets.values import AddressIdentity, Analytics, Feedback, SendingStream, SesAccount
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack
from tests.unit.ses_config_sets.refusals import DOMAIN, IDENTITY

QUIET = SendingStream(analytics_events=[])
KEYED_BUCKET = s3.Bucket.from_bucket_attributes(stack, "Keyed", bucket_name="keyed", encryption_key=given.KEY)


def region(name: str) -> Call:
    there = cdk.Stack(cdk.App(), "There", env=cdk.Environment(region=name))
    return lambda: region_checks.check_sending_region(checks, there)


def sending(**arguments: Any) -> Call:
    wanted = {
        "identity": DOMAIN,
        "streams": {"news": SendingStream(), "receipts": SendingStream()},
        "default_stream": None,
        "feedback": Feedback(),
        "analytics": None,
        **arguments,
    }
    return lambda: argument_checks.check_sending(checks, stack, **wanted)


def feedback(**arguments: Any) -> Call:
    return sending(feedback=Feedback(**arguments))


def analytics(**arguments: Any) -> Call:
    return sending(analytics=Analytics(**arguments))


def account(streams: Any = None, **arguments: Any) -> Call:
    return lambda: argument_checks.check_account(checks, SesAccount(**arguments), streams)


NO_SES = "region of the stack must be one that has Amazon SES, got"
DAYS = "Feedback: keep_transient_days must be from 1 day to 3650 days, got"
TAG = "Analytics: campaign_tag must be from 1 to 256 lower-case letters, digits, _ and -, got"
IN_LOWER_CASE = "name the tag as the table has it: in lower case"

REGIONS: list[Case] = [
    (
        region("eu-south-2"),
        f"{NO_SES} eu-south-2; deploy the stack to eu-central-1, eu-north-1 or eu-south-1",
    ),
    (region("mx-central-1"), f"{NO_SES} mx-central-1; deploy the stack to eu-west-1 or us-east-1"),
    *((region(name), f"{NO_SES} {name}; leave it out of this partition") for name in ("cn-north-1", "cn-northwest-1")),
]

SENDING: list[Case] = [
    (
        sending(identity="example.com"),
        "identity must be a DomainIdentity, an AddressIdentity or an IEmailIdentity, got str 'example.com'; give "
        "DomainIdentity(domain='example.com')",
    ),
    (
        sending(streams={}),
        "streams must be a mapping of 1 or more streams, got an empty one; give {'transactional': SendingStream()}",
    ),
    (
        sending(default_stream="marketing"),
        "default_stream must be one of news, receipts, got 'marketing'; give the name of a stream",
    ),
    (
        sending(default_stream=given.LATER),
        "default_stream must be known when the app runs, got a token; give the name of a stream",
    ),
    (sending(default_stream=1), "default_stream must be text, got int 1; give the name of a stream"),
    (
        sending(default_stream="news", identity=IDENTITY),
        "default_stream and identity must be given together for an identity that is made here only, got one that exists; "
        "leave default_stream out: whoever made the identity set its configuration set",
    ),
    (sending(feedback=None), "feedback must be a Feedback, got NoneType None; give Feedback() or leave it out"),
    (
        feedback(record="no"),
        "Feedback: record must be True or False, got 'no'; give False to read the queue yourself",
    ),
    *(
        (feedback(keep_transient_days=wrong), f"{DAYS} {shown}; give a number of days in this range")
        for wrong, shown in (
            *((0, "0 days"), (3651, "3651 days"), (None, "NoneType None"), (True, "bool True"), ("9", "str '9'")),
        )
    ),
    (
        feedback(keep_transient_days=0.5),
        "Feedback: keep_transient_days must be a whole number from 1 day to 3650 days, got 0.5 days; give a number of days "
        "in this range",
    ),
    (
        sending(analytics=True),
        "analytics must be an Analytics, got bool True; give Analytics(), or None to keep no events",
    ),
    (
        sending(analytics=Analytics(), streams={"news": QUIET, "receipts": QUIET}),
        "analytics and analytics_events must be given together for one stream or more, got no events of any stream; give "
        "analytics=None, or events to a stream",
    ),
    (
        analytics(bucket="lake"),
        "Analytics: bucket must be a bucket, got str; give a construct that implements IBucket",
    ),
    (analytics(bucket=given.ALIASED_BUCKET), f"Analytics: key of bucket {given.AN_ALIAS}"),
    (
        analytics(bucket=given.BUCKET, access_log_bucket=given.BUCKET),
        "Analytics: bucket and access_log_bucket must be given one at a time, got both; set logging on the bucket itself",
    ),
    (
        analytics(access_log_bucket=KEYED_BUCKET),
        "Analytics: access_log_bucket must be a bucket without a KMS key, got one with a key; use a bucket encrypted with "
        "S3-managed keys: access logs are not delivered to others",
    ),
    (analytics(access_log_bucket=given.FAR_BUCKET), f"Analytics: access_log_bucket {given.ELSEWHERE}"),
    (
        analytics(bucket=given.BUCKET, lifecycle=BucketLifecycle()),
        "Analytics: bucket and lifecycle must be given one at a time, got both; set lifecycle rules on the bucket itself",
    ),
    (
        analytics(lifecycle=BucketLifecycle(infrequent_access_after_days=29)),
        "Analytics: infrequent_access_after_days must be from 30 days to 2147483647 days, got 29 days; raise it or drop the "
        "earlier step",
    ),
    (
        analytics(buffer_interval=cdk.Duration.seconds(901)),
        "Analytics: buffer_interval must be from 0 s to 900 s, got 901 s; give a time in this range",
    ),
    *(
        (analytics(campaign_tag=wrong), f"{TAG} {wrong!r}; {IN_LOWER_CASE}")
        for wrong in ("", "Campaign", "my tag", "o'neil", "a:b", "tag\n")
    ),
    (analytics(campaign_tag="a" * 257), f"{TAG} '{'a' * 119}...; {IN_LOWER_CASE}"),
    (analytics(campaign_tag=None), f"Analytics: campaign_tag must be text, got NoneType None; {IN_LOWER_CASE}"),
]

ACCOUNTS: list[Case] = [
    (
        lambda: argument_checks.check_account(checks, True),  # type: ignore[arg-type]
        "account must be a SesAccount, got bool True; give SesAccount(suppression=['BOUNCE', 'COMPLAINT'])",
    ),
    (account(), "account must be one with a setting or more, got one with none; set one of them, or leave account out"),
    (
        account(suppression="BOUNCE"),
        "suppression of account must be a list, got str 'BOUNCE'; give ['BOUNCE', 'COMPLAINT'], or [] for never",
    ),
    (
        account(suppression=["complaint"]),
        "suppression of account must be a list of reasons among BOUNCE, COMPLAINT, got 'complaint'; write 'COMPLAINT'",
    ),
    *(
        (
            account(**{setting: "yes"}),
            f"{setting} of account must be True or False, got 'yes'; leave it out to leave that as it is",
        )
        for setting in ("engagement_metrics", "optimized_shared_delivery")
    ),
    (
        account({"news": SendingStream(engagement_metrics=True)}, engagement_metrics=False),
        "engagement_metrics of account must be True for the account when it is for a stream, got False with True for news; "
        "set it for the account, or leave the stream's out",
    ),
    (
        account(
            {"news": SendingStream(), "receipts": SendingStream(optimized_shared_delivery=True)},
            engagement_metrics=True,
        ),
        "optimized_shared_delivery of account must be True for the account when it is for a stream, got None with True for "
        "receipts; set it for the account, or leave the stream's out",
    ),
]

ALL = [*REGIONS, *SENDING, *ACCOUNTS]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    *(region(name) for name in ("eu-west-1", "us-gov-west-1", "ap-south-2", "eusc-de-east-1", "xx-new-1")),
    lambda: region_checks.check_sending_region(checks, given.anywhere),
    sending(),
    sending(default_stream="receipts"),
    sending(default_stream="news", identity=AddressIdentity(address="news@example.com")),
    sending(identity=IDENTITY),
    *(feedback(keep_transient_days=days, record=False) for days in (1, 3650, given.LATER_NUMBER)),
    analytics(),
    sending(analytics=Analytics(), streams={"news": QUIET, "receipts": SendingStream(analytics_events=["SEND"])}),
    sending(analytics=None, streams={"news": QUIET}),
    analytics(bucket=given.BUCKET, campaign_tag="a" * 256),
    analytics(bucket=given.FAR_BUCKET, buffer_interval=cdk.Duration.seconds(900), campaign_tag="_-0"),
    analytics(access_log_bucket=given.BUCKET, buffer_interval=cdk.Duration.seconds(0)),
    analytics(lifecycle=BucketLifecycle(infrequent_access_after_days=30), campaign_tag=given.LATER),
    lambda: argument_checks.check_account(checks, None),
    account(suppression=[]),
    account(engagement_metrics=False),
    account({"news": SendingStream(engagement_metrics=True)}, suppression=["BOUNCE"]),
    account({"news": SendingStream(engagement_metrics=True)}, engagement_metrics=True),
    account({"news": SendingStream(engagement_metrics=False)}, engagement_metrics=False),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_a_stack_in_a_region_without_ses_is_refused_first() -> None:
    china = cdk.Stack(cdk.App(), "China", env=cdk.Environment(region="cn-north-1"))
    with pytest.raises(ValueError, match="must be") as caught:
        SesConfigSets(china, "Mail", identity=DOMAIN, streams={}, encryption_key="no key")  # type: ignore[arg-type]
    assert str(caught.value) == f"China/Mail: {NO_SES} cn-north-1; leave it out of this partition"


def test_the_regions_are_those_that_cloudformation_knows() -> None:
    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    known = {path.stem: json.loads(path.read_text()).keys() for path in folder.glob("*-*-*.json")}
    assert {name for name, types in known.items() if "AWS::SES::ConfigurationSet" not in types} == set(
        region_checks.WITHOUT_SES
    )
    rules = {name for name, types in known.items() if "AWS::SES::ReceiptRule" in types}
    # cfn-lint has no schemas of this region at all.
    assert set(region_checks.RECEIVING) - rules == {"me-south-1"}
    assert not {name for name in rules - set(region_checks.RECEIVING) if "iso" not in name and name[:4] != "eusc"}


def test_the_delivery_of_events_is_told_what_was_asked_for() -> None:
    lifecycle, interval = BucketLifecycle(expire_after_days=9), cdk.Duration.seconds(60)
    sink = event_sink(Analytics(access_log_bucket=given.BUCKET, lifecycle=lifecycle))
    assert (sink.bucket, sink.access_log_bucket, sink.lifecycle) == (None, given.BUCKET, lifecycle)
    assert (sink.buffer_interval, sink.parquet) == (None, COLUMNS)
    sink = event_sink(Analytics(bucket=given.BUCKET, buffer_interval=interval))
    assert (sink.bucket, sink.buffer_interval) == (given.BUCKET, interval)


def test_no_module_is_loaded_for_what_nobody_asked_for() -> None:
    code = (
        "import sys; from cdk_refarch.ses_config_sets import argument_checks; "
        "print([name for name in ('athena', 'dynamodb', 'glue', 'kinesisfirehose', 'lambda') "
        "if f'aws_cdk.aws_{name}' in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"
