"""What the tests of refusals share: whom mail is sent as."""

from __future__ import annotations

from aws_cdk import aws_ses as ses

from cdk_refarch.ses_config_sets.values import DomainIdentity
from tests.unit.refusals import stack

DOMAIN = DomainIdentity(domain="example.com")
IDENTITY = ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com")
