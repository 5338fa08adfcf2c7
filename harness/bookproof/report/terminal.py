"""The terminal: progress, failures as they come, a summary. Plain whole lines where the output is no terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.matrix import Matrix
from bookproof.report.text import clean, one_line
from bookproof.report.words import diff_lines, label, rule_of, telling, why
from bookproof.results import (
    CaseFinished,
    CaseResult,
    CaseStarted,
    ResultEvent,
    RunFinished,
    RunStarted,
    Trouble,
    Verdict,
)

STYLE = {
    Verdict.PASS: "green",
    Verdict.INFO: "cyan",
    Verdict.NON_STRICT: "yellow",
    Verdict.WARN: "yellow",
    Verdict.UNSUPPORTED: "dim",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.FAIL: "bold red",
    Verdict.HUNG: "bold red",
    Verdict.CRASHED: "bold red",
    Verdict.ADAPTER_ERROR: "bold red",
    Verdict.HARNESS_ERROR: "bold white on red",
}

_INDENT = 4
#: So many lines of a client's log are shown with a failure; the report has more.
_LOG_LINES = 5
#: So many names are listed in a line.
_NAMES = 8


class TerminalReporter:
    """``verbosity``: -1 only the summary, 0 failures, 1 every case, 2 with all checks. ``folder``: of the report, where
    transcripts are.

    A terminal gets colours, a progress line and text wrapped at words; a pipe or file gets none of these."""

    def __init__(self, output: TextIO, *, verbosity: int = 0, folder: Path | None = None) -> None:
        self._live = output.isatty()
        self.console = Console(file=output, highlight=False, markup=False, emoji=False)
        self.verbosity = verbosity
        self._folder = folder
        self.collected = Collected()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._running: dict[str, None] = {}
        self._cited: set[str] = set()

    def handle(self, event: ResultEvent) -> None:
        self.collected.handle(event)
        match event:
            case RunStarted():
                self._started(event)
            case CaseStarted(id=case):
                self._running[case] = None
                self._show_progress()
            case CaseFinished(result=result):
                self._running.pop(result.id, None)
                self._case(result)
                self._show_progress(advance=1)
            case Trouble(message=message):
                self._print("trouble: ", message, style="bold red")
            case RunFinished():
                self._finished(event)

    # --- pieces ----------------------------------------------------------------------------------------------------

    def _print(self, head: str, text: str = "", *, style: str = "", indent: int = 0, whole: bool = False) -> None:
        """A line with its first words in a style. ``whole``: never broken, so that it can be copied."""
        head, text = (clean(part).replace("\n", " ") for part in (head, text))
        if not head and text.lstrip().startswith("::"):
            text = f"> {text}"  # a CI system would take it for a command of its own
        line = Text()
        line.append(head, style=style)
        line.append(text, style="" if head else style)
        if self._live and not whole:
            self.console.print(Padding(line, (0, 0, 0, indent)))
        else:
            padded = Text(" " * indent)
            padded.append_text(line)
            padded.rstrip()
            self.console.print(padded, soft_wrap=True)

    def _show_progress(self, advance: int = 0) -> None:
        if self._progress is not None and self._task is not None:
            names = ", ".join(case.partition("/")[2] for case in self._running)
            self._progress.update(self._task, advance=advance, description=names)

    # --- events ----------------------------------------------------------------------------------------------------

    def _started(self, event: RunStarted) -> None:
        seed = "the scenarios' own seeds" if event.seed is None else f"seed {event.seed}"
        many = "1 case" if len(event.cases) == 1 else f"{len(event.cases)} cases"
        jobs = min(event.jobs, max(1, len(event.cases)))
        self._print(
            f"bookproof {event.version}",
            f"  {many} of {', '.join(event.dialects)}, {jobs} at a time, {seed}",
            style="bold",
        )
        self._print("", f"client: {event.client}", whole=True)
        if self._live and self.verbosity >= 0:
            self._progress = Progress(
                SpinnerColumn(),
                MofNCompleteColumn(),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"), markup=False),
                console=self.console,
                transient=True,
            )
            self._task = self._progress.add_task("", total=len(event.cases))
            self._progress.start()

    def _case(self, result: CaseResult) -> None:
        known = result.known is not None
        said = _says_something(result) and not known
        if self.verbosity < 0 or (self.verbosity == 0 and not said):
            return
        style = "dim" if known else STYLE[result.verdict]
        note = f"  known: {one_line(result.known or '', 60)}" if known else ""
        self._print(f"{label(result):<28}", f" {result.id}  {result.seconds:.2f} s{note}", style=style)
        if said:
            self._explain(result)
        elif result.message and not known:
            self._print("", result.message, indent=_INDENT)
        if self.verbosity >= 2:
            for check in result.checks:
                text = f" {check.id:<8} {check.title}" + (f": {one_line(check.message)}" if check.message else "")
                self._print(f"{check.verdict:<12}", text, style=STYLE[check.verdict], indent=_INDENT)

    def _explain(self, result: CaseResult) -> None:
        """What, against which rule, where, and how to see more."""
        self._print(one_line(result.title), style="bold", indent=_INDENT)
        self._print("", one_line(why(result)), indent=_INDENT)
        check = telling(result)
        if check is not None:
            rule = rule_of(check)
            if rule is not None and check.rule in self._cited:
                self._print("", f"rule {check.rule} ({rule.level}), as above", style="dim", indent=_INDENT)
            elif rule is not None and check.rule is not None:
                self._cited.add(check.rule)
                self._print("", f"rule {check.rule} ({rule.level}): {rule.text}", indent=_INDENT)
                self._print("", rule.source, style="dim", indent=_INDENT + 2, whole=True)
            for line in diff_lines(check.diff) if check.diff else ():
                self._print("", line, indent=_INDENT + 2, whole=True)
        whose = "" if result.verdict is Verdict.HARNESS_ERROR else "client: "
        for line in result.stderr[-_LOG_LINES:]:
            self._print(whose, one_line(line, 200), style="dim", indent=_INDENT)
        if result.reproduced:
            self._print("", "run again in a fresh process: the same", indent=_INDENT)
        if result.transcript is not None and self._folder is not None:
            where = "" if check is None or check.position is None else f"  (position {check.position})"
            self._print(
                "see:    ", f"{self._folder / result.transcript}{where}", style="dim", indent=_INDENT, whole=True
            )
        if result.reproduce:
            self._print("again:  ", result.reproduce, style="dim", indent=_INDENT, whole=True)

    def _finished(self, event: RunFinished) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        collected = self.collected
        if self.verbosity >= 0 and len(collected.results) > 1:
            self.console.print()
            self._matrix(Matrix.of(collected.results))
            self.console.print()
        counts = collected.counts
        line = Text()
        for name, count in counts.items():
            style = "dim" if name == "known" else STYLE[Verdict(name)]
            line.append(", " if line else "").append(f"{count} {name}", style=style)
        line.append(f"{'' if counts else 'nothing was run'} in {event.seconds:.1f} s")
        self.console.print(line, soft_wrap=True)
        if collected.results and collected.not_run:
            self._print("", f"not run any more, {len(collected.not_run)}: {_names(collected.not_run)}")
        if collected.results and collected.started is not None and collected.started.skipped_slow:
            slow = collected.started.skipped_slow
            self._print("", f"slow, left out (--slow runs them), {len(slow)}: {_names(slow)}", style="dim")
        meaning = EXIT_MEANING.get(event.exit_status, "")
        self._print(
            f"exit status {event.exit_status}", f": {meaning}", style="green" if not event.exit_status else "bold red"
        )

    def _matrix(self, matrix: Matrix) -> None:
        """Verdicts by topic: rows topics, columns dialects."""
        cells = [
            ["", *matrix.dialects],
            *(
                [topic, *(", ".join(f"{count} {name}" for name, count in cell) or "-" for cell in row)]
                for topic, row in matrix.rows
            ),
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        head = Text("  ".join(text.ljust(width) for text, width in zip(cells[0], widths, strict=True)).rstrip(), "bold")
        self.console.print(head, soft_wrap=True)
        for topic, row in matrix.rows:
            line = Text(topic.ljust(widths[0]))
            for number, (cell, width) in enumerate(zip(row, widths[1:], strict=True), 1):
                text = Text("  ")
                for place, (name, count) in enumerate(cell):
                    style = "dim" if name == "known" else STYLE[Verdict(name)]
                    text.append(", " if place else "").append(f"{count} {name}", style=style)
                if not cell:
                    text.append("-", style="dim")
                if number < len(row):
                    text.pad_right(max(0, width + 2 - len(text)))
                line.append_text(text)
            self.console.print(line, soft_wrap=True)


def _says_something(result: CaseResult) -> bool:
    return result.verdict is Verdict.NON_STRICT or (
        result.verdict.rank >= Verdict.WARN.rank and result.verdict is not Verdict.UNSUPPORTED
    )


def _names(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest} more" if rest > 0 else "")
