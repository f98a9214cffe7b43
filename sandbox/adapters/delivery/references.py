"""What branches and tags mean, and who is told when that changes: EventBridge, pipelines that poll, and triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ministack.core.iam_evaluator import caller_arn

from sandbox.adapters.json_rpc import Fault

from . import triggers
from .objects import BRANCHES, TAGS, is_id, is_name
from .repositories import Repository
from .state import announce, now

WATCHERS: list[Callable[[Repository, str], None]] = []
"""Told of each repository whose branch has changed, with the branch."""
_LONGEST = 256


@dataclass(frozen=True)
class Changed:
    """A reference that means something else now.

    Attributes:
        name: Its full name.
        old: What it meant; None if it was not there.
        new: What it means; None if it is not there any more.
    """

    name: str
    old: str | None
    new: str | None

    @property
    def event(self) -> str:
        """What EventBridge calls it."""
        return f"reference{'Deleted' if self.new is None else 'Updated' if self.old else 'Created'}"


def move(of: Repository, name: str, to: str | None) -> None:
    """Let a branch begin at a commit, go on to one, or end, and tell of it.

    Args:
        of: The repository.
        name: The branch.
        to: The commit's hash; None if the branch is deleted.

    Raises:
        Fault: If this cannot be the name of a branch.
    """
    if not is_name(name) or is_id(name) or len(name) > _LONGEST:
        raise Fault("InvalidBranchNameException", f"{name} is not a valid branch name")
    full = BRANCHES + name
    with of.lock:
        old = of.store.reference(full)
        try:
            of.store.set_reference(full, to)
        except OSError as problem:
            said = f"{name} is not a valid branch name beside those that there are"
            raise Fault("InvalidBranchNameException", said) from problem
    tell(of, [Changed(full, old, to)])


def set_default(of: Repository, name: str) -> None:
    """Make a branch the one that is shown first.

    Args:
        of: The repository.
        name: The branch.
    """
    of.default_branch = name
    of.store.set_head(name)


def tell(of: Repository, changes: Iterable[Changed]) -> None:
    """Tell of what one call or push has changed; must not run in the event loop.

    Args:
        of: The repository.
        changes: What it is.
    """
    told = [change for change in changes if change.old != change.new]
    of.modified = now()
    begun = [change.name.removeprefix(BRANCHES) for change in told if change.new and change.name.startswith(BRANCHES)]
    if begun and not of.default_branch:
        set_default(of, begun[0])
    for change in told:
        if change.name.startswith((BRANCHES, TAGS)):
            _announce(of, change)
    triggers.fire(of, [(change.name, change.old, change.new) for change in told])
    for name in begun:
        for watcher in WATCHERS:
            watcher(of, name)


def _announce(of: Repository, change: Changed) -> None:
    start = BRANCHES if change.name.startswith(BRANCHES) else TAGS
    detail = {
        "event": change.event,
        "repositoryName": of.name,
        "repositoryId": of.id,
        "referenceType": "branch" if start == BRANCHES else "tag",
        "referenceName": change.name.removeprefix(start),
        "referenceFullName": change.name,
        "callerUserArn": caller_arn(),
        **({"commitId": change.new} if change.new else {}),
        **({"oldCommitId": change.old} if change.old else {}),
    }
    announce("aws.codecommit", "CodeCommit Repository State Change", detail, of.arn)
