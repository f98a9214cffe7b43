"""Writes leaks down as findings that are to be answered, without what they would give away."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from progress import ConditionFailed, update, utc_now
from scanner import Leak, scan

LONGEST_SHOWN = 1_024
"""Of texts from outside, in characters; they are told by mail."""

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Source:
    """What a walk scans.

    Args:
        walk: The walk.
        slice: The number of the slice.
        repository: The repository.
        reference: The branch or tag.
        pusher: Who has pushed; nothing if unknown.
    """

    walk: str
    slice: int
    repository: str
    reference: str
    pusher: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leak is.

    Args:
        commit: The commit.
        author: Who wrote the commit, fit to be shown.
        path: The file's path, fit to be shown; nothing for a message.
        where: file, message or path.
    """

    commit: str
    author: str
    path: str
    where: str


class Findings:
    """The findings of a slice.

    Args:
        source: What is scanned.
        pending: Findings that an earlier try of the slice has written down.

    Attributes:
        pending: The findings that are to be answered after this slice, in the order in which they were found.
    """

    def __init__(self, source: Source, pending: Iterable[str] = ()) -> None:
        self._source = source
        self.pending = list(pending)
        self._known = set(self.pending)
        self._more: Counter[str] = Counter()
        self._with_secret: set[str] = set()

    def knows(self, leak: Leak) -> bool:
        """Return whether a leak is written down already, as far as is known without asking.

        Args:
            leak: The leak.
        """
        return self._id(leak) in self._known

    def offer(self, leak: Leak, place: Place) -> bool:
        """Write a leak down, unless that was done for an earlier slice of this walk.

        Args:
            leak: The leak.
            place: Where it is.

        Returns:
            Whether it is a finding of this slice that it did not have.
        """
        finding = self._id(leak)
        if finding in self._known or not self._write(finding, leak, place):
            self._more[finding] += leak.count
            if leak.secret:
                self._with_secret.add(finding)
            self._known.add(finding)
            return False
        self._known.add(finding)
        self.pending.append(finding)
        return True

    def flush(self) -> None:
        """Write down how often leaks were found again."""
        for finding, count in self._more.items():
            secret = {"with_secret": True} if finding in self._with_secret else {}
            update(_key(finding), {"last_seen": utc_now(), **secret}, added={"places": count})
        self._more.clear()
        self._with_secret.clear()

    def _id(self, leak: Leak) -> str:
        return hashlib.sha256(f"{self._source.repository}\0{leak.fingerprint}".encode()).hexdigest()[:32]

    def _write(self, finding: str, leak: Leak, place: Place) -> bool:
        now = utc_now()
        values = {
            "repository": self._source.repository,
            "reference": self._source.reference,
            "pusher": self._source.pusher,
            "walk": self._source.walk,
            "slice": self._source.slice,
            "kind": leak.kind,
            "fingerprint": leak.fingerprint,
            "line": leak.line,
            "encoding": leak.encoding,
            "places": leak.count,
            "commit": place.commit,
            "author": place.author,
            "path": place.path,
            "where": place.where,
            "last_seen": now,
        }
        if leak.key_id:
            values["key_id"] = leak.key_id
        first: dict[str, object] = {"first_seen": now}
        # Once the secret is known to have leaked as well, that stays so.
        (values if leak.secret else first)["with_secret"] = bool(leak.secret)
        try:
            update(_key(finding), values, first=first, condition="NOT (#walk = :walk AND #slice < :slice)")
        except ConditionFailed:
            return False
        return True


def shown(text: str, leaks: Sequence[Leak] | None = None) -> str:
    """Return a text from outside, such as a path, as it may be shown: without credentials and not too long.

    Args:
        text: The text.
        leaks: The credentials in it; None if nobody has looked.
    """
    leaks = scan(text.encode(errors="replace")) if leaks is None else leaks
    for leak in leaks:
        parts = [part for part in (leak.key_id, leak.secret) if part]
        if not all(part in text for part in parts):
            # It is encoded.
            return HIDDEN
        for part in parts:
            text = text.replace(part, f"{HIDDEN}{part[-4:]}" if part == leak.key_id else HIDDEN)
    if leaks and scan(text.encode(errors="replace")):
        return HIDDEN
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _key(finding: str) -> dict[str, str]:
    return {"pk": f"finding#{finding}", "sk": "finding"}
