"""Collects what may be credentials in a text and in the base64 that it holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from base64_text import SHORTEST, decoded
from joined import joined
from key_ids import LENGTH, key_ids
from looks import EXAMPLE, is_by_chance, is_mixed
from readings import readings, unescaped
from surroundings import Says, Surroundings

DEEPEST = 4
"""How often base64 in base64 is undone."""

SECRET = 40
MANY = 20
"""How many different characters there are in nearly all secrets, for surroundings that do not name them."""

_LONGEST = LENGTH + 1 + SECRET
"""How long an id, a sign and a secret are."""

SHORTEST_TOKEN = 100
_IN_RUNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_RUNS = bytes(ord("a") if byte in _IN_RUNS else ord(" ") for byte in range(256))
_A_RUN = b"a" * SHORTEST
_TOKENS = (b"FwoGZXIvYXdz", b"FQoGZXIvYXdz", b"IQoJb3JpZ2luX2Vj", b"AQoDYXdz", b"FQoDYXdz")
_ENDS = re.compile(rb"=(?![A-Za-z0-9=+/%])|\.[A-Z][a-z]*+(?![A-Za-z0-9_.-]*+[A-Z0-9_-])")
"""What stands behind a secret all the same: one =, or the next sentence without a space between."""
_NAMES_OF_TOKENS = (b"sessiontoken", b"securitytoken", b"awstoken")


class Candidate(NamedTuple):
    """What may be a credential.

    Attributes:
        at: Where it is in the file, if it is encoded about so.
        begins: Where what it is encoded in begins there.
        kind: As of a leak.
        value: It.
        encoding: As of a leak.
        says: What its surroundings say.
    """

    at: int
    begins: int
    kind: str
    value: str
    encoding: str
    says: Says = Says.NAMED


@dataclass(frozen=True, slots=True)
class _Text:
    """A text to look through.

    Attributes:
        text: It, escapes undone.
        encoding: What was undone to get it.
        deep: How often base64 was undone.
        at: Where it begins in the file.
        scale: How many bytes of the file a byte of it is.
        outer: What stands before it there.
        begun: Where the outermost base64 begins there.
    """

    text: bytes
    encoding: str
    deep: int = 0
    at: int = 0
    scale: float = 1
    outer: bytes = b""
    begun: int = 0

    def place(self, start: int) -> int:
        """Return where this is in the file.

        Args:
            start: Where it is in the text.
        """
        return self.at + int(start * self.scale)

    def begins(self, start: int) -> int:
        """Return where in the file the line of this is.

        Args:
            start: Where it is in the text.
        """
        return self.begun if self.deep else start


def candidates(text: bytes, encoding: str) -> list[Candidate]:
    """Return what may be credentials, in no order.

    Args:
        text: What the file says, escapes undone.
        encoding: What was undone to get it.
    """
    found: list[Candidate] = []
    queue = [_Text(text, encoding)]
    while queue:
        queue.extend(_look_through(queue.pop(), found))
    return found


def _look_through(text: _Text, found: list[Candidate]) -> Iterator[_Text]:
    ids = set()
    for at, kind, key_id in key_ids(text.text):
        ids.add(at)
        found.append(Candidate(text.place(at), text.begins(at), kind, key_id.decode(), text.encoding))
    surroundings = Surroundings(text.text, text.outer)
    behind = 0
    for start, end in _runs(text.text):
        if start < behind:
            continue
        inner = decoded(text.text, start, end)
        if inner:
            behind = inner.end
            if text.deep < DEEPEST:
                yield from _within(text, start, inner.text, inner.end)
        elif end - start >= SHORTEST_TOKEN:
            if _is_token(text.text, start, end, surroundings):
                begin = end - len(text.text[start:end].lstrip(b"+-"))
                found.append(_candidate(text, begin, end, "session_token", Says.NAMED))
        elif end - start <= _LONGEST + 2 and (secret := _secret_in(text, start, end, ids, surroundings)):
            found.append(secret)
    found.extend(_joined(text, surroundings))


def _secret_in(text: _Text, start: int, end: int, ids: set[int], surroundings: Surroundings) -> Candidate | None:
    if end - _LONGEST in ids:
        says = Says.NAMED if is_by_chance(text.text[end - SECRET : end]) else Says.OTHERWISE
        start = end - SECRET
    else:
        start, end = _bounds_of_secret(text.text, start, end)
        says = _secret(text.text, start, end, surroundings) if end - start == SECRET else Says.OTHERWISE
    return _candidate(text, start, end, "secret_key", says) if says else None


def _joined(text: _Text, surroundings: Surroundings) -> Iterator[Candidate]:
    """Return what string literals side by side are together."""
    for start, end, value in joined(text.text, (LENGTH, SECRET)):
        place, begins = text.place(start), text.begins(start)
        if len(value) == SECRET:
            if says := _says(value, start, end, surroundings):
                yield Candidate(place, begins, "secret_key", value.decode(), text.encoding, says)
        else:
            for _, kind, key_id in key_ids(value):
                yield Candidate(place, begins, kind, key_id.decode(), text.encoding)


def _candidate(text: _Text, start: int, end: int, kind: str, says: Says) -> Candidate:
    return Candidate(text.place(start), text.begins(start), kind, text.text[start:end].decode(), text.encoding, says)


def _runs(text: bytes) -> Iterator[tuple[int, int]]:
    """Return where the runs of letters of base64 are, which bytes.find sees ten times as fast as an expression."""
    shape = text.translate(_RUNS)
    at = shape.find(_A_RUN)
    while at >= 0:
        end = shape.find(b" ", at + SHORTEST)
        if end < 0:
            end = len(shape)
        yield at, end
        at = shape.find(_A_RUN, end)


def _within(text: _Text, start: int, inner: bytes, end: int) -> Iterator[_Text]:
    outer = text.text[max(start - 200, 0) : start]
    if start < 200:
        outer = text.outer + outer
    for reading, _ in readings(inner)[:1]:
        plain, _ = unescaped(reading)
        scale = text.scale * (end - start) / max(len(plain), 1)
        yield _Text(plain, "base64", text.deep + 1, text.place(start), scale, outer, text.begins(start))


def _bounds_of_secret(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where a secret is beside a sign of a patch, of a comment, of quoted-printable text or of stress."""
    more = end - start - SECRET
    before = text[start : start + more]
    if 1 <= more <= 2 and not before.strip(b"+-"):
        return start + more, end
    if more == 2 and text[start] == text[end - 1] == ord("_"):
        return start + 1, end - 1
    if before == b"//" or (before == b"3D" and text[start - 1 : start] == b"="):
        return start + 2, end
    return start, end


