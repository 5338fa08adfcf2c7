"""Suites: the exit status and its precedence, second runs, who runs when, and what is reported when a run ends early."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from report_world import RESULTS, check, result

from bookproof import attempts
from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.drivers.api import ClientCrashed, ClientHung, ClientInfo, Driver
from bookproof.ideal.memory import ideal_factory
from bookproof.known import Known
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
from bookproof.suite import PRECEDENCE, Suite, exit_status, run_suite
from bookproof.turns import Turns
from bookproof.venues import MemoryVenue
from bookproof_exchange.errors import AdapterError, HarnessError, UsageError
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.model import Quiet, Scenario
from bookproof_exchange.timing import Timing

# --- exit status ----------------------------------------------------------------------------------------------------

OF_VERDICT = {
    Verdict.PASS: 0,
    Verdict.INFO: 0,
    Verdict.NON_STRICT: 0,
    Verdict.WARN: 0,
    Verdict.UNSUPPORTED: 2,
    Verdict.INCONCLUSIVE: 2,
    Verdict.FAIL: 1,
    Verdict.HUNG: 1,
    Verdict.CRASHED: 1,
    Verdict.ADAPTER_ERROR: 3,
    Verdict.HARNESS_ERROR: 5,
}
"""A run of one such case alone."""


@pytest.mark.parametrize("verdict", list(Verdict))
def test_status_of_each_verdict(verdict: Verdict) -> None:
    one = [result(verdict=verdict)]
    mild = verdict in (Verdict.INFO, Verdict.NON_STRICT, Verdict.WARN)
    assert exit_status(one, ()) == OF_VERDICT[verdict]
    assert exit_status(one, (), strict=True) == (1 if mild else OF_VERDICT[verdict])
    known = [msgspec.structs.replace(one[0], known="because")]
    assert exit_status(known, (), strict=True) == (2 if verdict is Verdict.UNSUPPORTED else 0)
    assert exit_status(one, (), interrupted=True) == 130
    if verdict is not Verdict.UNSUPPORTED:
        return
    assert exit_status([*one, result(verdict=Verdict.PASS)], ()) == 0, "one of several may be unsupported"


def test_nothing_run_proves_nothing() -> None:
    assert exit_status((), ()) == 2
    assert exit_status((), [Trouble(status=4, message="no client")]) == 4
    assert exit_status((), (), interrupted=True) == 130


def test_precedence() -> None:
    assert PRECEDENCE == (130, 5, 4, 3, 1, 2, 0)
    verdict_of = {5: Verdict.HARNESS_ERROR, 3: Verdict.ADAPTER_ERROR, 1: Verdict.FAIL, 2: Verdict.INCONCLUSIVE}
    for first, second in itertools.combinations(PRECEDENCE[1:-1], 2):
        for mine, other in ((first, second), (second, first)):
            troubles = [Trouble(status=mine, message="")]
            if other in verdict_of:
                assert exit_status([result(verdict=verdict_of[other])], troubles) == first
            assert exit_status([result()], [*troubles, Trouble(status=other, message="")]) == first


@given(st.lists(RESULTS, max_size=5), st.lists(st.sampled_from([2, 3, 4, 5]), max_size=2), st.booleans(), st.randoms())
def test_status_does_not_depend_on_order_and_more_never_makes_it_better(
    results: list[CaseResult], statuses: list[int], strict: bool, random: object
) -> None:
    troubles = [Trouble(status=status, message="") for status in statuses]
    status = exit_status(results, troubles, strict=strict)
    assert exit_status(results[::-1], troubles[::-1], strict=strict) == status
    rank = PRECEDENCE.index
    for status_of_part in (exit_status(results[:-1], troubles, strict=strict) if len(results) > 1 else status,):
        if status_of_part != 2:  # nothing but unsupported cases may become something
            assert rank(status) <= rank(status_of_part)
    assert rank(exit_status(results, troubles, strict=True)) <= rank(status)


# --- running --------------------------------------------------------------------------------------------------------

SCENARIO = (
    "id: own/{0}\ntitle: T\npurpose: P\nrules: [gap-restart, checksum-verify]\nscript: [sync, {{send: 2}}, read]\n"
)
CASES = tuple(Case(dialect="kraken-v2", scenario=loads(SCENARIO.format(name)), seed=1) for name in "abcd")
INFO = ClientInfo(name="fake", dialects=("kraken-v2",))


class Fake:
    """A driver that does nothing but live and be closed."""

    def __init__(self, world: World) -> None:
        self.info = INFO
        self.alive = True
        self._world = world
        world.open.append(self)
        world.most_open = max(world.most_open, len(world.open))

    async def close(self) -> None:
        self.alive = False
        if self in self._world.open:
            self._world.open.remove(self)


Behaviour = Callable[[Case, int], Awaitable[CaseResult]]


class World:
    """Runs suites whose cases do what a test says, in place of `run_case`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[ResultEvent] = []
        self.open: list[Fake] = []
        self.most_open = 0
        self.made = 0
        self.runs: dict[str, int] = {}
        self.behaviour: Behaviour = self.passes
        self.refuses: Exception | None = None
        monkeypatch.setattr(attempts, "run_case", self._run_case)

    async def passes(self, case: Case, _run: int) -> CaseResult:
        return result(case.scenario.id, Verdict.PASS, [check("S1", Verdict.PASS)])

    async def _run_case(self, case: Case, driver: Driver, venue: object, timing: Timing) -> CaseRun:
        assert driver.alive
        await trio.lowlevel.checkpoint()
        self.runs[case.id] = self.runs.get(case.id, 0) + 1
        return CaseRun(result=await self.behaviour(case, self.runs[case.id]), evidence=(), chains={})

    async def factory(self) -> Driver:
        await trio.lowlevel.checkpoint()
        if self.refuses is not None:
            raise self.refuses
        self.made += 1
        return Fake(self)  # type: ignore[return-value]

    def run(self, cases: Sequence[Case] = CASES, *, after: float | None = None, **more: object) -> int | None:
        """The exit status; None where it was cancelled ``after`` so many virtual seconds."""
        suite = Suite(cases=tuple(cases), client="fake", all_cases=tuple(case.id for case in CASES))
        suite = msgspec.structs.replace(suite, **more)
        status: int | None = None

        async def main() -> None:
            nonlocal status
            with trio.move_on_after(float("inf") if after is None else after):
                status = await run_suite(suite, self.factory, MemoryVenue(), self.events.append)

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        assert self.open == [], "a client was left running"
        assert isinstance(self.events[0], RunStarted)
        assert isinstance(self.events[-1], RunFinished)
        assert status is None or self.finished.exit_status == status
        return status

    @property
    def finished(self) -> RunFinished:
        event = self.events[-1]
        assert isinstance(event, RunFinished)
        return event

    @property
    def results(self) -> dict[str, CaseResult]:
        return {event.result.id: event.result for event in self.events if isinstance(event, CaseFinished)}

    @property
    def troubles(self) -> list[tuple[int, str]]:
        return [(event.status, event.message) for event in self.events if isinstance(event, Trouble)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def failing(case: Case, *, anomaly: str = "ghost", name: str = "S1") -> CaseResult:
    failed = check(name, anomaly=anomaly, message="It is wrong.")
    return result(case.scenario.id, Verdict.FAIL, [failed], message=failed.message)


def test_every_case_is_started_and_finished_once_on_as_many_clients_as_jobs(world: World) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        await trio.sleep(1)
        return await world.passes(case, run)

    world.behaviour = behaviour
    assert world.run(jobs=3) == 0
    assert (world.made, world.most_open) == (3, 3)
    for kind in (CaseStarted, CaseFinished):
        assert sum(isinstance(event, kind) for event in world.events) == len(CASES)
    assert world.run([CASES[0]], jobs=3) == 0
    assert world.made == 4, "no more clients than cases"


def test_the_ideal_client_passes_a_real_case() -> None:
    venue = MemoryVenue()
    events: list[ResultEvent] = []

    async def main() -> int:
        factory = ideal_factory(venue, timing=Timing())
        return await run_suite(Suite(cases=CASES[:2], client="ideal"), factory, venue, events.append)

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == 0
    assert [event.result.verdict for event in events if isinstance(event, CaseFinished)] == [Verdict.PASS] * 2


def test_a_failure_that_comes_back_counts_and_is_said_to_have(world: World) -> None:
    async def behaviour(case: Case, _run: int) -> CaseResult:
        return failing(case)

    world.behaviour = behaviour
    assert world.run(CASES[:1]) == 1
    (found,) = world.results.values()
    assert (found.verdict, found.attempts, found.reproduced) == (Verdict.FAIL, 2, True)
    assert world.made == 2, "the second run has a process of its own"


@pytest.mark.parametrize(
    ("name", "anomaly", "status"),
    [
        ("S1", "ghost", 1),
        ("E1@7", "not-live", 0),
        ("E3@9", "behind", 0),
        ("await-reconnect@3", "no-reconnect", 0),
        ("S4", "false-live", 0),
    ],
)
def test_what_does_not_come_back_counts_unless_it_rests_on_time(
    world: World, name: str, anomaly: str, status: int
) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        return failing(case, name=name, anomaly=anomaly) if run == 1 else await world.passes(case, run)

    world.behaviour = behaviour
    assert world.run(CASES[:1]) == status
    (found,) = world.results.values()
    assert found.reproduced is False
    assert "did not come back" in found.message


@pytest.mark.parametrize(("anomaly", "made"), [("no-recovery", 2), ("resync-storm", 1)])
@pytest.mark.parametrize("comes_back", [True, False])
def test_a_warning_that_rests_on_time_is_run_again(world: World, anomaly: str, made: int, comes_back: bool) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        if run > 1 and not comes_back:
            return await world.passes(case, run)
        return result(case.scenario.id, Verdict.WARN, [check("E6", Verdict.WARN, anomaly=anomaly)])

    world.behaviour = behaviour
    assert world.run(CASES[:1]) == 0
    (found,) = world.results.values()
    assert world.made == made
    assert found.verdict is (Verdict.WARN if comes_back or made == 1 else Verdict.PASS)
    assert found.attempts == made


def test_once_means_once(world: World) -> None:
    async def behaviour(case: Case, _run: int) -> CaseResult:
        return failing(case, name="E1@7", anomaly="not-live")

    world.behaviour = behaviour
    assert world.run(CASES[:1], again=False) == 1
    (found,) = world.results.values()
    assert (found.attempts, found.reproduced, world.made) == (1, None, 1)


def test_an_inconclusive_case_that_passes_at_the_second_run_has_proved_it(world: World) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        vague = check("V0", Verdict.INCONCLUSIVE, anomaly="fault-idle")
        return result(case.scenario.id, Verdict.INCONCLUSIVE, [vague]) if run == 1 else await world.passes(case, run)

    world.behaviour = behaviour
    assert world.run(CASES[:1]) == 0


def test_what_rests_on_time_is_run_again_alone_and_shown_before_the_others_end(world: World) -> None:
    running = 0
    beside: list[int] = []

    async def behaviour(case: Case, run: int) -> CaseResult:
        nonlocal running
        running += 1
        try:
            await trio.sleep(1 if case is CASES[0] else 3)
            if case is CASES[0]:
                beside.append(running)
                return failing(case, name="E1@7", anomaly="not-live")
            return await world.passes(case, run)
        finally:
            running -= 1

    world.behaviour = behaviour
    assert world.run(jobs=2) == 1
    assert beside == [2, 1]
    order = [event.result.id for event in world.events if isinstance(event, CaseFinished)]
    assert order.index(CASES[0].id) < len(CASES) - 1, "it did not wait for the end of the run"


def test_a_client_that_is_always_late_does_not_cost_every_limit_twice(world: World) -> None:
    async def behaviour(case: Case, _run: int) -> CaseResult:
        return failing(case, name="E1@1", anomaly="nothing-shown")

    many = [
        Case(dialect="kraken-v2", scenario=msgspec.structs.replace(CASES[0].scenario, id=f"own/{number}"), seed=1)
        for number in range(12)
    ]
    world.behaviour = behaviour
    assert world.run(many) == 1
    assert sum(world.runs.values()) == 12 + 8
    assert "Not run again" in world.results[many[-1].id].message


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (UsageError("the client command was not found: 'x'"), 4),
        (AdapterError("line 1: not JSON"), 3),
        (ClientHung("hello", 30, ("last words",)), 3),
        (ClientCrashed("signal SIGSEGV"), 3),
        (HarnessError("no"), 5),
    ],
)
def test_a_client_that_cannot_be_run_ends_the_run_at_once(world: World, refusal: Exception, status: int) -> None:
    world.refuses = refusal
    assert world.run(jobs=2) == status
    assert len(world.troubles) == 1
    assert world.troubles[0][0] == status
    assert not any(isinstance(event, CaseStarted) for event in world.events)
    if isinstance(refusal, ClientHung):
        assert "last words" in world.troubles[0][1]


