"""What AWS's guides say a role needs for an integration, to be compared with what it may do.

A contract is a function that yields the needs of each place in a template where the integration is used. A new
integration is a new function here; architectures need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from .contracts_codecommit import CODECOMMIT_CONTRACTS
from .contracts_images import IMAGE_CONTRACTS
from .contracts_iot import IOT_CONTRACTS
from .contracts_search import SEARCH_CONTRACTS
from .contracts_ses import SES_CONTRACTS
from .contracts_warehouse import WAREHOUSE_CONTRACTS
from .contracts_workspaces import WORKSPACES_CONTRACTS
from .grants import Row, rows
from .intrinsics import flat
from .needs import Need, Resources, name_of, used_by


def iot_rule_to_firehose(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-firehose-rule-action.html"""
    for name, rule in used_by(resources, "AWS::IoT::TopicRule"):
        for action in rule["TopicRulePayload"]["Actions"]:
            if "Firehose" not in action:
                continue
            put = action["Firehose"]
            calls = ["firehose:PutRecord"] + (["firehose:PutRecordBatch"] if put.get("BatchMode") else [])
            for call in calls:
                stream = f"<{name_of(put['DeliveryStreamName'])}.Arn>"
                yield Need(name_of(put["RoleArn"]), call, stream, f"{name} puts records into it")


