"""Security Hub takes findings as AWS does: only where it is enabled, of the account's own product, in the format.

moto takes them always, and whatever their members say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import error_response_json, get_account_id, json_response

from . import moto_services

Record = dict[str, Any]
_SERVICE = "securityhub"
_LONGEST = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}
_PATH = "/findings/import"


def install() -> None:
    """Put the adapter before moto's service."""
    handler = app.SERVICE_HANDLERS[_SERVICE]

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        if (method, path) != ("POST", _PATH):
            return await handler(method, path, headers, body, query)
        findings, account = json.loads(body).get("Findings") or [], get_account_id()
        region = router.extract_region(headers)
        if not await asyncio.to_thread(_is_enabled, region):
            said = f"Account {account} is not subscribed to AWS Security Hub"
            return error_response_json("InvalidAccessException", said, 401, content_type="application/json")
        product = f"arn:aws:securityhub:{region}:{account}:product/{account}/default"
        failed = [fault for finding in findings for fault in _faults(finding, product, account)]
        if failed:
            counts = {"FailedCount": len(failed), "SuccessCount": 0, "FailedFindings": failed}
            return json_response(counts, content_type="application/json")
        return await handler(method, path, headers, body, query)

    app.SERVICE_HANDLERS[_SERVICE] = handle


def _is_enabled(region: str) -> bool:
    client = moto_services.client(_SERVICE, region)
    try:
        client.describe_hub()
    except client.exceptions.InvalidAccessException:
        return False
    return True


def _faults(finding: Record, product: str, account: str) -> Iterator[Record]:
    """What is wrong with a finding, at most one thing; if one is wrong, none is taken here."""
    said = next(_problems(finding, product, account), "")
    if said:
        yield {"Id": finding.get("Id", ""), "ErrorCode": "InvalidInput", "ErrorMessage": said}


def _problems(finding: Record, product: str, account: str) -> Iterator[str]:
    if (finding.get("ProductArn"), finding.get("AwsAccountId")) != (product, account):
        yield f"ProductArn must be {product}, and AwsAccountId {account}"
    if finding.get("SchemaVersion") != "2018-10-08":
        yield "SchemaVersion must be 2018-10-08"
    for name, most in _LONGEST.items():
        if not 1 <= len(str(finding.get(name, ""))) <= most:
            yield f"{name} must have 1 to {most} characters"
    for name in ("CreatedAt", "UpdatedAt"):
        if not _is_time(str(finding.get(name, ""))):
            yield f"{name} must be a time such as 2026-11-24T01:02:03Z, got {finding.get(name)!r}"
    provided = finding.get("FindingProviderFields") or {}
    if not (provided.get("Severity") or finding.get("Severity")) or not (provided.get("Types") or finding.get("Types")):
        yield "FindingProviderFields must have Severity and Types"
    if not finding.get("Resources"):
        yield "Resources must have 1 to 32 members"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
