"""The contracts of Redshift are held against each kind of its sink."""

from __future__ import annotations

from tests.unit.iot_to_firehose.warehouses import warehouses

from .contracts import assert_missed
from .contracts_warehouse import WAREHOUSE_CONTRACTS
from .test_permissions import problems


def test_each_grant_that_is_taken_away_is_missed() -> None:
    assert_missed(WAREHOUSE_CONTRACTS, [warehouses().template.json])


def test_the_permissions_of_each_kind_of_sink_can_be_used_and_are_enough() -> None:
    found = list(problems(warehouses().template.json))
    # The table of IAM has no functions with a version.
    assert [line for line in found if ":$LATEST, which is no resource of that action" not in line] == []
