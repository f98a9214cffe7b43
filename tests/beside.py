"""The tests of the embedded AWS, which mostly wait for it, and a few others, in a process beside the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

REPORTS = "REFARCH_TEST_REPORTS"
"""The variable that names the file in which the process beside tells what became of each test."""
PLACES = ("tests/sandbox", "tests/gate/test_properties.py")
"""The tests of the embedded AWS, and some that compute, so that both processes end at about the same time."""
LIMIT_SECONDS = 1200


class Beside:
    """A started ``pytest`` of these places, whose reports are shown in the place of the tests.

    Args:
        root: The repository.
    """

    def __init__(self, root: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="beside-")
        self._file, self._said = Path(self._folder.name) / "reports", Path(self._folder.name) / "said"
        self._file.touch()
        self._reports: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._read = 0
        self._end = time.monotonic() + LIMIT_SECONDS
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *PLACES],
                cwd=root,
                env={**os.environ, REPORTS: str(self._file)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def reports(self, node: str) -> list[dict[str, Any]]:
        """Return what became of a test, once it is through: its set-up, itself, and what is cleaned up.

        Args:
            node: The id of the test.
        """
        while not any(one["when"] == "teardown" for one in self._reports[node]):
            ended = self._process.poll() is not None or time.monotonic() > self._end
            self._take()
            if ended and not any(one["when"] == "teardown" for one in self._reports[node]):
                pytest.exit(f"{node} was never run in the process beside:\n{self._said.read_text()[-4000:]}", 1)
            time.sleep(0.05)
        return self._reports[node]

    def _take(self) -> None:
        with self._file.open() as file:
            file.seek(self._read)
            for line in iter(file.readline, ""):
                if not line.endswith("\n"):
                    break
                report = json.loads(line)
                self._reports[report["nodeid"]].append(report)
                self._read = file.tell()

    def close(self) -> None:
        """End the process, if it still runs; it cleans up after itself."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


class Main:
    """The plugin of the process that runs all other tests.

    Args:
        beside: The process beside.
    """

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Show what became of a test in the process beside."""
        if not item.nodeid.startswith(PLACES):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in self._beside.reports(item.nodeid):
            report = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self) -> None:
        """End the process, also when the tests were interrupted."""
        self._beside.close()


class Child:
    """The plugin of the process beside.

    Args:
        config: Its configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._file = config, Path(os.environ[REPORTS])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell what became of a part of a test."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._file.open("a") as file:
            file.write(json.dumps(data) + "\n")


def is_whole_suite(config: pytest.Config) -> bool:
    """Tell whether no tests were chosen on the command line, so that it is worth to run some beside."""
    chosen = config.option.keyword or config.option.markexpr or config.option.collectonly or config.option.usepdb
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
