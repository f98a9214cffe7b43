"""Whatever the arguments: a refusal in the house form, or a template that every layer of the gate passes.

Arguments come from ``strategies.py`` beside the unit tests of each architecture: ``ARGUMENTS`` and ``CONSTRUCT``.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from cdk_refarch._parts.house_rules import check_template
from stacks import STACKS
from tests.conftest import ROOT, Synthesized

from .lint import silence
from .test_permissions import problems
from .test_reports import findings

STRATEGIES = sorted(ROOT.glob("tests/unit/*/*strategies.py"))
REFUSAL = re.compile(r"[\w/-]+: .+ must be .+, got .+; .+", re.DOTALL)
EXAMPLES = 40
PER_STACK = 8
"""A stack holds 500 resources at most."""


def build_many(strategy: Path, app: cdk.App) -> tuple[int, list[str]]:
    strategies = importlib.import_module(".".join(strategy.relative_to(ROOT).with_suffix("").parts))
    examples: int = getattr(strategies, "EXAMPLES", EXAMPLES)
    accepted = tried = 0
    refusals: list[str] = []
    stacks: list[cdk.Stack] = []

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=examples,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.ARGUMENTS)
    def build(arguments: dict[str, Any]) -> None:
        nonlocal accepted, tried
        tried += 1
        if accepted == PER_STACK * len(stacks):
            stacks.append(cdk.Stack(app, f"Stack{len(stacks)}"))
        try:
            strategies.CONSTRUCT(stacks[-1], f"One{tried}", **arguments)
        except ValueError as error:
            refusals.append(str(error))
            left = stacks[-1].node.try_find_child(f"One{tried}")
            refusals.extend([f"{left.node.path} is left behind by: {error}"] if left else [])
        else:
            accepted += 1

    build()
    return accepted, refusals


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_any_arguments_are_refused_in_the_house_form_or_pass_the_gate(strategy: Path, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    accepted, refusals = build_many(strategy, app)
    other = [message for message in refusals if not REFUSAL.fullmatch(message)]
    assert not other, "refusals in another form:\n" + "\n".join(other)
    tried = len(refusals) + accepted
    assert min(len(refusals), accepted) >= tried // 5, f"the strategy is lopsided: {accepted} of {tried} are legal"
    app.synth()
    made = Synthesized(app, tmp_path)
    found = [line for report in made.reports for line in findings(report)]
    for name, template in made.templates.items():
        found += [f"{name}: {line}" for line in problems(template)]
        found += [f"{name}: {finding}" for finding in check_template(template)]
        found += [f"{name}: {match}" for match in silence(json.dumps(template))]
    assert not found, "\n" + "\n".join(found[:20])


def test_every_architecture_has_a_strategy_an_example_and_unit_tests() -> None:
    for place in ("tests/unit/*/*strategies.py", "examples/*/app.py"):
        assert {path.parent.name for path in ROOT.glob(place)} == set(STACKS), place
