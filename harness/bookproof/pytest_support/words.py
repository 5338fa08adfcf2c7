"""What a failed case says: words, the rule, the book, how to run it again. No traceback: nobody debugs the harness."""

from __future__ import annotations

import pytest
from _pytest._code.code import ReprEntry, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from bookproof.report.words import diff_lines, label, rule_of, telling, why
from bookproof.results import CaseResult

_MOST_ROWS = 10


class BookproofWarning(pytest.PytestWarning):
    """A case that passed with a remark: ``warn`` (a SHOULD was broken) or ``non-strict``."""


class CaseFailed(AssertionError):
    """A case that did not pass. ``result`` has everything; as a text it is the explanation."""

    def __init__(self, result: CaseResult, again: tuple[str, ...] = (), transcript: str | None = None) -> None:
        self.result = result
        self.again = again
        self.transcript = transcript
        super().__init__("\n".join(explanation(result, again=again, transcript=transcript)))


def headline(result: CaseResult) -> str:
    """The line of pytest's short summary."""
    return f"{label(result)}: {why(result)}".rstrip(": ")


def explanation(result: CaseResult, *, again: tuple[str, ...] = (), transcript: str | None = None) -> list[str]:
    """The lines of a failure."""
    lines = [f"{result.id}: {result.title}", f"{label(result)}: {why(result)}"]
    check = telling(result)
    rule = None if check is None else rule_of(check)
    if check is not None and rule is not None:
        lines += [f"rule {check.rule} ({rule.level}): {rule.text}", f"     {rule.source}"]
    if check is not None and check.diff:
        lines += ["", *(f"    {line}" for line in diff_lines(check.diff, most=_MOST_ROWS))]
    if result.stderr:
        lines += ["", "the client's log ends:", *(f"    {line}" for line in result.stderr[-8:])]
    lines.append("")
    if result.reproduced is not None:
        lines.append(f"run again in a fresh process: {'the same' if result.reproduced else 'passed'}")
    if result.client:
        lines.append(f"client: {result.client}   seed: {result.seed}")
    lines += [f"again: {command}" for command in again]
    if transcript is not None:
        lines.append(f"transcript: {transcript}")
    return lines


def longrepr(message: str, lines: list[str], path: str) -> ReprExceptionInfo:
    """Lines as pytest's representation of a failure; travels from xdist workers, and into the short summary."""
    return ReprExceptionInfo(
        reprcrash=ReprFileLocation(path, 1, message),
        reprtraceback=ReprTraceback(
            reprentries=[ReprEntry(lines, None, None, None, "value")], extraline=None, style="value"
        ),
    )
