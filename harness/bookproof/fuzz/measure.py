"""Measures the search, in memory: what it finds against right clients, which is nothing, and against each mutant.

python -m bookproof.fuzz.measure ideal --examples 20000
python -m bookproof.fuzz.measure variants --examples 500
python -m bookproof.fuzz.measure mutants --examples 1500
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import click
import msgspec

from bookproof.cli.options import dialects_named
from bookproof.fuzz.finding import FAILURES, Finding
from bookproof.fuzz.ground import kinds
from bookproof.fuzz.players import MemoryPlayer
from bookproof.fuzz.search import Limits, Outcome, Search
from bookproof.report.text import one_line
from bookproof.report.words import why
from bookproof.results import Verdict
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof.selftest.variants import VARIANTS, Variant
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.scenario.write import write

#: Of a right client everything counts: what proves nothing is the fault of the script.
OF_IDEAL = FAILURES | {Verdict.WARN, Verdict.INCONCLUSIVE}
#: Of another right client: what proves nothing may be its own way of going about it.
OF_VARIANTS = FAILURES | {Verdict.WARN}
#: Of a mutant also a broken SHOULD: some bugs are no more than that.
OF_MUTANTS = FAILURES | {Verdict.WARN}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the search found of one mutant on one dialect. ``after`` None: nothing."""

    mutant: str
    dialect: str
    examples: int
    after: int | None = None
    how: str = ""
    first: int = 0
    """Steps beyond `sync` of the script in which it failed first."""
    shrunk: int | None = None
    """Of the shrunk one; None: it did not come back with a fresh client, so that there was nothing to shrink."""


def search(dialect: Dialect, mutant: Mutant | None, *, seed: int, limits: Limits) -> Search:
    """A search in memory, against a mutant or the ideal client."""
    if mutant is None:
        return _search(dialect, MemoryPlayer(), seed, limits, OF_IDEAL)
    return _search(dialect, MemoryPlayer(mutant.maker), seed, limits, OF_MUTANTS)


def search_variant(dialect: Dialect, variant: Variant, *, seed: int, limits: Limits) -> Search:
    """A search in memory, against a right client that goes about it in another way."""
    return _search(dialect, MemoryPlayer(lambda: variant.make, variant.info), seed, limits, OF_VARIANTS)


def _search(dialect: Dialect, player: MemoryPlayer, seed: int, limits: Limits, counts: AbstractSet[Verdict]) -> Search:
    return Search(dialect, player, kinds(dialect), seed=seed, limits=limits, slow=True, counts=counts)


