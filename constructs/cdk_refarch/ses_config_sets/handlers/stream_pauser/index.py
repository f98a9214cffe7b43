"""Pauses an email stream when an alarm of its bounces or complaints rings; resuming it is for people to decide."""

import json
import os
from typing import Any

import boto3
from botocore.config import Config

CONFIGURATION_SET = os.environ["CONFIGURATION_SET"]

ses = boto3.client(
    "sesv2",
    # All tries together end within half a minute.
    config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"}),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Pause the stream if the alarm rings, and do nothing else in any other state.

    Args:
        event: The event of a CloudWatch alarm's action:
            https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
        context: Lambda's context.

    Raises:
        BotoCoreError: If SES gave no answer; Lambda tries again.
        ClientError: If SES refused it.
    """
    alarm = event["alarmData"]
    result = {"alarm": alarm["alarmName"], "state": alarm["state"]["value"], "set": CONFIGURATION_SET, "paused": False}
    try:
        if result["state"] == "ALARM":
            ses.put_configuration_set_sending_options(ConfigurationSetName=CONFIGURATION_SET, SendingEnabled=False)
            result["paused"] = True
    finally:
        print(json.dumps(result))
    return result
