"""A result in words: the same sentences in every reporter."""

from __future__ import annotations

from bookproof.results import CaseResult, Check, Verdict
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Rule


def telling(result: CaseResult) -> Check | None:
    """The check that says most about why the case did not pass: the worst, and of these the first."""
    bad = [check for check in result.checks if check.verdict.rank > Verdict.INFO.rank]
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
    """One paragraph: what is wrong."""
    check = telling(result)
    parts: list[str] = []
    if result.verdict in (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR):
        parts.append(result.message)
    if check is not None and check.message not in parts:
        parts.append(check.message)
    if not parts:
        parts.append(result.message)
    if result.diagnosis:
        parts.append(result.diagnosis)
    return " ".join(part for part in parts if part)


def label(result: CaseResult) -> str:
    """Verdict, check and anomaly in a few words: ``fail S1 missed-update``."""
    check = telling(result)
    text = str(result.verdict)
    if check is not None:
        text += f" {check.id}"
        if check.anomaly:
            text += f" {check.anomaly}"
    return text
