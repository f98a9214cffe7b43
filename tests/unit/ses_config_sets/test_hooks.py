"""A consumer's own answers to bounces and complaints: which events pass, to whom, and where they wait otherwise."""

from __future__ import annotations

import copy
import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match
from ministack.services import sns as broker

from cdk_refarch import AddressIdentity, Feedback, SendingStream, SesConfigSets
from tests.unit.ses_config_sets.built import Built, allowed, service
from tests.unit.ses_config_sets.event_documents import DOCUMENTS
from tests.unit.ses_config_sets.test_feedback import TO_QUEUES

HOOKS = ("Clean", "Soft", "Unsubscribe", "Elsewhere")


def subscription(made: Built, hook: str) -> Any:
    return made.full.of(made.hooks[hook].subscription)


def test_a_filter_says_in_the_words_of_the_events_what_passes(made: Built) -> None:
    marketing, letter = made.full.set_name("marketing"), made.full.set_name("news_letter")
    found = {hook: subscription(made, hook)["FilterPolicy"] for hook in HOOKS}
    assert found == {
        "Clean": {"eventType": ["Bounce"], "bounce": {"bounceType": ["Permanent"]}},
        "Soft": {
            "eventType": ["Bounce"],
            "bounce": {"bounceType": ["Transient", "Undetermined"]},
            "mail": {"tags": {"ses:configuration-set": [marketing]}},
        },
        "Unsubscribe": {
            "eventType": ["Complaint"],
            "mail": {"tags": {"ses:configuration-set": [marketing, letter]}},
        },
        "Elsewhere": {"eventType": ["Bounce"]},
    }
    assert {subscription(made, hook)["FilterPolicyScope"] for hook in HOOKS} == {"MessageBody"}


def passes(made: Built, hook: str, event: dict[str, Any]) -> bool:
    """Ask the matcher of an emulated SNS."""
    found = subscription(made, hook)
    attributes = {"FilterPolicy": json.dumps(found["FilterPolicy"]), "FilterPolicyScope": found["FilterPolicyScope"]}
    return bool(broker._matches_filter_policy({"attributes": attributes}, {}, json.dumps(event)))


def of(made: Built, kind: str, stream: str, bounce_type: str = "") -> dict[str, Any]:
    """A documented event of a stream."""
    event = copy.deepcopy(DOCUMENTS[kind])
    event["mail"]["tags"]["ses:configuration-set"] = [made.full.set_name(stream)]
    if bounce_type:
        event["bounce"]["bounceType"] = bounce_type
    return event


@pytest.mark.parametrize(
    ("hook", "passing"),
    [
        ("Clean", {("Permanent", "transactional"), ("Permanent", "marketing"), ("Permanent", "news_letter")}),
        ("Soft", {("Transient", "marketing"), ("Undetermined", "marketing")}),
        ("Unsubscribe", set()),
        (
            "Elsewhere",
            {
                (kind, stream)
                for kind in ("Permanent", "Transient", "Undetermined")
                for stream in ("transactional", "marketing", "news_letter")
            },
        ),
    ],
)
def test_bounces_of_the_streams_and_types_pass_and_no_others(
    made: Built, hook: str, passing: set[tuple[str, str]]
) -> None:
    found = {
        (kind, stream)
        for kind in ("Permanent", "Transient", "Undetermined")
        for stream in ("transactional", "marketing", "news_letter")
        if passes(made, hook, of(made, "Bounce", stream, kind))
    }
    assert found == passing


def test_complaints_of_the_streams_pass_and_no_others(made: Built) -> None:
    streams = ("transactional", "marketing", "news_letter", "alerts")
    found = {
        (hook, stream) for hook in HOOKS for stream in streams if passes(made, hook, of(made, "Complaint", stream))
    }
    assert found == {("Unsubscribe", "marketing"), ("Unsubscribe", "news_letter")}


def test_no_other_event_passes_any_hook(made: Built) -> None:
    others = [kind for kind in DOCUMENTS if kind not in ("Bounce", "Complaint")]
    assert len(others) == 8
    for kind in others:
        assert [hook for hook in HOOKS if passes(made, hook, of(made, kind, "marketing"))] == []


def test_the_line_that_ses_sends_to_see_whether_it_may_passes_no_hook(made: Built) -> None:
    line = "Successfully validated SNS topic for Amazon SES event publishing."
    for hook in HOOKS:
        policy = {"FilterPolicy": json.dumps(subscription(made, hook)["FilterPolicy"])}
        attributes = {**policy, "FilterPolicyScope": subscription(made, hook)["FilterPolicyScope"]}
        assert not broker._matches_filter_policy({"attributes": attributes}, {}, line)


