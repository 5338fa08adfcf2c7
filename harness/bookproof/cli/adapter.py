"""``bookproof adapter``: try an adapter without any exchange."""

from __future__ import annotations

import click

from bookproof.adapter.check import AdapterCheck, check_adapter
from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.main import INTERRUPTED
from bookproof.report.text import clean
from bookproof_exchange.timing import Timing


@click.group()
def adapter() -> None:
    """Adapters: the small programs that let Bookproof drive a client."""


@adapter.command()
@click.option("--client", required=True, metavar="CMD", help="Command line of the adapter, or python:module:Class.")
@click.option("--time-scale", type=click.FloatRange(0.01, 100), default=1.0, metavar="X", help="All limits times this.")
def check(client: str, time_scale: float) -> int:
    """Does the adapter keep to the driver protocol? Exit 3 if not."""
    results: list[AdapterCheck] = []

    async def main() -> int:
        results.extend(await check_adapter(client, timing=Timing().scaled(time_scale)))
        return 0 if all(result.ok for result in results) else 3

    status = run_interruptible(main, saying="interrupted")
    if status == INTERRUPTED:
        return status
    for name, ok, message in results:
        click.echo(f"{'ok  ' if ok else 'FAIL'} {name}" + (f": {clean(message)}" if message else ""))
    return status
