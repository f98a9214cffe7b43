"""COPY: files of a bucket into a table, in the role that it names, all of them or nothing.

The role must be one of the namespace's and trust Redshift. It is asked for the list of the prefix, for each file, and
for the file's key; the network is looked at where enhanced VPC routing is on.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from ministack.services import s3

from sandbox.adapters import access

from . import loading, sql, workgroups
from .answers import Answer
from .copy_text import Copy, parse, read_options
from .database import Column, Database, Table, quoted
from .errors import SqlError
from .state import NUMBERS, Namespace, User, now, workgroup_of
from .views import moment

if TYPE_CHECKING:
    from .sessions import Session

__all__ = ["Load", "load", "parse", "roles_session", "run"]
_SERVICES = ("redshift.amazonaws.com", "redshift-serverless.amazonaws.com")
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_CHECK = "Check 'sys_load_error_detail' system table for details."


@dataclass
class Load:
    """What a COPY does.

    Attributes:
        database: The database.
        user: Who runs it.
        copy: What is copied.
        credentials: The role that it reads with, assumed; None for the one that it names.
        job: The id of the COPY job; None for a COPY that runs once.
        id: The query's id.
        failures: What did not fit, with the file.
        scanned: How many bytes and records each file had.
    """

    database: Database
    user: User
    copy: Copy
    credentials: access.Session | None = None
    job: int | None = None
    id: int = field(default_factory=lambda: next(NUMBERS))
    failures: list[tuple[str, loading.Failure]] = field(default_factory=list)
    scanned: dict[str, tuple[int, int]] = field(default_factory=dict)


def load(session: Session, copy: Copy) -> Answer:
    """Run a COPY in a session.

    Args:
        session: The session.
        copy: The COPY.

    Raises:
        SqlError: If nothing is loaded.
    """
    return Answer(None, [], run(session.cursor, Load(session.database, session.user, copy)))


def run(cursor: duckdb.DuckDBPyConnection, one: Load, keys: Sequence[str] | None = None) -> int:
    """Do what a COPY does, and note it in the system views, whatever becomes of it.

    Args:
        cursor: A connection to the database.
        one: The COPY.
        keys: The files; None for those that it names.

    Returns:
        How many rows were loaded.

    Raises:
        SqlError: If nothing is loaded.
    """
    began, count, done = time.time(), 0, "aborted"
    try:
        read_options(one.copy)
        table = one.database.table(one.copy.schema, one.copy.table)
        one.database.require(one.user, "insert", table)
        count = _loaded(cursor, one, table, keys)
        done = "completed"
    except duckdb.Error as error:
        raise SqlError(sql.said(error)) from error
    finally:
        _note(one, done, count, began)
    return count


def _loaded(cursor: duckdb.DuckDBPyConnection, one: Load, table: Table, keys: Sequence[str] | None) -> int:
    columns = _columns(one.copy, table)
    try:
        files = list(_files(one, keys))
    except access.Refused as error:
        message = f"S3ServiceException:Access Denied,Status 403,Error AccessDenied. {error}"
        raise SqlError(message) from error
    if one.copy.format == "PARQUET":
        return sum(_insert_parquet(cursor, table, columns, name, body) for name, body in files)
    found = [row for name, body in files for row in _rows(one, name, body, columns)]
    limit = int(one.copy.options.get("MAXERROR", 0))
    if len(one.failures) > limit and "IGNOREALLERRORS" not in one.copy.options:
        raise SqlError(f"Load into table '{table.name}' failed.  {_CHECK}")
    _insert(cursor, table, columns, found)
    return len(found)


def _columns(copy: Copy, table: Table) -> list[Column]:
    known = {column.name: column for column in table.columns}
    for name in copy.columns:
        if name not in known:
            raise SqlError(f'column "{name}" of relation "{table.name}" does not exist')
    columns = [known[name] for name in copy.columns] or table.columns
    if copy.json == "noshred" and [column.type for column in columns] != ["super"]:
        raise SqlError("COPY with the noshred option needs a table with a single column of the type SUPER")
    return columns


def roles_session(space: Namespace, user: User, role: str) -> access.Session:
    """Assume the role of a COPY as Redshift.

    Args:
        space: The namespace.
        user: The database user that runs the COPY.
        role: The role's ARN, or ``default``.

    Raises:
        SqlError: If it is not one of the namespace's, or does not trust Redshift.
    """
    arn = space.record.get("defaultIamRoleArn", "") if role.lower() == "default" else role
    if not arn:
        raise SqlError("COPY needs the ARN of a role, or a default role of the namespace")
    if arn not in space.record["iamRoles"]:
        raise SqlError(f"The requested role {arn} is not associated to cluster")
    who = f"arn:aws:redshift:{space.region}:{space.account}:dbuser:{space.record['namespaceId']}/{user.name}"
    conditions = {"sts:ExternalId": who, "aws:SourceAccount": space.account, "aws:SourceArn": space.arn}
    for service in _SERVICES:
        try:
            return access.assume(arn, service, space.account, space.region, conditions)
        except access.Refused:
            continue
    raise SqlError(f"User {who} is not authorized to assume IAM Role {arn}.")


def _files(one: Load, keys: Sequence[str] | None) -> Iterator[tuple[str, bytes]]:
    """The files that are loaded, with their content, as far as the role may read them."""
    space, copy = one.database.space, one.copy
    session = one.credentials or roles_session(space, one.user, copy.role)
    group = workgroup_of(space)
    if group is None:
        raise SqlError("there is no workgroup")
    if not workgroups.reaches_s3(group):
        raise SqlError("S3CurlException: Connection timed out: no way from the subnets of the workgroup to S3")
    access.require(session, "s3:ListBucket", f"arn:aws:s3:::{copy.bucket}", {"s3:prefix": copy.prefix})
    if "MANIFEST" in copy.options and keys is None:
        listed = json.loads(_read(session, copy.bucket, copy.prefix))["entries"]
        places = [tuple(entry["url"].removeprefix("s3://").split("/", 1)) for entry in listed]
    else:
        there = (s3._buckets.get(copy.bucket) or {}).get("objects", {})
        wanted = sorted(key for key in there if key.startswith(copy.prefix)) if keys is None else keys
        places = [(copy.bucket, key) for key in wanted]
    if not places:
        raise SqlError(f"The specified S3 prefix '{copy.prefix}' does not exist")
    for bucket, key in places:
        body = _read(session, bucket, key)
        name = f"s3://{bucket}/{key}"
        one.scanned[name] = len(body), 0
        yield name, _unzipped(name, body) if "GZIP" in copy.options else body


def _read(session: access.Session, bucket: str, key: str) -> bytes:
    access.require(session, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    record = (s3._buckets.get(bucket) or {}).get("objects", {}).get(key)
    body = s3._get_object_data(bucket, key)
    if record is None or body is None:
        raise SqlError(f"S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,Key {key}")
    sse = record.get("preserved_headers", {}).get(_KEY_HEADER, "")
    if sse and "alias/aws/" not in sse:
        arn = access.key_arn(sse, session.account, session.region)
        via = f"s3.{session.region}.amazonaws.com"
        context = f"arn:aws:s3:::{bucket}"
        conditions = {
            "kms:ViaService": via,
            "kms:CallerAccount": session.account,
            "kms:EncryptionContext:aws:s3:arn": context,
        }
        access.require(session, "kms:Decrypt", arn, conditions)
        access.refuse_disabled_key(arn)
    return bytes(body)


def _unzipped(name: str, body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError) as error:
        raise SqlError(f"The file {name} is not compressed as GZIP") from error


def _rows(one: Load, name: str, body: bytes, columns: list[Column]) -> Iterator[loading.Row]:
    limit = int(one.copy.options.get("MAXERROR", 0))
    size, count = one.scanned[name][0], 0
    for row in loading.rows(body, one.copy, columns):
        count += 1
        if isinstance(row, loading.Failure):
            one.failures.append((name, row))
            if len(one.failures) > limit and "IGNOREALLERRORS" not in one.copy.options:
                break
        else:
            yield row
    one.scanned[name] = size, count


def _insert(
    cursor: duckdb.DuckDBPyConnection, table: Table, columns: list[Column], rows: Sequence[loading.Row]
) -> None:
    if not rows:
        return
    names = [f"c{number}" for number in range(len(columns))]
    kinds = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    chosen = ", ".join(f"CAST({name} AS {column.sql})" for name, column in zip(names, columns, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "rows.json")
        said.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows))
        source = f"read_json('{said}', format = 'newline_delimited', columns = {{{kinds}}})"
        into = f"{table.quoted} ({quoted([column.name for column in columns])})"
        cursor.execute(f"INSERT INTO {into} SELECT {chosen} FROM {source}")  # noqa: S608 - names are quoted


def _insert_parquet(
    cursor: duckdb.DuckDBPyConnection, table: Table, columns: list[Column], name: str, body: bytes
) -> int:
    """Insert the columns of a Parquet file by their places."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "rows.parquet")
        said.write_bytes(body)
        into = f"{table.quoted} ({quoted([column.name for column in columns])})"
        try:
            cursor.execute(f"INSERT INTO {into} SELECT * FROM read_parquet('{said}')")  # noqa: S608 - names are quoted
        except duckdb.Error as error:
            raise SqlError(f"Spectrum Scan Error: code 15001: {name} has an incompatible Parquet schema") from error
        counted = cursor.execute(f"SELECT count(*) FROM read_parquet('{said}')").fetchall()  # noqa: S608
    return int(counted[0][0])


