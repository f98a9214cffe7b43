"""The table of a sink, and the copy job that loads each file of its bucket once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_redshift as redshift
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_key
from cdk_refarch._parts.provider import Provider
from cdk_refarch._parts.s3_delivery.s3_sink import DATA_ROOT

from .redshift_sink import DOCUMENT_COLUMN, RedshiftSink
from .workgroup import REDSHIFT

DOCUMENTS = "FORMAT AS JSON 'noshred' GZIP"
"""Each record becomes one value of type super:
https://docs.aws.amazon.com/redshift/latest/dg/ingest-super.html"""

MEMBERS = "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"
"""https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-json"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The workgroup that files are loaded into, created or given."""

    workgroup_name: str
    workgroup_arn: str
    namespace_name: str | None
    namespace_arn: str
    database: str
    secret_arn: str | None
    secret_resource: str
    secret_key: kms.IKey | None
    copy_role: iam.IRole


class AutoCopy(Construct):
    """The integration by which Redshift hears of files, the table, and the job.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sink: What to load and where.
        bucket: The bucket, which is this sink's alone.
        target: The workgroup.
        watcher: The role of the function that looks after loads.
        operation: What it shares with the other parts.

    Attributes:
        integration: What tells Redshift of files.
        table: The table and its job; files that come before them are not loaded.
        job: The job's name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sink: RedshiftSink,
        bucket: s3.IBucket,
        target: Target,
        watcher: iam.IRole,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._target = target
        self.integration = self._integrate(bucket)
        provider = self._provider(operation)
        self.table = provider.resource(
            self,
            "Table",
            "RedshiftTable",
            {
                "WorkgroupName": target.workgroup_name,
                "Database": target.database,
                "NamespaceName": target.namespace_name,
                "SecretArn": target.secret_arn,
                "Schema": sink.schema,
                "Table": sink.table,
                "Columns": [{"Name": name, "Type": kind} for name, kind in columns(sink).items()],
                "Job": {
                    "Name": f"cdk_refarch_{address(self)[:12]}",
                    "From": f"s3://{bucket.bucket_name}/{DATA_ROOT}",
                    "RoleArn": target.copy_role.role_arn,
                    "Options": DOCUMENTS if sink.columns is None else MEMBERS,
                },
                "Watcher": f"IAMR:{watcher.role_name}",
                "Keep": "false" if operation.removal_policy is cdk.RemovalPolicy.DESTROY else "true",
            },
        )
        self.table.node.add_dependency(self.integration)
        self.job = self.table.get_att_string("Job")

    def _integrate(self, bucket: s3.IBucket) -> redshift.CfnIntegration:
        """https://docs.aws.amazon.com/redshift/latest/dg/loading-data-copy-job.html."""
        stack = cdk.Stack.of(self)
        integrations = f"arn:{stack.partition}:redshift:{stack.region}:{stack.account}:integration:*"
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(REDSHIFT)],
                actions=["s3:GetBucketLocation", "s3:GetBucketNotification", "s3:PutBucketNotification"],
                resources=[bucket.bucket_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": integrations},
                },
            )
        )
        integration = redshift.CfnIntegration(
            self,
            "Integration",
            integration_name=f"iot-{address(self)[:20]}",
            source_arn=bucket.bucket_arn,
            target_arn=self._target.namespace_arn,
        )
        if isinstance(bucket, s3.Bucket) and bucket.policy is not None:
            integration.node.add_dependency(bucket.policy)
        return integration

    def _provider(self, operation: Operation) -> Provider:
        target = self._target
        statements = [
            statement(["redshift-data:ExecuteStatement"], target.workgroup_arn),
            own_statements(),
            statement(["secretsmanager:GetSecretValue"], target.secret_resource),
        ]
        if target.secret_key is not None:
            statements.append(use_key(self, target.secret_key, "secretsmanager", ["kms:Decrypt"]))
        if target.namespace_name is not None:
            statements.append(statement(["redshift-serverless:GetNamespace"], target.namespace_arn))
        return Provider(
            self,
            "Provider",
            module="redshift_tables",
            description="Makes a table of Amazon Redshift and the job that loads files into it",
            statements=statements,
            operation=operation,
            any_resource=OWN_STATEMENTS,
            lasts=cdk.Duration.minutes(30),
        )


OWN_STATEMENTS = (
    "The Data API has no resources for what is asked about a statement; the condition admits the function's own. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftdataapi.html."
)


def own_statements() -> iam.PolicyStatement:
    """Return what lets a function read what has become of its own statements.

    https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html
    """
    return iam.PolicyStatement(
        actions=["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
        resources=["*"],
        conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
    )


def columns(sink: RedshiftSink) -> Mapping[str, str]:
    """Return the columns of a sink's table, by name with their types.

    Args:
        sink: The sink.
    """
    return {DOCUMENT_COLUMN: "super"} if sink.columns is None else sink.columns
