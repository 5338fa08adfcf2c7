"""What `show`, `try` and `watch` share."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

import click

from bookproof.authoring.findings import Findings, examine, lines
from bookproof.report.text import clean
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.model import Scenario


def say(text: str = "") -> None:
    """One line of output, made fit for a terminal."""
    click.echo(clean(text))


def readable(path: str) -> Scenario | None:
    """The scenario in a file; None where it has an error. What the linter finds is said."""
    findings = examine(path)
    if findings.problems:
        complain(findings)
    if findings.loaded is None or not findings.usable:
        return None
    return findings.loaded.scenario


def complain(findings: Findings) -> None:
    """What the linter says of a file."""
    for line in lines(findings):
        say(line)


def chosen(scenario: Scenario, names: Sequence[str]) -> list[Dialect]:
    """The dialects asked for, else all that can express the scenario. UsageError where one asked for cannot."""
    from bookproof_exchange.scenario.applicable import applicable

    if not names:
        return [dialect for dialect in DIALECTS if applicable(scenario, dialect) is None]
    found = []
    for name in dict.fromkeys(names):
        dialect = DIALECTS.get(name)
        if reason := applicable(scenario, dialect):
            raise UsageError(f"{scenario.id} makes no case on {name}: {reason}")
        found.append(dialect)
    return found


def width(asked: int | None) -> int:
    """How wide a drawing may be: as asked, else as the terminal, within reason."""
    return asked if asked is not None else max(60, min(shutil.get_terminal_size((100, 24)).columns, 160))


def wrapped(text: str, columns: int, indent: str = "") -> Iterable[str]:
    """A paragraph as lines."""
    import textwrap

    return textwrap.wrap(" ".join(text.split()), columns, initial_indent=indent, subsequent_indent=indent)
