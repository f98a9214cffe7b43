"""MiniStack's inside, as far as the adapters use it: an upgrade that moves a name fails here and says which."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ADAPTERS = ROOT / "sandbox"
CONTRACT = Path(__file__).parent / "ministack.txt"
REMEDY = "look at what MiniStack does now, mend the adapter, and write the contract anew with make snapshots"


def modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names by which a file knows MiniStack's modules, and what it imports from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ministack":
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "ministack" and name.asname:
                    yield name.asname, name.name


def used(path: Path) -> Iterator[str]:
    """Yield every name of MiniStack that a file uses, with its module."""
    tree = ast.parse(path.read_text())
    known = dict(modules(tree))
    for name in known.values():
        if not is_module(name):
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            owner = known[node.value.id]
            if is_module(owner):
                yield f"{owner}.{node.attr}"


def is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def described(name: str) -> str:
    """A name with its signature, or its type."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute, None)
    if found is None:
        return f"{name} is not there"
    if inspect.isfunction(found):
        parameters = ", ".join(map(parameter, inspect.signature(found).parameters.values()))
        return f"{name}({parameters})"
    return f"{name}: {type(found).__name__}"


def parameter(one: inspect.Parameter) -> str:
    return one.name + ("" if one.default is one.empty else "=...")


def contract() -> list[str]:
    users: dict[str, set[str]] = {}
    for path in ADAPTERS.rglob("*.py"):
        for name in used(path):
            if not is_module(name):
                users.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    version = importlib.metadata.version("ministack")
    return [
        f"ministack {version}",
        *(f"{described(name)}  # {', '.join(sorted(users[name]))}" for name in sorted(users)),
    ]


def test_what_the_adapters_use_of_ministack_is_as_they_were_written_for(pytestconfig: pytest.Config) -> None:
    found = contract()
    if pytestconfig.getoption("--snapshot-update"):
        CONTRACT.write_text("\n".join(found) + "\n")
    agreed = CONTRACT.read_text().splitlines()
    changed = sorted(set(agreed) - set(found)) + sorted(set(found) - set(agreed))
    assert not changed, "\n".join([*changed, REMEDY])


def test_the_contract_has_what_the_adapters_replace() -> None:
    names = CONTRACT.read_text()
    for name in ("services.iot._dispatch_rule_action(", "services.firehose._deliver_records_to_s3("):
        assert f"ministack.{name}" in names


def test_a_name_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import iot

    monkeypatch.delattr(iot, "_dispatch_rule_action")
    assert any(line.startswith("ministack.services.iot._dispatch_rule_action is not there") for line in contract())


def test_the_library_and_the_stacks_know_nothing_of_the_sandbox() -> None:
    files = [path for folder in ("constructs", "stacks", "examples") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in [ROOT / "app.py", *files] if re.search(r"\bsandbox\b", path.read_text())] == []
