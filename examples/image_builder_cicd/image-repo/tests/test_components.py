"""The documents of the components, held against what the image must be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

COMPONENTS = sorted((Path(__file__).parent.parent / "components").glob("*.yaml"))


def commands(document: dict[str, Any]) -> list[str]:
    """Return all shell commands of a document."""
    steps = [step for phase in document["phases"] for step in phase["steps"]]
    return [command for step in steps if step["action"] == "ExecuteBash" for command in step["inputs"]["commands"]]


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_every_component_validates_and_tests_what_it_builds(path: Path) -> None:
    phases = [phase["name"] for phase in yaml.safe_load(path.read_text())["phases"]]
    assert phases == ["build", "validate", "test"]


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_every_command_is_valid_for_the_shell(path: Path) -> None:
    for command in commands(yaml.safe_load(path.read_text())):
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{path.name}: {command}: {checked.stderr}"


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_no_component_has_a_secret_in_it(path: Path) -> None:
    assert not re.search(r"(AKIA|ASIA)[A-Z2-7]{16}|BEGIN [A-Z ]*PRIVATE KEY", path.read_text())