def test_a_client_that_is_refused_later_is_a_verdict_of_its_case(world: World) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        world.open[0].alive = False
        world.refuses = AdapterError("address in use")
        return await world.passes(case, run)

    world.behaviour = behaviour
    assert world.run(CASES[:2]) == 3
    assert [each.verdict for each in world.results.values()] == [Verdict.PASS, Verdict.ADAPTER_ERROR]


@pytest.mark.parametrize("error", [HarnessError("a bug"), ZeroDivisionError("division by zero")])
def test_a_bug_in_one_case_is_that_cases_verdict(world: World, error: Exception) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        if case is CASES[1]:
            raise ExceptionGroup("", [error])
        return await world.passes(case, run)

    world.behaviour = behaviour
    assert world.run() == 5
    verdicts = [each.verdict for each in world.results.values()]
    assert sorted(verdicts) == [Verdict.HARNESS_ERROR, *[Verdict.PASS] * 3]
    found = world.results[CASES[1].id]
    assert str(error) in found.message
    assert any("test_suite.py" in line for line in found.stderr), "with the traceback"


def test_a_bug_outside_any_case_is_reported_before_it_goes_on(world: World) -> None:
    def keep(case: Case, run: CaseRun) -> None:
        raise ZeroDivisionError("division by zero")

    async def main() -> None:
        await run_suite(Suite(cases=CASES, client="fake"), world.factory, MemoryVenue(), world.events.append, keep=keep)

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main)
    assert caught.group_contains(ZeroDivisionError)
    assert world.finished.exit_status == 5
    assert "ZeroDivisionError" in world.troubles[0][1]
    assert world.open == []