def _note(one: Load, status: str, count: int, began: float) -> None:
    """Write what became of a COPY into the rows of the system views."""
    database, copy = one.database, one.copy
    table = database.tables.get((copy.schema or "public", copy.table))
    same = {
        "user_id": one.user.id,
        "query_id": one.id,
        "transaction_id": one.id,
        "session_id": 1,
        "database_name": database.name,
        "start_time": moment(began),
    }
    size = sum(size for size, _ in one.scanned.values())
    shown: dict[str, Any] = {
        **same,
        "status": status,
        "table_name": copy.table,
        "end_time": moment(now()),
        "duration": int((now() - began) * 1_000_000),
        "data_source": f"s3://{copy.bucket}/{copy.prefix}",
        "file_format": copy.format.lower(),
        "loaded_rows": count,
        "loaded_bytes": size if status == "completed" else 0,
        "source_file_count": len(one.scanned),
        "source_file_bytes": size,
        "file_count_scanned": len(one.scanned),
        "file_bytes_scanned": size,
        "error_count": len(one.failures),
        "copy_job_id": one.job if one.job is not None else -1,
    }
    database.loads.append(shown)
    for name, (bytes_, lines) in one.scanned.items():
        more = {"file_name": name, "bytes_scanned": bytes_, "lines_scanned": lines, "splits_scanned": 1}
        database.files.append({**same, **more, "record_time": moment(now()), "end_time": moment(now())})
    for name, failure in one.failures:
        column = failure.column
        database.errors.append(
            {
                **same,
                "table_id": table.id if table else None,
                "file_name": name,
                "line_number": failure.line,
                "column_name": column.name if column else "",
                "column_type": column.type.partition("(")[0][:10] if column else "",
                "column_length": str(column.length) if column and column.length else "",
                "position": failure.error.position,
                "error_code": failure.error.code,
                "error_message": str(failure.error),
            }
        )
