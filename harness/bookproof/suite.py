"""Runs many cases on several client processes and turns them into one stream of result events."""

from __future__ import annotations

import datetime
import traceback
from collections import deque
from collections.abc import Callable, Iterable

import msgspec
import trio

from bookproof import __version__
from bookproof.attempts import attempt, merged, rests_on_time, run_alone, worth_a_second_run
from bookproof.case_run import CaseRun, Venue
from bookproof.cases.plan import Case
from bookproof.drivers.advice import last_words
from bookproof.drivers.api import ClientCrashed, ClientHung, Driver, DriverFactory
from bookproof.known import Known, apply_known
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
from bookproof.turns import Turns
from bookproof_exchange.errors import AdapterError, BookproofError
from bookproof_exchange.scenario.model import Quiet
from bookproof_exchange.timing import Timing

__all__ = ["PRECEDENCE", "Emit", "Keep", "Suite", "exit_status", "run_alone", "run_suite"]

Emit = Callable[[ResultEvent], None]
Keep = Callable[[Case, CaseRun], None]
Explain = Callable[[CaseRun], CaseResult]

#: Of the exit statuses that apply, the first of these is the run's.
PRECEDENCE = (130, 5, 4, 3, 1, 2, 0)

#: So many failures that rest on time came back one after the other: then the machine is not the cause, and further ones
#: count at once. A client that never gets a book would otherwise cost every limit twice.
_ENOUGH = 8


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What to run and how."""

    cases: tuple[Case, ...]
    client: str
    skipped_slow: tuple[Case, ...] = ()
    all_cases: tuple[str, ...] = ()
    """Every id that there is, on whatever dialect, selected or not: known-failures entries of others are stale."""
    jobs: int = 1
    timing: Timing = Timing()
    known: tuple[Known, ...] = ()
    strict: bool = False
    seed: int | None = None
    again: bool = True
    """Run a failed case once more in a fresh process."""


async def run_suite(
    suite: Suite,
    factory: DriverFactory,
    venue: Venue,
    emit: Emit,
    *,
    keep: Keep = lambda case, run: None,
    explain: Explain | None = None,
) -> int:
    """Run all; returns the exit status. Every reporter hears of everything through ``emit``; ``keep`` gets the evidence
    and may complete the result before it is reported. ``explain`` diagnoses a case that did not pass, in a thread of its
    own, so that the clients beside it are not kept waiting.

    Cancelled (Ctrl-C): what was measured so far is reported before the cancellation goes on. A failure of the harness
    outside any case is reported, with exit status 5, before it goes on."""
    began = trio.current_time()
    emit(
        RunStarted(
            client=suite.client,
            dialects=tuple(dict.fromkeys(case.dialect for case in (*suite.cases, *suite.skipped_slow))),
            cases=tuple(case.id for case in suite.cases),
            skipped_slow=tuple(case.id for case in suite.skipped_slow),
            jobs=suite.jobs,
            seed=suite.seed,
            version=__version__,
        )
    )
    work = _Work(suite, factory, venue, emit, keep, explain)
    interrupted = False
    try:
        await work.all()
    except BaseException as error:
        leaves = list(_leaves(error))
        interrupted = any(isinstance(leaf, trio.Cancelled | KeyboardInterrupt) for leaf in leaves)
        ours = [leaf for leaf in leaves if not isinstance(leaf, BookproofError | trio.Cancelled | KeyboardInterrupt)]
        for blamed in [leaf for leaf in leaves if isinstance(leaf, BookproofError)][:1]:
            work.trouble(blamed.exit_status, str(blamed))
        for bug in ours[:1]:
            frame = traceback.extract_tb(bug.__traceback__)[-1:]
            where = f" ({frame[0].filename}:{frame[0].lineno})" if frame else ""
            work.trouble(5, f"Bookproof itself failed: {type(bug).__name__}: {bug}{where}")
        if interrupted or ours:
            raise
    finally:
        if not interrupted:
            stale = apply_known(
                work.results, suite.known, all_cases=suite.all_cases, today=_today(), strict=suite.strict
            ).stale
            for message in stale:
                work.trouble(2, message)
        status = exit_status(work.results, work.troubles, interrupted=interrupted, strict=suite.strict)
        emit(RunFinished(seconds=trio.current_time() - began, exit_status=status, interrupted=interrupted))
    return status


class _Work:
    """The cases of one suite, on their way."""

    def __init__(
        self,
        suite: Suite,
        factory: DriverFactory,
        venue: Venue,
        emit: Emit,
        keep: Keep,
        explain: Explain | None,
    ) -> None:
        self.results: list[CaseResult] = []
        self.troubles: list[Trouble] = []
        self._suite = suite
        self._factory = factory
        self._venue = venue
        self._emit = emit
        self._keep = keep
        self._explain = explain
        self._waiting = deque(sorted(suite.cases, key=_order))
        self._turns = Turns()
        self._came_back = 0

    def trouble(self, status: int, message: str) -> None:
        self.troubles.append(Trouble(status=status, message=message))
        self._emit(self.troubles[-1])

    async def all(self) -> None:
        """Run every case. Raises what ends the whole run: the client cannot be run, or never says hello."""
        if not self._waiting:
            return
        first = await self._first_client()
        async with trio.open_nursery() as nursery:
            for number in range(max(1, min(self._suite.jobs, len(self._waiting)))):
                nursery.start_soon(self._worker, first if number == 0 else None)

    async def _first_client(self) -> Driver:
        """A client that does not say hello once will not do so for any case: there is nothing to run."""
        try:
            return await self._factory()
        except (ClientHung, ClientCrashed) as error:
            raise AdapterError(f"{self._suite.client}: {error}", hint=last_words(error.stderr)) from None
        except AdapterError as error:
            raise AdapterError(f"{self._suite.client}: {error.message}", hint=error.hint) from None

    async def _worker(self, driver: Driver | None) -> None:
        """Runs the next case that nobody runs yet, until there is none."""
        suite = self._suite
        try:
            while self._waiting:
                case = self._waiting.popleft()
                self._emit(CaseStarted(id=case.id))
                async with self._turns.beside():
                    driver, run = await attempt(case, driver, self._factory, self._venue, suite.timing)
                if suite.again and worth_a_second_run(run.result):
                    # the fresh process of the second run goes on with the next case
                    if driver is not None:
                        await driver.close()
                        driver = None
                    driver, run = await self._second(case, run)
                if self._explain is not None and run.result.verdict.rank > Verdict.INFO.rank:
                    run.result = await trio.to_thread.run_sync(self._explain, run)
                self._finish(case, run)
        finally:
            if driver is not None:
                with trio.CancelScope(shield=True):
                    await driver.close()

    async def _second(self, case: Case, first: CaseRun) -> tuple[Driver | None, CaseRun]:
        timed = rests_on_time(first.result)
        if timed and self._came_back >= _ENOUGH:
            note = (
                f"{first.result.message} Not run again: the last {_ENOUGH} that rested on time all came back.".strip()
            )
            first.result = msgspec.structs.replace(first.result, message=note)
            return None, first
        try:
            async with self._turns.alone() if timed else self._turns.beside():
                driver, second = await attempt(case, None, self._factory, self._venue, self._suite.timing)
        except BaseException:
            self._finish(case, first)  # what was measured counts as it is
            raise
        run = merged(first, second)
        if timed:
            self._came_back = self._came_back + 1 if run.result.reproduced else 0
        return driver, run

    def _finish(self, case: Case, run: CaseRun) -> None:
        marked = apply_known(
            [run.result], self._suite.known, all_cases=(), today=_today(), strict=self._suite.strict
        ).results
        run.result = marked[0]
        self._keep(case, run)
        self.results.append(run.result)
        self._emit(CaseFinished(result=run.result, detail=run.detail))


def exit_status(
    results: Iterable[CaseResult], troubles: Iterable[Trouble], *, interrupted: bool = False, strict: bool = False
) -> int:
    """0 all passed or as known; 1 failed, crashed, hung; 2 inconclusive, nothing ran, all unsupported, stale entry;
    3 adapter error; 4 usage; 5 harness error; 130 interrupted. Where several apply: `PRECEDENCE`."""
    found: set[int] = {trouble.status for trouble in troubles}
    if interrupted:
        found.add(130)
    verdicts: list[Verdict] = []
    for result in results:
        verdicts.append(result.verdict)
        if result.known is not None:
            continue
        match result.verdict:
            case Verdict.FAIL | Verdict.CRASHED | Verdict.HUNG:
                found.add(1)
            case Verdict.INCONCLUSIVE:
                found.add(2)
            case Verdict.ADAPTER_ERROR:
                found.add(3)
            case Verdict.HARNESS_ERROR:
                found.add(5)
            case Verdict.WARN | Verdict.INFO | Verdict.NON_STRICT:
                if strict:
                    found.add(1)
            case Verdict.PASS | Verdict.UNSUPPORTED:
                pass
    if all(verdict is Verdict.UNSUPPORTED for verdict in verdicts):
        found.add(2)  # also where there is none: nothing was proved
    return next((status for status in PRECEDENCE if status in found), 0)


def _order(case: Case) -> tuple[bool, float]:
    """Slow cases last; of the others those first that keep quiet for long, so that no client is left with them at the
    end while the others have nothing to do."""
    quiet = sum(step.seconds for step in case.scenario.script if isinstance(step, Quiet))
    return case.scenario.slow, -quiet


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
