"""A server without sockets: performs the exchange's actions at once and keeps what a client would get, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from bookproof_exchange import evidence
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect, Frame, HttpAnswer, HttpRequest, Kind, Message
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.forms import Form
from bookproof_exchange.scenario.model import Expect, Market, Scenario, Step, Subscribe
from bookproof_exchange.script.actions import (
    Action,
    Admit,
    Answer,
    HangUp,
    Mute,
    PingClient,
    Play,
    Refuse,
    Write,
    WriteOdd,
)
from bookproof_exchange.script.exchange import Exchange

R = TypeVar("R", bound=evidence.Record)

NAMES = ("binance-spot", "kraken-v2", "mexc-v3")


def scenario(*script: Step, symbols: int = 1, channels: Sequence[str] = ("book",), **expect: Any) -> Scenario:
    """A scenario around a script."""
    return Scenario(
        id="test/script",
        title="test",
        purpose="test",
        rules=(),
        market=Market(symbols=symbols),
        subscribe=Subscribe(channels=tuple(channels)),  # type: ignore[arg-type]
        script=script,
        expect=Expect(**expect),
    )


class Bench:
    """One exchange, a pretended server, and any number of pretended clients.

    Like the real server it performs actions in order, calls `opened` in the middle of an Admit, drops what is for a
    connection that is gone, and tells `closed` once."""

    def __init__(
        self, name: str, *, symbols: int = 1, channels: Sequence[str] = ("book",), seed: int = 7, timed: bool = False
    ) -> None:
        """``timed``: there is a clock, ``now``; else there is no time."""
        self.now = 0.0
        self.dialect: Dialect = DIALECTS.get(name)
        self.exchange = Exchange(
            self.dialect,
            scenario(symbols=symbols, channels=channels),
            seed,
            clock=(lambda: self.now) if timed else None,
        )
        self.channels = tuple(channels)
        self.arrived = 0
        self.requests = 0
        self.admitted: set[int] = set()
        self.gone: set[int] = set()
        self.muted: set[int] = set()
        self.got: dict[int, list[bytes]] = {}
        """By connection: the payloads that went out, in order."""
        self.modes: list[str] = []
        self.forms: list[Form] = []
        self.pings: dict[int, list[bytes]] = {}
        self.answers: dict[int, HttpAnswer | None] = {}
        self.refused: dict[int, HttpAnswer] = {}
        self.hung_up: list[HangUp] = []

    # --- the server's part ------------------------------------------------------------------------------------------

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Answer(number=number, answer=answer):
                    assert number not in self.answers, "a request is answered once"
                    assert 0 < number <= self.requests
                    self.answers[number] = answer
                    continue
                case _:
                    pass
            number = action.connection
            assert 0 < number <= self.arrived, "only connections that arrived"
            if number in self.gone:
                continue
            match action:
                case Admit():
                    assert number not in self.admitted, "a handshake is completed once"
                    self.admitted.add(number)
                    self.perform(self.exchange.opened(number))
                case Refuse(answer=answer):
                    self.refused[number] = answer
                    self.gone.add(number)
                case Write(frames=frames, mode=mode):
                    assert number in self.admitted, "nothing is sent before the handshake"
                    assert frames
                    self.modes.append(mode)
                    if number not in self.muted:
                        self.got.setdefault(number, []).extend(frame.payload for frame in frames)
                case WriteOdd(frame=frame, form=form):
                    assert number in self.admitted, "nothing is sent before the handshake"
                    self.forms.append(form)
                    if number not in self.muted:
                        self.got.setdefault(number, []).append(frame.payload)
                case Play():
                    raise AssertionError("the exchange plays no tapes")
                case PingClient(payload=payload):
                    self.pings.setdefault(number, []).append(payload)
                case Mute(on=on):
                    (self.muted.add if on else self.muted.discard)(number)
                case HangUp():
                    self.hung_up.append(action)
                    self.gone.add(number)
                    self.perform(self.exchange.closed(number, "exchange", action.code, action.how))

    # --- clients ----------------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.exchange.symbols

    @property
    def symbol(self) -> str:
        return self.symbols[0]

    def url(self, path: str | None = None) -> HttpRequest:
        endpoint = self.dialect.endpoints("ws://x", "http://x")["ws"]
        if path is None:
            path = self.dialect.ideal.connect_path(self.symbols, self.channels, None)
        parts = urlsplit(endpoint + path)
        return HttpRequest(method="GET", path=parts.path, query=dict(parse_qsl(parts.query)))

    def connect(self, path: str | None = None) -> int:
        self.arrived += 1
        number = self.arrived
        self.perform(self.exchange.arrived(number, self.url(path)))
        return number

    def send(self, connection: int, frame: Frame) -> None:
        if connection in self.admitted and connection not in self.gone:
            self.perform(self.exchange.received(connection, frame))

    def subscribe(self, connection: int, symbols: Sequence[str] | None = None) -> None:
        for frame in self.dialect.ideal.subscribe(symbols or self.symbols, self.channels, None):
            self.send(connection, frame)

    def unsubscribe(self, connection: int, symbols: Sequence[str] | None = None) -> None:
        for frame in self.dialect.ideal.unsubscribe(symbols or self.symbols, self.channels, None):
            self.send(connection, frame)

    def leave(self, connection: int) -> None:
        if connection not in self.gone:
            self.gone.add(connection)
            self.perform(self.exchange.closed(connection, "client", 1000, "close"))

    def get(self, request: HttpRequest) -> int:
        self.requests += 1
        number = self.requests
        self.perform(self.exchange.requested(number, request))
        return number

    def fetch(self, symbol: str | None = None) -> int:
        """Ask for a REST snapshot; returns the request's number."""
        request = self.dialect.ideal.snapshot_request(symbol or self.symbol, None)
        assert request is not None
        return self.get(request)

    def pong(self, connection: int, payload: bytes) -> None:
        if connection not in self.gone:
            self.perform(self.exchange.ponged(connection, payload))

    def client(self) -> int:
        """A client that has connected and subscribed (and fetched a snapshot, where that is how it is done)."""
        connection = self.connect()
        self.subscribe(connection)
        if self.dialect.traits.snapshot_from == "rest":
            self.advance(2)
            for symbol in self.symbols:
                self.fetch(symbol)
        return connection

    # --- the script's part ------------------------------------------------------------------------------------------

    def advance(self, count: int = 1, **options: Any) -> None:
        self.perform(self.exchange.advance(count, **options))

    def arm(self, number: int, fault: specs.Fault, *, legal: bool = False) -> None:
        self.perform(self.exchange.arm(number, fault, legal=legal))

    # --- what is to be seen -----------------------------------------------------------------------------------------

    def records(self, kind: type[R]) -> list[R]:
        return [record for record in self.exchange.evidence if isinstance(record, kind)]

    def sent(self, connection: int | None = None, kind: Kind | None = None) -> list[Message]:
        return [
            record.message
            for record in self.records(evidence.Sent)
            if connection in (None, record.connection) and kind in (None, record.message.kind)
        ]

    def updates(self, connection: int | None = None) -> list[Message]:
        return self.sent(connection, Kind.UPDATE)

    def struck(self, fault: int = 1) -> list[evidence.Struck]:
        return [record for record in self.records(evidence.Struck) if record.fault == fault]


def check_evidence(bench: Bench) -> None:
    """The laws of the evidence: one order, frames only on open connections, the wire as it was recorded."""
    records = bench.exchange.evidence
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    open_now: set[int] = set()
    ever: set[int] = set()
    sent: dict[int, list[bytes]] = {}
    asked: set[int] = set()
    answered: set[int] = set()
    for record in records:
        match record:
            case evidence.Opened(connection=connection):
                assert connection not in ever
                ever.add(connection)
                open_now.add(connection)
            case evidence.Closed(connection=connection):
                assert connection in open_now
                open_now.discard(connection)
            case evidence.Sent(connection=connection, message=message):
                assert connection in open_now
                sent.setdefault(connection, []).append(message.payload)
            case evidence.Received(connection=connection):
                assert connection in open_now
            case evidence.Asked(number=number):
                assert number not in asked
                asked.add(number)
            case evidence.Rest(number=number):
                assert number in asked
                assert number not in answered
                answered.add(number)
            case evidence.Barrier(connection=connection, covers=covers):
                assert connection in open_now
                assert covers < record.position
            case _:
                pass
    assert {number: list(payloads) for number, payloads in bench.got.items()} == sent
    assert set(bench.answers) == answered
