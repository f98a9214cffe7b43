"""Who may fetch and push by Git, and whom a repository tells: keys, permissions, triggers."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from ssl import create_default_context
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.adapters.delivery.objects import is_name
from sandbox.operations import denied, subscription, waiting
from sandbox.run import Run
from sandbox.scenarios import Broken
from sandbox.scenarios._repository import Clone, Refused, clone, password

from .conftest import deployed
from .test_ses import ACCOUNT, REGION
from .test_ses_stacks import get, resource

ZEROS = "0" * 40
PLACE = f"{REGION}:{ACCOUNT}"
HEARS = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


@pytest.fixture
def name(run: Run) -> Iterator[str]:
    """A repository without commits."""
    codecommit, made = run.client("codecommit"), f"code-{uuid4()}"
    codecommit.create_repository(repositoryName=made)
    yield made
    codecommit.delete_repository(repositoryName=made)


def allow(name: str, *actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:codecommit:{PLACE}:{name}", **more}


@contextmanager
def developer(run: Run, *statements: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """A user who may do so much, with an access key."""
    iam, user = run.client("iam"), f"dev-{uuid4()}"
    iam.create_user(UserName=user)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=user, PolicyName="It", PolicyDocument=document)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        yield user, {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=user, PolicyName="It")
        iam.delete_user(UserName=user)


def may_not(working: Clone, *references: str) -> str:
    with pytest.raises(Refused) as refused:
        working.push(*references)
    return str(refused.value)


def test_fetching_and_pushing_are_asked_of_the_caller(run: Run, name: str) -> None:
    with clone(run, name) as mine:
        mine.put({"a.txt": b"1"})
    statements = [allow(name, "codecommit:GitPull")]
    with developer(run, *statements) as (user, keys), clone(run, name, credentials=keys) as working:
        assert (working.folder / "a.txt").read_bytes() == b"1"
        working.commit({"b.txt": b"2"})
        arn = f"arn:aws:iam::{ACCOUNT}:user/{user}"
        said = f"{arn} is not authorized to perform: codecommit:GitPush on resource: arn:aws:codecommit:{PLACE}:{name}"
        assert said in may_not(working)
        run.client("iam").put_user_policy(
            UserName=user,
            PolicyName="It",
            PolicyDocument=json.dumps({"Statement": [allow(name, "codecommit:GitPush")]}),
        )
        working.push()
        with pytest.raises(Refused, match="is not authorized to perform: codecommit:GitPull"):
            working.git("fetch", "origin")


def test_a_push_can_be_denied_for_a_branch(run: Run, name: str) -> None:
    condition = {
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
        "Null": {"codecommit:References": "false"},
    }
    deny = allow(name, "codecommit:GitPush", Condition=condition) | {"Effect": "Deny"}
    with (
        developer(run, allow(name, "codecommit:Git*"), deny) as (_, keys),
        clone(run, name, credentials=keys) as working,
    ):
        working.commit({"a.txt": b"1"})
        working.git("branch", "side")
        assert "403" in may_not(working, "main")
        working.git("branch", "another")
        assert "403" in may_not(working, "main", "side")
        assert "403" in may_not(working, "another", "main")
        working.push("side", "another")
    assert run.client("codecommit").list_branches(repositoryName=name)["branches"] == ["another", "side"]


def test_a_key_that_is_disabled_cannot_push_any_more(run: Run, name: str) -> None:
    with (
        developer(run, allow(name, "codecommit:Git*")) as (user, keys),
        clone(run, name, credentials=keys) as working,
    ):
        working.put({"a.txt": b"1"})
        id = keys["aws_access_key_id"]
        run.client("iam").update_access_key(UserName=user, AccessKeyId=id, Status="Inactive")
        working.commit({"a.txt": b"2"})
        assert "security token included in the request is invalid" in may_not(working)
        for wrong in ({"aws_access_key_id": "AKIANOSUCHKEY"}, {"aws_secret_access_key": "x"}):
            assert "403" in may_not(replace(working, credentials={**run.sandbox.credentials, **wrong}))
        assert "not signed" in may_not(replace(working, region="eu-west-1", credentials=run.sandbox.credentials))


def test_a_session_pushes_with_its_token_and_is_who_the_events_name(run: Run, name: str) -> None:
    iam, role = run.client("iam"), f"pusher-{uuid4()}"
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    statement = allow(name, "codecommit:Git*")
    iam.put_role_policy(RoleName=role, PolicyName="It", PolicyDocument=json.dumps({"Statement": [statement]}))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    found = run.client("sts").assume_role(RoleArn=arn, RoleSessionName="ci")["Credentials"]
    keys = {"aws_access_key_id": found["AccessKeyId"], "aws_secret_access_key": found["SecretAccessKey"]}
    try:
        with pytest.raises(Refused), clone(run, name, credentials=keys):
            pass
        keys["aws_session_token"] = found["SessionToken"]
        with clone(run, name, credentials=keys) as working:
            working.put({"a.txt": b"1"})
            with denied(run, role, ["codecommit:GitPush"]):
                working.commit({"a.txt": b"2"})
                assert f"assumed-role/{role}/ci is not authorized" in may_not(working)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="It")
        iam.delete_role(RoleName=role)


def test_repositories_of_other_regions_are_reached_with_a_password_for_their_region(run: Run) -> None:
    elsewhere = run.client("codecommit", "eu-west-1")
    elsewhere.create_repository(repositoryName="far")
    with clone(run, "far", "eu-west-1") as working:
        made = working.put({"a.txt": b"1"})
    branch = elsewhere.get_branch(repositoryName="far", branchName="main")["branch"]
    elsewhere.delete_repository(repositoryName="far")
    assert branch["commitId"] == made
    with pytest.raises(Refused, match="not found"), clone(run, "far", REGION):
        pass


def answered(run: Run, path: str, user: str = "", secret: str = "", body: bytes | None = None) -> int:
    headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()} if user else {}
    request = urllib.request.Request(run.sandbox.endpoint + path, data=body, headers=headers)  # noqa: S310
    trust = create_default_context(cafile=str(run.sandbox.ca))
    try:
        with urllib.request.urlopen(request, context=trust) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_nothing_else_is_served_there(run: Run, name: str) -> None:
    path = f"/v1/repos/{name}"
    signed = password(run.sandbox.endpoint + path, run.sandbox.credentials, REGION)
    refs = f"{path}/info/refs?service=git-upload-pack"
    assert answered(run, refs, *signed) == 200
    assert answered(run, refs) == 401
    assert answered(run, refs, "test", "test") == 403
    assert answered(run, refs, signed[0], "20200101T000000Z" + signed[1][16:]) == 403
    for rest in ("/HEAD", "/config", "/info/refs", "/info/refs?service=git-upload-archive", "/../x/info/refs"):
        assert answered(run, path + rest, *signed) == 404, rest
    assert answered(run, f"{path}/git-receive-pack", *signed, body=b"zzzz") == 400


@pytest.mark.parametrize(("minutes", "status"), [(-16, 403), (-14, 200), (14, 200), (16, 403)])
def test_a_password_is_good_for_a_quarter_of_an_hour(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Then:
            return cls.fromtimestamp(time.time() + 60 * minutes, tz)

    monkeypatch.setattr("sandbox.scenarios._repository.datetime", Then)
    path = f"/v1/repos/{name}"
    signed = password(run.sandbox.endpoint + path, run.sandbox.credentials, REGION)
    assert answered(run, f"{path}/info/refs?service=git-upload-pack", *signed) == status


def test_a_machine_without_git_is_told_so(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.scenarios._repository.shutil.which", lambda program: None)
    with pytest.raises(Broken, match="need the command git; install it"), clone(run, name):
        pass


@pytest.mark.parametrize("text", ["main", "a/b", "ü", "a.b", "-a", "a..b", "a/", "/a", "a b", "a.lock/b", "a@{b", ".a"])
def test_names_of_branches_are_those_that_git_takes(text: str) -> None:
    done = subprocess.run(["git", "check-ref-format", "--branch", text], capture_output=True, check=False)
    assert is_name(text) == (done.returncode == 0)


def template(name: str, *triggers: dict[str, Any], permitted: bool = True) -> dict[str, Any]:
    """A repository with triggers, and a function and a topic that bring what they are told into a queue each."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": get("Heard")}
    source = {"Handler": "index.handler", "Runtime": "python3.13", "Code": {"ZipFile": HEARS}, "Role": get("Role")}
    permission = resource(
        "Lambda::Permission",
        Action="lambda:InvokeFunction",
        FunctionName={"Ref": "Function"},
        Principal="codecommit.amazonaws.com",
        SourceArn=f"arn:aws:codecommit:{PLACE}:{name}",
    )
    resources = {
        "Heard": resource("SQS::Queue"),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument={"Statement": [trust]},
            Policies=[{"PolicyName": "Do", "PolicyDocument": {"Statement": [send]}}],
        ),
        "Function": resource("Lambda::Function", Environment={"Variables": {"QUEUE": {"Ref": "Heard"}}}, **source),
        "Code": resource("CodeCommit::Repository", RepositoryName=name, Triggers=list(triggers)),
    }
    return {"Resources": resources | ({"Permission": permission} if permitted else {})}


