"""What components do on the sandbox's instances: in a jail, or only read where the machine has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.adapters.image_builder import instance as module
from sandbox.adapters.image_builder.instance import Instance, can_jail


@pytest.fixture
def machine() -> Iterator[Instance]:
    with Instance.new() as made:
        yield made


@pytest.fixture
def jailed(machine: Instance) -> Instance:
    if not can_jail():
        pytest.skip("this machine has no namespaces for users")
    return machine


def test_files_stay_from_step_to_step_and_are_in_what_is_launched_from_it(jailed: Instance) -> None:
    assert jailed.run(["mkdir /etc/golden", "echo 1 > /etc/golden/release"], 9).status == 0
    with jailed.launched_again() as another:
        assert another.run(["cat /etc/golden/release"], 9).output == "1\n"
        another.run(["rm -r /etc/golden"], 9)
    assert jailed.run(["test -s /etc/golden/release"], 9).status == 0


def test_commands_reach_nothing_of_the_machine(jailed: Instance, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for command in (
        f"cat {tmp_path}/mine",
        f"echo yours > {tmp_path}/mine",
        "echo > /usr/bin/bash",
        "mount -o remount,rw /usr",
        "chroot / true",
        "cat < /dev/tcp/127.0.0.1/22",
        "ls /proc/1/root/etc",
        "echo b > /proc/sysrq-trigger",
    ):
        assert jailed.run([command], 9).status != 0, command
    assert (tmp_path / "mine").read_text() == "mine"
    assert "AWS_ACCESS_KEY_ID" not in jailed.run(["env"], 9).output


def test_commands_end_when_their_time_is_over(jailed: Instance) -> None:
    result = jailed.run(["sleep 60 &", "sleep 60"], 0.5)
    assert (result.status, result.output) == (124, "not done after 0 s")


def test_packages_and_services_are_remembered(jailed: Instance) -> None:
    assert jailed.run(["rpm -q nginx"], 9).status == 3
    assert jailed.run(["set -e", "dnf -y install nginx", "systemctl enable --now nginx.service"], 9).status == 0
    assert jailed.run(["set -e", "rpm -q nginx", "systemctl is-enabled nginx"], 9).status == 0
    assert jailed.run(["dnf remove -y nginx && systemctl disable nginx", "! systemctl is-enabled nginx"], 9).status == 0
    assert jailed.run(["rpm -q nginx"], 9).status == 3


def test_pages_are_served_by_what_is_enabled_and_by_nobody_else(jailed: Instance) -> None:
    page = ["echo Hello > /usr/share/nginx/html/index.html"]
    assert jailed.run(page, 9).status != 0
    assert jailed.run(["systemctl enable nginx"], 9).status == 1
    assert jailed.run(["dnf -y install nginx", *page], 9).status == 0
    assert jailed.run(["curl -fsS http://localhost/"], 9).status == 7
    assert jailed.run(["systemctl enable nginx", "curl -fsS http://localhost/"], 9).output == "Hello\n"
    assert jailed.run(["curl https://example.com/"], 9).status == 6


def test_the_configuration_of_ssh_is_what_was_written_first(jailed: Instance) -> None:
    def said() -> list[str]:
        return jailed.run(["sshd -t && sshd -T"], 9).output.splitlines()

    assert "passwordauthentication yes" in said()
    jailed.run(["echo 'PasswordAuthentication no' > /etc/ssh/sshd_config.d/10-own.conf"], 9)
    assert "passwordauthentication no" in said()
    assert "passwordauthentication yes" not in said()
    jailed.run(["echo Nonsense >> /etc/ssh/sshd_config.d/10-own.conf"], 9)
    assert jailed.run(["sshd -t"], 9).status == 255


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 1), ("false && true", 1), ("  false  # always", 1), ("exit 0", 0), ("grep x y || exit 1", 0)],
)
def test_without_a_jail_a_line_that_only_fails_is_a_failure(
    machine: Instance, monkeypatch: pytest.MonkeyPatch, command: str, status: int
) -> None:
    monkeypatch.setattr(module, "can_jail", lambda: False)
    result = machine.run(["touch /etc/golden", command], 9)
    assert (result.status, result.output.startswith("not run")) == (status, True)


def test_a_machine_without_namespaces_has_no_jail(machine: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    can_jail.cache_clear()
    monkeypatch.setattr(module, "_jailed", lambda *_: module.Result(125, "no jail"))
    assert not can_jail()
    can_jail.cache_clear()
