"""A database of a namespace: DuckDB in memory, with the types, owners and grants that Redshift has and DuckDB lacks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from .errors import SqlError
from .state import NUMBERS, Namespace, User

if TYPE_CHECKING:
    from .jobs import Job

SYSTEM_SCHEMAS = ("pg_catalog", "information_schema", "main")
_TYPES = {
    "BIGINT": "bigint",
    "BLOB": "binary varying",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "INTEGER": "integer",
    "JSON": "super",
    "SMALLINT": "smallint",
    "TIME": "time without time zone",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "VARCHAR": "character varying",
}
"""The types of DuckDB, by the names that Redshift shows."""
OIDS = {
    "boolean": 16,
    "bigint": 20,
    "smallint": 21,
    "integer": 23,
    "real": 700,
    "double precision": 701,
    "character": 1042,
    "character varying": 1043,
    "date": 1082,
    "time without time zone": 1083,
    "timestamp without time zone": 1114,
    "timestamp with time zone": 1184,
    "numeric": 1700,
    "super": 4000,
    "binary varying": 6551,
}
"""The numbers of types in ``PG_ATTRIBUTE``."""
_NAMED = " ".join(f"WHEN {oid} THEN '{name}'" for name, oid in OIDS.items())
FORMAT_TYPE = f"""
CREATE MACRO sys_format_type(oid, modifier) AS CASE oid {_NAMED} END || CASE
    WHEN modifier < 0 THEN ''
    WHEN oid = {OIDS["numeric"]} THEN '(' || ((modifier - 4) >> 16) || ',' || ((modifier - 4) & 65535) || ')'
    ELSE '(' || (modifier - 4) || ')' END
"""
"""What ``FORMAT_TYPE`` is in DuckDB."""
Grant = tuple[str, str, str]
"""A privilege in lower case, the kind of what it is on (``table``, ``schema``, ``database`` or ``jobs``), its name."""


@dataclass
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        type: Its type, as Redshift shows it, without length.
        length: The length of texts, in bytes; None for other types.
        nullable: Whether it takes NULL.
        sql: Its type in DuckDB.
    """

    name: str
    type: str
    length: int | None
    nullable: bool
    sql: str

    @property
    def modifier(self) -> int:
        """Its length, or precision and scale, as ``PG_ATTRIBUTE`` has it."""
        if self.type.startswith("numeric("):
            precision, scale = map(int, self.type.removeprefix("numeric(").removesuffix(")").split(","))
            return (precision << 16 | scale) + 4
        return -1 if self.length is None else self.length + 4

    @property
    def shown(self) -> str:
        """Its type with its length, as ``PG_TABLE_DEF`` has it."""
        return self.type if self.length is None else f"{self.type}({self.length})"


@dataclass
class Table:
    """A table or a view.

    Attributes:
        schema: Its schema.
        name: Its name.
        id: Its number.
        owner: The name of the user that made it.
        columns: Its columns in order.
        comment: What was said of it.
    """

    schema: str
    name: str
    id: int
    owner: str
    columns: list[Column] = field(default_factory=list)
    comment: str = ""

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return f'"{self.schema}"."{self.name}"'


