"""The terminal: progress, failures as they come, a summary. Plain whole lines where the output is no terminal."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.padding import Padding
from rich.text import Text

from bookproof.report.causes import stands_out
from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.console import console_for, is_live
from bookproof.report.progress import Progress
from bookproof.report.style import STYLE, counted
from bookproof.report.summary import cause_lines, matrix_lines
from bookproof.report.text import clean, one_line
from bookproof.report.words import diff_lines, label, likely, rule_of, seen, telling
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

__all__ = ["STYLE", "TerminalReporter"]

_INDENT = 4
#: So many lines of a client's log are shown with a failure; the report has more.
_LOG_LINES = 5
#: After so many cases that all ended with the process, the adapter is suspected.
_ENOUGH = 3
#: So many names are listed in a line.
_NAMES = 8


class TerminalReporter:
    """``verbosity``: -1 only the summary, 0 failures, 1 every case, 2 with all checks. ``folder``: of the report, where
    transcripts are.

    A terminal gets colours, a progress line and text wrapped at words; a pipe or file gets none of these (`console`)."""

    def __init__(
        self,
        output: TextIO,
        *,
        verbosity: int = 0,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        environment = environment or {}
        self._live = is_live(output, environment)
        self.console = console_for(output, environment)
        self.verbosity = verbosity
        self._folder = folder
        self._clock = clock
        self.collected = Collected()
        self._progress: Progress | None = None
        self._cited: set[str] = set()
        self._guessed: set[str] = set()

    def handle(self, event: ResultEvent) -> None:
        self.collected.handle(event)
        match event:
            case RunStarted():
                self._started(event)
            case CaseStarted(id=case):
                if self._progress is not None:
                    self._progress.begin(case)
            case CaseFinished(result=result):
                self._case(result)
                self._suspect_adapter()
                if self._progress is not None:
                    self._progress.end(result.id)
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
        if self._progress is not None:
            self._progress.spoke()
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
        if self.verbosity >= 0:
            self._progress = Progress(
                self.console, self.collected, len(event.cases), live=self._live, clock=self._clock
            )

    def _case(self, result: CaseResult) -> None:
        known = result.known is not None
        said = stands_out(result) and not known
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

    def _suspect_adapter(self) -> None:
        """Where nothing has worked so far, it is hardly the client."""
        results = self.collected.results
        if self.verbosity < 0 or len(results) != _ENOUGH or self.collected.started is None:
            return
        if all(result.verdict in (Verdict.CRASHED, Verdict.HUNG, Verdict.ADAPTER_ERROR) for result in results):
            command = shlex.join(["bookproof", "adapter", "check", "--client", self.collected.started.client])
            self._print(
                "all so far: ", f"{results[-1].verdict}. Is it the adapter? See: {command}", style="bold", whole=True
            )

    def _explain(self, result: CaseResult) -> None:
        """What, against which rule, where, and how to see more."""
        self._print(one_line(result.title), style="bold", indent=_INDENT)
        self._print("", one_line(seen(result)), indent=_INDENT)
        guess = one_line(likely(result))
        if guess and guess in self._guessed:
            self._print("", f"This looks like {result.suspects[0].name}, as above.", style="dim", indent=_INDENT)
        elif guess:
            self._print("", guess, indent=_INDENT)
            if result.suspects:
                self._guessed.add(guess)
        check = telling(result)
        if check is not None:
            head = "unproven: " if check.verdict is Verdict.INCONCLUSIVE else "broken: "
            self._print(head, f"{check.id}, {one_line(check.title)}", style="dim", indent=_INDENT)
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
            self._blocks(collected.results)
        counts = counted(collected.counts.items()) or Text("nothing was run")
        self.console.print(counts.append(f" in {_duration(event.seconds)}"), soft_wrap=True)
        for reason, cases in _unsupported(collected.results).items():
            self._print("", f"unsupported, {len(cases)}: {one_line(reason, 200)}", style="dim")
        if collected.results and collected.not_run:
            self._print("", f"not run any more, {len(collected.not_run)}: {_names(collected.not_run)}")
        if collected.results and collected.started is not None and collected.started.skipped_slow:
            slow = collected.started.skipped_slow
            self._print("", f"slow, left out (--slow runs them), {len(slow)}: {_names(slow)}", style="dim")
        meaning = EXIT_MEANING.get(event.exit_status, "")
        self._print(
            f"exit status {event.exit_status}", f": {meaning}", style="green" if not event.exit_status else "bold red"
        )

    def _blocks(self, results: Sequence[CaseResult]) -> None:
        self.console.print()
        for line in matrix_lines(results, self.console.width if self._live else None):
            self.console.print(line, soft_wrap=True)
        self.console.print()
        found = cause_lines(results)
        for line in found:
            self.console.print(line, soft_wrap=not self._live)
        if found and self._folder is None:
            self._print("", "--report DIR writes a page that draws every one of them", style="dim")
        if found:
            self.console.print()


def _unsupported(results: Sequence[CaseResult]) -> dict[str, list[str]]:
    """The adapter's reasons, and the cases of each."""
    found: dict[str, list[str]] = {}
    for result in results:
        if result.verdict is Verdict.UNSUPPORTED:
            found.setdefault(seen(result) or "no reason was given", []).append(result.id)
    return found


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _names(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest} more" if rest > 0 else "")
