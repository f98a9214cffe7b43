"""Redshift Serverless of the sandbox: its resources, who may ask it, its SQL, and streams that deliver to it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sandbox import listings
from sandbox.operations import keys, lines
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .warehouses import (
    ACCOUNT,
    REGION,
    STACK,
    Warehouse,
    allow,
    copy_role,
    house,
    integration,
    namespace,
    refused,
    resource,
    role,
    warehouse,
    workgroup,
)

__all__ = ["house"]
STATEMENTS = [
    allow("redshift-data:*", "*"),
    allow("redshift-serverless:GetCredentials", f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/*"),
]


def without(name: str, **others: Any) -> dict[str, Any]:
    return {key: value for key, value in {**warehouse(), **others}.items() if key != name}


def fails(run: Run, resources: dict[str, Any], text: str) -> None:
    with pytest.raises(Broken, match=text), deployed(run, "Wrong", {"Resources": resources}):
        pass


def test_a_stack_makes_a_warehouse_and_leaves_nothing_of_it(run: Run) -> None:
    found = {
        "Address": {"Value": {"Fn::GetAtt": ["Workgroup", "Workgroup.Endpoint.Address"]}},
        "Arn": {"Value": {"Fn::GetAtt": ["Namespace", "Namespace.NamespaceArn"]}},
    }
    serverless = run.client("redshift-serverless")
    resources = {**warehouse(), "Namespace": namespace(FinalSnapshotName="last")}
    with deployed(run, STACK, {"Resources": resources, "Outputs": found}):
        space = serverless.get_namespace(namespaceName="space")["namespace"]
        group = serverless.get_workgroup(workgroupName="group")["workgroup"]
        host = f"group.{ACCOUNT}.{REGION}.redshift-serverless.amazonaws.com"
        assert run.outputs(STACK) == {"Address": host, "Arn": space["namespaceArn"]}
        secret = run.client("secretsmanager").describe_secret(SecretId=space["adminPasswordSecretArn"])
        assert secret["Name"] == "redshift!space-admin"
        assert secret["KmsKeyId"] == run.resource(STACK, "AWS::KMS::Key")
        assert (group["publiclyAccessible"], group["enhancedVpcRouting"], group["baseCapacity"]) == (False, True, 8)
        arn = run.resource(STACK, "AWS::Redshift::Integration")
        control = run.client("cloudcontrol")
        assert control.get_resource(TypeName="AWS::Redshift::Integration", Identifier=arn)
        with refused("ConflictException", "workgroup"):
            serverless.delete_namespace(namespaceName="space")
        serverless.update_workgroup(workgroupName="group", maxCapacity=16)
        assert serverless.list_workgroups()["workgroups"][0]["maxCapacity"] == 16
        for type in ("AWS::RedshiftServerless::Namespace", "AWS::RedshiftServerless::Workgroup"):
            _, operation, key, name = listings.LISTS[type]
            listed = getattr(serverless, operation)()[key]
            assert [one[name] for one in listed] == run.resources(STACK, type)
        with refused("ValidationException", "max capacity"):
            serverless.update_workgroup(workgroupName="group", baseCapacity=32)
    assert run.client("secretsmanager").list_secrets()["SecretList"] == []
    assert serverless.list_namespaces()["namespaces"] == []
    assert serverless.list_snapshots()["snapshots"][0]["snapshotName"] == "last"


def test_an_integration_needs_the_policies_of_both_ends_and_a_bucket_without_notifications(run: Run) -> None:
    fails(run, {**without("Policy"), "Integration": integration()}, "not authorized to perform: s3:GetBucketNot")
    fails(run, {**warehouse(), "Integration": integration()}, "not authorized to perform: s3:GetBucketNot")
    policy = namespace()["Properties"]["NamespaceResourcePolicy"]
    for number, action in enumerate(("AuthorizeInboundIntegration", "CreateInboundIntegration")):
        kept = {"Statement": [policy["Statement"][1 - number]]}
        fails(run, {**warehouse(), "Namespace": namespace(NamespaceResourcePolicy=kept)}, f"does not allow .*{action}")
    queue = {"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}
    letting = {"Statement": [allow("sqs:SendMessage", "*", {"Service": "s3.amazonaws.com"})]}
    heard = {
        "Queue": resource("SQS::Queue"),
        "Lets": resource("SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument=letting),
        "Bucket": resource("S3::Bucket", "Lets", NotificationConfiguration={"QueueConfigurations": [queue]}),
    }
    fails(run, {**warehouse(), **heard}, "no event notifications for s3:ObjectCreated")
    fails(run, {**warehouse(), "Second": integration("Policy", "Integration")}, "already exists")


def stream(secret: Any, **more: Any) -> dict[str, Any]:
    host = {"Fn::GetAtt": ["Workgroup", "Workgroup.Endpoint.Address"]}
    role = {"Fn::GetAtt": ["StreamRole", "Arn"]}
    stage = {
        "BucketARN": {"Fn::GetAtt": ["Bucket", "Arn"]},
        "RoleARN": role,
        "Prefix": "stage/",
        "CompressionFormat": "GZIP",
        "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 1},
    }
    destination = {
        "ClusterJDBCURL": {"Fn::Sub": ["jdbc:redshift://${Host}:5439/dev", {"Host": host}]},
        "CopyCommand": {"DataTableName": "public.direct", "CopyOptions": "JSON 'auto' GZIP"},
        "RoleARN": role,
        "S3Configuration": stage,
        "SecretsManagerConfiguration": {"Enabled": True, "SecretARN": secret},
        "RetryOptions": {"DurationInSeconds": 600},
        **more,
    }
    return resource("KinesisFirehose::DeliveryStream", RedshiftDestinationConfiguration=destination)


def direct(secret: Any, *actions: str) -> dict[str, Any]:
    made = copy_role(*actions)
    made["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"Service": "firehose.amazonaws.com"}
    return {
        **warehouse(),
        "Workgroup": workgroup(PubliclyAccessible=True),
        "StreamRole": made,
        "Secret": resource(
            "SecretsManager::Secret", SecretString=json.dumps({"username": "loader", "password": "Passw0rd"})
        ),
        "Stream": stream(secret),
    }


def test_a_stream_copies_into_a_table_and_leaves_a_manifest_of_what_it_could_not(run: Run) -> None:
    secret = {"Ref": "Secret"}
    fails(run, direct(secret, "s3:*"), "secretsmanager:GetSecretValue")
    fails(run, {**direct(secret, "*"), "Stream": stream(secret, S3BackupMode="Enabled")}, "no backup")
    with deployed(run, STACK, {"Resources": direct(secret, "s3:*", "secretsmanager:GetSecretValue")}):
        house = Warehouse(run)
        house.sql("CREATE TABLE direct (id int, name varchar(8))")
        house.sql("CREATE USER loader PASSWORD 'Passw0rd'")
        name, firehose = run.resource(STACK, "AWS::KinesisFirehose::DeliveryStream"), run.client("firehose")
        firehose.put_record(DeliveryStreamName=name, Record={"Data": b'{"id": 1, "name": "one"}\n'})
        manifest = run.wait("a manifest", lambda: keys(run, house.bucket, "errors/manifests/"))[0]
        (entry,) = json.loads(lines_of(run, house.bucket, manifest))["entries"]
        assert house.sql("SELECT * FROM direct") == []
        house.sql("GRANT INSERT ON TABLE direct TO loader")
        firehose.put_record(DeliveryStreamName=name, Record={"Data": b'{"id": 2, "name": "two"}\n'})
        run.wait("the row", lambda: house.sql("SELECT id, name FROM direct") == [(2, "two")])
        house.sql(house.copy("direct", manifest, "JSON 'auto' GZIP MANIFEST"))
        assert house.sql("SELECT id, name FROM direct ORDER BY id") == [(1, "one"), (2, "two")]
        assert len(lines(run, house.bucket, "stage/")) == 2
        assert entry["mandatory"]
        for key in keys(run, house.bucket, ""):
            run.client("s3").delete_object(Bucket=house.bucket, Key=key)


def lines_of(run: Run, bucket: str, key: str) -> str:
    return str(run.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def test_what_redshift_refuses(house: Warehouse, run: Run) -> None:
    serverless = run.client("redshift-serverless")
    spaces: list[tuple[dict[str, Any], str]] = [
        ({"namespaceName": "select"}, "reserved word"),
        ({"adminPasswordSecretKmsKeyId": "k"}, "only if manageAdminPassword is true"),
        ({"manageAdminPassword": True, "adminUserPassword": "Passw0rd"}, "can't use adminUserPassword"),
        ({"iamRoles": [house.role + "x"]}, "does not exist"),
        ({"defaultIamRoleArn": house.role}, "must be among"),
    ]
    for given, text in spaces:
        with refused("ValidationException", text):
            serverless.create_namespace(**{"namespaceName": "another"} | given)
    subnets = serverless.get_workgroup(workgroupName="group")["workgroup"]["subnetIds"]
    groups: list[tuple[dict[str, Any], str]] = [
        ({"baseCapacity": 10}, "base capacity 10"),
        ({"maxCapacity": 4}, "max capacity must be"),
        ({"port": 5500}, "5431-5455"),
        ({"subnetIds": subnets[:2]}, "3 subnets in 3 Availability Zones with enhanced"),
        ({"subnetIds": subnets[:1], "enhancedVpcRouting": False}, "2 subnets in 2 Availability Zones without"),
        ({"subnetIds": ["subnet-0"]}, "subnet-0 does not exist"),
        ({"securityGroupIds": ["sg-0"]}, "security group sg-0 is not in"),
        ({"configParameters": [{"parameterKey": "colour", "parameterValue": "red"}]}, "colour is not supported"),
    ]
    for given, text in groups:
        with refused("ValidationException", text):
            serverless.update_workgroup(workgroupName="group", **given)
    with refused("ConflictException", "already associated"):
        serverless.create_workgroup(workgroupName="second", namespaceName="space")


def test_statements_answer_with_typed_fields(house: Warehouse) -> None:
    sql = house.sql
    sql(
        "CREATE TABLE typed (a varchar(10) ENCODE zstd, b bigint DISTKEY, c double precision, d bool, e super,"
        " f numeric(6,2))"
    )
    sql(
        "INSERT INTO typed VALUES ('x', 1, 1.5, true, JSON_PARSE('{\"k\": [1]}'), 2.5),"
        " (NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    done = house.execute("SELECT * FROM typed ORDER BY b")
    assert (done["ResultRows"], done["DbUser"], done["HasResultSet"]) == (2, "admin", True)
    found = house.data.get_statement_result(Id=done["Id"])
    assert [one["typeName"] for one in found["ColumnMetadata"]] == [
        "varchar",
        "int8",
        "float8",
        "bool",
        "super",
        "numeric",
    ]
    texts = {"stringValue": "x"}, {"longValue": 1}, {"doubleValue": 1.5}, {"booleanValue": True}
    assert found["Records"][0] == [*texts, {"stringValue": '{"k":[1]}'}, {"stringValue": "2.50"}]
    assert found["Records"][1] == [{"isNull": True}] * 6
    named = [{"name": "a", "value": "x'; --"}, {"name": "n", "value": "1"}]
    assert sql("SELECT :a, b FROM typed WHERE b = :n", Parameters=named) == [("x'; --", 1)]
    created = house.execute("SELECT 1")["CreatedAt"]
    assert abs(created.timestamp() - time.time()) < 60


def test_a_failed_statement_says_what_redshift_says(house: Warehouse) -> None:
    assert house.error("SELECT * FROM nowhere") == 'ERROR: relation "nowhere" does not exist'
    assert house.error("SELECT nothing FROM sys_load_history").startswith('ERROR: column "nothing" does not exist')
    assert house.error("SELECT FROM WHERE").startswith("ERROR: syntax error")
    assert "multiple commands" in house.error("SELECT 1; SELECT 2")
    assert "FATAL: database" in str(
        house.ended(
            house.data.execute_statement(
                WorkgroupName="group", Database="other", SecretArn=house.secret, Sql="SELECT 1"
            )["Id"]
        )
    )
    with refused("ValidationException", "endpoint doesn't exist"):
        house.data.execute_statement(WorkgroupName="nobody", Database="dev", Sql="SELECT 1")
    with refused("ResourceNotFoundException", "does not have result"):
        house.data.get_statement_result(Id=house.execute("CREATE SCHEMA IF NOT EXISTS other")["Id"])
    assert house.error("CREATE SCHEMA other") == 'ERROR: Schema "other" already exists'


def test_a_batch_is_one_transaction_unless_it_is_told_otherwise(house: Warehouse) -> None:
    where = {"WorkgroupName": "group", "Database": "dev", "SecretArn": house.secret}
    wrong = ["CREATE TABLE half (a int)", "INSERT INTO half VALUES (1)", "SELECT * FROM missing"]
    done = house.ended(house.data.batch_execute_statement(Sqls=wrong, **where)["Id"])
    assert (done["Status"], [one["Status"] for one in done["SubStatements"]]) == (
        "FAILED",
        ["FINISHED", "FINISHED", "FAILED"],
    )
    assert "does not exist" in house.error("SELECT * FROM half")
    done = house.ended(house.data.batch_execute_statement(Sqls=wrong, ExecutionMode="AUTO_COMMIT", **where)["Id"])
    assert house.sql("SELECT * FROM half") == [(1,)]
    done = house.ended(house.data.batch_execute_statement(Sqls=["SELECT 7", "DROP TABLE half"], **where)["Id"])
    assert house.data.get_statement_result(Id=f"{done['Id']}:1")["Records"] == [[{"longValue": 7}]]


def test_a_token_executes_a_statement_once(house: Warehouse) -> None:
    house.sql("CREATE TABLE IF NOT EXISTS tokens (a int)")
    first = house.execute("INSERT INTO tokens VALUES (1)", ClientToken="same")
    second = house.execute("INSERT INTO tokens VALUES (1)", ClientToken="same")
    assert first["Id"] == second["Id"]
    assert house.sql("SELECT count(*) FROM tokens") == [(1,)]
    with refused("ValidationException", "FINISHED"):
        house.data.cancel_statement(Id=first["Id"])
    listed = house.data.list_statements(Status="FINISHED")["Statements"]
    assert first["Id"] in [one["Id"] for one in listed]


def test_callers_need_permissions_and_see_their_own_statements(house: Warehouse, run: Run) -> None:
    where = {"WorkgroupName": "group", "Database": "dev"}
    with role(run, "Nobody", allow("redshift-data:*", "*")) as nobody:
        with refused("AccessDeniedException", "redshift-serverless:GetCredentials"):
            nobody("redshift-data").execute_statement(Sql="SELECT 1", **where)
        with refused("AccessDeniedException", "secretsmanager:GetSecretValue"):
            nobody("redshift-data").execute_statement(Sql="SELECT 1", SecretArn=house.secret, **where)
        reads = json.dumps({"Statement": [allow("secretsmanager:GetSecretValue", house.secret)]})
        run.client("iam").put_role_policy(RoleName="Nobody", PolicyName="Read", PolicyDocument=reads)
        with refused("AccessDeniedException", "kms:Decrypt"):
            nobody("redshift-data").execute_statement(Sql="SELECT 1", SecretArn=house.secret, **where)
        run.client("iam").delete_role_policy(RoleName="Nobody", PolicyName="Read")
    other = "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/other"
    with role(run, "Elsewhere", allow("redshift-data:*", other)) as elsewhere:
        data = elsewhere("redshift-data")
        with refused("AccessDeniedException", "redshift-data:ExecuteStatement"):
            data.execute_statement(Sql="SELECT 1", **where)
    own = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}
    start = allow("redshift-data:ExecuteStatement", "*")
    narrow = [start, STATEMENTS[1], allow("redshift-data:DescribeStatement", "*", **own)]
    with role(run, "Reader", *narrow) as reader:
        one, two = reader("redshift-data"), reader("redshift-data", "another")
        assert house.execute("SELECT current_user", one)["DbUser"] == "IAMR:Reader"
        id = one.execute_statement(Sql="SELECT 1", **where)["Id"]
        assert one.describe_statement(Id=id)
        with refused("AccessDeniedException"):
            two.describe_statement(Id=id)
        with refused("ResourceNotFoundException", "Query does not exist"):
            house.data.describe_statement(Id=id)


def test_users_may_do_what_they_were_granted(house: Warehouse, run: Run) -> None:
    with role(run, "Watcher", *STATEMENTS) as watcher:
        data = watcher("redshift-data")
        house.sql("CREATE SCHEMA closed")
        house.sql("CREATE TABLE closed.t (a int)")
        house.sql("INSERT INTO closed.t VALUES (5)")
        assert house.error("SELECT * FROM closed.t", data) == "ERROR: permission denied for schema closed"
        assert (
            house.error('GRANT USAGE ON SCHEMA closed TO "IAMR:Nobody2"') == 'ERROR: user "IAMR:Nobody2" does not exist'
        )
        house.sql('GRANT USAGE ON SCHEMA closed TO "IAMR:Watcher"')
        assert house.error("SELECT * FROM closed.t", data) == "ERROR: permission denied for relation t"
        assert house.sql("SELECT * FROM svv_columns WHERE table_schema = 'closed'", data) == []
        house.sql('GRANT SELECT ON ALL TABLES IN SCHEMA closed TO "IAMR:Watcher"')
        assert house.sql("SELECT a FROM closed.t", data) == [(5,)]
        assert "permission denied" in house.error("DELETE FROM closed.t", data)
        assert "must be owner" in house.error("ALTER TABLE closed.t ADD COLUMN b int", data)
        assert "permission denied for database" in house.error("CREATE SCHEMA mine", data)
        assert "superuser" in house.error("CREATE USER a PASSWORD DISABLE", data)
        house.sql("CREATE TABLE own_one (a int)", data)
        assert "cannot be dropped" in house.error('DROP USER "IAMR:Watcher"')
        house.sql("DROP TABLE own_one")
    assert "already exists" in house.error('CREATE USER "IAMR:Watcher" PASSWORD DISABLE')
    assert "must have a PASSWORD" in house.error("CREATE USER other")
    house.sql("CREATE USER seer PASSWORD DISABLE SYSLOG ACCESS UNRESTRICTED")
    assert house.sql("SELECT syslog_access FROM svv_user_info WHERE user_name = 'seer'") == [("UNRESTRICTED",)]
    house.sql("GRANT ROLE sys:monitor TO seer")
    assert house.sql("SELECT role_name FROM svv_user_grants WHERE user_name = 'seer'") == [("sys:monitor",)]


def test_columns_are_shown_with_the_types_they_were_given(house: Warehouse) -> None:
    house.sql(
        'CREATE TABLE "Shown" ("Device" VARCHAR(64) NOT NULL, note text, t TIMESTAMPTZ, n NUMERIC(8,3), d SUPER)'
        " DISTSTYLE AUTO"
    )
    house.sql("ALTER TABLE shown ADD COLUMN extra double precision")
    assert "already exists" in house.error("ALTER TABLE shown ADD COLUMN extra int")
    assert "syntax error" in house.error("ALTER TABLE shown ADD COLUMN IF NOT EXISTS extra int")
    types = [
        ("device", "character varying", 64),
        ("note", "character varying", 256),
        ("t", "timestamp with time zone", None),
        ("n", "numeric", None),
        ("d", "super", None),
        ("extra", "double precision", None),
    ]
    columns = "column_name, data_type, character_maximum_length"
    for view in ("svv_columns", "information_schema.columns", "svv_all_columns"):
        shown = f"SELECT {columns} FROM {view} WHERE table_name = 'shown' ORDER BY ordinal_position"  # noqa: S608
        assert house.sql(shown) == types
    defined = house.sql('SELECT "column", type, "notnull" FROM pg_table_def WHERE tablename = \'shown\'')
    assert defined[0] == ("device", "character varying(64)", True)
    house.sql("COMMENT ON TABLE shown IS 'it''s mine'")
    listed = house.sql(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), d.description FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " LEFT JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = 0"
        " WHERE n.nspname = 'public' AND c.relname = 'shown' AND a.attnum > 0 ORDER BY a.attnum"
    )
    assert listed[0] == ("device", "character varying(64)", "it's mine")
    assert [kind for _, kind, _ in listed[2:]] == [
        "timestamp with time zone",
        "numeric(8,3)",
        "super",
        "double precision",
    ]


def test_paths_lead_into_documents(house: Warehouse) -> None:
    house.sql("CREATE TABLE documents (d SUPER)")
    house.sql('INSERT INTO documents VALUES (JSON_PARSE(\'{"id":"a","Case":1,"in":{"n":[1,2.5]}}\'))')
    assert house.sql('SELECT d.id::varchar, d."in".n[1]::float, d.none FROM documents') == [("a", 2.5, None)]
    assert house.sql("SELECT x.d.id FROM documents x WHERE x.d.id = 'a' AND d.\"in\".n[0] > 0") == [('"a"',)]
    assert house.sql('SELECT d."Case" FROM documents') == [(None,)]
    where = {"WorkgroupName": "group", "Database": "dev", "SecretArn": house.secret}
    both = ["SET enable_case_sensitive_identifier TO true", 'SELECT d."Case" FROM documents']
    done = house.ended(house.data.batch_execute_statement(Sqls=both, **where)["Id"])
    assert house.data.get_statement_result(Id=f"{done['Id']}:2")["Records"] == [[{"stringValue": "1"}]]
