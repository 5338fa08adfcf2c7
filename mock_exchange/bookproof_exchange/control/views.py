"""What the API shows of a served exchange, as answers."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.control import model
from bookproof_exchange.control.hand import Injected
from bookproof_exchange.control.recording import words
from bookproof_exchange.control.served import Served
from bookproof_exchange.control.stage import Script
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text
from bookproof_exchange.scenario.shorthand import short_fault
from bookproof_exchange.script.connection import Connection

#: So many connections that are gone are listed.
_GONE = 50


def overview(served: Served) -> model.Overview:
    """How it is now."""
    return model.Overview(
        dialect=served.dialect.name,
        title=served.dialect.title,
        endpoints=endpoints(served),
        tls_ca=None if served.tls is None else str(served.tls.ca),
        symbols=served.exchange.symbols,
        versions=versions(served),
        seed=served.seed,
        profile=served.market.profile,
        rate=served.rate,
        quiet_for=round(served.quiet_for, 3),
        position=served.exchange.position,
        connections=len(served.exchange.open_connections()),
        holding=served.exchange.holding,
        standing=served.standing,
        scenario=None if served.stage.script is None else running(served.stage.script),
        recorded=served.recorder.count,
        recorded_faults=len(served.faults),
    )


def endpoints(served: Served) -> Mapping[str, str]:
    """Its URLs by name."""
    address = served.address
    assert address is not None
    return served.dialect.endpoints(address.ws, address.http)


def versions(served: Served) -> Mapping[str, int]:
    """The version at the cursor, by symbol."""
    return {symbol: served.exchange.view.index(symbol) for symbol in served.exchange.symbols}


def done(served: Served) -> model.Done:
    """After something was done."""
    return model.Done(position=served.exchange.position, versions=versions(served))


def sequence(served: Served, symbol: str, version: int) -> int | None:
    """The venue's number of a version; None where its messages carry none."""
    return served.exchange.view.sequence(symbol, version) if served.dialect.traits.sequence else None


def book(served: Served, symbol: str, version: int, depth: int | None) -> model.Book:
    """The truth at a version that is there."""
    view = served.exchange.view
    instrument = view.instruments[symbol]

    def rows(side: Side) -> tuple[tuple[str, str], ...]:
        return tuple(
            (to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals))
            for price, size in view.truth(symbol).levels(version, side, depth)
        )

    return model.Book(
        symbol=symbol,
        version=version,
        newest=view.index(symbol),
        sequence=sequence(served, symbol, version),
        time_us=view.time_us(symbol, version),
        bids=rows(Side.BID),
        asks=rows(Side.ASK),
    )


def links(served: Served) -> model.Links:
    """The connections that are there, and the newest that are gone."""
    everyone = list(served.exchange.connections.values())
    gone = [connection for connection in everyone if not connection.open and not connection.waiting][-_GONE:]
    shown = {connection.number for connection in gone}
    return model.Links(
        connections=tuple(
            _link(connection, served.ends.get(connection.number))
            for connection in everyone
            if connection.open or connection.waiting or connection.number in shown
        )
    )


def running(script: Script) -> model.Running:
    """How far a scenario is."""
    steps = script.scenario.script
    doing = steps[max(script.place, 1) - 1]
    return model.Running(
        id=script.scenario.id,
        title=script.scenario.title,
        state=script.state,
        step=script.place,
        steps=len(steps),
        doing=words(doing),
        why=script.why,
    )


def fault(injected: Injected) -> model.Injected:
    """A fault, and whether it struck."""
    script = injected.script
    return model.Injected(
        number=injected.number,
        kind=specs.kind_of(injected.fault),
        fault=short_fault(injected.fault),
        legal=injected.legal,
        state=injected.state,
        strikes=injected.strikes,
        waits_for=injected.waits_for,
        position=injected.position,
        struck_at=injected.first,
        note=injected.note,
        scenario=script.scenario.id if isinstance(script, Script) else None,
    )


def _link(connection: Connection, end: model.End | None) -> model.Link:
    path = connection.request.path
    if connection.request.query:
        path += "?" + "&".join(f"{key}={value}" for key, value in connection.request.query.items())
    return model.Link(
        connection=connection.number,
        state="open" if connection.open else "waiting" if connection.waiting else "closed",
        path=path,
        subscriptions=tuple(
            model.Subscription(
                symbol=feed.symbol,
                channel=feed.channel,
                depth=feed.depth,
                name=feed.name,
                ready=feed in connection.ready,
            )
            for feed in (connection.feeds if connection.open else ())
        ),
        muted=connection.muted,
        end=end,
    )
