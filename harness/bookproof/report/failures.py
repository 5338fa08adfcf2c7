"""A failure as a file that can be run: the scenario, on the one dialect, with the seed that failed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bookproof.cases.plan import Case
from bookproof.report.text import one_line
from bookproof.report.words import label, why
from bookproof.results import CaseResult
from bookproof_exchange.scenario.load import SUFFIX
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.scenario.write import write as as_text


def scenario_of(case: Case) -> Scenario:
    """The scenario that makes exactly this case: same id, seed and prices, no other dialect."""
    return msgspec.structs.replace(case.scenario, seed=case.seed, dialects=(case.dialect,))


def write(case: Case, result: CaseResult, folder: Path) -> str:
    """Write ``failures/<case id>.scenario.yaml`` into a report's folder; returns its path relative to that."""
    path = Path("failures") / f"{file_name(case.id)}{SUFFIX}"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    said = one_line(f"{result.client}: {label(result)}: {why(result)}", 400)
    head = f"# {said}\n# bookproof replay THIS-FILE --client CMD\n"
    (folder / path).write_text(head + as_text(scenario_of(case)), encoding="utf-8", errors="backslashreplace")
    return str(path)


def file_name(case_id: str) -> str:
    """A case id as the name of a file."""
    return case_id.replace("/", "__")