def test_a_function_is_called_by_the_topic_only(made: Built) -> None:
    topic, told = made.full.shown(made.full.email.feedback.topic.topic_arn), made.full.shown(made.told.function_arn)
    found = [one for one in made.full.all("AWS::Lambda::Permission") if one["FunctionName"] == told]
    assert found == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": told,
            "Principal": "sns.amazonaws.com",
            "SourceArn": topic,
        }
    ]
    one = subscription(made, "Clean")
    assert (one["Protocol"], one["Endpoint"], one["TopicArn"]) == ("lambda", told, topic)
    # A function gets the envelope of SNS, in which the id of the message is.
    assert "RawMessageDelivery" not in one


def test_a_queue_gets_the_events_themselves_from_the_topic_only(made: Built) -> None:
    topic = made.full.shown(made.full.email.feedback.topic.topic_arn)
    for hook in ("Soft", "Unsubscribe"):
        queue: Any = made.queues[hook]
        arn = made.full.shown(queue.queue_arn)
        one = subscription(made, hook)
        assert (one["Protocol"], one["Endpoint"], one["RawMessageDelivery"]) == ("sqs", arn, True)
        assert allowed(made.full.of(queue.node.find_child("Policy"))) == [
            {
                "Action": "sqs:SendMessage",
                "Principal": service("sns"),
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ]


def test_nothing_is_told_before_whom_it_is_told_to_and_where_it_waits_let_it_in(made: Built) -> None:
    for hook in HOOKS:
        one, undelivered = made.hooks[hook].subscription, made.hooks[hook].undelivered
        needed = [undelivered, undelivered.node.find_child("Policy")]
        if hook == "Clean":
            needed.append(made.hooks[hook].node.find_child("Permission"))
        elif hook != "Elsewhere":
            needed += [made.queues[hook], made.queues[hook].node.find_child("Policy")]
        for each in needed:
            assert made.full.waits_for(one, each), (hook, each.node.path)


def test_the_key_of_a_queue_admits_topics_of_this_account(made: Built) -> None:
    key: Any = made.queues["Soft"].encryption_master_key
    assert isinstance(key, kms.Key)
    assert TO_QUEUES in allowed(made.full.of(key))


def test_a_warning_tells_what_a_queue_of_elsewhere_must_allow(made: Built) -> None:
    warnings = Annotations.from_stack(made.full.email.node.scope)  # type: ignore[arg-type]
    where = f"/{made.hooks['Elsewhere'].node.path}"
    rule = Match.string_like_regexp("The policy of the given target cannot be changed .* let sns.amazonaws.com send")
    assert len(warnings.find_warning(where, rule)) == 1
    assert len(warnings.find_warning("*", rule)) == 1


def test_what_does_not_reach_its_target_waits_and_rings(made: Built) -> None:
    for hook in HOOKS:
        undelivered = made.hooks[hook].undelivered
        arn = made.full.shown(undelivered.queue_arn)
        assert subscription(made, hook)["RedrivePolicy"] == {"deadLetterTargetArn": arn}
        (admitted,) = allowed(made.full.of(undelivered.node.find_child("Policy")))
        assert (admitted["Principal"], admitted["Resource"]) == (service("sns"), arn)
        kept = made.full.of(undelivered)
        assert (kept["KmsMasterKeyId"], kept["MessageRetentionPeriod"]) == (made.full.key_arn(), 14 * 24 * 3600)
        alarm = made.full.email.alarms[f"{hook}Undelivered"]
        assert alarm is made.hooks[hook].alarms["Undelivered"]
        found = made.full.of(alarm)
        assert found["Dimensions"] == [{"Name": "QueueName", "Value": made.full.shown(undelivered.queue_name)}]
        assert (found["MetricName"], found["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)


def test_hooks_share_no_dead_letter_queue(made: Built) -> None:
    queues = {str(subscription(made, hook)["RedrivePolicy"]) for hook in HOOKS}
    assert len(queues) == len(HOOKS)


@pytest.mark.parametrize("own", [True, False])
def test_rejects_a_target_that_is_told_already(own: bool) -> None:
    stack = cdk.Stack()
    email = SesConfigSets(
        stack,
        "Email",
        identity=AddressIdentity(address="a@example.com"),
        streams={"news": SendingStream()},
        feedback=Feedback(record=False),
        analytics=None,
    )
    queue: sqs.Queue = email.feedback.queue if own else sqs.Queue(stack, "Queue")
    if not own:
        email.on_bounce("Bounced", queue)
    teller = "Feedback" if own else "Bounced"
    message = f"target must be one that nothing else tells, got that of {teller}; give each its own queue or function"
    with pytest.raises(ValueError, match=message):
        email.on_complaint("Complained", queue)
    assert email.node.try_find_child("Complained") is None
