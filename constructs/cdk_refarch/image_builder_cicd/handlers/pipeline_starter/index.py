"""Starts the pipeline when there is a new image that no run of the pipeline has built and will roll out."""

import json
import os
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
    """Start the pipeline, unless a run is waiting for an image just now: that run rolls this one out.

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
        result["building"] = _is_building()
        if not result["building"]:
            # The same event starts one run, however often it is delivered.
            started = codepipeline.start_pipeline_execution(name=PIPELINE_NAME, clientRequestToken=event["id"])
            result["started"] = started["pipelineExecutionId"]
    finally:
        print(json.dumps(result))
    return result


def _is_building() -> bool:
    state = codepipeline.get_pipeline_state(name=PIPELINE_NAME)
    # A stage that never ran has no execution.
    return any(
        stage["stageName"] == STAGE_NAME and stage.get("latestExecution", {}).get("status") == "InProgress"
        for stage in state["stageStates"]
    )
