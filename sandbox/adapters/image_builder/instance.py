"""The file tree that stands for an instance, and the commands that run on it, in a jail where there can be one."""

from __future__ import annotations

import hashlib
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

from .jail import NO_JAIL

_FOLDERS = "dev etc/ssh home opt root run srv tmp usr var/lib var/log .local/bin"
_FILES = {
    "etc/group": "root:x:0:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/os-release": 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/system-release": "Amazon Linux release 2023 (Amazon Linux)\n",
}
_MANAGERS = ("dnf", "rpm", "systemctl", "yum")
_SILENT = (
    "chgrp chown dracut fips-mode-setup groupadd grubby hostnamectl restorecon semanage service setcap shutdown sync "
    "sysctl timedatectl update-crypto-policies useradd usermod"
)
_MANAGER = r"""#!/usr/bin/bash
# Stands for a manager of packages or services: keeps a list of what was installed or enabled, and answers from it.
list=/var/lib/sandbox-$([ "${0##*/}" = systemctl ] && echo services || echo packages)
touch "$list"
words=(); for word in "$@"; do [[ $word == -[!-]* || $word == --* ]] || words+=("${word%.service}"); done
if [ "${0##*/}" = rpm ]; then
  [[ " $* " =~ \ (-q|-qi|-ql|--query)\  ]] || exit 0
  verb=is
else
  verb=${words[0]}; words=("${words[@]:1}")
fi
[[ " $* " == *" --now "* ]] && now=1
for word in "${words[@]}"; do
  case $verb in
    install|reinstall|enable|start|restart|reenable) grep -qxF -- "$word" "$list" || echo "$word" >> "$list" ;;
    remove|erase|disable|stop|mask) sed -i "\\|^$word\$|d" "$list" ;;
    is|is-*|status|list) grep -qxF -- "$word" "$list" || { echo "$word is not there"; exit 3; } ;;
  esac
done
exit 0
"""
_DEFAULT_REGISTER = ("amazon-ssm-agent", "sshd", "chronyd")
_SECONDS = 30
_FAILING = re.compile(r"\s*(?:false|exit\s+(?!0\b|194\b)\d+)\s*(?:[;#].*)?")


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
            for name in _FOLDERS.split():
                (folder / name).mkdir(parents=True, exist_ok=True)
            for name, text in _FILES.items():
                (folder / name).write_text(text)
            for name in (*_MANAGERS, *_SILENT.split()):
                stand_in = folder / ".local/bin" / name
                stand_in.write_text(_MANAGER if name in _MANAGERS else "#!/usr/bin/bash\nexit 0\n")
                stand_in.chmod(0o755)
            for what in ("packages", "services"):
                (folder / f"var/lib/sandbox-{what}").write_text("".join(f"{one}\n" for one in _DEFAULT_REGISTER))
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

    def digest(self) -> str:
        """A digest of the files, the same for the same files."""
        found = hashlib.sha256()
        for path in sorted(self._root.rglob("*")):
            name = path.relative_to(self._root).as_posix()
            if path.is_symlink() or not path.is_file() or name.startswith(("dev/", ".local/")):
                continue
            found.update(f"{name}\0".encode())
            found.update(path.read_bytes())
        return found.hexdigest()[:16]


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
