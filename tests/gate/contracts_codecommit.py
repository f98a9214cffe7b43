"""What AWS's guides say CodeCommit, and what answers its pushes, needs for its integrations: see ``contracts.py``."""

from __future__ import annotations

from collections.abc import Iterator

from .grants import rows
from .intrinsics import flat
from .needs import Need, Resources, name_of, tasks, used_by

USE = ("kms:Decrypt", "kms:GenerateDataKey")


def state_machine_to_sqs(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/sqs-iam.html

    For an encrypted queue also
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    for name, machine in used_by(resources, "AWS::StepFunctions::StateMachine"):
        for state, task in tasks(machine):
            queue = name_of(task.get("Parameters", {}).get("QueueUrl", ""))
            if not str(task["Resource"]).endswith(":states:::sqs:sendMessage") or queue not in resources:
                continue
            role = name_of(machine["RoleArn"])
            yield Need(role, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} sends to it in {state}")
            key = flat(resources[queue]["Properties"]).get("KmsMasterKeyId")
            for call in USE if key else ():
                yield Need(role, call, key, f"{queue} is encrypted with it", via="sqs")


def codecommit_trigger(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/codecommit/latest/userguide/how-to-notify-lambda.html"""
    for name, given in used_by(resources, "Custom::CodeCommitTrigger"):
        function = name_of(given["FunctionArn"])
        why = f"{name} makes pushes call it"
        yield Need(function, "lambda:InvokeFunction", given["FunctionArn"], why, "Service:codecommit.amazonaws.com")
        role = name_of(flat(resources[name_of(given["ServiceToken"])]["Properties"])["Role"])
        repository = given["RepositoryName"]
        arn = f"<{name_of(repository)}.Arn>" if repository.startswith("<") else f"*:{repository}"
        for call in ("GetRepositoryTriggers", "PutRepositoryTriggers"):
            yield Need(role, f"codecommit:{call}", arn, f"{name} is added to those that are there")


def encrypted_repository(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/codecommit/latest/userguide/encryption.html"""
    for name, repository in used_by(resources, "AWS::CodeCommit::Repository"):
        readers = {
            row.holder.removeprefix("role ")
            for row in rows({"Resources": resources})
            if row.action == "codecommit:GetBlob" and row.resource == f"<{name}.Arn>"
        }
        for role in sorted(readers) if "KmsKeyId" in repository else ():
            why = f"it reads {name}, which is encrypted with it"
            yield Need(role, "kms:Decrypt", repository["KmsKeyId"], why, via="codecommit")


def function_to_topic(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        topic = function.get("Environment", {}).get("Variables", {}).get("TOPIC_ARN")
        if topic is None:
            continue
        role, why = name_of(function["Role"]), f"{name} publishes to it"
        yield Need(role, "sns:Publish", topic, why)
        key = flat(resources.get(name_of(topic), {}).get("Properties", {})).get("KmsMasterKeyId")
        for call in USE if key else ():
            yield Need(role, call, key, f"{why}, and {name_of(topic)} is encrypted with it", via="sns")


def function_to_encrypted_table(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        table = name_of(function.get("Environment", {}).get("Variables", {}).get("TABLE_NAME", ""))
        key = flat(resources.get(table, {}).get("Properties", {})).get("SSESpecification", {}).get("KMSMasterKeyId")
        if key:
            role, why = name_of(function["Role"]), f"{name} uses {table}, which is encrypted with it"
            yield Need(role, "kms:Decrypt", key, why, via="dynamodb")


CODECOMMIT_CONTRACTS = (
    state_machine_to_sqs,
    codecommit_trigger,
    encrypted_repository,
    function_to_topic,
    function_to_encrypted_table,
)
