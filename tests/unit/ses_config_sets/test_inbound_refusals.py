"""Receiving that SES would not do, or that would lose mail, is refused in words that tell what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3

from cdk_refarch.ses_config_sets import inbound_checks, region_checks
from cdk_refarch.ses_config_sets.values import AddressIdentity, DomainIdentity, Inbound, SendingStream, TrackingDomain
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack
from tests.unit.ses_config_sets.refusals import DOMAIN, IDENTITY

ZONE = route53.HostedZone.from_hosted_zone_id(stack, "InboundZone", "Z1")
ZONED = dataclasses.replace(DOMAIN, hosted_zone=ZONE)
LATER_DOMAIN = DomainIdentity(domain=given.LATER, hosted_zone=ZONE)
LOCKED_BUCKET = s3.Bucket(
    stack, "LockedBucket", object_lock_default_retention=s3.ObjectLockRetention.governance(cdk.Duration.days(1))
)
LOCKABLE_BUCKET = s3.Bucket(stack, "LockableBucket", object_lock_enabled=True)
OWN_BUCKET = s3.Bucket(stack, "OwnBucket")


def inbound(
    recipients: Any = ("example.com",),
    identity: Any = DOMAIN,
    scope: cdk.Stack = stack,
    streams: Any = None,
    **arguments: Any,
) -> Call:
    wanted = Inbound(recipients=recipients, **arguments)
    return lambda: inbound_checks.check_inbound(checks, scope, wanted, identity, streams)


def tracked(recipients: list[str], *domains: str, identity: Any = DOMAIN, **arguments: Any) -> Call:
    streams = {
        f"s{number}": SendingStream(tracking=TrackingDomain(domain=domain, **arguments))
        for number, domain in enumerate(domains)
    }
    return inbound(recipients, identity, streams={"news": SendingStream(), **streams})


def region(name: str) -> Call:
    there = cdk.Stack(cdk.App(), "There", env=cdk.Environment(region=name))
    return lambda: inbound_checks.check_inbound(checks, there, Inbound(recipients=["example.com"]), DOMAIN)


GIVE = "give ['support@example.com'], or ['example.com'] for all of the domain"
NO_DOMAIN = "recipients must be a domain of lower-case letters, digits and - such as example.com, got"
NO_ADDRESS = "recipients must be an address such as news@example.com, with a domain in lower case, got"
OF_DOMAIN = "recipients must be a list of addresses and domains of example.com, got"
NOT_HERE = "region of the stack must be one where Amazon SES receives email when inbound is set, got"
WITH_ZONE = (
    "mx_record and hosted_zone must be given together, got mx_record alone; give a DomainIdentity with its hosted_zone, or "
    "write the record of dns_records yourself"
)

PARTS: list[Case] = [
    (inbound("example.com"), f"recipients must be a list, got str 'example.com'; {GIVE}"),
    (inbound(None), f"recipients must be a list, got NoneType None; {GIVE}"),
    (inbound([]), f"recipients must be a list of 1 to 500 recipients, got a list of 0; {GIVE}"),
    (
        inbound([f"a{number}@example.com" for number in range(501)]),
        f"recipients must be a list of 1 to 500 recipients, got a list of 501; {GIVE}",
    ),
    (
        inbound(["example.com", "example.com"]),
        "recipients must be a list without repetition, got 'example.com' twice; drop one of them",
    ),
    (inbound([7]), f"recipients must be text, got int 7; {GIVE}"),
    (inbound([""]), f"recipients must be text that is not empty, got ''; {GIVE}"),
    (
        inbound(given.LATER_LIST),
        f"recipients must be a list that is known when the app runs, got a token; {GIVE}",
    ),
    (
        inbound([".example.com"]),
        "recipients must be a list of addresses and domains, got '.example.com'; name the subdomains one by one: each needs "
        "an MX record of its own",
    ),
    (inbound(["Example.com"]), f"{NO_DOMAIN} 'Example.com'; write 'example.com'"),
    (inbound(["@example.com"]), f"{NO_DOMAIN} '@example.com'; write 'example.com'"),
    (inbound(["*.example.com"]), f"{NO_DOMAIN} '*.example.com'; give 'example.com', say"),
    (inbound(["*@example.com"]), f"{NO_ADDRESS} '*@example.com'; give 'news@example.com', say"),
    (inbound(["Help <help@example.com>"]), f"{NO_ADDRESS} 'Help <help@example.com>'; write 'help@example.com'"),
    *(
        (
            inbound(["example.com", wrong]),
            f"{OF_DOMAIN} {wrong!r}; receive the rest in a construct with an identity of its own and activate=False",
        )
        for wrong in ("other.com", "help@other.com", "help@anexample.com")
    ),
    *(
        (
            inbound([wrong]),
            f"recipients must be outside of the domain that only bounces return to, got {wrong!r}; use another domain, or "
            "another mail_from_subdomain",
        )
        for wrong in ("bounce.example.com", "help@bounce.example.com")
    ),
    *(
        (
            call,
            "recipients and domain of tracking must be of different domains, got click.example.com for both; give the "
            f"stream {name} another one: its CNAME cannot stand beside an MX record",
        )
        for call, name in (
            (tracked(["click.example.com"], "click.example.com"), "s0"),
            (tracked(["a@example.com", "a@click.example.com"], "go.example.com", "click.example.com"), "s1"),
            (tracked(["click.example.com"], "click.example.com", https="REQUIRE"), "s0"),
            (tracked(["a@click.example.com"], "click.example.com", identity=IDENTITY), "s0"),
        )
    ),
    (inbound(bucket="mail"), "bucket must be an IBucket, got str 'mail'; give a construct that implements IBucket"),
    (inbound(bucket=given.FAR_BUCKET), f"bucket {given.ELSEWHERE}"),
    (inbound(bucket=given.OTHERS_BUCKET), f"bucket {given.OTHER_ACCOUNT}; use a bucket of this account"),
    (inbound(bucket=given.ALIASED_BUCKET), f"key of bucket {given.AN_ALIAS}"),
    (
        inbound(bucket=LOCKED_BUCKET),
        "bucket must be one without a default retention of Object Lock, got one with it; use another bucket: SES writes to "
        "none that locks each object",
    ),
    (
        inbound(bucket=given.BUCKET, expire_after_days=30),
        "bucket and expire_after_days must be given one at a time, got both; set lifecycle rules on the bucket itself",
    ),
    *(
        (
            inbound(expire_after_days=wrong),
            f"expire_after_days must be from 1 day to 2147483647 days, got {shown}; leave it out to keep all mail",
        )
        for wrong, shown in ((0, "0 days"), (2147483648, "2147483648 days"), (True, "bool True"), ("7", "str '7'"))
    ),
    (
        inbound(expire_after_days=float("nan")),
        "expire_after_days must be a whole number from 1 day to 2147483647 days, got nan days; leave it out to keep all mail",
    ),
    (
        inbound(function="f"),
        "function must be an IFunction, got str 'f'; give a construct that implements IFunction",
    ),
    (inbound(function=given.FAR_FUNCTION), f"function {given.ELSEWHERE}"),
    (inbound(function=given.OTHERS_FUNCTION), f"function {given.OTHER_ACCOUNT}; use a function of this account"),
    (
        inbound(strict="no"),
        "strict must be True or False, got 'no'; give True to stop what could not be scanned",
    ),
    (
        inbound(mx_record=1),
        "mx_record must be True or False, got 1; give True for a domain that receives nowhere else",
    ),
    (
        inbound(activate=None),
        "activate must be True or False, got None; give False to leave the active rule set as it is",
    ),
    (inbound(mx_record=True), WITH_ZONE),
    (inbound(mx_record=True, identity=AddressIdentity(address="a@example.com")), WITH_ZONE),
    (inbound(mx_record=True, identity=IDENTITY), WITH_ZONE),
    (
        inbound(["in.example.com", "a@in.example.com", "b@x.example.com"], mx_record=True, identity=ZONED),
        "mx_record and recipients must be given with a recipient of example.com itself, got in.example.com, x.example.com "
        "alone; write the records of dns_records yourself",
    ),
]

ALL: list[Case] = [
    (
        lambda: inbound_checks.check_inbound(checks, stack, True, DOMAIN),  # type: ignore[arg-type]
        "inbound must be an Inbound, got bool True; give Inbound(recipients=['support@example.com'])",
    ),
    *((call, f"Inbound: {message}") for call, message in PARTS),
    (
        region("ap-south-2"),
        f"{NOT_HERE} ap-south-2; deploy the stack to ap-northeast-1, ap-northeast-2 or ap-northeast-3, or leave inbound out",
    ),
    (region("ca-west-1"), f"{NOT_HERE} ca-west-1; deploy the stack to ca-central-1, or leave inbound out"),
    (
        region("mx-central-1"),
        f"{NOT_HERE} mx-central-1; deploy the stack to eu-west-1 or us-east-1, or leave inbound out",
    ),
    *(
        (region(name), f"{NOT_HERE} {name}; leave inbound out")
        for name in ("us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-west-1")
    ),
]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    lambda: inbound_checks.check_inbound(checks, stack, None, DOMAIN),
    inbound(["example.com", "support@example.com", "in.example.com", "Support@in.example.com"]),
    inbound([f"a{number}@example.com" for number in range(500)]),
    inbound([given.LATER, given.LATER, f"help@{given.LATER}"]),
    inbound(["other.com"], identity=IDENTITY),
    inbound(["other.com"], identity=AddressIdentity(address="a@example.com")),
    inbound(["other.com"], identity=LATER_DOMAIN),
    inbound(["bounce.example.com"], identity=dataclasses.replace(DOMAIN, mail_from_subdomain="back")),
    tracked(["example.com", "a@in.example.com", "in.click.example.com"], "click.example.com", "go.in.example.com"),
    tracked([f"a@{given.LATER}", given.LATER], given.LATER),
    *(inbound(bucket=bucket) for bucket in (given.BUCKET, LOCKABLE_BUCKET, OWN_BUCKET)),
    inbound(bucket=given.OTHERS_BUCKET, scope=given.anywhere),
    *(inbound(expire_after_days=days) for days in (1, 2147483647, given.LATER_NUMBER)),
    inbound(function=given.FUNCTION, strict=True, activate=False),
    inbound(["in.example.com", "a@example.com"], mx_record=True, identity=ZONED),
    inbound(["in.example.com", given.LATER], mx_record=True, identity=ZONED),
    inbound(["in.example.com"], mx_record=True, identity=LATER_DOMAIN),
    inbound(scope=given.anywhere),
    *(region(name) for name in region_checks.RECEIVING),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_mail_is_received_in_22_regions() -> None:
    assert len(set(region_checks.RECEIVING)) == 22
    assert not set(region_checks.RECEIVING) & set(region_checks.WITHOUT_SES)
