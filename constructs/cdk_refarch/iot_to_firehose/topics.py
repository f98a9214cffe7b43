"""MQTT topics: the filter of a rule, and the topics that a policy lets a publisher use."""

from __future__ import annotations

import re

from cdk_refarch._parts.checks import Checks, is_token

MAX_BYTES = 256
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

MAX_SLASHES = 7
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

THING_NAME = "${iot:Connection.Thing.ThingName}"
"""https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html"""

_UNUSABLE = re.compile(r"['\x00-\x1f\x7f\ud800-\udfff]")


def check_filter(checks: Checks, value: object) -> None:
    """Refuse what AWS IoT would not take as the topic filter of a rule, or would never match.

    Args:
        checks: The checks of the construct.
        value: The argument ``topic_filter``.

    Raises:
        ValueError: If it is not a legal MQTT topic filter for a rule.
    """
    known = checks.text("topic_filter", value, remedy="give a filter such as 'fleet/+/telemetry'")
    if known is None:
        return
    if known.startswith("$"):
        checks.refuse(
            "topic_filter",
            "outside the reserved topics that begin with $",
            repr(known),
            "devices reach this rule through basic_ingest_topic without naming it here; "
            "for service topics such as $aws/events give the whole statement as sql",
        )
    _check_levels(checks, known)


def check_filter_of_statement(checks: Checks, known: str) -> None:
    """Refuse the same in a whole statement, which may also name topics of AWS services.

    Args:
        checks: The checks of the construct.
        known: The topic filter after FROM.

    Raises:
        ValueError: If it is not a legal MQTT topic filter for a rule.
    """
    if not known.startswith("$"):
        check_filter(checks, known)
        return
    if not known.startswith("$aws/") or known.startswith("$aws/rules/"):
        checks.refuse(
            "sql",
            "a statement that selects from a topic of its own, or of a service under $aws/",
            repr(known),
            "name any topic: Basic Ingest messages reach the rule whatever stands in FROM",
        )
    _check_levels(checks, known)


def _check_levels(checks: Checks, known: str) -> None:
    got = repr(known)
    if _UNUSABLE.search(known):
        rule = "free of quotes, control characters and surrogates"
        checks.refuse("topic_filter", rule, got, "rename the topic")
    size = len(known.encode())
    if size > MAX_BYTES:
        checks.refuse("topic_filter", f"at most {MAX_BYTES} bytes", f"{size} bytes", "shorten it")
    levels = known.split("/")
    if len(levels) - 1 > MAX_SLASHES and not known.startswith("$"):
        checks.refuse("topic_filter", f"at most {MAX_SLASHES} slashes deep", got, "use fewer levels")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            rule = "a filter with # alone on its last level"
            checks.refuse("topic_filter", rule, got, "put # last, after a slash")
        if "+" in level and level != "+":
            checks.refuse("topic_filter", "a filter with + alone on its level", got, "put slashes around +")


def for_any_publisher(topic_filter: str) -> str:
    """Return the filter as a policy resource, where * stands for any text.

    Args:
        topic_filter: The rule's topic filter.
    """
    return "/".join("*" if level in ("+", "#") else level for level in topic_filter.split("/"))


def for_one_thing(checks: Checks, topic_filter: str) -> str:
    """Return the filter as a policy resource with the thing's name in place of its only +.

    Args:
        checks: The checks of the construct.
        topic_filter: The rule's topic filter.

    Raises:
        ValueError: If it cannot be told where the thing's name stands.
    """
    levels = topic_filter.split("/")
    wildcards = levels.count("+")
    if wildcards > 1 or (wildcards == 0 and "#" in levels):
        checks.refuse(
            "topic",
            f"given when topic_filter has other wildcards than one + ({topic_filter!r})",
            None,
            f"write the topic with {THING_NAME} where the thing's name stands",
        )
    return for_any_publisher(topic_filter.replace("+", THING_NAME))


def check_topic(checks: Checks, topic: str, topic_filter: str) -> None:
    """Refuse a topic that the rule would not hear.

    Args:
        checks: The checks of the construct.
        topic: A topic for a policy; variables and * stand for one or more levels.
        topic_filter: The rule's topic filter.

    Raises:
        ValueError: If the filter does not match it.
    """
    if is_token(topic) or is_token(topic_filter):
        return
    given, wanted = topic.split("/"), topic_filter.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        given = given[: len(wanted)]
    if len(given) != len(wanted) or any(want not in ("+", have) for have, want in zip(given, wanted, strict=True)):
        checks.refuse("topic", f"a topic that {topic_filter!r} matches", repr(topic), "publish where the rule listens")