def trigger(name: str, *events: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "DestinationArn": get("Function"), "Events": list(events), **more}


def records(run: Run, count: int) -> list[dict[str, Any]]:
    queue = run.resource("Code", "AWS::SQS::Queue")
    found = run.wait("records", lambda: (got := waiting(run, queue))[count - 1 :] and got)
    run.client("sqs").purge_queue(QueueUrl=queue)
    return [record for event in found for record in event["Records"]]


def test_triggers_of_a_template_tell_a_function_of_pushes(run: Run) -> None:
    every = trigger("every", "all", CustomData="here")
    new = trigger("new", "createReference", Branches=["main", "other"])
    with deployed(run, "Code", template("told", every, new)), clone(run, "told") as working:
        first = working.put({"a.txt": b"1"})
        found = {one["eventTriggerName"]: one for one in records(run, 2)}
        one = found["every"]
        assert one["codecommit"] == {"references": [{"commit": first, "ref": "refs/heads/main", "created": True}]}
        assert one["eventSourceARN"] == f"arn:aws:codecommit:{PLACE}:told"
        assert (one["eventName"], one["customData"], one["awsRegion"]) == ("ReferenceChanges", "here", REGION)
        assert one["userIdentityARN"] == f"arn:aws:iam::{ACCOUNT}:root"
        assert (one["eventPartNumber"], one["eventTotalParts"], one["eventVersion"]) == (1, 1, "1.0")
        assert found["new"]["customData"] is None
        working.git("branch", "side")
        second = working.commit({"a.txt": b"2"})
        tag = working.tag("v1", "one")
        working.push("main", "side", "v1")
        (one,) = records(run, 1)
        assert one["eventTriggerName"] == "every"
        assert one["codecommit"]["references"] == [
            {"commit": second, "ref": "refs/heads/main"},
            {"commit": first, "ref": "refs/heads/side", "created": True},
            {"commit": tag, "ref": "refs/tags/v1", "created": True},
        ]
        working.push(":side")
        (one,) = records(run, 1)
        assert one["codecommit"]["references"] == [{"commit": ZEROS, "ref": "refs/heads/side", "deleted": True}]