def _secret(text: bytes, start: int, end: int, surroundings: Surroundings) -> Says:
    value, after = text[start:end], text[end : end + 2]
    if b"_" in value or b"-" in value or after[:1] in (b"(", b"$") or text[max(start - 1, 0) : start] in (b".", b"$"):
        return Says.OTHERWISE
    # In base64 no = is behind 40 characters, but it is before what a query asks for, and may be a sign of stress.
    goes_on = (after[:1] == b"." and after[1:].isalnum()) or after[:1] == b"="
    if goes_on and not _ENDS.match(text, end):
        return Says.OTHERWISE
    says = _says(value, start, end, surroundings)
    if goes_on and says < Says.NAMED:
        return Says.OTHERWISE
    return Says.OTHERWISE if says and surroundings.stands_in_block(start, end) else says


def _says(value: bytes, start: int, end: int, surroundings: Surroundings) -> Says:
    if not is_by_chance(value):
        return Says.OTHERWISE
    says = surroundings.says(start, end)
    if says == Says.LIKELY and not (is_mixed(value) and len(set(value)) >= MANY):
        return Says.NOTHING
    return says


def _is_token(text: bytes, start: int, end: int, surroundings: Surroundings) -> bool:
    run = text[start : min(start + 4096, end)]
    if EXAMPLE in run or len(set(run)) < 24:
        return False
    if run.lstrip(b"+-").startswith(_TOKENS):
        return True
    return is_mixed(run) and surroundings.names(start, _NAMES_OF_TOKENS)
