"""One case for the page: everything that its section shows beyond the result, built from the evidence and packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bookproof.case_run import CaseRun
from bookproof.checker.facts import Chain, Facts
from bookproof.checker.match import Matcher
from bookproof.checker.safety import SymbolJudge, depths
from bookproof.checker.timeline import Timeline
from bookproof.report.page import model
from bookproof.report.page.books import DEEP, SHALLOW, Shown, symbol_of
from bookproof.report.page.marks import mark_of
from bookproof.report.page.points import points_of
from bookproof.report.page.steps import told
from bookproof.report.page.wire import wire_of
from bookproof.report.text import one_line
from bookproof.report.words import telling
from bookproof.results import CaseResult, Detail, Verdict
from bookproof_exchange import evidence
from bookproof_exchange.dialects import DIALECTS

#: Records that are kept of a case that did not pass, so many of them before the moment that matters; of one that passed.
MOST, _BEFORE, MOST_PASSED = 3_000, 2_000, 600


def detail(run: CaseRun) -> Detail | None:
    """What the page needs of a case: of one that passed in little, without payloads. None: nothing happened.

    What goes wrong here is said on the page and ends no run."""
    if not run.evidence:
        return None
    try:
        return _detail(run)
    except Exception as error:
        said = f"This could not be drawn ({type(error).__name__}: {error}): a bug of Bookproof, please report it."
        return Detail(core=model.pack(model.Core(marks=(), failed=one_line(said, 400))))


def _detail(run: CaseRun) -> Detail:
    bad = run.result.verdict.rank > Verdict.INFO.rank
    core = core_of(run)
    wire = b""
    if bad and run.exchange is not None:
        instruments = run.exchange.view.instruments
        wire = model.pack(wire_of(run.evidence, core.wrong, DIALECTS.get(run.result.dialect), instruments))
    return Detail(core=model.pack(core), wire=wire)


def core_of(run: CaseRun) -> model.Core:
    """The case without its payloads."""
    result = run.result
    check = telling(result)
    wrong = None if check is None else check.position
    bad = result.verdict.rank > Verdict.INFO.rank
    kept = _kept(run.evidence, wrong, MOST if bad else MOST_PASSED)
    scenario = None if run.exchange is None else run.exchange.scenario
    steps = () if scenario is None else told(scenario)
    names = list(run.facts.truths) if run.facts is not None else []
    places = {name: place for place, name in enumerate(names)}
    books = _Books(run, run.facts, names, DEEP if bad else SHALLOW) if run.facts is not None else None
    marks: list[model.Mark] = []
    observations: list[model.Observation] = []
    words = [step.s for step in steps]
    for record in kept:
        mark = mark_of(record, places, words)
        if books is not None and isinstance(record, evidence.Observed) and record.symbol in places:
            observation = books.take(record)
            idle = not (observation.bids or observation.asks or observation.wrong) and bool(
                observations and observations[-1].claim == observation.claim
            )
            mark = msgspec.structs.replace(mark, o=len(observations), q=idle)
            observations.append(observation)
        marks.append(mark)
    breaks = tuple(_breaks(run.chains, places))
    return model.Core(
        marks=tuple(marks),
        symbols=() if books is None else books.symbols,
        observations=tuple(observations),
        points=points_of(result, run.evidence, run.chains),
        steps=steps,
        purpose="" if scenario is None else scenario.purpose,
        breaks=breaks,
        wrong=wrong,
        cause=None if check is None else check.cause,
        left=len(run.evidence) - len(kept),
    )


class _Books:
    """Truth and observations of every symbol of a case."""

    def __init__(self, run: CaseRun, facts: Facts, names: Sequence[str], levels: int) -> None:
        timeline = Timeline(facts, run.evidence)
        matchers = {
            name: [
                Matcher(facts.truths[name], facts.instruments[name], depth, facts.numbers, sort=facts.sorted_by_adapter)
                for depth in depths(facts, timeline, name)
            ]
            for name in names
        }
        judges = {name: SymbolJudge(facts, timeline, name, matchers) for name in names}
        self.symbols = tuple(symbol_of(name, matchers[name][0], timeline, levels) for name in names)
        self._failed = _failures(run.result)
        self._from = _first_wrong(run.result)
        self._shown = {
            name: Shown(place, judges[name], timeline, levels, explain=self._from is not None)
            for place, name in enumerate(names)
        }

    def take(self, observed: evidence.Observed) -> model.Observation:
        """The next observation. Wrong is only what the checker called so: a book where S1 failed, or the very
        observation that another check names."""
        made = self._shown[observed.symbol].take(observed)
        said = self._failed.get(observed.position)
        if said is not None:
            return msgspec.structs.replace(made, wrong=True, why=made.why or said)
        if made.wrong and (self._from is None or observed.position < self._from):
            return msgspec.structs.replace(made, wrong=False, why="", notes=(), nearest=None)
        return made


def _failures(result: CaseResult) -> dict[int, str]:
    """By position: what a safety check says of an observation."""
    return {
        check.position: check.message
        for check in result.checks
        if check.position is not None and check.verdict.rank >= Verdict.NON_STRICT.rank and check.id.startswith("S")
    }


def _first_wrong(result: CaseResult) -> int | None:
    """Where S1 first failed."""
    for check in result.checks:
        if check.id == "S1" and check.verdict is not Verdict.PASS:
            return check.position
    return None


def _kept(records: Sequence[evidence.Evidence], around: int | None, most: int) -> Sequence[evidence.Evidence]:
    """Of a very long case the part about the moment that matters; where there is none, the beginning."""
    if len(records) <= most:
        return records
    center = 0 if around is None else sum(record.position < around for record in records)
    first = max(0, min(center - _BEFORE, len(records) - most))
    return records[first : first + most]


def _breaks(chains: dict[str, tuple[Chain, ...]], places: dict[str, int]) -> Iterator[model.Break]:
    """Where an ideal client notices, each place once."""
    seen: set[tuple[str, int]] = set()
    for symbol, found in chains.items():
        for chain in found:
            broken = chain.broken
            if broken is None or broken.reason == "superseded" or symbol not in places:
                continue
            if (symbol, broken.position) not in seen:
                seen.add((symbol, broken.position))
                yield model.Break(p=broken.position, y=places[symbol], reason=broken.reason)
