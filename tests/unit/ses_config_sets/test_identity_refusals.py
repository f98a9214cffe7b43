"""Identities that SES would not verify, or whose records would do harm, are refused in words that tell what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ses as ses

from cdk_refarch.ses_config_sets import dns, identity_checks
from cdk_refarch.ses_config_sets.values import AddressIdentity, Dmarc, DomainIdentity
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack
from tests.unit.ses_config_sets.refusals import DOMAIN, IDENTITY

NETWORK = ec2.Vpc.from_vpc_attributes(stack, "Network", vpc_id="vpc-1", availability_zones=["eu-west-1a"])
ZONE = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
ROOT_ZONE = route53.HostedZone.from_hosted_zone_attributes(stack, "Root", hosted_zone_id="Z2", zone_name="Example.COM.")
OTHER_ZONE = route53.HostedZone.from_hosted_zone_attributes(stack, "Other", hosted_zone_id="Z3", zone_name="ample.com")
UNNAMED_ZONE = route53.HostedZone.from_hosted_zone_id(stack, "Unnamed", "Z4")
PUBLIC_ZONE = route53.PublicHostedZone(stack, "Public", zone_name="example.com")
LATER_ZONE = route53.HostedZone.from_hosted_zone_attributes(
    stack, "LaterZone", hosted_zone_id="Z5", zone_name=given.LATER
)
PRIVATE_ZONE = route53.PrivateHostedZone(stack, "Private", zone_name="example.com", vpc=NETWORK)
ZONE_OF_NETWORKS = route53.HostedZone(stack, "Networked", zone_name="example.com", vpcs=[NETWORK])

FAR_IDENTITY = ses.EmailIdentity.from_email_identity_arn(
    stack, "FarIdentity", f"arn:aws:ses:{given.THERE}:identity/example.com"
)
FAR_STACK = cdk.Stack(cdk.App(), "Far", env=cdk.Environment(region="us-east-1"))
MADE_FAR = ses.EmailIdentity(FAR_STACK, "Identity", identity=ses.Identity.domain("example.com"))
MADE_HERE = ses.EmailIdentity(stack, "MadeHere", identity=ses.Identity.domain("example.com"))
OTHERS_IDENTITY = ses.EmailIdentity.from_email_identity_arn(
    stack, "OthersIdentity", f"arn:aws:ses:{given.OTHERS}:identity/example.com"
)


def identity(wanted: Any, scope: cdk.Stack = stack) -> Call:
    return lambda: identity_checks.check_identity(checks, scope, wanted)


def domain(wanted: Any = "example.com", **arguments: Any) -> Call:
    return identity(dataclasses.replace(DOMAIN, domain=wanted, **arguments))


def address(wanted: Any) -> Call:
    return identity(AddressIdentity(address=wanted))


def dmarc(**arguments: Any) -> Call:
    return domain(dmarc=Dmarc(**arguments))


LABEL = "a" * 63

# With p=reject, its record has 255 characters.
LONGEST_REPORT = f"{'d' * 60}@{'a' * 60}.{'b' * 60}.{'c' * 37}.com"

KINDS = "identity must be a DomainIdentity, an AddressIdentity or an IEmailIdentity, got"
A_DOMAIN = "domain must be a domain of lower-case letters, digits and - such as example.com, got"
AN_ADDRESS = "address must be an address such as news@example.com, with a domain in lower case, got"
MAIL_FROM = "mail_from_subdomain must be a label or more, of lower-case letters, digits and -, got"
ENCODED = "must be an address with letters, digits and . _ + = - before the @ and a domain in lower case, got"
RFC = "see https://datatracker.ietf.org/doc/html/rfc7489#section-6.3"

CASES: list[Case] = [
    (identity("example.com"), f"{KINDS} str 'example.com'; give DomainIdentity(domain='example.com')"),
    (identity("a@example.com"), f"{KINDS} str 'a@example.com'; give AddressIdentity(address='a@example.com')"),
    (identity(None), f"{KINDS} NoneType None; give DomainIdentity(domain='example.com')"),
    *((identity(far), f"identity {given.ELSEWHERE}") for far in (FAR_IDENTITY, MADE_FAR)),
    (domain(None), "Identity: domain must be text, got NoneType None; give 'example.com', say"),
    (domain(" "), "Identity: domain must be text that is not empty, got ' '; give 'example.com', say"),
    *(
        (domain(wrong), f"Identity: {A_DOMAIN} {wrong!r}; write {right!r}")
        for wrong, right in (
            ("Example.com", "example.com"),
            ("example.com.", "example.com"),
            ("https://example.com/contact", "example.com"),
            ("news@example.com", "example.com"),
            (" example.com\n", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
        )
    ),
    *(
        (domain(wrong), f"Identity: {A_DOMAIN} {wrong!r}; give 'example.com', say")
        for wrong in (
            *("example", "localhost.", "-a.com", "a-.com", "a_b.com", "a..com", "192.0.2.1", "*.example.com"),
            *(f"{LABEL}a.com", "é" * 70 + ".com"),
        )
    ),
    (
        domain(mail_from_subdomain=None),
        "Identity: mail_from_subdomain must be text, got NoneType None; give 'bounce', say",
    ),
    (
        domain(mail_from_subdomain=""),
        "Identity: mail_from_subdomain must be text that is not empty, got ''; give 'bounce', say",
    ),
    *(
        (domain(mail_from_subdomain=wrong), f"Identity: {MAIL_FROM} {wrong!r}; give 'bounce', say")
        for wrong in ("Bounce", "bounce.", ".bounce", "_bounce", "a..b", "-a", "a" * 64, "bounce\n")
    ),
    (
        domain(mail_from_subdomain="bounce.example.com"),
        "Identity: mail_from_subdomain must be what stands before the domain, got 'bounce.example.com'; write 'bounce'",
    ),
    (
        domain(mail_from_subdomain="example.com"),
        "Identity: mail_from_subdomain must be what stands before the domain, got 'example.com'; give 'bounce', say",
    ),
    (
        domain(hosted_zone="Z1"),
        "Identity: hosted_zone must be an IHostedZone, got str 'Z1'; give a construct that implements IHostedZone, or "
        "leave it out",
    ),
    *(
        (
            domain(hosted_zone=zone),
            "Identity: hosted_zone must be a public zone, got a private one; nobody outside sees the records of that one",
        )
        for zone in (PRIVATE_ZONE, ZONE_OF_NETWORKS)
    ),
    (
        domain(hosted_zone=OTHER_ZONE),
        "Identity: hosted_zone must be one that example.com is in, got the zone of ample.com; give the zone of the domain "
        "or of one above it",
    ),
    (
        domain("com.example", hosted_zone=ZONE),
        "Identity: hosted_zone must be one that com.example is in, got the zone of example.com; give the zone of the "
        "domain or of one above it",
    ),
    (domain(dmarc="reject"), "Identity: dmarc must be a Dmarc, got str 'reject'; give Dmarc() or None"),
    (
        dmarc(policy="Reject"),
        "Identity: policy of dmarc must be one of none, quarantine, reject, got 'Reject'; write 'reject'",
    ),
    (
        dmarc(policy=None),
        "Identity: policy of dmarc must be one of none, quarantine, reject, got None; write 'none'",
    ),
    (
        dmarc(subdomain_policy="monitor"),
        f"Identity: subdomain_policy of dmarc must be one of none, quarantine, reject, got 'monitor'; {RFC}",
    ),
    (
        dmarc(policy=given.LATER),
        f"Identity: policy of dmarc must be known when the app runs, got a token; {RFC}",
    ),
    *(
        (dmarc(report_to=wrong), f"Identity: report_to of dmarc {ENCODED} {wrong!r}; {remedy}")
        for wrong, remedy in (
            ("dmarc", "give 'news@example.com', say"),
            ("a,b@example.com", "give 'news@example.com', say"),
            ("a;b@example.com", "give 'news@example.com', say"),
            ("dmarc@example.com!10m", "give 'news@example.com', say"),
            ("a!b@example.com", "give 'news@example.com', say"),
            ("a b@example.com", "give 'news@example.com', say"),
            ("a@example.com,b@example.com", "give 'news@example.com', say"),
            ("dmarc@Example.com", "write 'dmarc@example.com'"),
            ("Reports <dmarc@example.com>", "write 'dmarc@example.com'"),
        )
    ),
    *(
        (
            dmarc(policy="reject", report_to=f"{front}{LONGEST_REPORT}", **arguments),
            "Identity: report_to of dmarc must be short enough for a record of at most 255 characters, got one of "
            f"{length} characters; give a shorter address",
        )
        for front, arguments, length in (("d", {}, 256), ("", {"subdomain_policy": "none"}, 264))
    ),
    (address(7), "Identity: address must be text, got int 7; give 'news@example.com', say"),
    *(
        (address(wrong), f"Identity: {AN_ADDRESS} {wrong!r}; {remedy}")
        for wrong, remedy in (
            ("example.com", "give 'news@example.com', say"),
            ("@example.com", "give 'news@example.com', say"),
            ("a@b@example.com", "give 'news@example.com', say"),
            ("a@example", "give 'news@example.com', say"),
            ("ä@example.com", "give 'news@example.com', say"),
            ("a b@example.com", "give 'news@example.com', say"),
            ("a..b@example.com", "give 'news@example.com', say"),
            ("*@example.com", "give 'news@example.com', say"),
            ("news@EXAMPLE.com", "write 'news@example.com'"),
            ("news@bücher.example", "write 'news@xn--bcher-kva.example'"),
            ("The News <News@example.com>", "write 'News@example.com'"),
        )
    ),
    (
        address("a" * 65 + "@example.com"),
        f"Identity: {AN_ADDRESS} '{'a' * 65}@example.com'; give 'news@example.com', say",
    ),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    # Identities of other accounts may let this one send.
    *(identity(right) for right in (IDENTITY, OTHERS_IDENTITY, MADE_HERE)),
    *(identity(far, given.anywhere) for far in (FAR_IDENTITY, MADE_FAR)),
    *(
        domain(right)
        for right in ("example.com", "mail.example.co.uk", "a-b.c1", f"{LABEL}.com", "xn--bcher-kva.example")
    ),
    domain(given.LATER),
    domain(given.LATER, hosted_zone=ZONE),
    *(domain(mail_from_subdomain=right) for right in ("bounce", "b", "a.b-c.d1", LABEL, given.LATER)),
    *(domain(hosted_zone=zone) for zone in (ZONE, ROOT_ZONE, UNNAMED_ZONE, PUBLIC_ZONE, LATER_ZONE)),
    domain("mail.example.com", hosted_zone=ZONE),
    domain(dmarc=None),
    *(dmarc(policy=policy, subdomain_policy=policy) for policy in ("none", "quarantine", "reject")),
    *(dmarc(report_to=right) for right in ("dmarc@example.com", "a.b_c+d=e-f@other.org", given.LATER)),
    dmarc(policy="reject", report_to=LONGEST_REPORT),
    # How long it is, nobody knows yet.
    dmarc(report_to=f"{given.LATER * 15}@example.com"),
    *(address(right) for right in ("news@example.com", "O'Neil+x@example.com", "a" * 64 + "@example.com", given.LATER)),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_a_domain_has_253_characters_at_most_with_the_subdomain_of_bounces() -> None:
    longest = ".".join(["a" * 61] * 4)
    assert len(f"bbbbb.{longest}") == 253
    domain(longest, mail_from_subdomain="bbbbb")()
    with pytest.raises(
        ValueError, match=r"^Stack/Tested/Identity: mail_from_subdomain and domain must be a domain of "
    ):
        domain(longest, mail_from_subdomain="bbbbbb")()
    domain("a." * 126 + "a", mail_from_subdomain=given.LATER)()
    with pytest.raises(ValueError, match=r"^Stack/Tested/Identity: domain must be a domain of "):
        domain("a." * 126 + "aa", mail_from_subdomain=given.LATER)()


def test_the_longest_record_of_dmarc_is_one_text_of_route_53() -> None:
    assert len(dns.dmarc_text(Dmarc(policy="reject", report_to=LONGEST_REPORT))) == 255


def test_the_domain_of_bounces_is_known_for_domains_only() -> None:
    assert identity_checks.mail_from(DOMAIN) == "bounce.example.com"
    assert identity_checks.mail_from(AddressIdentity(address="a@example.com")) is None
    assert identity_checks.mail_from(DomainIdentity(domain=given.LATER)) is None
    assert identity_checks.mail_from(DomainIdentity(domain="a.b", mail_from_subdomain=given.LATER)) is None
