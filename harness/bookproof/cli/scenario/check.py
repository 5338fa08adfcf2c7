"""``bookproof scenario check``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bookproof.authoring.findings import examine, lines, rows
from bookproof.report.text import clean
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.load import SUFFIX


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", help="json: for editors and programs."
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
def check(files: tuple[str, ...], style: str, as_json: bool) -> int:
    """Say what is wrong with scenario files, or all below a folder, with line and column, and how to mend it.

    Each is also played for the ideal client of every dialect: what not even that one can notice is not asked of others.

    Exit 4 if anything is an error; a warning alone is none.
    """
    found = []
    for path in paths_of(files):
        findings = examine(path)
        found.append(findings)
        if style == "text" and not as_json:
            for line in lines(findings):
                click.echo(clean(line))
    if as_json or style == "json":
        click.echo(json.dumps(rows(found), indent=2, ensure_ascii=False))
    return 0 if all(findings.usable for findings in found) else 4


def paths_of(files: tuple[str, ...]) -> list[str]:
    """The files, and those below the folders. UsageError for a folder without any."""
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
