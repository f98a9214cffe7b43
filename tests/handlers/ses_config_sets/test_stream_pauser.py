"""The pauser of a stream: it pauses its own set when an alarm rings, and never resumes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context, load

ALARM, SET = "MyStack-PauseBounceRate", "receipts-set"


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setenv("CONFIGURATION_SET", SET)
    return aws


def alarm_event(state: str) -> dict[str, Any]:
    """What CloudWatch calls a function with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": f"arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{ALARM}",
        "accountId": "111122223333",
        "time": "2026-01-31T12:36:15.490+0000",
        "region": "eu-central-1",
        "alarmData": {
            "alarmName": ALARM,
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": "2026-01-31T12:36:15.490+0000"},
            "previousState": {"value": "ALARM" if state == "OK" else "OK"},
            "configuration": {"metrics": []},
        },
    }


def run(event: dict[str, Any]) -> Any:
    return load("ses_config_sets", "stream_pauser").handler(event, Context())


def logged(capsys: pytest.CaptureFixture[str]) -> Any:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_an_alarm_that_rings_pauses_this_set_only(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("sesv2", "PutConfigurationSetSendingOptions")
    result = {"alarm": ALARM, "state": "ALARM", "set": SET, "paused": True}
    assert run(alarm_event("ALARM")) == result
    (call,) = aws.calls
    assert call.parameters == {"ConfigurationSetName": SET, "SendingEnabled": False}
    assert aws.actions() == {"ses:PutConfigurationSetSendingOptions"}
    assert logged(capsys) == result


def test_an_alarm_that_rings_twice_pauses_a_set_that_is_paused(aws: FakeAws) -> None:
    aws.reply("sesv2", "PutConfigurationSetSendingOptions", repeat=True)
    assert run(alarm_event("ALARM")) == run(alarm_event("ALARM"))
    assert [call.parameters["SendingEnabled"] for call in aws.calls] == [False, False]


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA", "alarm", ""])
def test_no_other_state_does_anything(aws: FakeAws, capsys: pytest.CaptureFixture[str], state: str) -> None:
    result = {"alarm": ALARM, "state": state, "set": SET, "paused": False}
    assert run(alarm_event(state)) == result
    assert aws.calls == []
    assert logged(capsys) == result


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (FakeError("TooManyRequestsException", status=429), ClientError),
        (FakeError("NotFoundException", status=404), ClientError),
        (ReadTimeoutError(endpoint_url="https://email"), ReadTimeoutError),
    ],
)
def test_a_pause_that_fails_fails_the_function_so_that_lambda_tries_again(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], answer: Exception, raised: type[Exception]
) -> None:
    aws.reply("sesv2", "PutConfigurationSetSendingOptions", answer)
    with pytest.raises(raised):
        run(alarm_event("ALARM"))
    assert logged(capsys)["paused"] is False


def test_an_event_that_is_none_of_an_alarm_fails_the_function(aws: FakeAws) -> None:
    with pytest.raises(KeyError):
        run({"source": "aws.events", "detail": {"state": {"value": "ALARM"}}})
    assert aws.calls == []


def test_all_tries_of_the_call_end_within_half_a_minute(aws: FakeAws) -> None:
    config = load("ses_config_sets", "stream_pauser").ses.meta.config
    tries = config.retries["total_max_attempts"]
    assert tries > 1
    # Before the second try there is up to one second, before the third up to two.
    assert tries * (config.connect_timeout + config.read_timeout) + 3 <= 30
