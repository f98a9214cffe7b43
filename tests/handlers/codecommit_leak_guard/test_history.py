"""The walk over commits: all that a push has brought, whatever the clocks say, wherever it ends and goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers.codecommit_leak_guard.account import load_guard

EVERY = settings(derandomize=True, database=None, deadline=None, max_examples=150)


class EndedError(Exception):
    """The function was ended in the middle."""


@dataclass
class Repo:
    """Commits, of which ``parents`` and ``dates`` are by id."""

    parents: dict[str, list[str]]
    dates: dict[str, int]

    def reach(self, *starts: str) -> set[str]:
        found: set[str] = set()
        todo = [one for one in starts if one in self.parents]
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += [parent for parent in self.parents[one] if parent in self.parents]
        return found


@dataclass
class Scans:
    """What the record keeps, written in the order in which the handler writes it."""

    repo: Repo
    history: Any
    marks: dict[str, tuple[str, int]] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    saved: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, int] = field(default_factory=dict)
    scanned: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    reads: int = 0
    visits: int = 0

    def read(self, commit: str) -> Any:
        self.reads += 1
        if commit not in self.repo.parents:
            return None
        return self.history.Commit(commit, tuple(self.repo.parents[commit]), self.repo.dates[commit])

    def seen(self, walk: str, commit: str) -> str:
        marked, number = self.marks.get(commit, (None, 0))
        if marked is None:
            return "new"
        if marked == walk:
            return "mine"
        if marked in self.complete:
            return "complete"
        return "scanned" if number < self.slices[marked] else "new"

    def slice(self, walk: str, new: str, old: str | None, budget: int, crash: int | None = None) -> bool:
        """Run a slice that ends after some steps, or at the tick of that number; return whether all is done."""
        number = self.slices.setdefault(walk, 0)
        work, pending = self._work(walk, new, old)
        clock = iter(range(10**9))
        marks: list[str] = []

        def tick() -> None:
            if next(clock) == crash:
                raise EndedError

        def save() -> None:
            tick()
            self.saved[walk] = (work.entries(), set(pending), work.painted)
            for one in marks:
                tick()
                self.marks[one] = (walk, number)
            marks.clear()

        for step in range(budget):
            if work.ended:
                break
            tick()
            commit = work.step()
            if commit is not None:
                pending.add(commit.id)
                self.scanned.append(commit.id)
                work.done(commit)
                marks.append(commit.id)
            marks += work.passed
            work.passed.clear()
            if step % 3 == 2:
                save()
        save()
        self.visits += work.visits
        self.answered |= pending
        self.slices[walk] = number + 1
        self.saved[walk] = (work.entries(), set(), work.painted)
        if work.ended:
            self.complete.add(walk)
        return bool(work.ended)

    def _work(self, walk: str, new: str, old: str | None) -> tuple[Any, set[str]]:
        def seen(commit: str) -> str:
            return self.seen(walk, commit)

        if walk in self.saved:
            entries, pending, painted = self.saved[walk]
            return self.history.History(self.read, seen, entries, old, painted), set(pending)
        work = self.history.History(self.read, seen)
        if old is not None:
            work.paint(old)
        work.want(new)
        return work, set()

    def walk(self, walk: str, new: str, old: str | None, budgets: Iterator[int], crashes: Iterator[int | None]) -> None:
        ended = False
        while not ended:
            try:
                ended = self.slice(walk, new, old, next(budgets), next(crashes))
            except EndedError:
                continue


@pytest.fixture(scope="module")
def history() -> Any:
    return load_guard("history")


@st.composite
def repos(draw: st.DrawFn, *, honest: bool) -> Repo:
    parents: dict[str, list[str]] = {}
    dates: dict[str, int] = {}
    for number in range(draw(st.integers(1, 14))):
        before = sorted(parents)
        chosen = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        name = f"{number:040x}"
        parents[name] = chosen
        youngest = max((dates[one] for one in chosen), default=0)
        dates[name] = youngest + draw(st.integers(1, 3)) if honest else draw(st.integers(0, 4))
    return Repo(parents, dates)


def endless(values: Iterable[Any], last: Any) -> Iterator[Any]:
    yield from values
    while True:
        yield last


BUDGETS = st.lists(st.integers(1, 6), max_size=8)
CRASHES = st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=8)


@given(data=st.data(), repo=repos(honest=False), budgets=BUDGETS, crashes=CRASHES)
@EVERY
def test_whatever_the_clocks_say_and_wherever_it_crashes_no_commit_is_left_out(
    history: Any, data: st.DataObject, repo: Repo, budgets: list[int], crashes: list[int | None]
) -> None:
    some = st.sampled_from([*repo.parents, "f" * 40])
    scans = Scans(repo, history)
    for walk in ("w1", "w2", "w3"):
        new, old = data.draw(some), data.draw(st.one_of(st.none(), some))
        before = {one for one, (marked, _) in scans.marks.items() if marked in scans.complete}
        had = set(scans.answered)
        scans.walk(walk, new, old, endless(budgets, 10), endless(crashes, None))
        # What another walk has handed over and did not come to the end of may stay as it is.
        owed = repo.reach(new) - repo.reach(*([old] if old else [])) - repo.reach(*before)
        assert owed <= scans.answered | had
        assert scans.answered - had <= repo.reach(new)


@given(data=st.data(), repo=repos(honest=True), budgets=BUDGETS)
@EVERY
def test_with_honest_clocks_it_is_exactly_what_git_says_and_each_commit_once(
    history: Any, data: st.DataObject, repo: Repo, budgets: list[int]
) -> None:
    some = st.sampled_from([*repo.parents, "f" * 40])
    new, old = data.draw(some), data.draw(st.one_of(st.none(), some))
    scans = Scans(repo, history)
    scans.walk("w1", new, old, endless(budgets, 10), endless([], None))
    assert len(scans.scanned) == len(set(scans.scanned))
    assert set(scans.scanned) == repo.reach(new) - repo.reach(*([old] if old else []))


@given(data=st.data(), repo=repos(honest=True), budgets=BUDGETS, crashes=CRASHES)
@EVERY
def test_a_walk_that_was_given_up_is_done_by_the_next_one(
    history: Any, data: st.DataObject, repo: Repo, budgets: list[int], crashes: list[int | None]
) -> None:
    new = data.draw(st.sampled_from(sorted(repo.parents)))
    scans = Scans(repo, history)
    for budget, crash in zip(budgets, crashes, strict=False):
        try:
            if scans.slice("w1", new, None, budget, crash):
                break
        except EndedError:
            pass
    scans.walk("w2", new, None, endless([], 10), endless([], None))
    assert scans.answered == repo.reach(new)


def test_two_commits_of_the_same_second_are_no_reason_to_scan_what_was_there(history: Any) -> None:
    repo = Repo({"base": [], "old": ["base"], "mine": ["base"], "new": ["mine"]}, dict.fromkeys(["base"], 1))
    repo.dates |= {"old": 1, "mine": 1, "new": 1}
    scans = Scans(repo, history)
    scans.walk("w1", "new", "old", endless([], 100), endless([], None))
    assert scans.scanned == ["new", "mine"]


def ladder(rungs: int, dates: Iterator[int]) -> Repo:
    """Return merges of merges, through which there are endlessly many ways."""
    parents: dict[str, list[str]] = {"a0": [], "b0": []}
    for rung in range(1, rungs):
        both = [f"a{rung - 1}", f"b{rung - 1}"]
        parents |= {f"a{rung}": both, f"b{rung}": both}
    return Repo(parents, {one: next(dates) for one in parents})


@pytest.mark.parametrize("painted", [False, True])
@pytest.mark.parametrize("step", [1, -1, 7919])
def test_a_ladder_of_merges_takes_a_few_steps_for_each_commit(history: Any, painted: bool, step: int) -> None:
    rungs = 400
    repo = ladder(rungs, iter(number * step % 10_007 for number in range(1, 2 * rungs + 1)))
    repo.parents["new"] = [f"a{rungs - 1}"] if not painted else ["late"]
    repo.parents["late"] = []
    # Painted ones are all looked at because what is wanted is older than all of them.
    repo.dates |= {"new": 10**6, "late": -1}
    scans = Scans(repo, history)
    scans.walk(
        "w1", "new", f"a{rungs - 1}" if painted else None, endless([], 10**4 if painted else 50), endless([], None)
    )
    assert set(scans.scanned) == ({"new", "late"} if painted else repo.reach("new"))
    assert scans.visits <= 4 * len(repo.parents)
    assert scans.reads <= 8 * len(repo.parents)


def test_a_ladder_that_was_there_before_ends_in_many_slices_too(history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = ladder(400, iter(number * 7919 % 10_007 for number in range(801)))
    repo.parents |= {"new": ["late"], "late": []}
    repo.dates |= {"new": 10**6, "late": -1}
    monkeypatch.setattr(history, "MOST_PAINTED", 2_000)
    scans = Scans(repo, history)
    scans.walk("w1", "new", "a399", endless([], 50), endless([], None))
    assert set(scans.scanned) == {"new", "late"}
    assert scans.visits <= 3_000


def test_the_ancestors_of_what_was_there_are_not_followed_without_end(
    history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = [f"c{number}" for number in range(50)]
    repo = Repo({"c0": []} | {one: [chain[at]] for at, one in enumerate(chain[1:])}, dict.fromkeys(chain, 9))
    repo.parents["new"], repo.dates["new"] = [], 1
    monkeypatch.setattr(history, "MOST_PAINTED", 10)
    work = history.History(Scans(repo, history).read, lambda _: "new")
    work.paint("c49")
    work.want("new")
    while (commit := work.step()) is None:
        pass
    assert (commit.id, work.painted, work.visits) == ("new", 11, 12)


def test_a_call_that_fails_in_the_middle_of_a_merge_loses_none_of_its_parents(history: Any) -> None:
    repo = Repo({"new": ["left", "right"], "left": [], "right": []}, {"new": 3, "left": 2, "right": 1})
    fails = {"right"}

    def read(commit: str) -> Any:
        if commit in fails:
            fails.clear()
            raise EndedError
        return Scans(repo, history).read(commit)

    work = history.History(read, lambda _: "new")
    work.want("new")
    commit = work.step()
    with pytest.raises(EndedError):
        work.done(commit)
    again = history.History(read, lambda _: "new", work.entries())
    assert again.step().id == "new"
    again.done(commit)
    assert {entry.id for entry in again.entries()} == {"left", "right"}


def test_a_commit_that_cannot_be_read_is_told_if_it_is_wanted_and_else_is_not(history: Any) -> None:
    repo = Repo({"new": ["lost"], "old": ["gone"]}, {"new": 2, "old": 1})
    work = history.History(Scans(repo, history).read, lambda _: "new")
    work.paint("old")
    work.want("new")
    while not work.ended:
        if commit := work.step():
            work.done(commit)
    assert work.gone == ["lost"]


def test_a_walk_that_goes_on_still_knows_the_commit_that_was_there(history: Any) -> None:
    repo = Repo({"old": [], "late": ["old"], "new": ["late"]}, {"old": 9, "late": 1, "new": 10})
    scans = Scans(repo, history)
    scans.walk("w1", "new", "old", endless([2], 10), endless([], None))
    assert scans.scanned == ["new", "late"]
