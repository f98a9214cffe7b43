"""The demo of all architectures, in a process of its own beside the tests, which leave one of the two cores idle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.process import ROOT, without_aws

LIMIT_SECONDS = 900


class Demos:
    """A started ``python -m sandbox demo``, whose results are asked for later.

    Args:
        names: The architectures.
    """

    def __init__(self, names: list[str]) -> None:
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
    def _all(self) -> dict[str, dict[str, Any]]:
        self._process.wait(LIMIT_SECONDS)
        assert self._results.exists(), self._said.read_text()
        return {one["architecture"]: one for one in json.loads(self._results.read_text())}

    def result(self, architecture: str) -> dict[str, Any]:
        """Return the result of one architecture, once all are done.

        Args:
            architecture: Its name.
        """
        return self._all[architecture]

    def close(self) -> None:
        """End the demo, if it still runs; it cleans up after itself."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._folder.cleanup()
