"""Who may send what."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from constructs import Construct

from .email_stream import EmailStream

PLAIN_ACTIONS = ["ses:SendEmail", "ses:SendRawEmail"]
TEMPLATED_ACTIONS = ["ses:SendBulkTemplatedEmail", "ses:SendTemplatedEmail"]
"""SES checks the address of From for all four, for SendBulkEmail it does not:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html"""


def grant(
    scope: Construct,
    grantee: iam.IGrantable,
    identity: ses.IEmailIdentity,
    stream: EmailStream,
    from_addresses: list[str],
    template_names: list[str],
) -> iam.Grant:
    """Let an identity send mail of one stream from some addresses.

    Args:
        scope: Any construct of the stack.
        grantee: The identity of IAM.
        identity: The identity of SES.
        stream: The stream.
        from_addresses: The addresses.
        template_names: The templates.
    """
    stack = cdk.Stack.of(scope)
    templates = [f"arn:{stack.partition}:ses:{stack.region}:{stack.account}:template/{name}" for name in template_names]
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=sorted([*PLAIN_ACTIONS, *(TEMPLATED_ACTIONS if templates else ())]),
        # SES asks for each that a call uses, also for the default configuration set of the identity.
        resource_arns=[identity.email_identity_arn, stream.configuration_set_arn, *templates],
        conditions={"StringLike": {"ses:FromAddress": from_addresses}},
    )
