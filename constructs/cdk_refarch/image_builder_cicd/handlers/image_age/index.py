"""Tells in the log how old the newest image of a pipeline is that can be used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3

SECONDS_A_DAY = 24 * 3600


def handler(event: dict[str, Any], context: object) -> None:
    """Log the age of the newest available image in days, from which a metric is made.

    Args:
        event: The event of the schedule.
        context: What Lambda tells about the call.
    """
    pipeline = os.environ["PIPELINE_ARN"]
    client = boto3.client("imagebuilder")
    made = [_moment(one["dateCreated"]) for one in _available(client, pipeline)]
    # While there is no image, what counts is how long it has been waited for.
    since = (
        max(made)
        if made
        else _moment(client.get_image_pipeline(imagePipelineArn=pipeline)["imagePipeline"]["dateCreated"])
    )
    age = (datetime.now(UTC) - since).total_seconds() / SECONDS_A_DAY
    line = {
        "level": "INFO" if made else "WARNING",
        "pipeline": pipeline,
        "images": len(made),
        "age_days": round(age, 2),
    }
    print(json.dumps(line))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _available(client: Any, pipeline: str) -> Iterator[dict[str, Any]]:
    # In no order that AWS would document, so that all are looked at.
    pages = client.get_paginator("list_image_pipeline_images").paginate(imagePipelineArn=pipeline)
    for page in pages:
        yield from (one for one in page["imageSummaryList"] if one["state"]["status"] == "AVAILABLE")
