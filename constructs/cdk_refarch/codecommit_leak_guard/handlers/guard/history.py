"""Which commits a push has brought, as ``git rev-list new ^old`` says, in steps that can end and go on anywhere.

The newest commits come first. Wanted commits are to be scanned, and painted ones are the ancestors of what was there
before. A clock that was wrong may make a commit wanted that is painted too late, which costs a scan; none is ever
painted that is no ancestor of what was there. Nothing is taken from the queue before all is read that comes in its
place, so that a call that fails loses nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Literal, NamedTuple

Seen = Literal["new", "mine", "scanned", "complete"]
"""What is known of a commit: nothing; this walk has scanned it, and its parents are queued since; another walk has
scanned it, and maybe not its ancestors; another walk has scanned it and all that it had to."""

MOST_PAINTED = 100_000
"""How many commits that were there before are looked at in a walk. Beyond these, more is scanned than must be, but
forged dates cannot make a walk endless."""

MOST_KEPT, LONGEST_KEPT = 2_000, 10_000
"""How many commits are remembered from when they were queued, and how long their messages may be."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit.

    Args:
        id: Its id.
        parents: The ids of its parents.
        date: When it was committed, in seconds since 1970.
        message: Its message.
        author: Who wrote it.
    """

    id: str
    parents: tuple[str, ...]
    date: int
    message: str = ""
    author: str = ""


class Entry(NamedTuple):
    """A commit in the queue.

    Attributes:
        id: Its id.
        date: When it was committed.
        wanted: Whether it is to be scanned, unless it turns out that it was there before.
    """

    id: str
    date: int
    wanted: bool


class History:
    """The commits of a walk, one step after the other.

    Args:
        read: Returns a commit; None if there is none of that id.
        seen: Returns what is known of a commit.
        entries: The queue as an earlier part of the walk has left it.
        base: The commit that was there before, for a walk that goes on.
        painted: How many commits that were there before the walk has looked at.

    Attributes:
        painted: The same, up to now.
        gone: Commits that are wanted and cannot be read; to be emptied by who has told of them.
        passed: Commits that another walk has scanned and whose parents are queued now; to be emptied likewise.
        visits: How many steps were made.
    """

    def __init__(
        self,
        read: Callable[[str], Commit | None],
        seen: Callable[[str], Seen],
        entries: Iterable[Entry] = (),
        base: str | None = None,
        painted: int = 0,
    ) -> None:
        self._read, self._seen = read, seen
        self.painted, self.visits = painted, 0
        self.gone: list[str] = []
        self.passed: list[str] = []
        self._kept: dict[str, Commit] = {}
        self._walked: set[str] = set()
        entries = list(entries)
        self._wanted = {entry.id for entry in entries if entry.wanted}
        self._painted = {entry.id for entry in entries if not entry.wanted}
        # Of those of a date, painted ones come first, so that nothing of the same second is scanned for nothing.
        self._heap = [(-entry.date, entry.wanted, entry.id) for entry in entries]
        heapify(self._heap)
        if base is not None:
            # Its ancestors are queued or done with; a commit of a wrong clock may have it as its parent still.
            self._painted.add(base)
            self._wanted.discard(base)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be scanned."""
        return not self._wanted

    def want(self, commit_id: str) -> None:
        """Queue a commit that is to be scanned with its ancestors.

        Args:
            commit_id: Its id.
        """
        for one, commit in self._unqueued((commit_id,), wanted=True):
            self._want(one, commit)

    def paint(self, commit_id: str) -> None:
        """Queue a commit that is not to be scanned, nor its ancestors; nothing happens if it cannot be read.

        Args:
            commit_id: Its id.
        """
        for one, commit in self._unqueued((commit_id,), wanted=False):
            self._paint(one, commit)

    def step(self) -> Commit | None:
        """Look at the next commit of the queue.

        Returns:
            The commit if it is to be scanned. It stays where it is until ``done`` says so.
        """
        self.visits += 1
        _, wanted, commit_id = self._heap[0]
        if not wanted:
            self._follow_painted(commit_id)
            return None
        if commit_id not in self._wanted:
            heappop(self._heap)
            return None
        seen = self._seen(commit_id)
        if seen == "complete":
            self.paint(commit_id)
        elif seen == "mine":
            self._leave(commit_id)
        elif (commit := self._commit(commit_id)) is None:
            self._leave(commit_id)
            self.gone.append(commit_id)
        elif seen == "scanned":
            self.done(commit)
            self.passed.append(commit_id)
        else:
            return commit
        return None

    def done(self, commit: Commit) -> None:
        """Queue the parents of the commit that was scanned.

        Args:
            commit: What ``step`` has returned last.
        """
        parents = self._unqueued(commit.parents, wanted=True)
        self._leave(commit.id)
        for parent, found in parents:
            self._want(parent, found)

    def entries(self) -> list[Entry]:
        """Return the queue, for a walk that goes on later."""
        if self.ended:
            return []
        return [
            Entry(commit_id, -date, wanted)
            for date, wanted, commit_id in self._heap
            if not wanted or commit_id in self._wanted
        ]

    def _unqueued(self, ids: Iterable[str], *, wanted: bool) -> list[tuple[str, Commit | None]]:
        known = (self._wanted, self._walked, self._painted) if wanted else (self._painted,)
        return [(one, self._commit(one)) for one in dict.fromkeys(ids) if not any(one in group for group in known)]

    def _want(self, commit_id: str, commit: Commit | None) -> None:
        if commit is None:
            self._walked.add(commit_id)
            self.gone.append(commit_id)
        else:
            self._wanted.add(commit_id)
            heappush(self._heap, (-commit.date, True, commit_id))

    def _paint(self, commit_id: str, commit: Commit | None) -> None:
        self._painted.add(commit_id)
        self._wanted.discard(commit_id)
        if commit is not None:
            heappush(self._heap, (-commit.date, False, commit_id))

    def _leave(self, commit_id: str) -> None:
        heappop(self._heap)
        self._kept.pop(commit_id, None)
        self._wanted.discard(commit_id)
        self._walked.add(commit_id)

    def _follow_painted(self, commit_id: str) -> None:
        commit = self._commit(commit_id) if self.painted < MOST_PAINTED else None
        parents = self._unqueued(commit.parents if commit else (), wanted=False)
        heappop(self._heap)
        self._kept.pop(commit_id, None)
        self.painted += 1
        for parent, found in parents:
            self._paint(parent, found)

    def _commit(self, commit_id: str) -> Commit | None:
        """Return a commit; it is asked for when it is queued, for its date, and soon after for the rest."""
        commit = self._kept.get(commit_id) or self._read(commit_id)
        if commit and len(self._kept) < MOST_KEPT and len(commit.message) <= LONGEST_KEPT:
            self._kept[commit_id] = commit
        return commit
