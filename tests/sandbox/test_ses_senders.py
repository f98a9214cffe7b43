"""Who may send what through Amazon SES of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from sandbox.run import Run

from .test_ses import ACCOUNT, REGION, SIMULATOR, refused

OWN, OTHER = "news@letters.example.com", "boss@letters.example.com"
TO = {"ToAddresses": [f"success@{SIMULATOR}"]}
CONTENT = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "b"}}}}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ses:{REGION}:{ACCOUNT}:{kind}/{name}"


class Sender:
    """A user who may send one stream, with one template, from one address."""

    def __init__(self, run: Run) -> None:
        self.run, self.iam, self.name = run, run.client("iam"), "NewsSender"
        self.iam.create_user(UserName=self.name)
        self.key = self.iam.create_access_key(UserName=self.name)["AccessKey"]

    def may(self, *actions: str, resources: tuple[str, ...], condition: dict[str, Any] | None = None) -> None:
        statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
        if condition:
            statement["Condition"] = condition
        document = json.dumps({"Statement": [statement]})
        self.iam.put_user_policy(UserName=self.name, PolicyName="Send", PolicyDocument=document)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.run.sandbox.endpoint,
            verify=str(self.run.sandbox.ca),
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"],
        )


@pytest.fixture
def sender(run: Run) -> Iterator[Sender]:
    v2 = run.client("sesv2")
    v2.create_email_identity(EmailIdentity="example.com")
    for name in ("news", "alerts"):
        v2.create_configuration_set(ConfigurationSetName=name)
    made = Sender(run)
    yield made
    for name in ("news", "alerts"):
        v2.delete_configuration_set(ConfigurationSetName=name)
    v2.delete_email_identity(EmailIdentity="example.com")
    for policy in made.iam.list_user_policies(UserName=made.name)["PolicyNames"]:
        made.iam.delete_user_policy(UserName=made.name, PolicyName=policy)
    made.iam.delete_access_key(UserName=made.name, AccessKeyId=made.key["AccessKeyId"])
    made.iam.delete_user(UserName=made.name)


def test_a_sender_of_one_address_and_stream_is_refused_any_other(run: Run, sender: Sender) -> None:
    own = (arn("identity", "example.com"), arn("configuration-set", "news"))
    only = {"StringEquals": {"ses:FromAddress": OWN}}
    sender.may("ses:SendEmail", resources=own, condition=only)
    v2 = sender.client("sesv2")

    def send(source: str, **chosen: str) -> None:
        v2.send_email(FromEmailAddress=source, Destination=TO, Content=CONTENT, **chosen)

    send(f"News <{OWN}>", ConfigurationSetName="news")
    send(OWN)
    with refused("AccessDeniedException", "configuration-set/alerts"):
        send(OWN, ConfigurationSetName="alerts")
    with refused("AccessDeniedException", "identity/example.com"):
        send(OTHER, ConfigurationSetName="news")
    identity = {"EmailIdentity": "example.com"}
    run.client("sesv2").put_email_identity_configuration_set_attributes(**identity, ConfigurationSetName="alerts")
    with refused("AccessDeniedException", "configuration-set/alerts"):
        send(OWN)
    raw = {"Raw": {"Data": f"From: {OWN}\r\nTo: {TO['ToAddresses'][0]}\r\n\r\nb".encode()}}
    with refused("AccessDeniedException", "ses:SendRawEmail"):
        v2.send_email(Content=raw, ConfigurationSetName="news")
    sender.may("ses:Send*", resources=(arn("identity", OWN), *own[1:]), condition=only)
    with refused("AccessDeniedException", "identity/example.com"):
        send(OWN, ConfigurationSetName="news")


def test_version_1_asks_for_the_same(sender: Sender) -> None:
    own = (arn("identity", "example.com"), arn("configuration-set", "news"))
    sender.may("ses:SendEmail", resources=own, condition={"StringEquals": {"ses:FromAddress": OWN}})
    v1 = sender.client("ses")
    mail = {"Destination": TO, "Message": CONTENT["Simple"]}
    v1.send_email(Source=OWN, ConfigurationSetName="news", **mail)
    with refused("AccessDenied"):
        v1.send_email(Source=OWN, ConfigurationSetName="alerts", **mail)
    with refused("AccessDenied"):
        v1.send_email(Source=OTHER, ConfigurationSetName="news", **mail)
    with refused("AccessDenied", "ses:SendRawEmail"):
        v1.send_raw_email(Source=OWN, RawMessage={"Data": b"To: a@example.com\r\n\r\nb"})


def test_templates_need_permission_too_and_bulk_mail_has_no_conditions_on_addresses(run: Run, sender: Sender) -> None:
    run.client("sesv2").create_email_template(TemplateName="Digest", TemplateContent={"Subject": "s", "Text": "t"})
    own = (arn("identity", "example.com"), arn("configuration-set", "news"))
    template = {"Template": {"TemplateName": "Digest", "TemplateData": "{}"}}
    v2 = sender.client("sesv2")
    sender.may("ses:SendEmail", "ses:SendBulkEmail", resources=own)
    mail = {"FromEmailAddress": OWN, "ConfigurationSetName": "news"}
    with refused("AccessDeniedException", "template/Digest"):
        v2.send_email(Destination=TO, Content=template, **mail)
    both = (*own, arn("template", "Digest"))
    sender.may("ses:SendEmail", "ses:SendBulkEmail", resources=both)
    v2.send_email(Destination=TO, Content=template, **mail)
    bulk = {"DefaultContent": template, "BulkEmailEntries": [{"Destination": TO}]}
    v2.send_bulk_email(**mail, **bulk)
    sender.may("ses:SendBulkEmail", resources=both, condition={"StringEquals": {"ses:FromAddress": OWN}})
    with refused("AccessDeniedException", "ses:SendBulkEmail"):
        v2.send_bulk_email(**mail, **bulk)
    run.client("sesv2").delete_email_template(TemplateName="Digest")


def test_recipients_names_and_the_version_can_be_conditions(sender: Sender) -> None:
    v2 = sender.client("sesv2")
    identity = (arn("identity", "example.com"),)
    sender.may(
        "ses:SendEmail",
        resources=identity,
        condition={
            "ForAllValues:StringLike": {"ses:Recipients": f"*@{SIMULATOR}"},
            "StringEquals": {"ses:FromDisplayName": "News", "ses:ApiVersion": "2"},
        },
    )
    v2.send_email(FromEmailAddress=f"News <{OWN}>", Destination=TO, Content=CONTENT)
    with refused("AccessDeniedException"):
        v2.send_email(FromEmailAddress=OWN, Destination=TO, Content=CONTENT)
    others = {"ToAddresses": [*TO["ToAddresses"], "a@example.net"]}
    with refused("AccessDeniedException"):
        v2.send_email(FromEmailAddress=f"News <{OWN}>", Destination=others, Content=CONTENT)


def test_a_role_that_pauses_one_stream_can_pause_no_other(sender: Sender) -> None:
    sender.may("ses:PutConfigurationSetSendingOptions", resources=(arn("configuration-set", "news"),))
    v2 = sender.client("sesv2")
    v2.put_configuration_set_sending_options(ConfigurationSetName="news", SendingEnabled=False)
    with refused("AccessDeniedException", "configuration-set/alerts"):
        v2.put_configuration_set_sending_options(ConfigurationSetName="alerts", SendingEnabled=False)
