"""Stops incoming mail that has failed the scan of Amazon SES for spam or viruses, before any other action sees it."""

import json
import os
from collections.abc import Mapping
from typing import Any

STRICT = os.environ["STRICT"] == "true"
"""Whether mail passes only when both scans say so."""

SCANS = ("spam", "virus")
VERDICTS = (*SCANS, "spf", "dkim", "dmarc")


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Return whether SES goes on with a mail.

    Args:
        event: The event of SES, which waits for the answer:
            https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
        context: Lambda's context.
    """
    # SES calls once for each mail.
    received = event["Records"][0]["ses"]
    verdicts = {name: _status(received["receipt"], name) for name in VERDICTS}
    stopped = any(_stops(verdicts[name]) for name in SCANS)
    disposition = "STOP_RULE_SET" if stopped else "CONTINUE"
    unclear = [name for name in SCANS if verdicts[name] not in ("PASS", "FAIL")]
    line = {"email": received["mail"]["messageId"], **verdicts, "unclear": unclear, "disposition": disposition}
    print(json.dumps(line))
    return {"disposition": disposition}


def _status(receipt: Mapping[str, Any], name: str) -> str | None:
    """Return a verdict; None if SES says nothing of it."""
    status: str | None = receipt.get(f"{name}Verdict", {}).get("status")
    return status


def _stops(status: str | None) -> bool:
    """Return whether a verdict stops a mail."""
    return status != "PASS" if STRICT else status == "FAIL"
