"""A table of Redshift and the job that loads into it, however often CloudFormation asks and whatever goes wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.iot_to_firehose.warehouse import ADMIN, NAME, TEXT, Crash, Warehouse, bare, text_of
from tests.handlers.loading import Context, load_provider

PROVIDER = "redshift_tables"
KIND = "Custom::RedshiftTable"
ROLE = "arn:aws:iam::111122223333:role/load"
OPTIONS = "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"
ASKED: dict[str, Any] = {
    "WorkgroupName": "iot",
    "Database": "dev",
    "SecretArn": ADMIN,
    "Schema": "public",
    "Table": "telemetry",
    "Columns": [{"Name": "device", "Type": "VARCHAR(64)"}, {"Name": "at", "Type": "timestamp"}],
    "Job": {"Name": "cdk_refarch_telemetry", "From": "s3://staging/data/", "RoleArn": ROLE, "Options": OPTIONS},
    "Watcher": "IAMR:Stack-LoadsRole-1A2B",
    "Keep": "true",
}
ID = "iot/dev/public.telemetry"
KNOWN = {"PhysicalResourceId": ID}
COPY = f"COPY \"public\".\"telemetry\" FROM 's3://staging/data/' IAM_ROLE '{ROLE}' {OPTIONS}"
TYPES = {"device": "character varying(64)", "at": "timestamp without time zone"}
MADE_UP = {"PhysicalResourceId": "failed-create", "Began": 0}


def asked(job: dict[str, str] | None = None, **changed: Any) -> dict[str, Any]:
    made = {**ASKED, **changed}
    return {**made, "Job": {**ASKED["Job"], **job}} if job else made


@pytest.fixture
def warehouse(aws: FakeAws) -> Warehouse:
    return Warehouse(aws)


@pytest.fixture
def send(warehouse: Warehouse, cloudformation: CloudFormation) -> Any:
    def send(properties: dict[str, Any], action: str = "Create", **more: Any) -> Any:
        # Each request has an id of its own, and is the same when it comes again.
        more = {"RequestId": f"{action}-{len(cloudformation.requests)}", **more}
        return cloudformation.send(KIND, properties, action, **more)

    return send


def test_table_watcher_and_job_are_made_in_this_order(warehouse: Warehouse, send: Any) -> None:
    warehouse.looks = 1
    answer = send(ASKED)
    job = answer["Data"]["Job"]
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ID)
    assert re.fullmatch("cdk_refarch_telemetry_[0-9a-f]{8}", job)
    assert warehouse.ran == [
        'CREATE SCHEMA IF NOT EXISTS "public"',
        'CREATE TABLE IF NOT EXISTS "public"."telemetry" '
        '("device" character varying(64), "at" timestamp without time zone)',
        'COMMENT ON TABLE "public"."telemetry" IS \'/Resource\'',
        'CREATE USER "IAMR:Stack-LoadsRole-1A2B" PASSWORD DISABLE',
        'GRANT ROLE sys:monitor TO "IAMR:Stack-LoadsRole-1A2B"',
        f"{COPY} JOB CREATE {job} AUTO ON",
    ]
    assert warehouse.tables == {"public.telemetry": TYPES}
    assert warehouse.aws.actions() == {
        "redshift-data:ExecuteStatement",
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
    }


def test_each_statement_is_run_as_the_administrator_and_those_that_change_something_with_a_token(
    warehouse: Warehouse, send: Any
) -> None:
    send(ASKED)
    calls = [one.parameters for one in warehouse.aws.calls if one.operation == "ExecuteStatement"]
    where = {"WorkgroupName": "iot", "Database": "dev", "SecretArn": ADMIN}
    assert all(where.items() <= call.items() for call in calls)
    changes = [call for call in calls if "Parameters" not in call]
    assert [call["Sql"] for call in changes] == warehouse.ran
    assert len({call["ClientToken"] for call in changes}) == len(changes)
    assert not any("ClientToken" in call for call in calls if call not in changes)


@pytest.mark.parametrize("action", ["Create", "Update"])
def test_what_is_there_is_not_made_again(warehouse: Warehouse, send: Any, action: str) -> None:
    first = send(ASKED)
    warehouse.ran.clear()
    assert send(ASKED, action, OldResourceProperties=ASKED, **KNOWN)["Data"] == first["Data"]
    assert warehouse.ran == []


def test_columns_that_a_table_lacks_are_added_and_others_stay(warehouse: Warehouse, send: Any) -> None:
    warehouse.tables["public.telemetry"] = {"device": "character varying(64)", "note": "super"}
    more = [*ASKED["Columns"], {"Name": "Value", "Type": "decimal"}]
    assert send(asked(Columns=more))["Status"] == "SUCCESS"
    assert warehouse.tables["public.telemetry"] == {
        "device": "character varying(64)",
        "note": "super",
        "at": "timestamp without time zone",
        "value": "numeric(18,0)",
    }
    assert warehouse.comments == {}


def test_a_column_of_another_type_is_refused_and_the_table_survives_the_delete(warehouse: Warehouse, send: Any) -> None:
    warehouse.tables["public.telemetry"] = {"device": "integer"}
    answer = send(asked(Keep="false"))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "refused-create")
    assert answer["Reason"] == (
        "column device of table public.telemetry must be character varying(64), got integer; name that type, change it "
        "there with ALTER TABLE, or take another table"
    )
    send(asked(Keep="false"), "Delete", PhysicalResourceId="refused-create")
    assert (warehouse.ran, list(warehouse.tables)) == ([], ["public.telemetry"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("int", "integer"),
        ("INT8", "bigint"),
        ("float", "double precision"),
        ("Double  Precision", "double precision"),
        ("bool", "boolean"),
        ("decimal(10)", "numeric(10,0)"),
        ("NUMERIC (10, 2)", "numeric(10,2)"),
        ("char", "character(1)"),
        ("varchar", "character varying(256)"),
        ("varchar(max)", "character varying(65535)"),
        ("character varying(5)", "character varying(5)"),
        ("text", "character varying(256)"),
        ("timestamptz", "timestamp with time zone"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("timestamp without time zone", "timestamp without time zone"),
        ("timetz", "time with time zone"),
        ("date", "date"),
        ("super", "super"),
        ("varbyte(max)", "varbyte(1024000)"),
        ("something new", "something new"),
    ],
)
def test_types_are_compared_as_redshift_shows_them(cloudformation: CloudFormation, given: str, shown: str) -> None:
    canonical = cloudformation.module.canonical
    assert canonical(given) == shown == canonical(shown)


@pytest.mark.parametrize("text", ["", "int)", "int, x int", "varchar(64) encode zstd", "int; drop table x", "1", 'a"'])
def test_what_is_more_than_a_type_is_refused_before_anything_is_made(
    warehouse: Warehouse, send: Any, text: str
) -> None:
    answer = send(asked(Columns=[{"Name": "x", "Type": text}]))
    assert answer["Reason"].startswith(f"the type of a column must be one of Redshift, got {text!r}")
    assert warehouse.ran == []


@pytest.mark.parametrize(
    "change",
    [{"From": "s3://staging/other/"}, {"RoleArn": f"{ROLE}2"}, {"Options": "FORMAT AS PARQUET"}, {"Name": "renamed"}],
)
def test_a_changed_job_takes_the_place_of_the_old_one(warehouse: Warehouse, send: Any, change: dict[str, str]) -> None:
    old = send(ASKED)["Data"]["Job"]
    warehouse.ran.clear()
    changed = asked(change)
    new = send(changed, "Update", OldResourceProperties=ASKED, **KNOWN)["Data"]["Job"]
    assert (list(warehouse.jobs), warehouse.ran[0]) == ([new], f"COPY JOB DROP {old}")
    # A rollback.
    assert send(ASKED, "Update", OldResourceProperties=changed, **KNOWN)["Data"]["Job"] == old
    assert list(warehouse.jobs) == [old]


def test_a_job_that_is_wanted_no_more_is_dropped(warehouse: Warehouse, send: Any) -> None:
    send(ASKED)
    without = {name: value for name, value in ASKED.items() if name != "Job"}
    assert send(without, "Update", OldResourceProperties=ASKED, **KNOWN)["Data"] == {"Job": ""}
    assert warehouse.jobs == {}


def test_another_table_is_made_beside_and_the_delete_of_the_old_one_leaves_it_its_job(
    warehouse: Warehouse, send: Any
) -> None:
    old = asked(Keep="false")
    send(old)
    moved = asked(Keep="false", Table="moved")
    answer = send(moved, "Update", OldResourceProperties=old, **KNOWN)
    assert answer["PhysicalResourceId"] == "iot/dev/public.moved"
    assert len(warehouse.jobs) == 2
    send(old, "Delete", **KNOWN)
    assert (list(warehouse.tables), list(warehouse.jobs)) == (["public.moved"], [answer["Data"]["Job"]])


@pytest.mark.parametrize("keep", ["true", "false"])
def test_a_delete_drops_the_job_and_the_table_only_if_it_is_not_kept(
    warehouse: Warehouse, send: Any, keep: str
) -> None:
    properties = asked(Keep=keep)
    send(properties)
    for _ in range(2):
        assert send(properties, "Delete", **KNOWN)["Status"] == "SUCCESS"
        assert (warehouse.jobs, "public.telemetry" in warehouse.tables) == ({}, keep == "true")


def test_a_table_of_somebody_else_is_never_dropped(warehouse: Warehouse, send: Any) -> None:
    warehouse.tables["public.telemetry"] = dict(TYPES)
    send(asked(Keep="false"))
    assert send(asked(Keep="false"), "Delete", **KNOWN)["Status"] == "SUCCESS"
    assert "public.telemetry" in warehouse.tables


@pytest.mark.parametrize(
    "refusal",
    [
        FakeError("ResourceNotFoundException", "Workgroup iot not found"),
        FakeError("ValidationException", "Redshift endpoint doesn't exist in this region."),
    ],
)
def test_a_delete_of_what_is_gone_with_its_workgroup_is_done(
    warehouse: Warehouse, send: Any, refusal: FakeError
) -> None:
    warehouse.refusal = refusal
    assert send(ASKED, "Delete", **KNOWN)["Status"] == "SUCCESS"
    assert send(ASKED)["Status"] == "FAILED"


def test_a_delete_that_redshift_refuses_for_another_reason_fails(warehouse: Warehouse, send: Any) -> None:
    send(ASKED)
    warehouse.failing = [("COPY JOB DROP", "must be superuser")]
    answer = send(ASKED, "Delete", **KNOWN)
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "Redshift: must be superuser")
    assert warehouse.jobs


def test_a_delete_after_a_failed_create_takes_what_was_made(warehouse: Warehouse, send: Any) -> None:
    warehouse.failing = [("COPY", "permission denied")]
    properties = asked(Keep="false")
    assert send(properties)["Reason"] == "Redshift: permission denied"
    assert send(properties, "Delete", **MADE_UP)["Status"] == "SUCCESS"
    assert (warehouse.tables, warehouse.jobs) == ({}, {})


def test_a_workgroup_that_wakes_up_is_waited_for(warehouse: Warehouse, send: Any) -> None:
    warehouse.failing = [("SELECT", "could not connect"), ("CREATE TABLE", "the workgroup is resuming")]
    assert send(ASKED)["Status"] == "SUCCESS"
    assert list(warehouse.jobs)


def test_what_takes_longer_than_the_function_goes_on_in_another_one_and_is_asked_for_once(
    warehouse: Warehouse, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTS_SECONDS", "1200")
    warehouse.aws.reply("lambda", "Invoke", {"StatusCode": 202}, repeat=True)
    warehouse.looks = 4
    calls, answer = 0, None
    while answer is None:
        event = cloudformation.again[-1] if cloudformation.again else {}
        answer = cloudformation.send(KIND, ASKED, context=Context(60, look=2), **{**event, "ResourceProperties": ASKED})
        calls += 1
        assert calls < 50
    assert (answer["Status"], calls > 1) == ("SUCCESS", True)
    assert len(warehouse.ran) == len(set(warehouse.ran)) == 6


def test_the_secret_of_the_administrator_is_found_by_its_namespace(warehouse: Warehouse, send: Any) -> None:
    by_namespace = {**ASKED, "SecretArn": "", "NamespaceName": "iot"}
    assert send(by_namespace)["Status"] == "SUCCESS"
    assert "redshift-serverless:GetNamespace" in warehouse.aws.actions()
    warehouse.secret = None
    assert send(by_namespace)["Reason"] == (
        "namespace iot must have a secret of its administrator, got none; let Redshift manage the password, or name a "
        "secret"
    )
    gone = {**by_namespace, "NamespaceName": "gone"}
    assert send(gone, "Delete", **KNOWN)["Status"] == "SUCCESS"


@pytest.mark.parametrize("name", ["", "my-job", "Job", "1job", "a b", 'a"', "x" * 102])
def test_a_name_of_a_job_that_needs_quotes_is_refused(warehouse: Warehouse, send: Any, name: str) -> None:
    assert send(asked({"Name": name}))["Reason"].startswith("the name of a job must fit")
    assert warehouse.ran == []


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_names_and_texts_come_through_statements_as_they_are(text: str) -> None:
    module = MODULE
    if "\0" in text:
        for quote in (module.quoted, module.literal):
            with pytest.raises(module.RefusedError):
                quote(text)
        return
    assert re.fullmatch(TEXT, module.literal(text), re.DOTALL)
    assert text_of(module.literal(text)) == text
    if 0 < len(text.encode()) <= 127:
        assert re.fullmatch(NAME, module.quoted(text), re.DOTALL)
        assert bare(module.quoted(text)) == text.lower()
    else:
        with pytest.raises(module.RefusedError, match="a name must have 1 to 127 bytes"):
            module.quoted(text)


FAULTS = st.dictionaries(st.integers(0, 40), st.sampled_from(("throttled", "lost", "crash")), max_size=4)


def test_whatever_goes_wrong_the_request_that_comes_again_ends_with_one_table_and_one_job(
    warehouse: Warehouse, cloudformation: CloudFormation
) -> None:
    @settings(max_examples=30, deadline=None)
    @given(faults=FAULTS, others=st.booleans())
    def holds(faults: dict[int, str], others: bool) -> None:
        warehouse.reset()
        warehouse.jobs = {"somebody_elses": "COPY"} if others else {}
        warehouse.faults = faults
        answer = None
        while answer is None:
            # Lambda calls the function again with the same request when it crashes.
            with suppress(Crash):
                answer = cloudformation.send(KIND, ASKED)
        assert answer["Status"] == "SUCCESS", answer
        assert warehouse.tables == {"public.telemetry": TYPES}
        assert sorted(warehouse.jobs) == sorted([answer["Data"]["Job"], *["somebody_elses"] * others])
        assert warehouse.users == {ASKED["Watcher"]: True}
        assert len(warehouse.ran) == len(set(warehouse.ran))

    holds()


def _module() -> Any:
    with pytest.MonkeyPatch.context() as patch, FakeAws() as aws:
        aws.patch(patch)
        return load_provider(PROVIDER)


MODULE = _module()
