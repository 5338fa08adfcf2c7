"""What is wrong with scenario files, and on which dialects each makes a case: for people, and for editors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError, Where
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import LoadedScenario, load_with_places
from bookproof_exchange.scenario.problems import Problem, ScenarioError


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one file. ``loaded`` None: it could not be read as a scenario. ``problems``: in the order of the file, each with
    its place. ``reasons``: dialect to why the file makes no case there, None where it does."""

    path: str
    loaded: LoadedScenario | None = None
    problems: tuple[Problem, ...] = ()
    reasons: dict[str, str | None] = {}

    @property
    def usable(self) -> bool:
        """Whether nothing is an error."""
        return self.loaded is not None and not any(problem.weight == "error" for problem in self.problems)

    @property
    def dialects(self) -> list[str]:
        """Where it makes a case."""
        return [name for name, reason in self.reasons.items() if reason is None]


def examine(path: str) -> Findings:
    """Everything that the linter says of a file. Never raises because of its content."""
    try:
        loaded = load_with_places(path)
    except ScenarioError as error:
        return Findings(path=path, problems=error.problems)
    except UsageError as error:  # it cannot be read at all
        problem = Problem(code="unreadable", message=error.message, hint=error.hint, where=Where(path))
        return Findings(path=path, problems=(problem,))
    dialects = list(DIALECTS)
    problems = [
        msgspec.structs.replace(problem, where=loaded.where(problem.field))
        for problem in check(loaded.scenario, dialects)
    ]
    problems.sort(key=_place)
    return Findings(
        path=path,
        loaded=loaded,
        problems=tuple(problems),
        reasons={dialect.name: applicable(loaded.scenario, dialect) for dialect in dialects},
    )


def lines(findings: Findings) -> Iterator[str]:
    """For people, and for the problem matchers of editors: one line a problem (``file:line:column: error: what (how to
    mend it) [code]``) and below it the line of the file."""
    text = _source(findings.path)
    for problem in findings.problems:
        path, line, column, field = problem.where or Where(findings.path)
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        named = f"{field or problem.field}: " if field or problem.field else ""
        hint = "" if problem.hint is None else f" ({problem.hint})"
        yield f"{place}: {problem.weight}: {named}{problem.message}{hint} [{problem.code}]"
        if line is not None and line <= len(text) and text[line - 1].strip():
            shown, at = _cut(text[line - 1].expandtabs(1), (column or 1) - 1)
            yield f"{line:>5} | {shown}"
            yield f"      | {' ' * at}^"
    if not findings.problems:
        yield f"{findings.path}: fine, on {', '.join(findings.dialects) or 'no dialect'}"
    if findings.usable:
        for name, reason in findings.reasons.items():
            if reason is not None:
                yield f"{findings.path}: no case on {name}: {reason}"


def rows(found: Sequence[Findings]) -> list[dict[str, Any]]:
    """As JSON: one object a file, with one object a problem. Lines and columns count from 1."""
    return [
        {
            "file": findings.path,
            "dialects": findings.dialects if findings.usable else [],
            "not_on": {name: reason for name, reason in findings.reasons.items() if reason is not None},
            "problems": [_row(findings, problem) for problem in findings.problems],
        }
        for findings in found
    ]


def _row(findings: Findings, problem: Problem) -> dict[str, Any]:
    _, line, column, field = problem.where or Where(findings.path)
    return {
        "file": findings.path,
        "line": line,
        "column": column,
        "severity": problem.weight,
        "code": problem.code,
        "field": field or problem.field or None,
        "message": problem.message,
        "hint": problem.hint,
    }


def _place(problem: Problem) -> tuple[int, int]:
    where = problem.where
    return (0, 0) if where is None else (where[1] or 0, where[2] or 0)


def _source(path: str) -> list[str]:
    try:
        if os.path.getsize(path) > 1 << 20:
            return []
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


#: Longer lines are cut around the place.
_WIDEST = 100


def _cut(line: str, at: int) -> tuple[str, int]:
    start = max(0, at - _WIDEST // 2) if len(line) > _WIDEST else 0
    return line[start : start + _WIDEST], at - start
