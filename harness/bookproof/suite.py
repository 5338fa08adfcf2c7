"""Runs many cases on several client processes and turns them into one stream of result events."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec
import trio

from bookproof import __version__
from bookproof.case_run import CaseRun, Venue, run_case
from bookproof.cases.plan import Case
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
from bookproof_exchange.errors import AdapterError, BookproofError
from bookproof_exchange.timing import Timing

Emit = Callable[[ResultEvent], None]
Keep = Callable[[Case, CaseRun], None]

#: Properties that rest on time alone when they fail: run again, alone, before they count.
_TIMED = ("E1", "E3", "await")


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What to run and how."""

    cases: tuple[Case, ...]
    client: str
    skipped_slow: tuple[Case, ...] = ()
    all_cases: tuple[str, ...] = ()
    """Every id of the catalogue on the chosen dialects, selected or not."""
    jobs: int = 1
    timing: Timing = Timing()
    known: tuple[Known, ...] = ()
    strict: bool = False
    seed: int | None = None
    again: bool = True
    """Run a failed case once more in a fresh process."""


async def run_suite(
    suite: Suite, factory: DriverFactory, venue: Venue, emit: Emit, *, keep: Keep = lambda case, run: None
) -> int:
    """Run all; returns the exit status. Every reporter hears of everything through ``emit``; ``keep`` gets the evidence.

    Cancelled (Ctrl-C): what was measured so far is reported before the cancellation goes on."""
    began = trio.current_time()
    emit(
        RunStarted(
            client=suite.client,
            dialects=tuple(dict.fromkeys(case.dialect for case in suite.cases)),
            cases=tuple(case.id for case in suite.cases),
            skipped_slow=tuple(case.id for case in suite.skipped_slow),
            jobs=suite.jobs,
            seed=suite.seed,
            version=__version__,
        )
    )
    results: list[CaseResult] = []
    troubles: list[Trouble] = []
    interrupted = False

    def trouble(status: int, message: str) -> None:
        troubles.append(Trouble(status=status, message=message))
        emit(troubles[-1])

    try:
        await _run_all(suite, factory, venue, emit, keep, results, trouble)
    except trio.Cancelled:
        interrupted = True
        raise
    except BaseExceptionGroup as group:
        interrupted = group.subgroup(KeyboardInterrupt) is not None
        raise
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        judged = apply_known(
            results, suite.known, all_cases=suite.all_cases, today=datetime.datetime.now(tz=datetime.UTC).date()
        )
        if not interrupted:
            for message in judged.stale:
                trouble(2, message)
        status = exit_status(judged.results, troubles, interrupted=interrupted, strict=suite.strict)
        emit(RunFinished(seconds=trio.current_time() - began, exit_status=status, interrupted=interrupted))
    return status


async def _run_all(
    suite: Suite,
    factory: DriverFactory,
    venue: Venue,
    emit: Emit,
    keep: Keep,
    results: list[CaseResult],
    trouble: Callable[[int, str], None],
) -> None:
    waiting = deque(sorted(suite.cases, key=lambda case: case.scenario.slow))
    doubtful: list[tuple[Case, CaseRun]] = []
    ids = [case.id for case in suite.cases]
    ever_lived = False

    def finish(case: Case, run: CaseRun) -> None:
        marked = apply_known(
            [run.result], suite.known, all_cases=ids, today=datetime.datetime.now(tz=datetime.UTC).date()
        ).results[0]
        run.result = marked
        keep(case, run)
        results.append(run.result)
        emit(CaseFinished(result=run.result))

    async def work() -> None:
        nonlocal ever_lived
        driver: Driver | None = None
        try:
            while waiting:
                case = waiting.popleft()
                emit(CaseStarted(id=case.id))
                driver, run = await _attempt(case, driver, factory, venue, suite.timing)
                if run.exchange is None and run.result.verdict.rank >= Verdict.HUNG.rank and not ever_lived:
                    # a client that has never said hello will not do so in the next case either
                    raise AdapterError(f"{suite.client}: {run.result.message}")
                ever_lived = True
                if suite.again and _worth_a_second_run(run.result):
                    doubtful.append((case, run))
                else:
                    finish(case, run)
        finally:
            if driver is not None:
                with trio.CancelScope(shield=True):
                    await driver.close()

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(max(1, min(suite.jobs, len(waiting)))):
                nursery.start_soon(work)
        # alone, each in a fresh process
        while doubtful:
            case, first = doubtful[0]
            driver, second = await _attempt(case, None, factory, venue, suite.timing)
            if driver is not None:
                await driver.close()
            doubtful.pop(0)
            finish(case, _merged(first, second))
    except BookproofError as error:
        trouble(error.exit_status, str(error))
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        if errors and all(isinstance(error, BookproofError) for error in errors):
            first_error = errors[0]
            assert isinstance(first_error, BookproofError)
            trouble(first_error.exit_status, str(first_error))
        else:
            raise
    finally:
        # interrupted: what was measured counts as it is
        for case, run in doubtful:
            finish(case, run)


