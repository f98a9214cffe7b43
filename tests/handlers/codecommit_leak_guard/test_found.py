"""Findings as they are written down: once for a walk, with what is needed and without what gives a key away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.codecommit_leak_guard.account import load_guard
from tests.handlers.codecommit_leak_guard.pushes import SECRET, Pushes, Table, emptied, key_id, record_table

KEY = key_id()


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with record_table() as dynamodb:
        yield dynamodb


@pytest.fixture(params=["as moto has it", "in memory"])
def pushes(request: pytest.FixtureRequest, moto: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pushes]:
    with FakeAws() as aws:
        aws.patch(monkeypatch)
        yield Pushes(aws, monkeypatch, Table() if request.param == "in memory" else emptied(moto))


@pytest.fixture
def found(pushes: Pushes) -> Any:
    return load_guard("found")


def findings(found: Any, walk: str, number: int, pending: list[str] | None = None, repository: str = "shop") -> Any:
    return found.Findings(found.Source(walk, number, repository, "refs/heads/main", ""), pending or [])


def leak(found: Any, **more: Any) -> Any:
    return found.Leak(**{"kind": "access_key", "line": 1, "key_id": KEY, **more})


def place(found: Any, commit: str = "a" * 40) -> Any:
    return found.Place(commit, "Bob <bob@example.com>", "a", "file")


def test_a_leak_is_offered_once_in_a_walk_and_again_by_another_try_of_its_slice(found: Any) -> None:
    offers = [(walk, number, True) for walk, number in [("w1", 3), ("w1", 3), ("w2", 0), ("w1", 4)]]
    offers += [("w1", 5, False), ("w1", 4, True), ("w2", 0, True)]
    for walk, number, expected in offers:
        assert findings(found, walk, number).offer(leak(found), place(found)) is expected, (walk, number)


def test_in_a_slice_a_leak_is_counted_where_it_is_found_again(pushes: Pushes, found: Any) -> None:
    slice_ = findings(found, "w1", 0)
    assert slice_.offer(leak(found, count=2), place(found, "a" * 40))
    assert not slice_.offer(leak(found, count=3, secret=SECRET), place(found, "b" * 40))
    assert not slice_.offer(leak(found), place(found, "c" * 40))
    slice_.flush()
    slice_.flush()
    (finding,) = slice_.pending
    item = pushes.finding(finding)
    assert (item["commit"], item["places"], item["with_secret"]) == ("a" * 40, "6", True)
    assert SECRET not in str(pushes.table())


def test_once_the_secret_has_leaked_that_is_not_forgotten(pushes: Pushes, found: Any) -> None:
    findings(found, "w1", 0).offer(leak(found, secret=SECRET), place(found))
    slice_ = findings(found, "w2", 0)
    slice_.offer(leak(found), place(found, "b" * 40))
    (finding,) = slice_.pending
    assert (pushes.finding(finding)["with_secret"], pushes.finding(finding)["commit"]) == (True, "b" * 40)


def test_what_a_slice_has_found_before_its_end_was_lost_keeps_its_place(pushes: Pushes, found: Any) -> None:
    first = findings(found, "w1", 0)
    first.offer(leak(found), place(found))
    again = findings(found, "w1", 0, first.pending)
    assert again.knows(leak(found))
    assert not again.offer(leak(found), place(found, "b" * 40))
    assert again.pending == first.pending
    assert pushes.finding(first.pending[0])["commit"] == "a" * 40


def test_the_same_key_in_two_repositories_is_two_findings(found: Any) -> None:
    one, other = findings(found, "w1", 0), findings(found, "w2", 0, repository="other")
    assert one.offer(leak(found), place(found))
    assert other.offer(leak(found), place(found))
    assert one.pending != other.pending


def test_what_is_no_key_has_no_id(pushes: Pushes, found: Any) -> None:
    slice_ = findings(found, "w1", 0)
    slice_.offer(leak(found, kind="secret_key", key_id=None, secret=SECRET), place(found))
    assert "key_id" not in pushes.finding(slice_.pending[0])
    assert SECRET not in str(pushes.table())


def test_the_first_time_stays(pushes: Pushes, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for walk, now in (("w1", "2026-01-01T00:00:00Z"), ("w2", "2026-02-01T00:00:00Z")):
        monkeypatch.setattr(found, "utc_now", lambda now=now: now)
        slice_ = findings(found, walk, 0)
        slice_.offer(leak(found), place(found))
    item = pushes.finding(slice_.pending[0])
    assert (item["first_seen"], item["last_seen"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("src/main.py", "src/main.py"),
        (f"keys/{KEY}.csv", f"keys/***{KEY[-4:]}.csv"),
        (f"{KEY}/{KEY}", f"***{KEY[-4:]}/***{KEY[-4:]}"),
        (f"aws_secret_access_key={SECRET}", "aws_secret_access_key=***"),
        (f"AKIA%59{KEY[5:]}", "***"),
        ("x" * 2000, "x" * 1024 + "..."),
    ],
)
def test_a_text_from_outside_is_shown_without_credentials(found: Any, text: str, expected: str) -> None:
    assert found.shown(text) == expected
