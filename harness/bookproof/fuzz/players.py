"""Who plays a scenario: clients in memory under the virtual clock, or the client under test in its own process.

The search is plain, sequential code, as Hypothesis is; what runs under trio is behind `Player`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import msgspec
import trio

from bookproof.attempts import attempt
from bookproof.case_run import CaseRun, Venue
from bookproof.cases.plan import Case
from bookproof.drivers.api import ClientInfo, Driver, DriverFactory
from bookproof.ideal.client import IdealClient
from bookproof.ideal.memory import IDEAL_INFO, ClientMaker
from bookproof.results import Verdict
from bookproof.selftest.prove import TIMING, run_in_memory
from bookproof_exchange import evidence
from bookproof_exchange.timing import Timing


class OutOfTime(BaseException):
    """The time for the search is over. No Exception: Hypothesis must not take it for a failure."""


class Player(Protocol):
    """Runs cases, one after the other."""

    def play(self, case: Case, *, afresh: bool = False, hurried: bool = False, seconds: float | None = None) -> CaseRun:
        """Run a case. ``afresh``: with a client that has run none before. ``hurried``: with limits that fit the client, as it
        was so far, rather than any. ``seconds``: OutOfTime where it takes longer. UsageError where the case asks of the
        market what it cannot do just then."""
        ...


#: Virtual seconds cost nothing, but looking and sending does. Every ideal client recovers within these limits.
HURRIED = msgspec.structs.replace(
    TIMING, sync=8.0, converge=8.0, settle=3.0, poll_most=2.0, trickle=0.2, most_trickle=20
)


class MemoryPlayer:
    """Ideal clients and mutants. A case is a world of its own: only its seed decides what happens in it."""

    def __init__(
        self,
        maker: Callable[[], ClientMaker] = lambda: IdealClient,
        info: ClientInfo = IDEAL_INFO,
        timing: Timing = TIMING,
    ) -> None:
        self._maker = maker
        self._make = maker()
        self._info = info
        self._timing = timing

    def play(self, case: Case, *, afresh: bool = False, hurried: bool = False, seconds: float | None = None) -> CaseRun:
        if afresh:
            self._make = self._maker()
        timing = HURRIED if hurried else self._timing
        return run_in_memory([case], make=self._make, info=self._info, timing=timing)[0]


class ProcessPlayer:
    """One client process that lives as long as it can. The search runs in a thread (`trio.to_thread`); what this does is
    done in the loop that started it."""

    def __init__(self, factory: DriverFactory, venue: Venue, timing: Timing) -> None:
        self._factory = factory
        self._venue = venue
        self._timing = timing
        self._driver: Driver | None = None
        self._slowest = 0.0
        """Seconds of the longest wait that the client kept."""

    def play(self, case: Case, *, afresh: bool = False, hurried: bool = False, seconds: float | None = None) -> CaseRun:
        run = trio.from_thread.run(self._play, case, afresh, self._hurried() if hurried else self._timing, seconds)
        if run is None:
            raise OutOfTime
        return run

    async def begin(self) -> ClientInfo:
        """Start the client, so that one that cannot be run is found out at once; what it says of itself. Raises what
        `attempt` makes verdicts of."""
        self._driver = await self._factory()
        return self._driver.info

    async def close(self) -> None:
        """End the client."""
        if self._driver is not None:
            with trio.CancelScope(shield=True):
                await self._driver.close()
            self._driver = None

    async def _play(self, case: Case, afresh: bool, timing: Timing, seconds: float | None) -> CaseRun | None:
        if afresh:
            await self.close()
        driver, self._driver = self._driver, None
        run: CaseRun | None = None
        with trio.move_on_after(math.inf if seconds is None else max(0.0, seconds)):
            self._driver, run = await attempt(case, driver, self._factory, self._venue, timing)
        if run is not None and run.result.verdict.rank < Verdict.INCONCLUSIVE.rank:
            self._slowest = max(self._slowest, *_waits(run), 0.0)
        return run

    def _hurried(self) -> Timing:
        """A client that is stuck in each of a hundred scripts need not be waited for each time for as long as the slowest
        client in the world may take."""
        limit = _PATIENCE + _TIMES * self._slowest
        timing = self._timing
        return msgspec.structs.replace(
            timing,
            sync=min(timing.sync, limit),
            converge=min(timing.converge, limit),
            settle=min(timing.settle, limit),
        )


#: A hurried limit, in seconds: so much, and so many times the longest wait that came to its end.
_PATIENCE = 1.0
_TIMES = 3.0


def _waits(run: CaseRun) -> list[float]:
    """How long each wait of the script took that came to its end."""
    began: dict[int, float] = {}
    took: list[float] = []
    for record in run.evidence:
        match record:
            case evidence.Step(place=place, at=at):
                began[place] = at
            case evidence.Waited(place=place, at=at, came=True, what="sync" | "converge" | "settle"):
                took.append(at - began.get(place, at))
            case _:
                pass
    return took
