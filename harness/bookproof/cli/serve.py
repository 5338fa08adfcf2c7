"""``bookproof serve``: the mock exchange by itself."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import click
import msgspec
import trio

from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.options import dialects_named
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.truth import Profile
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.load import load
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.script.player import Pause, Perform, ReadNow, Shows, Until, play
from bookproof_exchange.server import tls
from bookproof_exchange.server.listener import Server
from bookproof_exchange.timing import Timing

#: Evidence is of no use here beyond this: a served exchange may run for days.
_EVIDENCE_KEPT = 20_000
#: Price levels a side at the start; a deep market is made to be cut by snapshots of a thousand.
_LEVELS = {"deep": 2000}
#: A script that looks at a client's book has none to look at here, and waits so many seconds instead.
_LOOK = 1.0


class _Served(msgspec.Struct, frozen=True, kw_only=True):
    dialect: Dialect
    scenario: Scenario
    seed: int
    rate: float
    port: int
    scripted: bool
    files: tls.TlsFiles | None
    as_json: bool


@click.command()
@click.option("--dialect", required=True, metavar="D", help="Dialect to speak.")
@click.option(
    "--scenario", "path", type=click.Path(), metavar="FILE", help="Play this scenario, once, for the first client."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on loopback; 0: any free one."
)
@click.option("--seed", type=int, default=None, metavar="N", help="Of the market.  [default: 1, or the scenario's]")
@click.option(
    "--rate", type=click.FloatRange(0, 10_000), default=5.0, show_default=True, metavar="X", help="Updates a second."
)
@click.option(
    "--symbols", type=click.IntRange(1, 3), default=3, show_default=True, metavar="N", help="How many symbols."
)
@click.option(
    "--profile", type=click.Choice(list(get_args(Profile))), default="busy", show_default=True, help="Kind of market."
)
@click.option("--tls", "secure", is_flag=True, help="Over TLS, with a certificate authority made for it.")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as one line of JSON.")
def serve(
    dialect: str,
    path: str | None,
    port: int,
    seed: int | None,
    rate: float,
    symbols: int,
    profile: Profile,
    secure: bool,
    as_json: bool,
) -> int:
    """Serve a mock exchange on loopback, so that any program can be pointed at it.

    Prints the endpoints and serves until it is interrupted (Ctrl-C, SIGTERM), which is its regular end: exit status 0.
    """
    chosen = dialects_named([dialect])[0]
    if path is not None:
        scenario = load(path)
        reason = applicable(scenario, chosen)
        if reason is not None:
            raise UsageError(f"{dialect} cannot express the scenario {scenario.id!r}: {reason}")
    else:
        market = Market(profile=profile, symbols=min(symbols, len(chosen.instruments)), levels=_LEVELS.get(profile, 40))
        scenario = Scenario(id="serve", title="serve", purpose="serve", rules=(), market=market, script=())
    with tempfile.TemporaryDirectory(prefix="bookproof-tls-") as folder:
        served = _Served(
            dialect=chosen,
            scenario=scenario,
            seed=scenario.seed if seed is None else seed,
            rate=rate,
            port=port,
            scripted=path is not None,
            files=tls.make(Path(folder)) if secure else None,
            as_json=as_json,
        )
        run_interruptible(lambda: _serve(served))
    return 0


async def _serve(served: _Served) -> int:
    dialect = served.dialect
    began = trio.current_time()
    exchange = Exchange(dialect, served.scenario, served.seed, clock=lambda: trio.current_time() - began)
    server = Server(exchange, port=served.port, tls=served.files, compression=dialect.traits.compression)
    changed = trio.Event()

    def poke() -> None:
        nonlocal changed
        changed.set()
        changed = trio.Event()

    server.changed = poke
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.run)
        _say_where(served, dialect.endpoints(address.ws, address.http), exchange.symbols)
        if dialect.traits.heartbeat_s is not None:
            nursery.start_soon(_heartbeats, exchange, server, dialect.traits.heartbeat_s)
        if dialect.traits.ping_s is not None:
            nursery.start_soon(_pings, exchange, server, dialect.traits.ping_s)
        if served.scripted:
            await _play(exchange, server, lambda: changed)
            click.echo("the script is over; the market goes on", err=True)
        while served.rate:
            await trio.sleep(1 / served.rate)
            server.perform(exchange.advance(1))
            if len(exchange.evidence) > _EVIDENCE_KEPT:
                exchange.evidence.clear()
        await trio.sleep_forever()
    return 0


def _say_where(served: _Served, endpoints: Mapping[str, str], symbols: tuple[str, ...]) -> None:
    authority = None if served.files is None else str(served.files.ca)
    if served.as_json:
        where = {"dialect": served.dialect.name, "endpoints": dict(endpoints), "symbols": symbols, "tls_ca": authority}
        click.echo(json.dumps(where))
        return
    for name, url in endpoints.items():
        click.echo(f"{name:<10} {url}")
    click.echo(f"{'symbols':<10} {', '.join(symbols)}")
    if authority is not None:
        click.echo(f"{'tls ca':<10} {authority}")
    click.echo("Ctrl-C ends it", err=True)


async def _heartbeats(exchange: Exchange, server: Server, interval: float) -> None:
    while True:
        await trio.sleep(interval)
        for connection in exchange.open_connections():
            server.perform(exchange.beat(connection))


async def _pings(exchange: Exchange, server: Server, interval: float) -> None:
    while True:
        await trio.sleep(interval)
        for connection in exchange.open_connections():
            if not connection.muted:
                server.perform(exchange.ping(connection))


async def _play(exchange: Exchange, server: Server, changed: Callable[[], trio.Event]) -> None:
    """Play the script without looking at any client: what waits for a book waits a moment instead."""
    waits = play(exchange, Timing(sync=86_400.0))
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
                    await trio.sleep(_LOOK)
                case Pause(seconds=seconds):
                    await trio.sleep(seconds)
    except StopIteration:
        return
