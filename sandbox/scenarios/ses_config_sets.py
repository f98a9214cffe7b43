"""Email through Amazon SES, and what becomes of bounces, complaints, reputations and failures."""

from __future__ import annotations

import json
from collections import Counter

from sandbox.lake import rows_of
from sandbox.operations import closed, denied, keys, listener, told, waiting
from sandbox.run import Run

from . import Broken, Deployment, Outcome, must_be, scenario
from ._email import (
    APP,
    FROM,
    QUEUE,
    SHOP,
    bounced,
    confirm,
    contact,
    contacts,
    deliver,
    events_of,
    paused,
    redrive,
    resume,
    saved,
    send,
    set_of,
    unsubscribed,
)

VARIANTS = "SesConfigSetsVariants"
SETTINGS = {"account_suppression": ["BOUNCE", "COMPLAINT"]}
DEPLOYMENTS = (
    # With received mail, which the next one drops again: what was activated must be taken back then.
    Deployment(
        (APP,),
        context={
            "architectures": "ses_config_sets",
            "ses_config_sets": json.dumps(SETTINGS | {"inbound_recipients": ["example.com"]}),
        },
    ),
    Deployment((APP,), context={"architectures": "ses_config_sets", "ses_config_sets": json.dumps(SETTINGS)}),
    Deployment((SHOP,), app="examples/ses_config_sets/app.py"),
    Deployment((VARIANTS,), app="sandbox/scenarios/apps/ses_config_sets.py"),
)
SIMULATOR = "simulator.amazonses.com"
ROLE = "AWS::IAM::Role"
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
    """Only complaints of the stream that the hook is for reach it; the record has those of all streams.

    One complaint of one mail is far over the limit, so that the stream pauses itself; a person resumes it.
    """
    address = f"complaint+news@{SIMULATOR}"
    for stream in ("Transactional", "Marketing"):
        send(run, set_of(run, SHOP, stream), address, sender="orders@shop.example.com")
    run.wait("the record of one", lambda: contact(run, SHOP, address, "transactional#COMPLAINT"))
    run.wait("the record of the other", lambda: contact(run, SHOP, address, "marketing#COMPLAINT"))
    heard = run.wait("the shop's queue", lambda: waiting(run, unsubscribed(run)))
    sets = [one["mail"]["tags"]["ses:configuration-set"] for one in heard]
    must_be(sets == [[set_of(run, SHOP, "Marketing")]], f"the shop's queue has complaints of {sets}")
    run.wait("the pause", lambda: paused(run, SHOP, "Marketing"), 60)
    resume(run, SHOP, "Marketing")
    return Outcome("2 mails in 2 streams, complained of", "2 on record, 1 at the shop's queue; paused, resumed by hand")


@scenario("the shop's queue refuses the topic")
def hook_cut(run: Run) -> Outcome:
    """A complaint that the shop's queue does not take waits in the hook's own queue; the record has it all the same."""
    address, queue = f"complaint+cut@{SIMULATOR}", run.resource(SHOP, QUEUE, "UnsubscribeUndelivered")
    with listener(run, run.resource(SHOP, "AWS::SNS::Topic", "Alarms")) as ears, closed(run, unsubscribed(run)):
        send(run, set_of(run, SHOP, "Marketing"), address, sender="orders@shop.example.com")
        (event,) = run.wait("the hook's queue", lambda: waiting(run, queue))
        ears.must_hear("EmailUnsubscribeUndelivered")
    must_be(event["complaint"]["complainedRecipients"] == [{"emailAddress": address}], f"the event is {event}")
    run.wait("the record", lambda: contact(run, SHOP, address, "marketing#COMPLAINT"))
    return Outcome("1 mail, complained of", "1 on record", "1 in the hook's queue as it was, alarm rang")


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
    ses.delete_email_template(TemplateName="Digest")
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
        run.wait("the pause", lambda: paused(run, APP, "Marketing"))
        ears.must_hear("MarketingPauseBounceRate")
    try:
        send(run, marketing, f"success@{SIMULATOR}")
    except ses.exceptions.SendingPausedException:
        pass
    else:
        raise Broken("the paused stream sends")
    send(run, transactional, f"success+other@{SIMULATOR}")
    resume(run, APP, "Marketing")
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
    active = run.client("ses").describe_active_receipt_rule_set()["Metadata"]["Name"]
    sets = [one["Name"] for one in run.client("ses").list_receipt_rule_sets()["RuleSets"]]
    must_be(sets == [active], f"{active} is active of {sets}, one of which was dropped")
    bucket = run.resource(SHOP, "AWS::S3::Bucket", "InboundBucket")
    raw = "From: Ann <ann@example.net>\r\nTo: support@shop.example.com\r\nSubject: Help\r\n\r\nWhere is it?\r\n"
    mail = {"recipients": ["support@shop.example.com"], "source": "ann@example.net", "content": raw}
    told(run, "/_sandbox/ses/inbound", mail)
    run.wait("the mail", lambda: len(keys(run, bucket, "mail/")) > 1)
    told(run, "/_sandbox/ses/inbound", {**mail, "verdicts": {"virus": "FAIL"}})
    told(run, "/_sandbox/ses/inbound", {**mail, "recipients": ["nobody@shop.example.com"]})
    # SES tries the bucket out when the rule is created, and leaves an object there.
    got = [key for key in keys(run, bucket, "mail/") if not key.endswith("SETUP_NOTIFICATION")]
    must_be(len(got) == 1, f"the bucket has {got}")
    return Outcome("3 mails: clean, infected, to nobody", "1 in the bucket", "1 stopped, 1 not accepted")
