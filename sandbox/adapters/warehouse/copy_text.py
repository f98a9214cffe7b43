"""The text of COPY, read: where from, as whom, how, and as which job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from .errors import SqlError
from .users import name_of

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_HEAD = re.compile(
    rf"^COPY\s+(?:({_IDENTIFIER})\s*\.\s*)?({_IDENTIFIER})\s*(?:\(([^)]*)\))?\s*FROM\s+'((?:[^']|'')*)'\s*(.*)$",
    re.IGNORECASE | re.DOTALL,
)
_JOB = re.compile(r"\bJOB\s+CREATE\s+(\S+)(?:\s+AUTO\s+(ON|OFF))?\s*$", re.IGNORECASE)
_JOB_NAME = re.compile(r"^[A-Za-z_]\w{0,127}$")
_WORD = re.compile(r"\s*('(?:[^']|'')*'|\"[^\"]*\"|[^\s']+)")
_SOURCE = re.compile(r"^s3://([^/]+)/(.+)$")
_FORMATS = ("JSON", "PARQUET", "CSV", "AVRO", "ORC", "SHAPEFILE", "FIXEDWIDTH", "DELIMITER")
_FLAGS = frozenset(
    ("GZIP", "MANIFEST", "IGNOREALLERRORS", "TRUNCATECOLUMNS", "BLANKSASNULL", "EMPTYASNULL", "ROUNDEC", "EXPLICIT_IDS")
)
_WITH_VALUE = frozenset(
    ("MAXERROR", "TIMEFORMAT", "DATEFORMAT", "REGION", "COMPUPDATE", "STATUPDATE", "ENCODING", "IAM_ROLE")
)
_KEYS = frozenset(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "CREDENTIALS"))
_NOT_IN_JOBS = frozenset({"MAXERROR", "IGNOREALLERRORS", "MANIFEST"} | _KEYS)
_JSON = frozenset({"auto", "auto ignorecase", "noshred"})


@dataclass
class Copy:
    """A COPY.

    Attributes:
        schema: The schema of the table; empty if it was not said.
        table: The table.
        columns: The columns that were listed; empty for all.
        bucket: The bucket.
        prefix: What keys begin with, or the key of the manifest.
        rest: What stands behind the source, without the job.
        role: The ARN of the role, ``default``, or empty for none.
        job: The job's name; empty for a COPY that runs once.
        is_auto: Whether the job runs by itself.
        format: The format.
        json: How JSON is read.
        options: The other options, in upper case, with their values.
    """

    schema: str
    table: str
    columns: list[str]
    bucket: str
    prefix: str
    rest: str
    role: str = ""
    job: str = ""
    is_auto: bool = True
    format: str = ""
    json: str = ""
    options: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Copy:
    """Read the text of a COPY; of a job, its options are read when it loads.

    Args:
        text: The statement.

    Raises:
        SqlError: If it cannot be read, or a job has what jobs must not have.
    """
    found = _HEAD.match(text)
    if found is None:
        raise SqlError('syntax error at or near "copy"')
    source = _SOURCE.match(unescaped(found[4]))
    if source is None:
        raise SqlError("the sandbox copies from S3 only, with a prefix or a key behind the bucket")
    job = _JOB.search(found[5])
    columns = [name_of(one).lower() for one in (found[3] or "").split(",") if one.strip()]
    rest = found[5][: job.start()] if job else found[5]
    copy = Copy(name_of(found[1] or "").lower(), name_of(found[2]).lower(), columns, source[1], source[2], rest)
    words = [word.upper() for word in _words(rest)]
    if job:
        copy.job, copy.is_auto = name_of(job[1]).lower(), (job[2] or "ON").upper() == "ON"
        _refuse_job(copy, words)
        _find_role(copy)
    else:
        read_options(copy)
    return copy


def _refuse_job(copy: Copy, words: list[str]) -> None:
    if not _JOB_NAME.match(copy.job):
        raise SqlError(f'syntax error at or near "{copy.job}": names of jobs have letters, digits and underscores')
    for word in words:
        if word in _NOT_IN_JOBS:
            raise SqlError(f"{word} is not supported in a COPY JOB")
    if ("IAM_ROLE", "DEFAULT") in pairwise(words):
        raise SqlError("IAM_ROLE default is not supported in a COPY JOB")


def _find_role(copy: Copy) -> None:
    words = [*_words(copy.rest)]
    for word, value in pairwise(words):
        if word.upper() == "IAM_ROLE":
            copy.role = _text(value)


def _words(text: str) -> Iterator[str]:
    place = 0
    while (found := _WORD.match(text, place)) is not None:
        yield found[1]
        place = found.end()


def unescaped(text: str) -> str:
    """What stands in a literal, as it was meant.

    Args:
        text: The literal, without its quotes.
    """
    return re.sub(r"''|\\(.)", lambda found: found[1] or "'", text)


def _text(word: str) -> str:
    return unescaped(word[1:-1]) if word.startswith("'") else word


def read_options(copy: Copy) -> None:
    """Read the options of a COPY.

    Args:
        copy: The COPY, which then has them.

    Raises:
        SqlError: If one is not known, here or to Redshift.
    """
    words = [*_words(copy.rest)]
    copy.options, copy.format = {}, ""
    while words:
        word = words.pop(0).upper()
        if words and words[0].upper() == "AS":
            words.pop(0)
        if word in _FORMATS:
            _read_format(copy, word, words)
        elif word != "FORMAT":
            _read_option(copy, word, words)
    copy.role = copy.options.pop("IAM_ROLE", copy.role)
    if not copy.format:
        raise SqlError("the sandbox copies JSON and PARQUET only; add other formats to sandbox/adapters/warehouse")
    if copy.format == "PARQUET" and copy.options.keys() & {"GZIP", "MAXERROR", "TIMEFORMAT", "DATEFORMAT"}:
        raise SqlError(f"{', '.join(copy.options)} is not supported for PARQUET based COPY")


def _read_option(copy: Copy, word: str, words: list[str]) -> None:
    if word in _FLAGS:
        copy.options[word] = ""
    elif word == "ACCEPTINVCHARS":
        copy.options[word] = _text(words.pop(0)) if words and words[0].startswith("'") else "?"
    elif word in _WITH_VALUE and words:
        copy.options[word] = _text(words.pop(0))
    elif word in _KEYS:
        raise SqlError("the sandbox copies with an IAM_ROLE only")
    else:
        raise SqlError(f'syntax error at or near "{word.lower()}"')


def _read_format(copy: Copy, word: str, words: list[str]) -> None:
    if word not in ("JSON", "PARQUET"):
        raise SqlError(f"the sandbox has no format {word}; add it to sandbox/adapters/warehouse")
    copy.format = word
    if word == "JSON":
        copy.json = _text(words.pop(0)).lower() if words and words[0].startswith("'") else "auto"
        if copy.json not in _JSON:
            raise SqlError("the sandbox has no files of JSON paths; add them to sandbox/adapters/warehouse")
