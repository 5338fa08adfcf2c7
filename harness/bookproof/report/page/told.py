"""A result as the page's own value: what the checker and the diagnosis said, in words."""

from __future__ import annotations

from typing import Any

import msgspec

from bookproof.report.page.books import notes
from bookproof.report.page.overview import SIGNS, verdict_of
from bookproof.report.text import clean
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import CaseResult, Check

#: Moments of the story that are told where the evidence itself is not there.
_MOST_TOLD = 120


def result_of(result: CaseResult, *, drawn: bool) -> dict[str, Any]:
    """Plain JSON values, every text cleaned. ``drawn``: the evidence goes with it, so its story need not."""
    check = telling(result)
    value: dict[str, Any] = {
        "id": result.id,
        "dialect": result.dialect,
        "title": result.title,
        "verdict": verdict_of(result),
        "truly": str(result.verdict),
        "sign": SIGNS[verdict_of(result)],
        "label": label(result),
        "why": why(result),
        "message": result.message,
        "telling": None if check is None else result.checks.index(check),
        "checks": [_check(each) for each in result.checks],
        "suspects": [{"name": each.name, "class": each.bug_class, "reason": each.reason} for each in result.suspects],
        "diagnosis": result.diagnosis,
        "known": result.known,
        "seed": result.seed,
        "seconds": round(result.seconds, 3),
        "client": result.client,
        "attempts": result.attempts,
        "reproduced": result.reproduced,
        "observations": result.observations,
        "lag": None if not result.lag.samples else _milliseconds(result),
        "recovery": result.recovery_seconds,
        "transcript": result.transcript,
        "file": result.scenario_file,
        "stderr": list(result.stderr),
        "reproduce": result.reproduce,
    }
    if not drawn:
        value["story"] = [
            [each.position, round(each.at, 3), each.lane, each.text, each.count] for each in result.story[:_MOST_TOLD]
        ]
    cleaned: dict[str, Any] = cleaned_value({name: each for name, each in value.items() if each not in (None, "", [])})
    return cleaned


def rules_of(result: CaseResult) -> dict[str, Any]:
    """The rules that the checks test, by id: once for the whole page."""
    found: dict[str, Any] = {}
    for check in result.checks:
        rule = rule_of(check)
        if rule is not None and check.rule is not None:
            found[check.rule] = cleaned_value(
                {"level": rule.level, "text": rule.text, "source": rule.source, "seen": rule.seen}
            )
    return found


def cleaned_value(value: Any) -> Any:
    """Control characters, direction marks and lone surrogates spelled out, in every text of a JSON value."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(name): cleaned_value(item) for name, item in value.items()}
        case list() | tuple():
            return [cleaned_value(item) for item in value]
        case _:
            return value


def _check(check: Check) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": check.id,
        "verdict": str(check.verdict),
        "title": check.title,
        "rule": check.rule,
        "anomaly": check.anomaly,
        "message": check.message,
        "position": check.position,
        "cause": check.cause,
        "diff": msgspec.to_builtins(notes(check.diff)),
        "shown": [list(row) for row in check.shown],
        "truth": [list(row) for row in check.truth],
        "observations": check.observations,
    }
    return {name: each for name, each in value.items() if each not in (None, "", [], ())}


def _milliseconds(result: CaseResult) -> dict[str, Any]:
    lag = result.lag
    return {
        "samples": lag.samples,
        **{name: round(each * 1000, 3) for name, each in (("p50", lag.p50), ("p99", lag.p99), ("most", lag.most))},
    }
