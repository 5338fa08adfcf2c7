"""What one case costs: the harness with a client that lives on from case to case and does hardly anything itself.

Own CPU time is that of this process: the harness and the exchange, without the client. A figure is the tenth of a hundred
cases, from the cheapest: what a case costs when nobody else is using the caches. The median is printed beside it.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import msgspec
import trio

from bookproof import collecting
from bookproof.attempts import attempt
from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.results import CaseFinished, ResultEvent, Verdict
from bookproof.selftest.prove import run_in_memory
from bookproof.suite import Suite, run_suite
from bookproof.venues import LoopbackVenue
from bookproof_exchange.dialects.registry import DIALECTS
from bookproof_exchange.timing import Timing

CLIENT = Path(__file__).with_name("case_client.py")
DIALECT = "binance-spot"
SCENARIOS = ("book/start-up/plain", "book/gap/single")
"""Neither script waits for anything but the client."""
RUNS = 100
WARM = 10
TARGET_MS = 6.0
"""Own CPU time of the first of the scenarios."""


def _seeds(case: Case, count: int) -> list[Case]:
    return [msgspec.structs.replace(case, seed=seed) for seed in range(count)]


def _passed(name: str, verdict: Verdict) -> None:
    if verdict is not Verdict.PASS:
        raise AssertionError(f"{name}: {verdict}")


async def _one_after_the_other(case: Case, timing: Timing) -> dict[str, float]:
    """One client process, one case after the other."""
    venue = LoopbackVenue()
    factory = subprocess_factory([sys.executable, str(CLIENT)], timing=timing)
    driver = await factory()
    wall: list[float] = []
    own: list[float] = []
    for each in _seeds(case, WARM + RUNS):
        began, cpu = time.perf_counter(), time.process_time()
        kept, run = await attempt(each, driver, factory, venue, timing)
        own.append(time.process_time() - cpu)
        wall.append(time.perf_counter() - began)
        _passed(case.id, run.result.verdict)
        if kept is not driver:
            raise AssertionError(f"{case.id}: the client did not live on")
    await driver.close()
    name = f"case.{case.scenario.id.partition('/')[2]}"
    own, wall = own[WARM:], wall[WARM:]
    return {
        f"{name}.own_cpu_ms": statistics.quantiles(own, n=10)[0] * 1e3,
        f"{name}.own_cpu_median_ms": statistics.median(own) * 1e3,
        f"{name}.wall_ms": statistics.quantiles(wall, n=10)[0] * 1e3,
        f"{name}.wall_median_ms": statistics.median(wall) * 1e3,
    }


async def _side_by_side(case: Case, timing: Timing, jobs: int) -> dict[str, float]:
    """As `bookproof run -j`: several client processes at a time. Cases a second."""
    cases = [
        msgspec.structs.replace(
            each, scenario=msgspec.structs.replace(case.scenario, id=f"{case.scenario.id}-{number}")
        )
        for number, each in enumerate(_seeds(case, RUNS * 2))
    ]
    finished: list[ResultEvent] = []

    def emit(event: ResultEvent) -> None:
        if isinstance(event, CaseFinished):
            _passed(event.result.id, event.result.verdict)
            finished.append(event)

    suite = Suite(cases=tuple(cases), client="bench", jobs=jobs, timing=timing)
    factory = subprocess_factory([sys.executable, str(CLIENT)], timing=timing)
    began = time.perf_counter()
    await run_suite(suite, factory, LoopbackVenue(), emit)
    return {f"case.suite.jobs_{jobs}.cases_per_s": len(finished) / (time.perf_counter() - began)}


def _in_memory(case: Case) -> dict[str, float]:
    """The ideal client in memory, as in the self-test."""
    own: list[float] = []
    before = 0.0

    def stop(run: object) -> bool:
        nonlocal before
        now = time.process_time()
        own.append(now - before)
        before = now
        return False

    before = time.process_time()
    run_in_memory(_seeds(case, WARM + RUNS), stop=stop)
    name = f"case.{case.scenario.id.partition('/')[2]}"
    return {f"{name}.in_memory_cpu_ms": statistics.quantiles(own[WARM:], n=10)[0] * 1e3}


def measure() -> dict[str, float]:
    """Milliseconds a case, by scenario and by how it is run, and cases a second. Whether the target was met is said
    beside it."""
    made, _ = all_cases([DIALECTS.get(DIALECT)])
    chosen = [next(case for case in made if case.scenario.id == scenario) for scenario in SCENARIOS]
    timing = Timing()
    # as in a real run: the catalogue is loaded, and the collector leaves it alone
    collecting.spare()
    figures: dict[str, float] = {}
    for case in chosen:
        figures |= trio.run(_one_after_the_other, case, timing)
    for case in chosen:
        figures |= _in_memory(case)
    for jobs in (1, 2 * (os.cpu_count() or 1)):
        figures |= trio.run(_side_by_side, chosen[0], timing, jobs)
    name = f"case.{SCENARIOS[0].partition('/')[2]}.own_cpu"
    met = "met" if figures[f"{name}_ms"] <= TARGET_MS else "missed"
    figures[f"{name}_target_ms ({met})"] = TARGET_MS
    return figures


if __name__ == "__main__":
    for name, value in measure().items():
        sys.stdout.write(f"{name} {value:,.2f}\n")
