"""Email through Amazon SES, and what becomes of bounces, complaints, reputations and failures."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sandbox.lake import rows_of
from sandbox.operations import closed, denied, keys, listener, told, waiting
from sandbox.run import Run

from . import Broken, Deployment, Outcome, scenario

APP, SHOP, VARIANTS = "SesConfigSets", "Shop", "SesConfigSetsVariants"
SETTINGS = {"account_suppression": ["BOUNCE", "COMPLAINT"]}
DEPLOYMENTS = (
    Deployment((APP,), context={"ses_config_sets": json.dumps(SETTINGS)}),
    Deployment((SHOP,), app="examples/ses_config_sets/app.py"),
    Deployment((VARIANTS,), app="sandbox/scenarios/apps/ses_config_sets.py"),
)
FROM = "hello@example.com"
SIMULATOR = "simulator.amazonses.com"
QUEUE, FUNCTION, ROLE = "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::IAM::Role"
BULK, CALLS = 50, 100
"""5,000 messages, at 50 in a call, the most that SES takes."""


@scenario("a bounce reaches the queue and the record")
def bounce(run: Run) -> Outcome:
    """A hard bounce is on record within seconds, by address and stream; the shop's sender then skips the address."""
    address = f"bounce+order@{SIMULATOR}"
    first = confirm(run, address)
    must_be("message_id" in first, f"the first confirmation was {first}")
    item = run.wait("the record", lambda: contact(run, SHOP, address, "transactional#PERMANENT_BOUNCE"))
    must_be(item["message_id"]["S"] == first["message_id"], f"the record is {item}")
    second = confirm(run, address.upper())
    must_be("skipped" in second, f"the second confirmation was {second}")
    return Outcome("2 confirmations to an address that bounces", "1 on record, the second was not sent", "1 bounced")


@scenario("a complaint reaches the record and the shop's own queue")
def complaint(run: Run) -> Outcome:
    """Only complaints of the stream that the hook is for reach it; the record has those of all streams."""
    hooked = run.resource(SHOP, QUEUE, "Unsubscribe")
    address = f"complaint+news@{SIMULATOR}"
    for stream in ("Transactional", "Marketing"):
        send(run, set_of(run, SHOP, stream), address, sender="orders@shop.example.com")
    run.wait("the record of one", lambda: contact(run, SHOP, address, "transactional#COMPLAINT"))
    run.wait("the record of the other", lambda: contact(run, SHOP, address, "marketing#COMPLAINT"))
    heard = run.wait("the shop's queue", lambda: waiting(run, hooked))
    sets = [one["mail"]["tags"]["ses:configuration-set"] for one in heard]
    must_be(sets == [[set_of(run, SHOP, "Marketing")]], f"the shop's queue has complaints of {sets}")
    return Outcome("2 mails in 2 streams, complained of", "2 on record, 1 at the shop's queue")


@scenario("events that come twice and late")
def late(run: Run) -> Outcome:
    """An older event does not replace a newer one, and the same event again changes nothing."""
    out, address = run.outputs(APP), "late@example.net"
    sns, name = run.client("sns"), set_of(run, APP, "Transactional")
    for moment in ("2026-11-20T10:00:00.000Z", "2026-11-20T09:00:00.000Z", "2026-11-20T10:00:00.000Z"):
        sns.publish(TopicArn=out["FeedbackTopicArn"], Message=json.dumps(bounced(name, address, moment)))
    marker = "marker@example.net"
    sns.publish(TopicArn=out["FeedbackTopicArn"], Message=json.dumps(bounced(name, marker, "2026-11-20T11:00:00Z")))
    run.wait("the last event", lambda: contact(run, APP, marker, "transactional#PERMANENT_BOUNCE"))
    item = run.wait("the record", lambda: contact(run, APP, address, "transactional#PERMANENT_BOUNCE"))
    must_be(item["message_id"]["S"].endswith("T10:00:00.000Z"), f"the record is {item}")
    return Outcome("1 bounce twice, and an older one", "1 on record, the newer one")


