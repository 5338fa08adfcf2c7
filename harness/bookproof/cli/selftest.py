"""``bookproof selftest``: Bookproof proves itself."""

from __future__ import annotations

import time

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases, dialects_named
from bookproof.report.words import label, why
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.prove import prove_ideal, prove_mutant
from bookproof_exchange.errors import UsageError, did_you_mean


@click.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--seeds", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Seeds a case.")
@click.option("--mutant", "names", multiple=True, metavar="NAME", help="Only these mutants.")
@click.option("--mutants/--no-mutants", "with_mutants", default=True, help="Whether to run the mutants.")
def selftest(dialects: tuple[str, ...], seeds: int, names: tuple[str, ...], with_mutants: bool) -> int:
    """Ideal clients must pass every case; every mutant must be caught. Exit 5 if not: then Bookproof is wrong."""
    console = Console(highlight=False)
    for name in names:
        if name not in MUTANTS:
            raise UsageError(f"unknown mutant {name!r}", hint=did_you_mean(name, MUTANTS))
    wrong = 0
    for dialect in dialects_named(dialects):
        made, _ = all_cases([dialect])
        began = time.perf_counter()
        bad = 0
        for seed in range(seeds):
            chosen = [_reseeded(case, seed) for case in made]
            for result in prove_ideal(chosen):
                bad += 1
                if bad <= 20:
                    console.print(
                        f"[red]{label(result)}[/] {result.id} seed {result.seed}: {escape(why(result))}", soft_wrap=True
                    )
        took = time.perf_counter() - began
        total = len(made) * seeds
        console.print(
            f"{dialect.name}: ideal client passes {total - bad} of {total} (cases × seeds) in {took:.1f} s",
            soft_wrap=True,
        )
        wrong += bad
        if not with_mutants:
            continue
        for name, mutant in MUTANTS.items():
            if (names and name not in names) or not mutant.exists_on(dialect):
                continue
            kill = prove_mutant(mutant, made)
            if kill.case is None:
                wrong += 1
                console.print(
                    f"[red]survived[/] {name} ({mutant.title}) on {dialect.name}: {kill.cases_run} cases did not catch it by "
                    f"{', '.join(sorted(mutant.kills))}"
                    + (f"; seen: {escape('; '.join(kill.others))}" if kill.others else ""),
                    soft_wrap=True,
                )
            else:
                console.print(
                    f"caught   {name:<26} {mutant.bug_class}  {kill.property} {kill.anomaly or ''}  {kill.case}",
                    soft_wrap=True,
                )
    console.print("everything holds" if not wrong else f"{wrong} things are wrong with Bookproof")
    return 5 if wrong else 0


def _reseeded(case: Case, seed: int) -> Case:
    return case if seed == 0 else msgspec.structs.replace(case, seed=case.seed + 1000 * seed)
