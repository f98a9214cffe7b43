"""What the demo shows: live progress on a terminal, lines in a file, and the table."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .demo import Result, Row

WIDTH_OF_FILES = 120
_PAUSE = 2.0
"""Seconds between two lines of progress when they go to a file."""


class Display:
    """Shows what is going on.

    Args:
        console: Where; None for standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if console is None and not self.console.is_terminal and "COLUMNS" not in os.environ:
            self.console.width = WIDTH_OF_FILES
        self._started = time.monotonic()
        self._live: Progress | None = None
        self._task = TaskID(0)
        self._title = ""
        self._said = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that something is being done.

        Args:
            title: What.
        """
        self._title, self._said = title, time.monotonic()
        began = time.monotonic()
        if not self.console.is_terminal:
            self.line(title)
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as live:
            self._task, self._live = live.add_task(title), live
            try:
                yield
            finally:
                self._live = None
        self.line(f"{title} ({time.monotonic() - began:.1f} s)")

    def say(self, text: str) -> None:
        """Show how far the step is; may be called from any thread.

        Args:
            text: A few words.
        """
        if (live := self._live) is not None:
            live.update(self._task, description=f"{self._title}: {text}")
        elif not self.console.is_terminal and time.monotonic() - self._said > _PAUSE:
            self._said = time.monotonic()
            self.line(f"{self._title}: {text}")

    def line(self, text: str, style: str = "") -> None:
        """Show a line that stays.

        Args:
            text: The line.
            style: Its colour, on a terminal.
        """
        seconds = time.monotonic() - self._started
        self.console.print(Text(f"{seconds:6.1f} s  ", style="dim"), Text(text, style=style), sep="", soft_wrap=True)

    def table(self, results: Sequence[Result]) -> None:
        """Show the table of all architectures.

        Args:
            results: What became of each.
        """
        table = Table(box=box.SQUARE, show_lines=True, title_justify="left", expand=False)
        table.add_column("architecture", overflow="fold", min_width=15)
        for name in ("scenario", "sent", "arrived", "failed data"):
            table.add_column(name, overflow="fold", ratio=1)
        table.add_column("seconds", justify="right", no_wrap=True)
        for result in results:
            first = Text(f"{result.architecture}\n{_counts(result)}")
            for cells in _rows(result):
                table.add_row(first, *cells)
                first = Text("")
        self.console.print(table)

    def verdict(self, results: Sequence[Result]) -> None:
        """Show what remains of each architecture, what did not hold, and what to do next.

        Args:
            results: What became of each.
        """
        for result in results:
            if result.remains is not None:
                kept = _named(Counter(one.type for one in result.remains.kept))
                self._note(f"{result.architecture}: after cdk destroy, retained as meant: {kept or 'nothing'}")
                if result.remains.by_services:
                    self._note(
                        f"{result.architecture}: made and kept by services: {', '.join(result.remains.by_services)}"
                    )
                if result.remains.unchecked:
                    self._note(f"{result.architecture}: could not be checked: {', '.join(result.remains.unchecked)}")
            for problem in result.problems:
                self._note(f"{result.architecture}: {problem}", "bold red")
        good = all(result.ok for result in results)
        held = sum(row.outcome is not None for result in results for row in result.rows)
        count = f"{held} of {sum(result.planned for result in results)} scenarios"
        seconds = time.monotonic() - self._started
        said = f"{'All held' if good else 'NOT all held'}: {count} in {seconds:.0f} s."
        self._note(said, "bold green" if good else "bold red")
        self._note("Next: make sandbox keeps the embedded AWS running, to deploy and try by hand.")

    def _note(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style), soft_wrap=not self.console.is_terminal)


def _counts(result: Result) -> str:
    total = sum(result.types.values())
    recorded = sum(count for type, count in result.types.items() if type in result.recorded)
    counts = f"{total} resources\n{total - recorded} emulated\n{recorded} recorded"
    return f"{counts}\ndeployed in {result.deploy_seconds:.1f} s"


def _rows(result: Result) -> Iterator[tuple[Text, Text, Text, Text, Text]]:
    if result.problem:
        yield Text("(deployment)"), Text("-"), Text(f"BROKEN: {result.problem}", style="red"), Text("-"), Text("")
    for row in result.rows:
        yield _cells(row)
    if not result.problem and not result.rows:
        yield Text("(none)"), Text("-"), Text("-"), Text("-"), Text("")


def _cells(row: Row) -> tuple[Text, Text, Text, Text, Text]:
    seconds = Text(f"{row.seconds:.1f}")
    if row.outcome is None:
        return Text(row.title, style="red"), Text("-"), Text(f"BROKEN: {row.problem}", style="red"), Text("-"), seconds
    return Text(row.title), Text(row.outcome.sent), Text(row.outcome.arrived), Text(row.outcome.failed), seconds


def _named(types: Counter[str]) -> str:
    return ", ".join(f"{count} {type.removeprefix('AWS::')}" for type, count in sorted(types.items()))
