"""Docs are true: tables are those of the code, snippets run, every command that is named exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

from scripts import docs
from tests.conftest import ROOT

READMES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "sandbox/README.md")] + docs.readmes()[1:]
OUTLINE = [
    "Diagram",
    "Use",
    "What it creates",
    "Arguments",
    "Attributes",
    "Operating it",
    "Failure paths and replay",
    "Cost",
    "Limits",
    "When to choose something else",
    "Removing it",
]
SNIPPETS = [
    (path, number, code)
    for path in READMES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL), 1)
]


@pytest.mark.parametrize("path", docs.readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_tables_are_those_of_the_code(path: Path) -> None:
    assert docs.rendered(path.read_text()) == path.read_text(), "run make docs"


@pytest.mark.parametrize("path", docs.readmes()[1:], ids=lambda path: path.parent.name)
def test_an_architecture_has_the_outline_and_a_diagram_that_fits_a_screen(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == OUTLINE
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert len(set(re.findall(r"\b(\w+)[\[({]", diagram))) <= 12


@pytest.mark.parametrize(
    ("path", "number", "code"), SNIPPETS, ids=[f"{path.parent.name}-{number}" for path, number, _ in SNIPPETS]
)
def test_a_python_snippet_runs(
    path: Path, number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, f"{path.name}#{number}", "exec"), names)  # noqa: S102
    stacks = [value for value in names.values() if isinstance(value, cdk.Stack)]
    assert stacks, "a snippet must build a stack"
    for stack in stacks:
        app = stack.node.root
        assert isinstance(app, cdk.App)
        assert app.synth().get_stack_by_name(stack.stack_name).template["Resources"]


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_and_script_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    assert set(re.findall(r"\bmake (\w+)", "\n".join(re.findall(r"`[^`]*`|```.*?```", text, re.DOTALL)))) <= targets
    for script in re.findall(r"python ((?:examples|scripts|benchmarks)/\S+\.py)", text):
        done = subprocess.run([sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_links_between_files_lead_somewhere() -> None:
    for path in READMES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def test_no_file_names_the_host_of_a_registry_or_the_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    hosts = ("registry." + "npmjs", "pypi." + "org", "files.python" + "hosted", "/work" + "/main")
    for name in filter(None, tracked):
        text = (ROOT / name).read_text(errors="replace")
        assert not [host for host in hosts if host in text], name
