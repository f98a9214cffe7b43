"""Repositories as Git has them: commits of trees of files, branches and tags, in a folder that Git can serve."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import uuid4

from .commits import Commit, parsed
from .objects import BRANCHES, TAGS, Store, is_id

MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000", "SUBMODULE": "160000"}
"""The modes of files, by their names in CodeCommit's API, which has none for submodules."""
_TREE = "40000"
_EMPTY = ""
_MOST_PEELED = 50


@dataclass(frozen=True)
class File:
    """A file of a commit.

    Attributes:
        mode: Its mode, such as ``NORMAL``.
        blob: The hash of its content; of a submodule, the commit of the other repository.
    """

    mode: str
    blob: str


Files = dict[str, File]
"""The files of a tree, by their paths."""
Change = tuple[str, str, File | None, File | None]
"""What differs: ``A``, ``M`` or ``D``, the path, and the file before and after."""


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
        store: Its objects and references.
        tags: Its tags.
        default_branch: The branch that is shown first; empty while there is none.
        triggers: What is told of its changes, as its API has them.
        triggers_id: The id of this list of triggers.
        lock: Held by who changes references.
    """

    name: str
    id: str
    arn: str
    description: str
    key: str
    created: float
    modified: float
    store: Store
    tags: dict[str, str] = field(default_factory=dict)
    default_branch: str = ""
    triggers: list[dict[str, object]] = field(default_factory=list)
    triggers_id: str = field(default_factory=lambda: str(uuid4()))
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def branches(self) -> dict[str, str]:
        """The newest commit of each branch, by their names."""
        return {name.removeprefix(BRANCHES): id for name, id in self.store.references(BRANCHES).items()}

    def blob(self, id: str) -> bytes | None:
        """The content of a file; None if there is none.

        Args:
            id: Its hash.
        """
        found = self.store.read(id)
        return found[1] if found and found[0] == "blob" else None

    def find(self, id: str) -> Commit | None:
        """A commit; None if there is none.

        Args:
            id: Its hash.
        """
        found = self.store.read(id)
        return parsed(id, found[1]) if found and found[0] == "commit" else None

    def resolve(self, specifier: str) -> Commit | None:
        """The commit that is meant by a hash, the name of a branch or tag, or a reference's full name.

        Args:
            specifier: Either. ``HEAD`` is the default branch.
        """
        wanted = self.default_branch if specifier == "HEAD" else specifier
        ids = (self.store.reference(start + wanted) for start in ("", BRANCHES, TAGS))
        id = wanted if is_id(wanted) else next(filter(None, ids), "")
        for _ in range(_MOST_PEELED):
            found = self.store.read(id)
            if found is None or found[0] != "tag":
                break
            id = found[1][len(b"object ") :].split(b"\n")[0].decode()
        return self.find(id)

    def files(self, commit: str | None) -> Files:
        """The files of a commit; none for no commit.

        Args:
            commit: The commit's hash.
        """
        found = self.find(commit) if commit else None
        return {path: file for _, path, _, file in self.changes(_EMPTY, found.tree) if file} if found else {}

    def exported(self, commit: str) -> dict[str, tuple[bytes, bool]]:
        """The contents of a commit's files, and whether they can be run; links are files, submodules left out.

        Args:
            commit: The commit's hash.
        """
        files = {path: one for path, one in self.files(commit).items() if one.mode != "SUBMODULE"}
        return {path: (self.blob(one.blob) or b"", one.mode == "EXECUTABLE") for path, one in files.items()}

    def changes(self, before: str, after: str) -> list[Change]:
        """What differs between two trees, in the order of the paths.

        Args:
            before: The hash of the one; empty for a tree without files.
            after: The hash of the other.
        """
        found: list[Change] = []
        rest = [("", before, after)]
        while rest:
            start, one, other = rest.pop()
            old, new = _tree(self.store, one), _tree(self.store, other)
            for name in old.keys() | new.keys():
                was, is_now, path = old.get(name), new.get(name), start + name
                if was == is_now:
                    continue
                inside = [side.blob if side and side.mode == _TREE else _EMPTY for side in (was, is_now)]
                if any(inside):
                    rest.append((f"{path}/", inside[0], inside[1]))
                files = [None if side is None or side.mode == _TREE else side for side in (was, is_now)]
                if files[0] or files[1]:
                    kind = "A" if files[0] is None else "D" if files[1] is None else "M"
                    found.append((kind, path, files[0], files[1]))
        return sorted(found, key=lambda change: change[1])

    def folder(self, tree: str, path: str) -> str | None:
        """The hash of a folder's tree; None if there is no such folder.

        Args:
            tree: The hash of the commit's tree.
            path: The folder's path.
        """
        for name in filter(None, path.split("/")):
            entry = _tree(self.store, tree).get(name)
            if entry is None or entry.mode != _TREE:
                return None
            tree = entry.blob
        return tree

    def entries(self, tree: str) -> tuple[dict[str, str], Files]:
        """What a folder has in it: the hashes of folders and the files, by their names.

        Args:
            tree: The hash of its tree.
        """
        found = sorted(_tree(self.store, tree).items())
        folders = {name: one.blob for name, one in found if one.mode == _TREE}
        return folders, {name: one for name, one in found if one.mode != _TREE}

    def add_blob(self, content: bytes) -> str:
        """Keep the content of a file.

        Args:
            content: The content.

        Returns:
            Its hash.
        """
        return self.store.write("blob", content)

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
        text = "\n".join([*lines, "", message]).encode()
        return parsed(self.store.write("commit", text), text)

    def _add_tree(self, files: Files) -> str:
        entries: list[tuple[bytes, bytes]] = []
        for name, inside in _folders(files).items():
            entries.append((f"{name}/".encode(errors="surrogateescape"), _entry(_TREE, name, self._add_tree(inside))))
        for path, file in files.items():
            if "/" not in path:
                entries.append((path.encode(errors="surrogateescape"), _entry(MODES[file.mode], path, file.blob)))
        return self.store.write("tree", b"".join(entry for _, entry in sorted(entries)))


def _entry(mode: str, name: str, id: str) -> bytes:
    return f"{mode} {name}".encode(errors="surrogateescape") + b"\0" + bytes.fromhex(id)


def _folders(files: Mapping[str, File]) -> dict[str, Files]:
    found: dict[str, Files] = {}
    for path, file in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            found.setdefault(name, {})[rest] = file
    return found


@lru_cache(maxsize=20_000)
def _tree(store: Store, id: str) -> Mapping[str, File]:
    """The entries of a tree by their names; none of the empty one or one that is not there."""
    found = store.read(id) if id else None
    return dict(_listed(found[1])) if found else {}


def _listed(content: bytes) -> Iterator[tuple[str, File]]:
    at = 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        at = end + 21
        yield name.decode(errors="surrogateescape"), File(_mode(int(mode, 8)), content[end + 1 : at].hex())


def _mode(bits: int) -> str:
    kinds = {0o040000: _TREE, 0o120000: "SYMLINK", 0o160000: "SUBMODULE"}
    return kinds.get(bits & 0o170000) or ("EXECUTABLE" if bits & 0o100 else "NORMAL")
