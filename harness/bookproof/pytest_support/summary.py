"""What came out of a session's cases, in the process that reports (with xdist: the controller): the reports, the stale
known failures, and whether anything was proved."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bookproof.pytest_support.settings import Settings
    from bookproof.results import CaseResult


class Summary:
    """Takes the outcomes of items as plain values; `finish` decides, `show` prints."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began = time.monotonic()
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._selected: dict[str, None] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """The items that are going to run."""
        self.selected_ids(getattr(item, "bookproof_id", None) for item in items)

    def selected_ids(self, ids: Iterable[str | None]) -> None:
        """The same, by case id."""
        self._selected.update((name, None) for name in ids if name is not None)

    @property
    def cases(self) -> tuple[str, ...]:
        """Ids of the selected cases."""
        return tuple(self._selected)

    def take(self, outcome: Mapping[str, Any]) -> None:
        """The outcome of one item: ``id``, and ``result`` (a `CaseResult` in plain values) or ``slow`` (not run)."""
        self._outcomes[outcome["id"]] = dict(outcome)

    def finish(self, session: pytest.Session) -> None:
        """Everything has run: find what makes the session red although no item failed, and write the report."""
        if (not self._outcomes and not self._selected) or session.config.getoption("collectonly"):
            return
        import msgspec

        from bookproof.results import CaseResult, Verdict

        results = [
            msgspec.convert(outcome["result"], CaseResult) for outcome in self._outcomes.values() if "result" in outcome
        ]
        slow = [name for name, outcome in self._outcomes.items() if outcome.get("slow")]
        # an interrupted session proves nothing about what did not come any more
        whole = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if whole:
            if self._settings.known_failures is not None:
                from bookproof.pytest_support.stale import stale

                self.problems += stale(self._settings, results, session.config)
            if self._selected and not any(result.verdict is not Verdict.UNSUPPORTED for result in results):
                self.problems.append("no case was run: nothing is proved about the client")
        if slow:
            self.notes.append(f"{len(slow)} slow cases were not run (--bookproof-slow runs them): {', '.join(slow)}")
        if self._settings.report is not None:
            self._report(results, slow, interrupted=session.exitstatus == pytest.ExitCode.INTERRUPTED)
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """The section at the end, where there is something to say."""
        if not self.problems and not self.notes:
            return
        terminal.section("bookproof")
        for problem in self.problems:
            terminal.write_line(f"FAILED: {problem}", red=True)
        for note in self.notes:
            terminal.write_line(note)

    def _report(self, results: list[CaseResult], slow: list[str], *, interrupted: bool) -> None:
        import msgspec

        from bookproof import __version__
        from bookproof.report.api import Everyone, make
        from bookproof.report.api import Settings as ReporterSettings
        from bookproof.results import CaseFinished, Detail, RunFinished, RunStarted, Trouble
        from bookproof.suite import exit_status

        folder = self._settings.report
        assert folder is not None
        reporting = ReporterSettings(output=io.StringIO(), folder=folder)
        emit = Everyone([make(name, reporting) for name in ("json", "junit", "html")])
        emit(
            RunStarted(
                client=self._settings.client or "",
                dialects=self._settings.dialects,
                cases=tuple(name for name in self._selected if name not in slow),
                skipped_slow=tuple(slow),
                seed=self._settings.seed,
                version=__version__,
            )
        )
        for result in results:
            packed = self._outcomes[result.id].get("detail")
            emit(CaseFinished(result=result, detail=None if packed is None else msgspec.convert(packed, Detail)))
        troubles = [Trouble(status=2, message=problem) for problem in self.problems]
        for trouble in troubles:
            emit(trouble)
        emit(
            RunFinished(
                seconds=time.monotonic() - self._began,
                exit_status=exit_status(results, troubles, interrupted=interrupted, strict=self._settings.strict),
                interrupted=interrupted,
            )
        )
        self.problems += [trouble.message for trouble in emit.troubles]
        self.notes.append(f"report: {folder / 'report.html'}")
