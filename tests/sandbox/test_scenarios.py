"""What `make demo` does, under pytest: each scenario holds, and nothing is left that was not meant to be."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from sandbox.demo import Demo, Result
from sandbox.display import Display
from sandbox.process import Sandbox
from sandbox.scenarios import architectures, script
from stacks import STACKS

SCENARIOS = [(name, scenario.title) for name in architectures() for scenario in script(name).scenarios]


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Result]]:
    """The demo of every architecture, on an embedded AWS of its own."""
    display = Display(Console(file=io.StringIO()))
    with Sandbox() as sandbox:
        found = Demo(sandbox, display, time.monotonic()).run([script(name) for name in architectures()])
        yield {one.architecture: one for one in found}


def test_every_stack_has_a_demo() -> None:
    assert architectures() == sorted(STACKS)


@pytest.mark.parametrize(("architecture", "title"), SCENARIOS)
def test_a_scenario_holds(results: dict[str, Result], architecture: str, title: str) -> None:
    result = results[architecture]
    assert not result.problem
    (row,) = [row for row in result.rows if row.title == title]
    assert row.outcome, row.problem


@pytest.mark.parametrize("architecture", architectures())
def test_destroy_keeps_what_is_meant_to_be_kept_and_nothing_else(results: dict[str, Result], architecture: str) -> None:
    result = results[architecture]
    assert result.remains is not None
    assert result.problems == []
    assert result.remains.kept
