"""Redshift behind its Data API, as the handlers of loads see it: the statements that they make, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError

NAME = r'"(?:[^"]|"")+"'
TEXT = r"'(?:[^'\\]|''|\\\\)*'"
COLUMN = rf"{NAME} [a-z ]+(?:\([0-9,]+\))?[a-z ]*"

ADMIN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:redshift!iot-admin-AbCdEf"


class Crash(BaseException):
    """The end of a function, which answers nothing more."""


def bare(name: str) -> str:
    """Return a name that stands in a statement, as Redshift keeps it."""
    assert name.startswith('"')
    return name[1:-1].replace('""', '"').lower()


def text_of(literal: str) -> str:
    """Return the text that a literal stands for."""
    return literal[1:-1].replace("''", "'").replace("\\\\", "\\")


class Warehouse:
    """A database, in which a statement takes some looks.

    Args:
        aws: The fake AWS; in place already.

    Attributes:
        tables: The columns with their types, by ``schema.table``.
        comments: The comments, by the same.
        jobs: The COPY commands, by the names of their jobs.
        users: The users, and whether they see everything.
        files: Rows of the files of jobs: job, bucket, key, state.
        errors: Rows of errors: location, code, message, line, column.
        looks: How many looks a statement takes.
        failing: What Redshift says, by the beginning of a statement that fails; the first one once only.
        faults: What goes wrong by the number of the call: throttled, lost (the reply) or crash (behind it).
        ran: What was run, without queries.
    """

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.reset()
        for operation in ("ExecuteStatement", "DescribeStatement", "GetStatementResult"):
            answer = getattr(self, {"E": "_execute", "D": "_describe", "G": "_result"}[operation[0]])
            aws.reply("redshift-data", operation, self._replying(answer), repeat=True)
        aws.reply("redshift-serverless", "GetNamespace", self._namespace, repeat=True)

    def reset(self) -> None:
        """Forget everything."""
        self.tables: dict[str, dict[str, str]] = {}
        self.comments: dict[str, str] = {}
        self.jobs: dict[str, str] = {}
        self.users: dict[str, bool] = {}
        self.files: list[tuple[str, str, str, str]] = []
        self.errors: list[tuple[str, int | None, str, int | None, str]] = []
        self.failing: list[tuple[str, str]] = []
        self.faults: dict[int, str] = {}
        self.looks, self.page, self.calls = 0, 1000, 0
        self.ran: list[str] = []
        self.refusal: FakeError | None = None
        self.secret: str | None = ADMIN
        self._statements: dict[str, tuple[list[list[Any]], str]] = {}
        self._tokens: dict[str, str] = {}
        self._looked: dict[str, int] = {}
        self.aws.calls.clear()

    def _replying(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        def reply(given: dict[str, Any]) -> dict[str, Any]:
            fault = self.faults.get(self.calls)
            self.calls += 1
            if fault == "throttled":
                raise FakeError("ThrottlingException")
            made = answer(given)
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://redshift-data")
            if fault == "crash":
                raise Crash
            return made

        return reply

    def _namespace(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["namespaceName"] != "iot":
            raise FakeError("ResourceNotFoundException", "namespace not found")
        secret = {"adminPasswordSecretArn": self.secret} if self.secret else {}
        return {"namespace": {"namespaceName": "iot", **secret}}

    def _execute(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        sql, token = given["Sql"], given.get("ClientToken", "")
        assert len(sql.encode()) < 100_000
        if token and token in self._tokens:
            return {"Id": self._tokens[token]}
        number = f"00000000-0000-0000-0000-{len(self._statements):012}"
        self._tokens[token] = number
        values = {one["name"]: one["value"] for one in given.get("Parameters", [])}
        self._statements[number] = self._outcome(sql, values)
        return {"Id": number}

    def _outcome(self, sql: str, values: Mapping[str, str]) -> tuple[list[list[Any]], str]:
        for position, (start, why) in enumerate(self.failing):
            if sql.strip().startswith(start):
                del self.failing[position]
                return [], why
        if sql.strip().startswith("SELECT"):
            assert set(re.findall(r"[( ]:(\w+)", sql)) == set(values)
            return self._found(sql, values), ""
        self.ran.append(sql)
        return [], self._change(sql)

    def _describe(self, given: dict[str, Any]) -> dict[str, Any]:
        number = given["Id"]
        self._looked[number] = self._looked.get(number, 0) + 1
        if self._looked[number] <= self.looks:
            return {"Id": number, "Status": "STARTED"}
        why = self._statements[number][1]
        return {"Id": number, "Status": "FAILED", "Error": why} if why else {"Id": number, "Status": "FINISHED"}

    def _result(self, given: dict[str, Any]) -> dict[str, Any]:
        rows, start = self._statements[given["Id"]][0], int(given.get("NextToken", "0"))
        page, end = rows[start : start + self.page], start + self.page
        more = {"NextToken": str(end)} if end < len(rows) else {}
        return {"Records": [[_field(value) for value in row] for row in page], **more}

    def _found(self, sql: str, values: Mapping[str, str]) -> list[list[Any]]:
        names = {value for name, value in values.items() if name[0] == "n" and name != "name"}
        if "FROM sys_copy_job_detail" in sql:
            return [list(row) for row in self.files if row[2] in names]
        if "FROM sys_load_error_detail" in sql:
            return [list(row) for row in self.errors if row[0] in names]
        if "FROM sys_copy_job" in sql:
            return [[job] for job in self.jobs if job == values["job"]]
        if "FROM svv_user_grants" in sql:
            return [[user] for user, sees in self.users.items() if sees and user == values["name"]]
        if "FROM pg_user" in sql:
            return [[user] for user in self.users if user == values["name"]]
        assert "FROM pg_class" in sql
        table = f"{values['schema']}.{values['table']}".lower()
        comment = self.comments.get(table)
        return [[name, kind, comment] for name, kind in self.tables.get(table, {}).items()]

    def _change(self, sql: str) -> str:
        """Do what a statement says; return what Redshift has against it."""
        for pattern, do in self._grammar().items():
            match = re.fullmatch(pattern, sql, re.DOTALL)
            if match:
                return do(*match.groups()) or ""
        raise AssertionError(f"Redshift knows no such statement: {sql}")

    def _grammar(self) -> dict[str, Callable[..., str | None]]:
        table = rf"({NAME}\.{NAME})"
        return {
            rf"CREATE SCHEMA IF NOT EXISTS {NAME}": lambda: None,
            rf"CREATE TABLE IF NOT EXISTS {table} \(({COLUMN}(?:, {COLUMN})*)\)": self._create,
            rf"ALTER TABLE {table} ADD COLUMN ({COLUMN})": self._add,
            rf"COMMENT ON TABLE {table} IS ({TEXT})": lambda name, text: self.comments.update(
                {_key(name): text_of(text)}
            ),
            rf"DROP TABLE IF EXISTS {table}": self._drop,
            rf"(COPY {table} FROM {TEXT} IAM_ROLE {TEXT}.*) JOB CREATE ([a-z0-9_]+) AUTO ON": self._job,
            r"COPY JOB DROP ([a-z0-9_]+)": lambda job: self.jobs.pop(job) and None,
            rf"CREATE USER ({NAME}) PASSWORD DISABLE": lambda user: self.users.update({user[1:-1]: False}),
            rf"GRANT ROLE sys:monitor TO ({NAME})": lambda user: self.users.update({user[1:-1]: True}),
        }

    def _create(self, name: str, columns: str) -> None:
        found = re.findall(COLUMN, columns)
        assert ", ".join(found) == columns
        self.tables.setdefault(_key(name), dict(_column(one) for one in found))

    def _add(self, name: str, column: str) -> str | None:
        name, (column, kind) = _key(name), _column(column)
        if column in self.tables[name]:
            return f'column "{column}" of relation "{name}" already exists'
        self.tables[name][column] = kind
        return None

    def _drop(self, name: str) -> None:
        self.tables.pop(_key(name), None)

    def _job(self, command: str, name: str, job: str) -> str | None:
        if job in self.jobs:
            return f"copy job {job} already exists"
        if _key(name) not in self.tables:
            return f"relation {name} does not exist"
        self.jobs[job] = command
        return None


def _key(table: str) -> str:
    match = re.fullmatch(rf"({NAME})\.({NAME})", table)
    assert match
    return f"{bare(match[1])}.{bare(match[2])}"


def _column(text: str) -> tuple[str, str]:
    match = re.fullmatch(rf"({NAME}) (.*)", text)
    assert match
    return bare(match[1]), match[2]


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    return {"longValue": value} if isinstance(value, int) else {"stringValue": value}
