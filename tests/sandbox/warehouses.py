"""What the tests of Redshift have in hand: a warehouse with a bucket that is a source of it, and SQL."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.run import Run

from .conftest import deployed

ACCOUNT, REGION = "123456789012", "us-east-1"
STACK, DATABASE = "Warehouse", "dev"
REDSHIFT = {"Service": "redshift.amazonaws.com"}


def resource(type: str, *after: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{type}", "Properties": properties} | ({"DependsOn": list(after)} if after else {})


def allow(action: Any, on: Any = None, principal: Any = None, **conditions: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action} | ({"Resource": on} if on else {})
    found |= {"Principal": principal} if principal else {}
    return found | ({"Condition": conditions} if conditions else {})


def namespace(**more: Any) -> dict[str, Any]:
    bucket = {"Fn::GetAtt": ["Bucket", "Arn"]}
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnEquals": {"aws:SourceArn": bucket}}
    policy = [
        allow("redshift:AuthorizeInboundIntegration", principal=REDSHIFT, **source),
        allow("redshift:CreateInboundIntegration", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, **source),
    ]
    properties = {
        "NamespaceName": "space",
        "DbName": DATABASE,
        "ManageAdminPassword": True,
        "AdminPasswordSecretKmsKeyId": {"Ref": "Key"},
        "IamRoles": [{"Fn::GetAtt": ["CopyRole", "Arn"]}],
        "NamespaceResourcePolicy": {"Version": "2012-10-17", "Statement": policy},
    }
    return resource("RedshiftServerless::Namespace", **properties | more)


def network(zones: str = "abc") -> dict[str, Any]:
    found = {
        "Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
        "Routes": resource("EC2::RouteTable", VpcId={"Ref": "Vpc"}),
        "ToS3": resource(
            "EC2::VPCEndpoint",
            VpcId={"Ref": "Vpc"},
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[{"Ref": "Routes"}],
        ),
    }
    for number, zone in enumerate(zones):
        where = {"CidrBlock": f"10.9.{number}.0/24", "AvailabilityZone": f"{REGION}{zone}"}
        found[f"Subnet{zone}"] = resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, **where)
        both = {"RouteTableId": {"Ref": "Routes"}, "SubnetId": {"Ref": f"Subnet{zone}"}}
        found[f"Route{zone}"] = resource("EC2::SubnetRouteTableAssociation", **both)
    return found


def workgroup(zones: str = "abc", **more: Any) -> dict[str, Any]:
    properties = {
        "WorkgroupName": "group",
        "NamespaceName": {"Ref": "Namespace"},
        "BaseCapacity": 8,
        "EnhancedVpcRouting": True,
        "SubnetIds": [{"Ref": f"Subnet{zone}"} for zone in zones],
    }
    return resource("RedshiftServerless::Workgroup", **properties | more)


def bucket_policy() -> dict[str, Any]:
    actions = ["s3:GetBucketNotification", "s3:PutBucketNotification", "s3:GetBucketLocation"]
    source = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:redshift:{REGION}:{ACCOUNT}:integration:*"},
    }
    statement = allow(actions, {"Fn::GetAtt": ["Bucket", "Arn"]}, REDSHIFT, **source)
    return resource("S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument={"Statement": [statement]})


def integration(*after: str, **more: Any) -> dict[str, Any]:
    ends = {
        "SourceArn": {"Fn::GetAtt": ["Bucket", "Arn"]},
        "TargetArn": {"Fn::GetAtt": ["Namespace", "Namespace.NamespaceArn"]},
    }
    return resource("Redshift::Integration", *after, **ends | more)


def copy_role(*actions: str) -> dict[str, Any]:
    trust = {"Statement": [allow("sts:AssumeRole", principal=REDSHIFT)]}
    policy = {"PolicyName": "Do", "PolicyDocument": {"Statement": [allow(list(actions), "*")]}}
    return resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=[policy])


def warehouse() -> dict[str, Any]:
    whole = {"Statement": [allow("kms:*", "*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})]}
    return {
        **network(),
        "Key": resource("KMS::Key", KeyPolicy=whole),
        "Bucket": resource("S3::Bucket"),
        "Policy": bucket_policy(),
        "CopyRole": copy_role("s3:GetObject", "s3:ListBucket"),
        "Namespace": namespace(),
        "Workgroup": workgroup(),
        "Integration": integration("Policy"),
    }


class Warehouse:
    """A deployed warehouse, and who asks it."""

    def __init__(self, run: Run, stack: str = STACK) -> None:
        self.run, self.data = run, run.client("redshift-data")
        self.bucket = run.resource(stack, "AWS::S3::Bucket")
        space = run.client("redshift-serverless").get_namespace(namespaceName="space")["namespace"]
        self.namespace, self.secret = space, space["adminPasswordSecretArn"]
        self.role = space["iamRoles"][0]

    def execute(self, sql: str, data: Any = None, **more: Any) -> dict[str, Any]:
        """Execute a statement as the administrator, or as the caller of another client, and wait for its end."""
        secret = {} if data else {"SecretArn": self.secret}
        where = {"WorkgroupName": "group", "Database": DATABASE, **secret}
        asked = data or self.data
        return self.ended(asked.execute_statement(Sql=sql, **where, **more)["Id"], asked)

    def ended(self, id: str, data: Any = None) -> dict[str, Any]:
        asked = data or self.data

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = asked.describe_statement(Id=id)
            return found if found["Status"] in ("FINISHED", "FAILED", "ABORTED") else None

        return self.run.wait(f"statement {id}", look)

    def sql(self, sql: str, data: Any = None, **more: Any) -> list[tuple[Any, ...]]:
        """Execute a statement that must succeed and return its rows."""
        done = self.execute(sql, data, **more)
        assert done["Status"] == "FINISHED", done["Error"]
        if not done["HasResultSet"]:
            return []
        records = (data or self.data).get_statement_result(Id=done["Id"])["Records"]
        return [tuple(None if field.get("isNull") else next(iter(field.values())) for field in row) for row in records]

    def error(self, sql: str, data: Any = None, **more: Any) -> str:
        """Execute a statement that must fail and return why."""
        done = self.execute(sql, data, **more)
        assert done["Status"] == "FAILED", f"{sql} must fail"
        return str(done["Error"])

    def put(self, key: str, *records: Any, **more: Any) -> str:
        """Put an object with a line for each record, or with text as it is, and return its key."""
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        body = "\n".join(lines).encode()
        content = gzip.compress(body) if key.endswith(".gz") else body
        self.run.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content, **more)
        return key

    def copy(self, table: str, prefix: str, how: str = "JSON 'auto'", role: str = "") -> str:
        """The text of a COPY."""
        return f"COPY {table} FROM 's3://{self.bucket}/{prefix}' IAM_ROLE '{role or self.role}' {how}"


@pytest.fixture(scope="module")
def house(sandbox: Any) -> Iterator[Warehouse]:
    """A warehouse that the tests of a module share."""
    run = Run(sandbox)
    with deployed(run, STACK, {"Resources": warehouse()}):
        yield Warehouse(run)
        for one in run.client("s3").list_objects_v2(Bucket=Warehouse(run).bucket).get("Contents", []):
            run.client("s3").delete_object(Bucket=Warehouse(run).bucket, Key=one["Key"])


@contextmanager
def role(run: Run, name: str, *statements: dict[str, Any]) -> Iterator[Any]:
    """A role of the account with some permissions, and what makes clients that act with it."""
    iam = run.client("iam")
    trust = {"Statement": [allow("sts:AssumeRole", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="Do", PolicyDocument=json.dumps({"Statement": list(statements)}))

    def client(service: str, session: str = "one") -> Any:
        made = run.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=run.sandbox.endpoint,
            verify=str(run.sandbox.ca),
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
        )

    yield client
    if statements:
        iam.delete_role_policy(RoleName=name, PolicyName="Do")
    iam.delete_role(RoleName=name)


def refused(code: str, text: str = "") -> Any:
    return pytest.raises(ClientError, match=rf"(?s)\({code}\).*{text}")
