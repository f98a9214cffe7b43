"""Commands of a build, run on this machine: in a folder of their own, with nothing of the user's environment.

The commands of a phase share a shell; the environment and the folder go over into the next phase. ``pip`` and ``npm``
are those of the checkout and reach no network: pip accepts what is installed and installs nothing.
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
"""The repository."""
_FROM_THE_SERVER = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
_END_SECONDS = 1.0


class Shell:
    """Where the commands of a build run.

    Args:
        folder: A private folder, with the source in ``src``.
        environment: The environment that they begin with.
        say: Takes each line of what they print.

    Attributes:
        environment: The environment as the last commands left it.
    """

    environment: dict[str, str]

    def __init__(self, folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._where = folder / "src"
        self.environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None
        self._ended = threading.Event()

    def run(self, commands: Sequence[str]) -> tuple[int, str]:
        """Run commands until one fails.

        Args:
            commands: The commands.

        Returns:
            The exit status and the command that it is of.
        """
        if not commands or self._ended.is_set():
            return (137, commands[0]) if commands else (0, "")
        script, at = self._folder / "commands.sh", self._folder / "at"
        state, where = self._folder / "environment", self._folder / "where"
        lines = [f"trap 'env -0 >{_quoted(state)}; pwd >{_quoted(where)}' EXIT"]
        for number, command in enumerate(commands):
            lines += [
                f"echo {number} >{_quoted(at)}",
                f"printf '[Container] Running command %s\\n' {shlex.quote(command)}",
                f"eval {shlex.quote(command)} </dev/null || exit $?",
            ]
        script.write_text("\n".join(lines) + "\n")
        status = self._execute(script)
        if state.exists():
            pairs = (one.partition("=") for one in state.read_text(errors="replace").split("\0") if one)
            self.environment = {name: value for name, _, value in pairs}
            self._where = Path(where.read_text().removesuffix("\n"))
        return status, commands[int(at.read_text())]

    def end(self) -> None:
        """End what runs, and run nothing more."""
        self._ended.set()
        if self._process is not None:
            self._process.kill()

    def _execute(self, script: Path) -> int:
        self._process = process = subprocess.Popen(
            ["bash", str(script)],  # noqa: S607 - the machine's
            cwd=self._where,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        output = process.stdout

        def read() -> None:
            for line in output or ():
                self._say(line.rstrip("\n"))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        status = process.wait()
        # What a command left running in the background still has the output open.
        reader.join(_END_SECONDS)
        return status


def environment(folder: Path, region: str) -> dict[str, str]:
    """What every build has in its environment, besides variables and credentials.

    Args:
        folder: The build's private folder.
        region: The region.
    """
    home = folder / "home"
    for one in (home, folder / "tmp"):
        one.mkdir(exist_ok=True)
    (folder / "config").touch()
    paths = [folder / "npm" / "bin", Path(sys.executable).parent, ROOT / "node_modules" / ".bin"]
    endpoint, authority = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_CA_BUNDLE"]
    return {
        **{name: os.environ[name] for name in _FROM_THE_SERVER if name in os.environ},
        "PATH": os.pathsep.join([*map(str, paths), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "TMPDIR": str(folder / "tmp"),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint.replace("localhost", "127.0.0.1"),
        "AWS_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_HOME": str(folder / "cdk-home"),
        # Unpacking the CDK anew takes ten seconds.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(_user() / ".cache" / "aws" / "jsii" / "package-cache"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        **_without_network(folder),
    }


def _user() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _without_network(folder: Path) -> dict[str, str]:
    # A dry run says what is there already and fails for what is not, and does not touch the checkout's packages.
    pip = {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    cache = _user() / ".npm"
    npm = {
        "offline": "true",
        "audit": "false",
        "fund": "false",
        "update_notifier": "false",
        "logs_max": "0",
        "cache": str(cache),
        "prefix": str(folder / "npm"),
    }
    return pip | {f"npm_config_{name}": value for name, value in npm.items()}


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
