"""``bookproof scenario``: check scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from bookproof.report.text import clean
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import check as problems_of
from bookproof_exchange.scenario.load import SUFFIX, load_with_places
from bookproof_exchange.scenario.problems import Problem, ScenarioError


@click.group()
def scenario() -> None:
    """Scenario files."""


@scenario.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for editors.")
def check(files: tuple[str, ...], as_json: bool) -> int:
    """Say what is wrong with scenario files, or all below a folder, with line and column.

    Each is also played for the ideal client of every dialect: what not even that one can notice is not asked of others.

    Exit 4 if anything is an error; a warning alone is none.
    """
    rows: list[dict[str, Any]] = []
    for path in _paths(files):
        problems, on = _check(path)
        rows.append({"file": path, "dialects": on, "problems": [_plain(problem) for problem in problems]})
        if as_json:
            continue
        for problem in problems:
            head = "warning: " if problem.weight == "warning" else ""
            click.echo(clean(head + str(problem)))
        if not problems:
            click.echo(clean(f"{path}: fine, on {', '.join(on) or 'no dialect'}"))
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    return 4 if any(problem["weight"] == "error" for row in rows for problem in row["problems"]) else 0


def _paths(files: tuple[str, ...]) -> list[str]:
    paths: list[str] = []
    for name in files:
        if Path(name).is_dir():
            below = sorted(str(path) for path in Path(name).rglob(f"*{SUFFIX}"))
            if not below:
                raise UsageError(f"no scenario under {name!r}", hint=f"scenario files end in {SUFFIX}")
            paths.extend(below)
        else:
            paths.append(name)
    return paths


def _check(path: str) -> tuple[list[Problem], list[str]]:
    """What is wrong, and the dialects that can express the scenario."""
    try:
        loaded = load_with_places(path)
    except ScenarioError as error:
        return list(error.problems), []
    except UsageError as error:  # it cannot be read at all
        return [Problem(message=error.message, hint=error.hint)], []
    dialects = list(DIALECTS)
    problems = [
        msgspec.structs.replace(problem, where=loaded.where(problem.field))
        for problem in problems_of(loaded.scenario, dialects)
    ]
    return problems, [dialect.name for dialect in dialects if applicable(loaded.scenario, dialect) is None]


def _plain(problem: Problem) -> dict[str, Any]:
    where = problem.where
    return {
        "line": where[1] if where is not None else None,
        "column": where[2] if where is not None else None,
        "field": (where[3] if where is not None else None) or problem.field or None,
        "message": problem.message,
        "hint": problem.hint,
        "weight": problem.weight,
    }
