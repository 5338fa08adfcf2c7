"""``bookproof serve``: the mock exchange by itself."""

from __future__ import annotations

import click
import trio

from bookproof.cli.options import dialects_named
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.scenario.load import load
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.script.player import Pause, Perform, ReadNow, Shows, Until, play
from bookproof_exchange.server.listener import Server
from bookproof_exchange.timing import Timing

#: Evidence is of no use here beyond this: a served exchange may run for days.
_EVIDENCE_KEPT = 20_000


@click.command()
@click.option("--dialect", required=True, metavar="D", help="Dialect to speak.")
@click.option(
    "--scenario", "path", type=click.Path(), metavar="FILE", help="Play this scenario, once, for the first client."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0: any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the market.")
@click.option("--rate", type=click.FloatRange(0, 10_000), default=5.0, show_default=True, help="Updates a second.")
@click.option("--symbols", type=click.IntRange(1, 3), default=3, show_default=True, help="How many symbols.")
@click.option("--profile", type=click.Choice(["calm", "busy", "thin", "deep", "one-sided"]), default="busy")
def serve(dialect: str, path: str | None, port: int, seed: int, rate: float, symbols: int, profile: str) -> int:
    """Serve a mock exchange on loopback until interrupted, so that any program can be pointed at it."""
    chosen = dialects_named([dialect])[0]
    if path is not None:
        scenario = load(path)
    else:
        market = Market(profile=profile, symbols=symbols, levels=2000 if profile == "deep" else 40)  # type: ignore[arg-type]
        scenario = Scenario(id="serve", title="serve", purpose="serve", rules=(), market=market, script=())
    trio.run(_serve, chosen, scenario, port, seed, rate, path is not None)
    return 0


async def _serve(dialect: Dialect, scenario: Scenario, port: int, seed: int, rate: float, scripted: bool) -> None:
    exchange = Exchange(dialect, scenario, seed)
    server = Server(exchange, port=port, compression=dialect.traits.compression)
    changed = trio.Event()

    def poke() -> None:
        nonlocal changed
        changed.set()
        changed = trio.Event()

    server.changed = poke
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.run)
        for name, url in dialect.endpoints(address.ws, address.http).items():
            click.echo(f"{name:<12} {url}")
        click.echo(f"symbols      {', '.join(exchange.symbols)}")
        click.echo("Ctrl-C ends it", err=True)
        if dialect.traits.heartbeat_s is not None:
            nursery.start_soon(_heartbeats, exchange, server, dialect.traits.heartbeat_s)
        if scripted:
            await _play(exchange, server, lambda: changed)
            click.echo("the script is over; the market goes on", err=True)
        while True:
            await trio.sleep(1 / rate if rate else 3600)
            server.perform(exchange.advance(1))
            if len(exchange.evidence) > _EVIDENCE_KEPT:
                exchange.evidence.clear()


async def _heartbeats(exchange: Exchange, server: Server, interval: float) -> None:
    while True:
        await trio.sleep(interval)
        for connection in exchange.open_connections():
            server.perform(exchange.beat(connection))


async def _play(exchange: Exchange, server: Server, changed) -> None:  # type: ignore[no-untyped-def]
    """Play the script without looking at any client: what waits for a state waits a moment instead."""
    timing = Timing(sync=86_400.0)
    waits = play(exchange, timing)
    came: bool | None = None
    try:
        while True:
            wait = waits.send(came) if came is not None else next(waits)
            came = True
            match wait:
                case Perform(actions=actions):
                    server.perform(actions)
                case Until(ready=ready, limit=limit):
                    with trio.move_on_after(limit):
                        while not ready():
                            await changed().wait()
                    came = ready()
                case ReadNow():
                    pass
                case Shows():
                    await trio.sleep(1.0)
                case Pause(seconds=seconds):
                    await trio.sleep(seconds)
    except StopIteration:
        return
