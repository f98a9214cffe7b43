"""A table of Amazon Redshift Serverless, the job that loads files into it, and who may see what was loaded.

All of it is SQL through the Data API, one statement after the other, as jobs can be made and dropped only outside of a
transaction. A statement that changes something has a token made of its text, so that asking for it again, also in
another invocation, is asking after it.

A job can be switched on and off, and nothing else of it can be changed. Its name therefore ends with a digest of what
it does: a changed job is another one, made when the old one is dropped. No file is loaded twice, but it loads nothing
that was there before it: the files that come in the seconds between are loaded by none, and the function that looks
after loads tells of each of them. A job that somebody has switched off stays off.

The table gets the columns that it lacks, and loses none. It is dropped only if it was made here, which its comment
tells, and is not to be kept. Schemas and users stay.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import (
    BUSY,
    NOT_YET,
    NotReadyError,
    ProviderError,
    RefusedError,
    client,
    code,
    mark,
    may_end,
    patiently,
    serve,
)

MAX_NAME_BYTES = 127
"""https://docs.aws.amazon.com/redshift/latest/dg/r_names.html"""

JOB_NAME = re.compile(r"[a-z_][a-z0-9_]{0,100}")
"""A name that stands in statements as it is, as AWS shows none in quotes, with room for the digest."""

DIGEST_CHARACTERS = 8

TYPE = re.compile(r"([a-z][a-z0-9 ]*?) ?(?:\(([0-9a-z, ]+)\))?( with(?:out)? time zone)?")
"""A type in lower case with single blanks: its name, its arguments and its zone."""

TYPES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("smallint", "int2"), ("smallint", "")),
    **dict.fromkeys(("integer", "int", "int4"), ("integer", "")),
    **dict.fromkeys(("bigint", "int8"), ("bigint", "")),
    **dict.fromkeys(("decimal", "numeric"), ("numeric", "18,0")),
    **dict.fromkeys(("real", "float4"), ("real", "")),
    **dict.fromkeys(("double precision", "float8", "float"), ("double precision", "")),
    **dict.fromkeys(("boolean", "bool"), ("boolean", "")),
    **dict.fromkeys(("character", "char", "nchar"), ("character", "1")),
    "bpchar": ("character", "256"),
    **dict.fromkeys(("character varying", "varchar", "nvarchar", "text"), ("character varying", "256")),
    **dict.fromkeys(("varbyte", "varbinary", "binary varying"), ("varbyte", "64000")),
    **{name: (name, "") for name in ("date", "super", "geometry", "geography", "hllsketch")},
    **{name: (f"{name} without time zone", "") for name in ("timestamp", "time")},
    **{f"{name}tz": (f"{name} with time zone", "") for name in ("timestamp", "time")},
}
"""What Redshift calls a type, and the arguments that it has if none are given.
https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html"""

LONGEST = {"character": "4096", "character varying": "65535", "varbyte": "1024000"}
"""What ``max`` stands for."""

PASSING = frozenset({"ActiveSessionsExceededException", "ActiveStatementsExceededException"})

PASSES = re.compile("connect|not authorized|not available|resum|starting up|serializable|timed? ?out", re.IGNORECASE)
"""What Redshift says of a statement while the workgroup wakes up or a new policy is not known everywhere."""

GONE = re.compile("not found|does not exist|doesn't exist|can't find", re.IGNORECASE)

COLUMNS_OF = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), d.description
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = 0
WHERE lower(n.nspname) = lower(:schema) AND lower(c.relname) = lower(:table) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

JOBS_NAMED = "SELECT trim(job_name) FROM sys_copy_job WHERE trim(job_name) = :job"
# Redshift folds names to lower case unless it was told otherwise.
USERS_NAMED = "SELECT usename FROM pg_user WHERE lower(usename) = lower(:name)"
MONITORS_NAMED = """
SELECT user_name
FROM svv_user_grants
WHERE lower(user_name) = lower(:name) AND role_name = 'sys:monitor'
"""

data = client("redshift-data")
serverless = client("redshift-serverless")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


