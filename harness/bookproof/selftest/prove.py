"""Proves the prover: ideal clients pass every case, every mutant is caught by a property that names its bug.

Everything runs in memory under the virtual clock, so seconds of waiting cost nothing and nothing depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import trio
import trio.testing

from bookproof.case_run import CaseRun, run_case
from bookproof.cases.plan import Case
from bookproof.drivers.api import ClientInfo, Driver
from bookproof.ideal.client import IdealClient
from bookproof.ideal.memory import IDEAL_INFO, ClientMaker, ideal_factory
from bookproof.results import CaseResult, Verdict
from bookproof.selftest.mutants import Mutant
from bookproof.selftest.schedule import fixed_order, reseed
from bookproof.venues import MemoryVenue
from bookproof_exchange.seeds import derive
from bookproof_exchange.timing import Timing

#: Limits for virtual time. The seconds cost nothing; looking and sending does, so both are done less often while nothing
#: comes of it.
TIMING = Timing(poll=0.05, poll_most=0.5, most_trickle=60)


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a mutant on a dialect. ``case`` None: it survived."""

    mutant: str
    dialect: str
    case: str | None = None
    property: str | None = None
    anomaly: str | None = None
    cases_run: int = 0
    others: tuple[str, ...] = ()
    """Failures that were seen but do not name the bug."""


def run_in_memory(
    cases: Sequence[Case],
    *,
    make: ClientMaker = IdealClient,
    info: ClientInfo = IDEAL_INFO,
    stop: Callable[[CaseRun], bool] = lambda run: False,
    timing: Timing = TIMING,
) -> list[CaseRun]:
    """Run cases one after the other on in-memory clients; ends early where ``stop`` says so."""

    async def main() -> list[CaseRun]:
        venue = MemoryVenue()
        factory = ideal_factory(venue, make=make, info=info, timing=timing)
        runs: list[CaseRun] = []
        driver: Driver | None = None
        for case in cases:
            if driver is None or not driver.alive:
                driver = await factory()
            reseed(derive(case.exchange_seed, "schedule"))
            run = await run_case(case, driver, venue, timing)
            runs.append(run)
            if stop(run):
                break
        if driver is not None:
            await driver.close()
        return runs

    with fixed_order():
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def prove_ideal(cases: Sequence[Case]) -> list[CaseResult]:
    """The results of the ideal client that are not a clean pass: must be empty."""
    return [run.result for run in run_in_memory(cases) if run.result.verdict not in (Verdict.PASS, Verdict.INFO)]


def prove_mutant(mutant: Mutant, cases: Sequence[Case]) -> Kill:
    """Run a mutant until a case catches it by a property that names the bug."""
    dialect = cases[0].dialect
    seen: list[str] = []

    def caught(run: CaseRun) -> bool:
        found = caught_by(mutant, run.result)
        if found is None and run.result.verdict.rank >= Verdict.INCONCLUSIVE.rank:
            seen.extend(
                f"{run.result.id} {check.id} {check.anomaly}"
                for check in run.result.checks
                if check.verdict.rank >= Verdict.INCONCLUSIVE.rank
            )
        return found is not None

    runs = run_in_memory(cases, make=mutant.maker(), stop=caught)
    if runs:
        found = caught_by(mutant, runs[-1].result)
        if found is not None:
            return Kill(
                mutant=mutant.name,
                dialect=dialect,
                case=runs[-1].result.id,
                property=found[0],
                anomaly=found[1],
                cases_run=len(runs),
                others=tuple(seen[:8]),
            )
    return Kill(mutant=mutant.name, dialect=dialect, cases_run=len(runs), others=tuple(seen[:8]))


def caught_by(mutant: Mutant, result: CaseResult) -> tuple[str, str | None] | None:
    """The check, or the verdict, that names the mutant's bug, with the anomaly; None: nothing in the case does."""
    if str(result.verdict) in mutant.kills:
        return str(result.verdict), None
    for check in result.checks:
        name = check.id.partition("@")[0]
        if mutant.kills & {name, check.id} and check.verdict in (Verdict.FAIL, Verdict.WARN):
            return check.id, check.anomaly
    return None
