"""CloudFormation's freedom to create resources in any order, used to the template's disadvantage.

CloudFormation creates whatever is not held back by a reference or ``DependsOn``, in an order nobody can rely on.
Here permissions are created as late as the template permits, and deleted as early, so that a ``DependsOn`` that is
missing shows at every deployment instead of at one in a hundred.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, stacks

LATE = frozenset(
    {
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::Lambda::Permission",
        "AWS::Logs::ResourcePolicy",
        "AWS::Macie::Session",
        "AWS::OpenSearchServerless::AccessPolicy",
        "AWS::OpenSearchServerless::SecurityPolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)
"""Types that give permissions or switch a service on, created last among what could be created."""
Resources = Mapping[str, Mapping[str, Any]]


def worst_order(
    resources: Resources, dependencies: Callable[[Mapping[str, Any], set[str]], Iterable[str]], names: set[str]
) -> list[str]:
    """The order of creation that holds permissions back for as long as the template permits.

    Args:
        resources: The template's resources.
        dependencies: Gives the names of those that one of them must wait for.
        names: The logical ids of those to be created.

    Raises:
        ValueError: If resources wait for each other in a circle.
    """
    waits = {name: set(dependencies(resources[name], names)) - {name} for name in names}
    frees: dict[str, list[str]] = {name: [] for name in names}
    for name, others in waits.items():
        for other in others:
            frees[other].append(name)
    held = _held_back(resources, frees)
    ready = [(held[name], name) for name, others in waits.items() if not others]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(name)
        for other in frees[name]:
            waits[other].discard(name)
            if not waits[other]:
                heapq.heappush(ready, (held[other], other))
    if len(order) < len(names):
        rest = ", ".join(sorted(names - set(order)))
        raise ValueError(f"Circular dependency detected among resources: {rest}")
    return order


def _held_back(resources: Resources, frees: Mapping[str, list[str]]) -> dict[str, int]:
    """How long each is held back: permissions that others wait for less than those that nothing waits for."""

    def is_late(name: str) -> bool:
        return resources[name].get("Type") in LATE

    def is_awaited(name: str, seen: set[str]) -> bool:
        new = set(frees[name]) - seen
        seen |= new
        return any(not is_late(other) or is_awaited(other, seen) for other in new)

    return {name: (1 if is_awaited(name, {name}) else 2) if is_late(name) else 0 for name in frees}


def install() -> None:
    """Make MiniStack create resources in the worst order, and delete them in the reverse of it."""

    def sort(resources: Resources, conditions: Mapping[str, bool]) -> list[str]:
        def exists(resource: Mapping[str, Any]) -> bool:
            condition = resource.get("Condition")
            return not condition or conditions.get(condition, True)

        return worst_order(resources, engine._extract_deps, {name for name in resources if exists(resources[name])})

    changesets._topological_sort = engine._topological_sort = stacks._topological_sort = sort
