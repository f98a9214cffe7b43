"""Findings: kept, archived by findings filters, published to EventBridge once, listed and read; and made-up samples.

A finding that a filter with the action ``ARCHIVE`` matches is kept as archived, and is not published. Others go to the
default event bus at once, from ``aws.macie``. Samples are never archived by filters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ministack.services import eventbridge

from . import documents
from .detector import Found
from .state import Fault, Record, Session, page, session

_MOST = 50
_BUCKET = "amzn-s3-demo-bucket"


def store(macie: Session, finding: Record) -> None:
    """Keep a finding, and publish it unless it is archived.

    Args:
        macie: Macie.
        finding: The finding.
    """
    filters = [one for one in list(macie.findings_filters.values()) if one["action"] == "ARCHIVE"]
    finding["archived"] = any(matches(finding, one["findingCriteria"]) for one in filters) and not finding["sample"]
    macie.findings[finding["id"]] = finding
    publish(finding)


def publish(finding: Record) -> None:
    """Publish a finding as an event, unless it is archived.

    Args:
        finding: The finding.
    """
    if finding["archived"]:
        return
    eventbridge._ensure_default_bus()
    entry = {"Source": "aws.macie", "DetailType": "Macie Finding", "Detail": json.dumps(finding), "Resources": []}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def matches(finding: Record, criteria: Record) -> bool:
    """Whether a finding meets all criteria.

    Args:
        finding: The finding.
        criteria: Fields with their conditions, as ``findingCriteria`` of the API.
    """
    return all(_holds(finding, field, wanted) for field, wanted in (criteria.get("criterion") or {}).items())


def _holds(finding: Record, field: str, wanted: Record) -> bool:
    values = list(_values(finding, field.split(".")))
    texts = [_text(value) for value in values]
    numbers = [number for value in values if (number := _number(value)) is not None]
    checks: dict[str, Callable[[Any], bool]] = {
        "eq": lambda given: any(text in given for text in texts),
        "eqExactMatch": lambda given: bool(texts) and set(texts) == set(given),
        "neq": lambda given: not any(text in given for text in texts),
        "gt": lambda given: any(number > given for number in numbers),
        "gte": lambda given: any(number >= given for number in numbers),
        "lt": lambda given: any(number < given for number in numbers),
        "lte": lambda given: any(number <= given for number in numbers),
    }
    return all(checks[name](given) for name, given in wanted.items() if given is not None)


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    """A number as it is, a time in milliseconds."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp() * 1000
        except ValueError:
            return None
    return float(value)


def _sorted(found: list[Record], request: Record) -> list[Record]:
    wanted = request.get("sortCriteria") or {}
    if "attributeName" not in wanted:
        return found

    def key(finding: Record) -> tuple[bool, Any]:
        value = next(_values(finding, wanted["attributeName"].split(".")), None)
        return isinstance(value, str), "" if value is None else value

    return sorted(found, key=key, reverse=wanted.get("orderBy") == "DESC")


def _list(request: Record) -> Record:
    criteria = request.get("findingCriteria") or {}
    found = [finding for finding in list(session().findings.values()) if matches(finding, criteria)]
    ids, token = page([finding["id"] for finding in _sorted(found, request)], request, _MOST)
    return {"findingIds": ids, **token}


def _get(request: Record) -> Record:
    ids = request["findingIds"]
    if len(ids) > _MOST:
        raise Fault("ValidationException", f"The findingIds parameter must have at most {_MOST} values.")
    known = session().findings
    found = [known[id] for id in dict.fromkeys(ids) if id in known]
    return {"findings": [_for_api(finding) for finding in _sorted(found, request)]}


def _for_api(finding: Record) -> Record:
    """A finding as the API has it: the entity tag of the object is spelled differently in events."""
    affected = finding["resourcesAffected"]
    if not affected["s3Object"]:
        return finding
    spelled = {**affected["s3Object"], "eTag": affected["s3Object"]["etag"]}
    return {**finding, "resourcesAffected": {**affected, "s3Object": spelled}}


def _samples(request: Record) -> Record:
    macie = session()
    for type in request.get("findingTypes") or documents.TYPES:
        finding = documents.head(
            macie, type, "High" if type.endswith(("Credentials", "Public")) else "Medium", sample=True
        )
        bucket = documents.bucket_of(macie, _BUCKET)
        finding["resourcesAffected"] = {"s3Bucket": {**bucket, "createdAt": finding["createdAt"]}, "s3Object": None}
        if finding["category"] == "POLICY":
            finding["policyDetails"] = documents.policy_action("PutBucketPolicy")
        else:
            _fill_sample(finding)
        store(macie, finding)
    return {}


def _fill_sample(finding: Record) -> None:
    made = {"last_modified": finding["createdAt"], "size": 128}
    place = {"start": 1, "end": 1, "startColumn": 1}
    found = Found("USA_SOCIAL_SECURITY_NUMBER", "PERSONAL_INFORMATION", None, 1, [place])
    finding["resourcesAffected"]["s3Object"] = documents.object_of(_BUCKET, "sample.txt", made)
    finding["classificationDetails"] = {
        "jobArn": None,
        "jobId": None,
        "result": documents.result("sample.txt", [found], 128, documents.IN_FINDING),
        "detailedResultsLocation": None,
        "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
    }


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateSampleFindings": _samples,
    "GetFindings": _get,
    "ListFindings": _list,
}
