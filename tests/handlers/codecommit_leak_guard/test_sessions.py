"""Temporary keys: whose session it is, and which roles' sessions are revoked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import (
    ALWAYS,
    KEY,
    OTHER,
    OWN,
    ROLE,
    SESSION,
    START,
    Account,
    Crash,
    at,
    used_by,
)
from tests.handlers.loading import Context

HOME, GLOBAL = "eu-central-1", "us-east-1"
LOOKING = "cloudtrail:LookupEvents"
ROLES = json.dumps([ROLE])


@pytest.fixture
def account(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(aws, monkeypatch)
    made.leak("temporary_key")
    made.events[HOME] = [used_by("AssumedRole")]
    return made


def regions(account: Account) -> list[str]:
    return [call.region for call in account.aws.calls if call.operation == "LookupEvents"]


@pytest.mark.parametrize("owner", [OWN, None])
def test_without_roles_it_is_told_only(account: Account, owner: str | None) -> None:
    account.owners = {SESSION: owner} if owner else {}
    assert account.answer(account.load()) == "alert_only"
    assert (account.text()["account"], account.text()["reason"]) == (owner, None)
    assert account.aws.actions() == ALWAYS


def test_that_sts_does_not_tell_whose_it_is_is_told_with_the_reason(account: Account) -> None:
    account.refused["GetAccessKeyInfo"] = FakeError("AccessDenied", SESSION, 403)
    assert account.answer(account.load()) == "alert_only"
    reason = "sts:GetAccessKeyInfo is not allowed to the guard (AccessDenied)"
    assert (account.text()["account"], account.text()["reason"]) == (None, reason)
    account.leak("temporary_key", "f2")
    assert account.answer(account.load(REVOKE_ROLES=ROLES), finding="f2") == "revoked", "CloudTrail knows"


def test_a_session_of_another_account_is_told_only(account: Account) -> None:
    account.owners[SESSION] = OTHER
    assert account.answer(account.load(REVOKE_ROLES=ROLES)) == "foreign_account"
    assert account.aws.actions() == ALWAYS


def test_sessions_of_a_listed_role_until_now_are_revoked_as_the_console_does(account: Account) -> None:
    assert account.answer(account.load(REVOKE_ROLES=ROLES)) == "revoked"
    assert account.policies == {
        ("shop", "AWSRevokeOlderSessions"): {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Action": ["*"],
                    "Resource": ["*"],
                    "Condition": {"DateLessThan": {"aws:TokenIssueTime": at(START)}},
                }
            ],
        }
    }
    assert (account.text()["user"], account.text()["severity"], regions(account)) == ("shop", "HIGH", [HOME])
    assert account.aws.actions() == {*ALWAYS, LOOKING, "iam:PutRolePolicy"}


@pytest.mark.parametrize(
    ("arn", "found"),
    [
        ("arn:aws:lambda:eu-central-1", GLOBAL),
        ("arn:aws-cn:lambda:cn-northwest-1", "cn-north-1"),
        ("arn:aws-us-gov:lambda:us-gov-east-1", "us-gov-west-1"),
        ("arn:aws-eusc:lambda:eusc-de-east-1", None),
    ],
)
def test_events_of_global_services_are_looked_for_where_the_partition_has_them(
    account: Account, arn: str, found: str | None
) -> None:
    account.events = {found: [used_by("AssumedRole")]} if found else {}
    context = Context(60)
    context.invoked_function_arn = f"{arn}:{OWN}:function:respond"
    event = {"findings": ["f1"], "walk": "w1"}
    result = account.load(REVOKE_ROLES=ROLES).handler(event, context)
    own = arn.split(":")[3]
    assert result["outcomes"] == ["revoked" if found else "not_revoked"]
    assert regions(account) == ([own, found] if found else [own])


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "CloudTrail has no event of the key yet"),
        # The event with which a role was assumed names the key that it has made, and somebody else as its user.
        ([used_by("AssumedRole", KEY)], "CloudTrail has no event of the key yet"),
        ([used_by("IAMUser")], "it is no role's session, but of type IAMUser"),
        ([used_by("Root")], "it is no role's session, but of type Root"),
        ([used_by("AssumedRole", role=f"{ROLE}s")], f"the guard may not revoke sessions of {ROLE}s"),
    ],
)
def test_what_cannot_be_laid_to_a_listed_role_is_told_with_the_reason(
    account: Account, events: list[Any], reason: str
) -> None:
    account.events[HOME] = events
    assert account.answer(account.load(REVOKE_ROLES=ROLES)) == "not_revoked"
    assert account.text()["reason"] == reason
    assert account.policies == {}
    assert account.aws.actions() == {*ALWAYS, LOOKING}


def test_an_event_that_comes_later_is_acted_on_by_the_next_walk(account: Account) -> None:
    module = account.load(REVOKE_ROLES=ROLES)
    events = account.events.pop(HOME)
    account.answer(module)
    account.events[HOME] = events
    account.answer(module, "w2")
    assert account.told() == ["not_revoked", "revoked"]


def test_a_dry_run_revokes_nothing(account: Account) -> None:
    assert account.answer(account.load(REVOKE_ROLES=ROLES, DRY_RUN="true")) == "would_revoke"
    assert account.policies == {}


@pytest.mark.parametrize(
    ("operation", "action"),
    [("LookupEvents", "cloudtrail:LookupEvents"), ("PutRolePolicy", "iam:PutRolePolicy")],
)
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_what_is_denied_is_told_with_the_action(account: Account, operation: str, action: str, code: str) -> None:
    account.refused[operation] = FakeError(code, SESSION, 403)
    assert account.answer(account.load(REVOKE_ROLES=ROLES)) == "could_not_revoke"
    assert account.text()["reason"] == f"{action} is not allowed to the guard ({code})"
    assert account.text()["severity"] == "CRITICAL"


def test_a_role_that_aws_keeps_for_itself_is_told(account: Account) -> None:
    account.refused["PutRolePolicy"] = FakeError("UnmodifiableEntity")
    assert account.answer(account.load(REVOKE_ROLES=ROLES)) == "could_not_revoke"
    assert account.text()["reason"] == "iam:PutRolePolicy was refused (UnmodifiableEntity)"


@pytest.mark.parametrize("operation", ["LookupEvents", "PutRolePolicy"])
def test_a_busy_service_is_left_to_the_next_try(account: Account, operation: str) -> None:
    module = account.load(REVOKE_ROLES=ROLES)
    account.refused[operation] = FakeError("ThrottlingException")
    with pytest.raises(ClientError):
        account.answer(module)
    account.refused.clear()
    assert account.answer(module) == "revoked"
    assert account.told() == ["revoked"]


def test_what_was_revoked_is_not_revoked_again_by_the_same_leak(account: Account) -> None:
    module = account.load(REVOKE_ROLES=ROLES)
    account.answer(module)
    account.policies.clear()
    account.now += 3600
    assert account.answer(module, "w2") == "revoked"
    assert (account.policies, account.told()) == ({}, ["revoked"])


@pytest.mark.parametrize("call", range(7))
def test_a_function_that_ends_anywhere_is_followed_by_one_that_tells(account: Account, call: int) -> None:
    module = account.load(REVOKE_ROLES=ROLES)
    account.faults = {call: "crash"}
    with pytest.raises(Crash):
        account.answer(module)
    account.now += 30
    assert account.answer(module) == "revoked"
    published = call == 4
    assert account.told() == ["revoked"] * (1 + published)
    # Never earlier than what another leak may have written meanwhile.
    written = account.policies["shop", "AWSRevokeOlderSessions"]["Statement"][0]["Condition"]["DateLessThan"]
    assert written == {"aws:TokenIssueTime": at(START + 30 if call <= 4 else START)}
