"""Every contract about WorkSpaces is held against something, and tells when any of its grants is taken away."""

from __future__ import annotations

from tests.conftest import Apps

from .contracts import grants, unmet
from .contracts_workspaces import WORKSPACES_CONTRACTS
from .grants import rows


def test_each_grant_that_is_taken_away_is_missed(apps: Apps) -> None:
    found = [*apps.get("workspaces_failover").templates.items(), *apps.get("app").templates.items()]
    templates = [template for name, template in found if name.startswith(("Desktops", "WorkspacesFailover"))]
    held = set()
    for template in templates:
        permissions = rows(template)
        for contract in WORKSPACES_CONTRACTS:
            for need in contract(template["Resources"]):
                held.add(contract)
                left = [row for row in permissions if not grants(row, need)]
                assert any(f"{need.holder} needs {need.action}" in line for line in unmet(template, left)), need
    assert held == set(WORKSPACES_CONTRACTS)
