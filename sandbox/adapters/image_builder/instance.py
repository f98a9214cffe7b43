"""The file tree that stands for an instance, and the commands that run on it, in a jail where there can be one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from . import amazon_linux
from .jail import NO_JAIL

_SECONDS = 30
_FAILING = re.compile(r"\s*(?:false|exit\s+(?!0\b|194\b)\d+)\s*(?:(?:[;#]|&&).*)?")


@dataclass(frozen=True)
class Result:
    """What became of commands.

    Attributes:
        status: The exit status.
        output: What they printed, on both outputs.
    """

    status: int
    output: str


class Instance:
    """An instance that components are applied to.

    Args:
        root: The folder that stands for its file system.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    @contextmanager
    def new(cls) -> Iterator[Self]:
        """A new instance of Amazon Linux, as far as its files are needed; it is gone in the end."""
        with _folder() as folder:
            amazon_linux.install(folder)
            yield cls(folder)

    @contextmanager
    def launched_again(self) -> Iterator[Instance]:
        """Another instance with the same files, as one of the image that was made of this one; gone in the end."""
        with _folder() as folder:
            shutil.copytree(self._root, folder, symlinks=True, dirs_exist_ok=True)
            yield Instance(folder)

    def run(self, commands: Sequence[str], seconds: float) -> Result:
        """Run commands as the agent does, one script of them all.

        Args:
            commands: The commands.
            seconds: How long they may take; never more than half a minute here.
        """
        script = "\n".join(map(str, commands))
        if not can_jail():
            return _interpreted(script)
        try:
            return _jailed(self._root, script, min(seconds, _SECONDS))
        except subprocess.TimeoutExpired:
            return Result(124, f"not done after {min(seconds, _SECONDS):.0f} s")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="instance-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _jailed(root: Path, script: str, seconds: float) -> Result:
    program = Path(__file__).with_name("jail.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), str(root), script],
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"))


@cache
def can_jail() -> bool:
    """Whether this machine permits the jail."""
    with Instance.new() as one:
        result = _jailed(one._root, "exit 7", _SECONDS)
    return result.status == 7 and result.status != NO_JAIL


def _interpreted(script: str) -> Result:
    """What becomes of a script that is not run: it fails at a line that is nothing but a failure."""
    for line in script.splitlines():
        if _FAILING.fullmatch(line):
            return Result(1, f"not run: {line.strip()}")
    return Result(0, "not run")
