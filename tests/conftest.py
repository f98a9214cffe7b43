"""What all tests share: the guard of the source root, the pinned Node.js, and each app synthesized once."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = {path.parent.name: path for path in sorted(ROOT.glob("examples/**/app.py"))}

sys.path.insert(0, str(ROOT))
_found = importlib.util.find_spec("constructs")
if _found is None or not _found.origin or (ROOT in Path(_found.origin).parents and ".venv" not in _found.origin):
    pytest.exit(
        "import constructs must find PyPI's package, got "
        f"{_found and (_found.origin or list(_found.submodule_search_locations or []))}; "
        "remove any .py from the folder constructs/ and run make setup",
        returncode=4,
    )

from scripts import compliance  # noqa: E402
from stacks.runtime import use_pinned_node  # noqa: E402
from tests import beside  # noqa: E402

# Templates, rules and schemas are many objects and hardly ever garbage; to look through them as often as Python does by
# itself takes a tenth of the time.
gc.set_threshold(100_000, 20, 100)
use_pinned_node()
os.environ.pop("CDK_VALIDATION", None)
FLAGS = json.loads((ROOT / "cdk.json").read_text())["context"]
# Read by the CDK in every app of the process, as the command line would pass it. Synthesis does not raise, so that
# tests can read the reports.
os.environ["CDK_CONTEXT_JSON"] = json.dumps({**FLAGS, "@aws-cdk/core:failSynthOnValidationErrors": False})

if TYPE_CHECKING:
    import aws_cdk as cdk


def pytest_configure(config: pytest.Config) -> None:
    """Of a whole suite, run the tests of the embedded AWS and a few others in a process of their own."""
    if beside.REPORTS in os.environ:
        config.pluginmanager.register(beside.Child(config))
    elif beside.is_whole_suite(config):
        config.pluginmanager.register(beside.Main(beside.Beside(ROOT)), "beside")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of the process beside come last: by then they are through, or nearly so."""
    items.sort(key=lambda item: item.nodeid.startswith(beside.PLACES))


@dataclass(frozen=True)
class Synthesized:
    """An app and what it became."""

    app: cdk.App
    folder: Path

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        """The templates by the name of their stack."""
        found = sorted(self.folder.glob("*.template.json"))
        return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in found}

    @cached_property
    def reports(self) -> list[dict[str, Any]]:
        """The reports of the validation plugins, without the packs that are only for the compliance report."""
        text = (self.folder / "validation-report.json").read_text()
        return [one for one in json.loads(text)["pluginReports"] if one["pluginName"] not in compliance.PACKS]


class Apps:
    """The apps of the repository, each synthesized once in a session, on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Synthesized] = {}

    @staticmethod
    def names() -> list[str]:
        """Return the names of all apps."""
        return ["app", *EXAMPLES]

    def get(self, name: str) -> Synthesized:
        """Return ``app``, or an example by its name.

        Args:
            name: Which one.
        """
        if name not in self._made:
            outdir = self._folder / name
            app = self._build(name, str(outdir))
            app.synth()
            self._made[name] = Synthesized(app, outdir)
        return self._made[name]

    @staticmethod
    def _build(name: str, outdir: str) -> cdk.App:
        import app as repository_app

        if name == "app":
            whole = repository_app.build(outdir=outdir)
            compliance.add_packs(whole)
            return whole
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES[name])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        app: cdk.App = module.build(outdir)
        # A consumer's app need not have the packs; the gate runs them on it all the same.
        repository_app.add_checks(app)
        compliance.add_packs(app)
        return app


@pytest.fixture(scope="session")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Apps:
    """The apps of the repository."""
    return Apps(tmp_path_factory.mktemp("assemblies"))


@pytest.fixture(params=Apps.names())
def synthesized(request: pytest.FixtureRequest, apps: Apps) -> Synthesized:
    """Each app of the repository in turn."""
    return apps.get(request.param)
