"""Redshift's SQL for DuckDB: types, system views, paths into SUPER values; and what its user must be allowed.

Names are folded to lower case, also quoted ones, unless ``enable_case_sensitive_identifier`` is set; then names in
paths keep theirs when they are quoted. Missing: IDENTITY columns, unnesting of SUPER arrays, cross-database queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import ErrorLevel, exp

from . import views
from .database import Database, Table
from .errors import SqlError
from .state import User
from .super_paths import navigate

_TEXTS = {
    exp.DType.VARCHAR: ("character varying", 256, 65535),
    exp.DType.TEXT: ("character varying", 256, 256),
    exp.DType.NVARCHAR: ("character varying", 256, 65535),
    exp.DType.CHAR: ("character", 1, 4096),
    exp.DType.NCHAR: ("character", 1, 4096),
    exp.DType.BPCHAR: ("character", 256, 256),
}
"""Types of texts, with Redshift's name, the length without one, and the longest."""
_ATTRIBUTES = re.compile(r"\b(?:DISTKEY|SORTKEY)\b(?!\s*\()", re.IGNORECASE)
_ADD_IF_NOT_EXISTS = re.compile(r"\bADD\s+(?:COLUMN\s+)?IF\b", re.IGNORECASE)
_CASE = ("enable_case_sensitive_identifier", "enable_case_sensitive_super_attribute")
_MESSAGES = (
    (re.compile(r"Column with name (\S+) already exists"), 'column "{}" of relation already exists'),
    (re.compile(r'(?:Table|View) with name "?(\w+)"? does not exist'), 'relation "{}" does not exist'),
    (re.compile(r'(?:Table|View) with name "(\w+)" already exists'), 'Relation "{}" already exists'),
    (re.compile(r'Schema with name "?(\w+)"? already exists'), 'Schema "{}" already exists'),
    (re.compile(r'Schema with name "?(\w+)"? does not exist'), 'schema "{}" does not exist'),
    (re.compile(r'Referenced column "(\w+)" (?:was )?not found'), 'column "{}" does not exist'),
)
Declared = dict[tuple[str, str, str], tuple[str, int | None]]


@dataclass
class Prepared:
    """A statement for DuckDB.

    Attributes:
        text: It.
        is_query: Whether it has a result.
        views: Names, columns and rows of the system views that it reads.
        pads: The columns of its result that are padded, by their number, with the length.
        declared: Types and lengths of columns that it makes.
    """

    text: str
    is_query: bool
    views: list[tuple[str, str, list[dict[str, Any]]]] = field(default_factory=list)
    pads: dict[int, int] = field(default_factory=dict)
    declared: Declared = field(default_factory=dict)


def said(error: duckdb.Error) -> str:
    """What Redshift says where DuckDB says something.

    Args:
        error: What DuckDB says.
    """
    text = str(error)
    for pattern, message in _MESSAGES:
        found = pattern.search(text)
        if found:
            return message.format(found[1])
    return text.splitlines()[0].partition(": ")[2] or text.splitlines()[0]


def without_attributes(text: str) -> str:
    """A statement without attributes of columns that sqlglot cannot read.

    Args:
        text: The statement.
    """
    is_create = re.match(r"CREATE\b", text, re.IGNORECASE)
    return _ATTRIBUTES.sub("", text) if is_create else text


