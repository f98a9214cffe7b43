"""Compare the speed of synthesis: an empty app, this library, and AWS Solutions Constructs.

Then the leak guard's scanner with published rules: how fast, and what part of a corpus of credentials each finds.

All cases run in turns on one machine, so that the ratios hold where seconds do not. What counts is CPU time of Python
and Node.js together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CASES = Path(__file__).parent / "cases"
TARGET = 0.6
TARGET_IMPORT_MS = 30
TARGET_SCAN_MB = 20
SCANNERS = ("ours", "gitleaks", "detect-secrets", "trufflehog")
IMPORT = "import time, aws_cdk; t = time.process_time(); import cdk_refarch; print(time.process_time() - t)"


class Case(NamedTuple):
    """One app to be timed."""

    name: str
    script: str
    venv: str
    validation: bool = False


ALL = [
    Case("empty app", "empty", ".venv"),
    Case("ours", "ours", ".venv"),
    Case("ours, validated", "ours", ".venv", validation=True),
    Case("peer's empty app", "empty", ".bench-venv"),
    Case("peer", "peer", ".bench-venv"),
]


def environment(validation: bool) -> dict[str, str]:
    """Return the environment of a run: one Node.js for all, and nothing that slows Python."""
    sys.path.insert(0, str(ROOT))
    from stacks.runtime import use_pinned_node

    use_pinned_node()
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "CDK_VALIDATION": "true" if validation else "false",
    }


def cpu_seconds(case: Case) -> float:
    """Run a case once and return the CPU time of its processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(ROOT / case.venv / "bin" / "python"), str(CASES / f"{case.script}.py")]
        environ = {**environment(case.validation), "CDK_OUTDIR": folder}
        child = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        errors = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"error: {case.name} must run, got exit status {child.returncode}\n{errors.decode()}")
    return usage.ru_utime + usage.ru_stime


def import_ms() -> float:
    """Return what ``import cdk_refarch`` adds to ``import aws_cdk``."""
    command = [str(ROOT / ".venv" / "bin" / "python"), "-c", IMPORT]
    run = subprocess.run(command, env=environment(False), capture_output=True, text=True, check=True)
    return float(run.stdout) * 1000


def main() -> None:
    """Compare, and print medians, ratios and whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each case runs, at least 1")
    parser.add_argument("--only", choices=["synthesis", "scanner"], help="leave the other comparison out")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs must be at least 1, got {arguments.runs}; leave it out for 5")
    if arguments.only != "scanner":
        compare_synthesis(arguments.runs)
    if arguments.only != "synthesis":
        compare_scanners()


def compare_synthesis(runs: int) -> None:
    """Time the synthesis of all cases in turns."""
    times: dict[str, list[float]] = {case.name: [] for case in ALL}
    imports: list[float] = []
    for case in ALL:
        cpu_seconds(case)  # fills caches, not counted
    for run in range(1, runs + 1):
        print(f"run {run} of {runs} ...", file=sys.stderr, flush=True)
        for case in ALL:
            times[case.name].append(cpu_seconds(case))
        imports.append(import_ms())
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'':18} {'CPU s':>6} {'ratio':>6}   (median of {runs}, in turns)")
    for case in ALL:
        empty = medians["empty app" if case.venv == ".venv" else "peer's empty app"]
        print(f"{case.name:18} {medians[case.name]:6.2f} {medians[case.name] / empty:6.2f}")
    ours = medians["ours"] - medians["empty app"]
    peer = medians["peer"] - medians["peer's empty app"]
    loading = statistics.median(imports)
    print(
        f"\nours adds {ours:.2f} s, the peer {peer:.2f} s: {ours / peer:.2f} ({verdict(ours / peer <= TARGET, TARGET)})"
    )
    print(f"import cdk_refarch adds {loading:.1f} ms ({verdict(loading < TARGET_IMPORT_MS, TARGET_IMPORT_MS)})")


def compare_scanners() -> None:
    """Run the scanner and published rules over real files and over the corpus, each in a process of its own."""
    columns = ("  ids", "secrets", "encoded ids", "encoded secrets", "right")
    print(f"\n{'':18} {'MB/s':>6}  {'  '.join(columns)}   (parts of the corpus; of what was found)")
    for name in SCANNERS:
        command = [str(ROOT / ".venv/bin/python"), str(CASES / "scan.py"), name]
        run = subprocess.run(command, env=environment(False), stdout=subprocess.PIPE, text=True, check=True)
        got = json.loads(run.stdout)
        parts = "  ".join(f"{got[column.strip()]:{len(column)}.3f}" for column in columns)
        met = f"   ({verdict(got['MB/s'] >= TARGET_SCAN_MB, TARGET_SCAN_MB)})" if name == "ours" else ""
        print(f"{name:18} {got['MB/s']:6.0f}  {parts}{met}")


def verdict(met: bool, target: float) -> str:
    """Say whether a target is met."""
    return f"target {target:g} {'met' if met else 'MISSED'}"


if __name__ == "__main__":
    main()
