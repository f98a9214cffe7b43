"""The Data API of Redshift: statements of a workgroup, as an IAM identity or with a secret.

Sessions that are kept, results as CSV and what describes tables are missing; ``WithEvent`` tells nobody.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import secretsmanager

from sandbox.adapters.json_rpc import Fault, Operation, Record

from .state import LOCK, Namespace, User, workgroup
from .statements import Part, Statement, described, start, with_parameters

SERVICE = "redshift-data"
USER_ID: ContextVar[str] = ContextVar("redshift_data_user_id", default="")
"""What ``aws:userid`` is for the caller of the request."""
_PAGE = 1000
_QUICK_SECONDS = 0.2
"""How long is waited for a statement before its id is answered, so that few who ask must ask again."""
_KINDS = {
    "BIGINT": "int8",
    "BOOLEAN": "bool",
    "DATE": "date",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "HUGEINT": "numeric",
    "INTEGER": "int4",
    "JSON": "super",
    "SMALLINT": "int2",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "varchar",
}
_statements: dict[tuple[str, str], dict[str, Statement]] = {}


def _here() -> dict[str, Statement]:
    return _statements.setdefault((get_account_id(), get_region()), {})


def owner_of(id: str) -> tuple[str, str]:
    """What ``aws:userid`` was for the caller who executed a statement, and its ARN; empty if it is not there.

    Args:
        id: The statement's id.
    """
    found = _here().get(id.partition(":")[0])
    return (found.userid, found.owner) if found else ("", "")


def _execute(request: Record) -> Record:
    parts = [Part(with_parameters(request["Sql"], request.get("Parameters") or []))]
    return _started(request, parts, is_batch=False)


def _execute_batch(request: Record) -> Record:
    return _started(request, [Part(text) for text in request["Sqls"]], is_batch=True)


def _started(request: Record, parts: list[Part], *, is_batch: bool) -> Record:
    for name in ("SessionId", "SessionKeepAliveSeconds"):
        if name in request:
            raise Fault("NotImplementedException", f"the sandbox has no {name} of {SERVICE}; add it to warehouse")
    for name in ("WorkgroupName", "Database"):
        if name not in request:
            raise Fault("ValidationException", f"{name} must be given; the sandbox has no clusters")
    if request.get("DbUser"):
        raise Fault("ValidationException", "DbUser cannot be used with a workgroup.")
    caller = iam_evaluator.caller_arn()
    with LOCK:
        known = _same(caller, request.get("ClientToken"))
        if known:
            return _answer(known)
        try:
            space = workgroup(request["WorkgroupName"]).namespace
        except Fault as fault:
            raise Fault("ValidationException", "Redshift endpoint doesn't exist in this region.") from fault
        statement = Statement(caller, USER_ID.get(), request, is_batch, parts)
        _here()[statement.id] = statement
    user, problem = _login(space, request)
    start(statement, space, user, problem)
    statement.ended.wait(int(request.get("WaitTimeSeconds", 0)) or _QUICK_SECONDS)
    return _answer(statement)


def _same(caller: str, token: str | None) -> Statement | None:
    """The statement that the caller has executed with a token already."""
    same = (one for one in _here().values() if token and one.request.get("ClientToken") == token)
    return next((one for one in same if one.owner == caller), None)


def _answer(statement: Statement) -> Record:
    request = statement.request
    names = ("Database", "WorkgroupName", "SecretArn")
    given = {name: request[name] for name in names if name in request}
    return {"Id": statement.id, "CreatedAt": statement.created, "DbGroups": [], **given}


def _login(space: Namespace, request: Record) -> tuple[User | None, str]:
    """The database user of a request; or none and why."""
    if "SecretArn" not in request:
        return space.of_identity(iam_evaluator.caller_arn()), ""
    text = secretsmanager.resolve_secret_string(request["SecretArn"])
    if text is None:
        raise Fault("ValidationException", "Secrets Manager can't find the specified secret.")
    try:
        secret = json.loads(text)
        name, password = secret["username"], secret["password"]
    except (ValueError, KeyError, TypeError):
        raise Fault("ValidationException", "The secret must be JSON with username and password.") from None
    return log_in(space, name, password)


def log_in(space: Namespace, name: str, password: str) -> tuple[User | None, str]:
    """A user of a namespace by name and password; or none and why.

    Args:
        space: The namespace.
        name: The user's name.
        password: Its password.
    """
    user = space.users.get(name.lower())
    if user is None or user.password is None or user.password != password:
        return None, f'FATAL: password authentication failed for user "{name}"'
    return user, ""


def _found(request: Record) -> tuple[Statement, Part]:
    id, _, number = request["Id"].partition(":")
    found = _here().get(id)
    # Another session of the same role may look, as long as no condition forbids it.
    if found is None or _role(found.owner) != _role(iam_evaluator.caller_arn()):
        raise Fault("ResourceNotFoundException", "Query does not exist.")
    part = int(number) if number.isdigit() else len(found.parts)
    if not 1 <= part <= len(found.parts):
        raise Fault("ResourceNotFoundException", "Query does not exist.")
    return found, found.parts[part - 1]


def _role(arn: str) -> str:
    return arn.rpartition("/")[0] if ":assumed-role/" in arn else arn


def _describe(request: Record) -> Record:
    statement, _ = _found(request)
    return described(statement)


def _result(request: Record) -> Record:
    statement, part = _found(request)
    if part.answer is None or part.answer.columns is None or not statement.ended.is_set():
        said = "Query does not have result. Please check query status with DescribeStatement."
        raise Fault("ResourceNotFoundException", said)
    begin = int(request.get("NextToken") or 0)
    rows = part.answer.rows[begin : begin + _PAGE]
    found: Record = {
        "Records": [[_field(value) for value in row] for row in rows],
        "ColumnMetadata": [_column(name, kind) for name, kind in part.answer.columns],
        "TotalNumRows": len(part.answer.rows),
    }
    if begin + _PAGE < len(part.answer.rows):
        found["NextToken"] = str(begin + _PAGE)
    return found


def _field(value: Any) -> Record:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value} if abs(value) < 2**63 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else str(value)}


def _column(name: str, kind: str) -> Record:
    return {
        "name": name,
        "label": name,
        "typeName": _KINDS.get(kind, "numeric" if kind.startswith("DECIMAL") else kind.lower()),
        "nullable": 1,
        "isCaseSensitive": kind == "VARCHAR",
        "schemaName": "",
        "tableName": "",
    }


def _cancel(request: Record) -> Record:
    statement, _ = _found(request)
    if statement.ended.is_set():
        raise Fault("ValidationException", f"Could not cancel a query that is already in {statement.status} state")
    statement.was_cancelled = True
    return {"Status": True}


def _list(request: Record) -> Record:
    caller, status = iam_evaluator.caller_arn(), request.get("Status", "ALL")
    own = [one for one in _here().values() if _role(one.owner) == _role(caller)]
    if request.get("RoleLevel") is False:
        own = [one for one in own if one.owner == caller]
    shown = [described(one) for one in reversed(own) if status in ("ALL", one.status)]
    names = ("Id", "Status", "QueryString", "CreatedAt", "UpdatedAt", "StatementName", "SecretArn")
    more = {
        one.id: {"IsBatchStatement": one.is_batch, "QueryStrings": [part.text for part in one.parts]} for one in own
    }
    return {"Statements": [{name: one[name] for name in names if name in one} | more[one["Id"]] for one in shown]}


OPERATIONS: dict[str, Operation] = {
    "ExecuteStatement": _execute,
    "BatchExecuteStatement": _execute_batch,
    "DescribeStatement": _describe,
    "GetStatementResult": _result,
    "CancelStatement": _cancel,
    "ListStatements": _list,
}
"""What each operation does with its members, by its name."""
