"""Long-term keys: who decides, what is disabled, and what is never touched."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import ALWAYS, KEY, OTHER, OWN, POLICY, READING, Account

DENIED = FakeError("AccessDenied", f"not authorized to perform on resource: access key {KEY}", 403)
NO_SUCH = FakeError("NoSuchEntity", f"The Access Key with id {KEY} cannot be found", 404)


@pytest.fixture
def account(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(aws, monkeypatch)
    made.leak()
    return made


def test_the_active_key_of_an_own_user_is_disabled_and_told(account: Account) -> None:
    assert account.answer(account.load()) == "disabled"
    assert account.keys == {"alice": {KEY: "Inactive"}}
    assert account.told() == ["disabled"]
    assert account.aws.actions() == {*ALWAYS, *READING, "iam:UpdateAccessKey"}
    item = account.item()
    assert {name: item[name] for name in ("status", "owner", "plan", "outcome", "user", "account", "notified")} == {
        "status": "done",
        "owner": "w1",
        "plan": "disable",
        "outcome": "disabled",
        "user": "alice",
        "account": OWN,
        "notified": "w1",
    }


def test_the_plan_is_on_record_before_the_key_is_touched(account: Account) -> None:
    account.answer(account.load())
    done = [call.operation for call in account.aws.calls]
    assert done[:7] == [
        *("UpdateItem", "GetAccessKeyInfo", "GetAccessKeyLastUsed", "ListUserTags", "ListAccessKeys"),
        *("UpdateItem", "UpdateAccessKey"),
    ]
    assert done[7:] == ["Publish", "UpdateItem", "UpdateItem"]


def test_a_key_of_another_account_is_told_and_iam_is_not_asked(account: Account) -> None:
    account.owners[KEY] = OTHER
    assert account.answer(account.load()) == "foreign_account"
    assert (account.text()["account"], account.text()["user"]) == (OTHER, None)
    assert account.aws.actions() == ALWAYS


@pytest.mark.parametrize(
    ("own", "error", "outcome", "reason"),
    [
        (True, NO_SUCH, "no_user", "the key is the root user's, or deleted"),
        (True, DENIED, "could_not_disable", "iam:GetAccessKeyLastUsed is not allowed to the guard (AccessDenied)"),
        (True, FakeError("InvalidInput"), "could_not_disable", "iam:GetAccessKeyLastUsed was refused (InvalidInput)"),
        (False, NO_SUCH, "unknown_account", "iam:GetAccessKeyLastUsed was refused (NoSuchEntity)"),
        (False, DENIED, "unknown_account", "iam:GetAccessKeyLastUsed is not allowed to the guard (AccessDenied)"),
    ],
)
def test_a_key_that_iam_names_no_user_of(
    account: Account, own: bool, error: FakeError, outcome: str, reason: str
) -> None:
    if not own:
        account.owners.clear()
    account.refused["GetAccessKeyLastUsed"] = error
    assert account.answer(account.load()) == outcome
    assert account.text()["reason"] == reason
    assert account.turned == 0


def test_a_key_whose_account_sts_does_not_tell_is_disabled_if_iam_knows_its_user(account: Account) -> None:
    account.owners.clear()
    assert account.answer(account.load()) == "disabled"
    assert account.text()["account"] == OWN


REFUSED = {
    "AccessDenied": "sts:GetAccessKeyInfo is not allowed to the guard (AccessDenied)",
    "AccessDeniedException": "sts:GetAccessKeyInfo is not allowed to the guard (AccessDeniedException)",
    "InvalidClientTokenId": "sts:GetAccessKeyInfo was refused (InvalidClientTokenId)",
    "UnrecognizedClientException": "sts:GetAccessKeyInfo was refused (UnrecognizedClientException)",
}


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize("error", [NO_SUCH, DENIED])
def test_a_key_that_neither_sts_nor_iam_tells_of_may_be_the_own_accounts_and_active(
    account: Account, code: str, error: FakeError, capsys: pytest.CaptureFixture[str]
) -> None:
    account.refused |= {"GetAccessKeyInfo": FakeError(code, KEY, 403), "GetAccessKeyLastUsed": error}
    assert account.answer(account.load()) == "could_not_disable"
    text = account.text()
    assert (text["severity"], text["reason"], text["account"], text["user"]) == ("CRITICAL", REFUSED[code], None, None)
    printed = capsys.readouterr().out
    assert '"failed": 1' in printed
    assert KEY not in printed + str(account.messages)


@pytest.mark.parametrize("code", REFUSED)
def test_a_key_whose_account_sts_refuses_to_tell_is_disabled_if_iam_knows_its_user(account: Account, code: str) -> None:
    account.refused["GetAccessKeyInfo"] = FakeError(code, KEY, 403)
    assert account.answer(account.load()) == "disabled"
    assert (account.text()["account"], account.text()["reason"]) == (OWN, None)


@pytest.mark.parametrize("user", [None, "", "root", "<root_account>", OWN])
def test_a_key_of_the_root_user_is_told_only(account: Account, user: str | None) -> None:
    account.named[KEY] = user
    assert account.answer(account.load()) == "no_user"
    assert account.text()["severity"] == "CRITICAL"
    assert account.aws.actions() == {*ALWAYS, "iam:GetAccessKeyLastUsed"}


@pytest.mark.parametrize(("listed", "outcome"), [("alice", "exempt"), ("ALICE", "exempt"), ("alic", "disabled")])
def test_exempt_users_keep_their_key(account: Account, listed: str, outcome: str) -> None:
    assert account.answer(account.load(EXEMPT_USERS=f'["{listed}"]')) == outcome
    assert account.told() == [outcome]
    if outcome == "exempt":
        assert account.aws.actions() == {*ALWAYS, "iam:GetAccessKeyLastUsed"}


@pytest.mark.parametrize(
    ("key", "value", "outcome"),
    [
        ("break-glass", "", "break_glass"),
        ("Break-Glass", "yes", "break_glass"),
        ("break-glass", "False ", "disabled"),
        ("break-glas", "true", "disabled"),
    ],
)
def test_users_with_the_break_glass_tag_keep_their_key(account: Account, key: str, value: str, outcome: str) -> None:
    account.tags["alice"] = {"team": "shop", key: value}
    assert account.answer(account.load()) == outcome
    assert account.keys["alice"][KEY] == ("Inactive" if outcome == "disabled" else "Active")


@pytest.mark.parametrize("status", ["Inactive", "Expired"])
def test_a_key_that_is_not_active_is_told_as_such(account: Account, status: str) -> None:
    account.keys["alice"][KEY] = status
    assert account.answer(account.load()) == "already_inactive"
    assert account.text()["severity"] == "MEDIUM"
    assert account.aws.actions() == {*ALWAYS, *READING}


def test_a_key_that_its_user_does_not_have_is_not_touched(account: Account) -> None:
    account.hidden = True
    assert account.answer(account.load()) == "no_user"
    assert (account.text()["reason"], account.text()["user"]) == (
        "the key is deleted, or not shown by IAM yet",
        "alice",
    )


def test_a_dry_run_tells_what_it_would_do_and_writes_nothing_to_iam(account: Account) -> None:
    module = account.load(DRY_RUN="true", QUARANTINE_POLICY_ARN=POLICY)
    assert account.answer(module) == "would_disable"
    assert (account.turned, account.quarantined) == (0, set())
    assert account.aws.actions() == {*ALWAYS, *READING}
    account.leak(finding="f2", with_secret=True)
    account.answer(module, finding="f2")
    assert [account.text(number)["severity"] for number in (0, 1)] == ["HIGH", "CRITICAL"]


@pytest.mark.parametrize("operation", ["ListUserTags", "ListAccessKeys", "UpdateAccessKey"])
def test_what_is_denied_is_told_with_the_action_that_is_missing(
    account: Account, operation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    account.refused[operation] = DENIED
    assert account.answer(account.load()) == "could_not_disable"
    assert account.text()["reason"] == f"iam:{operation} is not allowed to the guard (AccessDenied)"
    assert (account.text()["severity"], account.text()["user"]) == ("CRITICAL", "alice")
    printed = capsys.readouterr().out
    assert '"failed": 1' in printed
    assert KEY not in printed + str(account.messages)
    assert "plan" not in account.item(), "what somebody else disables later was not disabled by the guard"


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [("ListUserTags", "no_user"), ("ListAccessKeys", "no_user"), ("UpdateAccessKey", "could_not_disable")],
)
def test_a_user_who_is_gone_meanwhile_is_told(account: Account, operation: str, outcome: str) -> None:
    account.refused[operation] = NO_SUCH
    assert account.answer(account.load()) == outcome
    assert account.told() == [outcome]


PASSING = [
    FakeError("Throttling"),
    FakeError("ConcurrentModification", "", 409),
    FakeError("ServiceFailure", "", 500),
    FakeError("X", "", 503),
    FakeError("Y", "", 429),
]


@pytest.mark.parametrize("error", PASSING)
@pytest.mark.parametrize(
    "operation",
    [*("GetAccessKeyInfo", "GetAccessKeyLastUsed", "ListUserTags"), *("ListAccessKeys", "UpdateAccessKey")],
)
def test_what_passes_by_itself_is_raised_and_done_by_the_next_try(
    account: Account, operation: str, error: FakeError
) -> None:
    module = account.load()
    account.refused[operation] = error
    with pytest.raises(ClientError):
        account.answer(module)
    assert account.messages == []
    account.refused.clear()
    assert account.answer(module) == "disabled"
    assert account.told() == ["disabled"]


class TestQuarantine:
    @pytest.fixture
    def module(self, account: Account) -> Any:
        return account.load(QUARANTINE_POLICY_ARN=POLICY)

    def test_the_policy_is_attached_after_the_key_is_disabled(self, account: Account, module: Any) -> None:
        assert account.answer(module) == "disabled"
        done = [call.operation for call in account.aws.calls]
        assert done.index("UpdateAccessKey") < done.index("AttachUserPolicy")
        assert account.quarantined == {"alice"}
        assert account.text()["reason"] == "the quarantine policy is attached to the user"
        assert account.aws.actions() == {*ALWAYS, *READING, "iam:UpdateAccessKey", "iam:AttachUserPolicy"}

    def test_it_is_attached_once_and_may_be_taken_off_afterwards(self, account: Account, module: Any) -> None:
        account.answer(module)
        account.quarantined.clear()
        account.answer(module, "w2")
        assert account.quarantined == set()

    def test_the_user_of_a_key_that_was_inactive_gets_it_too(self, account: Account, module: Any) -> None:
        account.keys["alice"][KEY] = "Inactive"
        assert account.answer(module) == "already_inactive"
        assert account.quarantined == {"alice"}

    @pytest.mark.parametrize("error", [DENIED, FakeError("LimitExceeded", "", 409)])
    def test_what_cannot_be_attached_is_told_until_it_can(
        self, account: Account, module: Any, error: FakeError
    ) -> None:
        account.refused["AttachUserPolicy"] = error
        assert [account.answer(module), account.answer(module)] == ["could_not_quarantine"] * 2
        assert account.keys["alice"][KEY] == "Inactive"
        account.answer(module, "w2")
        account.refused.clear()
        assert account.answer(module, "w3") == "disabled"
        assert account.told() == ["could_not_quarantine", "could_not_quarantine", "disabled"]

    def test_it_is_attached_again_when_the_key_is_disabled_again(self, account: Account, module: Any) -> None:
        account.answer(module)
        account.quarantined.clear()
        account.keys["alice"][KEY] = "Active"
        account.now += 3600
        account.answer(module, "w2")
        assert account.quarantined == {"alice"}

    @pytest.mark.parametrize("status", ["Active", "Inactive"])
    def test_a_dry_run_attaches_nothing(self, account: Account, status: str) -> None:
        account.keys["alice"][KEY] = status
        account.answer(account.load(QUARANTINE_POLICY_ARN=POLICY, DRY_RUN="true"))
        assert account.quarantined == set()

    def test_exempt_and_break_glass_users_do_not_get_it(self, account: Account, module: Any) -> None:
        account.tags["alice"] = {"break-glass": "true"}
        account.answer(module)
        assert account.quarantined == set()


def test_a_call_that_hangs_ends_and_is_made_again(account: Account) -> None:
    config = account.load().answer_key.__globals__["iam"].meta.config
    assert config.retries["total_max_attempts"] == 3
    assert config.connect_timeout + config.read_timeout <= 15