def test_triggers_are_put_as_a_whole_and_can_be_tested(run: Run) -> None:
    codecommit = run.client("codecommit")
    with deployed(run, "Code", template("listed", trigger("first", "all"))):
        before = codecommit.get_repository_triggers(repositoryName="listed")
        (first,) = before["triggers"]
        function = f"arn:aws:lambda:{PLACE}:function:{run.resource('Code', 'AWS::Lambda::Function')}"
        assert first == {
            "name": "first", "destinationArn": function, "events": ["all"], "branches": [], "customData": ""
        }  # fmt: skip
        second = {"name": "second", "destinationArn": function, "events": ["updateReference"]}
        asked = {"repositoryName": "listed", "triggers": [second]}
        put = codecommit.put_repository_triggers(**asked)["configurationId"]
        after = codecommit.get_repository_triggers(repositoryName="listed")
        assert ([one["name"] for one in after["triggers"]], after["configurationId"]) == (["second"], put)
        assert put != before["configurationId"]
        gone = {"name": "gone", "destinationArn": function + "-gone", "events": ["all"]}
        tested = codecommit.test_repository_triggers(repositoryName="listed", triggers=[second, gone])
        assert tested["successfulExecutions"] == ["second"]
        (failure,) = tested["failedExecutions"]
        assert (failure["trigger"], "does not exist" in failure["failureMessage"]) == ("gone", True)
        (told,) = records(run, 1)
        assert told["eventName"] == "TriggerEventTest"
        assert told["codecommit"]["references"] == [{"commit": ZEROS, "ref": "refs/heads/main"}]
        for wrong, code in (
            ([{**second, "name": str(number)} for number in range(11)], "MaximumRepositoryTriggersExceeded"),
            ([second, second], "InvalidRepositoryTriggerName"),
            ([{**second, "events": []}], "InvalidRepositoryTriggerEvents"),
            ([{**second, "events": ["all", "createReference"]}], "InvalidRepositoryTriggerEvents"),
            ([{**second, "destinationArn": function.replace(REGION, "eu-west-1")}], "InvalidRepositoryTriggerRegion"),
            ([{**second, "destinationArn": "arn:aws:sqs:x"}], "InvalidRepositoryTriggerDestinationArn"),
            ([{**second, "customData": "x" * 1001}], "InvalidRepositoryTriggerCustomData"),
            ([{**second, "branches": ["x"] * 11}], "MaximumBranchesExceeded"),
        ):
            with pytest.raises(ClientError, match=f"{code}Exception"):
                codecommit.put_repository_triggers(repositoryName="listed", triggers=wrong)


