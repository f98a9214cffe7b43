"""What `make demo` does: each scenario holds, and nothing is left that was not meant to be.

The demos run in processes of their own beside the other tests, which these come after: see ``demos.py``.
"""

from __future__ import annotations

import pytest

from sandbox.scenarios import architectures, script
from stacks import STACKS
from tests.sandbox.demos import Demos

SCENARIOS = [(name, scenario.title) for name in architectures() for scenario in script(name).scenarios]


def test_every_stack_has_a_demo() -> None:
    assert architectures() == sorted(STACKS)


@pytest.mark.parametrize(("architecture", "title"), SCENARIOS)
def test_a_scenario_holds(demos: Demos, architecture: str, title: str) -> None:
    result = demos.result(architecture)
    (row,) = [row for row in result["scenarios"] if row["title"] == title] or pytest.fail("\n".join(result["problems"]))
    assert row["ok"], row["problem"]


@pytest.mark.parametrize("architecture", architectures())
def test_destroy_keeps_what_is_meant_to_be_kept_and_nothing_else(demos: Demos, architecture: str) -> None:
    result = demos.result(architecture)
    assert result["problems"] == []
    assert result["remains"]["kept"]
