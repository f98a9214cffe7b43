"""What Image Builder tells the default event bus, in the shape that AWS documents."""

from __future__ import annotations

import json

from ministack.services import eventbridge

from .state import Record

STATE = "EC2 Image Builder Image State Change"
FINDINGS = "EC2 Image Builder CVE Detected"
DISABLED = "EC2 Image Builder Image Pipeline Automatically Disabled"


def announce(detail_type: str, detail: Record, *resources: str) -> None:
    """Send an event; its targets have it when this returns, so nothing else may be held up.

    Args:
        detail_type: What it is about.
        detail: What it says.
        resources: The ARNs it is about.
    """
    eventbridge._ensure_default_bus()
    entry = {
        "Source": "aws.imagebuilder",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
