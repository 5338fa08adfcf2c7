"""A small world for the checker's tests: a truth, an exchange that sends it, a reference, clients that show books."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from bookproof.checker.facts import Admissible, Break, Chain, Facts, Region
from bookproof.checker.judge import judge
from bookproof.results import Check
from bookproof_exchange.dialects.api import Feed, HttpAnswer, HttpRequest, Kind, Message, RestSnapshot, Subscribed
from bookproof_exchange.evidence import (
    Asked,
    Barrier,
    Claim,
    ClientEvent,
    Closed,
    Evidence,
    Observed,
    ObservedTrade,
    Opened,
    ReadAsked,
    Received,
    Rest,
    Row,
    Sent,
    Step,
    Struck,
    Waited,
)
from bookproof_exchange.market import Book, Change, Event, Instrument, Levels, Side, Trade, Truth
from bookproof_exchange.market.fingerprint import RollingFingerprint
from bookproof_exchange.numbers import to_text

INSTRUMENT = Instrument(
    symbol="BTC/USD", base="BTC", quote="USD", price_decimals=1, size_decimals=3, start_price=10_000, typical_size=500
)
OTHER = msgspec.structs.replace(INSTRUMENT, symbol="ETH/USD", base="ETH", start_price=2_000)


class ScriptedTruth(Truth):
    """A truth whose events the test writes, with the methods that the checker uses."""

    def __init__(
        self,
        bids: Levels,
        asks: Levels,
        changes: Iterable[Sequence[Change]],
        trades: Mapping[int, tuple[Trade, ...]] | None = None,
    ) -> None:
        self.instrument = INSTRUMENT
        self._start = Book(bids, asks)
        self._all = [
            Event(index, index * 1000, tuple(change), (trades or {}).get(index, ()))
            for index, change in enumerate(changes, start=1)
        ]

    @property
    def last(self) -> int:
        return len(self._all)

    def events(self, first: int, last: int) -> Sequence[Event]:
        assert 0 <= first <= last <= self.last
        return self._all[first:last]

    def event(self, index: int) -> Event:
        return self._all[index - 1]

    def book(self, index: int) -> Book:
        book = self._start.copy()
        for event in self._all[:index]:
            book.apply(event.changes)
        return book

    def levels(self, index: int, side: Side, depth: int | None = None) -> Levels:
        return self.book(index).levels(side, depth)

    def fingerprints(self, depth: int | None = None) -> Sequence[int]:
        rolling = RollingFingerprint(self._start.levels(Side.BID), self._start.levels(Side.ASK), depth)
        rolling.extend(self._all)
        return rolling.history


def rows(levels: Levels, instrument: Instrument = INSTRUMENT) -> tuple[Row, ...]:
    """Levels as a client's texts."""
    return tuple(
        (to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals)) for price, size in levels
    )


def by_id(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.id: check for check in checks}


