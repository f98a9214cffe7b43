"""Which findings a rule selects, and what of them its target gets."""

from __future__ import annotations

import json
from typing import Any

from .routing import CATEGORIES, SEVERITIES, Category, Route

DETAIL_TYPE = "Macie Finding"

OWN = "cdk-refarch.macie."
"""What the sources of findings begin with that AWS did not send, for only AWS may use ``aws.macie``."""

RECONCILED = f"{OWN}reconciled."
"""What the source begins with of findings that a reconciler sends after."""

FORWARDED = f"{OWN}forwarded."
"""What the source begins with of findings that are sent to another bus again."""

_COMMON = {
    "id": "$.detail.id",
    "type": "$.detail.type",
    "title": "$.detail.title",
    "severity": "$.detail.severity.description",
    "count": "$.detail.count",
    "createdAt": "$.detail.createdAt",
    "updatedAt": "$.detail.updatedAt",
    "account": "$.detail.accountId",
    "region": "$.detail.region",
    "sample": "$.detail.sample",
    "bucket": "$.detail.resourcesAffected.s3Bucket.name",
    "bucketArn": "$.detail.resourcesAffected.s3Bucket.arn",
}

# What only one category has must not be in the template of the other: EventBridge leaves nothing where a path leads
# nowhere, and the text is no JSON any more. That is why each category has a rule of its own.
PATHS: dict[Category, dict[str, str]] = {
    "CLASSIFICATION": {
        **_COMMON,
        "object": "$.detail.resourcesAffected.s3Object",
        "result": "$.detail.classificationDetails.result",
    },
    "POLICY": _COMMON,
}
"""Category to what a target gets: names to JSON paths. Where and how much, never the data, which no finding has."""


def event_pattern(
    route: Route, category: Category, *, replay_source: str, reconciled: str | None, forwarded: bool
) -> dict[str, Any]:
    """Return the pattern of the events that pass.

    Args:
        route: What is asked for; checked before.
        category: The one of its categories that the rule is for.
        replay_source: The source of findings that are sent to this route again.
        reconciled: The source of what the reconciler of the same construct sends after; None without one.
        forwarded: Whether to hear what other accounts' reconcilers and replays send to this bus.
    """
    names = list(SEVERITIES)
    detail: dict[str, Any] = {
        "category": [category],
        "severity": {"description": [SEVERITIES[name] for name in names[names.index(route.min_severity) :]]},
        "archived": [False],
    }
    if route.finding_types:
        detail["type"] = [one for one in route.finding_types if one.startswith(CATEGORIES[category])]
    if route.buckets:
        detail["resourcesAffected"] = {"s3Bucket": {"name": [_matcher(name) for name in route.buckets]}}
    if not route.include_samples:
        detail["sample"] = [False]
    sources = [
        "aws.macie",
        *([reconciled] if reconciled is not None else []),
        *([{"prefix": RECONCILED}, {"prefix": FORWARDED}] if forwarded else []),
        replay_source,
    ]
    return {"source": sources, "detail-type": [DETAIL_TYPE], "detail": detail}


def categories(route: Route) -> list[Category]:
    """Return the categories of which findings can pass.

    Args:
        route: What is asked for; checked before.
    """
    return [
        category
        for category in route.categories
        if not route.finding_types or any(one.startswith(CATEGORIES[category]) for one in route.finding_types)
    ]


def input_template(category: Category) -> str:
    """Return the template of what a target gets.

    Args:
        category: The category of the findings.
    """
    # Without quotes around the variables, EventBridge writes them as JSON: a key with a quote in it stays one text.
    fields = ", ".join(f"{json.dumps(name)}: <{name}>" for name in PATHS[category])
    return f"{{{fields}}}"


def _matcher(name: str) -> str | dict[str, str]:
    return {"wildcard": name} if "*" in name else name
