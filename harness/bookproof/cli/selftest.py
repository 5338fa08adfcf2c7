"""``bookproof selftest``: Bookproof proves itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
import msgspec

from bookproof.cases.plan import Case, select
from bookproof.cli.options import all_cases, dialects_named
from bookproof.report.text import one_line
from bookproof.report.words import label, why
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof.selftest.prove import prove_ideal, prove_mutant
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean

#: So many failures of an ideal client are shown a dialect.
_MOST_SHOWN = 20
#: Apart by so much, the seeds of one case never meet those of another.
_STRIDE = 1000


@click.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--case", "patterns", multiple=True, metavar="GLOB", help="Only these cases (may be repeated).")
@click.option(
    "--seeds", type=click.IntRange(1, 100_000), default=1, show_default=True, metavar="N", help="Seeds a case."
)
@click.option("--mutant", "names", multiple=True, metavar="NAME", help="Only this mutant (may be repeated).")
@click.option("--mutants/--no-mutants", "with_mutants", default=True, help="Whether to run the mutants.")
def selftest(
    dialects: tuple[str, ...], patterns: tuple[str, ...], seeds: int, names: tuple[str, ...], with_mutants: bool
) -> int:
    """Ideal clients must pass every case; every mutant must be caught. Exit 5 if not: then Bookproof is wrong.

    Mutants are ideal clients with exactly one bug each. Everything runs in memory under a virtual clock. With --case, a
    mutant that these cases do not catch proves nothing, and is only shown.
    """
    for name in names:
        if name not in MUTANTS:
            raise UsageError(f"unknown mutant {name!r}", hint=did_you_mean(name, MUTANTS))
    wrong = 0
    for dialect in dialects_named(dialects):
        cases, _ = select(all_cases([dialect])[0], patterns, slow=True)
        wrong += _ideal(dialect, cases, seeds)
        if with_mutants:
            chosen = [mutant for name, mutant in MUTANTS.items() if not names or name in names]
            survived = [mutant for mutant in chosen if mutant.exists_on(dialect) and not _caught(mutant, cases)]
            wrong += 0 if patterns else len(survived)
    click.echo("everything holds" if not wrong else click.style(f"{wrong} things are wrong with Bookproof", fg="red"))
    return 5 if wrong else 0


def _ideal(dialect: Dialect, cases: Sequence[Case], seeds: int) -> int:
    """How many runs the ideal client did not pass."""
    began = time.perf_counter()
    bad = 0
    for seed in range(seeds):
        for result in prove_ideal([_reseeded(case, seed) for case in cases]):
            bad += 1
            if bad <= _MOST_SHOWN:
                head = click.style(label(result), fg="red")
                click.echo(f"{head} {result.id} seed {result.seed}: {one_line(why(result))}")
    total = len(cases) * seeds
    took = time.perf_counter() - began
    click.echo(f"{dialect.name}: the ideal client passes {total - bad} of {total} (cases × seeds) in {took:.1f} s")
    return bad


def _caught(mutant: Mutant, cases: Sequence[Case]) -> bool:
    kill = prove_mutant(mutant, cases)
    if kill.case is not None:
        how = f"{kill.property} {kill.anomaly or ''}"
        click.echo(f"caught    {mutant.name:<26} {mutant.bug_class}  {how:<24} {kill.case}")
        return True
    seen = f"; seen: {one_line('; '.join(kill.others))}" if kill.others else ""
    click.echo(
        f"{click.style('survived', fg='red')}  {mutant.name} ({mutant.title}) on {kill.dialect}: {kill.cases_run} cases did "
        f"not catch it by {', '.join(sorted(mutant.kills))}{seen}"
    )
    return False


def _reseeded(case: Case, seed: int) -> Case:
    return case if seed == 0 else msgspec.structs.replace(case, seed=case.seed + _STRIDE * seed)
