"""ARNs as the Service Authorization Reference defines them, from the copy that policy_sentry carries.

Its data takes half a second to load, so it is loaded when an ARN is first needed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

Fill = Callable[[str, str], str | None]
"""Gives the value of a placeholder, such as ``ComponentName``, of a resource type, such as ``component``."""
_VERBS = re.compile(r"^(Create|Put|Register|Enable|Start|Import|Add)(?=[A-Z])")


def service_of(permissions: list[str], segment: str) -> str:
    """The prefix that a CloudFormation type's service has in IAM and in ARNs.

    Args:
        permissions: The actions that creating the resource needs.
        segment: The service's name in the type, for types that do not say what they need.
    """
    prefixes = [action.split(":")[0].lower() for action in permissions]
    creating = [action.split(":")[0].lower() for action in permissions if _VERBS.match(action.partition(":")[2])]
    own = [prefix for prefix in creating if prefix == segment.lower()] or [
        prefix for prefix in creating if prefix not in ("iam", "kms", "s3", "ec2", "logs")
    ]
    return (own or [prefix for prefix in prefixes if prefix == segment.lower()] or [segment.lower()])[0]


def of_type(service: str, resource: str, permissions: list[str]) -> str | None:
    """The form of the ARNs of a CloudFormation type's resources, with placeholders; ``None`` if it is not known.

    Args:
        service: The service's prefix in IAM.
        resource: The last part of the type's name.
        permissions: The actions that creating the resource needs.
    """
    known = _data(service).get("resources", {})
    for name in known:
        if _plain(name) == _plain(resource):
            return str(known[name]["arn"])
    for action in permissions:
        prefix, _, operation = action.partition(":")
        if prefix == service and re.fullmatch(rf"(create|put){_plain(resource)}s?", _plain(operation)):
            return next(of_action(service, operation), None)
    return None


def of_action(service: str, operation: str) -> Iterator[str]:
    """The forms of the ARNs that an action can be limited to, the required ones first.

    Args:
        service: The service's prefix in IAM.
        operation: The action without the prefix.
    """
    data = _data(service)
    found = data.get("privileges", {}).get(operation, {}).get("resource_types", {})
    for name in sorted((name for name in found if name), key=lambda name: not found[name].get("required")):
        if name in data["resources"]:
            yield str(data["resources"][name]["arn"])


def filled(form: str, account: str, region: str, fill: Fill) -> str | None:
    """An ARN from its form.

    Args:
        form: The form, with placeholders.
        account: The account.
        region: The region.
        fill: Gives the values of the other placeholders.

    Returns:
        The ARN, ``None`` if a placeholder has no value.
    """
    values = {"Partition": "aws", "Account": account, "Region": region}
    head = re.split(r"[:/]", form.split(":", 5)[-1])[0]
    kind = "" if "$" in head else head
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name = match.group(1)
        found = values.get(name) or fill(name, kind)
        missing = missing or found is None
        return found or ""

    arn = re.sub(r"\$\{(\w+)\}", value, form)
    return None if missing else arn


def _data(service: str) -> dict[str, Any]:
    found: dict[str, Any] = importlib.import_module("policy_sentry.shared.iam_data").get_service_prefix_data(service)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