def test_an_interrupted_run_reports_what_it_measured(world: World) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        if case is CASES[2]:
            await trio.sleep(100)
        if case is CASES[1]:
            if run == 2:
                await trio.sleep(100)
            return failing(case)
        return await world.passes(case, run)

    world.behaviour = behaviour
    stale = Known(case="kraken-v2/own/a", check="S1", reason="r")
    assert world.run(jobs=2, after=5, known=(stale,)) is None
    assert (world.finished.exit_status, world.finished.interrupted) == (130, True)
    assert [each.verdict for each in world.results.values()] == [Verdict.PASS, Verdict.FAIL]
    assert world.troubles == [], "an entry is not stale because the run was cut short"


def test_stale_entries_fail_the_run_and_known_failures_do_not(world: World) -> None:
    async def behaviour(case: Case, run: int) -> CaseResult:
        return failing(case) if case is CASES[0] else await world.passes(case, run)

    world.behaviour = behaviour
    expected = Known(case=CASES[0].id, check="S1", anomaly="ghost", reason="ticket 7")
    assert world.run(known=(expected,)) == 0
    assert world.results[CASES[0].id].known == "ticket 7"
    world.events.clear()
    assert world.run(known=(expected, Known(case=CASES[1].id, check="S1", reason="r"))) == 2
    assert "does not fail any more" in world.troubles[0][1]


