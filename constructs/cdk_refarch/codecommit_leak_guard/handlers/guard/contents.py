"""What is in a repository: its commits, what each of them has changed, and the files themselves."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from history import Commit

AT_ONCE = 8
"""How many files are read at the same time."""

MOST_PARENTS = 16
"""How many parents of a merge are looked at; with fewer, more of the merge is scanned."""

SUBMODULE = "160000"
LFS = b"version https://git-lfs"
NO_COMMIT = frozenset(
    {
        "CommitDoesNotExistException",
        "CommitIdDoesNotExistException",
        "InvalidCommitException",
        "InvalidCommitIdException",
    }
)
UNREADABLE = {
    # 6 MB: https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html
    "FileTooLargeException": "larger than 6 MB",
    "BlobIdDoesNotExistException": "content is gone",
}
"""Why a file is not scanned, by what CodeCommit says."""

# The account's requests are throttled together, those of its developers among them.
_config = Config(connect_timeout=5, read_timeout=40, retries={"total_max_attempts": 8, "mode": "adaptive"})
codecommit = boto3.client("codecommit", config=_config)


@dataclass(frozen=True, slots=True)
class Change:
    """A file of a commit as the commit has left it.

    Args:
        path: Its path; nothing if the commit has deleted it.
        blob: The id of what it holds; nothing if there is nothing to read.
    """

    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A file with what it holds.

    Args:
        path: Its path.
        blob: The id of what it holds; nothing if there was nothing to read.
        data: What it holds.
        reason: Why it could not be read; nothing if it could.
    """

    path: str
    blob: str
    data: bytes = b""
    reason: str = ""


class Repository:
    """A repository of CodeCommit.

    Args:
        name: Its name.
        executor: What reads files, some at a time.
    """

    def __init__(self, name: str, executor: Executor) -> None:
        self.name, self._executor = name, executor

    def commit(self, commit_id: str) -> Commit | None:
        """Return a commit; None if there is none of that id.

        Args:
            commit_id: The id.
        """
        try:
            found = codecommit.get_commit(repositoryName=self.name, commitId=commit_id)["commit"]
        except ClientError as error:
            if _code(error) not in NO_COMMIT:
                raise
            return None
        author = found.get("author", {})
        return Commit(
            id=commit_id,
            parents=tuple(found.get("parents", ())),
            date=_seconds(found.get("committer", {}).get("date", "")),
            message=found.get("message", ""),
            author=f"{author.get('name', '')} <{author.get('email', '')}>",
        )

    def peeled(self, reference: str) -> str | None:
        """Return the id of the commit that a reference leads to; None if it leads to none.

        Args:
            reference: The reference, such as that of an annotated tag, whose own id is that of no commit.
        """
        try:
            answer = codecommit.get_folder(repositoryName=self.name, commitSpecifier=reference, folderPath="/")
        except ClientError as error:
            if _code(error) not in {*NO_COMMIT, "FolderDoesNotExistException"}:
                raise
            return None
        found: str = answer["commitId"]
        return found

    def heads(self, branch: str | None) -> Iterator[str]:
        """Yield the ids of the newest commits of branches.

        Args:
            branch: The branch; None for all.
        """
        names = [branch] if branch is not None else self._branches()
        for name in names:
            try:
                found = codecommit.get_branch(repositoryName=self.name, branchName=name)["branch"]
            except ClientError as error:
                # Deleted since it was listed.
                if branch is not None or _code(error) != "BranchDoesNotExistException":
                    raise
            else:
                yield found["commitId"]

    def changes(self, commit: Commit) -> Iterator[Change]:
        """Yield what a commit has changed, always in the same order: of a merge, what is as in none of its parents.

        Args:
            commit: The commit.
        """
        first, *others = commit.parents[:MOST_PARENTS] or (None,)
        if not others:
            yield from self._differences(commit.id, first)
            return
        changed = {each.path: each for each in self._differences(commit.id, first)}
        for other in others:
            if changed:
                theirs = {each.path for each in self._differences(commit.id, other)}
                changed = {path: each for path, each in changed.items() if path in theirs}
        yield from changed.values()

    def pieces(self, changes: Iterable[Change], known: set[str]) -> Generator[Piece, None, None]:
        """Yield a piece for each change, in the same order, while further ones are being read.

        Args:
            changes: The changes.
            known: The ids of what need not be read; it may grow meanwhile.
        """
        waiting: deque[tuple[Change, Future[Piece] | None]] = deque()
        try:
            for change in changes:
                reads = change.blob and change.blob not in known
                waiting.append((change, self._executor.submit(self._piece, change) if reads else None))
                if len(waiting) >= AT_ONCE:
                    yield _arrived(*waiting.popleft())
            while waiting:
                yield _arrived(*waiting.popleft())
        finally:
            for _, future in waiting:
                if future:
                    future.cancel()

    def _branches(self) -> Iterator[str]:
        for page in codecommit.get_paginator("list_branches").paginate(repositoryName=self.name):
            yield from page.get("branches", ())

    def _differences(self, commit_id: str, parent: str | None) -> Iterator[Change]:
        given = {"repositoryName": self.name, "afterCommitSpecifier": commit_id}
        before = {} if parent is None else {"beforeCommitSpecifier": parent}
        pages = iter(codecommit.get_paginator("get_differences").paginate(**given, **before))
        try:
            page = next(pages)
        except ClientError as error:
            if parent is None or _code(error) not in NO_COMMIT:
                raise
            # Without the parent, all that the commit has is new.
            yield from self._differences(commit_id, None)
            return
        yield from map(_change, page.get("differences", ()))
        for page in pages:
            yield from map(_change, page.get("differences", ()))

    def _piece(self, change: Change) -> Piece:
        try:
            data = codecommit.get_blob(repositoryName=self.name, blobId=change.blob)["content"]
        except ClientError as error:
            if _code(error) not in UNREADABLE:
                raise
            return Piece(change.path, change.blob, reason=UNREADABLE[_code(error)])
        reason = "kept in Git LFS" if data.startswith(LFS) else ""
        return Piece(change.path, change.blob, data, reason)


def _arrived(change: Change, future: Future[Piece] | None) -> Piece:
    return future.result() if future else Piece(change.path, "")


def _change(difference: dict[str, Any]) -> Change:
    before, after = difference.get("beforeBlob") or {}, difference.get("afterBlob") or {}
    blob = after.get("blobId", "")
    unread = after.get("mode") == SUBMODULE or blob == before.get("blobId")
    return Change(after.get("path", ""), "" if unread else blob)


def _seconds(date: str) -> int:
    # As in "1484167798 -0800".
    seconds, _, _ = date.partition(" ")
    return int(seconds) if seconds.lstrip("-").isdecimal() else 0


def _code(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code
