"""Amazon SES of the sandbox: what becomes of mail, where its events go, and what SES learns from it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import told, waiting
from sandbox.run import Run
from sandbox.scenarios import Broken

ACCOUNT, REGION = "123456789012", "us-east-1"
SIMULATOR = "simulator.amazonses.com"
FROM = "Shop <orders@example.com>"
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EVENTS = ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "RENDERING_FAILURE", "DELIVERY_DELAY"]


def refused(code: str, message: str = "") -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


def set_arn(name: str) -> str:
    return f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/{name}"


def admitting(actions: str, resource: str, source: str, who: str = "ses.amazonaws.com") -> dict[str, Any]:
    """A statement that lets a service act for one resource of this account."""
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": source}}
    head = {"Effect": "Allow", "Principal": {"Service": who}, "Action": actions, "Resource": resource}
    return {**head, "Condition": condition}


class Stream:
    """A configuration set whose events go to a topic, and from there to a queue."""

    def __init__(self, run: Run, **options: Any) -> None:
        self.run, self.name = run, f"s{uuid4().hex[:12]}"
        self.v2, sns, sqs = run.client("sesv2"), run.client("sns"), run.client("sqs")
        self.v2.create_configuration_set(ConfigurationSetName=self.name, **options)
        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.name}"
        policy = json.dumps({"Statement": [admitting("sns:Publish", arn, set_arn(self.name))]})
        self.topic = sns.create_topic(Name=self.name, Attributes={"Policy": policy})["TopicArn"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": queue}
        attributes = {"Policy": json.dumps({"Statement": [allow]})}
        self.queue = sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.destination("Topic", SnsDestination={"TopicArn": self.topic})
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=queue, Attributes=raw)

    def destination(self, name: str, **where: Any) -> None:
        self.v2.create_configuration_set_event_destination(
            ConfigurationSetName=self.name,
            EventDestinationName=name,
            EventDestination={"Enabled": True, "MatchingEventTypes": EVENTS, **where},
        )

    def send(self, *to: str, body: str = "Hello", name: str | None = "", **more: Any) -> str:
        chosen = {} if name is None else {"ConfigurationSetName": name or self.name}
        content = {"Simple": {"Subject": {"Data": "Order"}, "Body": {"Text": {"Data": body}}}}
        request = {"FromEmailAddress": FROM, "Content": content, "Destination": {"ToAddresses": list(to)}, **chosen}
        return str(self.v2.send_email(**{**request, **more})["MessageId"])

    def events(self, count: int) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]] | None:
            there = waiting(self.run, self.queue)
            return there if len(there) >= count else None

        return self.run.wait(f"{count} events", found, 10)

    def kinds(self, count: int) -> list[str]:
        return [str(one["eventType"]) for one in self.events(count)]


@pytest.fixture
def stream(run: Run) -> Iterator[Stream]:
    run.client("sesv2").create_email_identity(EmailIdentity="example.com")
    yield Stream(run, ReputationOptions={"ReputationMetricsEnabled": True})
    run.client("sesv2").delete_email_identity(EmailIdentity="example.com")


def test_a_mail_is_told_of_as_ses_documents_it(stream: Stream) -> None:
    to = f"success+a@{SIMULATOR}"
    id = stream.send(to, EmailTags=[{"Name": "campaign", "Value": "spring"}], ReplyToAddresses=["help@example.com"])
    sent, delivered = stream.events(2)
    assert (sent["eventType"], sent["send"], delivered["eventType"]) == ("Send", {}, "Delivery")
    mail = sent["mail"]
    assert (mail["messageId"], mail["source"], mail["destination"]) == (id, FROM, [to])
    assert mail["sourceArn"] == f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com"
    assert (mail["sendingAccountId"], mail["headersTruncated"]) == (ACCOUNT, False)
    assert mail["commonHeaders"] == {
        "from": [FROM],
        "to": [to],
        "replyTo": ["help@example.com"],
        "messageId": id,
        "subject": "Order",
    }
    assert {"name": "Subject", "value": "Order"} in mail["headers"]
    assert {name: mail["tags"][name] for name in ("campaign", "ses:from-domain", "ses:caller-identity")} == {
        "campaign": ["spring"],
        "ses:from-domain": ["example.com"],
        "ses:caller-identity": ["root"],
    }
    assert mail["tags"]["ses:configuration-set"] == [stream.name]
    assert delivered["delivery"]["recipients"] == [to]
    assert "ses:outgoing-ip" in delivered["mail"]["tags"]


def test_the_mailbox_simulator_answers_as_on_aws(stream: Stream) -> None:
    names = ("bounce", "ooto", "complaint", "suppressionlist")
    stream.send(*(f"{name}+x@{SIMULATOR}" for name in names))
    sent, bounced, *rest = stream.events(7)
    assert sent["eventType"] == "Send"
    bounce = bounced["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Permanent", "General")
    assert bounce["bouncedRecipients"] == [
        {
            "emailAddress": f"bounce+x@{SIMULATOR}",
            "action": "failed",
            "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        }
    ]
    kinds = ["Delivery", "Bounce", "Delivery", "Complaint", "Bounce"]
    assert [one["eventType"] for one in rest] == kinds
    assert rest[1]["bounce"]["bounceType"] == "Transient"
    assert rest[1]["bounce"]["bouncedRecipients"] == [{"emailAddress": f"ooto+x@{SIMULATOR}"}]
    assert rest[3]["complaint"]["complaintFeedbackType"] == "abuse"
    assert rest[3]["complaint"]["complaintSubType"] is None
    assert "suppressed address" in rest[4]["bounce"]["bouncedRecipients"][0]["diagnosticCode"]


def test_raw_mail_names_its_stream_and_tags_in_headers_in_either_version(run: Run, stream: Stream) -> None:
    head = f"From: {FROM}\r\nTo: success@{SIMULATOR}\r\nSubject: Raw\r\nX-SES-CONFIGURATION-SET: {stream.name}\r\n"
    raw = f"{head}X-SES-MESSAGE-TAGS: campaign=raw, kind=a\r\n\r\nHello".encode()
    stream.v2.send_email(Content={"Raw": {"Data": raw}})
    run.client("ses").send_raw_email(RawMessage={"Data": raw})
    sent = [one["mail"] for one in stream.events(4) if one["eventType"] == "Send"]
    assert [one["tags"]["campaign"] + one["tags"]["kind"] for one in sent] == [["raw", "a"]] * 2
    assert [one["tags"]["ses:operation"] for one in sent] == [["SendEmail"], ["SendRawEmail"]]
    assert sent[0]["commonHeaders"]["subject"] == "Raw"


def test_bad_content_is_rejected_and_a_template_without_its_data_fails(run: Run, stream: Stream) -> None:
    stream.send(f"success@{SIMULATOR}", body=EICAR)
    content = {"Subject": "Hello {{name}}", "Text": "{{#each items}}{{title}}{{/each}}"}
    template = {"TemplateContent": content, "TemplateData": json.dumps({"items": []})}
    stream.send(f"success@{SIMULATOR}", Content={"Template": template})
    rejected, failed = stream.events(2)
    assert rejected["reject"] == {"reason": "Bad content"}
    assert failed["eventType"] == "Rendering Failure"
    assert failed["failure"]["errorMessage"] == "Attribute 'name' is not present in the rendering data."
    assert failed["mail"]["tags"] == {"ses:configuration-set": [stream.name]}
    assert "headers" not in failed["mail"]


def test_templated_mail_of_version_1_and_bulk_mail_of_both_is_told_of_with_its_tags(run: Run, stream: Stream) -> None:
    v1, name = run.client("ses"), f"T{stream.name}"
    stream.v2.create_email_template(TemplateName=name, TemplateContent={"Subject": "For {{who}}", "Text": "Hi"})
    who, to = json.dumps({"who": "you"}), {"ToAddresses": [f"success@{SIMULATOR}"]}
    common = {"Source": FROM, "Template": name, "ConfigurationSetName": stream.name}
    v1.send_templated_email(**common, TemplateData=who, Destination=to, Tags=[{"Name": "n", "Value": "1"}])
    bulk = [{"Destination": to, "ReplacementTags": [{"Name": "n", "Value": "3"}]}, {"Destination": to}]
    default = [{"Name": "n", "Value": "2"}]
    v1.send_bulk_templated_email(**common, DefaultTemplateData=who, Destinations=bulk, DefaultTags=default)
    answer = stream.v2.send_bulk_email(
        FromEmailAddress=FROM,
        ConfigurationSetName=stream.name,
        DefaultContent={"Template": {"TemplateName": name, "TemplateData": who}},
        DefaultEmailTags=default,
        BulkEmailEntries=bulk,
    )
    assert [one["Status"] for one in answer["BulkEmailEntryResults"]] == ["SUCCESS"] * 2
    sent = [one["mail"] for one in stream.events(10) if one["eventType"] == "Send"]
    assert [one["tags"]["n"][0] for one in sent] == ["1", "3", "2", "3", "2"]
    assert {one["commonHeaders"]["subject"] for one in sent} == {"For you"}


def test_the_stream_of_an_identity_applies_where_none_is_named(stream: Stream) -> None:
    stream.v2.put_email_identity_configuration_set_attributes(
        EmailIdentity="example.com", ConfigurationSetName=stream.name
    )
    stream.send(f"success@{SIMULATOR}", name=None)
    assert stream.kinds(2) == ["Send", "Delivery"]
    stream.v2.create_email_identity(EmailIdentity="orders@example.com")
    stream.send(f"success@{SIMULATOR}", name=None)
    stream.send(f"success@{SIMULATOR}", name=None, FromEmailAddress="a@mail.example.com")
    stream.v2.delete_email_identity(EmailIdentity="orders@example.com")
    assert len(stream.events(4)) == 4


def test_a_destination_that_ses_may_not_use_is_refused(run: Run, stream: Stream) -> None:
    topic = run.client("sns").create_topic(Name="closed")["TopicArn"]
    with refused("BadRequestException", "sns:Publish"):
        stream.destination("Closed", SnsDestination={"TopicArn": topic})
    with refused("BadRequestException", "no stream"):
        where = {"IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/none", "DeliveryStreamArn": "arn:aws:firehose:x"}
        stream.destination("Stream", KinesisFirehoseDestination=where)
    with refused("BadRequestException", "only the default bus"):
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/other"
        stream.destination("Bus", EventBridgeDestination={"EventBusArn": bus})
    with refused("NotFoundException", "does not exist"):
        stream.send(f"success@{SIMULATOR}", name="none")


def test_a_topic_that_closes_later_loses_events_with_a_warning(run: Run, stream: Stream) -> None:
    sns = run.client("sns")
    run._mark = run.sandbox.log.stat().st_size
    sns.set_topic_attributes(TopicArn=stream.topic, AttributeName="Policy", AttributeValue='{"Statement": []}')
    stream.send(f"success@{SIMULATOR}")
    run.wait("the warning", lambda: [one for one in run.warnings() if f"SES lost 2 events of {stream.name}" in one])
    assert waiting(run, stream.queue) == []


def test_an_encrypted_topic_needs_a_key_that_admits_ses(run: Run, stream: Stream) -> None:
    kms, sns = run.client("kms"), run.client("sns")
    whole = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "*", "Resource": "*"}
    key = kms.create_key(Policy=json.dumps({"Statement": [whole]}))["KeyMetadata"]["KeyId"]
    sns.set_topic_attributes(TopicArn=stream.topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    with refused("BadRequestException", "kms:GenerateDataKey"):
        stream.destination("Again", SnsDestination={"TopicArn": stream.topic})
    uses = {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Statement": [whole, uses]}))
    stream.destination("Again", SnsDestination={"TopicArn": stream.topic})


def test_events_reach_the_default_bus_and_are_counted_by_tags(run: Run, stream: Stream) -> None:
    events, name = run.client("events"), f"r{stream.name}"
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
    attributes = {"Policy": json.dumps({"Statement": [allow]})}
    url = run.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.ses"], "detail-type": ["Email Bounced"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "Queue", "Arn": arn}])
    stream.destination(
        "Bus", EventBridgeDestination={"EventBusArn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"}
    )
    dimension = {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}
    stream.destination("Metrics", CloudWatchDestination={"DimensionConfigurations": [dimension]})
    stream.send(f"bounce@{SIMULATOR}", EmailTags=[{"Name": "campaign", "Value": stream.name}])
    (event,) = run.wait("the event", lambda: waiting(run, url))
    assert (event["detail"]["eventType"], event["resources"]) == ("Bounce", [set_arn(stream.name)])
    assert total(run, "Send", "campaign", stream.name) == 1
    events.remove_targets(Rule=name, Ids=["Queue"])
    events.delete_rule(Name=name)


def total(run: Run, metric: str, dimension: str, value: str, statistic: str = "Sum") -> float:
    """A metric of SES over the last minutes."""
    now = time.time()
    found = run.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SES",
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - 600,
        EndTime=now + 600,
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return float(found[-1][statistic]) if found else -1


def test_suppressed_addresses_bounce_as_far_as_the_stream_says(run: Run, stream: Stream) -> None:
    v2, gone = stream.v2, "gone@example.net"
    assert v2.get_account()["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    v2.put_suppressed_destination(EmailAddress=gone, Reason="BOUNCE")
    assert v2.get_suppressed_destination(EmailAddress=gone)["SuppressedDestination"]["Reason"] == "BOUNCE"
    stream.send(gone)
    v2.put_configuration_set_suppression_options(ConfigurationSetName=stream.name, SuppressedReasons=[])
    stream.send(gone)
    v2.put_configuration_set_suppression_options(ConfigurationSetName=stream.name)
    v2.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    stream.send(gone)
    v2.put_account_suppression_attributes(SuppressedReasons=["BOUNCE", "COMPLAINT"])
    assert stream.kinds(6) == ["Send", "Bounce", "Send", "Delivery", "Send", "Delivery"]
    assert stream.events(6)[1]["bounce"]["bounceSubType"] == "OnAccountSuppressionList"
    listed = v2.list_suppressed_destinations(Reasons=["BOUNCE"])["SuppressedDestinationSummaries"]
    assert [one["EmailAddress"] for one in listed] == [gone]
    v2.delete_suppressed_destination(EmailAddress=gone)
    with refused("NotFoundException"):
        v2.get_suppressed_destination(EmailAddress=gone)


def test_a_scenario_lets_things_happen_and_ses_learns_from_them(run: Run, stream: Stream) -> None:
    id = stream.send("a@example.net", "b@example.net")
    path = "/_sandbox/ses/events"
    told(run, path, {"messageId": id, "eventType": "Open"})
    delay = {"delayType": "MailboxFull"}
    told(run, path, {"messageId": id, "eventType": "DeliveryDelay", "recipient": "b@example.net", "details": delay})
    told(run, path, {"messageId": id, "eventType": "Complaint", "recipient": "b@example.net"})
    kinds = ["Send", "Delivery", "Delivery", "Open", "DeliveryDelay", "Complaint"]
    assert stream.kinds(6) == kinds
    assert stream.events(6)[4]["deliveryDelay"]["delayType"] == "MailboxFull"
    entry = stream.v2.get_suppressed_destination(EmailAddress="b@example.net")["SuppressedDestination"]
    assert (entry["Reason"], entry["Attributes"]["MessageId"]) == ("COMPLAINT", id)
    stream.v2.delete_suppressed_destination(EmailAddress="b@example.net")
    with pytest.raises(Broken, match="there is no message"):
        told(run, path, {"messageId": "none", "eventType": "Open"})


def test_a_paused_stream_sends_nothing_in_either_version_and_a_resumed_one_starts_afresh(
    run: Run, stream: Stream
) -> None:
    v1, name = run.client("ses"), stream.name
    body = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "b"}}}
    mail = {"Source": FROM, "Destination": {"ToAddresses": [f"success@{SIMULATOR}"]}, "Message": body}
    stream.send(f"bounce@{SIMULATOR}")
    stream.events(2)
    assert total(run, "Reputation.BounceRate", "ses:configuration-set", name, "Maximum") == 1
    stream.v2.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
    with refused("SendingPausedException"):
        stream.send(f"success@{SIMULATOR}")
    with refused("ConfigurationSetSendingPausedException"):
        v1.send_email(**mail, ConfigurationSetName=name)
    v1.update_configuration_set_sending_enabled(ConfigurationSetName=name, Enabled=True)
    assert stream.v2.get_configuration_set(ConfigurationSetName=name)["SendingOptions"] == {"SendingEnabled": True}
    v1.send_email(**mail, ConfigurationSetName=name)
    assert len(stream.events(4)) == 4
    assert total(run, "Reputation.BounceRate", "ses:configuration-set", name, "Minimum") == 0


def test_many_recipients_are_refused_and_bulk_mail_is_quick(run: Run, stream: Stream) -> None:
    with refused("BadRequestException", "Recipient count exceeds 50"):
        stream.send(*(f"success+{number}@{SIMULATOR}" for number in range(51)))
    started, template = time.monotonic(), {"TemplateContent": {"Subject": "s", "Text": "t"}, "TemplateData": "{}"}
    entries = [{"Destination": {"ToAddresses": [f"success+{one}@{SIMULATOR}"]}} for one in range(50)]
    for _ in range(10):
        stream.v2.send_bulk_email(
            FromEmailAddress=FROM,
            ConfigurationSetName=stream.name,
            DefaultContent={"Template": template},
            BulkEmailEntries=entries,
        )
    number = "ApproximateNumberOfMessages"
    sqs = run.client("sqs")

    def all_there() -> bool:
        there = sqs.get_queue_attributes(QueueUrl=stream.queue, AttributeNames=[number])["Attributes"]
        return int(there[number]) == 1000

    run.wait("1000 events", all_there, 20)
    assert time.monotonic() - started < 15
