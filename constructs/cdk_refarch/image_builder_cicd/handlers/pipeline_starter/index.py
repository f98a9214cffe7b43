"""Starts the pipeline when there is a new image that no run of the pipeline has built and will roll out."""

import json
import os
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

PIPELINE_NAME = os.environ["PIPELINE_NAME"]
STAGE_NAME = os.environ["STAGE_NAME"]

codepipeline = boto3.client(
    "codepipeline",
    # All tries of both calls together end within a minute.
    config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"}),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the pipeline, unless a run waited for an image when this one became available: that run rolls it out.

    Args:
        event: The event of Image Builder that an image is available:
            https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html
        context: Lambda's context.

    Raises:
        BotoCoreError: If CodePipeline gave no answer; Lambda tries again.
        ClientError: If CodePipeline refused it.
    """
    result: dict[str, Any] = {"image": event["resources"][0], "pipeline": PIPELINE_NAME, "started": None}
    try:
        result["building"] = _was_building(datetime.fromisoformat(event["time"]))
        if not result["building"]:
            # The same event starts one run, however often it is delivered.
            started = codepipeline.start_pipeline_execution(name=PIPELINE_NAME, clientRequestToken=event["id"])
            result["started"] = started["pipelineExecutionId"]
    finally:
        print(json.dumps(result))
    return result


def _was_building(moment: datetime) -> bool:
    """Tell whether a run was in the stage of the image at a moment, or has been in it since.

    A run that failed there counts as well: it would fail again, and a stack that is rolled back builds anew each time.
    """
    state = codepipeline.get_pipeline_state(name=PIPELINE_NAME)
    for stage in state["stageStates"]:
        # A stage that never ran has no execution.
        if stage["stageName"] == STAGE_NAME and "latestExecution" in stage:
            changes = (one.get("latestExecution", {}).get("lastStatusChange") for one in stage.get("actionStates", ()))
            ended = max((change for change in changes if change is not None), default=None)
            return stage["latestExecution"]["status"] == "InProgress" or (ended is not None and ended >= moment)
    return False
