"""``bookproof serve``: the mock exchange by itself, and its control by hand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import get_args

import click
import msgspec
import trio

from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.options import dialects_named
from bookproof_exchange.control.api import Control
from bookproof_exchange.control.served import Served
from bookproof_exchange.control.stage import Script
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.truth import Profile
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.load import load
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.server import tls
from bookproof_exchange.server.listener import Address

#: Price levels a side at the start; a deep market is made to be cut by snapshots of a thousand.
_LEVELS = {"deep": 2000}


class _Where(msgspec.Struct, frozen=True):
    """Where the control API listens."""

    host: str
    port: int


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    dialect: Dialect
    scenario: Scenario
    seed: int
    rate: float
    port: int
    scripted: bool
    files: tls.TlsFiles | None
    control: _Where | None
    as_json: bool


@click.command()
@click.option("--dialect", required=True, metavar="D", help="Dialect to speak.")
@click.option(
    "--scenario", "path", type=click.Path(), metavar="FILE", help="Play this scenario, once, for the first client."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on loopback; 0: any free one."
)
@click.option(
    "--control",
    metavar="PORT",
    help="Serve the control API and a live page on this port of loopback; 0: any free one.  [default: not served]",
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
    control: str | None,
    seed: int | None,
    rate: float,
    symbols: int,
    profile: Profile,
    secure: bool,
    as_json: bool,
) -> int:
    """Serve a mock exchange on loopback, so that any program can be pointed at it.

    With --control it can be driven by hand: inject faults, move the market, play scenarios, read the truth and the wire, by
    HTTP and JSON from any language, or on a live page in a browser.

    Prints the endpoints and serves until it is interrupted (Ctrl-C, SIGTERM), which is its regular end: exit status 0.
    """
    chosen = dialects_named([dialect])[0]
    where = None if control is None else _where(control)
    if path is not None:
        scenario = load(path)
        reason = applicable(scenario, chosen)
        if reason is not None:
            raise UsageError(f"{dialect} cannot express the scenario {scenario.id!r}: {reason}")
    else:
        market = Market(profile=profile, symbols=min(symbols, len(chosen.instruments)), levels=_LEVELS.get(profile, 40))
        scenario = Scenario(id="serve", title="serve", purpose="serve", rules=(), market=market, script=())
    with tempfile.TemporaryDirectory(prefix="bookproof-tls-") as folder:
        asked = _Asked(
            dialect=chosen,
            scenario=scenario,
            seed=scenario.seed if seed is None else seed,
            rate=rate,
            port=port,
            scripted=path is not None,
            files=tls.make(Path(folder)) if secure else None,
            control=where,
            as_json=as_json,
        )
        run_interruptible(lambda: _serve(asked))
    return 0


def _where(text: str) -> _Where:
    """``PORT`` or ``ADDRESS:PORT``; whether the address is of loopback is seen when it is listened on."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) <= 65_535) or (colon and not host):
        raise UsageError(
            f"--control: expected a port from 0 to 65535, found {text!r}",
            hint="--control 8800, or --control 0 for any free port",
        )
    return _Where(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


async def _serve(asked: _Asked) -> int:
    served = Served(asked.dialect, asked.scenario, asked.seed, rate=asked.rate, port=asked.port, tls=asked.files)
    async with trio.open_nursery() as nursery:
        control: Address | None = None
        address = await nursery.start(served.run)
        if asked.control is not None:
            api = Control(served, bind=asked.control.host, port=asked.control.port)
            control = await nursery.start(api.run)
        if asked.scripted:
            served.stage.ended = _over
            served.stage.start(asked.scenario)
        _say_where(asked, address, served.exchange.symbols, control)
    return 0


def _over(script: Script) -> None:
    match script.state:
        case "over":
            click.echo("the script is over; the market goes on", err=True)
        case "given-up":
            click.echo(f"the script was given up: {script.why}; the market goes on", err=True)
        case _:
            click.echo("the script was stopped; the market goes on", err=True)


def _say_where(asked: _Asked, address: Address, symbols: tuple[str, ...], control: Address | None) -> None:
    endpoints = asked.dialect.endpoints(address.ws, address.http)
    authority = None if asked.files is None else str(asked.files.ca)
    if asked.as_json:
        where = {"dialect": asked.dialect.name, "endpoints": dict(endpoints), "symbols": symbols, "tls_ca": authority}
        if control is not None:
            where["control"] = control.http
        click.echo(json.dumps(where))
        return
    for name, url in endpoints.items():
        click.echo(f"{name:<10} {url}")
    click.echo(f"{'symbols':<10} {', '.join(symbols)}")
    if authority is not None:
        click.echo(f"{'tls ca':<10} {authority}")
    if control is not None:
        click.echo(f"{'control':<10} {control.http}  (open it in a browser; /openapi.json describes it)")
    click.echo("Ctrl-C ends it", err=True)
