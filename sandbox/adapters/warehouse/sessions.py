"""Statements of a user in a database, one after the other, and what they answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from . import copying, jobs, sql, users
from .answers import NOTHING, Answer
from .copy_text import unescaped
from .database import Database
from .errors import SqlError
from .state import User

_BLOCKS = {
    "begin": re.compile(r"^(BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE),
    "commit": re.compile(r"^(COMMIT|END)\b", re.IGNORECASE),
    "rollback": re.compile(r"^(ROLLBACK|ABORT)\b", re.IGNORECASE),
}
_SETTING = re.compile(r"^SET\s+(?:SESSION\s+|LOCAL\s+)?(\w+)\s*(?:=|\bTO\b)\s*'?([\w.$, \"-]+?)'?$", re.IGNORECASE)
_IDLE = re.compile(r"^(ANALYZE|VACUUM|RESET)\b", re.IGNORECASE)
_COMMENT = re.compile(r"^COMMENT\s+ON\s+TABLE\s+(?:(\S+)\.)?(\S+)\s+IS\s+(?:NULL|'(.*)')$", re.IGNORECASE | re.DOTALL)
_USERS = re.compile(r"^((CREATE|ALTER|DROP)\s+(USER|ROLE|GROUP)|GRANT|REVOKE)\b", re.IGNORECASE)
_LEFT_OUT = re.compile(r"^(UNLOAD|CALL|SHOW|MERGE|LOCK|DECLARE|FETCH|PREPARE|EXECUTE|ALTER\s+DEFAULT)\b", re.IGNORECASE)
_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)


@dataclass
class Session:
    """A user's connection to a database.

    Attributes:
        database: The database.
        user: The user.
        settings: What was set, by name in lower case.
        is_in_block: Whether a transaction is open.
    """

    database: Database
    user: User
    settings: dict[str, str] = field(default_factory=dict)
    is_in_block: bool = False

    def __post_init__(self) -> None:
        self.cursor = self.database.connection.cursor()

    def close(self) -> None:
        """End; what is not committed is rolled back."""
        with self.database.lock:
            if self.is_in_block:
                self._block("rollback")
            self.cursor.close()

    def execute(self, text: str) -> Answer:
        """Run a statement.

        Args:
            text: The statement.

        Raises:
            SqlError: If it fails.
        """
        with self.database.lock:
            try:
                return self._run(_COMMENTS.sub("", text).strip().rstrip(";").strip())
            except duckdb.Error as error:
                raise SqlError(sql.said(error)) from error
            except SqlglotError as error:
                raise SqlError(f"syntax error: {str(error).splitlines()[0]}") from error

    def _run(self, text: str) -> Answer:
        for word, pattern in _BLOCKS.items():
            if pattern.match(text):
                return self._block(word)
        done = next((does for pattern, does in self._own() if pattern.match(text)), None)
        if done is not None:
            return done(text)
        trees = [one for one in sqlglot.parse(sql.without_attributes(text), read="redshift") if one is not None]
        if len(trees) != 1:
            raise SqlError("cannot insert multiple commands into a prepared statement")
        return self._tree(text, trees[0])

    def _own(self) -> tuple[tuple[re.Pattern[str], Callable[[str], Answer]], ...]:
        """What DuckDB is not asked for."""
        return (
            (_LEFT_OUT, _left_out),
            (_IDLE, lambda text: NOTHING),
            (_COMMENT, self._comment),
            (_SETTING, self._set),
            (_USERS, lambda text: users.execute(self.database, self.user, text)),
            (jobs.COMMAND, lambda text: jobs.command(self, text)),
            (re.compile(r"^COPY\b", re.IGNORECASE), self._copy),
        )

    def _copy(self, text: str) -> Answer:
        parsed = copying.parse(text)
        if parsed.job:
            return jobs.create(self, parsed)
        return copying.load(self, parsed)

    def _comment(self, text: str) -> Answer:
        found = _COMMENT.match(text)
        if found:
            schema, name = (users.name_of(part or "").lower() for part in found.groups()[:2])
            table = self.database.table(schema, name)
            self.database.require(self.user, "own", table)
            table.comment = unescaped(found[3] or "")
        return NOTHING

    def _set(self, text: str) -> Answer:
        found = _SETTING.match(text)
        if found:
            self.settings[found[1].lower()] = found[2].lower()
        return NOTHING

    def _block(self, word: str) -> Answer:
        if (word == "begin") is not self.is_in_block:
            self.cursor.execute(word)
            self.is_in_block = word == "begin"
            self.database.sync(self.cursor, self.user)
        return NOTHING

    def _tree(self, text: str, tree: exp.Expr) -> Answer:
        if isinstance(tree, exp.Command):
            raise SqlError(
                f"the sandbox does not know {text.split(None, 1)[0].upper()} ...; add it to sandbox/adapters"
            )
        prepared = sql.prepare(self.database, self.user, self.settings, tree, text)
        answer = self.run(prepared)
        if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
            self.database.sync(self.cursor, self.user)
        return answer

    def run(self, prepared: sql.Prepared) -> Answer:
        """Run what was prepared for DuckDB.

        Args:
            prepared: It.
        """
        for name, columns, found in prepared.views:
            self._show(name, columns, found)
        cursor = self.cursor.execute(prepared.text)
        rows = cursor.fetchall()
        self.database.declared.update(prepared.declared)
        if not prepared.is_query:
            count = rows[0][0] if rows and isinstance(rows[0][0], int) else -1
            return Answer(None, [], count)
        described = [(str(one[0]), str(one[1])) for one in cursor.description or ()]
        shown = [tuple(_padded(value, prepared.pads.get(n)) for n, value in enumerate(row)) for row in rows]
        return Answer(described, shown, len(shown))

    def _show(self, name: str, columns: str, found: list[dict[str, Any]]) -> None:
        """Put the rows of a system view where the statement finds them."""
        self.cursor.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" ({columns})')
        names = [row[0] for row in self.cursor.execute(f'DESCRIBE "{name}"').fetchall()]
        if found:
            marks = ", ".join("?" * len(names))
            values = [[row.get(one) for one in names] for row in found]
            self.cursor.executemany(f'INSERT INTO "{name}" VALUES ({marks})', values)  # noqa: S608 - names of ours


def _padded(value: Any, length: int | None) -> Any:
    return value if length is None or value is None else str(value).ljust(length)


def _left_out(text: str) -> Answer:
    raise SqlError(f"the sandbox does not know {text.split(None, 1)[0].upper()}; add it to sandbox/adapters/warehouse")