class Database:
    """A database, as its administrator.

    Args:
        event: The request.
        context: Lambda's context.
        passing: The errors of services that may pass.
    """

    def __init__(self, event: dict[str, Any], context: Any, passing: frozenset[str]) -> None:
        self._event, self._context, self._passing = event, context, passing | PASSING
        asked = event["ResourceProperties"]
        secret = asked.get("SecretArn") or self._secret_of(asked["NamespaceName"])
        self._where = {"WorkgroupName": asked["WorkgroupName"], "Database": asked["Database"], "SecretArn": secret}

    def run(self, sql: str) -> None:
        """Run a statement that changes something.

        Args:
            sql: The statement.
        """
        self._patiently(self._ended, sql=sql, more={}, begun=[])

    def rows(self, sql: str, **values: str) -> list[list[str]]:
        """Return what a query finds, with nothing as an empty text.

        Args:
            sql: The query.
            values: Its parameters.
        """
        parameters = [{"name": name, "value": value} for name, value in values.items()]
        number = self._patiently(self._ended, sql=sql, more={"Parameters": parameters}, begun=[])
        found: list[list[str]] = []
        page: dict[str, Any] = {"NextToken": ""}
        while "NextToken" in page:
            token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
            page = self._patiently(data.get_statement_result, Id=number, **token)
            found += [[str(field.get("stringValue", "")) for field in record] for record in page["Records"]]
        return found

    def _patiently(self, call: Callable[..., Any], **given: Any) -> Any:
        return patiently(self._context, call, self._passing, **given)

    def _secret_of(self, namespace: str) -> str:
        """Return the secret of the namespace's administrator, which Redshift has made."""
        found = self._patiently(serverless.get_namespace, namespaceName=namespace)["namespace"]
        if not found.get("adminPasswordSecretArn"):
            raise RefusedError(
                f"namespace {namespace} must have a secret of its administrator, got none; let Redshift manage the "
                "password, or name a secret"
            )
        secret: str = found["adminPasswordSecretArn"]
        return secret

    def _ended(self, sql: str, more: dict[str, Any], begun: list[str]) -> str:
        """Return the number of a statement that has ended well; it is begun once unless what failed may pass."""
        if not begun:
            # A query finds something else the next time.
            token = {} if more else {"ClientToken": self._token(sql)}
            begun.append(data.execute_statement(Sql=sql, **self._where, **more, **token)["Id"])
        told = data.describe_statement(Id=begun[0])
        if told["Status"] == "FINISHED":
            return begun[0]
        if told["Status"] not in ("FAILED", "ABORTED"):
            raise NotReadyError(f"Redshift has not ended a statement yet: {sql}")
        why = told.get("Error") or f"a statement was {told['Status'].lower()}: {sql}"
        # The token of a statement that has failed would go on to mean that one.
        self._event["Failures"] = self._event.get("Failures", 0) + 1
        begun.clear()
        raise (NotReadyError if PASSES.search(why) else ProviderError)(f"Redshift: {why}")

    def _token(self, sql: str) -> str:
        request = (self._event["StackId"], self._event["RequestId"], self._event.get("Failures", 0), sql)
        return hashlib.sha256(json.dumps(request).encode()).hexdigest()


