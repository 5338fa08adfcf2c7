"""``bookproof selftest``: Bookproof proves itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import click

from bookproof.cases.plan import select
from bookproof.cli.options import all_cases, dialects_named
from bookproof.report.text import one_line
from bookproof.selftest import record
from bookproof.selftest.document import diagnosis_tables, kill_matrix
from bookproof.selftest.jobs import Job, Outcome, catalogue, for_mutant, heavy, run_jobs
from bookproof.selftest.matrix import matrix_jobs, merged
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.reasons import reason
from bookproof.selftest.record import Record
from bookproof.selftest.variants import VARIANTS
from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean


@click.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--case", "patterns", multiple=True, metavar="GLOB", help="Only these cases (may be repeated).")
@click.option(
    "--seeds", type=click.IntRange(1, 100_000), default=3, show_default=True, metavar="N", help="Seeds a case."
)
@click.option("--mutant", "names", multiple=True, metavar="NAME", help="Only this mutant (may be repeated).")
@click.option("--mutants/--no-mutants", "with_mutants", default=True, help="Whether to run the mutants.")
@click.option("--variants/--no-variants", "with_variants", default=True, help="Whether to run the other right clients.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True, metavar="N", help="Processes side by side."
)
@click.option(
    "--matrix",
    is_flag=True,
    help="Run every mutant against every case (of those selected) and renew the record and docs/kill-matrix.md.",
)
@click.option("--diagnosis", is_flag=True, help="Only print the figures of the diagnosis, from the record.")
def selftest(
    dialects: tuple[str, ...],
    patterns: tuple[str, ...],
    seeds: int,
    names: tuple[str, ...],
    with_mutants: bool,
    with_variants: bool,
    jobs: int,
    matrix: bool,
    diagnosis: bool,
) -> int:
    """Right clients must pass every case; every mutant must be caught. Exit 5 if not: then Bookproof is wrong.

    Right clients are the ideal one and its variants, which go about it in other ways. Mutants are ideal clients with
    exactly one bug each. Everything runs in memory under a virtual clock. A mutant is first run in the case that the
    record names for it, and every case against the mutant for whose sake it is there; --matrix runs everything.
    """
    for name in names:
        if name not in MUTANTS:
            raise UsageError(f"unknown mutant {name!r}", hint=did_you_mean(name, MUTANTS))
    if diagnosis:
        click.echo(diagnosis_tables(record.load()))
        return 0
    chosen = dialects_named(dialects)
    scenarios = {
        dialect.name: tuple(case.scenario.id for case in select(all_cases([dialect])[0], patterns, slow=True)[0])
        for dialect in chosen
    }
    if matrix:
        return _matrix(chosen, scenarios, names, jobs, partly=bool(patterns))
    began = time.perf_counter()
    work = [
        job for dialect in chosen for job in _right_jobs(dialect.name, scenarios[dialect.name], seeds, with_variants)
    ]
    known = record.load()
    if with_mutants:
        for dialect in chosen:
            work += _mutant_jobs(dialect, scenarios[dialect.name], known.get(dialect.name), names)
    told = _Told()
    for outcome in run_jobs(work, jobs):
        told.tell(outcome)
    told.right()
    wrong = told.wrong
    if with_mutants:
        for dialect in chosen:
            wrong += told.mutants(
                dialect, names, known.get(dialect.name), jobs, scenarios[dialect.name], bool(patterns)
            )
    click.echo(f"{time.perf_counter() - began:.1f} s")
    click.echo("everything holds" if not wrong else click.style(f"{wrong} things are wrong with Bookproof", fg="red"))
    return 5 if wrong else 0


def _right_jobs(dialect: str, scenarios: Sequence[str], seeds: int, with_variants: bool) -> Iterator[Job]:
    light = tuple(scenario for scenario in scenarios if not heavy(catalogue(dialect)[scenario]))
    yield Job(dialect=dialect, what="ideal", scenarios=tuple(scenarios))
    for seed in range(1, seeds):
        yield Job(dialect=dialect, what="ideal", scenarios=light, seed=seed)
    if with_variants:
        for name in VARIANTS:
            yield Job(dialect=dialect, what="variant", name=name, scenarios=light)


def _mutant_jobs(
    dialect: Dialect, scenarios: Sequence[str], known: Record | None, names: Sequence[str]
) -> Iterator[Job]:
    """For each mutant the cases that the record names: its own, and those that are there for its sake. (What the record
    does not know is searched for afterwards.)"""
    if known is None:
        return
    wanted: dict[str, list[str]] = {}
    for mutant in MUTANTS.values():
        killer = known.killer(mutant.name)
        if mutant.exists_on(dialect) and killer is not None:
            wanted.setdefault(mutant.name, []).append(killer)
    for scenario in scenarios:
        if (justification := known.justification(scenario)) is not None and justification in wanted:
            wanted[justification].append(scenario)
    for name, listed in wanted.items():
        chosen = tuple(scenario for scenario in dict.fromkeys(listed) if scenario in scenarios)
        if chosen and (not names or name in names):
            yield Job(dialect=dialect.name, what="mutant", name=name, scenarios=chosen)


class _Told:
    """What came out so far."""

    def __init__(self) -> None:
        self.wrong = 0
        self._outcomes: list[Outcome] = []

    def tell(self, outcome: Outcome) -> None:
        """Show what is wrong at once."""
        self._outcomes.append(outcome)
        self.wrong += outcome.failures
        for line in outcome.bad:
            who = outcome.job.name or "the ideal client"
            click.echo(f"{click.style('blamed', fg='red')}    {who}: {one_line(line)}")

    def right(self) -> None:
        """The right clients, summed up."""
        for dialect in dict.fromkeys(outcome.job.dialect for outcome in self._outcomes):
            for what, who in (("ideal", "the ideal client passes"), ("variant", "variants of it pass")):
                mine = [each for each in self._outcomes if (each.job.dialect, each.job.what) == (dialect, what)]
                runs, failures = sum(each.runs for each in mine), sum(each.failures for each in mine)
                if runs:
                    click.echo(f"{dialect}: {who} {runs - failures} of {runs}")

    def mutants(
        self,
        dialect: Dialect,
        names: Sequence[str],
        known: Record | None,
        jobs: int,
        scenarios: Sequence[str],
        partly: bool,
    ) -> int:
        """What became of the mutants of a dialect; returns how many things are wrong."""
        mine = [each for each in self._outcomes if each.job.dialect == dialect.name and each.job.what == "mutant"]
        caught = {each.job.name: each for each in mine if any(kill.named for kill in each.kills.values())}
        exist = [m for m in MUTANTS.values() if m.exists_on(dialect) and (not names or m.name in names)]
        missing = [mutant.name for mutant in exist if mutant.name not in caught]
        for outcome in run_jobs([_search(dialect.name, name, scenarios) for name in missing], jobs):
            if any(kill.named for kill in outcome.kills.values()):
                caught[outcome.job.name] = outcome
        wrong = 0
        for mutant in exist:
            outcome_or_none = caught.get(mutant.name)
            if outcome_or_none is None:
                wrong += not partly
                text = (
                    f"{mutant.name} ({mutant.title}) on {dialect.name}: not caught by {', '.join(sorted(mutant.kills))}"
                )
                click.echo(f"{click.style('survived', fg='red')}  {text}")
                continue
            scenario, kill = next((s, k) for s, k in outcome_or_none.kills.items() if k.named)
            how = f"{kill.check} {kill.anomaly}"
            click.echo(f"caught    {mutant.name:<30} {mutant.bug_class}  {how:<28} {dialect.name}/{scenario}")
        wrong += self._justified(dialect, names, known, mine, scenarios)
        for mutant in MUTANTS.values():
            if (why_not := mutant.why_not(dialect)) is not None and (not names or mutant.name in names):
                click.echo(f"not here  {mutant.name:<30} {mutant.bug_class}  on {dialect.name}: {why_not}")
        return wrong

    def _justified(
        self,
        dialect: Dialect,
        names: Sequence[str],
        known: Record | None,
        mine: Sequence[Outcome],
        scenarios: Sequence[str],
    ) -> int:
        """Whether every case catches the mutant for whose sake it is there."""
        if names or known is None:
            return 0
        catches = {scenario for outcome in mine for scenario, kill in outcome.kills.items() if kill.named}
        idle = [
            scenario for scenario in scenarios if scenario not in catches and reason(scenario, dialect.name) is None
        ]
        for scenario in idle:
            unknown = scenario not in known.scenarios
            text = "not in the record yet: run --matrix" if unknown else "catches no mutant"
            click.echo(f"{click.style('idle', fg='red')}      {dialect.name}/{scenario}: {text}")
        kept = len(scenarios) - len(idle)
        click.echo(
            f"{dialect.name}: {kept} of {len(scenarios)} cases catch the mutant that they are there for, or say why"
        )
        return len(idle)


def _search(dialect: str, name: str, scenarios: Sequence[str]) -> Job:
    return Job(
        dialect=dialect,
        what="mutant",
        name=name,
        scenarios=tuple(s for s in scenarios if for_mutant(MUTANTS[name], catalogue(dialect)[s])),
        until_caught=True,
    )


def _matrix(
    dialects: Sequence[Dialect], scenarios: dict[str, tuple[str, ...]], names: Sequence[str], jobs: int, *, partly: bool
) -> int:
    page = folder("scenarios").parent / "docs" / "kill-matrix.md"
    if not page.parent.is_dir():
        raise UsageError("--matrix renews a file of Bookproof's own repository: run it in a checkout")
    only = {scenario for listed in scenarios.values() for scenario in listed} if partly else ()
    records = record.load()
    for outcome in run_jobs(matrix_jobs(dialects, names, only), jobs):
        # kept at once: who interrupts half an hour's work does not lose it
        records = merged(records, [outcome])
        record.save(records.values())
        named = sum(kill.named for kill in outcome.kills.values())
        click.echo(f"{outcome.job.dialect:<14} {outcome.job.name:<30} falls in {named} of {outcome.runs}")
    text = kill_matrix(records)
    page.write_text(text, encoding="utf-8")
    click.echo(text)
    click.echo(diagnosis_tables(records))
    return 0
