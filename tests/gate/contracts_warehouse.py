"""What AWS's guides say Redshift, what asks it, and functions that read queues need: see ``contracts.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .intrinsics import flat
from .needs import Need, Resources, name_of, used_by

USE = ("kms:Decrypt", "kms:GenerateDataKey")
REDSHIFT = "Service:redshift.amazonaws.com"


def _properties(resources: Resources, name: str) -> Any:
    return flat(resources.get(name, {}).get("Properties", {}))


def _key_of_objects(resources: Resources, bucket: str) -> str | None:
    rules = _properties(resources, bucket).get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    keys = [rule.get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") for rule in rules]
    return next(filter(None, keys), None)


def s3_event_integration(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/redshift/latest/dg/loading-data-copy-job.html"""
    for name, integration in used_by(resources, "AWS::Redshift::Integration"):
        bucket, namespace = name_of(integration["SourceArn"]), name_of(integration["TargetArn"])
        if resources.get(bucket, {}).get("Type") != "AWS::S3::Bucket":
            continue
        why = f"{name} makes Redshift hear of its objects"
        for call in ("s3:GetBucketLocation", "s3:GetBucketNotification", "s3:PutBucketNotification"):
            yield Need(bucket, call, f"<{bucket}.Arn>", why, REDSHIFT)
        if namespace not in resources:
            continue
        # A policy of a namespace may leave out the resource, which is the namespace.
        why = f"{name} brings it events of {bucket}"
        yield Need(namespace, "redshift:AuthorizeInboundIntegration", "", why, REDSHIFT)
        yield Need(namespace, "redshift:CreateInboundIntegration", "", why, "AWS:arn:aws:iam::111122223333:root")


