"""The run of one pytest process: its settings, its client, and what came out of its cases."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bookproof.pytest_support import settings
from bookproof.pytest_support.summary import Summary

if TYPE_CHECKING:  # these bring trio: not before there is a case to run
    from bookproof.cases.plan import Case
    from bookproof.known import Known
    from bookproof.pytest_support.client import Client
    from bookproof.pytest_support.portal import Portal
    from bookproof.results import CaseResult, Detail


class Run:
    """One a process (with xdist: one in the controller, which runs nothing, and one in each worker)."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings.read(config)
        self.summary = Summary(self.settings)
        self.detail: Detail | None = None
        """Of the case that was judged last, where a report is wanted: what its page draws."""
        if self.settings.known_failures is not None:
            self.known  # noqa: B018 - a file that cannot be read is said before anything runs
        config.pluginmanager.register(_Listener(self.summary), "bookproof-listener")

    def header(self) -> str:
        return f"bookproof: client {self.settings.client}, dialects {', '.join(self.settings.dialects)}"

    @functools.cached_property
    def known(self) -> tuple[Known, ...]:
        from bookproof.known import load_known
        from bookproof_exchange.errors import UsageError

        if self.settings.known_failures is None:
            return ()
        try:
            return load_known(self.settings.known_failures)
        except UsageError as error:
            raise pytest.UsageError(f"bookproof: {error}") from None

    @functools.cached_property
    def portal(self) -> Portal:
        from bookproof.pytest_support.portal import Portal

        return Portal()

    @functools.cached_property
    def client(self) -> Client:
        """UsageError where none is configured."""
        from bookproof.pytest_support.client import Client

        return Client(self.portal, self.settings)

    def judge(self, case: Case, *, node: str | None = None) -> tuple[CaseResult, tuple[str, ...], str | None]:
        """Run a case on the client: its result (known failures marked), the commands to run it again, and the path of
        its transcript, where one was written. ``node``: the item that pytest runs it again by."""
        import datetime

        import msgspec

        from bookproof.diagnosis.library import explained
        from bookproof.known import apply_known
        from bookproof.report import failures, transcript

        run = self.client.run(case)
        run.result = explained(run)
        today = datetime.datetime.now(tz=datetime.UTC).date()
        result = apply_known([run.result], self.known, all_cases=(), today=today, strict=self.settings.strict).results[
            0
        ]
        again = self._again(case, node)
        changes = {"reproduce": again[-1]}
        path: Path | None = None
        report = self.settings.report
        if run.evidence and (report is not None or result.failing):
            name = Path("transcripts") / f"{failures.file_name(case.id)}.jsonl"
            path = self._folder / name
            transcript.write(run.evidence, path)
            if report is not None:
                changes["transcript"] = str(name)
        if report is not None and result.failing and result.known is None:
            changes["scenario_file"] = failures.write(case, result, report)
        result = msgspec.structs.replace(result, **changes)
        self.detail = None
        if report is not None:
            from bookproof.report.page.pack import detail

            run.result = result
            self.detail = detail(run)
        return result, again, None if path is None else str(path)

    @functools.cached_property
    def _folder(self) -> Path:
        """Where transcripts go: the report, or pytest's cache."""
        if self.settings.report is not None:
            return self.settings.report
        cache = getattr(self.config, "cache", None)
        if cache is not None:
            made: Path = cache.mkdir("bookproof")
            return made
        import tempfile

        return Path(tempfile.mkdtemp(prefix="bookproof-"))

    def _again(self, case: Case, node: str | None) -> tuple[str, ...]:
        """Commands that run a case again: with pytest, where an item makes it, and with ``bookproof``."""
        if case.path is not None:
            harness = [
                "bookproof",
                "replay",
                case.path,
                "--client",
                str(self.settings.client),
                "--dialect",
                case.dialect,
            ]
        else:
            harness = ["bookproof", "run", "--client", str(self.settings.client), "--dialect", case.dialect]
            harness += ["--case", case.scenario.id]
        if self.settings.seed is not None:
            harness += ["--seed", str(self.settings.seed)]
        if self.settings.time_scale != 1.0:
            harness += ["--time-scale", f"{self.settings.time_scale:g}"]
        if node is None:
            return (settings.quoted(harness),)
        words = ["pytest", *self.settings.arguments]
        if self.config.getoption("bookproof_dialects"):
            words += ["--bookproof-dialect", case.dialect]
        words += ["--pyargs", node] if node.startswith("bookproof.conformance") else [node]
        return settings.quoted(words), settings.quoted(harness)

    # --- the end -----------------------------------------------------------------------------------------------------

    def finish(self, session: pytest.Session) -> None:
        """The session is over: end the client; where this process reports, decide and write the report."""
        self.close()
        output: dict[str, Any] | None = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["bookproof_cases"] = list(self.summary.cases)
        else:
            self.summary.finish(session)

    def close(self) -> None:
        """End the client's process and the loop. May be called again."""
        if "client" in self.__dict__:
            self.client.close()
        if "portal" in self.__dict__:
            self.portal.close()


class _Listener:
    """Hears the reports of the items: those of this process, or those that xdist's workers sent."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = getattr(report, "bookproof", None)
        if outcome is not None:
            self._summary.take(outcome)
