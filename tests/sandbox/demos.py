"""The demos of all architectures, in processes of their own beside the tests, because they mostly wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.process import ROOT, without_aws

LIMIT_SECONDS = 900
ALONE = ("image_builder_cicd",)
"""Architectures whose demo takes as long as those of all others together."""


class Demos:
    """Demos of architectures, started side by side, whose results are asked for later.

    Args:
        names: The architectures.
    """

    def __init__(self, names: Iterable[str]) -> None:
        alone = {name: (name,) for name in names if name in ALONE}
        others = tuple(name for name in names if name not in ALONE)
        started = {group: Demo(group) for group in (*alone.values(), others) if group}
        self._demos = {name: demo for group, demo in started.items() for name in group}

    def result(self, architecture: str) -> dict[str, Any]:
        """Return the result of one architecture, once its demo is through.

        Args:
            architecture: Its name.
        """
        return self._demos[architecture].results[architecture]

    def close(self) -> None:
        """End the demos that still run."""
        for demo in self._demos.values():
            demo.close()


class Demo:
    """A started ``python -m sandbox demo``.

    Args:
        names: The architectures.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="demos-")
        folder = Path(self._folder.name)
        self._results, self._said = folder / "results.json", folder / "said"
        command = [sys.executable, "-m", "sandbox", "demo", "--architecture", ",".join(names)]
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*command, "--json", str(self._results)],
                cwd=ROOT,
                env=without_aws(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results by architecture, once all are done."""
        self._process.wait(LIMIT_SECONDS)
        assert self._results.exists(), self._said.read_text()
        return {one["architecture"]: one for one in json.loads(self._results.read_text())}

    def close(self) -> None:
        """End the demo, if it still runs; it cleans up after itself. Harmless when repeated."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._folder.cleanup()
