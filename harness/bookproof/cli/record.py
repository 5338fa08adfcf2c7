"""``bookproof record``: a proxy that writes down what a client and a real exchange say to each other."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import click
import trio

from bookproof.captures.proxy import Entry, Proxy, Upstream
from bookproof.cli.interrupt import run_interruptible
from bookproof.report.text import clean
from bookproof_exchange.capture.recording import VERSION, HeadLine, encode, line_of
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.server.listener import Server


@click.command()
@click.option("--upstream", required=True, metavar="URL", help="The real WebSocket endpoint: wss://host[:port][/path].")
@click.option("--rest", metavar="URL", help="The real REST endpoint: https://host[:port].")
@click.option("-o", "--out", required=True, type=click.Path(), metavar="FILE", help="The recording, JSON lines.")
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="On loopback; 0: any free port."
)
@click.option("--dialect", metavar="D", help="What the endpoint speaks, for the recording's first line.")
@click.option(
    "--ca", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Trust this certificate authority, too."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as one line of JSON.")
def record(
    upstream: str,
    rest: str | None,
    out: str,
    listen: str,
    dialect: str | None,
    ca: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Record what a client and a real exchange say to each other.

    Point the client at the printed addresses instead of the exchange's: everything passes through in both directions and is
    written down as it happens, until the command is interrupted (Ctrl-C, SIGTERM), which is its regular end: exit status 0.
    `bookproof scenario import` makes a scenario of the file. Record public market data only: what the client says is in the
    file, too (HTTP requests with keys or signatures pass, and are left out).
    """
    ws, path = _origin(upstream, ("ws", "wss"), "--upstream")
    http = None if rest is None else _origin(rest, ("http", "https"), "--rest")[0]
    if dialect is not None:
        DIALECTS.get(dialect)
    host, port = _address(listen)
    trust = None
    if ca is not None:
        trust = ssl.create_default_context()
        try:
            trust.load_verify_locations(ca)
        except ssl.SSLError as error:
            raise UsageError(f"{ca}: expected certificates in PEM: {error}") from None
    counted: Counter[str] = Counter()
    head = HeadLine(version=VERSION, dialect=dialect, source=f"bookproof record of {ws}")
    with _opened(out, force=force) as file:

        def write(line: bytes) -> None:
            file.write(line)
            file.flush()

        def note(entry: Entry) -> None:
            counted[type(entry).__name__] += 1
            write(encode(line_of(entry)))

        write(encode(head))
        where = Upstream(ws=ws, rest=http, trust=trust)
        run_interruptible(lambda: _serve(where, path, host, port, note, as_json=as_json))
    click.echo(
        clean(
            f"recorded {counted['Said']} messages of {counted['Opened']} connections and {counted['Fetched']} HTTP "
            f"exchanges in {out}"
        ),
        err=True,
    )
    return 0


async def _serve(
    upstream: Upstream, path: str, host: str, port: int, note: Callable[[Entry], None], *, as_json: bool
) -> int:
    async with trio.open_nursery() as nursery:
        proxy = Proxy(upstream, nursery, note, lambda text: click.echo(clean(text), err=True))
        server = proxy.server = Server(proxy, bind=host, port=port)
        address = await nursery.start(server.run)
        where = {"ws": address.ws + path, "rest": address.http}
        if as_json:
            click.echo(json.dumps(where))
        else:
            click.echo(clean(f"ws    {where['ws']}  instead of {upstream.ws}{path}"))
            if upstream.rest is not None:
                click.echo(clean(f"rest  {where['rest']}  instead of {upstream.rest}"))
            click.echo("recording until interrupted")
        await trio.sleep_forever()
    return 0


def _origin(url: str, schemes: tuple[str, ...], option: str) -> tuple[str, str]:
    """Scheme, host and port of a URL, and its path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{option}: expected a URL, found {url!r}: {error}") from None
    if parts.scheme not in schemes or not parts.hostname:
        example = "wss://ws.kraken.com/v2" if "wss" in schemes else "https://api.binance.com"
        raise UsageError(f"{option}: expected a {' or '.join(schemes)} URL, found {url!r}", hint=f"such as {example}")
    if parts.query or parts.fragment or parts.username:
        raise UsageError(
            f"{option}: expected a URL without query, fragment and user, found {url!r}",
            hint="the client's own query is passed on",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}"), parts.path.rstrip("/")


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"--listen: expected HOST:PORT, found {listen!r}", hint="such as 127.0.0.1:9000")
    return host.strip("[]") or "127.0.0.1", int(port)


def _opened(out: str, *, force: bool) -> BinaryIO:
    path = Path(out)
    if path.exists() and not force:
        raise UsageError(f"{out} is there already", hint="--force writes over it")
    try:
        return path.open("wb")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
