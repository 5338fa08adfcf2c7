"""The record of the self-test: which mutant falls in which case, and by what. A file of the package, made by
``bookproof selftest --matrix``; the self-test runs what it names, so that it cannot rot unnoticed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

PATH = Path(__file__).with_name("kills.json")


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """How a mutant fell in one case."""

    check: str
    """The property, with its place; or the case's verdict (``crashed``)."""
    anomaly: str = ""
    named: bool = True
    """Whether that property names the bug. False: it failed, but by something that only follows from it."""
    diagnosed: str = ""
    """The letter of the class that the diagnosis names first."""
    left_out: str = ""
    """The same, with this mutant not among the known bugs."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one dialect."""

    dialect: str
    scenarios: tuple[str, ...]
    """Ids of all that were run, in the order of the catalogue."""
    kills: Mapping[str, Mapping[str, Kill]]
    """By mutant, by scenario."""

    def of(self, mutant: str) -> Mapping[str, Kill]:
        """The cases that catch a mutant by a property that names its bug."""
        return {scenario: kill for scenario, kill in self.kills.get(mutant, {}).items() if kill.named}

    def killer(self, mutant: str) -> str | None:
        """The case that catches the mutant and catches the fewest others: the one that is most about it."""
        return min(self.of(mutant), key=lambda scenario: (len(self.caught_in(scenario)), scenario), default=None)

    def caught_in(self, scenario: str) -> list[str]:
        """The mutants that the scenario catches by a property that names their bug."""
        return [mutant for mutant in self.kills if scenario in self.of(mutant)]

    def justification(self, scenario: str) -> str | None:
        """The mutant for whose sake the scenario is there: of those that it catches the one that falls least often."""
        return min(self.caught_in(scenario), key=lambda mutant: (len(self.of(mutant)), mutant), default=None)


def load(path: Path = PATH) -> dict[str, Record]:
    """The record by dialect; empty where there is none yet."""
    if not path.exists():
        return {}
    records = msgspec.json.decode(path.read_bytes(), type=list[Record])
    return {record.dialect: record for record in records}


def save(records: Iterable[Record], path: Path = PATH) -> None:
    """Write the record, a mutant a line, so that two versions can be compared."""
    lines: list[str] = []
    for record in sorted(records, key=lambda each: each.dialect):
        kills = ",\n".join(f"  {_json(mutant)}: {_json(dict(cells))}" for mutant, cells in record.kills.items())
        lines.append(
            f'{{"dialect": {_json(record.dialect)},\n "scenarios": {_json(record.scenarios)},\n "kills": {{\n{kills}\n }}}}'
        )
    # at once: nobody reads half of it
    new = path.with_suffix(".new")
    new.write_text("[" + ",\n".join(lines) + "]\n", encoding="utf-8")
    new.replace(path)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
