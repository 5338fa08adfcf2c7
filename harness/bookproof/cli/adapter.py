"""``bookproof adapter``: try an adapter by itself."""

from __future__ import annotations

import click
import msgspec

from bookproof.adapter.check import AdapterCheck, check_adapter
from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.main import INTERRUPTED
from bookproof.report.text import clean
from bookproof_exchange.timing import Timing

_ADAPTER_ERROR = 3
_WORDS = {"ok": "ok  ", "failed": "FAIL", "not-tried": "skip"}


@click.group()
def adapter() -> None:
    """Adapters: the small programs that let Bookproof drive a client."""


@adapter.command()
@click.option("--client", required=True, metavar="CMD", help="Command line of the adapter, or python:module:Class.")
@click.option("--time-scale", type=click.FloatRange(0.01, 100), default=1.0, metavar="X", help="All limits times this.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def check(client: str, time_scale: float, as_json: bool) -> int:
    """Does the adapter keep to the driver protocol? Exit 3 if not.

    Each point is tried in a fresh process. What a client shows is not judged here: that is what 'bookproof run' is for.
    """
    results: list[AdapterCheck] = []

    def tell(result: AdapterCheck) -> None:
        if not as_json:
            click.echo("\n".join(_lines(result)))

    async def main() -> int:
        results.extend(await check_adapter(client, timing=Timing().scaled(time_scale), tell=tell))
        return 0 if all(result.ok for result in results) else _ADAPTER_ERROR

    status = run_interruptible(main, saying="interrupted")
    if status == INTERRUPTED:
        return status
    if as_json:
        whole = {"client": client, "exit_status": status, "checks": results}
        click.echo(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())
    else:
        click.echo(_summary(results))
    return status


def _lines(result: AdapterCheck) -> list[str]:
    head = f"{_WORDS[result.outcome]} {result.name}"
    if result.outcome != "failed":
        return [clean(f"{head}: {result.found}")]
    said = [f"     stderr:   {line}" for line in result.stderr]
    return [
        clean(line) for line in (head, f"     expected: {result.expected}", f"     found:    {result.found}", *said)
    ]


def _summary(results: list[AdapterCheck]) -> str:
    failed = sum(not result.ok for result in results)
    if not failed:
        return "the adapter keeps the protocol"
    if results[0].name == "hello" and not results[0].ok:
        return "the adapter does not keep the protocol; nothing else was tried, since it does not get past hello"
    return f"the adapter does not keep the protocol: {failed} of {len(results)} points failed"
