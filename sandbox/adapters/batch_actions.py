"""Batches of SQS: AWS asks the same actions for them as for single messages, MiniStack others that do not exist."""

from __future__ import annotations

from functools import wraps
from typing import Any

from ministack.core import iam_actions

_SAME = {f"sqs:{name}Batch": f"sqs:{name}" for name in ("ChangeMessageVisibility", "DeleteMessage", "SendMessage")}


def install() -> None:
    """Put the adapter around what MiniStack takes for the action of a request."""
    extract = iam_actions.extract_iam_action

    @wraps(extract)
    def extract_iam_action(*request: Any) -> Any:
        action = extract(*request)
        return _SAME.get(action, action)

    iam_actions.extract_iam_action = extract_iam_action