class World:
    """Writes evidence, and follows it as an in-band dialect with a sequence and a checksum would."""

    def __init__(
        self, truth: Truth, *, symbol: str = INSTRUMENT.symbol, depth: int | None = 5, other: Truth | None = None
    ) -> None:
        self.truth = truth
        self.symbol = symbol
        self.depth = depth
        self.truths = {symbol: truth} | ({OTHER.symbol: other} if other is not None else {})
        self.evidence: list[Evidence] = []
        self.chains: dict[str, list[dict[str, Any]]] = {name: [] for name in self.truths}
        self.at = 0.0
        self.reads = 0
        self.connections = 0
        self.current: dict[tuple[int, str], dict[str, Any]] = {}

    @property
    def position(self) -> int:
        return len(self.evidence)

    def add(self, make: Callable[..., Evidence], **fields: Any) -> int:
        position = self.position + 1
        self.evidence.append(make(position=position, at=self.at, **fields))
        return position

    def wait(self, seconds: float) -> None:
        self.at += seconds

    # --- the exchange -----------------------------------------------------------------------------------------------

    def connect(self, *symbols: str) -> int:
        self.connections += 1
        self.add(Opened, connection=self.connections, path="/ws")
        for symbol in symbols or tuple(self.truths):
            self.subscribe(symbol)
        return self.connections

    def subscribe(self, symbol: str | None = None, *, again: bool = False) -> int:
        intent = Subscribed(self.feed(symbol), again)
        return self.add(Received, connection=self.connections, payload=b"{}", binary=False, intents=(intent,))

    def feed(self, symbol: str | None = None) -> Feed:
        return Feed(symbol or self.symbol, "book", self.depth)

    def snapshot(self, index: int, symbol: str | None = None) -> int:
        symbol = symbol or self.symbol
        position = self.add(
            Sent,
            connection=self.connections,
            message=Message(kind=Kind.SNAPSHOT, payload=b"", feed=self.feed(symbol), first=index, last=index),
        )
        self._break(self.connections, symbol, position, "superseded", index)
        self._chain(symbol, position, index)
        return position

    def rest(self, index: int, limit: int | None, *, failing: bool = False) -> int:
        request = HttpRequest(method="GET", path="/depth")
        self.add(Asked, number=1, request=request)
        answer = HttpAnswer(status=200, body=b"", snapshot=RestSnapshot(symbol=self.symbol, index=index, limit=limit))
        position = self.add(
            Rest, asked=self.position, number=1, request=request, answer=None if failing else answer,
            faults=(1,) if failing else (),
        )  # fmt: skip
        if failing:
            return position
        worst = [None if limit is None else levels[-1][0] if len(levels) >= limit else None
                 for levels in (self.truth.levels(index, side, limit) for side in Side)]  # fmt: skip
        self._chain(self.symbol, position, index, Region(*worst))
        return position

    def update(
        self,
        last: int,
        *,
        first: int | None = None,
        symbol: str | None = None,
        rejected: str | None = None,
        changes: tuple[Change, ...] | None = None,
        untrue: int | None = None,
    ) -> int:
        """An update from ``first`` (default: the one before) to ``last``. ``untrue``: the fingerprint of the state that
        the reference is in afterwards, undetectably not the truth."""
        symbol = symbol or self.symbol
        truth = self.truths[symbol]
        first = last - 1 if first is None else first
        if changes is None:
            changes = tuple(change for event in truth.events(first, last) for change in event.changes)
        position = self.add(
            Sent,
            connection=self.connections,
            message=Message(
                kind=Kind.UPDATE, payload=b"", feed=self.feed(symbol), first=first, last=last, changes=changes
            ),
        )
        chain = self.current.get((self.connections, symbol))
        if chain is None or chain["broken"] is not None:
            return position
        index = chain["states"][-1].index
        if rejected is not None:
            self._break(self.connections, symbol, position, rejected, last)
        elif first > index:
            self._break(self.connections, symbol, position, "gap", last)
        elif last > index:
            chain["states"].append(
                Admissible(position, last, truth.fingerprints(self.depth)[last])
                if untrue is None
                else Admissible(position, last, untrue, False)
            )
        return position

    def updates(self, *lasts: int) -> None:
        for last in lasts:
            self.update(last)

    def close(self) -> int:
        position = self.add(Closed, connection=self.connections, by="exchange", code=1001)
        for connection, symbol in list(self.current):
            if connection == self.connections:
                self._break(connection, symbol, position, "closed", None)
        return position

    def barrier(self) -> int:
        return self.add(Barrier, connection=self.connections, covers=self.position)

    def struck(self, fault: int = 1, kind: str = "drop", symbol: str | None = "", **fields: Any) -> int:
        symbol = self.symbol if symbol == "" else symbol
        return self.add(Struck, fault=fault, kind=kind, connection=self.connections, symbol=symbol, **fields)

    def waited(self, what: str, came: bool = True, place: int = 1) -> int:
        return self.add(Waited, place=place, what=what, came=came, limit=5.0)

    def step(self, place: int, step: str = "send") -> int:
        return self.add(Step, place=place, step=step)

    def said(self, message: str) -> int:
        return self.add(ClientEvent, kind="error", message=message)

    # --- the client -------------------------------------------------------------------------------------------------

    def show(
        self,
        bids: Levels | tuple[Row, ...],
        asks: Levels | tuple[Row, ...],
        *,
        claim: Claim = "live",
        symbol: str | None = None,
        version: int | str | None = None,
        read: bool = True,
    ) -> int:
        symbol = symbol or self.symbol
        number = None
        if read:
            self.reads += 1
            number = self.reads
            self.add(ReadAsked, read=number, symbol=symbol)
        texts = [rows(side) if not side or isinstance(side[0][0], int) else side for side in (bids, asks)]  # type: ignore[arg-type]
        return self.add(
            Observed, symbol=symbol, claim=claim, bids=texts[0], asks=texts[1], version=version, read=number
        )

    def show_version(self, index: int, *, depth: int | None = None, **how: Any) -> int:
        truth = self.truths[how.get("symbol") or self.symbol]
        depth = self.depth if depth is None else depth
        return self.show(truth.levels(index, Side.BID, depth), truth.levels(index, Side.ASK, depth), **how)

    def show_book(self, book: Book, **how: Any) -> int:
        return self.show(book.levels(Side.BID, self.depth), book.levels(Side.ASK, self.depth), **how)

    def trade(self, trade: Trade, **changed: Any) -> int:
        fields = {
            "symbol": self.symbol,
            "price": to_text(trade.price, INSTRUMENT.price_decimals),
            "size": to_text(trade.size, INSTRUMENT.size_decimals),
            "side": "buy" if trade.taker is Side.BID else "sell",
            "trade_id": str(trade.number),
        }
        return self.add(ObservedTrade, **(fields | changed))

    def send_trades(self, first: int, last: int) -> int:
        message = Message(kind=Kind.TRADES, payload=b"", feed=Feed(self.symbol, "trades"), first=first, last=last)
        return self.add(Sent, connection=self.connections, message=message)

    # --- the verdict --------------------------------------------------------------------------------------------------

    def facts(self, **changed: Any) -> Facts:
        fields: dict[str, Any] = {
            "dialect": "test",
            "truths": self.truths,
            "instruments": {self.symbol: INSTRUMENT, OTHER.symbol: OTHER},
            "chains": {symbol: [Chain(**chain) for chain in chains] for symbol, chains in self.chains.items()},
            "depth_shown": None,
            "claims": True,
            "pushes": False,
            "numbers": "string",
            "atomic_read": True,
            "sorted_by_adapter": False,
            "notice": 2.0,
            "rules": {"S1": "test/rule"},
        }
        return Facts(**(fields | changed))

    def judge(self, **changed: Any) -> dict[str, Check]:
        return by_id(judge(self.facts(**changed), self.evidence))

    def _chain(self, symbol: str, root: int, index: int, region: Region | None = None) -> None:
        state = Admissible(root, index, self.truths[symbol].fingerprints(self.depth)[index])
        chain = {
            "symbol": symbol,
            "connection": self.connections,
            "root": root,
            "snapshot_index": index,
            "states": [state],
            "region": region or Region(),
            "broken": None,
            "depth": self.depth,
        }
        self.chains[symbol].append(chain)
        self.current[self.connections, symbol] = chain

    def _break(self, connection: int, symbol: str, position: int, reason: Any, index: int | None) -> None:
        chain = self.current.get((connection, symbol))
        if chain is not None and chain["broken"] is None:
            last = chain["states"][-1].index
            chain["broken"] = Break(position, reason, last if index is None else index)


@functools.cache
def real_truth(seed: int, last: int, *, levels: int = 12) -> Truth:
    truth = Truth(INSTRUMENT, seed, profile="busy", levels=levels)
    truth.ensure(last)
    return truth


def jitter(evidence: Sequence[Evidence], random: Random, most: float) -> list[Evidence]:
    """The same order, other times (still never going back)."""
    at = 0.0
    shaken: list[Evidence] = []
    for record in evidence:
        at += random.random() * most
        shaken.append(msgspec.structs.replace(record, at=at))
    return shaken