@scenario("5,000 sends, every one accounted for")
def bulk(run: Run) -> Outcome:
    """What was sent, delivered, bounced and complained of adds up in the table, and in the record of contacts."""
    ses, name = run.client("sesv2"), set_of(run, APP, "Transactional")
    ses.create_email_template(
        TemplateName="Digest", TemplateContent={"Subject": "Digest {{number}}", "Text": "Number {{number}}"}
    )
    kinds = ["bounce"] * 2 + ["complaint"] + ["success"] * (BULK - 3)
    for call in range(CALLS):
        answer = ses.send_bulk_email(
            FromEmailAddress=FROM,
            ConfigurationSetName=name,
            DefaultEmailTags=[{"Name": "campaign", "Value": "digest"}],
            DefaultContent={"Template": {"TemplateName": "Digest", "TemplateData": "{}"}},
            BulkEmailEntries=[
                {
                    "Destination": {"ToAddresses": [f"{kind}+{call}-{place}@{SIMULATOR}"]},
                    "ReplacementEmailContent": {
                        "ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"number": call})}
                    },
                }
                for place, kind in enumerate(kinds)
            ],
        )
        refused = [one for one in answer["BulkEmailEntryResults"] if one["Status"] != "SUCCESS"]
        must_be(not refused, f"refused: {refused[:1]}")
    total, wanted = BULK * CALLS, Counter(kinds)
    expected = {
        "Send": total,
        "Delivery": (wanted["success"] + wanted["complaint"]) * CALLS,
        "Bounce": wanted["bounce"] * CALLS,
        "Complaint": wanted["complaint"] * CALLS,
    }
    got = run.wait("the events", lambda: found if (found := events_of(run, name)) == expected else None, 90)
    known = run.wait("the record", lambda: number if (number := contacts(run, "+")) >= 3 * CALLS else None, 90)
    must_be(known == 3 * CALLS, f"{known} addresses are on record")
    return Outcome(f"{total} mails", ", ".join(f"{count} {kind}" for kind, count in got.items()), f"{known} on record")


@scenario("the saved queries, on what Firehose wrote")
def queries(run: Run) -> Outcome:
    """The queries that the stack saved are read back from Athena and answered by the Parquet objects in the bucket."""
    out = run.outputs(APP)
    name = set_of(run, APP, "Transactional")
    opened = send(run, name, f"success+open@{SIMULATOR}", tags={"campaign": "digest"})
    told(run, "/_sandbox/ses/events", {"messageId": opened, "eventType": "Open"})
    bucket = out["EventsBucketName"]
    run.wait("the open", lambda: events_of(run, name).get("Open"))
    rates = rows_of(run, bucket, saved(run, "bounce_rate_by_domain_and_day"))
    (rate,) = [one for one in rates if one["domain"] == SIMULATOR]
    sent = BULK * CALLS + 1
    must_be(rate["hard_bounces"] == 2 * CALLS and rate["sent"] == sent, f"bounces are {rates}")
    (opens,) = rows_of(run, bucket, saved(run, "open_rate_by_campaign"))
    must_be((opens["campaign"], opens["opened"]) == ("digest", 1), f"opens are {opens}")
    complaints = {one["stream"]: one["complaints"] for one in rows_of(run, bucket, saved(run, "complaints_by_stream"))}
    must_be(complaints == {"transactional": CALLS, "marketing": 0}, f"complaints are {complaints}")
    return Outcome("3 saved queries", f"{2 * CALLS} of {sent} bounced, 1 opened, {CALLS} complaints in one stream of 2")


@scenario("the sender of one stream and address")
def permissions(run: Run) -> Outcome:
    """A role that may send one stream from one address can use no other address, stream, nor the default one."""
    out = run.outputs(VARIANTS)
    client = run.sandbox.client("sesv2", role=out["SenderArn"])
    own, to = "news@letters.example.org", f"success@{SIMULATOR}"
    deliver(client, out["NewsSet"], to, sender=own)
    attempts = {
        "another stream": (out["AlertsSet"], own),
        "no stream, so the default one": (None, own),
        "another address": (out["NewsSet"], FROM),
    }
    for what, (name, address) in attempts.items():
        try:
            deliver(client, name, to, sender=address)
        except client.exceptions.ClientError as error:
            must_be("AccessDenied" in error.response["Error"]["Code"], f"{what}: {error}")
        else:
            raise Broken(f"{what}: it could be used")
    return Outcome("4 mails by a role for one stream", "1 sent", "3 refused: other stream, no stream, other address")


