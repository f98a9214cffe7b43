"""Directories through creates, updates, rollbacks and deletes, while calls are throttled, lost, or end the function."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws
from tests.handlers.workspaces_failover.directory_stack import Stack
from tests.handlers.workspaces_failover.directory_world import (
    ACCOUNT,
    FAULTS,
    HOME,
    MANAGED,
    NAME,
    PASSWORD,
    PRIMARY,
    THIRD,
    World,
)

WORKING, FAILING = ["Requested", "Creating", "Inoperable", "Active"], ["Requested", "Creating", "Failed"]
REPLICA_KEY = "cdk-refarch:replica"

draws = settings(
    derandomize=True,
    database=None,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

faults = st.lists(st.sampled_from([*FAULTS, *[None] * 10]), max_size=60)
"""What becomes of the calls, one after the other; nothing happens to further ones."""

steps = st.lists(
    st.fixed_dictionaries(
        {
            "variant": st.integers(0, 2),
            "works": st.sampled_from([True, True, False]),
            "undone": st.booleans(),
            "by_hand": st.sampled_from([False, False, False, True]),
            "faults": faults,
        }
    ),
    min_size=1,
    max_size=4,
)
"""The first one creates, the others update; ``undone`` if another resource of the stack fails then."""


def stack(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, kind: str) -> Stack:
    """Return a stack with a resource, in an empty world."""
    return Stack(aws, monkeypatch, World(aws, monkeypatch), f"Custom::{kind}")


def connector(variant: int) -> dict[str, Any]:
    """Return the properties of a connector; with the last ones, the controllers are looked up."""
    dns: dict[str, Any] = {"Controllers": {"Region": PRIMARY}} if variant == 2 else {"DnsIps": ["10.0.0.1"]}
    size = ("Small", "Large", "Large")[variant]
    return {"Name": NAME, "Size": size, "VpcId": "vpc-1", "SubnetIds": ["a", "b"], "SecretArn": ACCOUNT, **dns}


def replica(variant: int) -> dict[str, Any]:
    """Return the properties of a replica; the second ones only name the Managed AD otherwise."""
    more = {"DirectoryId": MANAGED} if variant == 1 else {}
    region = THIRD if variant == 2 else HOME
    place = {"VpcId": f"vpc-{region}", "SubnetIds": ["a", "b"]}
    return {"Name": NAME, "PrimaryRegion": PRIMARY, "Region": region, **place, **more}


def run(tested: Stack, drawn: list[dict[str, Any]], properties: Any, check: Any, by_hand: Any) -> None:
    """Go through the steps, and look after each whether all is as it must be."""
    for step in drawn:
        world = tested.world
        world.stages = WORKING if step["works"] else FAILING
        if step["by_hand"]:
            by_hand(world)
        world.faults = list(step["faults"])
        wanted = properties(step["variant"])
        if tested.physical_id is None:
            tested.create(wanted)
        else:
            tested.update(wanted, step["undone"])
        world.faults = []
        check(tested)
    tested.world.faults = list(drawn[-1]["faults"])
    tested.delete()


def test_a_connector_is_there_once_or_not_at_all(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tested = stack(aws, monkeypatch, "AdConnector")
    world = tested.world

    def check(tested: Stack) -> None:
        assert world.live() == [one for one in [tested.physical_id] if one is not None]

    @draws
    @given(steps)
    def go(drawn: list[dict[str, Any]]) -> None:
        tested.clear()
        world.add_managed()
        others = world.live(ours=False)
        run(tested, drawn, connector, check, lambda world: None)
        assert world.live() == []
        assert world.live(ours=False) == others
        assert len(others) == 2
        assert PASSWORD not in str(tested.answers)
        assert PASSWORD not in capsys.readouterr().out

    go()


@pytest.mark.parametrize("there", [False, True])
def test_a_replica_that_was_not_there_is_gone_at_the_end(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    tested = stack(aws, monkeypatch, "ManagedAdReplica")
    world = tested.world

    def regions(ours: bool) -> list[str]:
        return sorted(region for (_, region), one in world.regions.items() if one.live and one.ours == ours)

    def check(tested: Stack) -> None:
        if tested.physical_id is None:
            assert regions(ours=True) == []
        elif tested.physical_id.endswith("/adopted"):
            assert regions(ours=True) == []
            assert regions(ours=False) == [HOME]
        else:
            assert regions(ours=True) == [tested.physical_id.removeprefix(f"{MANAGED}/")]

    def remove_by_hand(world: World) -> None:
        if (MANAGED, HOME) in world.regions:
            world.drop_region(MANAGED, HOME)

    @draws
    @given(steps)
    def go(drawn: list[dict[str, Any]]) -> None:
        tested.clear()
        managed = world.add_managed()
        if there:
            world.add_region(MANAGED, HOME, ["Active"])
        run(tested, drawn, replica, check, remove_by_hand)
        assert regions(ours=True) == []
        by_hand = any(step["by_hand"] for step in drawn)
        assert regions(ours=False) == ([HOME] if there and not by_hand else [])
        assert not [key for key in managed.tags if key.startswith(REPLICA_KEY) and regions(ours=True)]

    go()
