"""What people and machines are told: what happened, where, whose it is and what to do; and nothing that does harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws
from tests.handlers.codecommit_leak_guard.account import KEY, OWN, TOPIC, Account, load_guard
from tests.handlers.loading import Context

OUTCOMES = [
    *("already_inactive", "alert_only", "break_glass", "could_not_disable", "could_not_quarantine"),
    *("could_not_revoke", "disabled", "exempt", "foreign_account", "no_user", "not_revoked", "revoked"),
    *("unknown_account", "would_disable", "would_revoke"),
]
KINDS = ["access_key", "temporary_key", "secret_key", "session_token"]
REPORT = {
    "repository": "shop",
    "reference": "refs/heads/main",
    "commits": 12,
    "files": 340,
    "bytes": 56_000,
    "findings": 1,
    "not_scanned": 2,
    "places": [
        {"commit": "a" * 40, "path": "big.bin", "reason": "larger than 6 MB"},
        {"commit": "b" * 40, "path": "model", "reason": "kept in Git LFS"},
    ],
    "full": False,
    "pusher": f"arn:aws:iam::{OWN}:user/bob",
}


@pytest.fixture
def account(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(aws, monkeypatch)
    made.leak(with_secret=True, places=3)
    return made


def test_machines_are_told_all_that_is_known(account: Account) -> None:
    account.answer(account.load())
    message = account.text()
    assert message.pop("what_to_do").startswith("Give what used the key a new one, and delete this one. Look into")
    assert message == {
        "type": "leak",
        "outcome": "disabled",
        "severity": "HIGH",
        "title": "The access key of user alice was pushed to shop and is inactive now",
        "repository": "shop",
        "reference": "refs/heads/main",
        "commit": "c" * 40,
        "path": "src/settings.py",
        "line": 7,
        "where": "file",
        "kind": "access_key",
        "key_last_four": "ALC4",
        "with_secret": True,
        "places": 3,
        "user": "alice",
        "account": OWN,
        "pusher": f"arn:aws:iam::{OWN}:user/bob",
        "author": "Bob <bob@example.com>",
        "finding": "f1",
        "reason": None,
    }


def test_subscribers_can_filter_by_what_is_worth_it(account: Account) -> None:
    account.answer(account.load())
    (message,) = account.messages
    assert (message["TopicArn"], message["MessageStructure"]) == (TOPIC, "json")
    assert {name: one["StringValue"] for name, one in message["MessageAttributes"].items()} == {
        "outcome": "disabled",
        "severity": "HIGH",
        "repository": "shop",
        "kind": "access_key",
    }


def test_people_are_told_in_few_lines_what_happened_where_whose_it_is_and_what_to_do(account: Account) -> None:
    account.answer(account.load())
    assert account.messages[0]["Subject"] == "HIGH: leak disabled in shop"
    assert account.text(form="email").splitlines() == [
        "The access key of user alice was pushed to shop and is inactive now.",
        "",
        "What: access key ending in ALC4, together with its secret",
        f"Whose: user alice, account {OWN}",
        f'Where: file "src/settings.py", line 7 (one of 3 places), refs/heads/main, commit {"c" * 40}; pushed by '
        f"arn:aws:iam::{OWN}:user/bob; commit of Bob <bob@example.com>",
        "Outcome: disabled; finding f1",
        "1. Give what used the key a new one, and delete this one.",
        "2. Look into CloudTrail for what was done with it since the push.",
        "3. Remove it from the repository's history. All readers of the repository could read it from the push on: to "
        "remove it does not replace to rotate it.",
    ]


@pytest.mark.parametrize(
    ("where", "text"),
    [("message", "Where: the commit's message, line 7"), ("path", 'Where: the name of file "src/settings.py", line 7')],
)
def test_people_are_told_when_it_is_not_in_a_file(account: Account, where: str, text: str) -> None:
    account.leak(where=where)
    account.answer(account.load())
    assert text in account.text(form="email")


def test_what_the_scanner_does_not_know_is_left_out(account: Account) -> None:
    account.leak("secret_key", reference=None, pusher="", author=None, places=None, with_secret=True)
    del account.table.items["finding#f1"]["author"]
    account.answer(account.load())
    message = account.text()
    assert (message["reference"], message["pusher"], message["author"], message["places"]) == (None, None, None, 1)
    text = account.text(form="email")
    assert "What: secret access key whose id did not leak with it\n" in text
    assert "line 7, no branch, commit" in text
    assert "pushed by" not in text


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_outcome_has_a_title_a_first_step_and_a_severity(account: Account, outcome: str, kind: str) -> None:
    wording, answers = load_guard("wording"), load_guard("answers")
    for answer in (answers.Answer(outcome), answers.Answer(outcome, "", "u" * 64, OWN)):
        title, step = wording.title_of(answer, kind, "shop"), wording.step_of(answer, kind)
        assert "shop" in title
        assert step.endswith(".")
        assert not {"{", "}"} & set(title + step.replace('{"findings": ["..."]}', ""))
        whole = " ".join((step, wording.CLOUDTRAIL, wording.HISTORY))
        assert len(whole) <= 512, "Security Hub takes no more"
    critical = outcome.startswith("could_not_") or outcome == "no_user"
    usual = "MEDIUM" if outcome in ("already_inactive", "unknown_account") else "HIGH"
    assert wording.severity_of(outcome, False) == ("CRITICAL" if critical else usual)
    assert wording.severity_of(outcome, True) == ("CRITICAL" if critical or outcome.startswith("would_") else usual)


MADE_UP = ("repository", "path", "reference", "author", "pusher")

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\n", "\r\n\r\nhttps://x.example", "\x00", "\u202e", "\U0001f511", '"', "\\", "{user}", "é"]).map(
        lambda text: (text * 4096)[:4096]
    ),
)


def check(given: dict[str, Any], lines: int = 10) -> None:
    """See that a message is one that SNS takes and people can read."""
    subject, whole = given["Subject"], given["Message"]
    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) < 100
    attributes = json.dumps(given["MessageAttributes"])
    assert len((subject + whole + attributes).encode()) < 256 * 1024
    email = json.loads(whole)["email"]
    assert len(email.splitlines()) <= lines
    assert all(line.isprintable() for line in email.split("\n"))
    assert all(one["StringValue"] for one in given["MessageAttributes"].values())


def test_names_that_somebody_has_made_up_do_no_harm(account: Account) -> None:
    module = account.load()

    @settings(derandomize=True, database=None, deadline=None, max_examples=100)
    @given(
        fields=st.fixed_dictionaries(dict.fromkeys(("repository", "path", "reference", "author", "pusher"), HOSTILE))
    )
    def go(fields: dict[str, str]) -> None:
        account.reset()
        account.leak(**fields)
        account.answer(module)
        check(account.messages[-1])
        assert account.text()["path"] == (fields["path"] or None), "machines must find the file"
        assert KEY not in str(account.messages)

    go()


class TestReport:
    def tell(self, account: Account, **more: Any) -> Any:
        account.load().handler({"report": {**REPORT, **more}, "walk": "w1"}, Context(60))
        check(account.messages[-1])
        return account.text()

    def test_machines_are_told_what_was_scanned_and_what_was_not(self, account: Account) -> None:
        message = self.tell(account)
        assert message == {
            **REPORT,
            "type": "report",
            "outcome": "reported",
            "severity": "MEDIUM",
            "title": "A push of shop was scanned; 2 files were not",
            "what_to_do": "Look at the files that were not scanned by hand.",
            "walk": "w1",
        }
        attributes = {name: one["StringValue"] for name, one in account.messages[0]["MessageAttributes"].items()}
        assert attributes == {
            "outcome": "reported",
            "severity": "MEDIUM",
            "repository": "shop",
            "kind": "report",
        }

    def test_people_are_told_in_few_lines(self, account: Account) -> None:
        self.tell(account)
        assert account.messages[0]["Subject"] == "MEDIUM: 2 files not scanned in shop"
        assert account.text(form="email").splitlines() == [
            "A push of shop was scanned; 2 files were not.",
            "Scanned: 12 commits, 340 files, 56000 bytes, 1 findings",
            "Of: refs/heads/main; walk w1",
            f'Not scanned: "big.bin" of commit {"a" * 40}: larger than 6 MB',
            f'Not scanned: "model" of commit {"b" * 40}: kept in Git LFS',
            "Look at the files that were not scanned by hand.",
        ]

    @pytest.mark.parametrize("reference", [None, "all branches"])
    def test_a_full_scan_is_summed_up_though_it_has_missed_nothing(
        self, account: Account, reference: str | None
    ) -> None:
        message = self.tell(account, full=True, not_scanned=0, places=[], reference=reference)
        assert (message["severity"], message["title"]) == (
            "INFORMATIONAL",
            "The history of all branches of shop was scanned; 0 files were not",
        )
        assert "Of: all branches; walk w1" in account.text(form="email")

    def test_a_full_scan_of_one_branch_does_not_claim_to_be_of_all(self, account: Account) -> None:
        assert self.tell(account, full=True)["title"] == (
            "The history of refs/heads/main of shop was scanned; 2 files were not"
        )

    @pytest.mark.parametrize("path", ["\U0001f511" * 4096, "\n" * 4096, "x\r\n" * 1365])
    def test_many_long_paths_fit_into_a_message(self, account: Account, path: str) -> None:
        place = {"commit": "a" * 40, "path": path, "reason": "larger than 6 MB"}
        message = self.tell(account, not_scanned=4000, places=[place] * 30)
        assert len(message["places"]) == 20
        assert "... and 3996 more" in account.text(form="email")
