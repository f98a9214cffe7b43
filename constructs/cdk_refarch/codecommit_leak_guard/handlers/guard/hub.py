"""Writes a leak as a finding into Security Hub; the same one again, when what came of it has changed."""

import os
import time
from collections.abc import Mapping
from typing import Any

from answers import Answer, Case, utc
from aws_calls import Place, client
from telling import shown

PRODUCT_ARN = os.environ.get("PRODUCT_ARN", "")
GENERATOR = "cdk-refarch/codecommit-leak-guard"
TYPES = ["Sensitive Data Identifications/Passwords", "Effects/Data Exposure"]
"""https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-type-taxonomy.html"""

MAX_TITLE, MAX_DESCRIPTION, MAX_REMEDIATION = 256, 1024, 512
INACTIVE = ("already_inactive", "could_not_quarantine", "disabled")
ACTIVE = ("break_glass", "could_not_disable", "exempt", "would_disable")

securityhub = client("securityhub") if PRODUCT_ARN else None


class HubError(Exception):
    """Security Hub has not taken a finding; Step Functions tries again."""


def write(case: Case, answer: Answer, message: Mapping[str, Any], place: Place) -> None:
    """Write the finding, if Security Hub is to have it.

    Args:
        case: The leak.
        answer: What came of it.
        message: What machines are told of it.
        place: Where the function runs.

    Raises:
        BotoCoreError: If Security Hub gave no answer.
        ClientError: If it refused the call.
        HubError: If it has not taken the finding.
    """
    if securityhub is None:
        return
    result = securityhub.batch_import_findings(Findings=[_finding(case, answer, message, place)])
    if result["FailedCount"]:
        codes = ", ".join(sorted({one["ErrorCode"] for one in result.get("FailedFindings", [])}))
        raise HubError(f"Security Hub must take finding {case.finding}, got {codes or 'no reason'}")


def _finding(case: Case, answer: Answer, message: Mapping[str, Any], place: Place) -> dict[str, Any]:
    now = utc(time.time())
    where = f'{message["where"]} "{shown(message["path"])}", line {message["line"]}, commit {shown(message["commit"])}'
    reason = f" ({answer.reason})" if answer.reason else ""
    description = f"{message['title']}. Outcome: {answer.outcome}{reason}. Found in {where}."
    fields = {name: shown(message[name]) for name in ("repository", "reference", "commit", "path", "line", "outcome")}
    return {
        "SchemaVersion": "2018-10-08",
        "Id": case.finding,
        "ProductArn": PRODUCT_ARN,
        "GeneratorId": GENERATOR,
        "AwsAccountId": place.account,
        "CreatedAt": case.leak.get("first_seen", now),
        "UpdatedAt": now,
        "Title": message["title"][:MAX_TITLE],
        "Description": description[:MAX_DESCRIPTION],
        # The other fields of these names are for those who look at findings, who may have changed them.
        "FindingProviderFields": {"Severity": {"Label": message["severity"]}, "Types": TYPES},
        "Remediation": {"Recommendation": {"Text": message["what_to_do"][:MAX_REMEDIATION]}},
        "ProductFields": {f"{GENERATOR}/{name}": text for name, text in fields.items() if text},
        "Resources": _resources(case.leak, answer, place),
        "RecordState": "ACTIVE",
    }


def _resources(leak: Mapping[str, Any], answer: Answer, place: Place) -> list[dict[str, Any]]:
    """Return the key, whose id is no secret to those who may see findings, and the repository."""
    where = {"Partition": place.partition, "Region": place.region}
    arn = f"arn:{place.partition}:codecommit:{place.region}:{place.account}:{leak['repository']}"
    repository = {"Type": "Other", "Id": arn, **where}
    if not leak.get("key_id"):
        return [repository]
    details = {"AccessKeyId": leak["key_id"]}
    if answer.account:
        details["AccountId"] = answer.account
    if answer.user:
        details |= {"PrincipalName": answer.user, "PrincipalType": "Role" if _is_session(leak) else "User"}
    status = "Inactive" if answer.outcome in INACTIVE else "Active" if answer.outcome in ACTIVE else ""
    if status:
        details["Status"] = status
    key = {
        "Type": "AwsIamAccessKey",
        "Id": f"AWS::IAM::AccessKey:{leak['key_id']}",
        **where,
        "Details": {"AwsIamAccessKey": details},
    }
    return [key, repository]


def _is_session(leak: Mapping[str, Any]) -> bool:
    return bool(leak["kind"] == "temporary_key")
