"""``bookproof scenario schema``."""

from __future__ import annotations

from pathlib import Path

import click

from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.schema import text


@click.command()
@click.option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="Write it there instead.")
def schema(output: str | None) -> int:
    """Print the JSON Schema of scenario files, with which editors complete, explain and underline.

    'bookproof scenario new' points a new file at it where it finds it as scenario.v1.json, in the file's folder, in one above
    it, or in a folder schemas there.
    """
    if output is None:
        click.echo(text(), nl=False)
        return 0
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(text(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}") from None
    click.echo(f"written: {output}")
    return 0