def prepare(database: Database, user: User, settings: Mapping[str, str], tree: exp.Expr, text: str) -> Prepared:
    """Translate a statement, if its user may run it.

    Args:
        database: The database.
        user: The user.
        settings: What the session has set.
        tree: The statement.
        text: The same as it was said.

    Raises:
        SqlError: If the user may not, or Redshift or the sandbox cannot do it.
    """
    keeps_case = any(settings.get(name) in ("true", "on") for name in _CASE)
    _fold(tree, keeps_case)
    prepared = Prepared("", isinstance(tree, exp.Query))
    inner = {one.alias for one in tree.find_all(exp.CTE)}
    shown = _show_views(database, user, tree, prepared, inner)
    for table in tree.find_all(exp.Table):
        if not table.db and table.name not in inner and table not in shown and not _is_schema(tree, table):
            table.set("db", exp.to_identifier("public", quoted=True))
    _refuse(database, user, tree, inner, shown)
    if isinstance(tree, exp.Create | exp.Alter):
        _define(database, tree, text, prepared)
    navigate(tree)
    for one in list(tree.find_all(exp.CurrentUser)):
        one.replace(exp.Literal.string(user.name))
    for called in list(tree.find_all(exp.Anonymous)):
        if called.name.upper() == "JSON_SERIALIZE":
            called.replace(exp.cast(called.expressions[0], "varchar"))
        elif called.name.upper() == "FORMAT_TYPE":
            called.set("this", "sys_format_type")
    prepared.text = tree.sql("duckdb", unsupported_level=ErrorLevel.IGNORE)
    return prepared


def _fold(tree: exp.Expr, keeps_case: bool) -> None:
    for one in tree.find_all(exp.Identifier):
        if not (keeps_case and one.args.get("quoted")):
            one.set("this", one.name.lower())


def _is_schema(tree: exp.Expr, table: exp.Table) -> bool:
    about_schema = isinstance(tree, exp.Create | exp.Drop) and tree.args.get("kind") == "SCHEMA"
    return about_schema and tree.this is table


def _show_views(database: Database, user: User, tree: exp.Expr, prepared: Prepared, inner: set[str]) -> list[exp.Table]:
    """Put the names of tables in the place of system views, and their rows beside the statement."""
    limits: dict[str, dict[str, int]] = {}
    shown: list[exp.Table] = []
    for table in list(tree.find_all(exp.Table)):
        name = views.OF_SCHEMA.get(f"{table.db}.{table.name}", table.name)
        known = name in views.VIEWS and (name != table.name or table.db in ("", "pg_catalog"))
        if not known or table.name in inner:
            continue
        if not any(one[0] == f"sys {name}" for one in prepared.views):
            columns = re.sub(r"CHAR\(\d+\)", "VARCHAR", views.VIEWS[name])
            prepared.views.append((f"sys {name}", columns, views.rows(name, database, user)))
        alias = table.alias or table.name
        limits[alias] = views.padded(name)
        new = exp.to_table(f'"sys {name}"', alias=alias)
        table.replace(new)
        shown.append(new)
    if isinstance(tree, exp.Select) and limits:
        prepared.pads = _pads(tree, limits)
    return shown


def _pads(tree: exp.Select, limits: Mapping[str, Mapping[str, int]]) -> dict[int, int]:
    """The columns of a result that come as they are from a view with columns of the type character(n)."""
    together = {name: length for found in limits.values() for name, length in found.items()}
    pads: dict[int, int] = {}
    for number, one in enumerate(tree.expressions):
        column = one.this if isinstance(one, exp.Alias) else one
        if isinstance(column, exp.Column):
            length = limits.get(column.table, together).get(column.name)
            if length is not None:
                pads[number] = length
    return pads


def _refuse(database: Database, user: User, tree: exp.Expr, inner: set[str], shown: list[exp.Table]) -> None:
    target = _target(tree)
    if isinstance(tree, exp.Create | exp.Drop) and tree.args.get("kind") == "SCHEMA":
        _refuse_schema(database, user, tree)
        return
    if isinstance(tree, exp.Create) and target is not None:
        database.require_create(user, target.db)
    for table in tree.find_all(exp.Table):
        if table in shown or (not table.db and table.name in inner):
            continue
        known = database.tables.get((table.db, table.name))
        if known is None:
            if table.db not in database.schemas:
                raise SqlError(f'schema "{table.db}" does not exist')
            continue  # DuckDB says it, or need not find it.
        for privilege in _privileges(tree, table is target):
            database.require(user, privilege, known)


