"""Who may send: one address and one stream, as the evaluator of an emulated IAM sees it."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk.aws_iam import AccountPrincipal
from ministack.core import iam_evaluator as iam

from tests.unit.ses_config_sets.built import ACCOUNT, HERE, REGION, Built, allowed

ORDERS, NEWS = "orders@shop.example.com", "weekly@news.shop.example.com"
DEFAULT = "marketing"
"""The stream that SES takes when a sender names none."""


def statements(made: Built, sender: str) -> list[Any]:
    policy: Any = made.senders[sender].node.find_child("DefaultPolicy")
    return allowed(made.full.of(policy))


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ses:{HERE}:{kind}/{name}"


def test_a_sender_may_send_by_the_identity_and_its_stream_from_its_address(made: Built) -> None:
    assert statements(made, "Orders") == [
        {
            "Action": ["ses:SendEmail", "ses:SendRawEmail"],
            "Resource": [
                made.full.set_arn("transactional"),
                made.full.shown(made.full.email.identity.email_identity_arn),
            ],
            "Condition": {"StringLike": {"ses:FromAddress": [ORDERS]}},
        }
    ]


def test_a_sender_may_use_the_templates_that_were_named(made: Built) -> None:
    assert statements(made, "News") == [
        {
            "Action": [
                "ses:SendBulkTemplatedEmail",
                "ses:SendEmail",
                "ses:SendRawEmail",
                "ses:SendTemplatedEmail",
            ],
            "Resource": [
                arn("template", "Weekly"),
                arn("template", "Welcome"),
                made.full.set_arn("marketing"),
                made.full.shown(made.full.email.identity.email_identity_arn),
            ],
            "Condition": {"StringLike": {"ses:FromAddress": ["*@news.shop.example.com", "hello@shop.example.com"]}},
        }
    ]


def may_send(
    made: Built, sender: str, address: str, stream: str | None, action: str = "SendEmail", template: str = ""
) -> bool:
    """Whether SES lets it: it asks for each resource that a call uses, also for the default configuration set."""
    resources = [
        made.full.shown(made.full.email.identity.email_identity_arn),
        made.full.set_arn(stream or DEFAULT),
        *([arn("template", template)] if template else []),
    ]
    policies = [
        iam.parse_policy_document({"Statement": [{"Effect": "Allow", **one} for one in statements(made, sender)]})
    ]
    answers = set()
    for resource in resources:
        context = iam.EvalContext(
            principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/Sender/x",
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=f"ses:{action}",
            resource_arn=resource,
            region=REGION,
            secure_transport=True,
            service_context={"ses:fromaddress": address},
        )
        answers.add(iam.evaluate(context, policies).decision)
    return answers == {"Allow"}


@pytest.mark.parametrize(
    ("sender", "address", "stream", "allowed_to"),
    [
        ("Orders", ORDERS, "transactional", True),
        ("Orders", "ceo@shop.example.com", "transactional", False),
        ("Orders", "orders@shop.example.com.evil.example", "transactional", False),
        ("Orders", ORDERS, "marketing", False),
        ("Orders", ORDERS, "news_letter", False),
        ("Orders", ORDERS, None, False),
        ("News", NEWS, "marketing", True),
        ("News", "hello@shop.example.com", "marketing", True),
        ("News", NEWS, None, True),
        ("News", NEWS, "transactional", False),
        ("News", ORDERS, "marketing", False),
        ("News", "x@shop.example.com", "marketing", False),
    ],
)
def test_a_sender_of_one_address_and_stream_cannot_use_another(
    made: Built, sender: str, address: str, stream: str | None, allowed_to: bool
) -> None:
    assert {may_send(made, sender, address, stream, action) for action in ("SendEmail", "SendRawEmail")} == {allowed_to}


@pytest.mark.parametrize(
    ("sender", "address", "action", "template", "allowed_to"),
    [
        ("News", NEWS, "SendTemplatedEmail", "Welcome", True),
        ("News", NEWS, "SendBulkTemplatedEmail", "Weekly", True),
        ("News", NEWS, "SendEmail", "Welcome", True),
        ("News", NEWS, "SendTemplatedEmail", "Invoice", False),
        ("News", ORDERS, "SendTemplatedEmail", "Welcome", False),
        # For it SES does not say from which address.
        ("News", NEWS, "SendBulkEmail", "Welcome", False),
        ("Orders", ORDERS, "SendTemplatedEmail", "Welcome", False),
    ],
)
def test_templates_are_for_those_who_were_given_them(
    made: Built, sender: str, address: str, action: str, template: str, allowed_to: bool
) -> None:
    stream = "marketing" if sender == "News" else "transactional"
    assert may_send(made, sender, address, stream, action, template) is allowed_to


@pytest.mark.parametrize("sender", ["Orders", "News"])
def test_a_sender_may_do_nothing_else_with_ses(made: Built, sender: str) -> None:
    actions = {action for one in statements(made, sender) for action in one["Action"]}
    assert all(action.startswith("ses:Send") and "*" not in action for action in actions)
    assert not any("*" in str(one["Resource"]) for one in statements(made, sender))


def test_rejects_a_reader_of_the_record_that_nothing_can_be_attached_to(made: Built) -> None:
    record = made.full.email.feedback.record
    assert record is not None
    with pytest.raises(ValueError, match="grantee must be one that a policy can be attached to, got AccountPrincipal"):
        record.grant_read(AccountPrincipal("111122223333"))
