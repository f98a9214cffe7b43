"""COPY and COPY jobs of the sandbox: what is loaded, what fails and how it says so, once and for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from sandbox.operations import denied
from sandbox.run import Run

from .warehouses import STACK, Warehouse, allow, house, role

__all__ = ["house"]
LOAD = "JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"
ERRORS = "trim(file_name), line_number, trim(column_name), error_code, trim(error_message)"


@pytest.fixture
def table(house: Warehouse) -> Iterator[str]:
    """A table of typed columns."""
    name = f"t_{uuid4().hex[:8]}"
    house.sql(f"CREATE TABLE {name} (id bigint NOT NULL, device varchar(4), degrees float, t timestamp, d super)")
    yield name
    house.sql(f"DROP TABLE IF EXISTS {name}")


@contextmanager
def job(house: Warehouse, table: str, prefix: str, how: str = LOAD, **more: str) -> Iterator[str]:
    name = f"job_{uuid4().hex[:8]}"
    house.sql(f"{house.copy(table, prefix, how, **more)} JOB CREATE {name} AUTO ON")
    try:
        yield name
    finally:
        house.sql(f"COPY JOB DROP {name}")


def files(house: Warehouse, job: str) -> dict[str, str]:
    found = house.sql(f"SELECT file_name, status FROM sys_copy_job_detail WHERE job_name = '{job}'")  # noqa: S608
    return dict(found)


def ends(house: Warehouse, job: str, key: str) -> str:
    def look() -> str | None:
        state = files(house, job).get(key, "P")
        return None if state == "P" else state

    return house.run.wait(f"{key} in {job}", look)


def errors_of(house: Warehouse, key: str) -> list[tuple[Any, ...]]:
    where = f"s3://{house.bucket}/{key}"
    return house.sql(f"SELECT {ERRORS} FROM sys_load_error_detail WHERE file_name = '{where}' ORDER BY 2")  # noqa: S608


def test_records_become_rows_by_the_names_of_their_members(house: Warehouse, table: str) -> None:
    good = {
        "ID": 1,
        "Device": "a",
        "degrees": "20.5",
        "t": "2026-11-24T01:02:03.5Z",
        "d": {"x": [1.50, None]},
        "more": 1,
    }
    house.put("once/a.json.gz", good, '{"id":2}{"id":3, "device":null}\n\n', {"id": "4", "d": "text"})
    house.sql(house.copy(table, "once/", LOAD))
    rows = house.sql(f"SELECT id, device, degrees, t, d FROM {table} ORDER BY id")  # noqa: S608
    assert rows[0] == (1, "a", 20.5, "2026-11-24 01:02:03.500000", '{"x":[1.5,null]}')
    assert rows[1:] == [(2, *[None] * 4), (3, *[None] * 4), (4, None, None, None, '"text"')]
    house.sql(f"DELETE FROM {table}")  # noqa: S608
    house.put("exact/a.json", {"id": 1, "Device": "a", "t": "2026-11-24 01:02:03"})
    house.sql(house.copy(table, "exact/"))
    assert house.sql(f"SELECT id, device, t FROM {table}") == [(1, None, "2026-11-24 01:02:03")]  # noqa: S608
    house.put("epoch/a.json", {"id": 7, "t": 1000})
    house.sql(house.copy(f"{table} (id, t)", "epoch/", "JSON 'auto' TIMEFORMAT 'epochmillisecs'"))
    assert house.sql(f"SELECT t FROM {table} WHERE id = 7") == [("1970-01-01 00:00:01",)]  # noqa: S608


@pytest.mark.parametrize(
    ("record", "line", "column", "code", "text"),
    [
        ({"id": "x1"}, 2, "id", 1207, "Invalid digit, Value 'x', Pos 0, Type: Long"),
        ({"id": 1.5}, 2, "id", 1207, "Invalid digit, Value '.', Pos 1, Type: Long"),
        ({"id": None}, 2, "id", 1213, "Missing data for not-null field"),
        ({"id": 1, "device": "large"}, 2, "device", 1204, "String length exceeds DDL length"),
        ({"id": 1, "degrees": "mild"}, 2, "degrees", 1208, "Invalid value, Type: double precision"),
        ({"id": 1, "t": "yesterday"}, 2, "t", 1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
        ('{"id": 1,\n"device": }', 2, "", 1216, "Invalid JSON format"),
    ],
)
def test_one_record_that_does_not_fit_fails_the_whole_copy(
    house: Warehouse, table: str, record: Any, line: int, column: str, code: int, text: str
) -> None:
    key = house.put(f"bad/{table}.json", {"id": 1}, record, {"id": 3})
    said = house.error(house.copy(table, "bad/" + table, LOAD.replace(" GZIP", "")))
    assert said == f"ERROR: Load into table '{table}' failed.  Check 'sys_load_error_detail' system table for details."
    assert house.sql(f"SELECT * FROM {table}") == []  # noqa: S608
    assert errors_of(house, key) == [(f"s3://{house.bucket}/{key}", line, column, code, text)]
    history = f"SELECT status, loaded_rows, error_count FROM sys_load_history WHERE table_name = '{table}'"  # noqa: S608
    assert house.sql(history) == [("aborted", 0, 1)]
    house.sql(house.copy(table, "bad/" + table, LOAD.replace("GZIP", "MAXERROR 3 TRUNCATECOLUMNS")))
    assert house.sql(f"SELECT count(*) FROM {table}")[0][0] >= 1  # noqa: S608


def test_a_copy_of_documents_takes_whatever_they_have(house: Warehouse) -> None:
    house.sql("CREATE TABLE IF NOT EXISTS whole (document SUPER)")
    house.put("whole/a.json", {"a": {"B": 1}}, {"a": "x"})
    house.sql(house.copy("whole", "whole/", "FORMAT AS JSON 'noshred'"))
    assert house.sql("SELECT document FROM whole") == [('{"a": {"B": 1}}',), ('{"a": "x"}',)]
    house.sql("ALTER TABLE whole ADD COLUMN b int")
    assert "single column of the type SUPER" in house.error(house.copy("whole", "whole/", "JSON 'noshred'"))


def test_a_copy_needs_a_role_that_may_read_and_is_one_of_the_namespace(house: Warehouse, run: Run, table: str) -> None:
    house.put("roles/a.json", {"id": 1})
    mine = run.resource(STACK, "AWS::IAM::Role", "CopyRole")
    for action in ("s3:GetObject", "s3:ListBucket"):
        with denied(run, mine, [action]):
            said = house.error(house.copy(table, "roles/"))
            assert "Access Denied" in said
            assert action in said
    with role(run, "Stranger", allow("s3:*", "*")):
        said = house.error(house.copy(table, "roles/", role="arn:aws:iam::123456789012:role/Stranger"))
        assert "is not associated to cluster" in said
    assert "does not exist" in house.error(house.copy(table, "nothing/"))
    assert "no way" in no_way_out(house, run, house.copy(table, "roles/"))
    trust = run.client("iam").get_role(RoleName=mine)["Role"]["AssumeRolePolicyDocument"]
    other = {"Statement": [allow("sts:AssumeRole", principal={"Service": "glue.amazonaws.com"})]}
    run.client("iam").update_assume_role_policy(RoleName=mine, PolicyDocument=json.dumps(other))
    assert "is not authorized to assume IAM Role" in house.error(house.copy(table, "roles/"))
    run.client("iam").update_assume_role_policy(RoleName=mine, PolicyDocument=json.dumps(trust))
    key = run.resource(STACK, "AWS::KMS::Key")
    house.put("locked/a.json", {"id": 1}, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert "kms:Decrypt" in house.error(house.copy(table, "locked/"))


def no_way_out(house: Warehouse, run: Run, sql: str) -> str:
    """What a COPY says whose workgroup has no way to S3."""
    ec2, routes = run.client("ec2"), run.resource(STACK, "AWS::EC2::RouteTable")
    found = ec2.describe_route_tables(RouteTableIds=[routes])["RouteTables"][0]["Associations"]
    one = next(each for each in found if each.get("SubnetId"))
    ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    said = house.error(sql)
    ec2.associate_route_table(RouteTableId=routes, SubnetId=one["SubnetId"])
    return said


def test_a_job_loads_each_new_file_once_and_marks_the_one_that_fails(house: Warehouse, table: str) -> None:
    house.put(f"{table}/old.json.gz", {"id": 0})
    with job(house, table, f"{table}/") as name:
        assert ends(house, name, house.put(f"{table}/one.json.gz", {"id": 1}, {"id": 2})) == "I"
        assert ends(house, name, house.put(f"{table}/bad.json.gz", {"id": 3}, {"id": "x"})) == "E"
        house.put(f"{table}/one.json.gz", {"id": 1}, {"id": 2}, {"id": 9})
        house.put(f"{table}/bad.json.gz", {"id": 3}, {"id": 4})
        assert ends(house, name, house.put(f"{table}/two.json.gz", {"id": 5})) == "I"
        assert house.sql(f"SELECT id FROM {table} ORDER BY id") == [(1,), (2,), (5,)]  # noqa: S608
        assert f"{table}/old.json.gz" not in files(house, name)
        (_, line, column, code, _) = errors_of(house, f"{table}/bad.json.gz")[0]
        assert (line, column, code) == (2, "id", 1207)
        told = house.sql(f"SELECT message, job_name FROM sys_copy_job_info WHERE job_name = '{name}'")[0]  # noqa: S608
        assert (len(told[0]), len(told[1])) == (512, 128)
        assert "sys_load_error_detail" in told[0]
        joined = "sys_load_history h JOIN sys_copy_job j ON j.job_id = h.copy_job_id"
        aborted = f"SELECT h.loaded_rows FROM {joined} WHERE j.job_name = '{name}' AND h.status = 'aborted'"  # noqa: S608
        assert house.sql(aborted) == [(0,)]
        shown = house.sql(f"SELECT is_auto, trim(iam_role) FROM sys_copy_job WHERE job_name = '{name}'")  # noqa: S608
        assert shown == [(1, house.role)]
        assert house.sql("COPY JOB LIST") == [(name,)]
        assert "while auto copy is enabled" in house.error(f"COPY JOB RUN {name}")
        house.sql(f"COPY JOB ALTER {name} AUTO OFF")
        house.put(f"{table}/three.json.gz", {"id": 6})
        time.sleep(0.5)
        assert f"{table}/three.json.gz" not in files(house, name)
        house.sql(f"COPY JOB RUN {name}")
        assert files(house, name)[f"{table}/three.json.gz"] == "I"


def test_what_a_job_must_not_have_is_refused_when_it_is_made(house: Warehouse, table: str) -> None:
    for option in ("MAXERROR 1", "IGNOREALLERRORS", "MANIFEST"):
        made = f"{house.copy(table, 'x/', f'JSON {option}')} JOB CREATE j AUTO ON"
        assert f"{option.split()[0]} is not supported in a COPY JOB" in house.error(made)
    assert "IAM_ROLE default" in house.error(f"COPY {table} FROM 's3://b/x' IAM_ROLE default JSON JOB CREATE j")
    assert "letters, digits" in house.error(f"{house.copy(table, 'x/')} JOB CREATE my-job AUTO ON")
    assert "does not exist" in house.error("COPY JOB DROP nobody")
    assert 'relation "nowhere"' in house.error(f"{house.copy('nowhere', 'x/')} JOB CREATE j")
    where = {"WorkgroupName": "group", "Database": "dev", "SecretArn": house.secret}
    created = f"{house.copy(table, 'x/')} JOB CREATE j AUTO ON"
    for sqls in ([created], ["SELECT 1", created]):
        done = house.ended(house.data.batch_execute_statement(Sqls=sqls, **where)["Id"])
        assert "cannot run inside a transaction block" in done["Error"]
    with job(house, table, "x/") as name:
        assert "already exists" in house.error(f"{house.copy(table, 'y/')} JOB CREATE {name}")


def test_a_job_hears_of_no_file_while_its_bucket_does_not_tell(house: Warehouse, run: Run, table: str) -> None:
    s3 = run.client("s3")
    states = "SELECT \"channel state\" FROM svv_copy_job_integrations WHERE job_name = '{}'"
    with job(house, table, f"{table}/") as name:
        assert house.sql(states.format(name)) == [("Established",)]
        s3.put_bucket_notification_configuration(
            Bucket=house.bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        assert house.sql(states.format(name)) == [("Inactive",)]
        house.put(f"{table}/a.json.gz", {"id": 1})
        time.sleep(0.5)
        assert files(house, name) == {}
    other = f"other-{table.replace('_', '-')}"
    s3.create_bucket(Bucket=other)
    with job(house, table, "a/") as name:
        house.sql(f"COPY JOB DROP {name}")
        text = f"COPY {table} FROM 's3://{other}/a' IAM_ROLE '{house.role}' JSON 'auto' JOB CREATE {name}"
        house.sql(text)
        assert house.sql(states.format(name)) == [("Pending",)]
    s3.delete_bucket(Bucket=other)


def test_loads_are_seen_by_who_may(house: Warehouse, run: Run, table: str) -> None:
    key = house.put(f"seen/{table}.json", {"id": "x"})
    house.error(house.copy(table, f"seen/{table}"))
    count = f"SELECT count(*) FROM sys_load_error_detail WHERE file_name = 's3://{house.bucket}/{key}'"  # noqa: S608
    statements = [allow("redshift-data:*", "*"), allow("redshift-serverless:GetCredentials", "*")]
    with role(run, "Onlooker", *statements) as onlooker:
        data = onlooker("redshift-data")
        assert house.sql(count, data) == [(0,)]
        house.sql('ALTER USER "IAMR:Onlooker" SYSLOG ACCESS UNRESTRICTED')
        assert house.sql(count, data) == [(1,)]
        house.sql('ALTER USER "IAMR:Onlooker" SYSLOG ACCESS RESTRICTED')
        house.sql('GRANT ROLE sys:monitor TO "IAMR:Onlooker"')
        assert house.sql(count, data) == [(1,)]
        assert "permission denied" in house.error(house.copy(table, "seen/"), data)
        made = f"{house.copy(table, 'seen/')} JOB CREATE theirs"
        assert "permission denied to create copy jobs" in house.error(made, data)


def test_parquet_is_loaded_by_the_places_of_columns(house: Warehouse, table: str, tmp_path: Any) -> None:
    import duckdb

    file = tmp_path / "a.parquet"
    duckdb.connect().execute(f"COPY (SELECT 1::BIGINT AS x, 'abc' AS y) TO '{file}' (FORMAT PARQUET)")
    house.run.client("s3").put_object(Bucket=house.bucket, Key="parquet/a.parquet", Body=file.read_bytes())
    house.sql(house.copy(f"{table} (id, device)", "parquet/", "FORMAT AS PARQUET"))
    assert house.sql(f"SELECT id, device FROM {table}") == [(1, "abc")]  # noqa: S608
    assert "incompatible Parquet schema" in house.error(house.copy(table, "parquet/", "PARQUET"))
