"""A scan of what was pushed: what it finds, where it ends, and that a crash or a second event loses nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import Crash, load_guard
from tests.handlers.codecommit_leak_guard.pushes import LATE, READING, SECRET, WRITING, Pushes, Table, key_id
from tests.handlers.loading import Context

KEY = key_id()
LEAK = f"aws_access_key_id = {KEY}\n".encode()
FULL = {"full_scan": {"repository": "shop"}}
THROTTLED = FakeError("ThrottlingException", "Rate Exceeded")


@pytest.fixture
def pushes(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Pushes:
    return Pushes(aws, monkeypatch, Table())


def ids(results: list[Any]) -> list[str]:
    return [one for result in results for batch in result["findings"] for one in batch]


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_key_of_a_first_push_is_a_finding_with_its_place(pushes: Pushes, capsys: pytest.CaptureFixture[str]) -> None:
    commit = pushes.commit({"a.txt": b"nothing\n", "etc/b.env": b"\n\n" + LEAK})
    first, last = pushes.run(pushes.event(commit))
    (finding,) = ids([first])
    item = pushes.finding(finding)
    assert item.pop("first_seen") == item.pop("last_seen")
    assert {name: item.pop(name) for name in ("fingerprint", "pk", "sk")}["pk"] == f"finding#{finding}"
    assert item == {
        "repository": "shop",
        "reference": "refs/heads/main",
        "pusher": "arn:aws:iam::111122223333:user/bob",
        "author": "Bob <bob@example.com>",
        "commit": commit,
        "path": "etc/b.env",
        "line": "3",
        "where": "file",
        "kind": "access_key",
        "key_id": KEY,
        "with_secret": False,
        "encoding": "",
        "places": "1",
        "walk": "w1",
        "slice": "0",
    }
    size = len(LEAK) + 2 + len(b"nothing\n")
    counts = {"commits": 1, "files": 2, "bytes": size, "not_scanned": 0, "findings": 1}
    # The walk counts as complete when what it has found was answered.
    assert (first["done"], last["done"], last["findings"]) == (False, True, [])
    assert last["progress"] == counts
    assert "report" not in last
    assert lines(capsys) == [
        {"walk": "w1", "repository": "shop", "slice": 0, **counts, "done": False},
        {"walk": "w1", "repository": "shop", "slice": 1, **dict.fromkeys(counts, 0), "done": True},
    ]
    assert pushes.aws.actions() == READING | WRITING


def test_a_key_that_a_push_adds_and_removes_is_found(pushes: Pushes) -> None:
    old = pushes.commit({"a": b"1"})
    added = pushes.commit({"a": b"1", "b": LEAK}, old)
    removed = pushes.commit({"a": b"1"}, added)
    results = pushes.run(pushes.event(removed, old))
    assert [pushes.finding(one)["commit"] for one in ids(results)] == [added]
    assert old not in {one["afterCommitSpecifier"] for one in pushes.asked("GetDifferences")}


def test_a_branch_that_is_made_where_all_is_scanned_reads_no_file(pushes: Pushes) -> None:
    base = pushes.commit({"a": LEAK})
    pushes.run(pushes.event(base))
    pushes.aws.calls.clear()
    (only,) = pushes.run(pushes.event(base), "w2")
    assert (only["findings"], only["progress"]["commits"]) == ([], 0)
    assert pushes.aws.actions() == {"codecommit:GetCommit", "dynamodb:GetItem", "dynamodb:UpdateItem"}


def test_after_a_force_push_what_is_new_is_scanned(pushes: Pushes) -> None:
    base = pushes.commit({"a": b"1"})
    old = pushes.commit({"a": b"2"}, base)
    new = pushes.commit({"a": b"1", "b": LEAK}, base)
    results = pushes.run(pushes.event(new, old))
    assert len(ids(results)) == results[-1]["progress"]["commits"] == 1


def test_without_a_base_that_can_be_read_all_is_scanned(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK}, pushes.commit({"a": b"1"}))
    assert pushes.run(pushes.event(new, "d" * 40))[-1]["progress"]["commits"] == 2


def test_an_annotated_tag_leads_to_its_commit(pushes: Pushes) -> None:
    pushes.tags["refs/tags/v1"] = pushes.commit({"a": LEAK})
    results = pushes.run(pushes.event("e" * 40, referenceFullName="refs/tags/v1"))
    assert len(ids(results)) == 1
    assert "report" not in results[-1]
    assert pushes.aws.actions() == {*READING, *WRITING, "codecommit:GetFolder"}


def test_a_commit_that_is_gone_is_reported(pushes: Pushes, capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = pushes.run(pushes.event("e" * 40))
    place = {"commit": "e" * 40, "path": "", "reason": "commit is gone"}
    assert only["report"] == {
        "repository": "shop",
        "reference": "refs/heads/main",
        "full": False,
        "pusher": "arn:aws:iam::111122223333:user/bob",
        "commits": 0,
        "files": 0,
        "bytes": 0,
        "not_scanned": 1,
        "findings": 0,
        "places": [place],
    }
    assert lines(capsys)[0] == {"not_scanned_path": "", "commit": "e" * 40, "reason": "commit is gone"}


def test_two_hundred_commits_end_in_several_slices(pushes: Pushes) -> None:
    names = [pushes.commit({"a": b"0"})]
    for number in range(1, 201):
        names.append(pushes.commit({"a": f"{number}".encode()}, names[-1]))
    results = pushes.run(pushes.event(names[-1], names[0]), look=5, seconds=LATE + 500)
    assert len(results) > 2
    assert results[-1]["progress"]["commits"] == results[-1]["progress"]["files"] == 200
    assert sum(one["afterCommitSpecifier"] in names for one in pushes.asked("GetDifferences")) == 200


def test_a_slice_without_time_gets_on_all_the_same(pushes: Pushes) -> None:
    new = pushes.commit({f"{number}": f"{number}".encode() for number in range(5)} | {"z": LEAK})
    results = pushes.run(pushes.event(new), seconds=LATE)
    assert len(results) >= 7
    assert len(ids(results)) == 1
    assert results[-1]["progress"]["files"] == 6


def test_very_many_keys_of_a_file_come_in_several_slices_and_each_once(pushes: Pushes) -> None:
    pushes.limits = {"MOST_FINDINGS": 20, "IN_BATCH": 8}
    keys = "".join(f"{key_id(number)}\n" for number in range(1, 46))
    new = pushes.commit({"a": LEAK, "b": keys.encode(), "c": LEAK})
    results = pushes.run(pushes.event(new))
    found = ids(results)
    assert max(len(ids([one])) for one in results) == 20
    assert max(len(batch) for one in results for batch in one["findings"]) == 8
    assert len(found) == len(set(found)) == results[-1]["progress"]["findings"] == 46
    assert results[-1]["progress"]["files"] == 3


def test_a_file_whose_keys_take_longer_than_a_slice_is_gone_on_with_inside(pushes: Pushes) -> None:
    new = pushes.commit({"a": "".join(f"{key_id(number)}\n" for number in range(5)).encode()})
    found = ids(pushes.run(pushes.event(new), seconds=LATE))
    assert len(set(found)) == 5
    # None was offered twice.
    assert {pushes.finding(one)["places"] for one in found} == {"1"}


def test_a_key_in_many_commits_is_one_finding_with_the_newest_place(pushes: Pushes) -> None:
    first = pushes.commit({"a": LEAK})
    second = pushes.commit({"a": LEAK, "b": LEAK + b"more", "c": LEAK + b"more"}, first)
    results = pushes.run(pushes.event(second))
    (finding,) = ids(results)
    assert (pushes.finding(finding)["commit"], pushes.finding(finding)["path"]) == (second, "b")
    assert pushes.finding(finding)["places"] == "3"


@pytest.mark.parametrize("call", range(3, 41, 2))
def test_whenever_it_crashes_the_next_try_loses_no_finding(pushes: Pushes, call: int) -> None:
    base = pushes.commit({"x": b"1"})
    left = pushes.commit({"x": b"1", "l": f"{key_id(1)}\n".encode()}, base)
    right = pushes.commit({"x": b"1", "r": f"{key_id(2)}\n".encode()}, base)
    merge = pushes.commit({"x": b"1", "m": f"{key_id(3)}\n{key_id(4)}\n".encode()}, left, right)
    pushes.crash = call
    answered: set[str] = set()
    number, done = 0, False
    while not done:
        try:
            result = pushes.slice(pushes.event(merge, base), number)
        except Crash:
            continue
        answered |= set(ids([result]))
        number, done = result["slice"], result["done"]
    assert len(answered) == 4
    assert pushes.item("walk#w1", "walk")["complete"]
    pushes.crash = -1
    # A second event of the same push finds nothing that was not answered.
    assert set(ids(pushes.run(pushes.event(merge, base), "w2"))) <= answered


def test_a_walk_that_was_given_up_leaves_its_last_findings_to_the_next(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK})
    lost = pushes.slice(pushes.event(new))
    assert ids(pushes.run(pushes.event(new), "w2")) == ids([lost])


def test_what_a_walk_has_scanned_that_was_given_up_is_not_scanned_again_and_is_the_next_walks_own(
    pushes: Pushes,
) -> None:
    first = pushes.commit({"a": b"1"})
    second = pushes.commit({"a": b"2"}, first)
    third = pushes.commit({"a": b"3"}, second)
    for number in range(4):
        assert not pushes.slice(pushes.event(third), number, seconds=LATE)["done"]
    results = pushes.run(pushes.event(third), "w2")
    assert 0 < results[-1]["progress"]["commits"] < 3
    assert {pushes.item("commit#shop", one)["walk"] for one in (first, second, third)} == {"w2"}


def test_a_commit_that_another_walk_finishes_does_not_shorten_the_next_one(pushes: Pushes) -> None:
    older = pushes.commit({"a": LEAK})
    newer = pushes.commit({"b": b"1", "c": b"2", "d": b"3"})
    merge = pushes.commit({"a": LEAK, "b": b"1", "c": b"2", "d": b"3"}, older, newer)
    number = 0
    while pushes.item("walk#w1", "walk").get("at") != newer or pushes.item("walk#w1", "walk")["skip"] < "3":
        number = pushes.slice(pushes.event(merge), number, seconds=LATE)["slice"]
        assert number < 20
    pushes.run(pushes.event(newer), "w2")
    found: list[str] = []
    for _ in range(4):
        result = pushes.slice(pushes.event(merge), number)
        number = result["slice"]
        found += ids([result])
    assert [pushes.finding(one)["commit"] for one in found] == [older]


def test_another_try_of_a_slice_has_the_findings_whose_answer_was_lost(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK})
    lost = pushes.slice(pushes.event(new))
    again = pushes.slice(pushes.event(new))
    assert again == lost
    assert pushes.slice(pushes.event(new), 1)["findings"] == []


def test_a_function_that_was_given_up_takes_nothing_back(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK})
    pushes.run(pushes.event(new))
    with pytest.raises(Exception, match="walk w1 must be at slice 0, got a later one"):
        pushes.slice(pushes.event(new), 0)


def test_a_throttled_call_fails_the_slice(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK})
    pushes.faults["GetBlob"] = [THROTTLED]
    with pytest.raises(ClientError, match="ThrottlingException"):
        pushes.slice(pushes.event(new))
    assert len(ids(pushes.run(pushes.event(new)))) == 1


def test_what_is_found_does_not_wait_for_a_call_that_fails(pushes: Pushes, capsys: pytest.CaptureFixture[str]) -> None:
    new = pushes.commit({"a": LEAK}, pushes.commit({"a": b"1"}))
    pushes.faults["GetCommit"] = [None, THROTTLED]
    result = pushes.slice(pushes.event(new), 5)
    assert (len(ids([result])), result["done"]) == (1, False)
    assert lines(capsys)[0] == {"walk": "w1", "slice": 5, "ended_by": "ThrottlingException"}
    pushes.faults["GetCommit"] = [THROTTLED]
    with pytest.raises(ClientError, match="ThrottlingException"):
        pushes.slice(pushes.event(new), 6)
    assert pushes.slice(pushes.event(new), 6)["progress"]["commits"] == 2


def test_a_full_scan_takes_all_branches_and_what_was_scanned_before(pushes: Pushes) -> None:
    base = pushes.commit({"a": b"1"})
    pushes.branches = {"main": base, "x": pushes.commit({"b": LEAK}, base), "y": pushes.commit({"c": b"3"}, base)}
    pushes.run(pushes.event(base))
    results = pushes.run(FULL, "w2")
    assert len(ids(results)) == 1
    report = results[-1]["report"]
    assert (report["full"], report["commits"], report["findings"], report["not_scanned"]) == (True, 3, 1, 0)
    assert (report["reference"], "pusher" in report) == ("all branches", False)
    branches = {"codecommit:GetBranch", "codecommit:ListBranches"}
    assert pushes.aws.actions() == {*READING, *WRITING, *branches}


def test_a_full_scan_of_a_branch_takes_no_other(pushes: Pushes) -> None:
    pushes.branches = {"main": pushes.commit({"a": b"1"}), "x": pushes.commit({"b": LEAK})}
    (only,) = pushes.run({"full_scan": {"repository": "shop", "branch": "main"}})
    assert (only["report"]["commits"], only["report"]["reference"]) == (1, "refs/heads/main")


def test_findings_that_are_to_be_answered_again_are_handed_on(pushes: Pushes) -> None:
    (only,) = pushes.run({"findings": ["a", "b"]})
    assert (only["findings"], only["done"]) == ([["a", "b"]], True)
    many = [str(number) for number in range(401)]
    results = pushes.run({"findings": many})
    assert (ids(results), len(results)) == (many, 3)
    assert pushes.aws.calls == []


def test_another_run_of_the_machine_goes_on_after_each_two_hundred_slices(pushes: Pushes) -> None:
    new = pushes.commit({"a": b"1"})
    handed = [pushes.slice(pushes.event(new), number)["hand_over"] for number in (0, 198, 199, 200, 398, 399)]
    assert handed == [False, False, True, False, False, True]
    # Those that are only answered again, too.
    many = [str(number) for number in range(200 * 200 + 1)]
    before, after = (pushes.slice({"findings": many}, number) for number in (199, 200))
    assert (before["hand_over"], before["done"]) == (True, False)
    assert (after["hand_over"], after["done"], ids([after])) == (False, True, many[-1:])


def test_a_slice_needs_no_more_than_what_is_set_aside_or_handed_over(pushes: Pushes) -> None:
    pushes.branches = {"main": pushes.commit({"a": LEAK}, pushes.commit({"b": b"1"}))}
    first = pushes.slice(FULL)
    handed = {name: first[name] for name in ("walk", "request", "slice")}
    assert handed == {"walk": "w1", "request": FULL, "slice": 1}
    last = pushes.slice(handed["request"], handed["slice"], handed["walk"])
    assert (last["done"], last["report"]["commits"], last["report"]["findings"]) == (True, 2, 1)
    # As after a report that could not be told: nothing is scanned again, and the report is the same.
    pushes.aws.calls.clear()
    again = pushes.slice(last["request"], last["slice"], last["walk"])
    assert (again["done"], again["report"], again["findings"]) == (True, last["report"], [])
    assert pushes.aws.actions() == {"dynamodb:UpdateItem"}


@pytest.mark.parametrize("findings", [[], {}, [1]], ids=["empty is fine", "no list", "no text"])
def test_findings_must_be_ids(pushes: Pushes, findings: Any) -> None:
    if findings == []:
        assert pushes.slice({"findings": []})["done"]
        return
    with pytest.raises(ValueError, match="findings must be a list of ids"):
        pushes.slice({"findings": findings})


def test_an_unknown_request_is_refused_and_told_what_is_known(pushes: Pushes) -> None:
    detail = {"event": "referenceDeleted", "repositoryName": "shop", "oldCommitId": "a" * 40}
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        pushes.slice({"detail": detail})
    assert str(refused.value) == (
        "request must have full_scan with a repository, findings, or the detail of referenceCreated or "
        "referenceUpdated or unreferencedMergeCommitCreated with repositoryName and commitId, got ['detail'] "
        "with event 'referenceDeleted'"
    )


@pytest.mark.parametrize("full", [{}, {"branch": "main"}, {"repository": ""}, None, "shop", ["shop"]])
def test_a_full_scan_must_name_its_repository(pushes: Pushes, full: Any) -> None:
    with pytest.raises(ValueError, match=r"request must have full_scan with a repository, .*, got \['full_scan'\]"):
        pushes.slice({"full_scan": full})
    assert pushes.aws.calls == []


def test_no_secret_is_in_the_table_or_in_the_log(pushes: Pushes, capsys: pytest.CaptureFixture[str]) -> None:
    pair = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n".encode()
    new = pushes.commit({"a.env": pair, f"keys/{key_id(7)}/b": b"\x00" * 7_000_000}, message=f"use {key_id(8)}")
    results = pushes.run(pushes.event(new))
    found = {pushes.finding(one)["where"]: pushes.finding(one) for one in ids(results)}
    assert set(found) == {"file", "path", "message"}
    assert found["file"]["with_secret"] is True
    assert found["path"]["path"] == f"keys/***{key_id(7)[-4:]}/b"
    assert results[-1]["report"]["places"][0]["path"] == found["path"]["path"]
    assert SECRET not in f"{pushes.table()}{results}"
    out = capsys.readouterr().out
    assert SECRET not in out
    assert "AKIA" not in out


def test_what_is_binary_is_skipped_and_what_only_looks_like_kept_elsewhere_is_scanned(pushes: Pushes) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\n"
    new = pushes.commit({"binary": b"\x00\x01\x02" * 100 + LEAK, "lfs": pointer, "liar": pointer + LEAK})
    results = pushes.run(pushes.event(new))
    assert [pushes.finding(one)["path"] for one in ids(results)] == ["liar"]
    report = results[-1]["report"]
    assert [(one["path"], one["reason"]) for one in report["places"]] == [
        ("lfs", "kept in Git LFS"),
        ("liar", "kept in Git LFS"),
    ]
    assert (report["not_scanned"], report["files"]) == (2, 0)


def test_what_cannot_be_scanned_is_counted_and_twenty_are_named(pushes: Pushes) -> None:
    new = pushes.commit({f"{number:02}": b"version https://git-lfs %d" % number for number in range(25)})
    (only,) = pushes.run(pushes.event(new))
    assert (only["report"]["not_scanned"], len(only["report"]["places"])) == (25, 20)


def test_what_a_merge_brings_by_itself_is_found(pushes: Pushes) -> None:
    base = pushes.commit({"a": b"1"})
    left, right = pushes.commit({"a": b"2"}, base), pushes.commit({"a": b"1", "b": b"1"}, base)
    merge = pushes.commit({"a": b"2", "b": LEAK}, left, right)
    results = pushes.run(pushes.event(merge, left))
    assert [pushes.finding(one)["commit"] for one in ids(results)] == [merge]
    assert results[-1]["progress"]["commits"] == 2


def test_a_key_whose_secret_leaks_elsewhere_is_known_to_have_leaked_with_it(pushes: Pushes) -> None:
    new = pushes.commit({"a": LEAK, "b": LEAK + f"aws_secret_access_key = {SECRET}\n".encode()})
    results = pushes.run(pushes.event(new))
    (finding,) = ids(results)
    assert pushes.finding(finding)["with_secret"] is True


def test_the_token_beside_a_temporary_key_is_the_same_leak_and_alone_it_is_one(pushes: Pushes) -> None:
    token = b"aws_session_token = " + b64encode(b"!\n\torigin_ec" + bytes(range(1, 250))) + b"\n"
    beside = pushes.commit({"a.env": LEAK.replace(b"AKIA", b"ASIA") + token})
    alone = pushes.commit({"b.env": token})
    for commit, kind in ((beside, "temporary_key"), (alone, "session_token")):
        (finding,) = ids(pushes.run(pushes.event(commit), kind))
        assert pushes.finding(finding)["kind"] == kind


def test_a_queue_that_is_too_long_says_what_to_do(pushes: Pushes, monkeypatch: pytest.MonkeyPatch) -> None:
    pushes.branches = {f"b{number}": pushes.commit({"a": f"{number}".encode()}) for number in range(4)}
    scan = load_guard("scan")
    monkeypatch.setitem(scan.Record.save.__globals__, "LONGEST_QUEUE", 50)
    with pytest.raises(Exception, match="with 4 commits; scan the history branch by branch"):
        scan.handler({"walk": "w1", "request": FULL, "slice": 0}, Context(LATE))
