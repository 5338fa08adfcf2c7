"""``bookproof scenario try``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bookproof.authoring.preview import preview
from bookproof.authoring.rehearsal import rehearse
from bookproof.authoring.trial import Caught, against_bugs, check_lines, failure_lines, mutant_named, step_lines
from bookproof.cli.scenario.common import chosen, readable, say, width, wrapped
from bookproof.report.words import label
from bookproof.results import CaseResult
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof.suite import exit_status
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.scenario.model import Scenario


@click.command(name="try")
@click.argument("file", type=click.Path())
@click.option(
    "--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated). Default: all."
)
@click.option("--seed", type=int, default=None, metavar="N", help="Instead of the scenario's own seed.")
@click.option(
    "--mutant",
    "mutants",
    multiple=True,
    metavar="NAME",
    help="Run a client with this known bug instead (may be repeated); all: every one, to see which are caught.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every check.")
def try_(file: str, dialects: tuple[str, ...], seed: int | None, mutants: tuple[str, ...], verbose: bool) -> int:
    """Run a scenario against the ideal client, in memory, and show its steps and the verdict.

    The ideal client has to pass: a scenario that it fails would blame good clients. With --mutant a client with exactly one
    known bug is run instead: a good scenario catches the bugs that it is meant for. To run your own client:
    bookproof replay FILE --client CMD.

    Exit status as of 'bookproof run'; with --mutant 0 if everything asked for was caught, and 1 if not ('all': 0).
    """
    scenario = readable(file)
    if scenario is None:
        return 4
    where = chosen(scenario, dialects)
    if mutants:
        return catch(scenario, where, mutants)
    return play(scenario, where, seed=seed, verbose=verbose)


def play(scenario: Scenario, dialects: Sequence[Dialect], *, seed: int | None, verbose: bool) -> int:
    """The ideal client on each dialect; returns the exit status."""
    results: list[CaseResult] = []
    for dialect in dialects:
        rehearsal = rehearse(scenario, dialect, seed=seed)
        result = rehearsal.run.result
        results.append(result)
        say(f"{result.id}   the ideal client, seed {result.seed}")
        for line in step_lines(rehearsal, preview(rehearsal)):
            say(line)
        if verbose or result.failing:
            for line in check_lines(result):
                say(line)
        say(f"     {label(result)}: {len(result.checks)} checks, {result.observations} books looked at")
        for line in failure_lines(result):
            for part in wrapped(line, width(None), "     "):
                say(part)
        say()
    return exit_status(results, ())


def catch(scenario: Scenario, dialects: Sequence[Dialect], names: Sequence[str]) -> int:
    """Known bugs on each dialect; returns the exit status."""
    everything = "all" in names
    asked: list[Mutant] = list(MUTANTS.values()) if everything else [mutant_named(name) for name in names]
    escaped = False
    for dialect in dialects:
        say(f"{dialect.name}/{scenario.id}")
        caught: list[Caught] = []
        away: list[Caught] = []
        for found in against_bugs(scenario, dialect, asked):
            (away if found.by is None else caught).append(found)
        width_of = max((len(found.mutant) for found in (*caught, *away)), default=0)
        for found in caught:
            say(f"     {found.mutant:<{width_of}}  caught ({found.by}): {found.title}")
        if not everything:
            for found in away:
                say(f"     {found.mutant:<{width_of}}  GOT AWAY: {found.title}")
            for mutant in asked:
                if (reason := mutant.why_not(dialect)) is not None:
                    say(f"     {mutant.name:<{width_of}}  cannot exist here: {reason}")
        say(f"     caught {len(caught)} of {len(caught) + len(away)} known bugs")
        say()
        escaped |= bool(away) and not everything
    return 1 if escaped else 0
