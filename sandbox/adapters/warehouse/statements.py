"""Statements of the Data API: each runs in a thread of its own, and is remembered with its result."""

from __future__ import annotations

import contextvars
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Record

from .state import Namespace, User, now

if TYPE_CHECKING:
    from .answers import Answer

_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)|('(?:[^']|'')*')")


@dataclass
class Part:
    """A statement of a batch.

    Attributes:
        text: The statement.
        status: What has become of it.
        error: Why it failed.
        answer: What it answered; None as long as it has not.
    """

    text: str
    status: str = "SUBMITTED"
    error: str = ""
    answer: Answer | None = None


@dataclass
class Statement:
    """A statement, or a batch of them, that was executed.

    Attributes:
        owner: The ARN of the caller.
        userid: What ``aws:userid`` is for the caller.
        request: The request.
        is_batch: Whether it is a batch.
        parts: The statements.
        id: Its id.
        user: The name of the database user.
        created: When it came.
        updated: When its status changed last.
        ended: Set when it has ended.
    """

    owner: str
    userid: str
    request: Record
    is_batch: bool
    parts: list[Part]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    user: str = ""
    created: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    ended: threading.Event = field(default_factory=threading.Event)
    was_cancelled: bool = False

    @property
    def status(self) -> str:
        """What has become of it."""
        if self.was_cancelled:
            return "ABORTED"
        if not self.ended.is_set():
            return "STARTED" if any(one.status != "SUBMITTED" for one in self.parts) else "SUBMITTED"
        return "FAILED" if any(one.status == "FAILED" for one in self.parts) else "FINISHED"

    @property
    def error(self) -> str:
        """Why it failed."""
        return next((one.error for one in self.parts if one.status == "FAILED"), "")


def with_parameters(text: str, parameters: Sequence[Mapping[str, str]]) -> str:
    """A statement with the values of its parameters in it.

    Args:
        text: The statement.
        parameters: The parameters.
    """
    values = {one["name"]: one["value"] for one in parameters}

    def value(found: re.Match[str]) -> str:
        if found[2] or found[1] not in values:
            return found[0]
        return "'" + values[found[1]].replace("'", "''") + "'"

    return _PARAMETER.sub(value, text)


def start(statement: Statement, space: Namespace, user: User | None, problem: str = "") -> None:
    """Run a statement.

    Args:
        statement: The statement.
        space: The namespace.
        user: The database user; None if it could not log in.
        problem: Why it could not log in.
    """
    context = contextvars.copy_context()
    statement.user = user.name if user else ""
    work = threading.Thread(target=context.run, args=(_run, statement, space, user, problem), daemon=True)
    work.start()


def _run(statement: Statement, space: Namespace, user: User | None, problem: str) -> None:
    access.over_tls()
    try:
        if user is None:
            _fail(statement, statement.parts[0], problem)
        else:
            _execute(statement, space, user)
    finally:
        statement.updated = now()
        statement.ended.set()


def _fail(statement: Statement, part: Part, message: str) -> None:
    part.status, part.error = "FAILED", message if message.startswith("FATAL") else f"ERROR: {message}"
    for other in statement.parts:
        if other.status == "SUBMITTED":
            other.status = "ABORTED"


def _execute(statement: Statement, space: Namespace, user: User) -> None:
    # What reads and runs SQL is loaded when the first statement comes.
    from . import database, sessions
    from .errors import SqlError

    try:
        session = sessions.Session(database.of_workgroup(space, statement.request["Database"]), user)
    except SqlError as error:
        _fail(statement, statement.parts[0], str(error))
        return
    together = statement.is_batch and statement.request.get("ExecutionMode", "TRANSACTION") == "TRANSACTION"
    try:
        with session.database.lock:
            if together:
                session.execute("BEGIN")
            for part in statement.parts:
                part.status = "STARTED"
                try:
                    part.answer = session.execute(part.text)
                    part.status = "FINISHED"
                except SqlError as error:
                    _fail(statement, part, str(error))
                    return
            if together:
                session.execute("COMMIT")
    finally:
        session.close()


def described(statement: Statement) -> dict[str, Any]:
    """What ``DescribeStatement`` says of a statement.

    Args:
        statement: The statement.
    """
    request, last = statement.request, statement.parts[-1]
    found: dict[str, Any] = {
        "Id": statement.id,
        "Status": statement.status,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": int((statement.updated - statement.created) * 1_000_000_000),
        "Database": request["Database"],
        "WorkgroupName": request["WorkgroupName"],
        "DbUser": statement.user,
        "HasResultSet": _has_result(last) if not statement.is_batch else any(map(_has_result, statement.parts)),
        "RedshiftPid": 1,
        "RedshiftQueryId": -1,
        "ResultFormat": "JSON",
    }
    if "SecretArn" in request:
        found["SecretArn"] = request["SecretArn"]
    if statement.error:
        found["Error"] = statement.error
    if statement.is_batch:
        found["SubStatements"] = [_sub(statement, number) for number in range(1, len(statement.parts) + 1)]
    else:
        found |= {"QueryString": last.text, **_counts(last)}
        if request.get("Parameters"):
            found["QueryParameters"] = request["Parameters"]
    return found


def _has_result(part: Part) -> bool:
    return part.answer is not None and part.answer.columns is not None


def _counts(part: Part) -> dict[str, Any]:
    if part.answer is None:
        return {"ResultRows": -1, "ResultSize": -1}
    size = sum(len(str(value)) for row in part.answer.rows for value in row)
    return {"ResultRows": part.answer.count, "ResultSize": size if _has_result(part) else -1}


def _sub(statement: Statement, number: int) -> dict[str, Any]:
    part = statement.parts[number - 1]
    found: dict[str, Any] = {
        "Id": f"{statement.id}:{number}",
        "QueryString": part.text,
        "Status": part.status,
        "HasResultSet": _has_result(part),
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": 0,
        "RedshiftQueryId": -1,
        **_counts(part),
    }
    return found | ({"Error": part.error} if part.error else {})
