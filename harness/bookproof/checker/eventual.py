"""E1, E3 and E4: what must come true in time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from bookproof.checker.facts import Facts
from bookproof.checker.finding import Finding, check
from bookproof.checker.safety import SymbolJudge
from bookproof.checker.timeline import Timeline
from bookproof.results import Check, Lag, Verdict
from bookproof_exchange.evidence import ClientEvent, Observed, Waited

_BY_LEVEL = {"MUST": Verdict.FAIL, "SHOULD": Verdict.WARN, "MAY": Verdict.INFO}


def waits(facts: Facts, timeline: Timeline, judges: Mapping[str, SymbolJudge]) -> list[Check]:
    """E1, E3 and the script's own waits, one check each."""
    found: list[Check] = []
    for waited in timeline.waited:
        match waited.what:
            case "sync" | "converge":
                found.append(_state(facts, timeline, judges, waited, "E1"))
            case "settle":
                found.append(_state(facts, timeline, judges, waited, "E3"))
            case what:
                found.append(_await(facts, waited, what.removeprefix("await-")))
    return found


def _await(facts: Facts, waited: Waited, what: str) -> Check:
    level = facts.await_levels.get(waited.place, "MUST")
    name = f"await-{what}"
    return Check(
        id=f"{name}@{waited.place}",
        verdict=Verdict.PASS if waited.came else _BY_LEVEL[level],
        title=f"the client does what it {level}: {what}",
        rule=facts.rules.get(name),
        anomaly=None if waited.came else f"no-{what}",
        message="" if waited.came else f"No {what} came within {waited.limit:g} s.",
        position=None if waited.came else waited.position,
    )


def _state(
    facts: Facts, timeline: Timeline, judges: Mapping[str, SymbolJudge], waited: Waited, property_id: str
) -> Check:
    seen = 0
    findings: list[Finding] = []
    for symbol, judge in judges.items():
        before = [o for o in timeline.observed.get(symbol, ()) if o.position < waited.position]
        seen += len(before)
        if waited.came:
            continue
        finding = _behind(timeline, judge, before[-1] if before else None, waited, exactly=property_id == "E3")
        if finding is not None:
            findings.append(finding)
    if not waited.came and not findings:
        findings.append(
            Finding(
                verdict=Verdict.FAIL,
                anomaly="not-sent",
                message=f"The client shows the newest book that it was sent, but within {waited.limit:g} s it was not "
                "sent the present one: it did not subscribe again, or its connection was not read.",
                position=waited.position,
            )
        )
    return check(f"{property_id}@{waited.place}", facts.rules.get(property_id), findings, seen, found=1)


def _behind(
    timeline: Timeline, judge: SymbolJudge, last: Observed | None, waited: Waited, *, exactly: bool
) -> Finding | None:
    """Why the symbol was not where it should be when the wait ended; None: it was."""
    within = f"within {waited.limit:g} s"
    symbol = judge.symbol
    if last is None:
        return Finding(
            verdict=Verdict.FAIL,
            anomaly="nothing-shown",
            message=f"The client showed no book of {symbol} {within}.{_said(timeline, waited.position, symbol)}",
            position=waited.position,
        )
    high = timeline.high(symbol, waited.position)
    right = judge.equals_at(last, high)
    if last.claim != "live":
        return Finding(
            verdict=Verdict.FAIL,
            anomaly="not-live",
            message=f"The client was not live for {symbol} {within}: its last state is {last.claim!r}, "
            f"{'the book is right' if right else 'the book is not the present one'}."
            + _said(timeline, waited.position, symbol),
            position=last.position,
            diff=() if right or high < 0 else judge.diagnostician.difference(last, high),
            truth=judge.diagnostician.top(high) if high >= 0 else (),
        )
    if right:
        return None
    version = judge.newest_version(last, high)
    if version is not None:
        return Finding(
            verdict=Verdict.FAIL,
            anomaly="behind",
            message=f"The client's book of {symbol} stood still at version {version}; {high} was sent ({within}).",
            position=last.position,
            diff=judge.diagnostician.difference(last, high),
            truth=judge.diagnostician.top(high),
        )
    diagnosis = judge.diagnostician.explain(last, high)
    return Finding(
        verdict=Verdict.FAIL,
        anomaly=diagnosis.anomaly,
        message=f"{'The last state' if exactly else 'A right book'} did not come {within}. {diagnosis.message}",
        position=last.position,
        cause=diagnosis.cause,
        diff=diagnosis.diff,
        shown=diagnosis.shown,
        truth=diagnosis.truth,
    )


def _said(timeline: Timeline, position: int, symbol: str) -> str:
    """The client's own last word, as help."""
    said: ClientEvent | None = None
    for record in timeline.records:
        if record.position >= position:
            break
        if isinstance(record, ClientEvent) and record.symbol in (None, symbol):
            said = record
    return "" if said is None else f" Its last word ({said.kind}): {said.message[:200]}"


def lag(timeline: Timeline, judges: Mapping[str, SymbolJudge]) -> Lag:
    """E4: for every read, how long what it shows had provably been superseded when it was asked for.

    A lower bound: counted from the first barrier that proves that a newer version was read."""
    samples: list[float] = []
    for symbol, judge in judges.items():
        proven: list[tuple[int, float, int]] = []  # position, time, newest version proven delivered
        for barrier in timeline.barriers:
            version = timeline.high(symbol, barrier.covers + 1)
            if version >= 0 and (not proven or version > proven[-1][2]):
                proven.append((barrier.position, barrier.at, version))
        versions = [version for _, _, version in proven]
        positions = [position for position, _, _ in proven]
        for observed, version in judge.versions:
            asked = timeline.time(observed)
            if bisect_left(positions, observed.position) == 0 or proven[0][1] > asked:
                continue
            newer = bisect_left(versions, version + 1)
            if newer < len(proven) and positions[newer] < observed.position:
                samples.append(max(0.0, asked - proven[newer][1]))
            else:
                samples.append(0.0)
    if not samples:
        return Lag()
    samples.sort()
    return Lag(
        samples=len(samples),
        p50=samples[(len(samples) - 1) // 2],
        p99=samples[min(len(samples) - 1, (len(samples) * 99) // 100)],
        most=samples[-1],
    )
