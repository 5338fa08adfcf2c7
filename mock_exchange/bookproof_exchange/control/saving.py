"""The file that is handed out for a recording: the most faithful form that a client can be asked for."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.control import recording
from bookproof_exchange.control.recording import Deed, Did, Named, Setting, Skipped
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.scenario.problems import Problem
from bookproof_exchange.scenario.write import write

#: Where no form of the whole will do: so many quarters of what was done, from its beginning.
_QUARTERS = (4, 3, 2, 1, 0)


def file(deeds: Sequence[Deed], setting: Setting, named: Named, rules: tuple[str, ...], *, cut: bool) -> str:
    """The text of a scenario file to which nobody objects.

    A hand can ask for more than any client can do (twelve refusals in a row). Then only the beginning is written, and the
    file says so."""
    text = ""
    for quarters in _QUARTERS:
        part = deeds[: len(deeds) * quarters // 4]
        draft, problems = _best(part, setting, named, rules)
        left = _things(deeds) - _things(part)
        text = recording.comments(problems, cut=cut, left=left) + write(draft)
        if not any(problem.weight == "error" for problem in problems):
            break
    return text


def _best(
    deeds: Sequence[Deed], setting: Setting, named: Named, rules: tuple[str, ...]
) -> tuple[Scenario, list[Problem]]:
    """The first form to which nobody objects, else the one with the fewest objections."""
    best: tuple[tuple[int, int], Scenario, list[Problem]] | None = None
    tried: set[Scenario] = set()
    for draft in recording.drafts(deeds, setting, named, rules):
        if draft in tried:
            continue
        tried.add(draft)
        problems = _objections(draft)
        errors = sum(problem.weight == "error" for problem in problems)
        if best is None or (errors, len(problems)) < best[0]:
            best = ((errors, len(problems)), draft, problems)
        if not errors:
            break
    assert best is not None
    return best[1], best[2]


def _objections(draft: Scenario) -> list[Problem]:
    try:
        return check(draft, list(DIALECTS))
    except UsageError as error:  # the market of another moment has no room for a shape
        return [Problem(code="unfair", message=error.message)]


def _things(deeds: Sequence[Deed]) -> int:
    return sum(isinstance(deed, Did | Skipped) for deed in deeds)