def _target(tree: exp.Expr) -> exp.Table | None:
    if isinstance(tree, exp.TruncateTable):
        return tree.expressions[0] if tree.expressions else None
    if isinstance(tree, exp.Query):
        return None
    found = tree.this
    while isinstance(found, exp.Schema):
        found = found.this
    return found if isinstance(found, exp.Table) else None


def _privileges(tree: exp.Expr, is_target: bool) -> Iterator[str]:
    if not is_target:
        yield "select"
        return
    kinds: tuple[tuple[type[exp.Expr], str], ...] = (
        (exp.Insert, "insert"),
        (exp.Update, "update"),
        (exp.Delete, "delete"),
        (exp.Alter, "own"),
        (exp.Drop, "own"),
        (exp.TruncateTable, "own"),
    )
    yield from (privilege for kind, privilege in kinds if isinstance(tree, kind))


def _refuse_schema(database: Database, user: User, tree: exp.Expr) -> None:
    name = tree.this.db or tree.this.name
    if isinstance(tree, exp.Create):
        if not database.may(user, "create", "database", database.name):
            raise SqlError(f"permission denied for database {database.name}")
    elif not user.is_super and database.schemas.get(name, "").lower() != user.name.lower():
        raise SqlError(f"must be owner of schema {name}")


def _define(database: Database, tree: exp.Expr, text: str, prepared: Prepared) -> None:
    """Turn what makes columns into what DuckDB knows."""
    if isinstance(tree, exp.Create):
        tree.set("properties", None)
        if any(isinstance(one, exp.LikeProperty) for one in tree.find_all(exp.LikeProperty)):
            raise SqlError("the sandbox does not know LIKE; add it to sandbox/adapters/warehouse/sql.py")
    elif _ADD_IF_NOT_EXISTS.search(text):
        raise SqlError('syntax error at or near "not"')
    elif len(tree.args.get("actions") or []) > 1:
        raise SqlError('syntax error at or near ","')
    target = _target(tree)
    for column in list(tree.find_all(exp.ColumnDef)):
        kind = column.args.get("kind")
        if target is None or not isinstance(kind, exp.DataType):
            continue
        known: Table | None = database.tables.get((target.db, target.name))
        if isinstance(tree, exp.Create) and known is not None:
            continue
        declared = _declared(kind)
        if declared:
            prepared.declared[target.db, target.name, column.name] = declared
    for column in list(tree.find_all(exp.ColumnDef)):
        _translate(column)


def _declared(kind: exp.DataType) -> tuple[str, int | None] | None:
    shown = _TEXTS.get(kind.this)
    if shown is None:
        return None
    name, default, most = shown
    given = kind.expressions[0].name if kind.expressions else ""
    length = most if given.upper() == "MAX" else int(given) if given else default
    if not 1 <= length <= most and kind.this is not exp.DType.TEXT:
        raise SqlError(f"length for type {name} cannot exceed {most}")
    return name, length


def _translate(column: exp.ColumnDef) -> None:
    kept = []
    for one in column.args.get("constraints") or []:
        if isinstance(one.kind, exp.GeneratedAsIdentityColumnConstraint):
            raise SqlError("the sandbox has no IDENTITY columns; add them to sandbox/adapters/warehouse/sql.py")
        if not isinstance(one.kind, exp.EncodeColumnConstraint):
            kept.append(one)
    column.set("constraints", kept)
    kind = column.args.get("kind")
    if not isinstance(kind, exp.DataType):
        return
    if kind.this in _TEXTS:
        column.set("kind", exp.DataType.build("VARCHAR"))
    elif kind.this == exp.DType.SUPER:
        column.set("kind", exp.DataType.build("JSON"))
    elif kind.this == exp.DType.DECIMAL and not kind.expressions:
        column.set("kind", exp.DataType.build("DECIMAL(18, 0)"))
