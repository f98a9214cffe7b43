"""What of a commit is scanned, and what is skipped or reported instead."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import load_guard
from tests.handlers.codecommit_leak_guard.pushes import READING, Pushes

LARGE = b"x" * (6 * 1024**2 + 1)


@pytest.fixture
def pushes(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Pushes:
    return Pushes(aws, monkeypatch)


class Read:
    """A repository as the module reads it."""

    def __init__(self) -> None:
        self.module = load_guard("contents")
        self.executor = ThreadPoolExecutor(8)
        self.repository = self.module.Repository("shop", self.executor)

    def changes(self, commit: str) -> list[tuple[str, str]]:
        return [(one.path, one.blob) for one in self.repository.changes(self.repository.commit(commit))]

    def pieces(self, commit: str, known: set[str] | None = None) -> list[Any]:
        changes = self.repository.changes(self.repository.commit(commit))
        return list(self.repository.pieces(changes, known or set()))


@pytest.fixture
def read(pushes: Pushes) -> Iterator[Read]:
    made = Read()
    yield made
    made.executor.shutdown()


def paths(read: Read, commit: str) -> list[str]:
    return [path for path, blob in read.changes(commit) if blob]


def test_a_commit_without_parents_has_all_its_files_over_all_pages(pushes: Pushes, read: Read) -> None:
    files = {f"{number}": f"{number}".encode() for number in range(7)}
    assert [piece.data for piece in read.pieces(pushes.commit(files))] == list(files.values())
    assert pushes.aws.actions() == READING
    assert [one.get("NextToken") for one in pushes.asked("GetDifferences")] == [None, "2", "4", "6"]


def test_of_a_commit_what_it_has_changed_is_read_and_nothing_that_it_deleted(pushes: Pushes, read: Read) -> None:
    base = pushes.commit({"same": b"1", "changed": b"2", "gone": b"3", "mode": b"4"})
    new = pushes.commit({"same": b"1", "changed": b"5", "new": b"6", "mode": b"4"}, base, modes={"mode": "100755"})
    assert paths(read, new) == ["changed", "new"]
    # What is skipped counts, so that a scan that goes on later goes on at the right place.
    assert len(read.changes(new)) == 4


def test_of_a_merge_only_what_is_as_in_none_of_its_parents_is_read(pushes: Pushes, read: Read) -> None:
    base = pushes.commit({"a": b"1", "b": b"1", "both": b"1"})
    left = pushes.commit({"a": b"2", "b": b"1", "both": b"2"}, base)
    right = pushes.commit({"a": b"1", "b": b"2", "both": b"3"}, base)
    merge = pushes.commit({"a": b"2", "b": b"2", "both": b"4", "evil": b"5"}, left, right)
    assert paths(read, merge) == ["both", "evil"]


def test_a_merge_that_brings_nothing_itself_asks_for_no_more_than_it_must(pushes: Pushes, read: Read) -> None:
    base = pushes.commit({"a": b"1"})
    merge = pushes.commit({"a": b"1"}, base, pushes.commit({"b": b"1"}), pushes.commit({"c": b"1"}))
    assert paths(read, merge) == []
    assert len(pushes.asked("GetDifferences")) == 1


def test_of_very_many_parents_some_are_looked_at(pushes: Pushes, read: Read) -> None:
    parents = [pushes.commit({f"{number}": b"1"}) for number in range(30)]
    assert paths(read, pushes.commit({"evil": b"2"}, *parents)) == ["evil"]
    assert len(pushes.asked("GetDifferences")) == read.module.MOST_PARENTS


def test_without_a_parent_that_can_be_read_all_its_files_are(pushes: Pushes, read: Read) -> None:
    assert paths(read, pushes.commit({"a": b"1", "b": b"2", "c": b"3"}, "d" * 40)) == ["a", "b", "c"]


def test_a_submodule_is_not_read_and_a_link_is(pushes: Pushes, read: Read) -> None:
    modes = {"module": "160000", "link": "120000"}
    new = pushes.commit({"module": b"1", "link": b"target"}, modes=modes)
    assert [(one.path, one.data) for one in read.pieces(new)] == [("link", b"target"), ("module", b"")]


def test_a_file_that_cannot_be_read_says_why(pushes: Pushes, read: Read) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
    new = pushes.commit({"large": LARGE, "lfs": pointer, "lost": b"lost"})
    del pushes.blobs[pushes.trees[new]["lost"][0]]
    found = {one.path: (one.reason, one.data) for one in read.pieces(new)}
    assert found["large"] == ("larger than 6 MB", b"")
    # Its text is scanned all the same: it may say to be one and be none.
    assert found["lfs"] == ("kept in Git LFS", pointer)
    assert found["lost"] == ("content is gone", b"")


def test_what_is_known_is_not_read_again(pushes: Pushes, read: Read) -> None:
    new = pushes.commit({"a": b"1", "b": b"2"})
    known = {pushes.trees[new]["a"][0]}
    assert [one.data for one in read.pieces(new, known)] == [b"", b"2"]
    assert len(pushes.asked("GetBlob")) == 1


def test_no_more_than_eight_files_are_read_ahead(pushes: Pushes, read: Read) -> None:
    new = pushes.commit({f"{number:02}": f"{number}".encode() for number in range(40)})
    pieces = read.repository.pieces(read.repository.changes(read.repository.commit(new)), set())
    next(pieces)
    assert len(pushes.asked("GetBlob")) <= read.module.AT_ONCE
    pieces.close()


@pytest.mark.parametrize("operation", ["GetCommit", "GetDifferences", "GetBlob"])
@pytest.mark.parametrize("code", ["ThrottlingException", "EncryptionKeyAccessDeniedException", "AccessDenied"])
def test_what_is_no_answer_is_raised(pushes: Pushes, read: Read, operation: str, code: str) -> None:
    new = pushes.commit({"a": b"1"}, pushes.commit({}))
    pushes.faults[operation] = [FakeError(code)]
    with pytest.raises(ClientError, match=code):
        read.pieces(new)


def test_a_commit_says_when_it_was_committed_and_by_whom_it_was_written(pushes: Pushes, read: Read) -> None:
    new = pushes.commit({}, date=1_484_167_798, message="text")
    commit = read.repository.commit(new)
    assert (commit.date, commit.message, commit.author) == (1_484_167_798, "text", "Bob <bob@example.com>")
    for date, seconds in {"": 0, "-5 +0000": -5, "soon": 0, "9" * 30 + " +0000": int("9" * 30)}.items():
        pushes.commits[new]["committer"] = {"date": date}
        assert read.repository.commit(new).date == seconds


def test_a_commit_that_is_not_there_is_none(pushes: Pushes, read: Read) -> None:
    assert read.repository.commit("e" * 40) is None
    pushes.faults["GetCommit"] = [FakeError("InvalidCommitIdException")]
    assert read.repository.commit("e" * 40) is None
    assert read.repository.peeled("refs/tags/none") is None


def test_the_heads_are_those_of_all_branches_but_those_that_were_deleted_meanwhile(pushes: Pushes, read: Read) -> None:
    pushes.branches = {name: pushes.commit({}) for name in "abcde"}
    pushes.faults["GetBranch"] = [None, FakeError("BranchDoesNotExistException")]
    assert list(read.repository.heads(None)) == [pushes.branches[name] for name in "acde"]
    assert pushes.aws.actions() == {"codecommit:ListBranches", "codecommit:GetBranch"}
    pushes.faults["GetBranch"] = [FakeError("BranchDoesNotExistException")]
    with pytest.raises(ClientError, match="BranchDoesNotExistException"):
        list(read.repository.heads("a"))
