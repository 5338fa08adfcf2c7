"""The first screen: how every case came out, and which kinds of mistakes there are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof.report.matrix import topic
from bookproof.report.words import label, telling, why
from bookproof.results import CaseResult, Verdict

#: A sign for every verdict, so that none is told by its colour alone.
SIGNS = {
    "pass": "✓",
    "info": "✓",
    "non-strict": "!",
    "warn": "!",
    "unsupported": "–",
    "inconclusive": "?",
    "fail": "✕",
    "hung": "✕",
    "crashed": "✕",
    "adapter-error": "✕",
    "harness-error": "✕",
    "known": "✕",
}


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One case."""

    id: str
    verdict: str
    """Or ``known``."""
    sign: str
    text: str
    seconds: float
    recovery: float | None
    lag: float | None
    """The 99th percentile, seconds."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario; a cell a dialect."""

    scenario: str
    name: str
    """Its last part."""
    title: str
    cells: tuple[Cell | None, ...]


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    lines: tuple[Line, ...]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Cases that did not pass for the same reason, as far as can be seen."""

    name: str
    verdict: str
    reason: str
    """Of the first of them."""
    ids: tuple[str, ...]


def verdict_of(result: CaseResult) -> str:
    """As it is counted: known failures apart."""
    return "known" if result.known is not None else str(result.verdict)


def topics(results: Sequence[CaseResult], dialects: Sequence[str]) -> tuple[Topic, ...]:
    """Every case at its place, by topic and scenario."""
    found: dict[str, dict[str, dict[str, CaseResult]]] = {}
    for result in sorted(results, key=lambda each: each.scenario):
        found.setdefault(topic(result), {}).setdefault(result.scenario, {})[result.dialect] = result
    return tuple(
        Topic(name=name, lines=tuple(_line(name, scenario, cases, dialects) for scenario, cases in lines.items()))
        for name, lines in sorted(found.items())
    )


def _line(name: str, scenario: str, cases: dict[str, CaseResult], dialects: Sequence[str]) -> Line:
    some = next(iter(cases.values()))
    return Line(
        scenario=scenario,
        name=scenario.removeprefix(f"{name}/"),
        title=some.title,
        cells=tuple(_cell(cases[dialect]) if dialect in cases else None for dialect in dialects),
    )


def _cell(result: CaseResult) -> Cell:
    verdict = verdict_of(result)
    text = label(result)
    if result.known is not None:
        text = f"known: {text}"
    return Cell(
        id=result.id,
        verdict=verdict,
        sign=SIGNS[verdict],
        text=text,
        seconds=result.seconds,
        recovery=result.recovery_seconds,
        lag=result.lag.p99 if result.lag.samples else None,
    )


def groups(results: Sequence[CaseResult]) -> tuple[Group, ...]:
    """What did not pass and is not known, put together by the likeliest mistake; the worst and most frequent first."""
    found: dict[tuple[str, str], list[CaseResult]] = {}
    for result in sorted(results, key=lambda each: each.id):
        if (
            result.known is None
            and result.verdict.rank > Verdict.INFO.rank
            and result.verdict is not Verdict.UNSUPPORTED
        ):
            found.setdefault((str(result.verdict), _kind(result)), []).append(result)
    made = [
        Group(name=name, verdict=verdict, reason=why(cases[0]), ids=tuple(case.id for case in cases))
        for (verdict, name), cases in found.items()
    ]
    return tuple(sorted(made, key=lambda group: (-Verdict(group.verdict).rank, -len(group.ids), group.name)))


def _kind(result: CaseResult) -> str:
    if result.suspects:
        return result.suspects[0].name
    check = telling(result)
    if check is not None and result.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.NON_STRICT, Verdict.INCONCLUSIVE):
        return f"{check.anomaly or check.id}: not so: {check.title}" if check.anomaly else check.title
    return f"the case ended as {result.verdict}"
