"""``bookproof scenario watch``."""

from __future__ import annotations

import datetime

import click
import trio

from bookproof.authoring.findings import examine
from bookproof.authoring.watching import changed, stamps
from bookproof.cli.scenario.common import chosen, complain, say, width
from bookproof.cli.scenario.show import tell
from bookproof.cli.scenario.trial import play
from bookproof_exchange.errors import UsageError


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated). Default: all."
)
@click.option("--brief", is_flag=True, help="Only the drawing and the verdict.")
def watch(file: str, dialects: tuple[str, ...], brief: bool) -> int:
    """Check, show and try a scenario, and again whenever it is saved, until Ctrl-C.

    The file need not exist yet.
    """
    before = stamps([file])
    while True:
        _once(file, dialects, brief)
        say(f"--- {_now()} waiting for {file} to be saved (Ctrl-C ends)")
        before = trio.run(changed, before)


def _once(file: str, dialects: tuple[str, ...], brief: bool) -> None:
    say(f"--- {_now()} {file}")
    findings = examine(file)
    complain(findings)
    if findings.loaded is None or not findings.usable:
        return
    scenario = findings.loaded.scenario
    try:
        where = chosen(scenario, dialects)
    except UsageError as error:
        say(str(error))
        return
    tell(scenario, where, seed=None, columns=width(None), brief=brief)
    say()
    play(scenario, where, seed=None, verbose=False)


def _now() -> str:
    return datetime.datetime.now().astimezone().strftime("%H:%M:%S")