def iot_rule_to_sqs(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html

    For an encrypted queue also
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    for name, rule in used_by(resources, "AWS::IoT::TopicRule"):
        payload = rule["TopicRulePayload"]
        for action in [*payload["Actions"], payload.get("ErrorAction", {})]:
            if "Sqs" not in action:
                continue
            role, queue = name_of(action["Sqs"]["RoleArn"]), name_of(action["Sqs"]["QueueUrl"])
            if queue not in resources:
                continue
            yield Need(role, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} sends messages to it")
            key = flat(resources[queue].get("Properties", {})).get("KmsMasterKeyId")
            for call in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
                yield Need(role, call, key, f"{queue} is encrypted with it")


def firehose_to_s3(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3"""
    for name, stream in used_by(resources, "AWS::KinesisFirehose::DeliveryStream"):
        to = stream.get("ExtendedS3DestinationConfiguration")
        if not to:
            continue
        role, bucket = name_of(to["RoleARN"]), to["BucketARN"]
        for call in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"):
            yield Need(role, call, bucket, f"{name} delivers to it")
        for prefix in (to.get("Prefix", ""), to.get("ErrorOutputPrefix", "")):
            fixed = prefix.partition("!{")[0].partition("<")[0]
            for call in ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"):
                yield Need(role, call, f"{bucket}/{fixed}*", f"{name} writes there")
        key = to.get("EncryptionConfiguration", {}).get("KMSEncryptionConfig", {}).get("AWSKMSKeyARN")
        for call in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
            yield Need(role, call, key, f"{name} encrypts objects with it")
        yield from _firehose_helpers(name, role, to)


def _firehose_helpers(name: str, role: str, to: dict[str, Any]) -> Iterator[Need]:
    log = to.get("CloudWatchLoggingOptions", {})
    if log.get("Enabled"):
        where = f"*:log-group:{log['LogGroupName']}:log-stream:{log['LogStreamName']}"
        yield Need(role, "logs:PutLogEvents", where, f"{name} logs there why it fails")
    for step in to.get("ProcessingConfiguration", {}).get("Processors", []):
        for parameter in step.get("Parameters", []):
            if parameter["ParameterName"] == "LambdaArn":
                for call in ("lambda:InvokeFunction", "lambda:GetFunctionConfiguration"):
                    yield Need(role, call, parameter["ParameterValue"], f"{name} transforms with it")
    schema = to.get("DataFormatConversionConfiguration", {}).get("SchemaConfiguration")
    for call in ("glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions") if schema else ():
        for part in (
            "catalog",
            f"database/{schema['DatabaseName']}",
            f"table/{schema['DatabaseName']}/{schema['TableName']}",
        ):
            yield Need(role, call, f"*:{part}", f"{name} converts records with it")


def events_rule_to_sqs(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"""
    for name, rule in used_by(resources, "AWS::Events::Rule"):
        for target in rule.get("Targets", []):
            for arn in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn", "")):
                queue = name_of(arn)
                if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
                    continue
                events = "Service:events.amazonaws.com"
                yield Need(queue, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} sends events to it", events)
                key = name_of(str(flat(resources[queue].get("Properties", {})).get("KmsMasterKeyId", "")))
                for call in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
                    yield Need(key, call, "*", f"{name} sends events to {queue}, encrypted with it", events)


def _targets(resources: Resources, kind: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield each rule with a target of a type: the rule, the target and the target's logical id."""
    for name, rule in used_by(resources, "AWS::Events::Rule"):
        for target in rule.get("Targets", []):
            found = name_of(target["Arn"])
            if resources.get(found, {}).get("Type") == kind:
                yield name, target, found


def events_rule_to_sns(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions

    For an encrypted topic also https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    events = "Service:events.amazonaws.com"
    for name, _, topic in _targets(resources, "AWS::SNS::Topic"):
        yield Need(topic, "sns:Publish", f"<{topic}>", f"{name} publishes events to it", events)
        key = name_of(str(flat(resources[topic].get("Properties", {})).get("KmsMasterKeyId", "")))
        for call in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
            yield Need(key, call, "*", f"{name} publishes events to {topic}, encrypted with it", events)


def events_rule_with_role(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    for kind, calls in (
        ("AWS::StepFunctions::StateMachine", ("states:StartExecution",)),
        ("AWS::Events::EventBus", ("events:PutEvents",)),
        ("AWS::KinesisFirehose::DeliveryStream", ("firehose:PutRecord", "firehose:PutRecordBatch")),
    ):
        for name, target, _ in _targets(resources, kind):
            for call in calls:
                yield Need(name_of(target["RoleArn"]), call, target["Arn"], f"{name} hands events to it")


def macie_results_to_s3(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html"""
    macie = "Service:macie.amazonaws.com"
    for name, export in used_by(resources, "Custom::MacieResultsExport"):
        bucket, key = name_of(export["BucketName"]), name_of(export["KmsKeyArn"])
        why = f"{name} makes Macie write results there"
        yield Need(bucket, "s3:GetBucketLocation", f"<{bucket}.Arn>", why, macie)
        yield Need(bucket, "s3:PutObject", f"<{bucket}.Arn>/{export.get('KeyPrefix', '')}*", why, macie)
        for call in ("kms:Encrypt", "kms:GenerateDataKey"):
            yield Need(key, call, "*", f"{name} makes Macie encrypt results with it", macie)


def function_to_dead_letter_queue(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        queue = name_of(function.get("DeadLetterConfig", {}).get("TargetArn", ""))
        if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
            continue
        role = name_of(function["Role"])
        yield Need(role, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} sends events that it failed on to it")
        key = flat(resources[queue].get("Properties", {})).get("KmsMasterKeyId")
        for call in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
            yield Need(role, call, key, f"{queue} is encrypted with it")


Contract = Callable[[Resources], Iterator[Need]]

CONTRACTS: tuple[Contract, ...] = (
    iot_rule_to_firehose,
    iot_rule_to_sqs,
    firehose_to_s3,
    events_rule_to_sqs,
    events_rule_to_sns,
    events_rule_with_role,
    macie_results_to_s3,
    function_to_dead_letter_queue,
    *SES_CONTRACTS,
    *IMAGE_CONTRACTS,
    *WORKSPACES_CONTRACTS,
    *CODECOMMIT_CONTRACTS,
    *IOT_CONTRACTS,
    *SEARCH_CONTRACTS,
    *WAREHOUSE_CONTRACTS,
)


def unmet(template: dict[str, Any], permissions: list[Row]) -> Iterator[str]:
    """Yield what a role needs and may not do, as a reviewer would say it.

    Args:
        template: The template.
        permissions: All its permissions.
    """
    for contract in CONTRACTS:
        for need in contract(template["Resources"]):
            # What is not of this template, such as a role or key that was given, cannot be judged.
            known = need.holder in template["Resources"] or need.holder.startswith("alias/aws/")
            if known and not any(grants(row, need) for row in permissions):
                link = (contract.__doc__ or "").split()[0]
                who = f" for {need.principal}" if need.principal else ""
                yield f"{need.holder} needs {need.action}{who} on {need.resource}, because {need.why}: {link}"


def grants(row: Row, need: Need) -> bool:
    kind = "policy on" if need.principal else "role"
    wanted = (f"{kind} {need.holder}", "Allow", need.principal, need.action)
    if (row.holder, row.effect, row.principal, row.action) != wanted:
        return False
    if need.via and "kms:ViaService" in row.condition and f'"{need.via}.' not in row.condition:
        return False
    # A need may leave out how an ARN begins; a statement may end in a wildcard.
    return fnmatchcase(need.resource, row.resource) or fnmatchcase(row.resource, need.resource.replace("[", "[[]"))


def assert_missed(contracts: Iterable[Contract], templates: Iterable[dict[str, Any]]) -> None:
    """Take away each grant that contracts ask for, and see that each is missed, and that each contract asks for one.

    Args:
        contracts: The contracts.
        templates: What they are held against.
    """
    held = set()
    for template in templates:
        permissions = rows(template)
        for contract in contracts:
            for need in contract(template["Resources"]):
                held.add(contract)
                left = [row for row in permissions if not grants(row, need)]
                assert any(f"{need.holder} needs {need.action}" in line for line in unmet(template, left)), need
    assert held == set(contracts)
