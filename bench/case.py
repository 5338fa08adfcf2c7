"""What one case costs: the harness with a client that lives on from case to case and does hardly anything itself."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from pathlib import Path

import msgspec
import trio

from bookproof.attempts import attempt
from bookproof.cli.options import all_cases
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.results import Verdict
from bookproof.venues import LoopbackVenue
from bookproof_exchange.dialects.registry import DIALECTS
from bookproof_exchange.timing import Timing

CLIENT = Path(__file__).with_name("case_client.py")
DIALECT = "binance-spot"
SCENARIOS = ("book/start-up/plain", "book/gap/single")
RUNS = 100


def measure() -> dict[str, float]:
    """Milliseconds a case, by scenario: from its beginning to its verdict by the clock (median), and of this process's
    own CPU time (median): the harness and the exchange, without the client. Neither script waits for anything but the
    client."""
    made, _ = all_cases([DIALECTS.get(DIALECT)])
    timing = Timing()
    figures: dict[str, float] = {}

    async def main() -> None:
        venue = LoopbackVenue()
        factory = subprocess_factory([sys.executable, str(CLIENT)], timing=timing)
        driver = await factory()
        for scenario in SCENARIOS:
            case = next(case for case in made if case.scenario.id == scenario)
            wall: list[float] = []
            own: list[float] = []
            for seed in range(RUNS):
                gc.collect()
                began, cpu = time.perf_counter(), time.process_time()
                kept, run = await attempt(msgspec.structs.replace(case, seed=seed), driver, factory, venue, timing)
                wall.append(time.perf_counter() - began)
                own.append(time.process_time() - cpu)
                if run.result.verdict is not Verdict.PASS or kept is not driver:
                    raise AssertionError(f"{scenario}: {run.result.verdict}: {run.result}")
            name = scenario.partition("/")[2]
            figures[f"case.{name}.wall_ms"] = statistics.median(wall) * 1e3
            figures[f"case.{name}.own_cpu_ms"] = statistics.median(own) * 1e3
        await driver.close()

    trio.run(main)
    return figures


if __name__ == "__main__":
    for name, value in measure().items():
        sys.stdout.write(f"{name} {value:,.2f}\n")
