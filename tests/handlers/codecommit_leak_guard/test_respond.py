"""An answer to a leak: acted once, told at least once, whatever ends in the middle and whoever else answers it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import (
    ALWAYS,
    KEY,
    POLICY,
    PRODUCT,
    READING,
    SESSION,
    Account,
    Crash,
)
from tests.handlers.loading import Context

DENIED = FakeError("AccessDenied", "no", 403)
LEASE_OVER = 100


@pytest.fixture
def account(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(aws, monkeypatch)
    made.leak()
    return made


def test_the_log_line_names_the_place_and_no_more_of_the_key_than_its_end(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.answer(account.load())
    assert json.loads(capsys.readouterr().out) == {
        "finding": "f1",
        "outcome": "disabled",
        "kind": "access_key",
        "repository": "shop",
        "commit": "c" * 40,
        "path": "src/settings.py",
        "line": 7,
        "key": "ALC4",
        "failed": 0,
        "told": 1,
    }


@pytest.mark.parametrize("kind", ["secret_key", "session_token"])
def test_what_names_no_key_is_told_only(account: Account, kind: str) -> None:
    account.leak(kind)
    assert account.answer(account.load()) == "alert_only"
    assert account.aws.actions() == ALWAYS - {"sts:GetAccessKeyInfo"}
    assert account.text()["key_last_four"] is None


def test_a_finding_that_is_not_there_is_refused(account: Account) -> None:
    module = account.load()
    with pytest.raises(ValueError, match="finding must be one of table Record, got 'f9'; see its finding items"):
        account.answer(module, finding="f9")
    assert account.aws.actions() == {"dynamodb:UpdateItem", "dynamodb:GetItem"}
    assert set(account.table.items) == {"finding#f1"}


def test_the_same_push_twice_acts_once_and_tells_once(account: Account) -> None:
    module = account.load(PRODUCT_ARN=PRODUCT)
    assert [account.answer(module, walk) for walk in ("w1", "w2", "w2")] == ["disabled"] * 3
    assert (account.turned, account.told(), len(account.imported)) == (1, ["disabled"], 1)


def test_another_walk_may_go_on_at_once_with_what_this_one_could_not_tell(account: Account) -> None:
    module = account.load()
    account.refused["Publish"] = DENIED
    with pytest.raises(ClientError):
        account.answer(module, "w1")
    account.refused.clear()
    assert account.answer(module, "w2") == "disabled"
    assert (account.turned, account.told()) == (1, ["disabled"])


def test_a_key_that_somebody_has_activated_again_is_disabled_and_told_again(account: Account) -> None:
    module = account.load()
    account.answer(module)
    account.keys["alice"][KEY] = "Active"
    account.now += 3600
    account.answer(module, "w2")
    assert (account.turned, account.told()) == (2, ["disabled", "disabled"])


@pytest.mark.parametrize(("seconds", "told"), [(59, 1), (60, 2)])
def test_a_key_that_iam_still_shows_as_active_is_disabled_again_in_silence(
    account: Account, seconds: int, told: int
) -> None:
    module = account.load()
    account.answer(module)
    account.keys["alice"][KEY] = "Active"
    account.now += seconds
    account.answer(module, "w2")
    assert account.keys["alice"][KEY] == "Inactive"
    assert len(account.messages) == told


def test_what_somebody_else_has_disabled_after_a_failure_was_not_disabled_by_the_guard(account: Account) -> None:
    module = account.load()
    account.refused["UpdateAccessKey"] = DENIED
    account.answer(module)
    account.keys["alice"][KEY] = "Inactive"
    assert account.answer(module, "w2") == "already_inactive"
    assert account.told() == ["could_not_disable", "already_inactive"]


@pytest.mark.parametrize("outcome", ["disabled", "already_inactive"])
@pytest.mark.parametrize("way", ["unlisted", "unnamed", "no user"])
def test_a_key_that_was_deleted_after_it_was_told_is_no_news(account: Account, outcome: str, way: str) -> None:
    account.keys["alice"][KEY] = "Active" if outcome == "disabled" else "Inactive"
    module = account.load()
    account.answer(module)
    account.hidden = way == "unlisted"
    if way == "unnamed":
        account.named.clear()
    if way == "no user":
        account.tags.clear()
    assert account.answer(module, "w2") == outcome
    assert account.told() == [outcome]


@pytest.mark.parametrize("operation", ["GetAccessKeyLastUsed", "ListUserTags", "UpdateAccessKey"])
def test_failures_are_told_once_in_each_walk(account: Account, operation: str) -> None:
    module = account.load()
    account.refused[operation] = DENIED
    for walk in ("w1", "w1", "w2", "w2", "w1"):
        assert account.answer(module, walk) == "could_not_disable"
    assert account.told() == ["could_not_disable"] * 3


def test_a_change_of_the_outcome_is_told(account: Account) -> None:
    account.answer(account.load(DRY_RUN="true"))
    account.answer(account.load(DRY_RUN="false"), "w2")
    account.answer(account.load(EXEMPT_USERS='["alice"]'), "w3")
    assert account.told() == ["would_disable", "disabled", "exempt"]


class TestMany:
    """Several findings of one call."""

    @pytest.fixture
    def module(self, account: Account) -> Any:
        account.leak("secret_key", "f2")
        account.leak("session_token", "f3")
        return account.load()

    @pytest.fixture
    def held(self, account: Account, module: Any) -> None:
        """Another walk answers the first of them."""
        lease = {"status": {"S": "answering"}, "owner": {"S": "w0"}, "lease": {"N": str(int(account.now) + 9)}}
        account.table.items["finding#f1"] |= lease

    def ask(self, module: Any, *findings: str, seconds: float = 60, look: float = 0) -> Any:
        event = {"findings": list(findings), "walk": "w1", "again": {"findings": list(findings)}}
        return module.handler(event, Context(seconds, look))

    def run(self, module: Any, *findings: str, **time: float) -> Any:
        result = self.ask(module, *findings, **time)
        assert result["busy"] is False
        return result["outcomes"]

    def test_all_are_answered_in_their_order(self, account: Account, module: Any) -> None:
        assert self.run(module, "f2", "f1", "f3") == ["alert_only", "disabled", "alert_only"]
        assert [account.text(number)["finding"] for number in range(3)] == ["f2", "f1", "f3"]
        assert self.run(module) == []

    @pytest.mark.parametrize("way", ["throttled", "not there", "mistaken", "hub"])
    def test_one_that_fails_does_not_keep_the_others_back(self, account: Account, module: Any, way: str) -> None:
        first, problem = "f1", {"throttled": ClientError, "not there": ValueError, "mistaken": KeyError}.get(way)
        if way == "throttled":
            account.faults = {1: "throttled"}
        if way == "not there":
            first = "f9"
        if way == "mistaken":
            del account.table.items["finding#f1"]["key_id"]
        if way == "hub":
            module, account.failed_imports = account.load(PRODUCT_ARN=PRODUCT), 1
        with pytest.raises(problem or module.HubError):
            self.run(module, first, "f2", "f3")
        assert [account.item(name)["outcome"] for name in ("f2", "f3")] == ["alert_only", "alert_only"]

    @pytest.mark.usefixtures("held")
    def test_what_another_walk_answers_is_left_out_until_it_must_have_ended(
        self, account: Account, module: Any
    ) -> None:
        findings = ("f2", "f1", "f3")
        assert self.ask(module, *findings) == {"outcomes": ["alert_only", "alert_only"], "busy": True}
        account.now += 10
        assert self.ask(module, *findings) == {"outcomes": ["alert_only", "disabled", "alert_only"], "busy": False}
        assert account.told() == ["alert_only", "alert_only", "disabled"]

    @pytest.mark.usefixtures("held")
    def test_what_is_worse_than_busy_is_raised(self, account: Account, module: Any) -> None:
        # Behind what the first one asks.
        account.faults = {2: "throttled"}
        with pytest.raises(ClientError):
            self.run(module, "f1", "f2", "f3")
        assert account.item("f3")["outcome"] == "alert_only"

    @pytest.mark.parametrize("findings", [("f9", "f2", "f3"), ("f2", "f9", "f3"), ("f2", "f3", "f9")])
    def test_a_mistake_does_not_keep_from_another_try_what_that_may_mend(
        self, account: Account, module: Any, findings: tuple[str, ...]
    ) -> None:
        account.refused["Publish"] = FakeError("Throttling")
        with pytest.raises(ClientError, match="Throttling"):
            self.run(module, *findings)
        account.refused.clear()
        with pytest.raises(ValueError, match="finding must be one of table Record, got 'f9'"):
            self.run(module, *findings)
        assert account.told() == ["alert_only", "alert_only"]

    def test_the_first_of_several_problems_is_raised(self, account: Account, module: Any) -> None:
        account.faults = {0: "throttled"}
        account.refused["Publish"] = DENIED
        with pytest.raises(ClientError, match="ThrottlingException"):
            self.run(module, "f1", "f2", "f3")

    def test_what_there_is_no_time_for_is_left_to_the_next_try(self, account: Account, module: Any) -> None:
        with pytest.raises(module.UnfinishedError, match="3 findings must be answered, got time for 2"):
            self.run(module, "f1", "f2", "f3", seconds=60, look=7)
        assert account.told() == ["disabled", "alert_only"]
        assert self.run(module, "f1", "f2", "f3") == ["disabled", "alert_only", "alert_only"]
        assert account.told() == ["disabled", "alert_only", "alert_only"]


class TestBusy:
    def test_another_walk_waits_until_the_function_must_have_ended(self, account: Account) -> None:
        module = account.load()
        account.faults = {2: "crash"}
        with pytest.raises(Crash):
            account.answer(module)
        account.now += 60
        assert account.answer(module, "w2") == "busy"
        assert (account.turned, account.messages) == (0, [])
        account.now += 2
        assert account.answer(module, "w2") == "disabled"

    def test_the_same_walk_goes_on_at_once(self, account: Account) -> None:
        module = account.load()
        account.faults = {2: "crash"}
        with pytest.raises(Crash):
            account.answer(module)
        assert account.answer(module) == "disabled"

    def test_the_same_walk_that_began_anew_has_the_last_word(self, account: Account) -> None:
        module = account.load()

        def meanwhile() -> None:
            account.now += 1
            assert account.answer(module) == "disabled"

        account.faults = {3: meanwhile}
        assert account.answer(module) == "busy"
        assert (account.turned, account.item()["outcome"], account.item()["status"]) == (1, "disabled", "done")
        assert account.answer(module) == "disabled"
        assert account.told() == ["disabled", "already_inactive"], "never silent, though once too often"

    def test_who_was_overtaken_writes_nothing(self, account: Account) -> None:
        module = account.load()
        take_over = {"S": "w2"}
        account.faults = {4: lambda: account.table.items["finding#f1"].update(owner=take_over)}
        assert account.answer(module) == "busy"
        assert (account.turned, account.messages) == (0, [])


class TestSecurityHub:
    @pytest.fixture
    def module(self, account: Account) -> Any:
        return account.load(PRODUCT_ARN=PRODUCT)

    def test_the_finding_names_key_and_repository_and_what_came_of_it(self, account: Account, module: Any) -> None:
        account.answer(module)
        (finding,) = account.imported
        assert (finding["Id"], finding["ProductArn"], finding["AwsAccountId"]) == ("f1", PRODUCT, "111122223333")
        assert finding["FindingProviderFields"]["Severity"] == {"Label": "HIGH"}
        assert (finding["CreatedAt"], finding["UpdatedAt"]) == ("2026-11-18T00:00:00Z", "2026-11-18T11:06:40Z")
        key, repository = finding["Resources"]
        assert (key["Type"], key["Id"]) == ("AwsIamAccessKey", f"AWS::IAM::AccessKey:{KEY}")
        assert key["Details"]["AwsIamAccessKey"] == {
            "AccessKeyId": KEY,
            "AccountId": "111122223333",
            "PrincipalName": "alice",
            "PrincipalType": "User",
            "Status": "Inactive",
        }
        assert (repository["Type"], repository["Id"]) == ("Other", "arn:aws:codecommit:eu-central-1:111122223333:shop")
        assert account.aws.actions() == {
            *ALWAYS,
            *READING,
            "iam:UpdateAccessKey",
            "securityhub:BatchImportFindings",
        }

    @pytest.mark.parametrize("kind", ["secret_key", "temporary_key"])
    def test_fields_are_not_longer_than_security_hub_takes(self, account: Account, module: Any, kind: str) -> None:
        hostile = "\n\u202ex" * 2000
        account.leak(kind, path=hostile, reference=hostile, author=hostile, pusher=hostile, commit=hostile)
        account.answer(module)
        (finding,) = account.imported
        lengths = (256, finding["Title"]), (1024, finding["Description"])
        assert all(0 < len(text) <= most and text.isprintable() for most, text in lengths)
        assert len(finding["Remediation"]["Recommendation"]["Text"]) <= 512
        assert all(len(key) <= 128 and 0 < len(text) <= 2048 for key, text in finding["ProductFields"].items())
        named = [one["Details"]["AwsIamAccessKey"]["AccessKeyId"] for one in finding["Resources"] if "Details" in one]
        assert named == ([SESSION] if kind == "temporary_key" else [])

    @pytest.mark.parametrize("way", ["refused", "failed"])
    def test_it_is_tried_again_and_people_are_told_once(self, account: Account, module: Any, way: str) -> None:
        if way == "refused":
            account.refused["BatchImportFindings"] = FakeError("InvalidAccessException", "not enabled", 401)
        account.failed_imports = 2
        for _ in range(2):
            with pytest.raises(
                Exception, match=r"InvalidAccessException|must take finding f1, got InternalError"
            ) as error:
                account.answer(module)
            assert KEY not in str(error.value)
        account.refused.clear()
        account.failed_imports = 0
        assert account.answer(module) == "disabled"
        assert (account.told(), len(account.imported)) == (["disabled"], 1)
        assert account.item()["status"] == "done"


@pytest.mark.parametrize("error", [FakeError("AuthorizationError", "", 403), FakeError("KMSAccessDenied", "", 400)])
def test_what_cannot_be_told_is_raised_and_counted_and_told_by_the_next_try(
    account: Account, error: FakeError, capsys: pytest.CaptureFixture[str]
) -> None:
    module = account.load()
    account.refused["UpdateAccessKey"], account.refused["Publish"] = DENIED, error
    with pytest.raises(ClientError):
        account.answer(module)
    line, problem = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (line["outcome"], line["failed"], line["told"]) == ("could_not_disable", 1, 0)
    assert problem["finding"] == "f1"
    account.refused.clear()
    assert account.answer(module) == "disabled"
    assert account.told() == ["disabled"]


def test_a_report_is_published_and_nothing_else_is_done(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    report = {"repository": "shop", "commits": 3, "files": 9, "bytes": 1, "findings": 0, "not_scanned": 0, "places": []}
    result = account.load().handler({"report": report, "walk": "w1"}, Context(60))
    assert (result, account.told()) == ({"outcomes": ["reported"], "busy": False}, ["reported"])
    assert json.loads(capsys.readouterr().out) == {"reported": "shop", "walk": "w1"}
    assert account.aws.actions() == {"sns:Publish"}


FAULTS = st.dictionaries(
    st.integers(0, 40), st.sampled_from(("before", "crash", "lost", "throttled", "meanwhile")), max_size=8
)
"""What goes wrong by the number of the call: the function ends before it or behind it, its reply is lost, it is refused
for now, or the other walk's function runs behind it."""

