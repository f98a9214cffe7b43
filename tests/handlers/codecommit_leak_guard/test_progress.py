"""How far a walk has come, as it is kept: who may write it, and what another walk may make of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws
from tests.handlers.codecommit_leak_guard.account import load_guard
from tests.handlers.codecommit_leak_guard.pushes import Pushes, Table, emptied, record_table

HEX = st.integers(0, 16**40 - 1).map(lambda number: f"{number:040x}")


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
def progress(pushes: Pushes) -> Any:
    return load_guard("progress")


def test_what_was_saved_is_there_for_another_try_and_for_the_next_slice(pushes: Pushes, progress: Any) -> None:
    record = progress.Record("w1", 0, "shop", anew=False)
    before = record.take()
    assert before == progress.Progress()
    entry = progress.Entry("a" * 40, 7, True)
    place = {"commit": "a" * 40, "path": "p", "reason": "larger than 6 MB"}
    before.queue, before.at, before.skip, before.inside, before.commits = [entry], "a" * 40, 3, 2, 9
    before.places, before.pending, before.found = [place], ["f1"], 1
    record.save(before, [])
    assert progress.Record("w1", 0, "shop", anew=False).take() == before
    # They were answered, or there would be no next slice.
    before.pending = []
    assert progress.Record("w1", 1, "shop", anew=False).take() == before
    assert pushes.item("walk#w1", "walk")["started"].endswith("Z")
    assert pushes.aws.actions() == {"dynamodb:UpdateItem"}


def test_only_who_has_taken_a_walk_last_may_save_it(progress: Any) -> None:
    first, second = (progress.Record("w1", 0, "shop", anew=False) for _ in range(2))
    state = first.take()
    second.take()
    with pytest.raises(progress.OvertakenError, match="walk w1 must be this call's"):
        first.save(state, ["a" * 40])
    assert second.seen("a" * 40) == "new"
    progress.Record("w1", 1, "shop", anew=False).take()
    with pytest.raises(progress.OvertakenError, match="walk w1 must be at slice 0, got a later one"):
        second.take()


def test_a_mark_is_worth_as_much_as_what_is_known_of_its_walk(progress: Any) -> None:
    def mark(number: int, *, complete: bool = False) -> None:
        record = progress.Record("w1", number, "shop", anew=False)
        state = record.take()
        state.complete = complete
        record.save(state, ["a" * 40] if not number else [])

    def seen(walk: str, repository: str = "shop", *, anew: bool = False) -> str:
        known: str = progress.Record(walk, 5, repository, anew=anew).seen("a" * 40)
        return known

    assert seen("w2") == "new"
    mark(0)
    assert (seen("w1"), seen("w1", anew=True)) == ("mine", "mine")
    # Its findings may never have been answered.
    assert seen("w2") == "new"
    mark(1)
    assert (seen("w2"), seen("w2", anew=True), seen("w2", "other")) == ("scanned", "new", "new")
    mark(2, complete=True)
    assert (seen("w2"), seen("w2", anew=True), seen("w1")) == ("complete", "new", "mine")


@pytest.fixture(scope="module")
def module() -> Any:
    with pytest.MonkeyPatch.context() as patch, FakeAws() as aws:
        patch.setenv("TABLE_NAME", "Record")
        aws.patch(patch)
        return load_guard("progress")


@given(queue=st.lists(st.tuples(HEX, st.integers(-(10**12), 10**12), st.booleans()), max_size=20))
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
def test_a_queue_comes_back_as_it_was_kept(module: Any, queue: list[Any]) -> None:
    assert module.unpacked(module.packed(module.Entry(*one) for one in queue)) == queue


def test_the_longest_queue_fits_into_an_item_with_all_else_that_it_has(progress: Any) -> None:
    place = {"commit": "a" * 40, "path": "\U0001f511" * 1027, "reason": "larger than 6 MB"}
    beside = {"places": [place] * progress.MOST_PLACES, "pending": ["f" * 32] * 200, "others": "x" * 1024}
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    assert progress.LONGEST_QUEUE + len(json.dumps(beside, ensure_ascii=False).encode()) < 400 * 1024


def test_ten_thousand_commits_fit_into_a_queue_and_twenty_thousand_do_not(progress: Any) -> None:
    def queue(count: int) -> list[Any]:
        ids = (hashlib.sha1(str(one).encode(), usedforsecurity=False).hexdigest() for one in range(count))
        return [progress.Entry(one, 1_700_000_000 + number * 97, True) for number, one in enumerate(ids)]

    assert len(progress.packed(queue(10_000))) < progress.LONGEST_QUEUE
    with pytest.raises(progress.QueueTooLongError) as refused:
        progress.packed(queue(20_000))
    assert "queue of a walk must be up to 300000 bytes" in str(refused.value)
