"""Rules about data at rest, on the wire, and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .policies import denies_plain_http
from .rule import rule
from .template import Resource, Template, dig, flag, listing, literal, references, walk

STORES = {
    "AWS::DocDB::DBCluster": ("StorageEncrypted",),
    "AWS::EC2::Volume": ("Encrypted",),
    "AWS::EFS::FileSystem": ("Encrypted",),
    "AWS::ElastiCache::ReplicationGroup": ("AtRestEncryptionEnabled",),
    "AWS::Elasticsearch::Domain": ("EncryptionAtRestOptions.Enabled",),
    "AWS::Kinesis::Stream": ("StreamEncryption",),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamEncryptionConfigurationInput",),
    "AWS::Neptune::DBCluster": ("StorageEncrypted",),
    "AWS::OpenSearchService::Domain": ("EncryptionAtRestOptions.Enabled",),
    "AWS::RDS::DBCluster": ("StorageEncrypted",),
    "AWS::RDS::DBInstance": ("StorageEncrypted",),
    "AWS::RDS::GlobalCluster": ("StorageEncrypted",),
    "AWS::Redshift::Cluster": ("Encrypted",),
    "AWS::S3::Bucket": ("BucketEncryption",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId|SqsManagedSseEnabled",),
    "AWS::WorkSpaces::Workspace": ("RootVolumeEncryptionEnabled", "UserVolumeEncryptionEnabled"),
}
"""What each store of data must say, with bars between what is enough on its own."""

INHERITING = {
    "DBClusterIdentifier",
    "DBSnapshotIdentifier",
    "KinesisStreamSourceConfiguration",
    "MSKSourceConfiguration",
    "SnapshotId",
    "SnapshotIdentifier",
    "SourceDBClusterIdentifier",
    "SourceDBInstanceIdentifier",
}
"""Properties that name a source whose encryption the store takes over, or that must have its own."""

POLICIES = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicInlinePolicy": "TopicArn",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueueInlinePolicy": "Queue",
    "AWS::SQS::QueuePolicy": "Queues",
}

NOT_ROTATED = {"EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"}
SECRET = re.compile(r"TOKEN(?!I)|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|KEY(?![A-Z]{2})", re.IGNORECASE)
NOT_SECRET = re.compile(
    r"(ARN|NAME|URL|URI|ALIAS|PATH|PREFIX|FILE|REGION|TTL|LENGTH|VERSION|ROTATION|EXPIRY|(?<!ACCESS_KEY)_ID)$"
    r"|(PARTITION|SORT|PRIMARY|FOREIGN|OBJECT|BUCKET|CACHE|ROUTING|PUBLIC|HASH|RANGE|S3)_?KEYS?$",
    re.IGNORECASE,
)


@rule(*STORES)
def data_store_without_encryption(resource: Resource, template: Template) -> Iterator[str]:
    """Encryption that is only an account's or a service's default is not shown to a reviewer, and can be missing.

    https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_protect_data_rest_encrypt.html
    """
    if any(resource.get(name) is not None for name in INHERITING):
        return
    for wanted in STORES[resource.kind]:
        names = wanted.split("|")
        values = [resource.get(*name.split(".")) for name in names]
        if all(value is None or flag(value) is False for value in values):
            yield f"data at rest is not said to be encrypted; set {' or '.join(names)}"


@rule(
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::EC2::Instance",
    "AWS::EC2::LaunchTemplate",
    "AWS::ImageBuilder::ContainerRecipe",
    "AWS::ImageBuilder::ImageRecipe",
)
def disk_without_encryption(resource: Resource, template: Template) -> Iterator[str]:
    """A volume is encrypted when its mapping, its snapshot or the account's default says so; only the mapping is seen.

    https://docs.aws.amazon.com/ebs/latest/userguide/how-ebs-encryption-works.html
    """
    for part in walk(resource.get()):
        disk = part.get("Ebs")
        snapshot = dig(disk, "SnapshotId")
        encrypted = dig(disk, "Encrypted")
        if disk is not None and (flag(encrypted) is False or (encrypted is None and snapshot is None)):
            name = literal(part.get("DeviceName")) or "a device"
            yield f"the volume {name} is not said to be encrypted; set Ebs.Encrypted to true"


@rule("AWS::KMS::Key")
def key_without_rotation(resource: Resource, template: Template) -> Iterator[str]:
    """Rotation limits what one piece of key material has encrypted, costs applications nothing, and is off by default.

    https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
    """
    spec = resource.get("KeySpec")
    origin = resource.get("Origin")
    if spec not in (None, "SYMMETRIC_DEFAULT") or origin in NOT_ROTATED:
        return
    rotation = resource.get("EnableKeyRotation")
    if rotation is None or flag(rotation) is False:
        yield "the key is never rotated; set EnableKeyRotation to true"


@rule("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", *POLICIES)
def plain_http_allowed(resource: Resource, template: Template) -> Iterator[str]:
    """These services answer over plain HTTP too, where requests and data can be read, unless a policy denies it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html
    """
    remedy = 'deny everyone where "aws:SecureTransport" is "false"'
    if resource.kind in POLICIES:
        if not denies_plain_http(resource.get("PolicyDocument")):
            yield f"the policy lets requests come over plain HTTP; {remedy}"
    elif not any(resource.id in references(one.get(POLICIES[one.kind])) for one in template.of(*POLICIES)):
        yield f"no policy refuses plain HTTP; add one to {remedy}"


@rule("AWS::CodeBuild::Project", "AWS::Lambda::Function", "AWS::ECS::TaskDefinition")
def secret_in_plain_text(resource: Resource, template: Template) -> Iterator[str]:
    """Plain variables are shown in the console, in API replies, in build logs and in the template itself.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    for name, value in _variables(resource):
        text = literal(value)
        suspicious = SECRET.search(name) and not NOT_SECRET.search(name) and not _is_harmless(text or "")
        if text is not None and (suspicious or re.search(r"\b(AKIA|ASIA)[A-Z2-7]{16}\b", text)):
            yield (
                f"the variable {name} looks like a secret in plain text; keep it in Secrets Manager and "
                "give its reference, or read it at run time"
            )


def _variables(resource: Resource) -> Iterator[tuple[str, object]]:
    variables = resource.get("Environment", "Variables")
    if resource.kind == "AWS::Lambda::Function" and isinstance(variables, dict):
        yield from variables.items()
    for one in listing(resource.get("Environment", "EnvironmentVariables")):
        if (dig(one, "Type") or "PLAINTEXT") == "PLAINTEXT":
            yield str(dig(one, "Name")), dig(one, "Value")
    for container in listing(resource.get("ContainerDefinitions")):
        for one in listing(dig(container, "Environment")):
            yield str(dig(one, "Name")), dig(one, "Value")


def _is_harmless(text: str) -> bool:
    return text.lower() in ("", "true", "false") or text.startswith(("arn:", "alias/")) or text.isdigit()
