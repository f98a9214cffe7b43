"""The embedded AWS as a child process: started, reached, and ended together with all that was started for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import boto3
import botocore.session
from botocore.config import Config

from .server import LOOPBACK, REGION

ROOT = Path(__file__).parent.parent
"""The repository."""
START_SECONDS = 30
END_SECONDS = 5
_FOR_THE_SERVER = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SANDBOX_LOG_LEVEL")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class SandboxFailed(Exception):
    """The embedded AWS did not start, or is gone; the message says why in one line."""


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what could lead the CDK or an SDK elsewhere than to the embedded AWS.

    Credentials, profiles and endpoints, proxies, what the CDK reads, and what slows Python down.

    Args:
        environment: The environment that was inherited.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("AWS_", "CDK_"))
        and name.upper() not in _PROXIES
        and name not in ("NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONDONTWRITEBYTECODE")
    }


class Sandbox:
    """A running embedded AWS, in a private folder that goes with it.

    Use it as a context manager. Several can run side by side.

    Args:
        folder: An empty folder for everything that is written, removed in the end; None for a new temporary one.
        port: Where it listens, on loopback; 0 for a free port.

    Attributes:
        credentials: Credentials of the account's root user and the region, as ``boto3.Session`` takes them.
        folder: The folder.
        log: The file with the server's log.
        endpoint: The URL of all services.
        mqtt_port: Where devices connect with MQTT, on TLS.
        ca: The certificate of the authority that signed the server's.
        resolver: Where names of public zones are resolved, as ``127.0.0.1:port``, by DNS on UDP.
    """

    credentials: Mapping[str, str] = {
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "region_name": REGION,
    }
    folder: Path
    log: Path
    endpoint: str
    mqtt_port: int
    ca: Path
    resolver: str

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        self._asked = folder
        self._port = port
        self._lock = threading.RLock()
        self._closed = True
        self._server: subprocess.Popen[str] | None = None
        self._output: IO[bytes] | None = None
        self._children: list[subprocess.Popen[str]] = []
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start")

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._closed = False
            self.folder = self._asked or Path(tempfile.mkdtemp(prefix="cdk-refarch-"))
            self.log = self.folder / "server.log"
            self._output = self.log.open("w+b")
            self._server = subprocess.Popen(
                [sys.executable, "-m", "sandbox.server", str(self.folder), str(self._port)],
                cwd=ROOT,
                env={name: os.environ[name] for name in _FOR_THE_SERVER if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=self._output,
                text=True,
                process_group=0,
            )
            self._wait_until_ready()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_until_ready(self) -> None:
        ready = self.folder / "ready.json"
        end = time.monotonic() + START_SECONDS
        while not ready.exists():
            self.check()
            if time.monotonic() > end:
                raise SandboxFailed(
                    f"the embedded AWS must start within {START_SECONDS} s; run it again, or free memory"
                )
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        self.endpoint, self.mqtt_port, self.ca = said["endpoint"], said["mqtt_port"], Path(said["ca"])
        self.resolver = said["resolver"]
        for name in ("config", "credentials"):
            (self.folder / name).touch()

    def check(self) -> None:
        """Do nothing as long as the server runs.

        Raises:
            SandboxFailed: If it does not, with the end of its log.
        """
        if self._server is None or self._server.poll() is not None:
            last = self._last_lines()
            if last and last[-1].startswith("error: "):
                raise SandboxFailed(last[-1].removeprefix("error: "))
            raise SandboxFailed(f"the embedded AWS must keep running, but it ended; its last lines: {' / '.join(last)}")

    def _last_lines(self, count: int = 3) -> list[str]:
        """Read the log through the open file, for the server has removed the folder."""
        if self._output is None:
            return []
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip()][-count:]

    @property
    def endpoint_by_address(self) -> str:
        """The endpoint with an IP address in it: clients then do not put the bucket's name into the host's."""
        return f"https://{LOOPBACK}:{self.endpoint.rpartition(':')[2]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs in its environment to reach this AWS and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint_by_address,
            "AWS_ACCESS_KEY_ID": self.credentials["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.credentials["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": str(self.ca),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            # The command line remembers accounts there; what it knows of the user's must stay as it is.
            "CDK_HOME": str(self.folder / "cdk-home"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
        }

    @cached_property
    def _session(self) -> boto3.Session:
        # Nothing of the user's configuration or AWS_PROFILE is read.
        nowhere = (None, None, str(self.folder / "config"), None)
        names = {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
        return boto3.Session(botocore_session=botocore.session.Session(session_vars=names), **self.credentials)

    def client(self, service: str, role: str | None = None, region: str | None = None) -> Any:
        """Make a boto3 client of the account's root user, or of a role; faults show at once, for it tries only twice.

        Args:
            service: boto3's name of the service.
            role: The ARN of a role that the root user may assume; None for the root user.
            region: The region; None for that of ``credentials``.

        Raises:
            SandboxFailed: If the client would talk to anything else than this AWS.
        """
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=50,
            proxies={},
            s3={"addressing_style": "path"},
            use_dualstack_endpoint=False,
            use_fips_endpoint=False,
        )
        given = {} if role is None else self._assume(role)
        given |= {} if region is None else {"region_name": region}
        with self._lock:
            made = self._session.client(
                service, endpoint_url=self.endpoint, verify=str(self.ca), config=config, **given
            )
        if made.meta.endpoint_url != self.endpoint:
            raise SandboxFailed(f"the client for {service} must use {self.endpoint}, got {made.meta.endpoint_url}")
        return made

    def _assume(self, role: str) -> dict[str, str]:
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName="sandbox")["Credentials"]
        return {
            "aws_access_key_id": answer["AccessKeyId"],
            "aws_secret_access_key": answer["SecretAccessKey"],
            "aws_session_token": answer["SessionToken"],
        }

    def start(self, command: Sequence[str], folder: Path) -> subprocess.Popen[str]:
        """Start a command that reaches this AWS; it ends with the sandbox, whatever becomes of this process.

        Args:
            command: The command.
            folder: The folder to run it in.

        Returns:
            The process; its standard output and error come together. To be handed to :meth:`finish`.
        """
        # In a thread of its own, because a signal interrupts the main thread wherever it is, also between the start of
        # the process and the note of it.
        return self._starter.submit(self._start, command, folder).result()

    def _start(self, command: Sequence[str], folder: Path) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise SandboxFailed(f"the embedded AWS must be running for {command[0]}, got closed; start it first")
            child = subprocess.Popen(
                command,
                cwd=folder,
                env={**without_aws(os.environ), "TMPDIR": str(self.folder / "tmp"), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            )
            self._children.append(child)
            self._tell(child.pid)
        return child

    def finish(self, child: subprocess.Popen[str]) -> int:
        """Wait for a started command, end what it left running, and return its exit status.

        Args:
            child: The process.
        """
        status = child.wait()
        _kill_group(child.pid)
        _close_output(child)
        with self._lock:
            if child in self._children:
                self._children.remove(child)
                self._tell(-child.pid)
        return status

    def _tell(self, number: int) -> None:
        """Let the server know of a process group, or with a minus that it is over: it outlives a killed launcher."""
        if self._server is not None and self._server.stdin is not None:
            with contextlib.suppress(OSError):
                self._server.stdin.write(f"{number}\n")
                self._server.stdin.flush()

    def close(self) -> None:
        """End the server and all that was started for it, and remove the folder; harmless when repeated."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            children, self._children = self._children, []
        for child in children:
            _kill_group(child.pid)
            child.wait()
            _close_output(child)
        if self._server is not None:
            if self._server.stdin is not None:
                with contextlib.suppress(OSError):
                    self._server.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(END_SECONDS)
            _kill_group(self._server.pid)
            self._server.wait()
        if self._output is not None:
            self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _close_output(child: subprocess.Popen[str]) -> None:
    if child.stdout is not None:
        child.stdout.close()


def _kill_group(number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)
