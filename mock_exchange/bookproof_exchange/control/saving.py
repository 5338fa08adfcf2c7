"""The file that is handed out for a recording: the most faithful form that a client can be asked for."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.control import recording
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.scenario.problems import Problem
from bookproof_exchange.scenario.write import write


def file(
    deeds: Sequence[recording.Deed],
    setting: recording.Setting,
    named: recording.Named,
    rules: tuple[str, ...],
    cut: bool,
) -> str:
    """The first form to which nobody objects, else the one with the fewest objections, as the text of a file."""
    best: tuple[tuple[int, int], Scenario, list[Problem]] | None = None
    tried: set[Scenario] = set()
    for draft in recording.drafts(deeds, setting, named, rules):
        if draft in tried:
            continue
        tried.add(draft)
        try:
            problems = check(draft, list(DIALECTS))
        except UsageError as error:  # the market of another moment has no room for a shape
            problems = [Problem(code="unfair", message=error.message)]
        errors = sum(problem.weight == "error" for problem in problems)
        rank = (errors, len(problems))
        if best is None or rank < best[0]:
            best = (rank, draft, problems)
        if not errors:
            break
    assert best is not None
    return recording.comments(best[2], cut=cut) + write(best[1])
