"""What a search shows: progress, findings as they come, a summary. Where the output is no terminal, progress is a whole line
now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bookproof import __version__
from bookproof.fuzz.finding import Finding
from bookproof.fuzz.search import Limits, Outcome, Progress
from bookproof.report.collect import EXIT_MEANING
from bookproof.report.terminal import STYLE
from bookproof.report.text import clean, one_line
from bookproof.report.words import why

_INDENT = 4
#: Seconds between two lines of progress in a log, at first; then twice as long each time, up to the second number.
_LOG_EVERY = (5.0, 60.0)


class Terminal:
    """``quiet``: no progress."""

    def __init__(self, output: TextIO, limits: Limits, *, quiet: bool = False) -> None:
        self._live = output.isatty()
        self._console = Console(file=output, highlight=False, markup=False, emoji=False)
        self._limits = limits
        self._quiet = quiet
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._interval, self._due = _LOG_EVERY[0], _LOG_EVERY[0]

    def start(self, dialect: str, client: str, seed: int, kinds: Sequence[str], kept: int) -> None:
        self._line(f"bookproof {__version__}", f"  fuzz {dialect}, {self._until()}, seed {seed}", style="bold")
        self._line("", f"client: {client}", whole=True)
        self._line("", f"{len(kinds)} kinds of fault: {', '.join(kinds)}", style="dim")
        if kept:
            self._line("", f"first what failed before: {kept} kept in the example database")
        if self._live and not self._quiet:
            column = TextColumn(
                "{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"), markup=False
            )
            self._bar = Bar(SpinnerColumn(), column, console=self._console, transient=True)
            self._task = self._bar.add_task("starting the client", total=None)
            self._bar.start()

    def progress(self, progress: Progress) -> None:
        if self._quiet:
            return
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._said(progress))
        elif not self._live and progress.seconds >= self._due:
            self._interval = min(self._interval * 2, _LOG_EVERY[1])
            self._due = progress.seconds + self._interval
            self._line("", self._said(progress))

    def found(self, finding: Finding, path: str, again: str) -> None:
        where = "from the database" if finding.replayed else f"example {finding.found_after}"
        steps = f"{finding.first_size} steps, shrunk to {finding.size}"
        if not finding.whole:
            steps += ", not shrunk to the end"
        self._line(f"{finding.signature}", f"  {where}; {steps}", style=STYLE[finding.result.verdict])
        self._line("", one_line(why(finding.result)), indent=_INDENT)
        if not finding.reproduced:
            self._line("", "seen once; it did not come back when run again with a fresh client", indent=_INDENT)
        self._line("see:    ", path, style="dim", indent=_INDENT, whole=True)
        self._line("again:  ", again, style="dim", indent=_INDENT, whole=True)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def finish(self, outcome: Outcome, seed: int, status: int) -> None:
        self.stop()
        counts = ", ".join(
            f"{count} {verdict}" for verdict, count in sorted(outcome.verdicts.items(), key=lambda e: e[0].rank)
        )
        self._line(
            "", f"{outcome.examples} examples in {outcome.seconds:.1f} s: {counts or 'nothing was run'} (seed {seed})"
        )
        if outcome.exhausted:
            self._line("", "there was nothing more to try")
        if outcome.unplayable or outcome.unfair:
            text = f"{outcome.unplayable} scripts that the market could not play, {outcome.unfair} that asked too much"
            self._line("", f"left out: {text}", style="dim")
        for signature, count in outcome.unconfirmed.items():
            self._line("", f"{signature}: {count} times by a time limit alone, and not when run again", style="dim")
        self._line(
            f"exit status {status}", f": {_meaning(status, outcome)}", style="green" if not status else "bold red"
        )

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _until(self) -> str:
        limits = self._limits
        ends = [f"{limits.examples} examples"] if limits.examples is not None else []
        if limits.seconds is not None:
            ends.append(f"{limits.seconds:g} s")
        return " or ".join(ends)

    def _said(self, progress: Progress) -> str:
        rate = progress.examples / progress.seconds if progress.seconds > 0 else 0.0
        parts = [f"{progress.examples} examples", f"{rate:.1f}/s", f"{progress.findings} found"]
        left = self._left(progress, rate)
        if left is not None:
            parts.append(f"{left:.0f} s left")
        if progress.shrinking is not None:
            parts.append(f"shrinking {progress.shrinking}: {progress.size} steps after {progress.tries} tries")
        return ", ".join(parts)

    def _left(self, progress: Progress, rate: float) -> float | None:
        limits = self._limits
        ends = [] if limits.seconds is None else [max(0.0, limits.seconds - progress.seconds)]
        if limits.examples is not None and rate > 0:
            ends.append(max(0, limits.examples - progress.examples) / rate)
        return min(ends, default=None)

    def _line(self, head: str, text: str = "", *, style: str = "", indent: int = 0, whole: bool = False) -> None:
        head, text = (clean(part).replace("\n", " ") for part in (head, text))
        line = Text()
        line.append(head, style=style)
        line.append(text, style="" if head else style)
        if self._live and not whole:
            self._console.print(Padding(line, (0, 0, 0, indent)))
        else:
            padded = Text(" " * indent)
            padded.append_text(line)
            padded.rstrip()
            self._console.print(padded, soft_wrap=True)


def _meaning(status: int, outcome: Outcome) -> str:
    match status:
        case 0:
            return "nothing found"
        case 1:
            return f"{len(outcome.findings)} found"
        case _:
            return EXIT_MEANING.get(status, "")