@scenario("a stream over its limit pauses alone")
def pause(run: Run) -> Outcome:
    """Marketing bounces too much and stops by itself; transactional mail goes on; a person resumes it."""
    ses, out = run.client("sesv2"), run.outputs(APP)
    marketing, transactional = set_of(run, APP, "Marketing"), set_of(run, APP, "Transactional")
    with listener(run, out["AlarmTopicArn"]) as ears:
        for number in range(10):
            send(run, marketing, f"{'bounce' if number < 3 else 'success'}+p{number}@{SIMULATOR}")

        def paused() -> bool:
            options = ses.get_configuration_set(ConfigurationSetName=marketing)["SendingOptions"]
            return not options["SendingEnabled"]

        run.wait("the pause", paused)
        ears.must_hear("MarketingPauseBounceRate")
    try:
        send(run, marketing, f"success@{SIMULATOR}")
    except ses.exceptions.SendingPausedException:
        pass
    else:
        raise Broken("the paused stream sends")
    send(run, transactional, f"success+other@{SIMULATOR}")
    ses.put_configuration_set_sending_options(ConfigurationSetName=marketing, SendingEnabled=True)
    send(run, marketing, f"success+again@{SIMULATOR}")
    return Outcome("10 mails, 3 bounce", "marketing paused, transactional sends; resumed by hand", "1 refused")


@scenario("the recorder fails")
def recorder_fails(run: Run) -> Outcome:
    """What it fails on five times waits in the dead-letter queue; moved back, it is recorded."""
    out, address = run.outputs(APP), f"bounce+later@{SIMULATOR}"
    sqs, role = run.client("sqs"), run.resource(APP, ROLE, "RecordFunctionRole")
    # The queue hides a message for six minutes after each attempt, which nobody wants to watch five times.
    sqs.set_queue_attributes(QueueUrl=out["FeedbackQueueUrl"], Attributes={"VisibilityTimeout": "1"})
    with listener(run, out["AlarmTopicArn"]) as ears, denied(run, role, ["dynamodb:PutItem"]):
        send(run, set_of(run, APP, "Transactional"), address)
        run.wait("the dead-letter queue", lambda: waiting(run, out["FailedEventsUrl"]), 60)
        ears.must_hear("FeedbackFailedEvents")
    redrive(run, out)
    run.wait("the record", lambda: contact(run, APP, address, "transactional#PERMANENT_BOUNCE"))
    must_be(not waiting(run, out["FailedEventsUrl"]), "the dead-letter queue is not empty")
    return Outcome("1 bounce", "on record after the redrive", "1 in the dead-letter queue, alarm rang")


@scenario("the feedback queue refuses the topic")
def queue_cut(run: Run) -> Outcome:
    """What the topic cannot put into the queue waits in the same dead-letter queue, and is moved back the same way."""
    out, address = run.outputs(APP), f"bounce+cut@{SIMULATOR}"
    with closed(run, out["FeedbackQueueUrl"]):
        send(run, set_of(run, APP, "Transactional"), address)
        run.wait("the dead-letter queue", lambda: waiting(run, out["FailedEventsUrl"]))
    redrive(run, out)
    run.wait("the record", lambda: contact(run, APP, address, "transactional#PERMANENT_BOUNCE"))
    return Outcome("1 bounce", "on record after the redrive", "1 in the dead-letter queue")


@scenario("received mail")
def received(run: Run) -> Outcome:
    """Clean mail is kept and told of; infected mail stops at the filter."""
    bucket = run.resource(SHOP, "AWS::S3::Bucket", "InboundBucket")
    raw = "From: Ann <ann@example.net>\r\nTo: support@shop.example.com\r\nSubject: Help\r\n\r\nWhere is it?\r\n"
    mail = {"recipients": ["support@shop.example.com"], "source": "ann@example.net", "content": raw}
    told(run, "/_sandbox/ses/inbound", mail)
    run.wait("the mail", lambda: keys(run, bucket, "mail/"))
    told(run, "/_sandbox/ses/inbound", {**mail, "verdicts": {"virus": "FAIL"}})
    told(run, "/_sandbox/ses/inbound", {**mail, "recipients": ["nobody@shop.example.com"]})
    got = keys(run, bucket, "mail/")
    must_be(len(got) == 1, f"the bucket has {got}")
    return Outcome("3 mails: clean, infected, to nobody", "1 in the bucket", "1 stopped, 1 not accepted")