def copy_job(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html

    For an encrypted bucket also https://docs.aws.amazon.com/redshift/latest/dg/c_loading-encrypted-files.html
    """
    for name, table in used_by(resources, "Custom::RedshiftTable"):
        job = table.get("Job")
        if job is None:
            continue
        role, (bucket, _, prefix) = name_of(job["RoleArn"]), job["From"].removeprefix("s3://").partition("/")
        bucket = name_of(bucket)
        yield Need(role, "s3:ListBucket", f"<{bucket}.Arn>", f"the job of {name} looks for files there")
        yield Need(role, "s3:GetObject", f"<{bucket}.Arn>/{prefix}*", f"the job of {name} loads files from there")
        key = _key_of_objects(resources, bucket)
        if key:
            yield Need(role, "kms:Decrypt", key, f"{bucket} encrypts objects with it", via="s3")


def _workgroup(resources: Resources, named: str) -> str:
    """Return what the ARN of a workgroup is like that is known by its name."""
    name = name_of(named)
    return f"<{name}.Workgroup.WorkgroupArn>" if name in resources else "arn:*:redshift-serverless:*:workgroup/*"


def _asks(role: str, workgroup: str, why: str) -> Iterator[Need]:
    yield Need(role, "redshift-data:ExecuteStatement", workgroup, why)
    for call in ("DescribeStatement", "GetStatementResult"):
        yield Need(role, f"redshift-data:{call}", "*", why)


def data_api_with_secret(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html

    A password that Redshift manages is in a secret named by
    https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html
    """
    # A secret may be known without the end of its ARN that Secrets Manager makes up.
    for name, table in used_by(resources, "Custom::RedshiftTable"):
        role = name_of(_properties(resources, name_of(table["ServiceToken"]))["Role"])
        yield from _asks(role, _workgroup(resources, table["WorkgroupName"]), f"{name} is made by statements")
        if "SecretArn" in table:
            secret = name_of(table["SecretArn"])
            arn, key = f"{table['SecretArn']}*", _properties(resources, secret).get("KmsKeyId")
        else:
            namespace = name_of(table["NamespaceName"])
            made = _properties(resources, namespace)
            arn = f"*:secret:redshift!{made['NamespaceName']}-{made['AdminUsername']}-*"
            key = made.get("AdminPasswordSecretKmsKeyId")
            asks = f"{name} asks it for the secret of its administrator"
            yield Need(role, "redshift-serverless:GetNamespace", f"<{namespace}.Namespace.NamespaceArn>", asks)
        yield Need(role, "secretsmanager:GetSecretValue", arn, f"{name} is made as the user of the secret")
        if key:
            yield Need(role, "kms:Decrypt", key, "the secret is encrypted with it", via="secretsmanager")


def data_api_as_itself(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        workgroup = function.get("Environment", {}).get("Variables", {}).get("WORKGROUP")
        if workgroup is None:
            continue
        role, arn = name_of(function["Role"]), _workgroup(resources, workgroup)
        yield from _asks(role, arn, f"{name} runs statements there")
        yield Need(role, "redshift-serverless:GetCredentials", arn, f"{name} logs in as itself")


def firehose_to_redshift(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-rs

    For the secret https://docs.aws.amazon.com/firehose/latest/dev/secrets-manager-whats-secret.html
    """
    for name, stream in used_by(resources, "AWS::KinesisFirehose::DeliveryStream"):
        to = stream.get("RedshiftDestinationConfiguration")
        if not to:
            continue
        role, files = name_of(to["RoleARN"]), to["S3Configuration"]
        writer, bucket = name_of(files["RoleARN"]), files["BucketARN"]
        for call in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"):
            yield Need(writer, call, bucket, f"{name} puts files there")
        for call in ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"):
            # Manifests stand beside the prefixes.
            yield Need(writer, call, f"{bucket}/*", f"{name} puts files and manifests there")
        key = files.get("EncryptionConfiguration", {}).get("KMSEncryptionConfig", {}).get("AWSKMSKeyARN")
        for call in USE if key else ():
            yield Need(writer, call, key, f"{name} encrypts files with it", via="s3")
        yield from _helpers_of_stream(name, role, to)
        yield from _secret_of_stream(resources, name, role, to.get("SecretsManagerConfiguration", {}))


def _helpers_of_stream(name: str, role: str, to: dict[str, Any]) -> Iterator[Need]:
    logs = (to.get("CloudWatchLoggingOptions", {}), to["S3Configuration"].get("CloudWatchLoggingOptions", {}))
    for log in (one for one in logs if one.get("Enabled")):
        where = f"*:log-group:{log['LogGroupName']}:log-stream:{log['LogStreamName']}"
        yield Need(role, "logs:PutLogEvents", where, f"{name} logs there why it fails")
    for step in to.get("ProcessingConfiguration", {}).get("Processors", []):
        arns = {one["ParameterName"]: one["ParameterValue"] for one in step.get("Parameters", [])}
        for call in ("lambda:InvokeFunction", "lambda:GetFunctionConfiguration") if "LambdaArn" in arns else ():
            yield Need(role, call, arns["LambdaArn"], f"{name} transforms with it")


def _secret_of_stream(resources: Resources, name: str, role: str, given: dict[str, Any]) -> Iterator[Need]:
    if not given.get("Enabled"):
        return
    reader = name_of(given.get("RoleARN", role))
    yield Need(reader, "secretsmanager:GetSecretValue", f"{given['SecretARN']}*", f"{name} logs in with it")
    key = _properties(resources, name_of(given["SecretARN"])).get("KmsKeyId")
    if key:
        yield Need(reader, "kms:Decrypt", key, "the secret is encrypted with it", via="secretsmanager")


def queue_to_function(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html

    For an encrypted queue also
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    for name, mapping in used_by(resources, "AWS::Lambda::EventSourceMapping"):
        queue, function = name_of(mapping.get("EventSourceArn", "")), name_of(mapping["FunctionName"])
        if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
            continue
        role = name_of(_properties(resources, function).get("Role", ""))
        for call in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage"):
            yield Need(role, f"sqs:{call}", f"<{queue}.Arn>", f"{name} makes Lambda read it for {function}")
        key = _properties(resources, queue).get("KmsMasterKeyId")
        if key:
            yield Need(role, "kms:Decrypt", key, f"{queue} is encrypted with it", via="sqs")


def function_to_failed_queue(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        queue = name_of(function.get("Environment", {}).get("Variables", {}).get("FAILED_QUEUE_URL", ""))
        if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
            continue
        role = name_of(function["Role"])
        yield Need(role, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} tells there of files that were not loaded")
        key = _properties(resources, queue).get("KmsMasterKeyId")
        for call in USE if key else ():
            yield Need(role, call, key, f"{queue} is encrypted with it", via="sqs")


WAREHOUSE_CONTRACTS = (
    s3_event_integration,
    copy_job,
    data_api_with_secret,
    data_api_as_itself,
    firehose_to_redshift,
    queue_to_function,
    function_to_failed_queue,
)
