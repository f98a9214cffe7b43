"""What is sensitive in a text, by a small detector of our own: patterns, not Macie's learned identifiers.

It knows payment cards (with their check digit), US social security and telephone numbers, AWS secret access keys and
private keys, under Macie's names, and needs no keywords for them; and an account's custom data identifiers with their
keywords, distance and ignore words. What allow lists have is left out. Macie has no identifier of e-mail addresses, so
there is none here; a custom data identifier does it. As in Macie, the secret keys of AWS's documentation are ignored.
A text is read by lines, a CSV or TSV file by cells. Only places are kept, never what stands there.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .state import Record

FINANCIAL, PERSONAL, CREDENTIALS = "FINANCIAL_INFORMATION", "PERSONAL_INFORMATION", "CREDENTIALS"
_COLUMNS = {"csv": ",", "tsv": "\t"}
_PLACES = 1000


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


@dataclass(frozen=True)
class Managed:
    """An identifier of Macie's own.

    Attributes:
        id: Its id.
        category: What it finds.
        pattern: What the text looks like; its group ``it``, if it has one, is the text.
        holds: Whether a match is one.
    """

    id: str
    category: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda text: True


MANAGED = (
    Managed("CREDIT_CARD_NUMBER", FINANCIAL, re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), _luhn),
    Managed(
        "USA_SOCIAL_SECURITY_NUMBER",
        PERSONAL,
        re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"),
    ),
    Managed(
        "PHONE_NUMBER",
        PERSONAL,
        re.compile(r"(?<![\w.-])(?:\+1[ .-]?)?(?:\(\d{3}\) |\d{3}[-.])\d{3}[-.]\d{4}(?![\w-])"),
    ),
    Managed(
        "AWS_CREDENTIALS",
        CREDENTIALS,
        re.compile(
            r"(?i:aws_?secret_?access_?key|secret[ _]?(?:access[ _])?key|AKIA[0-9A-Z]{16})"
            r"[^A-Za-z0-9/+]{1,20}(?P<it>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        lambda text: not text.endswith("EXAMPLEKEY"),
    ),
    Managed("OPENSSH_PRIVATE_KEY", CREDENTIALS, re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----")),
    Managed("PGP_PRIVATE_KEY", CREDENTIALS, re.compile(r"-----BEGIN PGP PRIVATE KEY BLOCK-----")),
    Managed("PKCS", CREDENTIALS, re.compile(r"-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----")),
    Managed("PUTTY_PRIVATE_KEY", CREDENTIALS, re.compile(r"PuTTY-User-Key-File-\d:")),
)
"""Those of Macie's identifiers that the sandbox has."""


@dataclass
class Found:
    """What an identifier found.

    Attributes:
        name: The identifier's id, or the name of a custom one.
        category: What kind of data it is.
        custom: The custom data identifier; None for one of Macie's.
        count: How many times.
        places: Where, at most a thousand: Macie's ``lineRanges`` or ``cells``.
    """

    name: str
    category: str
    custom: Record | None = None
    count: int = 0
    places: list[Record] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What is looked for.

    Attributes:
        managed: Which of Macie's identifiers.
        custom: The custom data identifiers.
        allowed: Whether a text is on an allow list.
    """

    managed: Sequence[Managed]
    custom: Sequence[Record]
    allowed: Callable[[str], bool]


@dataclass(frozen=True)
class _Piece:
    """A line or a cell: its text, its place, and the name of its column."""

    text: str
    row: int
    column: int = 0
    header: str | None = None

    def place(self, start: int) -> Record:
        if self.header is None:
            return {"start": self.row, "end": self.row, "startColumn": start + 1}
        return {"row": self.row, "column": self.column, "columnName": self.header, "cellReference": None}


def readable(key: str, body: bytes) -> str | None:
    """The text of an object; None if it has none.

    Args:
        key: Its key.
        body: Its content.
    """
    try:
        return (gzip.decompress(body) if key.endswith(".gz") else body).decode()
    except (UnicodeDecodeError, OSError, EOFError):
        return None


def format_of(key: str) -> str:
    """The extension of an object, without that of compression.

    Args:
        key: Its key.
    """
    name = key.rsplit("/", 1)[-1].removesuffix(".gz")
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def detect(text: str, extension: str, look: Look) -> list[Found]:
    """Find what is sensitive.

    Args:
        text: The text.
        extension: The extension of the file it is from.
        look: What is looked for.
    """
    found: dict[str, Found] = {}
    for piece in _pieces(text, extension):
        for one, start in _matches(piece, look):
            entry = found.setdefault(one.name, one)
            entry.count += 1
            if len(entry.places) < _PLACES:
                entry.places.append(piece.place(start))
    return list(found.values())


def occurrences(found: Found, extension: str, most: int) -> dict[str, Any]:
    """Where something was found, in the form of findings.

    Args:
        found: What.
        extension: The extension of the file.
        most: How many places at most.
    """
    kind = "cells" if extension in _COLUMNS else "lineRanges"
    kinds = ("lineRanges", "offsetRanges", "pages", "records", "cells")
    return {name: found.places[:most] if name == kind else None for name in kinds}


def _pieces(text: str, extension: str) -> Iterator[_Piece]:
    if extension not in _COLUMNS:
        yield from (_Piece(line, number) for number, line in enumerate(text.splitlines(), 1))
        return
    names: list[str] = []
    try:
        for row, cells in enumerate(csv.reader(io.StringIO(text), delimiter=_COLUMNS[extension]), 1):
            names = names or cells
            for column, cell in enumerate(cells, 1):
                yield _Piece(cell, row, column, names[column - 1] if column <= len(names) else "")
    except csv.Error:
        return


def _matches(piece: _Piece, look: Look) -> Iterator[tuple[Found, int]]:
    for managed in look.managed:
        for match in managed.pattern.finditer(piece.text):
            group = "it" if "it" in managed.pattern.groupindex else 0
            if managed.holds(match[group]) and not look.allowed(match[group]):
                yield Found(managed.id, managed.category), match.start(group)
    for custom in look.custom:
        for match in re.finditer(custom["regex"], piece.text):
            if match[0] and _meant(custom, piece, match) and not look.allowed(match[0]):
                yield Found(custom["name"], "CUSTOM_IDENTIFIER", custom), match.start()


def _meant(custom: Record, piece: _Piece, match: re.Match[str]) -> bool:
    """Whether a match has a keyword before it, near enough or as the column's name, and no ignore word in it."""
    if any(word in match[0] for word in custom.get("ignoreWords") or []):
        return False
    keywords = custom.get("keywords") or []
    before = piece.text[: match.start()].lower()
    for keyword in (word.lower() for word in keywords):
        at = before.rfind(keyword)
        near = at >= 0 and match.end() - at - len(keyword) <= custom["maximumMatchDistance"]
        if near or (piece.header is not None and keyword in piece.header.lower()):
            return True
    return not keywords