def measured(dialect: Dialect, mutant: Mutant, examples: int, seed: int) -> Row:
    """Search until the mutant fails once."""
    outcome = search(dialect, mutant, seed=seed, limits=Limits(examples=examples, findings=1)).run()
    row = Row(mutant=mutant.name, dialect=dialect.name, examples=outcome.examples)
    if not outcome.findings:
        return row
    found = outcome.findings[0]
    return msgspec.structs.replace(
        row,
        after=found.found_after,
        how=str(found.signature),
        first=found.first_size,
        shrunk=found.size if found.reproduced else None,
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, with a summary in front."""
    names = list(dict.fromkeys(row.dialect for row in rows))
    by_cell = {(row.mutant, row.dialect): row for row in rows}
    lines = [
        "| | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
        *(f"| {title} | " + " | ".join(_summed(rows, name, title) for name in names) + " |" for title in _SUMMARY),
        "",
        "| mutant | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for mutant in dict.fromkeys(row.mutant for row in rows):
        cells = [_cell(by_cell.get((mutant, name))) for name in names]
        lines.append(f"| {mutant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


_SUMMARY = (
    "found",
    "median examples until found",
    "median steps, first seen",
    "median steps, shrunk",
    "most steps, shrunk",
)


def _summed(rows: Sequence[Row], dialect: str, title: str) -> str:
    mine = [row for row in rows if row.dialect == dialect]
    found = [row for row in mine if row.after is not None]
    shrunk = [row.shrunk for row in found if row.shrunk is not None]
    match title:
        case "found":
            return f"{len(found)} of {len(mine)}"
        case _ if not shrunk:
            return "-"
        case "median examples until found":
            return f"{statistics.median(row.after or 0 for row in found):g}"
        case "median steps, first seen":
            return f"{statistics.median(row.first for row in found):g}"
        case "median steps, shrunk":
            return f"{statistics.median(shrunk):g}"
        case _:
            return f"{max(shrunk)}"


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.after is None:
        return f"not in {row.examples}"
    size = "not again" if row.shrunk is None else f"{row.first} to {row.shrunk}"
    return f"{row.how}, {row.after}, {size}"


@click.group()
def measure() -> None:
    """Measure the search, in memory."""


@measure.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--examples", type=click.IntRange(1), default=20_000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N")
@click.option("--findings", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Stop at so many.")
def ideal(dialects: tuple[str, ...], examples: int, seed: int, findings: int) -> None:
    """Search against the ideal clients. Exit status 5 where anything is found: Bookproof is wrong then."""
    wrong = 0
    for dialect in dialects_named(dialects):
        began = time.process_time()
        limits = Limits(examples=examples, findings=findings)
        outcome = search(dialect, None, seed=seed, limits=limits).run()
        spent = time.process_time() - began
        click.echo(f"{_told(dialect, outcome)}, seed {seed}, {1000 * spent / max(1, outcome.examples):.1f} ms each")
        for line in _listed(outcome.findings):
            click.echo(line)
        wrong += len(outcome.findings)
    raise SystemExit(5 if wrong else 0)


@measure.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--variant", "names", multiple=True, metavar="NAME", help="Only this one (may be repeated).")
@click.option("--examples", type=click.IntRange(1), default=500, show_default=True, metavar="N", help="Of each.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N")
def variants(dialects: tuple[str, ...], names: tuple[str, ...], examples: int, seed: int) -> None:
    """Search against the other right clients. Exit status 5 where anything is found: Bookproof is wrong then."""
    for name in names:
        if name not in VARIANTS:
            raise UsageError(f"unknown variant {name!r}", hint=did_you_mean(name, VARIANTS))
    wrong = 0
    for dialect in dialects_named(dialects):
        for variant in VARIANTS.values():
            if names and variant.name not in names:
                continue
            outcome = search_variant(dialect, variant, seed=seed, limits=Limits(examples=examples, findings=2)).run()
            click.echo(f"{variant.name}, {_told(dialect, outcome)}, seed {seed}")
            for line in _listed(outcome.findings):
                click.echo(line)
            wrong += len(outcome.findings)
    raise SystemExit(5 if wrong else 0)


@measure.command()
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--mutant", "names", multiple=True, metavar="NAME", help="Only this mutant (may be repeated).")
@click.option("--examples", type=click.IntRange(1), default=1500, show_default=True, metavar="N", help="At most.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N")
def mutants(dialects: tuple[str, ...], names: tuple[str, ...], examples: int, seed: int) -> None:
    """Search against every mutant until it fails, and print the table: how it failed, after how many examples, the steps of
    the script beyond `sync` in which it failed first, and of the shrunk one."""
    for name in names:
        if name not in MUTANTS:
            raise UsageError(f"unknown mutant {name!r}", hint=did_you_mean(name, MUTANTS))
    rows: list[Row] = []
    for name, mutant in MUTANTS.items():
        for dialect in dialects_named(dialects):
            if mutant.exists_on(dialect) and (not names or name in names):
                began = time.process_time()
                rows.append(measured(dialect, mutant, examples, seed))
                click.echo(
                    f"{dialect.name:<14} {name:<32} {_cell(rows[-1])}  {time.process_time() - began:.1f} s", err=True
                )
    click.echo(table(rows))


def _told(dialect: Dialect, outcome: Outcome) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in outcome.verdicts.items())
    return (
        f"{dialect.name}: {len(outcome.findings)} found in {outcome.examples} examples ({counts}; "
        f"{outcome.unplayable} not playable, {outcome.unfair} unfair)"
    )


def _listed(findings: Sequence[Finding]) -> Iterator[str]:
    for found in findings:
        yield f"--- {found.signature}: {one_line(why(found.result), 600)}"
        yield write(found.case.scenario)


if __name__ == "__main__":
    measure()
