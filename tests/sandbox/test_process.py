"""The embedded AWS as a process: reached by its own clients only, on loopback only, and gone without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.process import ROOT, Sandbox, SandboxFailed, without_aws

LAUNCHER = """
import signal, sys, time
from pathlib import Path
from sandbox.process import Sandbox
signal.signal(signal.SIGINT, signal.default_int_handler)
with Sandbox() as sandbox:
    child = sandbox.start([sys.executable, "-c", CHILD], sandbox.folder)
    print(sandbox.folder, sandbox._server.pid, child.pid, child.stdout.readline().strip(), flush=True)
    time.sleep(60)
"""
CHILD = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
time.sleep(60)
"""


def is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def within(seconds: float, check: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        time.sleep(0.05)
    return check()


def test_clients_of_the_sandbox_reach_it_whatever_the_environment_says(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL": "https://sts.amazonaws.com",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_CA_BUNDLE": "/nowhere",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    with Sandbox() as other:
        assert other.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert other.client("s3").meta.endpoint_url == other.endpoint != sandbox.endpoint


def test_two_sandboxes_share_nothing(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        other.client("s3").create_bucket(Bucket="only-here")
        found = [bucket["Name"] for bucket in sandbox.client("s3").list_buckets()["Buckets"]]
        assert "only-here" not in found
        assert other.folder != sandbox.folder
        assert {other.mqtt_port, other.endpoint}.isdisjoint({sandbox.mqtt_port, sandbox.endpoint})


def test_credentials_that_are_not_the_sandboxes_are_refused(sandbox: Sandbox) -> None:
    script = "import boto3; print(boto3.client('sts').get_caller_identity())"
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wrong"}
    asked = subprocess.run(
        [sys.executable, "-c", script], env={**sandbox.environment, **keys}, capture_output=True, text=True, check=False
    )
    assert "InvalidClientTokenId" in asked.stderr


def test_nothing_of_the_users_account_is_handed_on() -> None:
    inherited = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
        "CDK_DEFAULT_ACCOUNT": "111111111111",
        "CDK_VALIDATION": "false",
        "https_proxy": "http://proxy",
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
        "HOME": "/home/me",
        "PATH": "/bin",
    }
    assert without_aws(inherited) == {"HOME": "/home/me", "PATH": "/bin"}


def test_a_command_reaches_the_sandbox_and_has_its_temporary_files_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    script = """
    import boto3, tempfile
    print(boto3.client("s3").meta.endpoint_url)
    print(boto3.client("sts").get_caller_identity()["Arn"])
    print(tempfile.gettempdir())
    """
    child = sandbox.start([sys.executable, "-c", textwrap.dedent(script)], sandbox.folder)
    assert child.stdout is not None
    said = child.stdout.read().split()
    assert sandbox.finish(child) == 0
    assert said == [sandbox.endpoint_by_address, "arn:aws:iam::123456789012:root", str(sandbox.folder / "tmp")]


def test_a_port_in_use_is_said_in_one_line(sandbox: Sandbox) -> None:
    port = int(sandbox.endpoint.rpartition(":")[2])
    with pytest.raises(SandboxFailed) as caught, Sandbox(port=port):
        pass
    remedy = "end what listens there, or choose another port"
    assert str(caught.value) == f"port {port} must be free on 127.0.0.1, got 'Address already in use'; {remedy}"


def test_everything_listens_on_loopback_only(sandbox: Sandbox) -> None:
    assert sandbox._server is not None
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = [line.split() for line in Path(f"/proc/{sandbox._server.pid}/net/{table}").read_text().splitlines()[1:]]
        listening += [(row[1], row[9]) for row in rows if row[3] in ("0A", "07")]
    links = [os.readlink(link) for link in Path(f"/proc/{sandbox._server.pid}/fd").iterdir() if link.is_symlink()]
    own = [address for address, inode in listening if f"socket:[{inode}]" in links]
    assert len(own) == 3  # the gateway, MQTT and DNS
    assert {address.partition(":")[0] for address in own} == {"0100007F"}


def test_closing_ends_the_server_and_all_commands_and_removes_the_folder() -> None:
    with Sandbox() as running:
        child = running.start([sys.executable, "-c", CHILD], running.folder)
        assert child.stdout is not None
        assert running._server is not None
        numbers = [running._server.pid, child.pid, int(child.stdout.readline())]
        assert all(map(is_alive, numbers))
    assert within(2, lambda: not any(map(is_alive, numbers)))
    assert not running.folder.exists()
    running.close()
    with pytest.raises(SandboxFailed, match="must be running for sleep, got closed"):
        running.start(["sleep", "1"], ROOT)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_a_launcher_that_is_killed(number: signal.Signals) -> None:
    code = f"CHILD = {CHILD!r}\n{LAUNCHER}"
    launcher = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with launcher:
        assert launcher.stdout is not None
        folder, *numbers = launcher.stdout.readline().split()
        assert len(numbers) == 3
        launcher.send_signal(number)
    assert within(5, lambda: not any(is_alive(int(each)) for each in numbers))
    assert within(5, lambda: not Path(folder).exists())


def test_a_server_that_dies_is_said_with_the_end_of_its_log() -> None:
    with Sandbox() as running:
        assert running._server is not None
        running.check()
        running._server.send_signal(signal.SIGKILL)
        running._server.wait()
        with pytest.raises(SandboxFailed, match=r"must keep running, but it ended; its last lines: .*MQTT"):
            running.check()
    assert not running.folder.exists()
