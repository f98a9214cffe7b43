"""Answers a leaked credential: disables or revokes what it may, tells what came of it, and writes that down.

What could not be done is an outcome, which is told and counted; only what another try may mend is raised. It never sees
code or secrets: the record has no more of a leak than its place and the key's id.
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from answers import Answer, BusyError, Case, take
from aws_calls import Place, place_of
from hub import HubError, write
from keys import answer_key
from sessions import answer_session
from telling import last_four, message_of, tell_leak, tell_report

SPARE_MILLISECONDS = 30_000
"""How much of its time the function leaves, for what it has begun."""

MISTAKES = (AttributeError, LookupError, TypeError, ValueError)
"""What an item raises that is none of the scanner's; the other findings are answered all the same."""


class UnfinishedError(Exception):
    """There was no time for all findings; Step Functions tries again, and those that are done stay so."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer findings, or publish a report. A finding that fails does not keep the others back.

    Args:
        event: ``findings``, their ids, or ``report``, what a scan reports; and ``walk``.
        context: Lambda's context.

    Returns:
        The outcomes in the order of the findings, and whether another walk is answering some that are left out.

    Raises:
        BotoCoreError: If a service gave no answer; all can be done again.
        ClientError: If a service is busy, or what came of it cannot be told or written down.
        HubError: If Security Hub has not taken a finding.
        UnfinishedError: If there was no time for all.
        ValueError: If there is no such finding; as other mistakes, after all others were answered.
    """
    if "report" in event:
        tell_report(event["report"], event["walk"])
        print(json.dumps({"reported": event["report"]["repository"], "walk": event["walk"]}))
        return {"outcomes": ["reported"], "busy": False}
    outcomes, problems, busy = list[str](), list[Exception](), False
    for finding in event["findings"]:
        if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
            raise UnfinishedError(f"{len(event['findings'])} findings must be answered, got time for {len(outcomes)}")
        try:
            outcomes.append(_answered(finding, event["walk"], context))
        except BusyError:
            busy = True
        except (BotoCoreError, ClientError, HubError, *MISTAKES) as problem:
            print(json.dumps({"finding": finding, "problem": type(problem).__name__}))
            problems.append(problem)
    if problems:
        # Step Functions does not try again what is raised for a mistake.
        raise min(problems, key=lambda one: isinstance(one, MISTAKES))
    return {"outcomes": outcomes, "busy": busy}


def _answered(finding: str, walk: str, context: Any) -> str:
    """Answer a finding and return the outcome."""
    case = take(finding, walk, context.get_remaining_time_in_millis() / 1000)
    place = place_of(context)
    try:
        answer = _answer(case, place)
        _settle(case, answer, place)
    except (BotoCoreError, ClientError, HubError):
        case.release()
        raise
    return answer.outcome


def _answer(case: Case, place: Place) -> Answer:
    """Do what is to be done."""
    if case.leak["kind"] == "access_key":
        return answer_key(case, place.account)
    if case.leak["kind"] == "temporary_key":
        return answer_session(case, place)
    return Answer("alert_only")


def _settle(case: Case, answer: Answer, place: Place) -> None:
    """Tell what came of it and write it down."""
    message = message_of(case, answer)
    tells, told = _must_tell(case, answer), False
    # An answer before this one may have ended between the two.
    writes = tells or case.unfinished
    try:
        if tells:
            tell_leak(message)
            told = True
            case.note(answer)
        if writes:
            write(case, answer, message, place)
        case.finish()
    finally:
        _log(case, answer, told)


def _must_tell(case: Case, answer: Answer) -> bool:
    """Tell whether there is something new, or what failed must be said again, once in each walk."""
    if case.notified is None or case.outcome != answer.outcome:
        return True
    return answer.failed and case.notified != case.walk


def _log(case: Case, answer: Answer, told: bool) -> None:
    leak = case.leak
    line = {
        "finding": case.finding,
        "outcome": answer.outcome,
        "kind": leak["kind"],
        **{name: leak.get(name) for name in ("repository", "commit", "path", "line")},
        "key": last_four(leak),
        "failed": int(answer.failed),
        "told": int(told),
    }
    print(json.dumps(line))
