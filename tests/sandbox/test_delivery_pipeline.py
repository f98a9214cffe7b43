"""Deliveries in the sandbox: a repository goes through a pipeline and its build into a stack, or does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    stack = {"StackName": "Out", "ChangeSetName": "pipeline"}
    variables = json.dumps([{"name": "KIND", "value": "image", "type": "PLAINTEXT"}])
    source = {"RepositoryName": "images", "BranchName": "main", "PollForSourceChanges": False}
    prepare = {
        "ActionMode": "CHANGE_SET_REPLACE",
        "RoleArn": get("Deployer"),
        "TemplatePath": "Template::out.template.json",
        "Capabilities": "CAPABILITY_NAMED_IAM",
    }
    build = {"ProjectName": {"Ref": "Project"}, "EnvironmentVariables": variables}
    actions = [action("Prepare", "Deploy", "CloudFormation", inputs=["Template"], **stack, **prepare)]
    if approval:
        data = {"NotificationArn": {"Ref": "Topic"}, "CustomData": "look at #{Built.COUNT} files"}
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
        allow("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", on=roles, **{"iam:PermissionsBoundary": LIMIT}),
        allow("iam:GetRole", "iam:DeleteRole", on=roles),
        allow("ssm:GetParameters", on=f"arn:aws:ssm:{PLACE}:parameter/Out/*"),
    )


def delivery(*, approval: bool = False) -> dict[str, Any]:
    whole = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    logs = f"arn:aws:logs:{PLACE}:log-group:builds:*"
    store = {"Type": "S3", "Location": {"Ref": "Artifacts"}, "EncryptionKey": {"Id": get("Key"), "Type": "KMS"}}
    image = {"Type": "LINUX_CONTAINER", "Image": "aws/codebuild/standard:7.0", "ComputeType": "BUILD_GENERAL1_SMALL"}
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
            "Starter": role("events", allow("codepipeline:StartPipelineExecution", on=f"arn:aws:codepipeline:{PLACE}:delivery")),
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
                Name="delivery",
                PipelineType="V2",
                ExecutionMode="SUPERSEDED",
                RoleArn=get("Role"),
                ArtifactStore=store,
                Stages=stages(approval=approval),
            ),
            "OnCommit": resource(
                "Events::Rule",
                EventPattern=event,
                Targets=[{"Id": "t", "Arn": f"arn:aws:codepipeline:{PLACE}:delivery", "RoleArn": get("Starter")}],
            ),
        }
    }


class Delivery:
    """The pipeline, as its users see it."""

    def __init__(self, run: Run) -> None:
        self.run, self.api, self.code = run, run.client("codepipeline"), run.client("codecommit")

    def commit(self, buildspec: str = BUILDSPEC, **resources: Any) -> str:
        template = {"Resources": resources.pop("resources", {"Jobs": QUEUE}), **resources}
        files = {"buildspec.yml": buildspec, "src/make.py": MAKE, "src/out.json": json.dumps(template)}
        request: dict[str, Any] = {"repositoryName": "images", "branchName": "main"}
        try:
            request["parentCommitId"] = self.code.get_branch(repositoryName="images", branchName="main")["branch"]["commitId"]
        except self.code.exceptions.BranchDoesNotExistException:
            pass
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
        (found,) = (one for state in states if state["stageName"] == stage for one in state["actionStates"] if one["actionName"] == name)
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


def test_a_commit_goes_through_the_build_into_the_stack(run: Run) -> None:
    with delivering(run) as it:
        assert "no branch named main" in it.action("Source", "Commit")["errorDetails"]["message"]
        commit = it.commit()
        done = it.ended(1)
        assert done["status"] == "Succeeded", (it.action("Build", "Make"), it.action("Deploy", "Execute"), it.said())
        assert (done["trigger"]["triggerType"], done["sourceRevisions"][0]["revisionId"]) == ("CloudWatchEvent", commit)
        assert it.stack() == "CREATE_COMPLETE"
        assert "looked at 2 files" in it.said()
