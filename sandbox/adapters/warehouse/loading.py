"""Records of a file into rows of a table, each value by the type of its column, with Redshift's codes of errors.

The codes are those of its load error reference; which of them a value that is no JSON has is not said there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from .copy_text import Copy
from .database import Column

_RANGES = {"smallint": ("Short", 2**15), "integer": ("Integer", 2**31), "bigint": ("Long", 2**63)}
_TRUE, _FALSE = ("true", "t", "1", "yes", "y"), ("false", "f", "0", "no", "n")
_EPOCHS = {"epochsecs": 1.0, "epochmillisecs": 0.001}
_WHITE = re.compile(r"[\s]*")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?\s*(Z|UTC|[+-]\d\d(:?\d\d)?)?$")


class Number(str):
    """A number of JSON, as it is written."""

    __slots__ = ()


class BadValueError(Exception):
    """A value does not fit.

    Args:
        code: The error's code.
        message: What Redshift says.
        position: Where in the value.
    """

    def __init__(self, code: int, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.code, self.position = code, position


@dataclass(frozen=True)
class Failure:
    """A record that does not fit.

    Attributes:
        line: The last line of the record.
        column: The column; None if the record cannot be read.
        error: Why.
    """

    line: int
    column: Column | None
    error: BadValueError


Row = list[str | None]


def rows(body: bytes, copy: Copy, columns: list[Column]) -> Iterator[Row | Failure]:
    """Yield the rows of a file of JSON objects, and in place of a record that does not fit, why.

    Args:
        body: The file's content, decompressed.
        copy: How it is loaded.
        columns: The columns that are loaded.
    """
    try:
        text = body.decode(errors="replace" if "ACCEPTINVCHARS" in copy.options else "strict")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = "String contains invalid or unsupported UTF8 codepoints"
        yield Failure(line, None, BadValueError(1220, message, error.start))
        return
    for line, found, raw in _documents(text):
        if isinstance(found, BadValueError):
            yield Failure(line, None, found)
        elif copy.json == "noshred":
            yield [raw]
        else:
            yield _row(line, found, copy, columns)


def _documents(text: str) -> Iterator[tuple[int, Any, str]]:
    """The documents of a text, one behind the other, with the line that each ends on and its own text."""
    decoder = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_constant)
    place = end = _skipped(text, 0)
    line = 1 + text.count("\n", 0, place)
    while place < len(text):
        found: Any
        try:
            found, end = decoder.raw_decode(text, place)
            if not isinstance(found, dict):
                found = BadValueError(1216, "Invalid JSON: an object is expected")
        except (ValueError, RecursionError):
            found, end = BadValueError(1216, "Invalid JSON format"), text.find("\n", place)
            end = len(text) if end < 0 else end
        line += text.count("\n", place, end)
        yield line, found, text[place:end]
        place, before = _skipped(text, end), end
        line += text.count("\n", before, place)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _skipped(text: str, place: int) -> int:
    found = _WHITE.match(text, place)
    return found.end() if found else place


def _row(line: int, record: dict[str, Any], copy: Copy, columns: list[Column]) -> Row | Failure:
    if copy.json == "auto ignorecase":
        record = {name.lower(): value for name, value in record.items()}
    row: Row = []
    for column in columns:
        try:
            value = _value(record.get(column.name), column, copy)
            if value is None and not column.nullable:
                raise BadValueError(1213, "Missing data for not-null field")
        except BadValueError as error:
            return Failure(line, column, error)
        row.append(value)
    return row


def _value(value: Any, column: Column, copy: Copy) -> str | None:
    if value is None:
        return None
    if column.type == "super":
        return _as_json(value)
    text = _as_json(value) if isinstance(value, dict | list | bool) else str(value)
    kind = column.type.partition("(")[0]
    if kind in ("character varying", "character"):
        return _cut(text, column, copy)
    return _CONVERTS[kind](text.strip(), column, copy) if text.strip() else None


def _as_json(value: Any) -> str:
    """A value as JSON, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, column: Column, copy: Copy) -> str | None:
    if not text.strip() and "BLANKSASNULL" in copy.options:
        return None
    if not text and "EMPTYASNULL" in copy.options:
        return None
    body, most = text.encode(), column.length or 0
    if len(body) > most:
        if "TRUNCATECOLUMNS" not in copy.options:
            raise BadValueError(1204, "String length exceeds DDL length")
        text = body[:most].decode(errors="ignore")
    return text


def _integer(text: str, column: Column, copy: Copy) -> str:
    name, limit = _RANGES[column.type]
    digits = text[1:] if text[0] in "+-" else text
    bad = next((place for place, one in enumerate(digits) if not "0" <= one <= "9"), None)
    if bad is not None or not digits:
        place = (bad or 0) + len(text) - len(digits)
        raise BadValueError(1207, f"Invalid digit, Value '{text[place : place + 1]}', Pos {place}, Type: {name}", place)
    if not -limit <= int(text) < limit:
        raise BadValueError(1207, f"Overflow, Type: {name}")
    return text


def _float(text: str, column: Column, copy: Copy) -> str:
    try:
        float(text)
    except ValueError:
        raise BadValueError(1208, f"Invalid value, Type: {column.type}") from None
    return text


def _decimal(text: str, column: Column, copy: Copy) -> str:
    precision, scale = map(int, column.type.removeprefix("numeric(").removesuffix(")").split(","))
    try:
        # More digits behind the point than the column has are rounded or cut, and never an error.
        if abs(Decimal(text)) >= 10 ** (precision - scale):
            raise BadValueError(1207, "Overflow for NUMERIC")
    except InvalidOperation:
        raise BadValueError(1207, "Invalid digit, Type: Decimal") from None
    return text


def _boolean(text: str, column: Column, copy: Copy) -> str:
    if text.lower() not in _TRUE + _FALSE:
        raise BadValueError(1210, "Unknown boolean format")
    return str(text.lower() in _TRUE)


def _date(text: str, column: Column, copy: Copy) -> str:
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        raise BadValueError(1205, "Invalid Date Format - length must be 10 or more") from None


def _timestamp(text: str, column: Column, copy: Copy) -> str:
    how = copy.options.get("TIMEFORMAT", "").lower()
    try:
        if how in _EPOCHS:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(text) * _EPOCHS[how])
        elif _TIME.match(text) and (how == "auto" or "T" not in text):
            moment = datetime.fromisoformat(text.replace("UTC", "Z").replace(" Z", "Z"))
        else:
            raise ValueError(text)
    except (ValueError, OverflowError):
        said = "[YYYY-MM-DD HH24:MI:SS]" if how in ("", "auto") else f"[{how}]"
        raise BadValueError(1206, f"Invalid timestamp format or value {said}") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # A column without a time zone takes the time as it is written.
    kept = aware.astimezone(UTC) if "with time zone" in column.type else aware.replace(tzinfo=None)
    return kept.isoformat()


def _as_it_is(text: str, column: Column, copy: Copy) -> str:
    return text


_CONVERTS: dict[str, Callable[[str, Column, Copy], str]] = {
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "real": _float,
    "double precision": _float,
    "numeric": _decimal,
    "boolean": _boolean,
    "date": _date,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamp,
    "time without time zone": _as_it_is,
    "binary varying": _as_it_is,
}
