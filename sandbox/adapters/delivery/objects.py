"""What Git keeps in a folder: objects under their hashes, and references. Git itself reads and writes the same folder.

Each object is a file of its own, for the repositories are set up so that Git makes no packs and packs no references.
Names that are no UTF-8 keep their bytes, as surrogates.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

_CONFIG = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[gc]
\tauto = 0
[http]
\treceivepack = true
[receive]
\tautogc = false
\tfsckObjects = true
\tunpackLimit = 1000000
[transfer]
\tunpackLimit = 1000000
"""
_ID = re.compile(r"[0-9a-f]{40}")
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[./-]|[./]$|\.lock(?:/|$)")
BRANCHES, TAGS = "refs/heads/", "refs/tags/"


def is_id(text: str) -> bool:
    """Whether a text has the form of an object's hash.

    Args:
        text: The text.
    """
    return _ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether Git would take a text for the name of a branch or tag.

    Args:
        text: The text.
    """
    return bool(text) and text != "@" and _NO_NAME.search(text) is None


class Store:
    """A bare repository.

    Args:
        folder: Where it is, or is to be.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text(_CONFIG)
        self.set_head("main")

    def read(self, id: str) -> tuple[str, bytes] | None:
        """An object's kind, such as ``blob``, and content; None if there is none.

        Args:
            id: Its hash.
        """
        if not is_id(id):
            return None
        try:
            raw = zlib.decompress(self._place(id).read_bytes())
        except FileNotFoundError:
            return None
        head, _, content = raw.partition(b"\0")
        return head.split(b" ")[0].decode(), content

    def write(self, kind: str, content: bytes) -> str:
        """Keep an object.

        Args:
            kind: Its kind.
            content: Its content.

        Returns:
            Its hash.
        """
        whole = f"{kind} {len(content)}\0".encode() + content
        id = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        place = self._place(id)
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            _replace(place, zlib.compress(whole, 1))
        return id

    def _place(self, id: str) -> Path:
        return self.folder / "objects" / id[:2] / id[2:]

    def references(self, start: str = "refs/") -> Mapping[str, str]:
        """The references by their full names, with the objects that they mean, by name.

        Args:
            start: What the names begin with, up to a slash.
        """
        found: dict[str, str] = {}
        for path in sorted((self.folder / start).rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            id = self.reference(name)
            if id is not None:
                found[name] = id
        return found

    def reference(self, name: str) -> str | None:
        """The object that a reference means; None if there is none of this name.

        Args:
            name: Its full name.
        """
        if not name.startswith("refs/") or not is_name(name):
            return None
        try:
            return (self.folder / name).read_text().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def set_reference(self, name: str, id: str | None) -> None:
        """Let a reference mean an object.

        Args:
            name: Its full name.
            id: The object; None if the reference ends.

        Raises:
            OSError: If another reference is named like a folder in its name, or the other way round.
        """
        path = self.folder / name
        if id is None:
            path.unlink(missing_ok=True)
            self._tidy(path.parent)
            return
        if path.is_dir():
            self._tidy(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, f"{id}\n".encode())

    def _tidy(self, folder: Path) -> None:
        """Remove folders that the ends of references left empty."""
        while folder.is_dir() and not any(folder.iterdir()) and folder.parent.name != "refs":
            folder.rmdir()
            folder = folder.parent

    def set_head(self, branch: str) -> None:
        """Say which branch a clone begins with, and which cannot be deleted by a push.

        Args:
            branch: The branch.
        """
        _replace(self.folder / "HEAD", f"ref: {BRANCHES}{branch}\n".encode())

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step, for others read meanwhile."""
    partial = path.with_name(f"{uuid4().hex}.lock")
    partial.write_bytes(content)
    os.replace(partial, path)