async def run_alone(
    case: Case, driver: Driver | None, factory: DriverFactory, venue: Venue, timing: Timing, *, again: bool = True
) -> tuple[Driver | None, CaseRun]:
    """One case outside a suite, judged as in one: on the driver given, or on a new one, and (``again``), where it did
    not pass, once more in a fresh process. Returns the driver for the next case, where there is one."""
    driver, run = await _attempt(case, driver, factory, venue, timing)
    if again and _worth_a_second_run(run.result):
        if driver is not None:
            await driver.close()
        driver, second = await _attempt(case, None, factory, venue, timing)
        run = _merged(run, second)
    return driver, run


async def _attempt(
    case: Case, driver: Driver | None, factory: DriverFactory, venue: Venue, timing: Timing
) -> tuple[Driver | None, CaseRun]:
    """Run a case on the driver given, or on a new one; a driver that died or serves one case only is not returned."""
    if driver is None or not driver.alive:
        if driver is not None:
            await driver.close()
        try:
            driver = await factory()
        except ClientHung as hung:
            return None, _no_client(case, Verdict.HUNG, str(hung), hung.stderr)
        except ClientCrashed as crashed:
            return None, _no_client(case, Verdict.CRASHED, str(crashed), crashed.stderr)
        except AdapterError as error:
            return None, _no_client(case, Verdict.ADAPTER_ERROR, str(error), ())
    run = await run_case(case, driver, venue, timing)
    if not driver.alive or driver.info.isolation == "process":
        with trio.CancelScope(shield=True):
            await driver.close()
        return None, run
    return driver, run


def _no_client(case: Case, verdict: Verdict, message: str, stderr: Sequence[str]) -> CaseRun:
    result = CaseResult(
        id=case.id,
        dialect=case.dialect,
        scenario=case.scenario.id,
        title=case.scenario.title,
        seed=case.seed,
        verdict=verdict,
        checks=(),
        message=message,
        slow=case.scenario.slow,
        stderr=tuple(stderr)[-20:],
    )
    return CaseRun(result=result, evidence=(), chains={})


def _worth_a_second_run(result: CaseResult) -> bool:
    return result.verdict in (
        Verdict.FAIL,
        Verdict.HUNG,
        Verdict.CRASHED,
        Verdict.INCONCLUSIVE,
        Verdict.ADAPTER_ERROR,
    )


def _merged(first: CaseRun, second: CaseRun) -> CaseRun:
    """Both outcomes of a case that failed. What rests on time alone counts only if it came back."""
    came_back = second.result.verdict.rank >= Verdict.INCONCLUSIVE.rank
    if came_back:
        chosen = first if first.result.verdict.rank >= second.result.verdict.rank else second
    else:
        chosen = second if _timed_only(first.result) else first
    note = chosen.result.message
    if not came_back:
        note = (
            f"failed at first ({first.result.verdict}: {first.result.message}); did not come back when run again alone"
            if chosen is second
            else f"{note} (did not come back when run again in a fresh process)"
        )
    chosen.result = msgspec.structs.replace(chosen.result, attempts=2, reproduced=came_back, message=note)
    return chosen


def _timed_only(result: CaseResult) -> bool:
    if result.verdict is Verdict.HUNG:
        return True
    bad = [check for check in result.checks if check.verdict.rank >= Verdict.INCONCLUSIVE.rank]
    return bool(bad) and all(check.id.startswith(_TIMED) for check in bad)


def exit_status(
    results: Iterable[CaseResult], troubles: Iterable[Trouble], *, interrupted: bool = False, strict: bool = False
) -> int:
    """0 all passed or as known; 1 failed, crashed, hung; 2 inconclusive, nothing ran, all unsupported, stale entry;
    3 adapter error; 4 usage; 5 harness error; 130 interrupted. Where several apply: 130, 5, 4, 3, 1, 2, 0."""
    found: set[int] = {trouble.status for trouble in troubles}
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
    if not verdicts or all(verdict is Verdict.UNSUPPORTED for verdict in verdicts):
        found.add(2)
    if interrupted:
        return 130
    return next((status for status in (5, 4, 3, 1, 2) if status in found), 0)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
