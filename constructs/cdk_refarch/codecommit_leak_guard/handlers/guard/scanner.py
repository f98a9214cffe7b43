"""Finds leaked AWS credentials in what a file holds; pure, and linear in the size of whatever it is given.

It knows the ids of access keys, secret access keys beside them or alone, and session tokens, as they are or encoded.
Nothing that is written beside a credential hides it: no comment, no path, no name.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from candidates import SECRET, Candidate, candidates
from key_ids import LENGTH
from readings import is_binary, readings, unescaped
from surroundings import Says

__all__ = ["Leak", "is_binary", "scan"]

BESIDE = {Says.OF_OTHERS: 96, Says.NOTHING: 400, Says.LIKELY: 800, Says.NAMED: 1600}
"""How far from an id a secret belongs to it, in bytes."""

_NEIGHBOURS = 3
_KEYS = ("access_key", "temporary_key")


@dataclass(frozen=True, slots=True, repr=False)
class Leak:
    """A credential in a file.

    Attributes:
        kind: access_key, temporary_key, secret_key for one without the id of its key, or session_token.
        line: The line where it is first, from 1; where base64 holds it, the line where that begins.
        key_id: The id of a key.
        secret: The secret access key, of a key if it is beside it; or the token.
        encoding: What was undone to see it: nothing, base64, url, utf-16, or escaped.
        count: How often it is in the file.
    """

    kind: str
    line: int
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    encoding: str = ""
    count: int = 1

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key's id, of the secret if there is none."""
        return hashlib.sha256((self.key_id or self.secret or "").encode()).hexdigest()

    def __repr__(self) -> str:
        known = f", key id ...{self.key_id[-4:]}" if self.key_id else ""
        secret = "with" if self.secret else "without"
        return f"Leak({self.kind}, line {self.line}{known}, {secret} secret, {self.encoding or 'plain'}, {self.count}x)"


def scan(data: bytes) -> list[Leak]:
    """Return the credentials in a file, each once, by line; none if it is binary.

    Args:
        data: What the file holds.
    """
    leaks: dict[tuple[str | None, str | None], Leak] = {}
    for reading, encoding in readings(data):
        text, escape = unescaped(reading)
        found = candidates(text, encoding)
        if found:
            for identity, leak in _leaks(text, found, _Plainness(reading, escape, encoding)).items():
                leaks.setdefault(identity, leak)
    return sorted(leaks.values(), key=lambda leak: leak.line)


class _Plainness:
    """Says how a credential is encoded that is not in base64: as the file, or with escapes in it.

    Args:
        text: The text before escapes were undone.
        escape: The kind of the escapes.
        encoding: The encoding of the file.
    """

    # Looking for each of very many would take long; beyond these the answer is a guess.
    MOST = 50

    def __init__(self, text: bytes, escape: str, encoding: str) -> None:
        self._text, self._escape, self._encoding = text, escape, encoding
        self._looked = 0

    def encoding(self, candidate: Candidate) -> str:
        if candidate.encoding == "base64" or self._encoding or not self._escape:
            return candidate.encoding
        self._looked += 1
        if self._looked > self.MOST or candidate.value.encode() in self._text:
            return ""
        return self._escape


def _leaks(text: bytes, found: list[Candidate], plainness: _Plainness) -> dict[tuple[str | None, str | None], Leak]:
    secrets_of, taken = _beside(found)
    leaks: dict[tuple[str | None, str | None], Leak] = {}
    line, at = 1, 0
    for candidate in sorted(found, key=lambda candidate: candidate.at):
        line, at = line + text.count(b"\n", at, candidate.begins), candidate.begins
        key_id = candidate.value if candidate.kind in _KEYS else None
        secret = secrets_of.get(id(candidate)) if key_id else candidate.value
        if not key_id and candidate.kind == "secret_key" and (candidate.says < Says.LIKELY or secret in taken):
            continue
        identity = (key_id, None if key_id else secret)
        first = leaks.get(identity)
        if first:
            leaks[identity] = Leak(
                first.kind, first.line, key_id, first.secret or secret, first.encoding, first.count + 1
            )
        else:
            leaks[identity] = Leak(candidate.kind, line, key_id, secret, plainness.encoding(candidate))
    return leaks


def _beside(found: Iterable[Candidate]) -> tuple[dict[int, str], set[str]]:
    """Return the secret of each candidate that is an id, and all of these secrets: the nearest pairs first."""
    keys = [candidate for candidate in found if candidate.kind in _KEYS]
    secrets = sorted((each for each in found if each.kind == "secret_key"), key=lambda each: each.at)
    places = [secret.at for secret in secrets]
    pairs = []
    for key in keys:
        middle = bisect_left(places, key.at)
        for index in range(max(middle - _NEIGHBOURS, 0), min(middle + _NEIGHBOURS, len(secrets))):
            # Of two as near, what follows is more often the key's than what goes before.
            behind = index >= middle
            apart = secrets[index].at - key.at - LENGTH if behind else (key.at - secrets[index].at - SECRET) * 1.1
            if apart <= BESIDE[secrets[index].says]:
                pairs.append((apart - 100 * secrets[index].says, id(key), index))
    secrets_of: dict[int, str] = {}
    used: set[int] = set()
    for _, key_number, index in sorted(pairs):
        if key_number not in secrets_of and index not in used:
            used.add(index)
            secrets_of[key_number] = secrets[index].value
    return secrets_of, {secrets[index].value for index in used}
