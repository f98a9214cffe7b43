"""MQTT topics: the filter of a rule, and the topics that a policy lets a publisher use."""

from __future__ import annotations

import re
from typing import NamedTuple

from cdk_refarch._parts.checks import Checks, is_token

MAX_BYTES = 256
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

MAX_SLASHES = 7
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

THING_NAME = "${iot:Connection.Thing.ThingName}"
"""https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html"""

_WILD = ("+", "#")
_UNUSABLE = re.compile(r"['\x00-\x1f\x7f]")


class Heard(NamedTuple):
    """What a rule listens to.

    Attributes:
        topic_filter: The filter of the topics; None for one that cannot be told, and perhaps a token.
        batch: Whether the rule makes an array of each message.
        rule_name: The name of the rule; None for one that is not known, and perhaps a token.
    """

    topic_filter: str | None
    batch: bool
    rule_name: str | None = None


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
    _check_levels(checks, "topic_filter", known)


def check_filter_of_statement(checks: Checks, known: str) -> None:
    """Refuse the same in a whole statement, which may also name topics of AWS services.

    Args:
        checks: The checks of the construct.
        known: The topic filter after FROM.

    Raises:
        ValueError: If it is not a legal MQTT topic filter for a rule.
    """
    if known.startswith("$aws/rules/") or (known.startswith("$") and not known.startswith("$aws/")):
        checks.refuse(
            "sql",
            "a statement that selects from a topic of its own, or of a service under $aws/",
            repr(known),
            "name any topic: Basic Ingest messages reach the rule whatever stands in FROM",
        )
    checks.text("topic filter in sql", known, remedy="name a topic")
    _check_levels(checks, "topic filter in sql", known)


def _check_levels(checks: Checks, argument: str, known: str) -> None:
    got = repr(known)
    if _UNUSABLE.search(known):
        checks.refuse(argument, "free of quotes and control characters", got, "rename the topic")
    size = len(known.encode())
    if size > MAX_BYTES:
        checks.refuse(argument, f"at most {MAX_BYTES} bytes", f"{size} bytes", "shorten it")
    levels = known.split("/")
    if len(levels) - 1 > MAX_SLASHES and not known.startswith("$"):
        checks.refuse(argument, f"at most {MAX_SLASHES} slashes deep", got, "use fewer levels")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            rule = "a filter with # alone on its last level"
            checks.refuse(argument, rule, got, "put # last, after a slash")
        if "+" in level and level != "+":
            checks.refuse(argument, "a filter with + alone on its level", got, "put slashes around +")


def overlap(pattern: str, topic_filter: str) -> bool:
    """Tell whether there is a topic that both a pattern and a topic filter match.

    Args:
        pattern: Topics: # is any text, also with slashes and of no length, and + any text without a slash. Unlike in a
            filter they may stand anywhere.
        topic_filter: An MQTT topic filter.
    """
    if pattern.startswith("$") and topic_filter[:1] in _WILD:
        # Wildcards at the beginning do not match reserved topics.
        return False
    # A filter that ends in /# matches the level above as well.
    above = [topic_filter.removesuffix("/#")] if topic_filter.endswith("/#") else []
    return any(_meet(pattern, one) for one in (topic_filter, *above))


def _meet(one: str, other: str) -> bool:
    """Tell whether two patterns have a text in common, by walking through both of them at once."""
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        at, there = waiting.pop()
        if at == len(one) and there == len(other):
            return True
        mine, theirs = one[at : at + 1], other[there : there + 1]
        steps = []
        if mine in _WILD or _takes(theirs, mine):
            steps.append((at + 1, there))
        if theirs in _WILD or _takes(mine, theirs):
            steps.append((at, there + 1))
        if mine and mine == theirs:
            steps.append((at + 1, there + 1))
        waiting += [step for step in steps if step not in seen]
        seen.update(steps)
    return False


def _takes(wildcard: str, text: str) -> bool:
    return bool(text) and (wildcard == "#" or (wildcard == "+" and text != "/"))


def to_publish(checks: Checks, topic: str | None, topic_filter: str | None, *, for_things: bool) -> str:
    """Return the topic to admit in a policy.

    Args:
        checks: The checks of the construct.
        topic: The topic that was asked for, or None.
        topic_filter: The rule's topic filter, or None when it is not known.
        for_things: Whether the policy is one of AWS IoT, for devices, and knows variables of things.

    Raises:
        ValueError: If the rule does not match the topic, or none can be derived.
    """
    if topic is not None:
        _check_topic(checks, topic, topic_filter)
        if not for_things and "${iot:" in topic:
            checks.refuse(
                "topic", "free of variables of AWS IoT policies", repr(topic), "IAM has none of them; write *"
            )
        return topic
    if topic_filter is None or is_token(topic_filter):
        rule = "given when the topic filter is not known before the deployment"
        checks.refuse("topic", rule, None, "name the topic")
    levels = topic_filter.split("/")
    wildcards = levels.count("+")
    if for_things and (wildcards > 1 or (wildcards == 0 and "#" in levels)):
        rule = f"given when topic_filter has other wildcards than one + ({topic_filter!r})"
        checks.refuse("topic", rule, None, f"write the topic with {THING_NAME} where the thing's name stands")
    one = THING_NAME if for_things else "*"
    return "/".join({"+": one, "#": "*"}.get(level, level) for level in levels)


def _check_topic(checks: Checks, topic: str, topic_filter: str | None) -> None:
    known = checks.text("topic", topic, remedy="give a topic such as 'fleet/one/telemetry'")
    if known is None:
        return
    if any(level in ("+", "#") for level in known.split("/")):
        checks.refuse(
            "topic", "a topic without + and #, which mean nothing in a policy", repr(topic), "write * instead"
        )
    if topic_filter is None or is_token(topic_filter):
        return
    given, wanted = topic.split("/"), topic_filter.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        given = given[: len(wanted)]
    if len(given) != len(wanted) or any(want not in ("+", have) for have, want in zip(given, wanted, strict=True)):
        checks.refuse("topic", f"a topic that {topic_filter!r} matches", repr(topic), "publish where the rule listens")
