"""CloudTrail in the sandbox: whose session a temporary key is, once somebody switches the history on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import told
from sandbox.run import Run

from .test_iam_requests import ACCOUNT, allow, client, people, session

__all__ = ["people"]


@pytest.fixture
def recorded(run: Run) -> Iterator[None]:
    told(run, "/_sandbox/cloudtrail", {"on": True})
    yield
    told(run, "/_sandbox/cloudtrail", {"on": False})


def events(run: Run, key: str, region: str = "us-east-1") -> list[dict[str, Any]]:
    """The events of an access key, oldest first."""
    attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": key}]
    found = run.client("cloudtrail", region).lookup_events(LookupAttributes=attributes)["Events"]
    return [event | {"details": json.loads(event["CloudTrailEvent"])} for event in reversed(found)]


@pytest.mark.usefixtures("recorded")
def test_a_temporary_key_is_found_with_the_role_behind_it(run: Run) -> None:
    with session(run, allow("*", "*")) as key:
        id = key["AccessKeyId"]
        assert events(run, id) == []
        client(run, "sts", key).get_caller_identity()
        client(run, "iam", key).list_users()
        client(run, "sqs", key).list_queues()
        client(run, "s3", key).list_buckets()
        role = run.client("iam").get_role(RoleName="Guard")["Role"]
    found = events(run, id)
    names = ["GetCallerIdentity", "ListUsers", "ListQueues", "ListBuckets"]
    assert [event["EventName"] for event in found] == names
    assert {event["Username"] for event in found} == {"guard"}
    assert found[0]["details"]["eventName"] == "GetCallerIdentity"
    identity = found[0]["details"]["userIdentity"]
    created = identity["sessionContext"].pop("attributes")
    assert sorted(created) == ["creationDate", "mfaAuthenticated"]
    issuer = {"type": "Role", "principalId": role["RoleId"], "accountId": ACCOUNT, "userName": "Guard"}
    assert identity == {
        "type": "AssumedRole",
        "principalId": f"{role['RoleId']}:guard",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Guard/guard",
        "accountId": ACCOUNT,
        "accessKeyId": id,
        "sessionContext": {"sessionIssuer": {**issuer, "arn": f"arn:aws:iam::{ACCOUNT}:role/own/Guard"}},
    }
    assert events(run, id, "eu-west-1") == []


@pytest.mark.usefixtures("recorded")
def test_users_sessions_of_users_and_root_are_told_apart(run: Run, people: dict[str, dict[str, str]]) -> None:
    temporary = client(run, "sts", people["ann"]).get_session_token()["Credentials"]
    client(run, "sts", temporary).get_caller_identity()
    for key in (people["ann"], temporary):
        (event,) = events(run, key["AccessKeyId"])
        identity = event["details"]["userIdentity"]
        known = (identity["type"], identity["arn"], identity["userName"], identity["accessKeyId"])
        assert known == ("IAMUser", f"arn:aws:iam::{ACCOUNT}:user/team/ann", "ann", key["AccessKeyId"])
        assert ("sessionContext" in identity) == (key is temporary)
    run.client("iam").list_users()
    assert events(run, run.sandbox.credentials["aws_access_key_id"])[-1]["details"]["userIdentity"]["type"] == "Root"


@pytest.mark.usefixtures("recorded")
def test_data_events_are_not_in_the_history(run: Run) -> None:
    s3, sqs = run.client("s3"), run.client("sqs")
    with session(run, allow("*", "*")) as key:
        s3.create_bucket(Bucket="trail-of-tests")
        queue = sqs.create_queue(QueueName="trail")["QueueUrl"]
        client(run, "s3", key).put_object(Bucket="trail-of-tests", Key="one", Body=b"1")
        client(run, "sqs", key).send_message(QueueUrl=queue, MessageBody="one")
        assert events(run, key["AccessKeyId"]) == []
    s3.delete_object(Bucket="trail-of-tests", Key="one")
    s3.delete_bucket(Bucket="trail-of-tests")
    sqs.delete_queue(QueueUrl=queue)


def test_nothing_is_recorded_until_somebody_says_so(run: Run) -> None:
    with session(run) as key:
        client(run, "sts", key).get_caller_identity()
        assert events(run, key["AccessKeyId"]) == []


def test_only_one_attribute_can_be_looked_up(run: Run) -> None:
    attributes = [{"AttributeKey": name, "AttributeValue": "x"} for name in ("AccessKeyId", "Username")]
    with pytest.raises(ClientError, match="InvalidLookupAttributes"):
        run.client("cloudtrail").lookup_events(LookupAttributes=attributes)