class Database:
    """A database.

    Args:
        space: Its namespace.
        name: Its name.

    Attributes:
        space: Its namespace.
        name: Its name.
        lock: Held by whoever uses it.
        connection: DuckDB.
        tables: Tables and views, by schema and name.
        schemas: Schemas and the names of their owners.
        grants: What users have been granted, by their names in lower case.
        declared: Types and lengths that were said when a column was made, by schema, table and column.
        jobs: The COPY jobs, by name.
        loads: The rows of ``SYS_LOAD_HISTORY``.
        errors: The rows of ``SYS_LOAD_ERROR_DETAIL``.
        files: The rows of ``SYS_LOAD_DETAIL``.
        messages: The rows of ``SYS_COPY_JOB_INFO``.
    """

    def __init__(self, space: Namespace, name: str) -> None:
        self.space, self.name, self.lock = space, name, threading.RLock()
        self.connection = duckdb.connect()
        self.connection.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA public; {FORMAT_TYPE}")
        self.tables: dict[tuple[str, str], Table] = {}
        self.schemas = {"public": "rdsdb"}
        self.grants: dict[str, set[Grant]] = {}
        self.declared: dict[tuple[str, str, str], tuple[str, int | None]] = {}
        self.jobs: dict[str, Job] = {}
        self.loads: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    def close(self) -> None:
        """Forget everything."""
        with self.lock:
            self.connection.close()

    def sync(self, cursor: duckdb.DuckDBPyConnection, user: User) -> None:
        """Note what a statement has made or removed.

        Args:
            cursor: The connection that the statement ran on.
            user: Who ran it, the owner of what is new.
        """
        names = {str(row[0]) for row in cursor.execute("SELECT schema_name FROM duckdb_schemas()").fetchall()}
        self.schemas = {name: self.schemas.get(name, user.name) for name in sorted(names - {*SYSTEM_SCHEMAS, "temp"})}
        rows = cursor.execute(
            "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns()"
            " WHERE NOT internal AND schema_name <> 'main' ORDER BY column_index"
        ).fetchall()
        before, self.tables = self.tables, {}
        for schema, table, column, kind, nullable in rows:
            known = before.get((schema, table))
            known = known or Table(schema, table, next(NUMBERS), user.name)
            new = Table(schema, table, known.id, known.owner, comment=known.comment)
            found = self.tables.setdefault((schema, table), new)
            found.columns.append(self._column(schema, table, column, kind, bool(nullable)))

    def _column(self, schema: str, table: str, name: str, kind: str, nullable: bool) -> Column:
        if kind.startswith("DECIMAL"):
            return Column(name, kind.lower().replace("decimal", "numeric"), None, nullable, kind)
        shown, length = self.declared.get((schema, table, name), (_TYPES.get(kind, kind.lower()), None))
        if kind == "VARCHAR" and length is None:
            length = 256
        return Column(name, shown, length, nullable, kind)

    def table(self, schema: str, name: str) -> Table:
        """A table.

        Args:
            schema: Its schema; empty for ``public``.
            name: Its name.

        Raises:
            SqlError: If it is not there.
        """
        found = self.tables.get((schema or "public", name))
        if found is None:
            raise SqlError(f'relation "{name}" does not exist')
        return found

    def may(self, user: User, privilege: str, kind: str, name: str) -> bool:
        """Whether a user has a privilege; owners are not asked for.

        Args:
            user: The user.
            privilege: The privilege, in lower case.
            kind: What it is on: ``table``, ``schema``, ``database`` or ``jobs``.
            name: The name of that, with its schema if it is a table.
        """
        if user.is_super:
            return True
        if kind == "schema" and name == "public":
            return True
        held = self._held(user)
        asked = {(one, kind, name) for one in (privilege, "all")}
        if kind == "table":
            schema = name.partition(".")[0]
            asked |= {(one, "tables", schema) for one in (privilege, "all")}
        return bool(held & asked)

    def _held(self, user: User) -> set[Grant]:
        names = {user.name.lower(), "public", *(f"role {one}" for one in user.roles)}
        return {grant for name in names for grant in self.grants.get(name, set())}

    def require(self, user: User, privilege: str, table: Table) -> None:
        """Refuse what a user may not do with a table.

        Args:
            user: The user.
            privilege: What it is about to do, in lower case; ``own`` for what only owners may.
            table: The table.

        Raises:
            SqlError: If it may not.
        """
        if user.is_super or table.owner.lower() == user.name.lower():
            return
        if not self.may(user, "usage", "schema", table.schema):
            raise SqlError(f"permission denied for schema {table.schema}")
        if privilege == "own":
            raise SqlError(f"must be owner of relation {table.name}")
        if not self.may(user, privilege, "table", f"{table.schema}.{table.name}"):
            raise SqlError(f"permission denied for relation {table.name}")

    def require_create(self, user: User, schema: str) -> None:
        """Refuse a user who may not make something in a schema.

        Args:
            user: The user.
            schema: The schema.

        Raises:
            SqlError: If it may not, or there is no such schema.
        """
        if schema not in self.schemas:
            raise SqlError(f'schema "{schema}" does not exist')
        owns = self.schemas[schema].lower() == user.name.lower()
        if not owns and not self.may(user, "create", "schema", schema):
            raise SqlError(f"permission denied for schema {schema}")


def of_workgroup(space: Namespace, name: str) -> Database:
    """A database of a namespace, made when it is first used.

    Args:
        space: The namespace.
        name: The database's name.

    Raises:
        SqlError: If there is no such database.
    """
    if name != space.record["dbName"]:
        raise SqlError(f'FATAL: database "{name}" does not exist')
    if name not in space.databases:
        space.databases[name] = Database(space, name)
    return space.databases[name]


def own(rows: Iterable[dict[str, Any]], user: User) -> Iterator[dict[str, Any]]:
    """Those of the rows of a system view that a user sees.

    Args:
        rows: The rows, with the owner's ``user_id``.
        user: The user.
    """
    return (row for row in rows if user.sees_system or row["user_id"] == user.id)


def quoted(names: Sequence[str]) -> str:
    """Names in SQL, with commas.

    Args:
        names: The names.
    """
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)