ATTEMPTS = st.lists(
    st.tuples(st.sampled_from(("a", "b")), st.sampled_from((1, 30, LEASE_OVER))), min_size=1, max_size=6
)
"""Which walk tries, and after how many seconds."""

ROUNDS = st.lists(st.tuples(ATTEMPTS, FAULTS), min_size=1, max_size=3)
"""Between rounds, somebody activates the key again."""


def attempt(account: Account, module: Any, walk: str) -> bool:
    """Let a walk's function run; tell whether it has come to its end."""
    done = False
    with contextlib.suppress(Crash, BotoCoreError, ClientError):
        done = account.answer(module, walk) != "busy"
    return done


def rivals(account: Account, module: Any, attempts: list[Any], faults: dict[int, str], number: int) -> None:
    """Let two walks answer the same leak with all that goes wrong, and then each once more without."""
    account.fired.clear()
    running: list[str] = []

    def run(walk: str) -> bool:
        running.append(walk)
        done = attempt(account, module, f"{walk}{number}")
        running.pop()
        return done

    def meanwhile() -> None:
        for walk in {"a", "b"} - {*running}:
            run(walk)

    start = account.made
    account.faults = {start + call: meanwhile if fault == "meanwhile" else fault for call, fault in faults.items()}
    for walk, seconds in attempts:
        account.now += seconds
        run(walk)
    account.faults = {}
    for walk in "ab":
        account.now += LEASE_OVER
        assert run(walk)