def test_slow_cases_come_last_and_quiet_ones_first(world: World) -> None:
    slow = Case(dialect="kraken-v2", scenario=_slow(CASES[0].scenario), seed=1)
    quiet = msgspec.structs.replace(CASES[3].scenario, script=(*CASES[3].scenario.script, Quiet(seconds=3)))
    world.run([slow, *CASES[1:3], Case(dialect="kraken-v2", scenario=quiet, seed=1)])
    assert list(world.results) == [CASES[3].id, CASES[1].id, CASES[2].id, slow.id]


def _slow(scenario: Scenario) -> Scenario:
    return msgspec.structs.replace(scenario, slow=True)


def test_who_wants_to_be_alone_waits_for_the_others_and_is_not_overtaken() -> None:
    turns = Turns()
    said: list[str] = []

    async def one(name: str, at: float, lasts: float, *, alone: bool = False) -> None:
        await trio.sleep(at)
        async with turns.alone() if alone else turns.beside():
            said.append(f"{name} begins")
            await trio.sleep(lasts)
            said.append(f"{name} ends")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, "a", 0, 5)
            nursery.start_soon(one, "b", 1, 2)
            nursery.start_soon(lambda: one("alone", 2, 3, alone=True))
            nursery.start_soon(one, "late", 4, 1)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert said == [
        "a begins",
        "b begins",
        "b ends",
        "a ends",
        "alone begins",
        "alone ends",
        "late begins",
        "late ends",
    ]


def test_turns_survive_cancellation() -> None:
    async def main() -> None:
        turns = Turns()
        with trio.move_on_after(1):
            async with turns.beside():
                await trio.sleep(10)
        with trio.move_on_after(1):
            async with turns.beside(), trio.open_nursery() as nursery:
                nursery.start_soon(_alone, turns)
        with trio.fail_after(1):
            async with turns.alone():
                pass

    async def _alone(turns: Turns) -> None:
        async with turns.alone():
            raise AssertionError("not alone")

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
