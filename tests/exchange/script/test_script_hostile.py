"""Nothing that a client does, in whatever order, makes the exchange raise or breaks the laws of its evidence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_kit import NAMES, Bench, check_evidence

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Frame, HttpRequest
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Shape

GARBAGE = (
    b"",
    b"\x00\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b'{"method":"subscribe"}',
    b'{"method":"subscribe","params":{"channel":"book","symbol":["NO/PE"]}}',
    b'{"method":"SUBSCRIBE","params":["nope@depth"],"id":1}',
    b'{"method":"SUBSCRIPTION","params":["spot@public.aggre.depth.v3.api.pb@100ms@NOPE"]}',
    b'{"method":"ping"}',
    b'{"method":"PING"}',
    b"x" * 70_000,
)

FAULTS: tuple[specs.Fault, ...] = (
    specs.Drop(count=2),
    specs.Duplicate(),
    specs.Duplicate(later=2),
    specs.Swap(),
    specs.Delay(by=2),
    specs.Edited(edit="cut"),
    specs.Edited(edit="wrong-checksum"),
    specs.Edited(edit="unknown-type"),
    specs.Resnapshot(),
    specs.Resnapshot(empty=True),
    specs.Stall(scope="data"),
    specs.Stall(scope="feed", lost=True),
    specs.Stall(scope="socket"),
    specs.LateAck(),
    specs.NoAck(),
    specs.RefuseSubscribe(),
    specs.NoSnapshot(),
    specs.EarlyUpdates(),
    specs.StaleRest(),
    specs.AheadRest(),
    specs.StraddledRest(),
    specs.SlowRest(),
    specs.FailingRest(),
    specs.FailingRest(status=0),
    specs.FailingRest(status=200, body="cut"),
    specs.Close(),
    specs.Close(how="mid-frame", refuse=1),
    specs.Close(how="rst"),
    specs.Farewell(),
)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "connect",
                "connect-nowhere",
                "subscribe",
                "subscribe-one",
                "unsubscribe",
                "garbage",
                "keepalive",
                "leave",
                "fetch",
                "get",
                "pong",
                "ping",
                "advance",
                "advance-shape",
                "skip",
                "hold",
                "release",
                "lift",
                "whole",
                "beat",
                "watch",
                "fault",
                "oddity",
            ]
        ),
        st.integers(0, 40),
    ),
    max_size=40,
)


class Chaos:
    """One run: a client and a script that do whatever they are told."""

    def __init__(self, name: str, symbols: int) -> None:
        self.bench = Bench(name, symbols=symbols, channels=("book", "trades"))
        self.bench.exchange.lead = 2
        self.faults = 0

    def some(self, number: int) -> int | None:
        """One of the connections that were admitted (perhaps gone)."""
        admitted = sorted(self.bench.admitted)
        return admitted[number % len(admitted)] if admitted else None

    def do(self, what: str, number: int) -> None:
        bench, exchange = self.bench, self.bench.exchange
        connection = self.some(number)
        match what:
            case "connect":
                bench.connect()
            case "connect-nowhere":
                bench.connect("/no/such/path")
            case "advance":
                bench.advance(number % 5, symbol=bench.symbols[number % len(bench.symbols)])
            case "advance-shape":
                bench.advance(1, shape=Shape(kind="delete", rank=number % 12), mode="each")
            case "skip":
                bench.perform(exchange.skip(number % 6))
            case "hold":
                exchange.hold()
            case "release":
                exchange.hold_on_strike = False
                bench.perform(exchange.release())
            case "lift":
                bench.perform(exchange.lift())
            case "whole":
                exchange.whole(bench.symbols[number % len(bench.symbols)])
            case "watch":
                exchange.hold_on_strike = not exchange.hold_on_strike
            case "fault" | "oddity":
                self.faults += 1
                fault = FAULTS[number % len(FAULTS)]
                if isinstance(fault, specs.Resnapshot):
                    for symbol in bench.symbols:
                        exchange.whole(symbol)  # a script that drains a protected side is refused: its author's mistake
                if not isinstance(fault, specs.Edited) or fault.edit in bench.dialect.traits.edits:
                    bench.arm(self.faults, fault, legal=what == "oddity")
            case "get":
                bench.get(HttpRequest(method="GET", path="/nope", query={"symbol": "NOPE", "limit": "x"}))
            case "fetch":
                if bench.dialect.traits.snapshot_from == "rest":
                    bench.fetch(bench.symbols[number % len(bench.symbols)])
            case _ if connection is None:
                pass
            case "subscribe":
                bench.subscribe(connection)
            case "subscribe-one":
                bench.subscribe(connection, [bench.symbols[number % len(bench.symbols)]])
            case "unsubscribe":
                bench.unsubscribe(connection, [bench.symbols[number % len(bench.symbols)]])
            case "garbage":
                bench.send(connection, Frame(GARBAGE[number % len(GARBAGE)], binary=number % 2 == 1))
            case "keepalive":
                frame = bench.dialect.ideal.keepalive()
                if frame is not None:
                    bench.send(connection, frame)
            case "leave":
                bench.leave(connection)
            case "ping":
                state = exchange.connections[connection]
                if state.open:
                    bench.perform(exchange.ping(state))
            case "pong":
                pings = bench.pings.get(connection, [])
                bench.pong(connection, pings[number % len(pings)] if pings and number % 3 else b"unasked")
            case "beat":
                bench.perform(exchange.beat(exchange.connections[connection]))

    def end(self) -> None:
        exchange = self.bench.exchange
        exchange.hold_on_strike = False
        self.bench.perform(exchange.lift())
        self.bench.perform(exchange.finish())


def nothing_before_its_answer(chaos: Chaos) -> None:
    """While answers are held back, no update of a feed subscribed meanwhile goes out."""
    exchange = chaos.bench.exchange
    pending = {(c.number, feed) for c in exchange.open_connections() for feed in c.pending}
    before = len(exchange.evidence)
    chaos.bench.advance(2)
    if exchange.holding:
        for record in exchange.evidence[before:]:
            if isinstance(record, evidence.Sent):
                assert (record.connection, record.message.feed) not in pending


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, symbols=st.integers(1, 3))
def test_nothing_a_client_does_raises_or_breaks_the_evidence(
    name: str, steps: list[tuple[str, int]], symbols: int
) -> None:
    chaos = Chaos(name, symbols)
    for what, number in steps:
        chaos.do(what, number)
    nothing_before_its_answer(chaos)
    chaos.end()
    check_evidence(chaos.bench)
    assert set(chaos.bench.answers) == set(range(1, chaos.bench.requests + 1)), "every request is answered in the end"
