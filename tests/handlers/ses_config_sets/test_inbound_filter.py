"""The filter of incoming mail: what failed a scan stops before it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.handlers.loading import Context, load

Run = Callable[[dict[str, Any]], Any]
MESSAGE_ID = "o3vrnil0e2ic28tr"
PASS, FAIL, GRAY, FAILED, DISABLED = "PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED"


def received(spam: str | None, virus: str | None, **more: str) -> dict[str, Any]:
    """What SES calls a function with; a verdict that is None is not told."""
    verdicts = {"spam": spam, "virus": virus, "spf": PASS, "dkim": PASS, "dmarc": GRAY, **more}
    receipt = {
        "timestamp": "2026-01-31T12:36:15.490Z",
        "processingTimeMillis": 574,
        "recipients": ["johndoe@example.com"],
        **{f"{name}Verdict": {"status": status} for name, status in verdicts.items() if status is not None},
        "action": {"type": "Lambda", "functionArn": "arn", "invocationType": "RequestResponse"},
    }
    headers = {"from": ["Jane Doe <janedoe@example.com>"], "to": ["johndoe@example.com"], "subject": "Test Subject"}
    mail = {
        "timestamp": "2026-01-31T12:36:15.490Z",
        "source": "janedoe@example.com",
        "messageId": MESSAGE_ID,
        "destination": ["johndoe@example.com"],
        "headersTruncated": False,
        "headers": [{"name": "Subject", "value": "Test Subject"}],
        "commonHeaders": {"returnPath": "janedoe@example.com", "messageId": "<0@example.com>", **headers},
    }
    record = {"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {"mail": mail, "receipt": receipt}}
    return {"Records": [record]}


def run(monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], strict: str = "false") -> Any:
    monkeypatch.setenv("STRICT", strict)
    return load("ses_config_sets", "inbound_filter").handler(event, Context())


@pytest.mark.parametrize(
    ("spam", "virus", "stops", "stops_strictly"),
    [
        (PASS, PASS, False, False),
        (FAIL, PASS, True, True),
        (PASS, FAIL, True, True),
        (FAIL, FAIL, True, True),
        (FAIL, GRAY, True, True),
        (GRAY, PASS, False, True),
        (PASS, GRAY, False, True),
        (FAILED, PASS, False, True),
        (PASS, FAILED, False, True),
        (DISABLED, DISABLED, False, True),
        (PASS, None, False, True),
        (None, None, False, True),
    ],
)
def test_mail_that_failed_a_scan_stops_and_without_a_clear_answer_only_where_that_is_strict(
    monkeypatch: pytest.MonkeyPatch, spam: str | None, virus: str | None, stops: bool, stops_strictly: bool
) -> None:
    event = received(spam, virus)
    dispositions = {False: {"disposition": "CONTINUE"}, True: {"disposition": "STOP_RULE_SET"}}
    assert run(monkeypatch, event) == dispositions[stops]
    assert run(monkeypatch, event, strict="true") == dispositions[stops_strictly]


@pytest.mark.parametrize("strict", ["false", "true"])
def test_verdicts_of_senders_stop_nothing(monkeypatch: pytest.MonkeyPatch, strict: str) -> None:
    event = received(PASS, PASS, spf=FAIL, dkim=FAIL, dmarc=FAIL)
    assert run(monkeypatch, event, strict) == {"disposition": "CONTINUE"}


def test_the_log_has_the_message_id_and_the_verdicts_and_nothing_of_the_mail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, received(GRAY, FAILED))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "email": MESSAGE_ID,
        "spam": GRAY,
        "virus": FAILED,
        "spf": PASS,
        "dkim": PASS,
        "dmarc": GRAY,
        "unclear": ["spam", "virus"],
        "disposition": "CONTINUE",
    }
    assert "@" not in line
    assert "Subject" not in line


def test_the_log_says_which_scans_gave_no_clear_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for spam, virus in ((PASS, FAIL), (FAIL, DISABLED), (None, PASS)):
        run(monkeypatch, received(spam, virus))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["unclear"] for line in lines] == [[], ["virus"], ["spam"]]
