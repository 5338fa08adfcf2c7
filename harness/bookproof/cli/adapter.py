"""``bookproof adapter``: try an adapter without any exchange."""

from __future__ import annotations

import click
import trio

from bookproof.adapter.check import check_adapter
from bookproof_exchange.timing import Timing


@click.group()
def adapter() -> None:
    """Adapters: the small programs that let Bookproof drive a client."""


@adapter.command()
@click.option("--client", required=True, metavar="CMD", help="Command line of the adapter, or python:module:Class.")
@click.option("--time-scale", type=click.FloatRange(0.01, 100), default=1.0, help="All limits times this.")
def check(client: str, time_scale: float) -> int:
    """Does the adapter keep to the driver protocol? Exit 3 if not."""
    results = trio.run(lambda: check_adapter(client, timing=Timing().scaled(time_scale)))
    for name, ok, message in results:
        click.echo(f"{'ok  ' if ok else 'FAIL'} {name}" + (f": {message}" if message else ""))
    return 0 if all(ok for _, ok, _ in results) else 3
