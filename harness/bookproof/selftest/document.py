"""The record of the self-test as pages for people: ``docs/kill-matrix.md``, and the figures of the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bookproof.diagnosis.classes import CLASSES
from bookproof.selftest.jobs import HEAVY_FOR, catalogue, heavy
from bookproof.selftest.mutants import MUTANTS, Mutant
from bookproof.selftest.reasons import reason
from bookproof.selftest.record import Record
from bookproof_exchange.dialects import DIALECTS

_HEAD = """# The kill matrix

Made by `bookproof selftest --matrix`; do not edit. A test compares this page with the record of the self-test
(`harness/bookproof/selftest/kills.json`), and `bookproof selftest` runs what the record names. How to read it, and the
figures: [self-test](self-test.md).
"""


_MUTANTS = """Ideal clients with exactly one bug each. For each dialect: in how many cases it falls by a property that names
its bug, and the case that is most about it; or why it cannot exist there. *Blind* ones look at no checksum, either, as many
clients do, for else their bug would only be seen as broken books; what mere blindness is caught by is not counted for
them."""

_CASES = """`#` the case catches the mutant by a property that names its bug; `+` the mutant fails, but by something that only
follows from it; `.` it passes; blank: not run (heavy cases, of thousands of updates or levels, run against the classes
{heavy}). Each case is there for the sake of the mutant named last: of those that it catches, the one that falls least
often. In brackets: why a case is there that catches none."""


def kill_matrix(records: Mapping[str, Record]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_mutants(records), *_matrices(records)]) + "\n"


def _mutants(records: Mapping[str, Record]) -> Iterator[str]:
    yield "## Mutants"
    yield ""
    yield _MUTANTS
    for letter, found in CLASSES.items():
        mutants = [mutant for mutant in MUTANTS.values() if mutant.bug_class == letter]
        if not mutants:
            continue
        yield ""
        yield f"### {letter}: {found.name}"
        yield ""
        yield found.meaning
        yield ""
        yield "| mutant | what it does | by | " + " | ".join(records) + " |"
        yield "| --- | --- | --- | " + " | ".join("---" for _ in records) + " |"
        for mutant in mutants:
            title = mutant.title + (" (blind)" if mutant.blind else "")
            by = ", ".join(sorted(mutant.kills))
            cells = " | ".join(_cell(mutant, records[dialect]) for dialect in records)
            yield f"| `{mutant.name}` | {title} | {by} | {cells} |"
    yield ""


def _cell(mutant: Mutant, record: Record) -> str:
    why_not = mutant.why_not(DIALECTS.get(record.dialect))
    if why_not is not None:
        return f"*not here: {why_not}*"
    killer = record.killer(mutant.name)
    if killer is None:
        return "**survives**"
    kill = record.of(mutant.name)[killer]
    return f"{len(record.of(mutant.name))}: `{killer}` {kill.check} {kill.anomaly}".rstrip()


def _matrices(records: Mapping[str, Record]) -> Iterator[str]:
    yield "## Cases"
    yield ""
    yield _CASES.format(heavy=", ".join(sorted(HEAVY_FOR)))
    for record in records.values():
        names = [name for name in MUTANTS if name in record.kills]
        yield ""
        yield f"### {record.dialect}"
        yield ""
        yield "```text"
        width = max((len(scenario) for scenario in record.scenarios), default=0)
        deep = max(map(len, names), default=0)
        for row in range(deep):
            yield (" " * (width + 1) + "".join(name.ljust(deep)[row] for name in names)).rstrip()
        for scenario in record.scenarios:
            yield f"{scenario.ljust(width)} {_row(record, names, scenario)} {_why(record, scenario)}"
        yield "```"


def _row(record: Record, names: Sequence[str], scenario: str) -> str:
    marks: list[str] = []
    case = catalogue(record.dialect).get(scenario)
    for name in names:
        kill = record.kills[name].get(scenario)
        if kill is not None:
            marks.append("#" if kill.named else "+")
        elif case is not None and heavy(case) and MUTANTS[name].bug_class not in HEAVY_FOR:
            marks.append(" ")
        else:
            marks.append(".")
    return "".join(marks)


def _why(record: Record, scenario: str) -> str:
    return record.justification(scenario) or f"({reason(scenario, record.dialect) or 'NO REASON'})"


def figures(records: Mapping[str, Record]) -> list[tuple[str, int, int, int]]:
    """By dialect, then all: kills, those whose diagnosis names the right class first, the same with the mutant itself not
    among the known bugs."""
    rows: list[tuple[str, int, int, int]] = []
    for record in records.values():
        kills = [
            (MUTANTS[mutant].bug_class, kill)
            for mutant in record.kills
            if mutant in MUTANTS
            for kill in record.of(mutant).values()
            if kill.diagnosed
        ]
        rows.append(
            (
                record.dialect,
                len(kills),
                sum(letter == kill.diagnosed for letter, kill in kills),
                sum(letter == kill.left_out for letter, kill in kills),
            )
        )
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows)))
    return rows


def by_class(records: Mapping[str, Record]) -> list[tuple[str, int, int, int]]:
    """The same by class of bugs."""
    rows: list[tuple[str, int, int, int]] = []
    for letter in CLASSES:
        kills = [
            kill
            for record in records.values()
            for mutant in record.kills
            if mutant in MUTANTS and MUTANTS[mutant].bug_class == letter
            for kill in record.of(mutant).values()
            if kill.diagnosed
        ]
        rows.append(
            (
                letter,
                len(kills),
                sum(kill.diagnosed == letter for kill in kills),
                sum(kill.left_out == letter for kill in kills),
            )
        )
    return rows


def diagnosis_tables(records: Mapping[str, Record]) -> str:
    """The figures of the diagnosis, as Markdown."""
    lines = [
        "| dialect | kills diagnosed | right class first | the mutant itself left out |",
        "| --- | --: | --: | --: |",
    ]
    lines += [_figure_row(*row) for row in figures(records)]
    lines += [
        "",
        "| class | kills diagnosed | right class first | the mutant itself left out |",
        "| --- | --: | --: | --: |",
    ]
    lines += [
        _figure_row(f"{letter}: {CLASSES[letter].name}", *numbers)
        for letter, *numbers in by_class(records)
        if numbers[0]
    ]
    return "\n".join(lines)


def _figure_row(name: str, kills: int, right: int, left_out: int) -> str:
    share = (f"{part} ({100 * part / kills:.1f} %)" if kills else "-" for part in (right, left_out))
    return f"| {name} | {kills} | {' | '.join(share)} |"
