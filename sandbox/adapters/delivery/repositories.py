"""Repositories as Git has them: blobs, trees and commits under the hashes of what they contain, and branches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}
"""The modes of files, by their names in CodeCommit's API."""


@dataclass(frozen=True)
class File:
    """A file of a commit.

    Attributes:
        mode: Its mode, such as ``NORMAL``.
        blob: The hash of its content.
    """

    mode: str
    blob: str


Files = dict[str, File]
"""The files of a tree, by their paths."""


@dataclass(frozen=True)
class Commit:
    """A commit.

    Attributes:
        id: Its hash.
        tree: The hash of its tree.
        parents: The hashes of the commits before it.
        author: Who made it, with name and email.
        moment: When, in seconds since 1970.
        message: What its author says.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str]
    moment: int
    message: str


@dataclass
class Repository:
    """A repository.

    Attributes:
        name: Its name.
        id: Its id.
        arn: Its ARN.
        description: What it is for; empty for nothing said.
        key: The ARN of the key that it is encrypted with.
        created: When it was made.
        modified: When it was last changed.
        tags: Its tags.
        default_branch: The branch that is shown first; empty while there is none.
        blobs: The contents of files by their hashes.
        trees: The files of trees by the trees' hashes.
        commits: The commits by their hashes.
        branches: The newest commit of each branch.
    """

    name: str
    id: str
    arn: str
    description: str
    key: str
    created: float
    modified: float
    tags: dict[str, str] = field(default_factory=dict)
    default_branch: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, Files] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def files(self, commit: str | None) -> Files:
        """The files of a commit; none for no commit.

        Args:
            commit: The commit's hash.
        """
        return dict(self.trees[self.commits[commit].tree]) if commit else {}

    def add_blob(self, content: bytes) -> str:
        """Keep the content of a file.

        Args:
            content: The content.

        Returns:
            Its hash.
        """
        id = _hash("blob", content)
        self.blobs[id] = content
        return id

    def commit(
        self, files: Files, parents: tuple[str, ...], author: tuple[str, str], moment: int, message: str
    ) -> Commit:
        """Make a commit, of no branch yet.

        Args:
            files: All its files.
            parents: The hashes of the commits before it.
            author: Who makes it, with name and email.
            moment: When, in seconds since 1970.
            message: What the author says.
        """
        tree = self._add_tree(files)
        who = f"{author[0]} <{author[1]}> {moment} +0000"
        lines = [f"tree {tree}", *(f"parent {one}" for one in parents), f"author {who}", f"committer {who}"]
        text = "\n".join([*lines, "", message])
        made = Commit(_hash("commit", text.encode()), tree, parents, author, moment, message)
        self.commits[made.id] = made
        return made

    def _add_tree(self, files: Files) -> str:
        entries: list[tuple[str, bytes]] = []
        for name, inside in _folders(files).items():
            entries.append((f"{name}/", f"40000 {name}".encode() + b"\0" + bytes.fromhex(self._add_tree(inside))))
        for path, file in files.items():
            if "/" not in path:
                entries.append((path, f"{MODES[file.mode]} {path}".encode() + b"\0" + bytes.fromhex(file.blob)))
        id = _hash("tree", b"".join(entry for _, entry in sorted(entries)))
        self.trees[id] = dict(files)
        return id

    def tree(self, files: Mapping[str, File], folder: str) -> str:
        """The hash of a folder's tree.

        Args:
            files: All files of the commit.
            folder: The folder's path.
        """
        start = f"{folder}/" if folder else ""
        return self._add_tree({path.removeprefix(start): one for path, one in files.items() if path.startswith(start)})


def _folders(files: Files) -> dict[str, Files]:
    found: dict[str, Files] = {}
    for path, file in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            found.setdefault(name, {})[rest] = file
    return found


def differences(before: Files, after: Files) -> Iterator[tuple[str, str, File | None, File | None]]:
    """What differs between two commits: kind of change, path, and the file before and after.

    Args:
        before: The files of the one.
        after: The files of the other.
    """
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield "A" if old is None else "D" if new is None else "M", path, old, new


def _hash(kind: str, content: bytes) -> str:
    head = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
