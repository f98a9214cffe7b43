"""Every contract is held against something, and tells when any of its grants is taken away."""

from __future__ import annotations

import pytest

from tests.conftest import Apps

from .contracts import Contract, assert_missed
from .contracts_codecommit import CODECOMMIT_CONTRACTS
from .contracts_workspaces import WORKSPACES_CONTRACTS

HELD = {
    "workspaces_failover": (WORKSPACES_CONTRACTS, ("Desktops", "WorkspacesFailover")),
    "codecommit_leak_guard": (CODECOMMIT_CONTRACTS, ("SourceCode", "CodeCommitLeakGuard")),
}
"""The example of an architecture, its contracts, and how the stacks begin that they are held against."""


@pytest.mark.parametrize("example", HELD)
def test_each_grant_that_is_taken_away_is_missed(apps: Apps, example: str) -> None:
    contracts: tuple[Contract, ...]
    contracts, stacks = HELD[example]
    found = [*apps.get(example).templates.items(), *apps.get("app").templates.items()]
    assert_missed(contracts, [template for name, template in found if name.startswith(stacks)])
