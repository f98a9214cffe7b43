"""Identities and their records, judged by what receivers use: dkimpy, pyspf and authheaders."""

from __future__ import annotations

import functools
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import authheaders  # type: ignore[import-untyped]
import aws_cdk as cdk
import dkim  # type: ignore[import-untyped]
import pytest
import spf  # type: ignore[import-untyped]
from aws_cdk import aws_route53 as route53

from cdk_refarch import DnsRecord, DomainIdentity, Feedback, SendingStream, SesConfigSets, TrackingDomain
from tests.unit.ses_config_sets.built import REGION, Built, Scene
from tests.unit.ses_config_sets.dns import SES_ADDRESS, Key, Record, Resolver, listed, written
from tests.unit.templates import Template

DOMAINS = {"plain": "example.com", "full": "shop.example.com"}
MAIL_FROM = {"plain": "bounce.example.com", "full": "mail.return.shop.example.com"}


def records(made: Built, scene: str) -> list[Record]:
    """What the DNS has: of the full one what is written, of the other what is listed."""
    where = made.scene(scene)
    return written(where, DOMAINS[scene]) if scene == "full" else listed(where, DOMAINS[scene])


@functools.cache
def key() -> Key:
    return Key()


@pytest.fixture(params=DOMAINS)
def scene(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def resolver(made: Built, scene: str, monkeypatch: pytest.MonkeyPatch) -> Resolver:
    found = Resolver(records(made, scene), key())
    monkeypatch.setattr(spf, "DNSLookup", found.spf)
    return found


def message(domain: str) -> bytes:
    mail = EmailMessage()
    for name, value in (("From", f"Shop <orders@{domain}>"), ("To", "a@example.org"), ("Subject", "Order")):
        mail[name] = value
    mail["Date"] = formatdate(0)
    mail.set_content("Thank you.")
    return mail.as_bytes()


def signed(domain: str, token: int = 1) -> bytes:
    """Sign as SES does: for the domain, with a token as the selector."""
    mail = message(domain)
    headers = [b"from", b"to", b"subject", b"date"]
    signature: bytes = dkim.sign(
        mail, f"token{token}".encode(), domain.encode(), key().private, include_headers=headers
    )
    return signature + mail


def judged(mail: bytes, resolver: Resolver, mail_from: str, ip: str = SES_ADDRESS) -> dict[str, Any]:
    """What a receiver writes into the header of the mail."""
    header = authheaders.authenticate_message(
        mail, "mx.example.org", ip=ip, mail_from=f"x@{mail_from}", helo="a.smtp-out.amazonses.com", spf=True,
        dnsfunc=resolver.text,
    )  # fmt: skip
    parts = [part.strip() for part in header.split(";")[1:]]
    return dict(part.split(" ")[0].split("=") for part in parts)


@pytest.mark.parametrize("token", [1, 2, 3])
def test_mail_that_ses_signed_is_verified_through_each_dkim_record(resolver: Resolver, scene: str, token: int) -> None:
    assert dkim.DKIM(signed(DOMAINS[scene], token), minkey=2048).verify(dnsfunc=resolver.text)


def test_receivers_accept_mail_of_ses_as_the_domains_own(resolver: Resolver, scene: str) -> None:
    found = judged(signed(DOMAINS[scene]), resolver, MAIL_FROM[scene])
    assert found == {"spf": "pass", "dkim": "pass", "dmarc": "pass"}


def test_spf_alone_is_enough_because_alignment_is_relaxed(resolver: Resolver, scene: str) -> None:
    found = judged(message(DOMAINS[scene]), resolver, MAIL_FROM[scene])
    assert (found["spf"], found["dmarc"]) == ("pass", "pass")


def test_dkim_alone_is_enough_for_mail_that_was_forwarded(resolver: Resolver, scene: str) -> None:
    found = judged(signed(DOMAINS[scene]), resolver, "forwarder.example.org", "203.0.113.9")
    assert (found["dkim"], found["dmarc"]) == ("pass", "pass")


def test_receivers_do_not_accept_mail_that_pretends_to_be_from_the_domain(resolver: Resolver, scene: str) -> None:
    found = judged(message(DOMAINS[scene]), resolver, MAIL_FROM[scene], "203.0.113.9")
    assert (found["spf"], found["dmarc"]) == ("softfail", "fail")


@pytest.mark.parametrize(("ip", "result"), [(SES_ADDRESS, "pass"), ("203.0.113.9", "softfail")])
def test_ses_and_nobody_else_may_send_for_the_mail_from_domain(
    resolver: Resolver, scene: str, ip: str, result: str
) -> None:
    query = spf.query(i=ip, s=f"x@{MAIL_FROM[scene]}", h="a.smtp-out.amazonses.com")
    query.strict = 2
    assert query.check()[0] == result


def test_bounces_return_to_ses_of_the_region(made: Built, scene: str) -> None:
    found = [one for one in records(made, scene) if one[0] == MAIL_FROM[scene] and one[1] == "MX"]
    # SES wants exactly one.
    assert found == [(MAIL_FROM[scene], "MX", f"10 feedback-smtp.{REGION}.amazonses.com")]


def test_the_policy_of_the_domain_is_as_asked_for(made: Built) -> None:
    policies = {
        name: authheaders.dmarc_lookup.receiver_record(domain, Resolver(records(made, name), key()).text)
        for name, domain in DOMAINS.items()
    }
    assert policies == {
        "plain": ({"v": "DMARC1", "p": "quarantine"}, False),
        "full": ({"v": "DMARC1", "p": "reject", "sp": "quarantine", "rua": "mailto:dmarc@example.com"}, False),
    }


def dkim_records(where: Scene) -> tuple[DnsRecord, ...]:
    identity: Any = where.email.identity
    return tuple(DnsRecord(name=one.name, type="CNAME", value=one.value) for one in identity.dkim_records)


def test_all_records_that_the_domain_needs_are_listed(made: Built) -> None:
    own = "mail.return.shop.example.com"
    receiving = f"10 inbound-smtp.{REGION}.amazonaws.com"
    dmarc = "v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@example.com"
    assert made.full.email.dns_records == (
        *dkim_records(made.full),
        DnsRecord(name=own, type="MX", value=f"10 feedback-smtp.{REGION}.amazonses.com"),
        DnsRecord(name=own, type="TXT", value="v=spf1 include:amazonses.com ~all"),
        DnsRecord(name="_dmarc.shop.example.com", type="TXT", value=dmarc),
        # Not the one of alerts, whose domain leads to a distribution.
        DnsRecord(name="click.shop.example.com", type="CNAME", value=f"r.{REGION}.awstrack.me"),
        DnsRecord(name="shop.example.com", type="MX", value=receiving),
        DnsRecord(name="in.shop.example.com", type="MX", value=receiving),
    )
    assert made.plain.email.dns_records == (
        *dkim_records(made.plain),
        DnsRecord(name="bounce.example.com", type="MX", value=f"10 feedback-smtp.{REGION}.amazonses.com"),
        DnsRecord(name="bounce.example.com", type="TXT", value="v=spf1 include:amazonses.com ~all"),
        DnsRecord(name="_dmarc.example.com", type="TXT", value="v=DMARC1; p=quarantine"),
    )
    assert all(one.why for one in made.full.email.dns_records)


def test_a_hosted_zone_gets_the_records_and_no_mx_of_a_domain_that_was_not_asked_for(made: Built) -> None:
    expected = [one for one in listed(made.full, DOMAINS["full"]) if one[0] != "in.shop.example.com"]
    assert sorted(written(made.full, DOMAINS["full"])) == sorted(expected)
    found = made.full.all("AWS::Route53::RecordSet")
    assert {(one["HostedZoneId"], one["TTL"]) for one in found} == {("Z1", "1800")}


def tracked(**domains: str) -> dict[str, str]:
    """Logical ids of the records of domains in links, by name; the streams in the order given."""
    stack = cdk.Stack(cdk.App(), "Mail")
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    SesConfigSets(
        stack,
        "Email",
        identity=DomainIdentity(domain="example.com", hosted_zone=zone),
        streams={
            name: SendingStream(tracking=TrackingDomain(domain=f"{domain}.example.com"))
            for name, domain in domains.items()
        },
        feedback=Feedback(record=False),
        analytics=None,
    )
    resources = Template(stack).json["Resources"]
    return {
        one["Properties"]["Name"].removesuffix(".example.com."): id
        for id, one in resources.items()
        if one["Type"] == "AWS::Route53::RecordSet" and "awstrack" in str(one["Properties"]["ResourceRecords"])
    }


def test_a_record_of_a_domain_in_links_stays_whichever_streams_use_it_in_whichever_order() -> None:
    both = tracked(news="click", receipts="click", alerts="go")
    assert set(both) == {"click", "go"}
    for left in (
        tracked(receipts="click", news="click", alerts="go"),
        tracked(alerts="go", receipts="click"),
        tracked(another="go", alerts="click"),
    ):
        assert left == both
    for one in both:
        assert tracked(receipts=one) == {one: both[one]}


def test_domains_in_links_that_differ_by_a_sign_have_a_record_each() -> None:
    found = tracked(news="go-shop", receipts="go.shop")
    assert set(found) == {"go-shop", "go.shop"}
    assert len(set(found.values())) == 2


def test_nothing_is_written_anywhere_without_a_hosted_zone(made: Built) -> None:
    for where in (made.plain, made.bare, made.given):
        assert where.all("AWS::Route53::RecordSet") == []


def test_a_domain_is_signed_with_keys_of_2048_bits_and_has_a_default_stream(made: Built) -> None:
    assert made.plain.of(made.plain.email.identity) == {
        "EmailIdentity": "example.com",
        "ConfigurationSetAttributes": {"ConfigurationSetName": made.plain.set_name("transactional")},
        "DkimAttributes": {"SigningEnabled": True},
        "DkimSigningAttributes": {"NextSigningKeyLength": "RSA_2048_BIT"},
        "FeedbackAttributes": {"EmailForwardingEnabled": False},
        "MailFromAttributes": {"MailFromDomain": "bounce.example.com", "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
    }
    full = made.full.of(made.full.email.identity)
    assert full["ConfigurationSetAttributes"] == {"ConfigurationSetName": made.full.set_name("marketing")}
    assert full["MailFromAttributes"]["MailFromDomain"] == MAIL_FROM["full"]


def test_an_address_needs_no_records(made: Built) -> None:
    assert made.bare.of(made.bare.email.identity) == {
        "EmailIdentity": "news@example.org",
        "ConfigurationSetAttributes": {"ConfigurationSetName": made.bare.set_name("news")},
        "FeedbackAttributes": {"EmailForwardingEnabled": False},
    }
    assert made.bare.email.dns_records == ()


def test_an_identity_that_exists_is_left_as_it_is(made: Built) -> None:
    assert made.given.all("AWS::SES::EmailIdentity") == []
    # What it receives is said all the same; its DKIM records are not known here.
    receiving = f"10 inbound-smtp.{REGION}.amazonaws.com"
    assert made.given.email.dns_records == (DnsRecord(name="example.net", type="MX", value=receiving),)