def must_be(holds: bool, problem: str) -> None:
    """Break off unless something holds."""
    if not holds:
        raise Broken(problem)


def set_of(run: Run, stack: str, stream: str) -> str:
    """The name of a stream's configuration set."""
    return run.resource(stack, "AWS::SES::ConfigurationSet", f"Streams{stream}")


def deliver(client: Any, name: str | None, to: str, *, sender: str, tags: dict[str, str] | None = None) -> str:
    """Send a mail and return its id."""
    given = {} if name is None else {"ConfigurationSetName": name}
    answer = client.send_email(
        FromEmailAddress=sender,
        Destination={"ToAddresses": [to]},
        EmailTags=[{"Name": key, "Value": value} for key, value in (tags or {}).items()],
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        **given,
    )
    return str(answer["MessageId"])


def send(run: Run, name: str, to: str, *, sender: str = FROM, tags: dict[str, str] | None = None) -> str:
    """Send a mail with a configuration set and return its id."""
    return deliver(run.client("sesv2"), name, to, sender=sender, tags=tags)


def confirm(run: Run, address: str) -> dict[str, Any]:
    """Let the shop's function confirm an order."""
    function = run.resource(SHOP, FUNCTION, "Sender")
    payload = json.dumps({"to": address, "order": "4711"}).encode()
    answer: dict[str, Any] = json.load(run.client("lambda").invoke(FunctionName=function, Payload=payload)["Payload"])
    return answer


def contact(run: Run, stack: str, address: str, event: str) -> dict[str, Any] | None:
    """What is on record of an address."""
    table = run.resource(stack, "AWS::DynamoDB::Table", "Contacts")
    key = {"address": {"S": address.lower()}, "event": {"S": event}}
    found: dict[str, Any] | None = run.client("dynamodb").get_item(TableName=table, Key=key).get("Item")
    return found


def contacts(run: Run, part: str) -> int:
    """How many addresses on record have something in them and were sent to in bulk."""
    table = run.resource(APP, "AWS::DynamoDB::Table", "Contacts")
    pages = run.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    found = {item["address"]["S"] for page in pages for item in page["Items"]}
    return sum(part in address and "-" in address for address in found)


def events_of(run: Run, name: str) -> dict[str, int]:
    """How many events of each type the table has of a configuration set, each message counted once for each."""
    rows = rows_of(
        run,
        run.outputs(APP)["EventsBucketName"],
        "SELECT eventtype, count(DISTINCT mail.messageid) AS messages FROM records "  # noqa: S608 - a name of our own
        f"WHERE element_at(element_at(mail.tags, 'ses:configuration-set'), 1) = '{name}' GROUP BY 1",
    )
    return {row["eventtype"]: row["messages"] for row in rows}


def saved(run: Run, name: str) -> str:
    """A query that the stack saved, as Athena has it."""
    athena = run.client("athena")
    group = run.outputs(APP)["WorkGroupName"]
    found = [
        athena.get_named_query(NamedQueryId=id)["NamedQuery"]
        for id in athena.list_named_queries(WorkGroup=group)["NamedQueryIds"]
    ]
    (query,) = [one["QueryString"] for one in found if one["Name"] == name]
    return str(query)


def redrive(run: Run, out: dict[str, str]) -> None:
    """Move the dead-letter queue back, as the README says."""
    sqs = run.client("sqs")

    def arn(url: str) -> str:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(attributes["QueueArn"])

    sqs.start_message_move_task(SourceArn=arn(out["FailedEventsUrl"]), DestinationArn=arn(out["FeedbackQueueUrl"]))


def bounced(name: str, address: str, moment: str) -> dict[str, Any]:
    """The document of a hard bounce."""
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": moment,
            "feedbackId": f"feedback-{moment}",
        },
        "mail": {
            "timestamp": moment,
            "messageId": f"message-{moment}",
            "source": FROM,
            "destination": [address],
            "tags": {"ses:configuration-set": [name]},
        },
    }
