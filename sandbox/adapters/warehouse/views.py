"""The system views that show tables, users, loads and COPY jobs, as far as their columns are documented.

Texts of the type character(n) are padded in results, and cut at n, as on AWS; comparisons ignore the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from . import integrations
from .database import OIDS, Database, own
from .state import User

Rows = Iterator[dict[str, Any]]
_OF_COPIES = (
    "user_id INTEGER, query_id BIGINT, transaction_id BIGINT, session_id INTEGER, database_name {}, table_id INTEGER, "
)
VIEWS: dict[str, str] = {
    "svv_columns": (
        "table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, column_name VARCHAR, "
        "ordinal_position INTEGER, column_default VARCHAR, is_nullable VARCHAR, data_type VARCHAR, "
        "character_maximum_length INTEGER, numeric_precision INTEGER, numeric_scale INTEGER, remarks VARCHAR"
    ),
    "svv_all_columns": (
        "database_name VARCHAR, schema_name VARCHAR, table_name VARCHAR, column_name VARCHAR, "
        "ordinal_position INTEGER, column_default VARCHAR, is_nullable VARCHAR, data_type VARCHAR, "
        "character_maximum_length INTEGER, numeric_precision INTEGER, numeric_scale INTEGER, remarks VARCHAR"
    ),
    "pg_table_def": (
        'schemaname VARCHAR, tablename VARCHAR, "column" VARCHAR, type VARCHAR, encoding VARCHAR, '
        'distkey BOOLEAN, sortkey INTEGER, "notnull" BOOLEAN'
    ),
    "svv_tables": (
        "table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, table_type VARCHAR, remarks VARCHAR"
    ),
    "svv_all_schemas": "database_name VARCHAR, schema_name VARCHAR, schema_owner INTEGER, schema_type VARCHAR",
    "pg_namespace": "oid BIGINT, nspname VARCHAR, nspowner INTEGER",
    "pg_class": "oid BIGINT, relname VARCHAR, relnamespace BIGINT, relowner INTEGER, relkind VARCHAR",
    "pg_attribute": (
        "attrelid BIGINT, attname VARCHAR, atttypid BIGINT, attnum INTEGER, atttypmod INTEGER, attnotnull BOOLEAN, "
        "attisdropped BOOLEAN"
    ),
    "pg_description": "objoid BIGINT, classoid BIGINT, objsubid INTEGER, description VARCHAR",
    "pg_user": "usename VARCHAR, usesysid INTEGER, usecreatedb BOOLEAN, usesuper BOOLEAN, usecatupd BOOLEAN",
    "pg_user_info": (
        "usename VARCHAR, usesysid INTEGER, usecreatedb BOOLEAN, usesuper BOOLEAN, usecatupd BOOLEAN, "
        "syslogaccess VARCHAR"
    ),
    "svv_user_info": (
        "user_name VARCHAR, user_id INTEGER, createdb BOOLEAN, superuser BOOLEAN, catalog_update BOOLEAN, "
        "syslog_access VARCHAR, last_ddl_timestamp TIMESTAMP, session_timeout INTEGER, external_user_id VARCHAR"
    ),
    "svv_user_grants": "user_id INTEGER, user_name VARCHAR, role_id INTEGER, role_name VARCHAR, admin_option BOOLEAN",
    "svv_relation_privileges": (
        "namespace_name VARCHAR, relation_name VARCHAR, privilege_type VARCHAR, identity_name VARCHAR"
    ),
    "sys_copy_job": (
        "job_id BIGINT, job_name CHAR(128), iam_role CHAR(128), job_text CHAR(256), is_auto INTEGER, "
        "on_error_suspend INTEGER"
    ),
    "sys_copy_job_detail": (
        "user_id INTEGER, database_name VARCHAR, job_id INTEGER, job_name VARCHAR, file_location VARCHAR, "
        "file_name VARCHAR, file_size BIGINT, file_etag VARCHAR, job_text CHAR(256), modification_time TIMESTAMP, "
        "enqueue_time TIMESTAMP, status CHAR(1)"
    ),
    "sys_copy_job_info": (
        "job_id BIGINT, job_name CHAR(128), database_name CHAR(128), record_time TIMESTAMP, message CHAR(512)"
    ),
    "svv_copy_job_integrations": (
        'job_owner INTEGER, channel_arn VARCHAR, bucket VARCHAR, "channel state" VARCHAR, db_name VARCHAR, '
        "job_name VARCHAR, job_state INTEGER"
    ),
    "sys_load_history": (
        "user_id INTEGER, query_id BIGINT, transaction_id BIGINT, session_id INTEGER, database_name VARCHAR, "
        "status VARCHAR, table_name VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP, duration BIGINT, "
        "data_source VARCHAR, file_format VARCHAR, loaded_rows BIGINT, loaded_bytes BIGINT, "
        "source_file_count INTEGER, source_file_bytes BIGINT, file_count_scanned INTEGER, "
        "file_bytes_scanned BIGINT, error_count BIGINT, copy_job_id BIGINT"
    ),
    "sys_load_detail": (
        "user_id INTEGER, query_id BIGINT, file_name VARCHAR, bytes_scanned BIGINT, lines_scanned BIGINT, "
        "record_time TIMESTAMP, splits_scanned INTEGER, start_time TIMESTAMP, end_time TIMESTAMP"
    ),
    "sys_load_error_detail": _OF_COPIES.format("CHAR(64)")
    + (
        "start_time TIMESTAMP, file_name CHAR(256), line_number BIGINT, column_name CHAR(127), column_type CHAR(10), "
        "column_length CHAR(10), position INTEGER, error_code INTEGER, error_message CHAR(512)"
    ),
}
"""The views and their columns; ``SYS_LOAD_DETAIL`` is as far as we know it."""
OF_SCHEMA = {"information_schema.columns": "svv_columns", "information_schema.tables": "svv_tables"}
"""Views under the names that a standard has for them."""


def padded(view: str) -> dict[str, int]:
    """The columns of a view that are of the type character(n), with n.

    Args:
        view: The view.
    """
    parts = [part.split(" CHAR(") for part in VIEWS[view].split(", ") if " CHAR(" in part]
    return {name: int(length.removesuffix(")")) for name, length in parts}


def moment(seconds: float) -> datetime:
    """A time as the views show it.

    Args:
        seconds: Since 1970.
    """
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def rows(view: str, database: Database, user: User) -> list[dict[str, Any]]:
    """What a user sees in a view.

    Args:
        view: The view.
        database: The database that the user is connected to.
        user: The user.
    """
    limits = padded(view)
    found = list(_SHOWS[view](database, user))
    for row in found:
        row.update({name: str(row[name])[:length] for name, length in limits.items() if row.get(name) is not None})
    return found


def _columns(database: Database, user: User, catalog: str, schema: str) -> Rows:
    for table in database.tables.values():
        owns = table.owner.lower() == user.name.lower()
        if not owns and not database.may(user, "select", "table", f"{table.schema}.{table.name}"):
            continue
        for place, column in enumerate(table.columns, 1):
            yield {
                catalog: database.name,
                schema: table.schema,
                "table_name": table.name,
                "column_name": column.name,
                "ordinal_position": place,
                "is_nullable": "YES" if column.nullable else "NO",
                "data_type": column.type.partition("(")[0],
                "character_maximum_length": column.length,
            }


def _definitions(database: Database, user: User) -> Rows:
    """Only tables in schemas of the search path, which is ``public`` here."""
    for table in database.tables.values():
        for column in table.columns if table.schema == "public" else ():
            yield {
                "schemaname": table.schema,
                "tablename": table.name,
                "column": column.name,
                "type": column.shown,
                "encoding": "none",
                "distkey": False,
                "sortkey": 0,
                "notnull": not column.nullable,
            }


def _tables(database: Database, user: User) -> Rows:
    for table in database.tables.values():
        named = {"table_schema": table.schema, "table_name": table.name}
        yield {"table_catalog": database.name, **named, "table_type": "BASE TABLE"}


def _schemas(database: Database, user: User) -> Rows:
    for name, owner in database.schemas.items():
        id = database.space.users[owner.lower()].id if owner.lower() in database.space.users else 1
        named = {"schema_name": name, "nspname": name, "oid": _oid(name)}
        yield {"database_name": database.name, "schema_owner": id, "nspowner": id, **named}


def _oid(schema: str) -> int:
    return crc32(schema.encode())


def _classes(database: Database, user: User) -> Rows:
    for table in database.tables.values():
        owner = database.space.users.get(table.owner.lower())
        named = {"oid": table.id, "relname": table.name, "relnamespace": _oid(table.schema)}
        yield {**named, "relowner": owner.id if owner else 1, "relkind": "r"}


def _attributes(database: Database, user: User) -> Rows:
    for table in database.tables.values():
        for place, column in enumerate(table.columns, 1):
            yield {
                "attrelid": table.id,
                "attname": column.name,
                "atttypid": OIDS.get(column.type.partition("(")[0], 0),
                "attnum": place,
                "atttypmod": column.modifier,
                "attnotnull": not column.nullable,
                "attisdropped": False,
            }


def _descriptions(database: Database, user: User) -> Rows:
    for table in database.tables.values():
        if table.comment:
            yield {"objoid": table.id, "objsubid": 0, "description": table.comment}


def _users(database: Database, user: User) -> Rows:
    for one in database.space.users.values():
        access = "UNRESTRICTED" if one.sees_all or one.is_super else "RESTRICTED"
        yield {
            "usename": one.name,
            "user_name": one.name,
            "usesysid": one.id,
            "user_id": one.id,
            "usecreatedb": one.is_super,
            "createdb": one.is_super,
            "usesuper": one.is_super,
            "superuser": one.is_super,
            "usecatupd": one.is_super,
            "catalog_update": one.is_super,
            "syslogaccess": access,
            "syslog_access": access,
        }


def _roles(database: Database, user: User) -> Rows:
    for one in database.space.users.values():
        for role in one.roles:
            yield {"user_id": one.id, "user_name": one.name, "role_name": role, "admin_option": False}


def _privileges(database: Database, user: User) -> Rows:
    for name, grants in database.grants.items():
        for privilege, kind, what in grants:
            if kind == "table":
                schema, _, table = what.partition(".")
                named = {"namespace_name": schema, "relation_name": table, "identity_name": name}
                yield {**named, "privilege_type": privilege.upper()}


def _jobs(database: Database, user: User) -> Rows:
    for job in database.jobs.values():
        if user.sees_system or job.owner is user:
            named = {"job_id": job.id, "job_name": job.name, "iam_role": job.copy.role}
            yield {**named, "job_text": job.text, "is_auto": int(job.is_auto), "on_error_suspend": 0}


def _files_of_jobs(database: Database, user: User) -> Rows:
    for job in database.jobs.values():
        yield from (dict(row) for row in own(job.files.values(), user))


def _channels(database: Database, user: User) -> Rows:
    for job in database.jobs.values():
        if user.sees_system or job.owner is user:
            state = integrations.state_of(database.space, job.copy.bucket)
            yield {
                "job_owner": job.owner.id,
                "bucket": job.copy.bucket,
                "channel state": state,
                "db_name": database.name,
                "job_name": job.name,
                "job_state": int(state == "Established"),
            }


_SHOWS: dict[str, Callable[[Database, User], Rows]] = {
    "svv_columns": lambda database, user: _columns(database, user, "table_catalog", "table_schema"),
    "svv_all_columns": lambda database, user: _columns(database, user, "database_name", "schema_name"),
    "pg_table_def": _definitions,
    "svv_tables": _tables,
    "svv_all_schemas": _schemas,
    "pg_namespace": _schemas,
    "pg_class": _classes,
    "pg_attribute": _attributes,
    "pg_description": _descriptions,
    "pg_user": _users,
    "pg_user_info": _users,
    "svv_user_info": _users,
    "svv_user_grants": _roles,
    "svv_relation_privileges": _privileges,
    "sys_copy_job": _jobs,
    "sys_copy_job_detail": _files_of_jobs,
    "sys_copy_job_info": lambda database, user: iter([dict(row) for row in own(database.messages, user)]),
    "svv_copy_job_integrations": _channels,
    "sys_load_history": lambda database, user: iter([dict(row) for row in own(database.loads, user)]),
    "sys_load_detail": lambda database, user: iter([dict(row) for row in own(database.files, user)]),
    "sys_load_error_detail": lambda database, user: iter([dict(row) for row in own(database.errors, user)]),
}
