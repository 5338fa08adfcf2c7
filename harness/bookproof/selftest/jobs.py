"""The work of the self-test in pieces that can be done side by side, each the same wherever and whenever it is done."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Literal

import msgspec

from bookproof import collecting
from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases, dialects_named
from bookproof.diagnosis.name import Weighed
from bookproof.report.words import label, why
from bookproof.results import CaseResult, Verdict
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof.selftest.prove import caught_by, run_in_memory
from bookproof.selftest.record import Kill
from bookproof.selftest.variants import VARIANTS
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.model import Send

#: Apart by so much, the seeds of one case never meet those of another.
_STRIDE = 1000
#: The classes of mutants that the heavy cases were made for: losses, windows, two things at once, resources.
HEAVY_FOR = frozenset("BGLM")
#: Of what was wrong in a job so much is told.
_MOST_TOLD = 20


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something to run on one dialect. ``ideal`` and ``variant`` must pass everything; a ``mutant`` must be caught."""

    dialect: str
    what: Literal["ideal", "variant", "mutant"]
    name: str = ""
    scenarios: tuple[str, ...] = ()
    """In this order."""
    seed: int = 0
    """0: the scenarios' own."""
    until_caught: bool = False
    """A mutant: whether the first case that catches it ends the job."""
    diagnose: bool = False
    """A mutant: whether each case that catches it is diagnosed."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job."""

    job: Job
    runs: int
    bad: tuple[str, ...] = ()
    """Of right clients: cases that they did not pass, and why."""
    failures: int = 0
    kills: Mapping[str, Kill] = {}
    """Of a mutant: by scenario."""


@functools.cache
def catalogue(dialect: str) -> Mapping[str, Case]:
    """The built-in cases of a dialect by scenario, in their order."""
    made = {case.scenario.id: case for case in all_cases(dialects_named((dialect,)))[0]}
    collecting.spare()
    return made


def heavy(case: Case) -> bool:
    """Whether the case takes a hundred times as long as most: thousands of updates, or of levels."""
    sent = sum(step.count for step in case.scenario.script if isinstance(step, Send))
    return sent >= 300 or case.scenario.market.levels >= 1000


def for_mutant(mutant: Mutant, case: Case) -> bool:
    """Whether the matrix has a cell for the two: a heavy case is run against those that it was made for."""
    return not heavy(case) or mutant.bug_class in HEAVY_FOR


def do(job: Job) -> Outcome:
    """Do one job. Pure in all that counts: the same job has the same outcome."""
    known = catalogue(job.dialect)
    cases = [_reseeded(known[scenario], job.seed) for scenario in job.scenarios if scenario in known]
    match job.what:
        case "ideal":
            return _right(job, run_in_memory(cases), frozenset({Verdict.PASS, Verdict.INFO}))
        case "variant":
            variant = VARIANTS[job.name]
            allowed = {Verdict.PASS, Verdict.INFO} | (set() if variant.proves_reading else {Verdict.INCONCLUSIVE})
            return _right(job, run_in_memory(cases, make=variant.make, info=variant.info), frozenset(allowed))
        case "mutant":
            return _caught(job, MUTANTS[job.name], cases)


def run_jobs(jobs: Sequence[Job], processes: int) -> Iterator[Outcome]:
    """The outcomes, in the order of the jobs."""
    if processes <= 1:
        yield from map(do, jobs)
        return
    # nothing of this process's state may reach the others: the outcome of a job depends on the job alone
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(do, jobs)


def _right(job: Job, runs: Iterable[CaseRun], allowed: frozenset[Verdict]) -> Outcome:
    count = 0
    bad: list[str] = []
    for run in runs:
        count += 1
        if run.result.verdict not in allowed:
            bad.append(_told(run.result))
    return Outcome(job=job, runs=count, bad=tuple(bad[:_MOST_TOLD]), failures=len(bad))


def _caught(job: Job, mutant: Mutant, cases: Sequence[Case]) -> Outcome:
    dialect = DIALECTS.get(job.dialect)
    known = [other for other in MUTANTS.values() if other.exists_on(dialect)]
    kills: dict[str, Kill] = {}

    def see(run: CaseRun) -> bool:
        kill = kill_of(mutant, run.result)
        if kill is not None and job.diagnose and kill.named:
            weighed = Weighed.of(run, known)
            if weighed is not None:
                kill = msgspec.structs.replace(
                    kill, diagnosed=_first(weighed, None), left_out=_first(weighed, mutant.name)
                )
        if kill is not None:
            kills[run.result.scenario] = kill
        # what is kept of a run is its result
        run.evidence, run.chains, run.exchange, run.facts = (), {}, None, None
        return job.until_caught and kill is not None and kill.named

    if mutant.remembers and cases:
        # it needs a case before the first
        first = next(iter(catalogue(job.dialect).values()))
        cases = [first, *(case for case in cases if case.scenario.id != first.scenario.id)]
    runs = run_in_memory(cases, make=mutant.maker(), stop=see)
    if dialect.traits.checksum and mutant.blind:
        kills = _seen(kills, _blindness(job.dialect, tuple(kills)))
    return Outcome(job=job, runs=len(runs), kills=kills)


def _seen(kills: Mapping[str, Kill], by_blindness: frozenset[str]) -> dict[str, Kill]:
    """Where a client that is right but for looking at no checksum falls too, that proves nothing about the other bug."""
    return {
        scenario: msgspec.structs.replace(kill, named=kill.named and scenario not in by_blindness)
        for scenario, kill in kills.items()
    }


def _blindness(dialect: str, scenarios: tuple[str, ...]) -> frozenset[str]:
    """The cases, of these, in which a client falls that is right but for looking at no checksum."""
    return frozenset(scenario for scenario in scenarios if _falls_blind(dialect, scenario))


@functools.cache
def _falls_blind(dialect: str, scenario: str) -> bool:
    blind = MUTANTS["ignores-checksum"]
    (run,) = run_in_memory([catalogue(dialect)[scenario]], make=blind.make)
    return kill_of(blind, run.result) is not None


def kill_of(mutant: Mutant, result: CaseResult) -> Kill | None:
    """How the mutant fell in a case; None: it did not."""
    caught = caught_by(mutant, result)
    if caught is not None:
        return Kill(check=caught[0], anomaly=caught[1] or "")
    if result.verdict.rank < Verdict.FAIL.rank:
        return None
    check = max(result.checks, key=lambda each: each.verdict.rank, default=None)
    if check is None or check.verdict.rank < Verdict.FAIL.rank:
        return Kill(check=str(result.verdict), named=False)
    return Kill(check=check.id, anomaly=check.anomaly or "", named=False)


def _first(weighed: Weighed, without: str | None) -> str:
    found = weighed.suspects(without=without)
    return found[0].bug_class if found else "-"


def _told(result: CaseResult) -> str:
    return f"{label(result)} {result.id} seed {result.seed}: {why(result)}"


def _reseeded(case: Case, seed: int) -> Case:
    return case if seed == 0 else msgspec.structs.replace(case, seed=case.seed + _STRIDE * seed)


__all__ = ["Job", "Outcome", "catalogue", "do", "kill_of", "run_jobs"]
