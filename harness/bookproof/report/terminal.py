"""The terminal: progress, failures as they come, a summary. Plain lines where the output is no terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import (
    CaseFinished,
    CaseResult,
    CaseStarted,
    LevelDiff,
    ResultEvent,
    RunFinished,
    RunStarted,
    Trouble,
    Verdict,
)

_STYLE = {
    Verdict.PASS: "green",
    Verdict.INFO: "cyan",
    Verdict.NON_STRICT: "yellow",
    Verdict.WARN: "yellow",
    Verdict.UNSUPPORTED: "dim",
    Verdict.INCONCLUSIVE: "magenta",
}


class TerminalReporter:
    """``verbosity``: -1 only the summary, 0 failures, 1 every case, 2 with all checks."""

    def __init__(self, console: Console, *, verbosity: int = 0) -> None:
        self.console = console
        self.verbosity = verbosity
        self.collected = Collected()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def handle(self, event: ResultEvent) -> None:
        self.collected.handle(event)
        match event:
            case RunStarted():
                self._started(event)
            case CaseStarted(id=case):
                if self._progress is not None and self._task is not None:
                    self._progress.update(self._task, description=case)
            case CaseFinished(result=result):
                if self._progress is not None and self._task is not None:
                    self._progress.advance(self._task)
                self._case(result)
            case Trouble(message=message):
                self.console.print(f"[bold red]trouble[/] {escape(message)}", soft_wrap=True)
            case RunFinished():
                self._finished(event)

    def _started(self, event: RunStarted) -> None:
        seed = "each scenario's own" if event.seed is None else str(event.seed)
        self.console.print(
            f"[bold]bookproof {event.version}[/]  client [bold]{escape(event.client)}[/]  dialects "
            f"{', '.join(event.dialects)}  {len(event.cases)} cases, {event.jobs} at a time, seed {seed}",
            soft_wrap=True,
        )
        if self.console.is_terminal and self.verbosity >= 0:
            self._progress = Progress(
                SpinnerColumn(),
                MofNCompleteColumn(),
                BarColumn(bar_width=30),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=self.console,
                transient=True,
            )
            self._task = self._progress.add_task("", total=len(event.cases))
            self._progress.start()

    def _case(self, result: CaseResult) -> None:
        style = "dim" if result.known is not None else _STYLE.get(result.verdict, "bold red")
        bad = result.verdict.rank >= Verdict.WARN.rank and result.verdict is not Verdict.UNSUPPORTED
        bad = bad or result.verdict is Verdict.NON_STRICT
        if self.verbosity < 0 or (self.verbosity == 0 and (not bad or result.known is not None)):
            return
        known = "  (known)" if result.known is not None else ""
        self.console.print(
            f"[{style}]{label(result):<28}[/] {escape(result.id)}  {result.seconds:.2f} s{known}", soft_wrap=True
        )
        if bad and result.known is None:
            self.console.print(f"    {escape(why(result))}", soft_wrap=True)
            check = telling(result)
            rule = None if check is None else rule_of(check)
            if check is not None and rule is not None:
                self.console.print(
                    f"    rule {check.rule} ({rule.level}): {escape(rule.text)} [dim]{escape(rule.source)}[/]", soft_wrap=True
                )
            if check is not None and check.diff:
                self.console.print(_diff(check.diff[:6]))
            if result.reproduced is not None:
                self.console.print(f"    run again in a fresh process: {'the same' if result.reproduced else 'passed'}")
            if result.reproduce:
                self.console.print(f"    again: {escape(result.reproduce)}", soft_wrap=True, style="dim")
        elif result.verdict is Verdict.UNSUPPORTED and self.verbosity > 0:
            self.console.print(f"    {escape(result.message)}", soft_wrap=True)
        if self.verbosity >= 2:
            for entry in result.checks:
                self.console.print(
                    f"      {entry.verdict:<12} {entry.id:<10} {escape(entry.title)} {escape(entry.message)}",
                    soft_wrap=True,
                    style="dim",
                )

    def _finished(self, event: RunFinished) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        collected = self.collected
        if self.verbosity >= 0 and collected.results:
            self.console.print(self._table())
        counts = ", ".join(f"{count} {name}" for name, count in collected.counts.items()) or "nothing ran"
        self.console.print(f"[bold]{counts}[/] in {event.seconds:.1f} s", soft_wrap=True)
        if collected.not_run:
            self.console.print(f"{len(collected.not_run)} cases were not run any more", soft_wrap=True)
        if collected.started is not None and collected.started.skipped_slow:
            self.console.print(
                f"{len(collected.started.skipped_slow)} slow cases were left out (--slow runs them): "
                + ", ".join(collected.started.skipped_slow),
                soft_wrap=True,
                style="dim",
            )
        meaning = EXIT_MEANING.get(event.exit_status, "")
        self.console.print(f"exit status {event.exit_status}: {meaning}", soft_wrap=True)

    def _table(self) -> Table:
        """Verdicts by topic: rows topics, columns dialects."""
        dialects = list(dict.fromkeys(result.dialect for result in self.collected.results))
        topics = list(dict.fromkeys(_topic(result) for result in self.collected.results))
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        for dialect in dialects:
            table.add_column(dialect)
        for topic in topics:
            row = [topic]
            for dialect in dialects:
                here = [r for r in self.collected.results if r.dialect == dialect and _topic(r) == topic]
                passed = sum(result.verdict in (Verdict.PASS, Verdict.INFO) for result in here)
                rest = [result for result in here if result.verdict not in (Verdict.PASS, Verdict.INFO)]
                text = f"[green]{passed} pass[/]" if passed else ""
                for verdict in dict.fromkeys(result.verdict for result in rest):
                    count = sum(result.verdict is verdict for result in rest)
                    text += f" [{_STYLE.get(verdict, 'red')}]{count} {verdict}[/]"
                row.append(text.strip() or "-")
            table.add_row(*row)
        return table


def _topic(result: CaseResult) -> str:
    return result.scenario.rsplit("/", 1)[0]


def _diff(rows: Sequence[LevelDiff]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim", show_edge=False)
    for name in ("    side", "price", "client", "truth", ""):
        table.add_column(name)
    for row in rows:
        table.add_row(f"    {row.side}", row.price, row.shown or "-", row.truth or "-", escape(row.note))
    return table