def quoted(name: str) -> str:
    """Return a name as it stands in a statement.

    Args:
        name: The name.

    Raises:
        RefusedError: If Redshift takes no such name.
    """
    if not name or "\0" in name or len(name.encode()) > MAX_NAME_BYTES:
        raise RefusedError(f"a name must have 1 to {MAX_NAME_BYTES} bytes, none of them 0, got {name!r}")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as it stands in a statement.

    Args:
        text: The text.

    Raises:
        RefusedError: If Redshift takes no such text.
    """
    if "\0" in text:
        raise RefusedError(f"a text must have no byte that is 0, got {text!r}")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def canonical(text: str) -> str:
    """Return a type as Redshift shows it.

    Args:
        text: The type, as it stands in a statement; this and nothing else.

    Raises:
        RefusedError: If it is no type.
    """
    match = TYPE.fullmatch(" ".join(text.lower().split()))
    if not match:
        raise RefusedError(
            f"the type of a column must be one of Redshift, got {text!r}; name the type and nothing else"
        )
    name, given, zone = match[1], (match[2] or "").replace(" ", ""), match[3] or ""
    known, default = TYPES.get(name + zone, TYPES.get(name, (name, "")))
    if zone:
        known = name + zone
    arguments = given or default
    if arguments == "max":
        arguments = LONGEST.get(known, arguments)
    if known == "numeric" and "," not in arguments:
        arguments += ",0"
    return f"{known}({arguments})" if arguments else known


def _put(event: dict[str, Any], context: Any) -> tuple[str, dict[str, str]]:
    """Make what is not there of table, watcher and job, and drop a job that has changed."""
    asked = event["ResourceProperties"]
    job = _job_name(asked)
    database = Database(event, context, NOT_YET)
    _put_table(database, event)
    if asked.get("Watcher"):
        _let_watch(database, asked["Watcher"])
    before = event.get("OldResourceProperties")
    if before and _id(before) == _id(asked) and _job_name(before) != job:
        _drop_job(database, _job_name(before))
    if job and not database.rows(JOBS_NAMED, job=job):
        database.run(f"{_copy(asked)} JOB CREATE {job} AUTO ON")
    return _id(asked), {"Job": job}


def _put_table(database: Database, event: dict[str, Any]) -> None:
    """Make the table, or add the columns that it lacks."""
    asked = event["ResourceProperties"]
    types = {one["Name"].lower(): canonical(one["Type"]) for one in asked["Columns"]}
    columns = {name: f"{quoted(name)} {kind}" for name, kind in types.items()}
    found = database.rows(COLUMNS_OF, schema=asked["Schema"], table=asked["Table"])
    for name, kind, _ in found:
        if types.get(name.lower(), canonical(kind)) != canonical(kind):
            raise RefusedError(
                f"column {name} of table {asked['Schema']}.{asked['Table']} must be {types[name.lower()]}, got "
                f"{kind}; name that type, change it there with ALTER TABLE, or take another table"
            )
    if not found:
        database.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(asked['Schema'])}")
        database.run(f"CREATE TABLE IF NOT EXISTS {_table(asked)} ({', '.join(columns.values())})")
        database.run(f"COMMENT ON TABLE {_table(asked)} IS {literal(mark(event))}")
        return
    there = {name.lower() for name, *_ in found}
    for name, column in columns.items():
        if name not in there:
            database.run(f"ALTER TABLE {_table(asked)} ADD COLUMN {column}")


def _let_watch(database: Database, user: str) -> None:
    """Make sure that a user, who may see nothing of any table, sees what others have loaded."""
    if not database.rows(USERS_NAMED, name=user):
        database.run(f"CREATE USER {quoted(user)} PASSWORD DISABLE")
    # https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-monitor-access-role.html
    if not database.rows(MONITORS_NAMED, name=user):
        database.run(f"GRANT ROLE sys:monitor TO {quoted(user)}")


def _drop_job(database: Database, job: str) -> bool:
    """Drop a job; return False if it was not there."""
    if not job or not database.rows(JOBS_NAMED, job=job):
        return False
    database.run(f"COPY JOB DROP {job}")
    return True


def _delete(event: dict[str, Any], context: Any) -> None:
    """Drop the job, and the table if it was made here and is not to be kept."""
    asked = event["ResourceProperties"]
    try:
        database = Database(event, context, BUSY)
        patiently(context, _job_is_gone, BUSY, database=database, event=event)
        if asked.get("Keep", "true") == "false":
            found = database.rows(COLUMNS_OF, schema=asked["Schema"], table=asked["Table"])
            if found and found[0][2] == mark(event):
                database.run(f"DROP TABLE IF EXISTS {_table(asked)}")
    except (ClientError, ProviderError) as error:
        is_gone = not isinstance(error, ClientError) or code(error) in (
            "ResourceNotFoundException",
            "ValidationException",
        )
        # Workgroup, namespace, database or secret: with them, all that was made here is gone.
        if not is_gone or not GONE.search(str(error)):
            raise


def _job_is_gone(database: Database, event: dict[str, Any]) -> None:
    asked = event["ResourceProperties"]
    if not _drop_job(database, _job_name(asked)) and asked.get("Job"):
        may_end(event, event["PhysicalResourceId"] == _id(asked))


def _id(asked: Mapping[str, Any]) -> str:
    return "/".join((asked["WorkgroupName"], asked["Database"], f"{asked['Schema']}.{asked['Table']}"))


def _table(asked: Mapping[str, Any]) -> str:
    return f"{quoted(asked['Schema'])}.{quoted(asked['Table'])}"


def _copy(asked: Mapping[str, Any]) -> str:
    """Return the command that the job repeats."""
    job = asked["Job"]
    return (
        f"COPY {_table(asked)} FROM {literal(job['From'])} IAM_ROLE {literal(job['RoleArn'])} {job['Options']}".strip()
    )


def _job_name(asked: Mapping[str, Any]) -> str:
    """Return the name of a job with the digest of what it does and where; empty if there is none."""
    if not asked.get("Job"):
        return ""
    name = asked["Job"]["Name"]
    if not JOB_NAME.fullmatch(name):
        raise RefusedError(f"the name of a job must fit {JOB_NAME.pattern}, got {name!r}")
    digest = hashlib.sha256(f"{_id(asked)}\n{_copy(asked)}".encode()).hexdigest()
    return f"{name}_{digest[:DIGEST_CHARACTERS]}"


KINDS: dict[str, Callable[[dict[str, Any], Any], tuple[str, dict[str, str]]]] = {"Custom::RedshiftTable": _put}
