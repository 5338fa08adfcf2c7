"""The checker's entry: facts and evidence in, one check a property out."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bookproof.checker.etiquette import etiquette
from bookproof.checker.eventual import lag, waits
from bookproof.checker.facts import Facts
from bookproof.checker.finding import Finding, check
from bookproof.checker.limits import limits
from bookproof.checker.match import Matcher
from bookproof.checker.safety import SymbolJudge, depths
from bookproof.checker.timeline import Timeline
from bookproof.checker.trades import judge_trades
from bookproof.results import Check, Lag, Verdict
from bookproof_exchange.evidence import Evidence


def judge(facts: Facts, evidence: Sequence[Evidence]) -> tuple[Check, ...]:
    """Decide every property. Pure: the same evidence gives the same checks, whatever the clock says now.

    Positions decide the order; times only whether a deadline was kept."""
    return judge_with_lag(facts, evidence)[0]


def freshness(facts: Facts, evidence: Sequence[Evidence]) -> Lag:
    """E4, for information: how long what the client showed had provably been superseded, over its reads."""
    return judge_with_lag(facts, evidence)[1]


def judge_with_lag(
    facts: Facts, evidence: Sequence[Evidence], matchers: Mapping[str, Matcher] | None = None
) -> tuple[tuple[Check, ...], Lag]:
    """`judge` and `freshness` at the cost of one. ``matchers``: by symbol, those that the case was run with, if there are
    any; what they have read already need not be read again."""
    with _no_collection():
        timeline = Timeline(facts, evidence)
        judges = _judges(facts, timeline, matchers or {})
        trades = judge_trades(facts, timeline)
        checks = [*_vacuity(facts, timeline, judges), *_safety(facts, timeline, judges)]
        checks += waits(facts, timeline, judges)
        checks += etiquette(facts, timeline)
        checks += limits(facts, timeline)
        if trades is not None:
            checks.append(trades)
        return tuple(checks), lag(timeline, judges)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Judging makes many objects and hardly a cycle, but the collector would go through all of the evidence again and
    again: half of the time, for a long case."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _judges(facts: Facts, timeline: Timeline, known: Mapping[str, Matcher]) -> dict[str, SymbolJudge]:
    def matcher(symbol: str, depth: int | None) -> Matcher:
        found = known.get(symbol)
        if found is not None and found.depth == depth:
            return found
        instrument, sort = facts.instruments[symbol], facts.sorted_by_adapter
        return Matcher(facts.truths[symbol], instrument, depth, facts.numbers, sort=sort)

    matchers: Mapping[str, list[Matcher]] = {
        symbol: [matcher(symbol, depth) for depth in depths(facts, timeline, symbol)] for symbol in facts.truths
    }
    judges = {symbol: SymbolJudge(facts, timeline, symbol, matchers) for symbol in facts.truths}
    for judged in judges.values():
        judged.run()
    return judges


def _vacuity(facts: Facts, timeline: Timeline, judges: Mapping[str, SymbolJudge]) -> list[Check]:
    findings: list[Finding] = []

    def vacuous(anomaly: str, message: str) -> None:
        findings.append(Finding(verdict=Verdict.INCONCLUSIVE, anomaly=anomaly, message=message))

    live = sum(judged.live for judged in judges.values())
    expects_book = any(record for record in timeline.observed.values()) or not timeline.trades
    if not facts.live:
        if not any(timeline.observed.values()):
            vacuous("nothing-shown", "The client was never looked at.")
    elif not live and expects_book:
        vacuous("nothing-live", "The client never said that a book was live.")
    elif not live and not timeline.shown_trades:
        vacuous("nothing-shown", "The client showed nothing.")
    if "trades" in facts.channels and not timeline.trades:
        vacuous("no-trades", "No trade was sent to the client: it did not subscribe to trades, or there was none.")
    struck = {record.fault for record in timeline.struck}
    if len(struck) < facts.faults_armed:
        if facts.impossible:
            idle = Finding(verdict=Verdict.UNSUPPORTED, anomaly="fault-impossible", message=" ".join(facts.impossible))
            findings.append(idle)
        else:
            vacuous("fault-idle", f"Only {len(struck)} of the scenario's {facts.faults_armed} faults struck.")
    reached = {
        record.fault
        for record in timeline.struck
        if record.connection is None or record.connection in timeline.subscribed_on or record.kind == "refuse-subscribe"
    }
    for fault in sorted(struck - reached):
        vacuous("fault-unseen", f"Fault {fault} struck only where no client had subscribed.")
    unjudged = sum(judged.unjudged for judged in judges.values())
    if unjudged and not any(judged.judged - judged.unjudged for judged in judges.values()):
        vacuous("not-comparable", "No live book could be compared: the fault makes every deeper state uncertain.")
    return [check("V0", facts.rules.get("V0"), findings, live, found=1)]


def _safety(facts: Facts, timeline: Timeline, judges: Mapping[str, SymbolJudge]) -> list[Check]:
    judged = sum(symbol.judged for symbol in judges.values())
    checks: list[Check] = []
    for name in ("S1", "S2", "S3", "S4", "S5", "S6"):
        findings = [finding for symbol in judges.values() for finding in symbol.findings[name]]
        findings.sort(key=lambda finding: finding.position or 0)
        found = max(len(findings), sum(symbol.wrong for symbol in judges.values())) if name == "S1" else None
        if name == "S4":
            findings += _honesty(facts, judges, findings)
        if name == "S6" and not facts.sequence_base:
            continue
        checks.append(check(name, facts.rules.get(name), findings, judged, found=found))
    checks += _isolation(facts, timeline, judges)
    return checks


def _honesty(facts: Facts, judges: Mapping[str, SymbolJudge], findings: Sequence[Finding]) -> list[Finding]:
    """Where honesty is the point of the scenario, somebody must have looked between the break and the recovery."""
    if not facts.honest or any(silence.observed for judged in judges.values() for silence in judged.silences):
        return []
    if any(finding.verdict.rank > Verdict.INCONCLUSIVE.rank for finding in findings):
        return []
    broke = any(judged.silences for judged in judges.values())
    return [
        Finding(
            verdict=Verdict.INCONCLUSIVE,
            anomaly="not-observed",
            message="Nothing was observed between the proof that the client knew and its next snapshot."
            if broke
            else "No book broke, so nobody had to notice anything.",
        )
    ]


def _isolation(facts: Facts, timeline: Timeline, judges: Mapping[str, SymbolJudge]) -> list[Check]:
    """S7: judged where faults concerned some symbols and not others."""
    concerned = {record.symbol for record in timeline.struck}
    spared = [symbol for symbol in judges if symbol not in concerned]
    if not concerned or None in concerned or not spared:
        return []
    findings = [finding for symbol in spared for finding in judges[symbol].findings["S1"]]
    return [check("S7", facts.rules.get("S7"), findings, sum(judges[symbol].judged for symbol in spared))]
