"""A workgroup of Redshift Serverless with its namespace, and the role with which it loads files."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.names import address
from cdk_refarch._parts.network import closed_group, private_subnets
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import use_key
from cdk_refarch._parts.subnet_checks import selection

from .redshift_sink import RedshiftWorkgroup

ADMIN = "administrator"

REDSHIFT = "redshift.amazonaws.com"
SERVERLESS = "redshift-serverless.amazonaws.com"


class Workgroup(Construct):
    """A namespace that lets one bucket send it events, its workgroup in private subnets, and a role for loads.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        wanted: What it is to be like; checked before.
        vpc: Where it stands.
        subnets: In which subnets; None for private ones with a way out.
        bucket: The bucket that files are loaded from.
        operation: What it shares with the other parts.

    Attributes:
        namespace: The namespace.
        workgroup: The workgroup.
        copy_role: The role with which files are loaded.
        security_group: What the database is reached by.
        secret_arns: The ARN of the administrator's secret, which Redshift makes, with ? for what it makes up.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        wanted: RedshiftWorkgroup,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        bucket: s3.IBucket,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        # Redshift makes no names up.
        self._name = f"iot-{address(self)[:20]}"
        stack = cdk.Stack.of(self)
        secrets = f"arn:{stack.partition}:secretsmanager:{stack.region}:{stack.account}:secret"
        self.secret_arns = f"{secrets}:redshift!{self._name}-{ADMIN}-??????"
        self.copy_role = iam.Role(
            self,
            "CopyRole",
            assumed_by=iam.CompositePrincipal(*(self._trusted(service) for service in (REDSHIFT, SERVERLESS))),
            description="Lets loads of Amazon Redshift read the files of one bucket",
        )
        self.namespace = self._namespace(wanted, bucket, operation)
        self.security_group = closed_group(self, "SecurityGroup", vpc, "The database of a workgroup of Amazon Redshift")
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Loads files from Amazon S3")
        self.workgroup = self._workgroup(wanted, private_subnets(vpc, selection(subnets)))

    def _trusted(self, service: str) -> iam.IPrincipal:
        # Whether Redshift says for whom it works is not documented, hence the condition only counts when the key is
        # there.
        conditions = {"StringEqualsIfExists": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        return iam.PrincipalWithConditions(iam.ServicePrincipal(service), conditions)

    def _namespace(self, wanted: RedshiftWorkgroup, bucket: s3.IBucket, operation: Operation) -> redshift.CfnNamespace:
        key = operation.encryption_key.key_arn
        namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=self._name,
            db_name=wanted.database,
            admin_username=ADMIN,
            manage_admin_password=True,
            admin_password_secret_kms_key_id=key,
            kms_key_id=key,
            iam_roles=[self.copy_role.role_arn],
            log_exports=["userlog", "connectionlog", "useractivitylog"],
            namespace_resource_policy=self._policy(bucket),
        )
        namespace.apply_removal_policy(operation.removal_policy)
        return namespace

    def _policy(self, bucket: s3.IBucket) -> dict[str, object]:
        """https://docs.aws.amazon.com/redshift/latest/dg/loading-data-copy-job.html, for the namespace that has it."""
        stack = cdk.Stack.of(self)
        conditions = {"StringEquals": {"aws:SourceArn": bucket.bucket_arn, "aws:SourceAccount": stack.account}}
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": REDSHIFT},
                    "Action": "redshift:AuthorizeInboundIntegration",
                    "Condition": conditions,
                },
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"},
                    "Action": "redshift:CreateInboundIntegration",
                    "Condition": {"StringEquals": {"aws:SourceArn": bucket.bucket_arn}},
                },
            ],
        }

    def _workgroup(self, wanted: RedshiftWorkgroup, subnets: Sequence[ec2.ISubnet]) -> redshift.CfnWorkgroup:
        l1 = redshift.CfnWorkgroup
        settings = {"require_ssl": "true", "enable_user_activity_logging": "true"}
        return l1(
            self,
            "Workgroup",
            workgroup_name=self._name,
            namespace_name=self.namespace.ref,
            base_capacity=wanted.base_capacity,
            max_capacity=wanted.max_capacity,
            enhanced_vpc_routing=wanted.enhanced_vpc_routing,
            publicly_accessible=False,
            port=wanted.port,
            config_parameters=[
                l1.ConfigParameterProperty(parameter_key=name, parameter_value=value)
                for name, value in settings.items()
            ],
            subnet_ids=[subnet.subnet_id for subnet in subnets],
            security_group_ids=[self.security_group.security_group_id],
        )


def secret_resource(secret: secretsmanager.ISecret) -> str:
    """Return what a statement about a secret names: its ARN, with ? for the end that Secrets Manager makes up.

    Args:
        secret: The secret, which may be known by its name or an ARN without that end.
    """
    return secret.secret_full_arn or f"{secret.secret_arn}-??????"


def read_files(scope: Construct, role: iam.IRole, bucket: s3.IBucket, roots: Sequence[str]) -> iam.Policy:
    """Let a role load files of a bucket.

    https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html

    Args:
        scope: The construct that the policy belongs to.
        role: The role.
        bucket: The bucket.
        roots: What the keys of the files begin with.
    """
    statements = [
        iam.PolicyStatement(actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[bucket.bucket_arn]),
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{root}*") for root in roots]),
    ]
    if bucket.encryption_key is not None:
        statements.append(use_key(scope, bucket.encryption_key, "s3", ["kms:Decrypt"]))
    policy = iam.Policy(scope, "CopyPolicy", roles=[role], statements=statements)
    for root in roots:
        acknowledge_wildcard(
            policy,
            bucket.arn_for_objects(f"{root}*"),
            "Firehose makes up the names of the files that are loaded. The statement is limited to this bucket and to "
            "the prefix of the files.",
        )
    return policy
