"""The recorder of feedback: what is kept of each event, and which messages come again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from cdk_refarch.ses_config_sets.contact_record import NOT_SENT as NOT_SENT_PATTERN
from sandbox.adapters import log_metrics
from tests.fakes.aws import FakeAws
from tests.handlers.loading import Context, load
from tests.handlers.ses_config_sets import events
from tests.handlers.ses_config_sets.events import (
    ADDRESS,
    AT,
    AT_SECONDS,
    FEEDBACK_ID,
    MAIL_AT,
    MAIL_AT_SECONDS,
    MESSAGE_ID,
    VALIDATION,
)
from tests.handlers.ses_config_sets.recorder import SETTINGS, Recorder, recorder, recorder_in_aws, shared_recorder

__all__ = ["recorder", "shared_recorder"]

EXPIRES = str(AT_SECONDS + 90 * 86_400)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def kept(kind: str, **more: str) -> dict[str, str]:
    """An item of a kind; empty texts are left out."""
    item = {
        "address": ADDRESS,
        "event": f"receipts#{kind}",
        "stream": "receipts",
        "kind": kind,
        "event_at": AT,
        "message_id": MESSAGE_ID,
        "feedback_id": FEEDBACK_ID,
        **more,
    }
    return {name: text for name, text in item.items() if text}


REPORT = {"status": "5.1.1", "diagnostic": events.DIAGNOSTIC}
# SES took the mail and did not send it: all that is known of the time is when that was.
NOT_SENT = {"event_at": MAIL_AT, "expires_at": str(MAIL_AT_SECONDS + 90 * 86_400), "feedback_id": ""}
DELAY = {"status": "4.4.1", "diagnostic": "smtp; 421 4.4.1 Unable to connect to remote host", "feedback_id": ""}
RECORDED = {
    "hard bounce": (events.bounce(), kept("PERMANENT_BOUNCE", sub_type="General", **REPORT)),
    "hard bounce without a report": (
        events.bounce_without_report("Permanent", ADDRESS),
        kept("PERMANENT_BOUNCE", sub_type="General"),
    ),
    "automatic answer": (
        events.bounce_without_report("Transient", ADDRESS),
        kept("TRANSIENT_BOUNCE", sub_type="General", expires_at=EXPIRES),
    ),
    "hard bounce with an empty report": (
        events.bounce(events.reported(status=None, diagnosticCode=None)),
        kept("PERMANENT_BOUNCE", sub_type="General"),
    ),
    "full mailbox": (
        events.bounce(bounce_type="Transient", bounceSubType="MailboxFull"),
        kept("TRANSIENT_BOUNCE", sub_type="MailboxFull", expires_at=EXPIRES, **REPORT),
    ),
    "undetermined bounce": (
        events.bounce_without_report("Undetermined", ADDRESS, bounceSubType="Undetermined"),
        kept("UNDETERMINED_BOUNCE", sub_type="Undetermined", expires_at=EXPIRES),
    ),
    "bounce of a type that is new": (
        events.bounce_without_report("Postponed", ADDRESS),
        kept("UNDETERMINED_BOUNCE", sub_type="General", expires_at=EXPIRES),
    ),
    "bounce of a suppressed address": (
        events.suppressed(),
        kept(
            "PERMANENT_BOUNCE",
            sub_type="OnAccountSuppressionList",
            status="5.1.1",
            diagnostic=events.suppressed()["bounce"]["bouncedRecipients"][0]["diagnosticCode"],
        ),
    ),
    "complaint": (events.complaint(), kept("COMPLAINT", sub_type="abuse")),
    "complaint without a type": (events.complaint(complaintFeedbackType=None), kept("COMPLAINT")),
    "complaint of a suppressed address": (
        events.suppressed_complaint(),
        kept("COMPLAINT", sub_type="OnAccountSuppressionList"),
    ),
    "not spam": (
        events.complaint(complaintFeedbackType="not-spam"),
        kept("NOT_SPAM", sub_type="not-spam", expires_at=EXPIRES),
    ),
    "delay": (
        events.delivery_delay(),
        kept("DELIVERY_DELAY", sub_type="TransientCommunicationFailure", expires_at=EXPIRES, **DELAY),
    ),
    "infected mail": (events.reject(), kept("REJECT", sub_type="Bad content", **NOT_SENT)),
    "rejected mail without a reason": (events.reject(reason=None), kept("REJECT", **NOT_SENT)),
    "template without its data": (
        events.rendering_failure(),
        kept("RENDERING_FAILURE", sub_type="MyTemplate", diagnostic=events.MISSING, **NOT_SENT),
    ),
}


@pytest.mark.parametrize(("event", "item"), RECORDED.values(), ids=RECORDED)
def test_an_event_of_a_recipient_is_kept_with_its_kind_and_reason(
    recorder: Recorder, event: dict[str, Any], item: dict[str, str]
) -> None:
    assert recorder.run(event) == []
    assert recorder.item == item
    assert list(recorder.items) == [(ADDRESS, item["event"])]
    assert recorder.aws.actions() == {"dynamodb:PutItem"}


@pytest.mark.parametrize(
    "make",
    [
        events.send,
        events.delivery,
        events.opened,
        events.click,
        events.subscription,
        lambda: {"eventType": "Something New"},
    ],
)
def test_events_that_tell_nothing_against_a_recipient_are_logged_and_dropped(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], make: Callable[[], dict[str, Any]]
) -> None:
    event = make()
    assert recorder.run(event) == []
    assert recorder.aws.calls == []
    message_id = MESSAGE_ID if "mail" in event else None
    assert lines(capsys) == [{"message": "m0", "type": event["eventType"], "dropped": "type", "email": message_id}]


@pytest.mark.parametrize("text", [VALIDATION, VALIDATION + "\n"])
def test_the_text_by_which_ses_tries_the_topic_is_logged_and_dropped(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert recorder.run(text) == []
    assert recorder.aws.calls == []
    assert lines(capsys) == [{"message": "m0", "dropped": "validation"}]


def test_a_bounce_without_recipients_is_only_logged(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert recorder.run(events.bounce_without_report("Undetermined")) == []
    assert recorder.items == {}
    assert lines(capsys) == [{"message": "m0", "type": "Bounce", "email": MESSAGE_ID, "kept": 0, "known": 0}]


def test_each_recipient_has_an_item_of_its_own(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"emailAddress": "b@example.com", "status": "5.2.1"}
    assert recorder.run(events.bounce(events.reported("a@example.com"), other)) == []
    assert {key[0]: item.get("diagnostic") for key, item in recorder.items.items()} == {
        "a@example.com": events.DIAGNOSTIC,
        "b@example.com": None,
    }
    assert lines(capsys) == [
        {
            "message": "m0",
            "type": "Bounce",
            "email": MESSAGE_ID,
            "kept": 2,
            "known": 0,
            "stream": "receipts",
            "kind": "PERMANENT_BOUNCE",
        }
    ]


@pytest.mark.parametrize(("make", "kind"), [(events.reject, "REJECT"), (events.rendering_failure, "RENDERING_FAILURE")])
def test_mail_that_was_not_sent_is_kept_for_each_address_that_it_was_for(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], make: Callable[..., dict[str, Any]], kind: str
) -> None:
    about = events.reduced_mail(destination=["a@example.com", "Bob <B@example.com>"])
    assert recorder.run(make(mail=about)) == []
    assert list(recorder.items) == [(one, f"receipts#{kind}") for one in ("a@example.com", "b@example.com")]
    assert [(line["kept"], line["kind"]) for line in lines(capsys)] == [(2, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "jane@example.com",
        "Jane@Example.COM",
        " jane@example.com ",
        " Jane <jane@example.com> ",
        '"Doe, Jane <x>" <JANE@example.com>',
        "<jane@example.com>",
    ],
)
def test_addresses_are_kept_bare_and_in_lower_case(recorder: Recorder, text: str) -> None:
    assert recorder.run(events.complaint(text)) == []
    assert recorder.item["address"] == "jane@example.com"


def test_a_stream_is_named_as_in_the_app_and_a_set_of_elsewhere_by_its_own_name(recorder: Recorder) -> None:
    elsewhere = events.mail(tags={"ses:configuration-set": ["by-hand"]})
    assert recorder.run(events.complaint(), events.complaint(mail=elsewhere)) == []
    assert {item["stream"] for item in recorder.items.values()} == {"receipts", "by-hand"}
    assert {key[1] for key in recorder.items} == {"receipts#COMPLAINT", "by-hand#COMPLAINT"}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T10:00:00.5Z", "2026-01-31T10:00:00.500Z"),
        ("2026-01-31T10:00:00.123456Z", "2026-01-31T10:00:00.123Z"),
        ("2026-01-31T12:00:00.007+02:00", "2026-01-31T10:00:00.007Z"),
        ("2026-01-31T23:30:00-0200", "2026-02-01T01:30:00.000Z"),
    ],
)
def test_times_are_kept_in_one_notation_so_that_the_order_of_texts_is_that_of_times(
    recorder: Recorder, told: str, text: str
) -> None:
    recorder.run(events.complaint(timestamp=told))
    assert recorder.item["event_at"] == text


@pytest.mark.parametrize(("days", "seconds"), [("1", 86_400), ("3650", 315_360_000)])
def test_what_is_no_reason_to_stop_expires_so_long_after_the_event_and_the_rest_stays(days: str, seconds: int) -> None:
    with recorder_in_aws(KEEP_TRANSIENT_DAYS=days) as recorder:
        recorder.run(events.delivery_delay(), events.bounce(), events.complaint())
        expiry = {item["kind"]: item.get("expires_at") for item in recorder.items.values()}
    at = str(AT_SECONDS + seconds)
    assert expiry == {"DELIVERY_DELAY": at, "PERMANENT_BOUNCE": None, "COMPLAINT": None}


@pytest.mark.parametrize(("length", "left"), [(999, 999), (1000, 1000), (1001, 1000)])
def test_long_diagnostics_are_cut(recorder: Recorder, length: int, left: int) -> None:
    assert recorder.run(events.bounce(events.reported(diagnosticCode="é" * length))) == []
    assert recorder.item["diagnostic"] == "é" * left


def without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return event


UNREADABLE = {
    "no JSON": "{",
    "an empty text": "",
    "a list": "[]",
    "a number": "1",
    "nested too deeply": "[" * 100_000,
    "no type": without(events.bounce(), "eventType"),
    "no such object": without(events.bounce(), "bounce"),
    "no mail": without(events.complaint(), "mail"),
    "no message id": without(events.complaint(), "mail", "messageId"),
    "no configuration set": events.complaint(mail=events.mail(tags={})),
    "no value of the configuration set": events.complaint(mail=events.mail(tags={"ses:configuration-set": []})),
    "no time": without(events.complaint(), "complaint", "timestamp"),
    "a time that is none": events.complaint(timestamp="yesterday"),
    "a time that is a number": events.complaint(timestamp=1),
    "a time before all times": events.complaint(timestamp="0001-01-01T00:00:00+14:00"),
    "no recipients": without(events.complaint(), "complaint", "complainedRecipients"),
    "a recipient without an address": events.bounce({"status": "5.1.1"}),
    "an empty address": events.complaint("Jane < >"),
    "rejected mail of no time": without(events.reject(), "mail", "timestamp"),
    "rejected mail to nobody known": without(events.reject(), "mail", "destination"),
    "a template of which nothing is told": without(events.rendering_failure(), "failure"),
    "an address that is no text": events.bounce({"emailAddress": 5}),
    "a status that is no text": events.bounce(events.reported(status=5)),
}


@pytest.mark.parametrize("message", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_comes_again_and_the_others_of_the_batch_are_kept(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], message: Any
) -> None:
    assert recorder.run(events.bounce(), message, events.delivery_delay()) == ["m1"]
    assert {item["kind"] for item in recorder.items.values()} == {"PERMANENT_BOUNCE", "DELIVERY_DELAY"}
    assert ["failed" in line for line in lines(capsys)] == [False, True, False]


def test_only_what_failed_comes_again(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    recorder.failing["slow@example.com"] = "ProvisionedThroughputExceededException"
    batch = (events.bounce(), "{", events.complaint("slow@example.com"), events.send(), events.complaint())
    assert recorder.run(*batch) == ["m1", "m2"]
    assert {item["kind"] for item in recorder.items.values()} == {"PERMANENT_BOUNCE", "COMPLAINT"}
    failures = [line.get("failed") for line in lines(capsys)]
    assert failures == [None, "JSONDecodeError", "ProvisionedThroughputExceededException", None, None]
    recorder.failing.clear()
    assert recorder.run(batch[2]) == []
    assert ("slow@example.com", "receipts#COMPLAINT") in recorder.items


def test_a_message_that_failed_at_one_of_its_recipients_is_whole_after_it_came_again(recorder: Recorder) -> None:
    recorder.failing["b@example.com"] = "ThrottlingException"
    event = events.complaint("a@example.com", "b@example.com", "c@example.com")
    assert recorder.run(event) == ["m0"]
    recorder.failing.clear()
    assert recorder.run(event) == []
    assert sorted(key[0] for key in recorder.items) == ["a@example.com", "b@example.com", "c@example.com"]


@pytest.mark.parametrize("error", [ReadTimeoutError, EndpointConnectionError])
def test_a_table_that_is_not_reached_makes_the_message_come_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Any
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with FakeAws() as aws:
        aws.patch(monkeypatch)
        aws.reply("dynamodb", "PutItem", error(endpoint_url="https://dynamodb"))
        handler = load("ses_config_sets", "feedback_recorder").handler
        batch = {"Records": [{"messageId": "m0", "body": json.dumps(events.bounce())}]}
        assert handler(batch, Context()) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert lines(capsys)[0]["failed"] == error.__name__


def test_a_batch_that_takes_too_long_ends_in_time_and_the_rest_of_it_comes_again(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = [events.complaint(f"{number}@example.com") for number in range(4)]
    assert recorder.run(*batch, context=Context(45, look=15)) == ["m2", "m3"]
    assert len(recorder.items) == len(recorder.puts) == 2
    assert [line.get("failed") for line in lines(capsys)] == [None, None, "OutOfTimeError", "OutOfTimeError"]


def test_a_message_to_many_ends_in_time_too(recorder: Recorder) -> None:
    event = events.complaint(*(f"{number}@example.com" for number in range(50)))
    assert recorder.run(event, context=Context(60, look=1)) == ["m0"]
    assert len(recorder.puts) == 45
    assert recorder.run(event) == []
    assert len(recorder.items) == 50


def test_all_tries_of_a_call_end_within_what_is_left_for_it(recorder: Recorder) -> None:
    config = recorder.module.dynamodb.meta.config
    tries = config.retries["total_max_attempts"]
    assert config.retries["mode"] == "standard"
    # Between two tries: one second at most, and five more if the service asks for it.
    assert tries * (config.connect_timeout + config.read_timeout) + (tries - 1) * 6 <= recorder.module.RESERVE_SECONDS


def test_no_log_line_has_an_address_a_diagnostic_or_a_subject(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.failing["slow@example.com"] = "ValidationException"
    told = [event for event, _ in RECORDED.values()]
    told += [events.send(), events.delivery(), events.opened(), events.click()]
    told += [events.subscription(), events.complaint("Slow <slow@example.com>")]
    told += [message for message in UNREADABLE.values() if isinstance(message, dict)]
    recorder.run(*told, events.complaint(timestamp=ADDRESS), f'{{"{ADDRESS}": ', f'["{ADDRESS}"]')
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(told) + 3
    assert err == ""
    secrets = ("@", "smtp", "Sender", "Slow", "suppression list", "Unable", events.SUBJECT, "unknown", "192.0.2")
    for secret in (*secrets, "attributeName", "Bad content"):
        assert secret not in out


def test_mail_that_was_not_sent_is_counted_by_its_line_of_the_log_and_nothing_else_is(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [event for event, _ in RECORDED.values()]
    told += [events.send(), events.delivery(), events.opened(), events.click(), events.subscription()]
    told += [without(events.reject(), "mail", "destination"), {"eventType": "Something New"}]
    recorder.run(*told, VALIDATION, "{")
    matches = log_metrics._compiled(NOT_SENT_PATTERN)
    counted = [event["eventType"] for event, line in zip(told, lines(capsys), strict=False) if matches(line)]
    # One that comes again is counted whenever it comes.
    assert counted == ["Reject", "Reject", "Rendering Failure", "Reject"]
