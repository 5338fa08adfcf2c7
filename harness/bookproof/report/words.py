"""A result in words: the same sentences in every reporter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bookproof.results import CaseResult, Check, LevelDiff, Verdict
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Rule

#: Verdicts that are not of a check but of the whole case: the process, the adapter, Bookproof.
_OF_THE_CASE = (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR)

#: Between two sentences; a number's point and "(class A): It" are none.
_SENTENCES = re.compile(r"(?<=[.!?)]) (?=[A-Z(])")
_LOOKS_LIKE = re.compile(r"(This looks like [^:]+ \(class \w\)): ")
_COUNT = re.compile(r"\(\d+ such observations in all\.\)")


def telling(result: CaseResult) -> Check | None:
    """The check that says most about why the case did not pass: the worst, and of these the first. Where the client
    hung or crashed, what is inconclusive only follows from that and tells nothing."""
    least = Verdict.FAIL if result.verdict in _OF_THE_CASE else Verdict.NON_STRICT
    bad = [check for check in result.checks if check.verdict.rank >= least.rank]
    return max(bad, key=lambda check: check.verdict.rank, default=None)


def rule_of(check: Check) -> Rule | None:
    """The rule that the check tests, with its citation."""
    if check.rule is None:
        return None
    dialect, _, key = check.rule.partition("/")
    if dialect not in DIALECTS:
        return None
    return DIALECTS.get(dialect).rules.get(key)


def why(result: CaseResult) -> str:
    """One paragraph: what is wrong, and what it looks like. Empty where nothing is."""
    return " ".join(filter(None, (seen(result), likely(result))))


def seen(result: CaseResult) -> str:
    """What is wrong, from the evidence: of the process where that is what went wrong, then of the telling check."""
    check = telling(result)
    parts = [_sentence(result.message)]
    if check is not None and check.message not in result.message:
        before = "Before that: " if result.verdict in _OF_THE_CASE else ""
        parts.append(before + _sentence(check.message))
    return " ".join(filter(None, parts))


def likely(result: CaseResult) -> str:
    """The diagnosis, without the sentences that `seen` has said already. Empty where there is none."""
    said = seen(result)
    text = result.diagnosis.strip()
    head = _LOOKS_LIKE.match(text)
    parts = _SENTENCES.split(text if head is None else text[head.end() :])
    new = " ".join(part for part in parts if part not in said and not _COUNT.fullmatch(part))
    if head is None:
        return _sentence(new)
    return _sentence(f"{head[1]}: {new}" if new else f"{head[1]}.")


def label(result: CaseResult) -> str:
    """Verdict, check and anomaly in a few words: ``fail S1 missed-update``."""
    check = telling(result)
    text = str(result.verdict)
    if check is not None:
        text += f" {check.id}"
        if check.anomaly:
            text += f" {check.anomaly}"
    return text


def diff_lines(rows: Sequence[LevelDiff], *, most: int = 6) -> list[str]:
    """The levels that differ, as columns of plain text."""
    cells = [("side", "price", "client", "truth", "")]
    cells += [(row.side, row.price, row.shown or "-", row.truth or "-", row.note) for row in rows[:most]]
    lines = columns(cells)
    if len(rows) > most:
        lines.append(f"and {len(rows) - most} more")
    return lines


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of the same length as lines with aligned columns."""
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in listed]


def _sentence(text: str) -> str:
    """So that several can stand in a row."""
    text = text.strip()
    if text and text[0].islower() and " " in text:
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ")", ":")) or not text else text + "."
