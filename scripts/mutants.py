"""Change one thing at a time and see whether the tests notice: leaves of templates, and an architecture's Python.

Its Python is its own and that of the shared parts which it uses.

A change that no test notices is a survivor. Every one that touches security, failure handling or data retention wants a
test; the rest are to be read.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PACKAGE = ROOT / "constructs" / "cdk_refarch"
SNAPSHOTS = ROOT / "tests" / "snapshots" / "__snapshots__" / "test_templates"
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


class Mutant(NamedTuple):
    """One change of the code."""

    path: Path
    line: int
    what: str
    source: str


def modules(architecture: str) -> list[Path]:
    """Return the modules of an architecture, and those of ``_parts`` that they import.

    Args:
        architecture: The architecture's folder.
    """
    found: set[Path] = set()
    new = set((PACKAGE / architecture).glob("*.py"))
    while new:
        found |= new
        new = {module for path in new for module in _imported(path)} - found
    return sorted(found)


def _imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else PACKAGE.parent
            module = base.joinpath(*(node.module or "").split("."))
            names = (module.with_suffix(".py"), *(module / f"{one.name}.py" for one in node.names))
            yield from (one for one in names if one.is_file())


def code_mutants(path: Path) -> Iterator[Mutant]:
    """Yield a module with one thing changed, for each thing that can be changed.

    Args:
        path: The module.
    """
    text = path.read_text()
    for number, _ in enumerate(ast.walk(ast.parse(text))):
        tree = ast.parse(text)
        node = list(ast.walk(tree))[number]
        what = _mutate(node)
        if what:
            yield Mutant(path, getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(tree)))


def _mutate(node: ast.AST) -> str:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        before = type(node.ops[0])
        node.ops[0] = SWAPS[before]()  # type: ignore[call-overload]
        return f"{before.__name__} -> {SWAPS[before].__name__}"
    if isinstance(node, ast.BoolOp):
        was = type(node.op)
        node.op = SWAPS[was]()  # type: ignore[assignment]
        return f"{was.__name__} -> {SWAPS[was].__name__}"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
        return f"{not node.value} -> {node.value}"
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += 1
        return f"{node.value - 1} -> {node.value}"
    if isinstance(node, ast.If | ast.IfExp):
        condition = ast.unparse(node.test)
        node.test = ast.UnaryOp(ast.Not(), node.test)
        return f"not ({condition})"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = ast.unparse(node.value)[:60]
        node.value = ast.Constant(None)
        return f"dropped {call}"
    if isinstance(node, ast.keyword) and node.arg and not isinstance(node.value, ast.JoinedStr):
        value = ast.unparse(node.value)[:40]
        if value == "None":
            return ""
        node.value = ast.Constant(None)
        return f"{node.arg}={value} -> None"
    return ""


def survives(mutant: Mutant, architecture: str) -> bool:
    """Run the tests on a changed copy of the package, in a process of their own.

    Args:
        mutant: The change.
        architecture: The architecture that it is in.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / "cdk_refarch", ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "cdk_refarch" / mutant.path.relative_to(PACKAGE)).write_text(mutant.source)
        tests = ["tests/snapshots", f"tests/unit/{architecture}", "tests/gate/test_permissions.py"]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        env = {**os.environ, "PYTHONPATH": folder}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False).returncode == 0


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every leaf of a template.

    Args:
        value: The template, or a part of it.
        path: Where the part stands.
    """
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner, (*path, key))
        else:
            yield (*path, key)


def changed(template: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """Return a template with one leaf changed.

    Args:
        template: The template.
        path: The leaf's path.
    """
    mutated: dict[str, Any] = copy.deepcopy(template)
    *above, last = path
    holder: Any = mutated
    for key in above:
        holder = holder[key]
    value = holder[last]
    if isinstance(value, bool):
        holder[last] = not value
    elif isinstance(value, int | float):
        holder[last] = value + 1
    else:
        del holder[last]
    return mutated


def template_survivors(name: str, template: dict[str, Any]) -> list[str]:
    """Return the leaves whose change only the snapshot notices, and no layer that knows what is wrong with it.

    Args:
        name: The name of the template.
        template: The template.
    """
    from cdk_refarch._parts.house_rules import check_template
    from tests.gate.grants import table
    from tests.gate.lint import silence
    from tests.gate.stability import losses
    from tests.gate.test_permissions import problems

    paths = [path for path in leaves(template) if path[0] == "Resources"]
    found = []
    for number, path in enumerate(paths, 1):
        if number % 100 == 0:
            print(f"{name}: {number} of {len(paths)} leaves ...", file=sys.stderr, flush=True)
        mutated = changed(template, path)
        try:
            noticed = (
                table(mutated) != table(template)
                or any(problems(mutated))
                or any(losses(template, mutated))
                or any(check_template(mutated))
                or silence(json.dumps(mutated))
            )
        except (KeyError, ValueError, TypeError, IndexError, AttributeError):
            noticed = True  # so broken that the gate's own reading of it fails
        if not noticed:
            found.append(".".join(map(str, path)))
    print(f"{name}: {len(found)} of {len(paths)} changes of leaves are seen by the snapshot alone")
    return found


def main() -> None:
    """Make mutants and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="iot_to_firehose", help="whose Python to change")
    parser.add_argument("--sample", type=int, default=60, help="how many changes of Python to try; 0 for all")
    parser.add_argument(
        "--templates", action="store_true", help="change the templates too, against all but the snapshot"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed tries other changes")
    asked = parser.parse_args()
    if not (PACKAGE / asked.architecture).is_dir():
        known = ", ".join(sorted(path.parent.name for path in PACKAGE.glob("*/README.md")))
        parser.error(f"--architecture must be one of {known}, got {asked.architecture!r}")
    if asked.templates:
        for path in sorted(SNAPSHOTS.glob("*.json")):
            print("\n".join(template_survivors(path.stem, json.loads(path.read_text()))))
    mutants = [one for path in modules(asked.architecture) for one in code_mutants(path)]
    chosen = random.Random(asked.seed).sample(mutants, min(asked.sample or len(mutants), len(mutants)))  # noqa: S311
    survivors = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        alive = pool.map(lambda one: survives(one, asked.architecture), chosen)
        for number, (mutant, lived) in enumerate(zip(chosen, alive, strict=True), 1):
            if number % 10 == 0:
                print(f"{number} of {len(chosen)} changes of Python ...", file=sys.stderr, flush=True)
            if lived:
                survivors.append(mutant)
                print(f"survived: {mutant.path.relative_to(ROOT)}:{mutant.line}: {mutant.what}", flush=True)
    print(f"{len(survivors)} of {len(chosen)} changes of Python survived, out of {len(mutants)} possible ones")


if __name__ == "__main__":
    main()
