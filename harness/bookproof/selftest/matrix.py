"""The kill matrix: every mutant against every case of its dialects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bookproof.selftest.jobs import Job, Outcome, catalogue, for_mutant, run_jobs
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.record import Kill, Record
from bookproof_exchange.dialects.api import Dialect


def matrix_jobs(dialects: Sequence[Dialect], mutants: Iterable[str] = (), scenarios: Iterable[str] = ()) -> list[Job]:
    """One job a mutant and dialect. ``mutants``, ``scenarios``: only these; all where none is named."""
    names, only = frozenset(mutants), frozenset(scenarios)
    return [
        Job(
            dialect=dialect.name,
            what="mutant",
            name=mutant.name,
            scenarios=tuple(
                scenario
                for scenario, case in catalogue(dialect.name).items()
                if (not only or scenario in only) and for_mutant(mutant, case)
            ),
            diagnose=True,
        )
        for dialect in dialects
        for mutant in MUTANTS.values()
        if mutant.exists_on(dialect) and (not names or mutant.name in names)
    ]


def run_matrix(jobs: Sequence[Job], processes: int) -> Iterator[Outcome]:
    """The rows of the matrix, one after the other."""
    yield from run_jobs(jobs, processes)


def merged(before: Mapping[str, Record], outcomes: Iterable[Outcome]) -> dict[str, Record]:
    """The record with new cells in it; what is gone (a mutant, a scenario) is left out."""
    cells: dict[str, dict[str, dict[str, Kill]]] = {
        dialect: {mutant: dict(kills) for mutant, kills in record.kills.items()} for dialect, record in before.items()
    }
    for outcome in outcomes:
        row = cells.setdefault(outcome.job.dialect, {}).setdefault(outcome.job.name, {})
        for scenario in outcome.job.scenarios:
            row.pop(scenario, None)
        row.update(outcome.kills)
    found: dict[str, Record] = {}
    for dialect, rows in cells.items():
        known = catalogue(dialect)
        found[dialect] = Record(
            dialect=dialect,
            scenarios=tuple(known),
            kills={
                mutant: {scenario: rows[mutant][scenario] for scenario in known if scenario in rows[mutant]}
                for mutant in MUTANTS
                if mutant in rows
            },
        )
    return found
