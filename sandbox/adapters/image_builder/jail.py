"""The program that runs a script in a jail: ``jail.py FOLDER SCRIPT``, with its status, or 125 if there can be no jail.

The folder becomes the root, with the machine's programs for reading only. The script is root in namespaces of its own,
without network, capabilities, other processes, or a way back. It needs nothing but Python.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

NO_JAIL = 125
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAMS = ("bin", "sbin", "lib", "lib32", "lib64", "etc/alternatives")
_OWN = ("local", "share")
"""What is below ``/usr`` and the instance's own: the first as its folder, the second with links to the machine's."""
_SERVERS = ("httpd", "nginx")
"""What the instance does not have of the machine's, because it may have its own."""
_DEVICES = ("null", "zero", "urandom")
_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000  # user mount pid net ipc uts
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""Flags of a mount as ``statvfs`` has them, which a remount must repeat, with those of ``mount``."""
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source: str, target: Path, flags: int) -> None:
    _call(_libc.mount, source.encode(), str(target).encode(), None, ctypes.c_ulong(flags), None)


def _bind(source: Path, target: Path, writable: bool = False) -> None:
    if not target.exists():
        target.mkdir(parents=True) if source.is_dir() else target.touch()
    _mount(str(source), target, _BIND)
    if not writable:
        given = os.statvfs(target).f_flag
        kept = sum(flag for bit, flag in _KEPT.items() if given & bit)
        _mount("none", target, _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID | _NO_DEVICES | kept)


def _enter(root: Path) -> None:
    user, group = os.getuid(), os.getgid()
    _call(_libc.unshare, _NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", Path("/"), _RECURSIVE | _PRIVATE)
    _mount(str(root), root, _BIND)
    below = [f"usr/{path.name}" for path in Path("/usr").iterdir() if path.name not in _OWN]
    for name in (*_PROGRAMS, *below):
        source, target = Path("/", name), root / name
        if source.is_symlink():
            if not target.is_symlink():
                target.symlink_to(os.readlink(source))
        elif source.is_dir():
            _bind(source, target)
    _bind(root / ".local", root / "usr" / "local", writable=True)
    _bind(Path("/usr/share"), root / ".share")
    for name in set(os.listdir("/usr/share")) - set(_SERVERS):
        link = root / "usr" / "share" / name
        if not (link.exists() or link.is_symlink()):
            link.symlink_to(f"/.share/{name}")
    for name in _DEVICES:
        _bind(Path("/dev", name), root / "dev" / name, writable=True)


def _close(root: Path) -> None:
    """Leave the machine's files behind and give up what could lead back."""
    os.chdir(root)
    _call(_libc.syscall, ctypes.c_long(_PIVOT_ROOT[os.uname().machine]), b".", b".")
    _call(_libc.umount2, b".", 2)
    os.chdir("/root")
    for capability in range(64):
        _libc.prctl(24, ctypes.c_ulong(capability), 0, 0, 0)  # from the bounding set; there are about 40
    _call(_libc.prctl, 38, ctypes.c_ulong(1), 0, 0, 0)  # no new privileges


def main(root: Path, script: str) -> int:
    """Run the script.

    Args:
        root: The folder.
        script: The script.
    """
    try:
        _enter(root)
        child = os.fork()  # the first one in the namespace of processes; all others end with it
        if child == 0:
            _call(_libc.prctl, 1, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)  # with its parent
            _close(root)
            environment = {"PATH": _PATH, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108
            os.execve("/usr/bin/bash", ["bash", "-c", script], environment)  # noqa: S606 - what all this is for
    except (OSError, KeyError) as problem:
        sys.stderr.write(f"no jail: {problem}\n")
        os._exit(NO_JAIL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
