"""Tells people and machines: of a leak and what came of it, and of what a scan could not look at.

Names and paths are what somebody has pushed. For machines they are as they are, and JSON keeps them harmless; for
people they are of one line, without what is not printed, and not longer than a reader bears.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from answers import Answer, Case
from aws_calls import client
from wording import CLOUDTRAIL, HISTORY, THINGS, severity_of, step_of, title_of

TOPIC_ARN = os.environ["TOPIC_ARN"]

MAX_SUBJECT = 99
"""SNS takes fewer than a hundred characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

MAX_PATH = 4096
"""https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html"""

MAX_PLACES, MAX_PLACE = 20, 500
"""How many places a report has, and how much of each text of them; a message may have 256 KB in all."""

MAX_TEXT, MAX_SHOWN = 512, 300
"""How much of other texts is told to machines, and of each to people."""

KEYS = ("access_key", "temporary_key")

sns = client("sns")


def message_of(case: Case, answer: Answer) -> dict[str, Any]:
    """Return what machines are told of a leak.

    Args:
        case: The leak.
        answer: What came of it.
    """
    leak = case.leak
    kind, repository = leak["kind"], cut(leak["repository"])
    return {
        "type": "leak",
        "outcome": answer.outcome,
        "severity": severity_of(answer.outcome, bool(leak.get("with_secret"))),
        "title": title_of(answer, kind, shown(repository)),
        "what_to_do": " ".join((step_of(answer, kind), CLOUDTRAIL, HISTORY)),
        "repository": repository,
        "reference": cut(leak.get("reference")) or None,
        "commit": cut(leak.get("commit")) or None,
        "path": cut(leak.get("path"), MAX_PATH) or None,
        "line": leak.get("line"),
        "where": leak.get("where") or "file",
        "kind": kind,
        "key_last_four": last_four(leak),
        "with_secret": bool(leak.get("with_secret")),
        "places": leak.get("places") or 1,
        "user": answer.user or None,
        "account": answer.account or None,
        "pusher": cut(leak.get("pusher")) or None,
        "author": cut(leak.get("author")) or None,
        "finding": case.finding,
        "reason": answer.reason or None,
    }


def tell_leak(message: Mapping[str, Any]) -> None:
    """Tell of a leak.

    Args:
        message: What machines are told.

    Raises:
        BotoCoreError: If SNS gave no answer.
        ClientError: If SNS does not take it.
    """
    key = f"ending in {message['key_last_four']}" if message["key_last_four"] else "whose id did not leak with it"
    secret = ", together with its secret" if message["with_secret"] and message["key_last_four"] else ""
    pusher = f"; pushed by {shown(message['pusher'])}" if message["pusher"] else ""
    author = f"; commit of {shown(message['author'])}" if message["author"] else ""
    reason = f" ({shown(message['reason'])})" if message["reason"] else ""
    first, _, rest = message["what_to_do"].partition(f" {CLOUDTRAIL} ")
    lines = [
        f"{message['title']}.",
        "",
        f"What: {THINGS.get(message['kind'], 'credential')} {key}{secret}",
        f"Whose: {_whose(message)}",
        f"Where: {_where(message)}{pusher}{author}",
        f"Outcome: {message['outcome']}{reason}; finding {message['finding']}",
        f"1. {first}",
        f"2. {CLOUDTRAIL}",
        f"3. {rest}",
    ]
    attributes = {name: message[name] for name in ("outcome", "severity", "repository", "kind")}
    _publish(message, lines, attributes, f"{message['severity']}: leak {message['outcome']} in {message['repository']}")


def tell_report(report: Mapping[str, Any], walk: str) -> None:
    """Tell what a scan has looked at, and what it could not look at.

    Args:
        report: What the scan reports.
        walk: The walk.

    Raises:
        BotoCoreError: If SNS gave no answer.
        ClientError: If SNS does not take it.
    """
    missed, repository = report["not_scanned"], cut(report["repository"])
    severity = "MEDIUM" if missed else "INFORMATIONAL"
    reference = shown(report.get("reference")) or "all branches"
    what = f"The history of {reference}" if report.get("full") else "A push"
    title = f"{what} of {shown(repository)} was scanned; {missed} files were not"
    step = "Look at the files that were not scanned by hand." if missed else "Nothing is to be done for this report."
    names = ("commit", "path", "reason")
    places = [{name: cut(place.get(name), MAX_PLACE) for name in names} for place in report["places"][:MAX_PLACES]]
    counts = {name: report[name] for name in ("commits", "files", "bytes", "findings", "not_scanned")}
    message = {
        "type": "report",
        "outcome": "reported",
        "severity": severity,
        "title": title,
        "what_to_do": step,
        "repository": repository,
        "reference": cut(report.get("reference")) or None,
        **counts,
        "places": places,
        "full": bool(report.get("full")),
        "pusher": cut(report.get("pusher")) or None,
        "walk": walk,
    }
    lines = [
        f"{title}.",
        f"Scanned: {', '.join(f'{count} {name}' for name, count in counts.items() if name != 'not_scanned')}",
        f"Of: {reference}; walk {shown(walk)}",
        *(f"Not scanned: {_missed(place)}" for place in places[:4]),
        *([f"... and {missed - 4} more: see the message for machines and the log"] if missed > 4 else []),
        step,
    ]
    attributes = {"outcome": "reported", "severity": severity, "repository": repository, "kind": "report"}
    _publish(message, lines, attributes, f"{severity}: {missed} files not scanned in {repository}")


def last_four(leak: Mapping[str, Any]) -> str | None:
    """Return what may be told of a key's id; None if there is none.

    Args:
        leak: What is on record of the leak.
    """
    return leak["key_id"][-4:] if leak.get("key_id") else None


def cut(text: Any, most: int = MAX_TEXT) -> str:
    """Return the beginning of a text; nothing of none.

    Args:
        text: The text.
        most: The characters that may stay.
    """
    whole = str(text or "")
    return whole if len(whole) <= most else f"{whole[: most - 3]}..."


def shown(text: Any) -> str:
    """Return a text for people: of one line, without control characters and what turns the direction of reading.

    Args:
        text: The text.
    """
    return "".join(one if one.isprintable() else "?" for one in cut(text, MAX_SHOWN))


def _whose(message: Mapping[str, Any]) -> str:
    account = f"account {message['account']}" if message["account"] else "unknown account"
    holder = "role" if message["kind"] == "temporary_key" else "user"
    return f"{holder} {message['user']}, {account}" if message["user"] else account


def _where(message: Mapping[str, Any]) -> str:
    file = f'file "{shown(message["path"])}"'
    place = {"message": "the commit's message", "path": f"the name of {file}"}.get(message["where"], file)
    reference = shown(message["reference"]) or "no branch"
    more = f" (one of {message['places']} places)" if message["places"] > 1 else ""
    return f"{place}, line {message['line']}{more}, {reference}, commit {shown(message['commit'])}"


def _missed(place: Mapping[str, str]) -> str:
    return f'"{shown(place["path"])}" of commit {shown(place["commit"])}: {shown(place["reason"])}'


def _publish(message: Mapping[str, Any], lines: Sequence[str], attributes: Mapping[str, str], subject: str) -> None:
    """Publish a message in both of its forms."""
    ascii_only = "".join(one if one.isascii() and one.isprintable() else "?" for one in subject)
    sns.publish(
        TopicArn=TOPIC_ARN,
        Subject=ascii_only[:MAX_SUBJECT],
        MessageStructure="json",
        Message=json.dumps({"default": json.dumps(message), "email": "\n".join(lines)}),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": shown(value) or "-"} for name, value in attributes.items()
        },
    )
