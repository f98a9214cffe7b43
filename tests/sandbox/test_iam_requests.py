"""IAM in the sandbox as leaked keys need it: ids that tell their account, paths, quarantine, and keys of root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox import key_ids
from sandbox.operations import told
from sandbox.run import Run

ACCOUNT, OTHER = "123456789012", "111122223333"
USERS = f"arn:aws:iam::{ACCOUNT}:user"
QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"
KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z2-7]{16}")
SECRET = re.compile(r"[A-Za-z0-9/+]{40}")


@pytest.fixture
def people(run: Run) -> Iterator[dict[str, dict[str, str]]]:
    """Two users with a key each: ann under the path ``/team/``, and bob."""
    iam = run.client("iam")
    iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "break-glass", "Value": "true"}])
    iam.create_user(UserName="bob")
    yield {name: iam.create_access_key(UserName=name)["AccessKey"] for name in ("ann", "bob")}
    for name in ("ann", "bob"):
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        iam.delete_user(UserName=name)


def allow(action: str, resource: str, **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def client(run: Run, service: str, key: dict[str, str]) -> Any:
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"), "us-east-1")
    return session.client(service, endpoint_url=run.sandbox.endpoint, verify=str(run.sandbox.ca))


@contextmanager
def session(run: Run, *statements: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Credentials of a role that may do what statements say."""
    iam, name = run.client("iam"), "Guard"
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Statement": [trust]})
    role = iam.create_role(RoleName=name, Path="/own/", AssumeRolePolicyDocument=document)
    document = json.dumps({"Statement": statements or [allow("none:None", "*")]})
    iam.put_role_policy(RoleName=name, PolicyName="Do", PolicyDocument=document)
    try:
        arn = role["Role"]["Arn"]
        yield run.client("sts").assume_role(RoleArn=arn, RoleSessionName="guard")["Credentials"]
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="Do")
        iam.delete_role(RoleName=name)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def refused(call: Any, **request: Any) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ClientError) as error:
        call(**request)
    return code(error)


def test_an_id_tells_its_account_as_those_that_aws_has_given_out() -> None:
    known = {"ASIA" + "Y34FZKBOKMUTVV7A": "609629065308", "AKIA" + "RZPUZDIKGB2VALC4": ACCOUNT}
    assert {key: key_ids.account_of(key) for key in known} == known
    for account in ("000000000000", OTHER, "999999999999"):
        made = {key_ids.key_id(account, prefix) for prefix in ("AKIA", "ASIA") for _ in range(50)}
        assert len(made) == 100
        assert all(KEY_ID.fullmatch(key) and key_ids.account_of(key) == account for key in made)
    for strange in ("AKIAIOSFODNN7EXAMPLE", "AKIA0123456789ABCDEF", "AKIARZPU", "AKIA", "", "ÄKIÄRZPUZDIKGB2VALCÄ"):
        assert key_ids.account_of(strange) is None


def test_keys_and_sessions_look_like_those_of_aws(run: Run, people: dict[str, dict[str, str]]) -> None:
    with session(run) as temporary:
        for key, prefix in ((people["ann"], "AKIA"), (temporary, "ASIA")):
            assert KEY_ID.fullmatch(key["AccessKeyId"])
            assert key["AccessKeyId"].startswith(prefix)
            assert SECRET.fullmatch(key["SecretAccessKey"])
            assert not re.fullmatch("[0-9a-f]+", key["SecretAccessKey"])
            assert key_ids.account_of(key["AccessKeyId"]) == ACCOUNT
            assert client(run, "sts", key).get_caller_identity()["Account"] == ACCOUNT
    assert re.match("IQoJb3JpZ2luX2Vj[A-Za-z0-9+/=]{300,}", temporary["SessionToken"])


def test_the_account_of_any_id_is_told_and_the_user_of_own_ones(run: Run, people: dict[str, dict[str, str]]) -> None:
    root = told(run, "/_sandbox/iam/root-key", {})["accessKeyId"]
    named = told(run, "/_sandbox/iam/root-key", {"userName": "<root_account>"})["accessKeyId"]
    foreign, gone = key_ids.key_id(OTHER), key_ids.key_id(ACCOUNT)
    own = people["ann"]["AccessKeyId"]
    with session(run, allow("iam:*", f"{USERS}/*"), allow("sts:*", "*")) as key:
        sts, iam = client(run, "sts", key), client(run, "iam", key)
        accounts = {id: sts.get_access_key_info(AccessKeyId=id)["Account"] for id in (root, foreign, gone, own)}
        assert accounts == {root: ACCOUNT, foreign: OTHER, gone: ACCOUNT, own: ACCOUNT}
        assert refused(sts.get_access_key_info, AccessKeyId="AKIAIOSFODNN7EXAMPLE") == "ValidationError"
        last = iam.get_access_key_last_used
        assert [last(AccessKeyId=id)["UserName"] for id in (own, named)] == ["ann", "<root_account>"]
        assert [refused(last, AccessKeyId=id) for id in (root, gone)] == ["NoSuchEntity"] * 2
        # Whoever may ask for users only is told nothing of the keys of others.
        assert refused(last, AccessKeyId=foreign) == "AccessDenied"
    assert refused(run.client("iam").get_access_key_last_used, AccessKeyId=foreign) == "NoSuchEntity"


