"""The recorder of feedback: events that come twice, late or in the same millisecond."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers.ses_config_sets import events
from tests.handlers.ses_config_sets.events import ADDRESS
from tests.handlers.ses_config_sets.recorder import Recorder, recorder, shared_recorder

__all__ = ["recorder", "shared_recorder"]

EARLY, LATE = "2026-01-31T10:00:00.000Z", "2026-01-31T10:00:00.001Z"
START = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)


def test_a_message_that_comes_twice_leaves_one_item_with_the_same_content(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorder.run(events.bounce(), events.bounce()) == []
    once = dict(recorder.item)
    assert recorder.run(events.bounce()) == []
    assert recorder.item == once
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["kept"], line["known"]) for line in lines] == [(1, 0), (0, 1), (0, 1)]


def test_an_older_event_never_replaces_a_newer_one(recorder: Recorder) -> None:
    late, early = events.bounce(timestamp=LATE, bounceSubType="NoEmail"), events.bounce(timestamp=EARLY)
    assert recorder.run(late, early) == []
    assert (recorder.item["event_at"], recorder.item["sub_type"]) == (LATE, "NoEmail")


def test_a_newer_event_replaces_the_whole_item(recorder: Recorder) -> None:
    late = events.bounce_without_report("Permanent", ADDRESS, timestamp=LATE)
    assert recorder.run(events.bounce(timestamp=EARLY), late) == []
    assert recorder.item["event_at"] == LATE
    assert "diagnostic" not in recorder.item


def test_events_of_other_kinds_streams_and_addresses_stand_beside_each_other(recorder: Recorder) -> None:
    elsewhere = events.mail(tags={"ses:configuration-set": ["other"]})
    delay = events.delivery_delay({"emailAddress": ADDRESS}, timestamp=LATE)
    told = (events.bounce(), events.complaint(), delay, events.complaint(mail=elsewhere), events.complaint("b@c.de"))
    assert recorder.run(*told) == []
    assert sorted(recorder.items) == [
        ("b@c.de", "receipts#COMPLAINT"),
        (ADDRESS, "other#COMPLAINT"),
        (ADDRESS, "receipts#COMPLAINT"),
        (ADDRESS, "receipts#DELIVERY_DELAY"),
        (ADDRESS, "receipts#PERMANENT_BOUNCE"),
    ]


@pytest.mark.parametrize("backwards", [False, True])
def test_of_two_events_of_one_millisecond_that_with_the_greater_feedback_id_stays(
    recorder: Recorder, backwards: bool
) -> None:
    told = [events.bounce(feedbackId="f1", bounceSubType="Z"), events.bounce(feedbackId="f2", bounceSubType="A")]
    assert recorder.run(*(reversed(told) if backwards else told)) == []
    assert (recorder.item["feedback_id"], recorder.item["sub_type"]) == ("f2", "A")


@pytest.mark.parametrize("make", [events.delivery_delay, events.reject, events.rendering_failure])
@pytest.mark.parametrize("backwards", [False, True])
def test_of_two_events_without_feedback_ids_that_of_the_greater_message_id_stays(
    recorder: Recorder, backwards: bool, make: Callable[..., dict[str, Any]]
) -> None:
    told = [make(mail=events.reduced_mail(messageId=one)) for one in ("m1", "m2")]
    assert recorder.run(*(reversed(told) if backwards else told)) == []
    assert recorder.item["message_id"] == "m2"


def test_two_spellings_of_an_address_in_one_event_leave_the_first(recorder: Recorder) -> None:
    event = events.bounce(events.reported("A@example.com", status="5.0.1"), events.reported("a@example.com"))
    for _ in range(2):
        assert recorder.run(event) == []
        assert recorder.item["status"] == "5.0.1"


def about_mail(address: str, timestamp: str, mail: dict[str, Any]) -> dict[str, Any]:
    """What an event says of the mail that has no time and no address of its own."""
    return {"mail": {**mail, "timestamp": timestamp, "destination": [address]}}


KINDS: dict[str, Callable[..., dict[str, Any]]] = {
    "PERMANENT_BOUNCE": lambda address, **more: events.bounce_without_report("Permanent", address, **more),
    "TRANSIENT_BOUNCE": lambda address, **more: events.bounce_without_report("Transient", address, **more),
    "COMPLAINT": events.complaint,
    "NOT_SPAM": lambda address, **more: events.complaint(address, complaintFeedbackType="not-spam", **more),
    "DELIVERY_DELAY": lambda address, **more: events.delivery_delay({"emailAddress": address}, **more),
    "REJECT": lambda address, **more: events.reject(**about_mail(address, **more)),
    "RENDERING_FAILURE": lambda address, **more: events.rendering_failure(**about_mail(address, **more)),
}
WITHOUT_FEEDBACK_ID = ("DELIVERY_DELAY", "REJECT", "RENDERING_FAILURE")


@dataclass(frozen=True)
class Told:
    """An event, whose item it is of, and what decides which of several events stays."""

    key: tuple[str, str]
    order: tuple[datetime, str]
    event: dict[str, Any]


@st.composite
def told_events(draw: st.DrawFn) -> Told:
    """Events of few addresses, kinds and times, so that many meet; the notation of times and addresses varies."""
    number = draw(st.integers(1, 3))
    stream = draw(st.sampled_from(["receipts", "other"]))
    tags = {"ses:configuration-set": [events.SET if stream == "receipts" else stream]}
    spelling = draw(st.sampled_from(["a@example.com", "A@Example.com", "B <b@example.com>"]))
    at = START + timedelta(milliseconds=draw(st.sampled_from([0, 1, 1000])))
    zone = timezone(timedelta(hours=draw(st.sampled_from([0, -2, 14]))))
    kind = draw(st.sampled_from(list(KINDS)))
    # Without milliseconds where there are none.
    more: dict[str, Any] = {"timestamp": at.astimezone(zone).isoformat().replace("+00:00", "Z")}
    more["mail"] = events.mail(messageId=f"m{number}", tags=tags)
    if kind not in WITHOUT_FEEDBACK_ID:
        more["feedbackId"] = f"f{number}"
    address = "b@example.com" if "<" in spelling else "a@example.com"
    return Told((address, f"{stream}#{kind}"), (at, f"{number}"), KINDS[kind](spelling, **more))


def test_any_order_and_repetition_of_events_leaves_what_their_order_in_time_leaves(recorder: Recorder) -> None:
    def left(told: list[Told]) -> dict[tuple[str, str], dict[str, str]]:
        recorder.clear()
        for start in range(0, len(told), 10):
            assert recorder.run(*(one.event for one in told[start : start + 10])) == []
        return dict(recorder.items)

    @settings(derandomize=True, deadline=None, max_examples=30, database=None)
    @given(st.lists(told_events(), min_size=1, max_size=8), st.data())
    def check(told: list[Told], data: st.DataObject) -> None:
        in_time = sorted(told, key=lambda one: one.order)
        items = left(in_time)
        repeated = told + data.draw(st.lists(st.sampled_from(told), max_size=4))
        assert left(data.draw(st.permutations(repeated))) == items
        last = {one.key: one.order for one in in_time}
        assert {
            key: (datetime.fromisoformat(item["event_at"]), item["message_id"][1:]) for key, item in items.items()
        } == last

    check()
