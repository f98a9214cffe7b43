"""Sends an order's confirmation with the configuration set of its stream, unless the address is known to be bad."""

import os
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

ses = boto3.client("sesv2")
contacts = boto3.resource("dynamodb").Table(os.environ["CONTACTS_TABLE"])

NO_MORE = ("#PERMANENT_BOUNCE", "#COMPLAINT")


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Send one confirmation.

    Args:
        event: ``to``, the address, and ``order``, its number.
        context: Lambda's context.
    """
    known = contacts.query(KeyConditionExpression=Key("address").eq(event["to"].lower()))["Items"]
    if any(item["event"].endswith(NO_MORE) for item in known):
        return {"skipped": "the address bounced or complained"}
    sent = ses.send_email(
        FromEmailAddress=os.environ["FROM_ADDRESS"],
        Destination={"ToAddresses": [event["to"]]},
        ConfigurationSetName=os.environ["CONFIGURATION_SET"],
        EmailTags=[{"Name": "campaign", "Value": "order-confirmation"}],
        Content={
            "Simple": {
                "Subject": {"Data": f"Your order {event['order']}"},
                "Body": {"Text": {"Data": "Thank you. We have your order."}},
            }
        },
    )
    return {"message_id": sent["MessageId"]}
