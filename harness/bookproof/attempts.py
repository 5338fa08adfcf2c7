"""One case on one client process: the first attempt, and the second that a failure gets, in a fresh process."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import msgspec
import trio

from bookproof.case_run import CaseRun, Venue, run_case
from bookproof.cases.plan import Case
from bookproof.drivers.api import ClientCrashed, ClientHung, Driver, DriverFactory
from bookproof.results import CaseResult, Check, Verdict
from bookproof_exchange.errors import AdapterError, HarnessError, UsageError
from bookproof_exchange.timing import Timing

#: Checks that fail by a limit alone: E1, E3, the venue's limits and the script's waits; of other properties these anomalies.
_TIMED_CHECKS = ("E1", "E3", "E5@", "await-")
_TIMED_ANOMALIES = frozenset({"false-live", "no-recovery", "trade-lost"})
_LOG_LINES = 20


async def run_alone(
    case: Case, driver: Driver | None, factory: DriverFactory, venue: Venue, timing: Timing, *, again: bool = True
) -> tuple[Driver | None, CaseRun]:
    """One case outside a suite, judged as in one: on the driver given, or on a new one, and (``again``), where it did
    not pass, once more in a fresh process. Returns the driver for the next case, where there is one."""
    driver, run = await attempt(case, driver, factory, venue, timing)
    if again and worth_a_second_run(run.result):
        if driver is not None:
            await driver.close()
        driver, second = await attempt(case, None, factory, venue, timing)
        run = merged(run, second)
    return driver, run


async def attempt(
    case: Case, driver: Driver | None, factory: DriverFactory, venue: Venue, timing: Timing
) -> tuple[Driver | None, CaseRun]:
    """Run a case on the driver given, or on a new one; a driver that died or serves one case only is not returned.

    What goes wrong with the client, the adapter or the harness is the case's verdict: one case does not end the others.
    Raises UsageError: the client cannot be run at all."""
    if driver is None or not driver.alive:
        if driver is not None:
            await driver.close()
        try:
            driver = await factory()
        except ClientHung as hung:
            return None, _without_evidence(case, Verdict.HUNG, str(hung), hung.stderr)
        except ClientCrashed as crashed:
            return None, _without_evidence(case, Verdict.CRASHED, str(crashed), crashed.stderr)
        except AdapterError as error:
            return None, _without_evidence(case, Verdict.ADAPTER_ERROR, str(error), ())
    try:
        run = await run_case(case, driver, venue, timing)
    except Exception as error:
        leaves = _leaves(error)
        usage = next((leaf for leaf in leaves if isinstance(leaf, UsageError)), None)
        await _close(driver)
        if usage is not None:
            raise usage from None
        return None, _harness_failed(case, error, leaves)
    except BaseException:
        await _close(driver)
        raise
    if not driver.alive or driver.info.isolation == "process":
        await _close(driver)
        return None, run
    return driver, run


def worth_a_second_run(result: CaseResult) -> bool:
    """Whether a second run in a fresh process can tell more. A warning is as firm as the check that gave it, so it gets one
    where it rests on time."""
    return rests_on_time(result) or result.verdict in (
        Verdict.FAIL,
        Verdict.HUNG,
        Verdict.CRASHED,
        Verdict.INCONCLUSIVE,
        Verdict.ADAPTER_ERROR,
    )


def rests_on_time(result: CaseResult) -> bool:
    """Whether nothing but a limit says that the client failed, or deserves a warning: then a busy machine may be the
    cause."""
    match result.verdict:
        case Verdict.HUNG:
            return True
        case Verdict.FAIL | Verdict.WARN:
            return all(_timed(check) for check in result.checks if check.verdict.rank >= result.verdict.rank)
        case _:
            return False


def merged(first: CaseRun, second: CaseRun) -> CaseRun:
    """Both outcomes of a case that did not pass at first. What rests on time alone, and what proved nothing, counts only
    if it came back; anything else counts in any case, and it is said that it did not come back."""
    came_back = second.result.verdict.rank >= min(first.result.verdict.rank, Verdict.INCONCLUSIVE.rank)
    if came_back:
        chosen = first if first.result.verdict.rank >= second.result.verdict.rank else second
        note = chosen.result.message
    elif first.result.verdict is Verdict.INCONCLUSIVE or rests_on_time(first.result):
        chosen = second
        said = first.result.message.rstrip(".")
        note = (
            f"At first {first.result.verdict}{f' ({said})' if said else ''}; it did not come back when run again alone."
        )
    else:
        chosen = first
        note = f"{chosen.result.message} It did not come back when run again in a fresh process.".strip()
    chosen.result = msgspec.structs.replace(chosen.result, attempts=2, reproduced=came_back, message=note)
    return chosen


async def _close(driver: Driver) -> None:
    with trio.CancelScope(shield=True):
        await driver.close()


def _timed(check: Check) -> bool:
    return check.id.startswith(_TIMED_CHECKS) or check.anomaly in _TIMED_ANOMALIES


def _without_evidence(case: Case, verdict: Verdict, message: str, stderr: Sequence[str]) -> CaseRun:
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
        stderr=tuple(stderr)[-_LOG_LINES:],
    )
    return CaseRun(result=result, evidence=(), chains={})


def _harness_failed(case: Case, error: Exception, leaves: Sequence[BaseException]) -> CaseRun:
    first = next((leaf for leaf in leaves if not isinstance(leaf, AdapterError)), leaves[0])
    said = str(first) if isinstance(first, HarnessError) else f"{type(first).__name__}: {first}"
    lines = "".join(traceback.format_exception(error)).splitlines()
    return _without_evidence(
        case, Verdict.HARNESS_ERROR, f"Bookproof failed, please report it: {said.rstrip('.')}.", lines
    )


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
