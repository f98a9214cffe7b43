"""What the scenarios of email share: sending, and looking at what came of it."""

from __future__ import annotations

import json
from typing import Any

from sandbox.lake import rows_of
from sandbox.run import Run

APP, SHOP = "SesConfigSets", "Shop"
FROM = "hello@example.com"
QUEUE = "AWS::SQS::Queue"


def set_of(run: Run, stack: str, stream: str) -> str:
    """The name of a stream's configuration set."""
    return run.resource(stack, "AWS::SES::ConfigurationSet", f"Streams{stream}")


def paused(run: Run, stack: str, stream: str) -> bool:
    """Whether a stream does not send."""
    found = run.client("sesv2").get_configuration_set(ConfigurationSetName=set_of(run, stack, stream))
    return not found["SendingOptions"]["SendingEnabled"]


def resume(run: Run, stack: str, stream: str) -> None:
    """Let a stream send again, as a person does who has found the cause."""
    run.client("sesv2").put_configuration_set_sending_options(
        ConfigurationSetName=set_of(run, stack, stream), SendingEnabled=True
    )


def unsubscribed(run: Run) -> str:
    """The queue of the shop that hears of complaints."""
    (queue,) = [url for url in run.resources(SHOP, QUEUE) if f"/{SHOP}-Unsubscribe" in url]
    return queue


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
    function = run.resource(SHOP, "AWS::Lambda::Function", "Sender")
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
