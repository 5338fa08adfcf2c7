"""What came of a rehearsal, in words: each step, each check, the verdict; and which known bugs a scenario catches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bookproof.authoring.preview import Preview
from bookproof.authoring.rehearsal import Rehearsal, rehearse
from bookproof.report.words import diff_lines, label, rule_of, telling, why
from bookproof.results import CaseResult, Verdict
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.scenario.model import Scenario

#: A mutant counts as caught by these.
_CAUGHT = frozenset({Verdict.WARN, Verdict.FAIL, Verdict.HUNG, Verdict.CRASHED})


class Caught(msgspec.Struct, frozen=True, kw_only=True):
    """A known bug against a scenario. ``by``: the check and the anomaly, in a few words; None: it got away."""

    mutant: str
    title: str
    by: str | None


def mutant_named(name: str) -> Mutant:
    """The known bug of this name; UsageError with a hint for an unknown one."""
    if name not in MUTANTS:
        hint = did_you_mean(name, MUTANTS) or ""
        raise UsageError(
            f"there is no known bug {name!r}",
            hint=hint if hint.startswith("did") else "`bookproof scenario try FILE --mutant all` lists those it meets",
        )
    return MUTANTS[name]


def against_bugs(scenario: Scenario, dialect: Dialect, mutants: Sequence[Mutant]) -> Iterator[Caught]:
    """What becomes of every known bug that can exist on the dialect."""
    for mutant in mutants:
        if not mutant.exists_on(dialect):
            continue
        result = rehearse(scenario, dialect, mutant=mutant).run.result
        caught = result.verdict in _CAUGHT
        yield Caught(mutant=mutant.name, title=mutant.title, by=label(result) if caught else None)


def step_lines(rehearsal: Rehearsal, shown: Preview) -> Iterator[str]:
    """Each step with what came of it."""
    records = rehearsal.run.evidence
    waited = {record.place: record for record in records if isinstance(record, evidence.Waited)}
    struck: dict[int, int] = {}
    place = 0
    for record in records:
        if isinstance(record, evidence.Step):
            place = record.place
        elif isinstance(record, evidence.Struck):
            struck[place] = struck.get(place, 0) + 1
    width = max((len(scene.label) for scene in shown.scenes), default=0)
    for scene in shown.scenes:
        wait = waited.get(scene.place)
        if wait is None:
            came = "done"
        elif wait.came:
            came = f"done after {scene.seconds:.3g} s" if scene.seconds >= 0.5 else "done"
        else:
            came = f"NOT done within {wait.limit:g} s"
        times = struck.get(scene.place, 0)
        if times:
            came += "; a fault strikes" if times == 1 else f"; faults strike {times} times"
        yield f"{scene.place:>3}  {scene.label:<{width}}  {came}"
    missing = len(rehearsal.case.scenario.script) - len(shown.scenes)
    if missing > 0:
        yield f"     {'1 step was' if missing == 1 else f'{missing} steps were'} not reached"


def check_lines(result: CaseResult) -> Iterator[str]:
    """Every check with its verdict; what is not a pass is explained."""
    width = max((len(check.id) for check in result.checks), default=0)
    for check in result.checks:
        yield f"     {check.id:<{width}}  {check.verdict}: {check.title}"


def failure_lines(result: CaseResult) -> Iterator[str]:
    """Why it did not pass: in words, with the rule and the levels that differ."""
    reason = why(result)
    if reason:
        yield reason
    check = telling(result)
    rule = None if check is None else rule_of(check)
    if check is not None and rule is not None:
        yield f"rule {check.rule} ({rule.level}): {rule.text}"
        yield f"     {rule.source}"
    if check is not None and check.diff:
        yield from (f"    {line}" for line in diff_lines(check.diff))
