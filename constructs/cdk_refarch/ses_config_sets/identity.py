"""The identity that mail is sent as."""

from __future__ import annotations

from aws_cdk import aws_ses as ses
from constructs import Construct

from . import dns
from .email_stream import EmailStream
from .values import AddressIdentity, DnsRecord, DomainIdentity

Identity = DomainIdentity | AddressIdentity | ses.IEmailIdentity


def make_identity(
    scope: Construct, wanted: Identity, default: EmailStream
) -> tuple[ses.IEmailIdentity, dict[str, DnsRecord]]:
    """Create an identity unless it is given.

    Args:
        scope: The construct that it belongs to.
        wanted: What is asked for; checked before.
        default: The stream of mail that names none.

    Returns:
        The identity, and the records that it needs by what they are.
    """
    if isinstance(wanted, DomainIdentity):
        made = ses.EmailIdentity(
            scope,
            "Identity",
            identity=ses.Identity.domain(wanted.domain),
            configuration_set=default.configuration_set,
            dkim_identity=ses.DkimIdentity.easy_dkim(ses.EasyDkimSigningKeyLength.RSA_2048_BIT),
            dkim_signing=True,
            # The feedback topic tells of bounces and complaints: mail about them to the sender says nothing more.
            feedback_forwarding=False,
            mail_from_domain=f"{wanted.mail_from_subdomain}.{wanted.domain}",
            mail_from_behavior_on_mx_failure=ses.MailFromBehaviorOnMxFailure.USE_DEFAULT_VALUE,
        )
        return made, dns.sending_records(scope, wanted, made)
    if isinstance(wanted, AddressIdentity):
        address = ses.EmailIdentity(
            scope,
            "Identity",
            identity=ses.Identity.email(wanted.address),
            configuration_set=default.configuration_set,
            feedback_forwarding=False,
        )
        return address, {}
    return wanted, {}


def name_of(wanted: Identity) -> str:
    """Return the domain or the address of an identity; of one that is given, it may be known at deployment only.

    Args:
        wanted: What is asked for.
    """
    if isinstance(wanted, DomainIdentity):
        return wanted.domain
    if isinstance(wanted, AddressIdentity):
        return wanted.address
    return wanted.email_identity_name