def test_a_function_that_does_not_permit_codecommit_is_not_told(run: Run) -> None:
    with deployed(run, "Code", template("shy", trigger("it", "all"), permitted=False)), clone(run, "shy") as working:
        working.put({"a.txt": b"1"})
        said = "codecommit.amazonaws.com is not authorized to perform: lambda:InvokeFunction"
        run.wait("the refusal in the log", lambda: said in run.sandbox.log.read_text())
        assert waiting(run, run.resource("Code", "AWS::SQS::Queue")) == []


def test_a_topic_is_told_as_far_as_its_policy_lets_it(run: Run, name: str) -> None:
    sns, codecommit = run.client("sns"), run.client("codecommit")
    topic = sns.create_topic(Name=name)["TopicArn"]
    one = {"name": "it", "destinationArn": topic, "events": ["updateReference"]}
    codecommit.put_repository_triggers(repositoryName=name, triggers=[one])
    (failure,) = codecommit.test_repository_triggers(repositoryName=name, triggers=[one])["failedExecutions"]
    assert "codecommit.amazonaws.com is not authorized to perform: sns:Publish" in failure["failureMessage"]
    who = {"Service": "codecommit.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": who, "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with subscription(run, topic) as queue, clone(run, name) as working:
        working.put({"a.txt": b"1"})
        second = working.put({"a.txt": b"2"})
        (heard,) = run.wait("the message", lambda: waiting(run, queue))
        (record,) = json.loads(heard["Message"])["Records"]
        assert record["codecommit"]["references"] == [{"commit": second, "ref": "refs/heads/main"}]
    sns.delete_topic(TopicArn=topic)


def test_too_many_triggers_fail_the_repository(run: Run) -> None:
    many = [trigger(f"t{number}", "all") for number in range(11)]
    with (
        pytest.raises(Broken, match="A repository can have 10 triggers at most"),
        deployed(run, "Code", template("many", *many)),
    ):
        pass
    assert "many" not in str(run.client("codecommit").list_repositories()["repositories"])
