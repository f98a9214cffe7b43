"""Refusal of names and types that Redshift does not take."""

from __future__ import annotations

import re

from cdk_refarch._parts.checks import Checks, is_token

NAME = r"[a-z_][a-z0-9_]{0,126}"
"""Names that Redshift does not fold to others: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html"""

_WORDS = """
aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between binary
blanksasnull both bytedict bzip2 case cast check collate column constraint create credentials cross current_date
current_time current_timestamp current_user current_user_id default deferrable deflate defrag delta delta32k desc
disable distinct do else emptyasnull enable encode encrypt encryption end except explicit false for foreign freeze
from full globaldict256 globaldict64k grant group gzip having identity ignore ilike in initially inner intersect
interval into is isnull join leading left like limit localtime localtimestamp lun luns lzo lzop minus mostly16
mostly32 mostly8 natural new not notnull null nulls off offline offset oid old on only open or order outer overlaps
parallel partition percent permissions pivot placing primary raw readratio recover references rejectlog resort
respect restore right select session_user similar snapshot some sysdate system table tag tdes text255 text32k then
timestamp to top trailing true truncatecolumns union unique unnest unpivot user using verbose wallet when where with
without
"""

RESERVED_WORDS = frozenset(_WORDS.split())
"""https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html"""

SYSTEM_COLUMNS = frozenset(("cmax", "cmin", "ctid", "deletexid", "insertxid", "oid", "tableoid", "xmax", "xmin"))
"""Columns that every table has without a word, those of PostgreSQL
(https://www.postgresql.org/docs/8.0/ddl-system-columns.html) and two more."""

SYSTEM_SCHEMAS = r"pg_.*|information_schema"
"""https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_SCHEMA.html: they are not for tables of users."""

TYPE = (
    r"(smallint|int2|integer|int|int4|bigint|int8|real|float4|double precision|float8|float|boolean|bool|date|super"
    r"|(decimal|numeric)(\(\d{1,2}(, ?\d{1,2})?\))?|(char|character|nchar|bpchar)(\(\d{1,4}\))?"
    r"|(varchar|character varying|nvarchar|text)(\((\d{1,5}|max)\))?|timestamp|timestamptz|time|timetz"
    r"|timestamp with(out)? time zone|time with(out)? time zone)"
)
"""https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html, without those that JSON cannot carry."""

MAX_DIGITS = 38
MAX_SCALE = 37
"""https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html"""

MAX_CHAR = 4096
MAX_VARCHAR = 65535
"""https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html"""


def check_name(checks: Checks, argument: str, value: str, remedy: str) -> None:
    """Refuse what names nothing in Redshift, or something else than it seems to.

    Args:
        checks: The checks of the sink.
        argument: The argument as typed.
        value: What was given.
        remedy: What to do.

    Raises:
        ValueError: If it is no such name.
    """
    rule = "from 1 to 127 lower case letters, digits and _, beginning with no digit"
    checks.matches(argument, value, NAME, rule=rule, remedy=remedy)


def check_bare_name(checks: Checks, argument: str, value: str, remedy: str) -> None:
    """Refuse a name that stands in no statement without quotes.

    Args:
        checks: The checks of the sink.
        argument: The argument as typed.
        value: What was given.
        remedy: What to do.

    Raises:
        ValueError: If it is no name, or a reserved word.
    """
    check_name(checks, argument, value, remedy)
    if value in RESERVED_WORDS:
        checks.refuse(argument, "a name that is no reserved word of Redshift", repr(value), remedy)


def check_schema(checks: Checks, value: str, remedy: str) -> None:
    """Refuse a schema that is not for tables of users.

    Args:
        checks: The checks of the sink.
        value: The argument ``schema``.
        remedy: What to do.

    Raises:
        ValueError: If it is no name, a reserved word, or a schema of Redshift's own.
    """
    check_bare_name(checks, "schema", value, remedy)
    if re.fullmatch(SYSTEM_SCHEMAS, value):
        checks.refuse("schema", "a schema that is not Redshift's own", repr(value), remedy)


def check_column(checks: Checks, name: str, kind: str) -> None:
    """Refuse a column that no table can have.

    A reserved word is fine: the statements that name columns have them in quotes, and devices call members ``offset``
    and ``timestamp``.

    Args:
        checks: The checks of the sink.
        name: Its name.
        kind: Its type.

    Raises:
        ValueError: If Redshift has no such name or type.
    """
    rule = "a mapping whose names are lower case letters, digits and _"
    checks.matches("columns", name, NAME, rule=rule, remedy="use the lower case: loads take no notice of case")
    if name in SYSTEM_COLUMNS:
        remedy = f'let the statement of the rule call it another name, as in select="*, {name} AS {name}_"'
        checks.refuse("columns", "a mapping without names of Redshift's own columns", repr(name), remedy)
    argument = f"columns[{name!r}]"
    rule, remedy = "a type of Redshift in lower case", "write it as float8, varchar(64) or timestamp"
    checks.matches(argument, kind, TYPE, rule=rule, remedy=remedy)
    if not is_token(kind):
        _check_size(checks, argument, kind)


def _check_size(checks: Checks, argument: str, kind: str) -> None:
    numbers = [int(number) for number in re.findall(r"\d+", kind.partition("(")[2])]
    if not numbers:
        return
    remedy = "lower or raise it"
    if kind.startswith(("decimal", "numeric")):
        checks.number(f"precision of {argument}", numbers[0], 1, MAX_DIGITS, unit="digits", remedy=remedy)
        high = min(numbers[0], MAX_SCALE)
        checks.number(
            f"scale of {argument}", numbers[-1] if len(numbers) > 1 else 0, 0, high, unit="digits", remedy=remedy
        )
        return
    short = kind.startswith(("char(", "character(", "nchar", "bpchar"))
    high = MAX_CHAR if short else MAX_VARCHAR
    checks.number(f"length of {argument}", numbers[0], 1, high, unit="bytes", remedy=remedy)
