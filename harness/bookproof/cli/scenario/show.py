"""``bookproof scenario show``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bookproof.authoring.preview import preview, preview_lines
from bookproof.authoring.rehearsal import rehearse
from bookproof.authoring.timeline import draw
from bookproof.cli.scenario.common import chosen, readable, say, width, wrapped
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.scenario.model import Scenario


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated). Default: all."
)
@click.option("--seed", type=int, default=None, metavar="N", help="Instead of the scenario's own seed.")
@click.option(
    "--width", "asked", type=click.IntRange(40, 400), default=None, metavar="N", help="Columns of the drawing."
)
@click.option("--brief", is_flag=True, help="Only the drawing.")
def show(file: str, dialects: tuple[str, ...], seed: int | None, asked: int | None, brief: bool) -> int:
    """Show what a scenario does, without any client: what is sent when, where faults strike, from which message on a client
    can know, what is expected.

    The script is played in memory for the ideal client of each dialect, so what is shown is exactly what a client that does
    everything right is sent with the same seed.

    Exit 4 if the file has an error, which is then said instead.
    """
    scenario = readable(file)
    if scenario is None:
        return 4
    tell(scenario, chosen(scenario, dialects), seed=seed, columns=width(asked), brief=brief)
    return 0


def tell(scenario: Scenario, dialects: Sequence[Dialect], *, seed: int | None, columns: int, brief: bool) -> None:
    """The preview on each dialect, and what is expected."""
    if not brief:
        say(f"{scenario.id}: {scenario.title}")
        for line in wrapped(scenario.purpose, columns, "  "):
            say(line)
    expected: tuple[str, ...] = ()
    for dialect in dialects:
        shown = preview(rehearse(scenario, dialect, seed=seed))
        expected = shown.expected
        say()
        say(f"{shown.case}   seed {shown.seed}")
        if not brief:
            rules = ", ".join(f"{rule} ({dialect.rules[rule.partition('/')[2]].level})" for rule in shown.rules)
            for line in wrapped(f"tests {rules}", columns, "  "):
                say(line)
            say()
            for line in preview_lines(shown, columns):
                say(line)
        say()
        for line in draw(shown, columns):
            say(line)
    if not brief:
        say()
        say("expected of the client:")
        for line in expected:
            say(f"  * {line}")
