"""Deliveries in the sandbox: a repository goes through a pipeline and its build into a stack, or does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.run import Run

from .conftest import deployed
from .test_ses import ACCOUNT, REGION
from .test_ses_stacks import get, resource

PLACE = f"{REGION}:{ACCOUNT}"
REPOSITORY = f"arn:aws:codecommit:{PLACE}:images"
OUT = f"arn:aws:cloudformation:{PLACE}:stack/Out/*"
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/Limit"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "Out-jobs"}}
LOGS = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "Out-log", "RetentionInDays": 7}}
BUILDSPEC = """
version: 0.2
env:
  variables: {STAGE: test}
  exported-variables: [COUNT]
phases:
  install:
    commands:
      - pip install boto3
      - cd src
  build:
    commands:
      - export COUNT=$(ls | wc -l)
      - test "$STAGE-$KIND" = test-image
      - python make.py > ../out.template.json
    finally:
      - echo "looked at $COUNT files"
artifacts:
  files: [out.template.json]
"""
QUICK = BUILDSPEC.replace("pip install boto3", "true").replace("python make.py", "cat out.json")
MAKE = """
import boto3, os, pathlib
who = boto3.client("sts").get_caller_identity()["Arn"]
assert who.split("/")[1].startswith("Delivery-Builder"), who
assert os.environ["CODEBUILD_INITIATOR"] == "codepipeline/delivery", os.environ
print(pathlib.Path("out.json").read_text())
"""


def allow(*actions: str, on: Any, **conditions: str) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return statement | ({"Condition": {"StringEquals": conditions}} if conditions else {})


def role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policies = [{"PolicyName": "Do", "PolicyDocument": {"Statement": list(statements)}}]
    return resource("IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]}, Policies=policies)


def objects(*actions: str) -> list[dict[str, Any]]:
    on_key = [f"kms:{one}" for one in ("Decrypt", "GenerateDataKey")]
    return [
        allow(*actions, on={"Fn::Sub": "${Artifacts.Arn}/delivery/*"}),
        allow(*on_key, on=get("Key"), **{"kms:ViaService": f"s3.{REGION}.amazonaws.com"}),
    ]


def action(name: str, category: str, provider: str, order: int = 1, **more: Any) -> dict[str, Any]:
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    inputs, outputs = more.pop("inputs", []), more.pop("outputs", [])
    return {
        "Name": name,
        "ActionTypeId": kind,
        "RunOrder": order,
        "InputArtifacts": [{"Name": one} for one in inputs],
        "OutputArtifacts": [{"Name": one} for one in outputs],
        "Configuration": more,
    }


def stages(*, approval: bool) -> list[dict[str, Any]]:
    stack: dict[str, Any] = {"StackName": "Out", "ChangeSetName": "pipeline"}
    variables = json.dumps([{"name": "KIND", "value": "image", "type": "PLAINTEXT"}])
    source: dict[str, Any] = {"RepositoryName": "images", "BranchName": "main", "PollForSourceChanges": False}
    prepare: dict[str, Any] = {
        "ActionMode": "CHANGE_SET_REPLACE",
        "RoleArn": get("Deployer"),
        "TemplatePath": "Template::out.template.json",
        "Capabilities": "CAPABILITY_NAMED_IAM",
    }
    build: dict[str, Any] = {"ProjectName": {"Ref": "Project"}, "EnvironmentVariables": variables}
    actions = [action("Prepare", "Deploy", "CloudFormation", inputs=["Template"], **stack, **prepare)]
    if approval:
        data: dict[str, Any] = {"NotificationArn": {"Ref": "Topic"}, "CustomData": "look at #{Built.COUNT} files"}
        actions.append(action("Approve", "Approval", "Manual", 2, **data))
    actions.append(action("Execute", "Deploy", "CloudFormation", 3, ActionMode="CHANGE_SET_EXECUTE", **stack))
    return [
        {"Name": "Source", "Actions": [action("Commit", "Source", "CodeCommit", outputs=["Code"], **source)]},
        {
            "Name": "Build",
            "Actions": [
                action("Make", "Build", "CodeBuild", inputs=["Code"], outputs=["Template"], **build)
                | {"Namespace": "Built"}
            ],
        },
        {"Name": "Deploy", "Actions": actions},
    ]


def pipeline_role() -> dict[str, Any]:
    changes = [f"cloudformation:{one}ChangeSet" for one in ("Create", "Delete", "Describe", "Execute")]
    source = [f"codecommit:{one}" for one in ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")]
    return role(
        "codepipeline",
        *objects("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
        allow(*source, on=REPOSITORY),
        allow("codebuild:StartBuild", "codebuild:BatchGetBuilds", on=get("Project")),
        allow(*changes, "cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", on=OUT),
        allow("iam:PassRole", on=get("Deployer"), **{"iam:PassedToService": "cloudformation.amazonaws.com"}),
        allow("ssm:GetParameters", on=f"arn:aws:ssm:{PLACE}:parameter/Out/*"),
        allow("sns:Publish", on={"Ref": "Topic"}),
    )


def deploy_role() -> dict[str, Any]:
    queues = [f"sqs:{one}" for one in ("CreateQueue", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes")]
    roles = f"arn:aws:iam::{ACCOUNT}:role/Out-*"
    return role(
        "cloudformation",
        allow(*queues, on=f"arn:aws:sqs:{PLACE}:Out-*"),
        allow(
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            on=roles,
            **{"iam:PermissionsBoundary": LIMIT},
        ),
        allow("iam:GetRole", "iam:DeleteRole", on=roles),
        allow("ssm:GetParameters", on=f"arn:aws:ssm:{PLACE}:parameter/Out/*"),
    )


def delivery(*, approval: bool = False) -> dict[str, Any]:
    whole = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    logs = f"arn:aws:logs:{PLACE}:log-group:builds:*"
    store = {"Type": "S3", "Location": {"Ref": "Artifacts"}, "EncryptionKey": {"Id": get("Key"), "Type": "KMS"}}
    image = {"Type": "LINUX_CONTAINER", "Image": "aws/codebuild/standard:7.0", "ComputeType": "BUILD_GENERAL1_SMALL"}
    tells = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": get("Seen"),
    }
    event = {"source": ["aws.codecommit"], "resources": [REPOSITORY], "detail": {"referenceName": ["main"]}}
    return {
        "Resources": {
            "Key": resource("KMS::Key", KeyPolicy={"Statement": [whole]}),
            "Artifacts": resource("S3::Bucket", VersioningConfiguration={"Status": "Enabled"}),
            "Topic": resource("SNS::Topic"),
            "Log": resource("Logs::LogGroup", LogGroupName="builds"),
            "Repository": resource("CodeCommit::Repository", RepositoryName="images"),
            "Builder": role(
                "codebuild",
                *objects("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
                allow("logs:CreateLogStream", "logs:PutLogEvents", on=logs),
            ),
            "Deployer": deploy_role(),
            "Role": pipeline_role(),
            "Starter": role(
                "events", allow("codepipeline:StartPipelineExecution", on=f"arn:aws:codepipeline:{PLACE}:delivery")
            ),
            "Project": resource(
                "CodeBuild::Project",
                Source={"Type": "CODEPIPELINE"},
                Artifacts={"Type": "CODEPIPELINE"},
                Environment=image,
                ServiceRole=get("Builder"),
                EncryptionKey=get("Key"),
                LogsConfig={"CloudWatchLogs": {"Status": "ENABLED", "GroupName": {"Ref": "Log"}}},
            ),
            "Pipeline": resource(
                "CodePipeline::Pipeline",
                "Role",
                # Its first execution begins at once, and what it tells is waited for.
                "OnAnything",
                "SeenPolicy",
                Name="delivery",
                PipelineType="V2",
                ExecutionMode="SUPERSEDED",
                RoleArn=get("Role"),
                ArtifactStore=store,
                Stages=stages(approval=approval),
            ),
            "Seen": resource("SQS::Queue", QueueName="seen"),
            "SeenPolicy": resource("SQS::QueuePolicy", Queues=[{"Ref": "Seen"}], PolicyDocument={"Statement": [tells]}),
            "OnAnything": resource(
                "Events::Rule",
                EventPattern={"source": ["aws.codecommit", "aws.codebuild", "aws.codepipeline"]},
                Targets=[{"Id": "t", "Arn": get("Seen")}],
            ),
            "OnCommit": resource(
                "Events::Rule",
                EventPattern=event,
                Targets=[
                    {
                        "Id": "t",
                        "Arn": f"arn:aws:codepipeline:{PLACE}:delivery",
                        "RoleArn": get("Starter"),
                        "DeadLetterConfig": {"Arn": get("Seen")},
                    }
                ],
            ),
        }
    }


class Delivery:
    """The pipeline, as its users see it."""

    def __init__(self, run: Run) -> None:
        self.run, self.api, self.code = run, run.client("codepipeline"), run.client("codecommit")

    def commit(self, buildspec: str = QUICK, **resources: Any) -> str:
        template = {"Resources": resources.pop("resources", {"Jobs": QUEUE}), **resources}
        files = {"buildspec.yml": buildspec, "src/make.py": MAKE, "src/out.json": json.dumps(template)}
        request: dict[str, Any] = {"repositoryName": "images", "branchName": "main"}
        with suppress(self.code.exceptions.BranchDoesNotExistException):
            tip = self.code.get_branch(repositoryName="images", branchName="main")["branch"]
            request["parentCommitId"] = tip["commitId"]
        put = [{"filePath": path, "fileContent": text.encode()} for path, text in files.items()]
        return str(self.code.create_commit(**request, putFiles=put)["commitId"])

    def executions(self) -> list[dict[str, Any]]:
        found = self.api.list_pipeline_executions(pipelineName="delivery")["pipelineExecutionSummaries"]
        return list(reversed(found))

    def ended(self, number: int) -> dict[str, Any]:
        """Wait for the end of the execution that there were so many before."""

        def done() -> dict[str, Any] | None:
            found = self.executions()
            over = len(found) > number and found[number]["status"] not in ("InProgress", "Stopping")
            return found[number] if over else None

        return self.run.wait(f"the end of execution {number}", done)

    def action(self, stage: str, name: str) -> dict[str, Any]:
        states = self.api.get_pipeline_state(name="delivery")["stageStates"]
        (found,) = (
            one
            for state in states
            if state["stageName"] == stage
            for one in state["actionStates"]
            if one["actionName"] == name
        )
        return dict(found.get("latestExecution") or {})

    def said(self) -> str:
        events = self.run.client("logs").filter_log_events(logGroupName="builds")["events"]
        return "\n".join(one["message"] for one in events)

    def stack(self) -> str:
        return str(self.run.client("cloudformation").describe_stacks(StackName="Out")["Stacks"][0]["StackStatus"])


@contextmanager
def delivering(run: Run, *, approval: bool = False) -> Iterator[Delivery]:
    with deployed(run, "Delivery", delivery(approval=approval)):
        made = Delivery(run)
        # Making a pipeline starts it, and there is nothing to deliver yet.
        assert made.ended(0)["status"] == "Failed"
        try:
            yield made
        finally:
            cloudformation, s3 = run.client("cloudformation"), run.client("s3")
            cloudformation.delete_stack(StackName="Out")
            bucket = run.resource("Delivery", "AWS::S3::Bucket")
            for one in s3.list_object_versions(Bucket=bucket).get("Versions") or []:
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            run.client("logs").delete_log_group(logGroupName="builds")


def told(run: Run, until: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that the services told, up to one with these details."""
    sqs, found = run.client("sqs"), []

    def last() -> bool:
        answer = sqs.receive_message(
            QueueUrl=run.resource("Delivery", "AWS::SQS::Queue", "Seen"),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        for one in answer.get("Messages") or []:
            about = {name: value["StringValue"] for name, value in one.get("MessageAttributes", {}).items()}
            found.append(json.loads(one["Body"]) | about)
            sqs.delete_message(
                QueueUrl=run.resource("Delivery", "AWS::SQS::Queue", "Seen"), ReceiptHandle=one["ReceiptHandle"]
            )
        return any(until.items() <= (one["detail"] | one).items() for one in found)

    run.wait("the events", last)
    return found


def test_a_commit_goes_through_the_build_into_the_stack(run: Run) -> None:
    with delivering(run) as it:
        assert "no branch named main" in it.action("Source", "Commit")["errorDetails"]["message"]
        first = it.executions()[0]["pipelineExecutionId"]
        told(
            run,
            {"state": "FAILED", "execution-id": first, "detail-type": "CodePipeline Pipeline Execution State Change"},
        )
        commit = it.commit(BUILDSPEC)
        done = it.ended(1)
        assert done["status"] == "Succeeded", (it.action("Build", "Make"), it.action("Deploy", "Execute"), it.said())
        assert (done["trigger"]["triggerType"], done["sourceRevisions"][0]["revisionId"]) == ("CloudWatchEvent", commit)
        assert it.stack() == "CREATE_COMPLETE"
        assert "looked at 2 files" in it.said()
        assert it.run.sandbox.client("codepipeline", region="eu-west-1").list_pipelines()["pipelines"] == []

        kind = "CodePipeline Pipeline Execution State Change"
        events = told(run, {"detail-type": kind, "state": "SUCCEEDED"})
        created = next(one for one in events if one["source"] == "aws.codecommit")["detail"]
        assert (created["event"], created["referenceName"], created["commitId"]) == ("referenceCreated", "main", commit)
        own = [one["detail"] for one in events if one["source"] == "aws.codepipeline"]
        assert {one["execution-id"] for one in own} == {done["pipelineExecutionId"]}
        states = [(one.get("action") or one.get("stage") or one["pipeline"], one["state"]) for one in own]
        assert states[:4] == [
            ("delivery", "STARTED"),
            ("Source", "STARTED"),
            ("Commit", "STARTED"),
            ("Commit", "SUCCEEDED"),
        ]
        assert states[-2:] == [("Deploy", "SUCCEEDED"), ("delivery", "SUCCEEDED")]
        built = [one["detail"] for one in events if one["source"] == "aws.codebuild"]
        assert [one["build-status"] for one in built] == ["IN_PROGRESS", "SUCCEEDED"]


def test_a_rule_whose_role_may_not_start_the_pipeline_tells_its_dead_letter_queue(run: Run) -> None:
    with delivering(run) as it:
        role = run.resource("Delivery", "AWS::IAM::Role", "Starter")
        run.client("iam").delete_role_policy(RoleName=role, PolicyName="Do")
        it.commit()
        (lost,) = (one for one in told(run, {"ERROR_CODE": "NO_PERMISSIONS"}) if "ERROR_CODE" in one)
        assert "codepipeline:StartPipelineExecution" in lost["ERROR_MESSAGE"]
        assert len(it.executions()) == 1


def test_a_build_that_fails_says_which_command_and_ends_the_execution(run: Run) -> None:
    with delivering(run) as it:
        it.commit(BUILDSPEC.replace("python make.py > ../out.template.json", "echo no && exit 3"))
        assert it.ended(1)["status"] == "Failed"
        error = it.action("Build", "Make")["errorDetails"]
        assert error["code"] == "JobFailed"
        assert "Error while executing command: echo no && exit 3. Reason: exit status 3" in error["message"]
        assert "looked at 2 files" in it.said()
        assert it.action("Deploy", "Prepare") == {}
        state = it.api.get_pipeline_state(name="delivery")["stageStates"]
        assert [one["latestExecution"]["status"] for one in state[:2]] == ["Succeeded", "Failed"]
        assert "latestExecution" not in state[2]

        it.commit(BUILDSPEC.replace("boto3", "surely-not-installed"))
        assert it.ended(2)["status"] == "Failed"
        assert "No matching distribution found for surely-not-installed" in it.said()


def test_a_rejected_approval_keeps_the_stack_as_it_is(run: Run) -> None:
    with delivering(run, approval=True) as it:
        it.commit()
        token = run.wait("the approval", lambda: it.action("Deploy", "Approve").get("token"))
        assert it.stack() == "REVIEW_IN_PROGRESS"
        where = {"pipelineName": "delivery", "stageName": "Deploy", "actionName": "Approve"}
        rejected = {"summary": "not on Friday", "status": "Rejected"}
        with pytest.raises(ClientError, match="InvalidApprovalToken"):
            it.api.put_approval_result(**where, result=rejected, token=str(uuid4()))
        it.api.put_approval_result(**where, result=rejected, token=token)
        assert it.ended(1)["status"] == "Failed"
        assert it.action("Deploy", "Approve")["summary"] == "not on Friday"
        assert it.stack() == "REVIEW_IN_PROGRESS"


def test_while_an_approval_waits_newer_executions_supersede_each_other(run: Run) -> None:
    with delivering(run, approval=True) as it:
        commit = it.commit()
        first = run.wait("the approval", lambda: it.action("Deploy", "Approve").get("token"))
        once = {"name": "delivery", "clientRequestToken": "same"}
        second = it.api.start_pipeline_execution(**once)["pipelineExecutionId"]
        assert it.api.start_pipeline_execution(**once)["pipelineExecutionId"] == second

        def inbound() -> str:
            stage = it.api.get_pipeline_state(name="delivery")["stageStates"][2]
            return str(stage.get("inboundExecution", {}).get("pipelineExecutionId", ""))

        run.wait("the second execution", lambda: inbound() == second)
        third = it.api.start_pipeline_execution(name="delivery")["pipelineExecutionId"]
        run.wait("the third execution", lambda: inbound() == third)
        assert [one["status"] for one in it.executions()] == ["Failed", "InProgress", "Superseded", "InProgress"]
        where = {"pipelineName": "delivery", "stageName": "Deploy", "actionName": "Approve"}
        approved = {"summary": "fine", "status": "Approved"}
        it.api.put_approval_result(**where, result=approved, token=first)
        assert it.ended(1)["status"] == "Succeeded"
        token = run.wait("the next approval", lambda: it.action("Deploy", "Approve").get("token"))
        it.api.stop_pipeline_execution(pipelineName="delivery", pipelineExecutionId=third, abandon=True, reason="old")
        assert it.ended(3)["status"] == "Stopped"
        assert it.action("Deploy", "Approve")["status"] == "Abandoned"
        with pytest.raises(ClientError, match="InvalidApprovalToken"):
            it.api.put_approval_result(**where, result=approved, token=token)
        found = it.api.list_action_executions(pipelineName="delivery", filter={"pipelineExecutionId": third})
        assert [one["actionName"] for one in found["actionExecutionDetails"]] == [
            "Approve",
            "Prepare",
            "Make",
            "Commit",
        ]
        source = found["actionExecutionDetails"][-1]["output"]
        assert source["outputVariables"]["CommitId"] == commit


def test_a_change_set_without_changes_succeeds(run: Run) -> None:
    with delivering(run) as it:
        it.commit()
        assert it.ended(1)["status"] == "Succeeded"
        it.api.start_pipeline_execution(name="delivery")
        assert it.ended(2)["status"] == "Succeeded"
        assert "didn't contain changes" in it.action("Deploy", "Execute")["summary"]
        assert it.stack() == "CREATE_COMPLETE"


def test_what_the_deploy_role_lacks_fails_the_resource_and_rolls_back(run: Run) -> None:
    with delivering(run) as it:
        it.commit()
        assert it.ended(1)["status"] == "Succeeded"
        it.commit(resources={"Jobs": QUEUE, "Log": LOGS})
        assert it.ended(2)["status"] == "Failed"
        message = it.action("Deploy", "Execute")["errorDetails"]["message"]
        assert "Stack Out is in UPDATE_ROLLBACK_COMPLETE. Log: " in message
        assert "is not authorized to perform: logs:CreateLogGroup on resource: " in message
        assert ":assumed-role/Delivery-Deployer" in message
        execution = it.executions()[2]["pipelineExecutionId"]
        name, retry = run.resource("Delivery", "AWS::IAM::Role", "Deployer"), {"retryMode": "ALL_ACTIONS"}
        more = {"Statement": [allow("logs:*", on="*")]}
        run.client("iam").put_role_policy(RoleName=name, PolicyName="More", PolicyDocument=json.dumps(more))
        where = {"pipelineName": "delivery", "stageName": "Deploy", "pipelineExecutionId": execution}
        it.api.retry_stage_execution(**where, **retry)
        run.wait("the retry", lambda: it.executions()[2]["status"] == "Succeeded")
        assert it.stack() == "UPDATE_COMPLETE"


def test_roles_can_only_be_deployed_with_the_permissions_boundary(run: Run) -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    made = resource("IAM::Role", AssumeRolePolicyDocument=trust)
    limited = resource("IAM::Role", AssumeRolePolicyDocument=trust, PermissionsBoundary=LIMIT)
    other = resource("IAM::Role", AssumeRolePolicyDocument=trust, PermissionsBoundary=LIMIT, RoleName="Other")
    limit = {"Statement": [allow("logs:*", on="*")]}
    run.client("iam").create_policy(PolicyName="Limit", PolicyDocument=json.dumps(limit))
    with delivering(run) as it:
        it.commit(resources={"Made": limited})
        assert it.ended(1)["status"] == "Succeeded", it.action("Deploy", "Execute")
        for number, (name, one) in enumerate({"Without": made, "Elsewhere": other}.items(), 2):
            it.commit(resources={"Made": limited, name: one})
            assert it.ended(number)["status"] == "Failed"
            assert f"{name}: " in it.action("Deploy", "Execute")["errorDetails"]["message"]
            assert "iam:CreateRole" in it.action("Deploy", "Execute")["errorDetails"]["message"]


def test_parameters_behind_a_template_are_asked_of_the_roles(run: Run) -> None:
    run.client("ssm").put_parameter(Name="/Out/name", Value="Out-from-parameter", Type="String")
    run.client("ssm").put_parameter(Name="/secret", Value="Out-secret", Type="String")
    named = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}
    kind = "AWS::SSM::Parameter::Value<String>"
    with delivering(run) as it:
        it.commit(resources={"Jobs": named}, Parameters={"Name": {"Type": kind, "Default": "/Out/name"}})
        assert it.ended(1)["status"] == "Succeeded", it.action("Deploy", "Prepare")
        assert "Out-from-parameter" in run.resource("Out", "AWS::SQS::Queue")
        it.commit(resources={"Jobs": named}, Parameters={"Name": {"Type": kind, "Default": "/secret"}})
        assert it.ended(2)["status"] == "Failed"
        assert "ssm:GetParameters" in it.action("Deploy", "Prepare")["errorDetails"]["message"]
