"""MQTT topics in policies: from the rule's filter to the topics that a publisher may use."""

from __future__ import annotations

from cdk_refarch._parts.checks import Checks, is_token

THING_NAME = "${iot:Connection.Thing.ThingName}"
"""https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html"""


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
