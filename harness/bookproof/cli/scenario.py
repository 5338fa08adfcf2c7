"""``bookproof scenario``: check scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.load import SUFFIX, load_with_places
from bookproof_exchange.scenario.problems import Problem, ScenarioError


@click.group()
def scenario() -> None:
    """Scenario files."""


@scenario.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for editors.")
def check(files: tuple[str, ...], as_json: bool) -> int:
    """Say what is wrong with scenario files, with line and column; exit 4 if anything is."""
    paths: list[str] = []
    for name in files:
        if Path(name).is_dir():
            below = sorted(str(path) for path in Path(name).rglob(f"*{SUFFIX}"))
            if not below:
                raise UsageError(f"no scenario under {name!r}", hint=f"scenario files end in {SUFFIX}")
            paths.extend(below)
        else:
            paths.append(name)
    rows: list[dict[str, Any]] = []
    for path in paths:
        problems, dialects = _check(path)
        rows.append(
            {"file": path, "dialects": dialects, "problems": [_plain(problem) for problem in problems]}
        )
        if not as_json:
            for problem in problems:
                click.echo(str(problem))
            if not problems:
                click.echo(f"{path}: fine, on {', '.join(dialects) or 'no dialect'}")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    return 4 if any(problem["weight"] == "error" for row in rows for problem in row["problems"]) else 0


def _check(path: str) -> tuple[list[Problem], list[str]]:
    try:
        loaded = load_with_places(path)
    except ScenarioError as error:
        return list(error.problems), []
    dialects = list(DIALECTS)
    problems = [
        msgspec.structs.replace(problem, where=loaded.where(problem.field))
        for problem in lint(loaded.scenario, dialects)
    ]
    return problems, [dialect.name for dialect in dialects if applicable(loaded.scenario, dialect) is None]


def _plain(problem: Problem) -> dict[str, Any]:
    where = problem.where
    return {
        "line": where[1] if where is not None else None,
        "column": where[2] if where is not None else None,
        "field": where[3] if where is not None else None,
        "message": problem.message,
        "hint": problem.hint,
        "weight": problem.weight,
    }