def test_permissions_on_a_path_hold_for_the_users_under_it(run: Run, people: dict[str, dict[str, str]]) -> None:
    ann, bob = ({"UserName": name, "AccessKeyId": people[name]["AccessKeyId"]} for name in ("ann", "bob"))
    with session(run, allow("iam:*AccessKey*", f"{USERS}/team/*")) as key:
        iam = client(run, "iam", key)
        assert iam.get_access_key_last_used(AccessKeyId=ann["AccessKeyId"])["UserName"] == "ann"
        assert refused(iam.get_access_key_last_used, AccessKeyId=bob["AccessKeyId"]) == "AccessDenied"
        assert refused(iam.update_access_key, **bob, Status="Inactive") == "AccessDenied"
        iam.update_access_key(**ann, Status="Inactive")
        assert refused(iam.update_access_key, AccessKeyId=ann["AccessKeyId"], Status="Active") == "AccessDenied"
    assert refused(client(run, "sts", people["ann"]).get_caller_identity) == "InvalidClientTokenId"
    client(run, "sts", people["bob"]).get_caller_identity()
    with session(run, allow("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/own/Guard")) as key:
        document = json.dumps({"Statement": [allow("none:None", "*")]})
        put = client(run, "iam", key).put_role_policy
        put(RoleName="Guard", PolicyName="Do", PolicyDocument=document)
        assert refused(put, RoleName="Guard", PolicyName="Do", PolicyDocument=document) == "AccessDenied"


@pytest.mark.parametrize("name", ["aws:ResourceTag/break-glass", "iam:ResourceTag/break-glass"])
def test_a_tag_on_a_user_keeps_others_away(run: Run, people: dict[str, dict[str, str]], name: str) -> None:
    with session(run, allow("iam:UpdateAccessKey", f"{USERS}/*", StringNotEquals={name: "true"})) as key:
        update = client(run, "iam", key).update_access_key
        for user, refusal in (("ann", "AccessDenied"), ("bob", "")):
            request = {"UserName": user, "AccessKeyId": people[user]["AccessKeyId"], "Status": "Inactive"}
            assert (refused(update, **request) if refusal else update(**request) and "") == refusal


def test_a_role_must_say_whose_key_and_a_user_needs_not(run: Run, people: dict[str, dict[str, str]]) -> None:
    id = people["bob"]["AccessKeyId"]
    with session(run, allow("iam:*", "*")) as key:
        update = client(run, "iam", key).update_access_key
        assert refused(update, AccessKeyId=id, Status="Inactive") == "ValidationError"
        assert refused(client(run, "iam", key).list_access_keys, UserName="nobody") == "NoSuchEntity"
    own = json.dumps({"Statement": [allow("iam:*", f"{USERS}/bob")]})
    run.client("iam").put_user_policy(UserName="bob", PolicyName="Own", PolicyDocument=own)
    (listed,) = client(run, "iam", people["bob"]).list_access_keys()["AccessKeyMetadata"]
    assert (listed["UserName"], listed["AccessKeyId"], listed["Status"]) == ("bob", id, "Active")
    run.client("iam").create_access_key(UserName="bob")
    assert refused(run.client("iam").create_access_key, UserName="bob") == "LimitExceeded"


def test_only_policies_that_there_are_can_be_attached_and_only_those_allowed(
    run: Run, people: dict[str, dict[str, str]]
) -> None:
    everything = json.dumps({"Statement": [allow("*", "*")]})
    iam = run.client("iam")
    iam.put_user_policy(UserName="bob", PolicyName="All", PolicyDocument=everything)
    bob = client(run, "iam", people["bob"])
    bob.list_users()
    only = {"ArnEquals": {"iam:PolicyARN": f"{QUARANTINE}V3"}}
    with session(run, allow("iam:AttachUserPolicy", f"{USERS}/*", **only)) as key:
        attach = client(run, "iam", key).attach_user_policy
        assert refused(attach, UserName="bob", PolicyArn=f"{QUARANTINE}V2") == "AccessDenied"
        attach(UserName="bob", PolicyArn=f"{QUARANTINE}V3")
        attach(UserName="bob", PolicyArn=f"{QUARANTINE}V3")
    assert refused(bob.list_users) == "AccessDenied"
    bob.get_user(UserName="bob")
    policy = iam.get_policy(PolicyArn=f"{QUARANTINE}V3")["Policy"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert "iam:CreateAccessKey" in version["Document"]["Statement"][0]["Action"]
    for missing in (f"{QUARANTINE}V9", f"arn:aws:iam::{ACCOUNT}:policy/None"):
        assert refused(iam.attach_user_policy, UserName="bob", PolicyArn=missing) == "NoSuchEntity"
    assert refused(iam.attach_user_policy, UserName="nobody", PolicyArn=f"{QUARANTINE}V3") == "NoSuchEntity"
    assert len(iam.list_attached_user_policies(UserName="bob")["AttachedPolicies"]) == 1