def spoken_twice(fired: list[tuple[str, str]]) -> int:
    """Return how often a function ended between the message and the note that it was sent."""
    behind = [one for one in fired if one in {("crash", "Publish"), ("lost", "Publish")}]
    at_note = [one for one in fired if one in {("before", "Note"), ("throttled", "Note")}]
    return len(behind) + len(at_note)


examples = settings(derandomize=True, database=None, deadline=None, max_examples=90)


def test_whatever_ends_in_the_middle_the_key_is_disabled_once_and_it_is_told(account: Account) -> None:
    modules = {policy: account.load(QUARANTINE_POLICY_ARN=policy, PRODUCT_ARN=PRODUCT) for policy in ("", POLICY)}

    @examples
    @given(rounds=ROUNDS, policy=st.sampled_from(("", POLICY)))
    @example(rounds=[([("a", 1)], {6: "crash"})], policy="")
    @example(rounds=[([("a", 1)], {7: "crash"})], policy="")
    @example(rounds=[([("a", 1)], {8: "crash"})], policy="")
    @example(rounds=[([("a", 1), ("b", LEASE_OVER), ("a", 1)], {6: "meanwhile", 7: "before"})], policy=POLICY)
    def go(rounds: list[Any], policy: str) -> None:
        account.reset()
        account.leak()
        for number, (attempts, faults) in enumerate(rounds):
            account.keys["alice"][KEY] = "Active"
            account.quarantined.clear()
            told, turned = len(account.messages), account.turned
            rivals(account, modules[policy], attempts, faults, number)
            assert account.keys["alice"][KEY] == "Inactive"
            assert account.turned == turned + 1
            assert 1 <= len(account.messages) - told <= 1 + spoken_twice(account.fired)
            assert set(account.told()) == {"disabled"}
            assert (account.item()["outcome"], account.item()["status"]) == ("disabled", "done")
            assert account.quarantined == ({"alice"} if policy else set())
            assert account.imported, "what was told is in Security Hub"

    go()


def test_whatever_ends_in_the_middle_a_failure_is_told_in_each_walk_and_seldom_twice(account: Account) -> None:
    module = account.load()

    @examples
    @given(attempts=ATTEMPTS, faults=FAULTS)
    def go(attempts: list[tuple[str, int]], faults: dict[int, str]) -> None:
        account.reset()
        account.leak()
        account.refused["UpdateAccessKey"] = DENIED
        account.faults = {call: fault for call, fault in faults.items() if fault != "meanwhile"}
        for _, seconds in attempts:
            account.now += seconds
            attempt(account, module, "a")
        account.faults = {}
        assert attempt(account, module, "a")
        assert 1 <= len(account.messages) <= 1 + spoken_twice(account.fired)
        account.now += LEASE_OVER
        assert attempt(account, module, "b")
        assert set(account.told()) == {"could_not_disable"}
        assert account.item()["notified"] == "b"

    go()
