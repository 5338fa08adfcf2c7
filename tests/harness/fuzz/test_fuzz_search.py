"""The search finds known bugs, shrinks them, tells them apart, does the same for the same seed, and blames nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case, cases
from bookproof.fuzz.database import Kept
from bookproof.fuzz.files import write
from bookproof.fuzz.finding import Finding, signature
from bookproof.fuzz.measure import OF_IDEAL, OF_MUTANTS, Row, measured, table
from bookproof.fuzz.players import MemoryPlayer, OutOfTime
from bookproof.fuzz.search import Limits, Outcome, Progress, Search
from bookproof.results import CaseResult, Check, Verdict
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.prove import run_in_memory
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import load_with_places
from bookproof_exchange.scenario.model import Inject, Scenario, Send

KRAKEN = DIALECTS.get("kraken-v2")


def search(mutant: str, *kinds: str, seed: int = 1, examples: int = 200, findings: int = 1, **more: object) -> Search:
    return Search(
        KRAKEN,
        MemoryPlayer(MUTANTS[mutant].maker),
        kinds,
        seed=seed,
        limits=Limits(examples=examples, findings=findings),
        counts=OF_MUTANTS,
        **more,  # type: ignore[arg-type]
    )


def told(outcome: Outcome) -> list[tuple[str, int, Scenario]]:
    return [(str(found.signature), found.found_after, found.case.scenario) for found in outcome.findings]


def test_a_bug_is_found_and_shrunk_the_same_for_the_same_seed(tmp_path: Path) -> None:
    (first, second) = (search("dies-on-malformed", "cut", "fragmented").run() for _ in range(2))
    assert told(first) == told(second)
    assert first.verdicts == second.verdicts
    (found,) = first.findings
    assert str(found.signature) == "crashed"
    assert found.reproduced
    assert found.whole
    # sync, the fault, the updates, the recovery, and the end of every script
    assert found.size <= 4
    assert next(step.fault for step in found.case.scenario.script if isinstance(step, Inject)).edit == "cut"  # type: ignore[union-attr]

    path = write(found, tmp_path)
    loaded = load_with_places(path)
    assert check(loaded.scenario, tuple(DIALECTS)) == []
    (case,), _ = cases([(loaded.scenario, str(path))], [KRAKEN])
    (run,) = run_in_memory([case], make=MUTANTS["dies-on-malformed"].make)
    assert signature(run.result, OF_MUTANTS) == found.signature
    # the very same case: same id, same prices
    assert (case.id, case.exchange_seed) == (found.case.id, found.case.exchange_seed)


def test_another_seed_makes_other_scripts() -> None:
    def played(seed: int) -> list[str]:
        player = Scripted()
        scripted(player, Limits(examples=30), [], seed=seed).run()
        return [case.id for case in player.played]

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_the_ideal_client_is_not_blamed() -> None:
    outcome = Search(
        KRAKEN, MemoryPlayer(), ("drop", "close", "stall"), seed=5, limits=Limits(examples=25), counts=OF_IDEAL
    ).run()
    assert outcome.findings == []
    assert outcome.examples == 25
    assert outcome.verdicts.total() == 25


def test_what_failed_before_is_tried_first(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "kraken-v2", "mutant")
    before = search("dies-on-malformed", "cut", kept=kept).run()
    assert len(kept.examples()) == 1
    after = search("dies-on-malformed", "cut", seed=99, kept=kept).run()
    (found,) = after.findings
    assert found.replayed
    assert after.examples == 0
    assert told(after)[0][2] == told(before)[0][2]
    # mended: it is forgotten
    Search(KRAKEN, MemoryPlayer(), ("cut",), seed=1, limits=Limits(examples=1), kept=kept).run()
    assert kept.examples() == []
    assert Kept(tmp_path, "kraken-v2", "another").examples() == []


# --- with a player that says what came of a case ----------------------------------------------------------------------


class Scripted:
    """Fails as it is told, with a clock that every case moves by a second."""

    def __init__(self, *, flaky: bool = False) -> None:
        self.now = 0.0
        self.flaky = flaky
        self.played: list[Case] = []

    def clock(self) -> float:
        return self.now

    def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
        return iter(())

    def play(self, case: Case, *, afresh: bool = False, hurried: bool = False, seconds: float | None = None) -> CaseRun:
        self.now += 1.0
        self.played.append(case)
        checks = tuple(self.fails(case, afresh))
        verdict = max((each.verdict for each in checks), key=lambda each: each.rank, default=Verdict.PASS)
        result = CaseResult(
            id=case.id,
            dialect=case.dialect,
            scenario=case.scenario.id,
            title="",
            seed=case.seed,
            verdict=verdict,
            checks=checks,
        )
        return CaseRun(result=result, evidence=(), chains={})


def broken(name: str, anomaly: str, verdict: Verdict = Verdict.FAIL) -> Check:
    return Check(id=name, verdict=verdict, title="", anomaly=anomaly)


def kinds_of(case: Case) -> set[str]:
    return {
        type(step.fault).__struct_config__.tag  # type: ignore[misc]
        for step in case.scenario.script
        if isinstance(step, Inject)
    }


class TwoBugs(Scripted):
    """One for every drop, and one for every close: the shorter script must not take the place of the longer."""

    def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
        if "drop" in kinds_of(case):
            yield broken("S1@3", "ghost")
        elif "close" in kinds_of(case):
            yield broken("E1@7", "not-live")


class OnlyOnce(Scripted):
    """Never the same twice."""

    def __init__(self, name: str, anomaly: str) -> None:
        super().__init__()
        self.check = broken(name, anomaly)

    def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
        if not afresh and len(self.played) == 3:
            yield self.check


class CannotPlay(Scripted):
    def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
        if len(self.played) % 2:
            raise UsageError("the market cannot do this now")
        return iter(())


class Interrupted(TwoBugs):
    """Ctrl-C while the first failure is being shrunk."""

    def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
        shown = list(super().fails(case, afresh))
        if sum("drop" in kinds_of(case) or "close" in kinds_of(case) for case in self.played) > 6:
            raise KeyboardInterrupt
        yield from shown


def scripted(
    player: Scripted, limits: Limits, found: list[Finding], told: list[Progress] | None = None, *, seed: int = 1
) -> Search:
    return Search(
        KRAKEN,
        player,
        ("drop", "close"),
        seed=seed,
        limits=limits,
        clock=player.clock,
        found=lambda finding, run: found.append(finding),
        progress=(lambda progress: None) if told is None else told.append,
    )


def test_bugs_are_told_apart_by_property_and_anomaly() -> None:
    found: list[Finding] = []
    outcome = scripted(TwoBugs(), Limits(examples=300, findings=2), found).run()
    assert outcome.findings == found
    assert sorted(str(each.signature) for each in found) == ["E1 not-live", "S1 ghost"]
    for each in found:
        assert kinds_of(each.case) == ({"drop"} if each.signature.property == "S1" else {"close"})
        assert each.size <= 4
        assert sum(step.count for step in each.case.scenario.script if isinstance(step, Send)) <= 3


def test_what_did_not_come_back_counts_only_if_no_limit_is_to_blame() -> None:
    found: list[Finding] = []
    outcome = scripted(OnlyOnce("E1@4", "not-live"), Limits(examples=20), found).run()
    assert found == []
    assert {str(key): count for key, count in outcome.unconfirmed.items()} == {"E1 not-live": 1}
    outcome = scripted(OnlyOnce("S1", "ghost"), Limits(examples=20), found).run()
    assert [str(each.signature) for each in found] == ["S1 ghost"]
    assert not found[0].reproduced
    assert outcome.examples == 20


def test_the_time_is_kept_with_some_more_for_shrinking() -> None:
    player, found = TwoBugs(), list[Finding]()
    told: list[Progress] = []
    outcome = scripted(player, Limits(seconds=40), found, told).run()
    assert player.now <= 40 * 1.25 + 1
    assert outcome.seconds == player.now
    assert found
    assert any(progress.shrinking is not None and progress.tries for progress in told)


def test_nothing_is_found_within_the_time() -> None:
    player = CannotPlay()
    outcome = scripted(player, Limits(seconds=30), []).run()
    assert player.now == 30
    assert outcome.unplayable == 15
    assert outcome.examples == 15


def test_an_interruption_keeps_what_was_found() -> None:
    found: list[Finding] = []
    searching = scripted(Interrupted(), Limits(examples=500), found)
    with pytest.raises(KeyboardInterrupt):
        searching.run()
    (finding,) = found
    assert searching.outcome.findings == [finding]
    assert not finding.whole


def test_out_of_time_within_a_case_is_the_end() -> None:
    class Slow(Scripted):  # and never fails
        def play(
            self, case: Case, *, afresh: bool = False, hurried: bool = False, seconds: float | None = None
        ) -> CaseRun:
            if len(self.played) == 4:
                raise OutOfTime
            return super().play(case)

        def fails(self, case: Case, afresh: bool) -> Iterator[Check]:
            return iter(())

    outcome = scripted(Slow(), Limits(seconds=30), []).run()
    assert outcome.examples == 4


def test_the_table_of_the_measurement() -> None:
    row = measured(KRAKEN, MUTANTS["trades-twice"], 60, 1)
    assert row.after is not None
    assert row.how.startswith("T1")
    assert row.shrunk is not None
    assert row.shrunk <= row.first
    lines = table([row, Row(mutant="never", dialect="mexc-v3", examples=60)]).splitlines()
    assert lines[2] == "| found | 1 of 1 | 0 of 1 |"
    assert f"| median steps, shrunk | {row.shrunk} | - |" in lines
    assert lines[-1] == "| never |  | not in 60 |"


def test_signatures_leave_the_step_out_but_not_the_limit() -> None:
    def of(check: Check) -> str:
        (run,) = [OnlyOnce("S1", "").play(Case(dialect="kraken-v2", scenario=_SCENARIO, seed=1))]
        return str(signature(msgspec.structs.replace(run.result, verdict=Verdict.FAIL, checks=(check,)), OF_MUTANTS))

    assert of(broken("E1@12", "not-live")) == "E1 not-live"
    assert of(broken("E5@messages", "too-many")) == "E5@messages too-many"
    assert of(broken("S1", "ghost")) == "S1 ghost"


_SCENARIO = Scenario(id="fuzz/x", title="t", purpose="p", rules=("delete-zero",), script=(Send(),))
