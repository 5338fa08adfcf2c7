"""The evidence of one case, put in order and indexed once, for every property to look things up in."""

from __future__ import annotations

import functools
import operator
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from bookproof.checker.facts import Chain, Facts, Region
from bookproof_exchange.dialects.api import Intent, Kind, Subscribed, Unsubscribed
from bookproof_exchange.evidence import (
    Asked,
    Barrier,
    Closed,
    Evidence,
    Observed,
    ObservedTrade,
    Opened,
    ReadAsked,
    Received,
    Rest,
    Sent,
    Step,
    Struck,
    Waited,
)
from bookproof_exchange.market import Side


class Proof:
    """The moment from which a client must have read the message that broke its chain."""

    __slots__ = ("at", "position")

    def __init__(self, position: int, at: float) -> None:
        self.position = position
        self.at = at


class Silence:
    """From the break of the last unbroken chain to the next snapshot: no client may go on claiming to be live.

    ``chain`` is the one that broke last; ``end`` is None where no snapshot came any more."""

    def __init__(self, chain: Chain, start: int, end: int | None, proof: Proof | None) -> None:
        self.chain = chain
        self.start = start
        self.end = end
        self.proof = proof
        self.observed = False


class Recovery:
    """Something that a client did at the exchange to get a book (again). ``connection``: where; None: by HTTP."""

    __slots__ = ("at", "connection", "position", "symbol", "what")

    def __init__(self, position: int, at: float, what: str, symbol: str | None, connection: int | None = None) -> None:
        self.position = position
        self.at = at
        self.what = what
        self.symbol = symbol
        self.connection = connection


class _Stream:
    """What was sent of one symbol's book, in the making."""

    __slots__ = ("deliveries", "newest", "positions", "published", "versions")

    def __init__(self) -> None:
        self.deliveries: list[Sent] = []
        self.published: set[int] = set()
        self.newest = -1
        self.positions: list[int] = []
        self.versions: list[int] = []

    def publish(self, position: int, version: int) -> None:
        self.published.add(version)
        if version > self.newest:
            self.newest = version
            self.positions.append(position)
            self.versions.append(version)


class Timeline:
    """Look-ups over one case's evidence. Built in one pass."""

    def __init__(self, facts: Facts, evidence: Sequence[Evidence]) -> None:
        position = operator.attrgetter("position")
        positions = list(map(position, evidence))
        self.facts = facts
        self.records: Sequence[Evidence] = (
            evidence if positions == sorted(positions) else sorted(evidence, key=position)
        )
        self._streams: dict[str, _Stream] = {}
        self.trades: dict[str, list[Sent]] = {}
        self.snapshots: dict[str, list[int]] = {}
        """By symbol: the positions of delivered snapshots."""
        self.regions: dict[str, list[tuple[int, Region]]] = {}
        """By symbol: what delivered snapshots let a client know, where that is not everything, by position."""
        self.observed: dict[str, list[Observed]] = {}
        self.shown_trades: dict[str, list[ObservedTrade]] = {}
        self.barriers: list[Barrier] = []
        self.opened: dict[int, Opened] = {}
        self.closed: dict[int, Closed] = {}
        self.notices: dict[int, Sent] = {}
        """By connection: the venue's word that it will end. A client may leave at once."""
        self.subscribed_on: dict[int, int] = {}
        """By connection: the position of its first subscription."""
        self.struck: list[Struck] = []
        self.waited: list[Waited] = []
        self.last_step: Step | None = None
        self.read_at: dict[int, float] = {}
        self.recoveries: list[Recovery] = []
        self.repeats: list[tuple[int, str]] = []
        """Subscriptions to what the connection had already: (position, symbol)."""
        self._asked: dict[int, Asked] = {}
        for record in self.records:
            # the two kinds that come by the thousand, without the detour
            if type(record) is Observed:
                shown = self.observed.get(record.symbol)
                if shown is None:
                    self.observed[record.symbol] = [record]
                else:
                    shown.append(record)
            elif type(record) is Sent:
                self._sent(record)
            else:
                self._add(record)
        for symbol, chains in facts.chains.items():
            for chain in chains:
                if chain.region != Region():
                    self._region(symbol, chain.root, chain.region)
        for regions in self.regions.values():
            regions.sort(key=operator.itemgetter(0))

    @functools.cached_property
    def published(self) -> Mapping[str, set[int]]:
        """By symbol: the versions that a client may ever show."""
        return {symbol: stream.published for symbol, stream in self._streams.items()}

    @functools.cached_property
    def deliveries(self) -> Mapping[str, list[Sent]]:
        """By symbol: book messages, in order."""
        return {symbol: stream.deliveries for symbol, stream in self._streams.items() if stream.deliveries}

    @functools.cached_property
    def sent(self) -> Mapping[int, Sent]:
        """Book messages by position, in order."""
        messages = [message for stream in self._streams.values() for message in stream.deliveries]
        messages.sort(key=operator.attrgetter("position"))
        return {message.position: message for message in messages}

    def high(self, symbol: str, position: int) -> int:
        """The newest version of the symbol sent before ``position``; -1: none was."""
        positions, versions = self.highs(symbol)
        at = bisect_right(positions, position - 1)
        return versions[at - 1] if at else -1

    def highs(self, symbol: str) -> tuple[Sequence[int], Sequence[int]]:
        """The positions at which a newer version of the symbol was sent than ever before, and those versions."""
        stream = self._streams.get(symbol)
        return ((), ()) if stream is None else (stream.positions, stream.versions)

    def time(self, observed: Observed) -> float:
        """When the shown state was the client's, at the earliest that is certain not to blame it."""
        return observed.at if observed.read is None else self.read_at.get(observed.read, observed.at)

    def silences(self, symbol: str) -> list[Silence]:
        """Where every chain of the symbol was broken, in order, without overlap."""
        chains = self.facts.chains.get(symbol, ())
        roots = sorted({chain.root for chain in chains})
        broken = sorted(
            (chain for chain in chains if chain.broken is not None and chain.broken.reason != "superseded"),
            key=lambda chain: chain.broken.position if chain.broken else 0,
        )
        found: list[Silence] = []
        for chain in broken:
            assert chain.broken is not None
            start = chain.broken.position
            if found and (found[-1].end is None or start < found[-1].end):
                continue
            if any(other is not chain and self._alive(other, start) for other in chains):
                continue
            later = bisect_right(roots, start)
            end = roots[later] if later < len(roots) else None
            found.append(Silence(chain, start, end, self._proof(chain, start, end)))
        return found

    def _alive(self, chain: Chain, position: int) -> bool:
        opened = self.opened.get(chain.connection)
        if chain.root >= position or (opened is not None and opened.position > position):
            return False
        return chain.broken is None or chain.broken.position > position

    def _proof(self, chain: Chain, start: int, end: int | None) -> Proof | None:
        assert chain.broken is not None
        closed = self.closed.get(chain.connection)
        if chain.broken.reason == "closed":
            return Proof(start, self._time_of(start) if closed is None else closed.at)
        for barrier in self.barriers:
            if end is not None and barrier.position >= end:
                break
            if barrier.connection == chain.connection and barrier.covers >= start:
                return Proof(barrier.position, barrier.at)
        # a connection that is gone was noticed at the latest then
        if closed is not None and closed.position > start and (end is None or closed.position < end):
            return Proof(closed.position, closed.at)
        return None

    def _time_of(self, position: int) -> float:
        at = 0.0
        for record in self.records:
            if record.position > position:
                break
            at = record.at
        return at

    def _add(self, record: Evidence) -> None:
        match record:
            case Step():
                self.last_step = record
            case ReadAsked():
                self.read_at[record.read] = record.at
            case Barrier():
                self.barriers.append(record)
            case Received():
                self._intents(record, record.intents)
            case Opened():
                self.opened.setdefault(record.connection, record)
                self.recoveries.append(Recovery(record.position, record.at, "connection", None, record.connection))
                self._intents(record, record.intents)
            case Closed():
                self.closed.setdefault(record.connection, record)
            case Asked():
                self._asked[record.number] = record
            case Rest():
                self._rest(record)
            case Struck():
                self.struck.append(record)
            case ObservedTrade():
                self.shown_trades.setdefault(record.symbol, []).append(record)
            case Waited():
                self.waited.append(record)
            case _:
                pass

    def _sent(self, record: Sent) -> None:
        message = record.message
        feed, kind = message.feed, message.kind
        if feed is None:
            if kind is Kind.NOTICE:
                self.notices.setdefault(record.connection, record)
            return
        if feed.channel == "trades":
            if kind is Kind.TRADES:
                self.trades.setdefault(feed.symbol, []).append(record)
        elif kind is Kind.UPDATE or kind is Kind.SNAPSHOT:
            stream = self._stream(feed.symbol)
            stream.deliveries.append(record)
            stream.publish(record.position, message.last)
            if kind is Kind.SNAPSHOT:
                self.snapshots.setdefault(feed.symbol, []).append(record.position)

    def _rest(self, record: Rest) -> None:
        snapshot = None if record.answer is None else record.answer.snapshot
        asked = self._asked.get(record.number, record)
        if snapshot is None:
            if record.faults:
                self.recoveries.append(Recovery(asked.position, asked.at, "snapshot", None))
            return
        symbol = snapshot.symbol
        self.recoveries.append(Recovery(asked.position, asked.at, "snapshot", symbol))
        self._stream(symbol).publish(record.position, snapshot.index)
        self.snapshots.setdefault(symbol, []).append(record.position)
        truth = self.facts.truths.get(symbol)
        if snapshot.limit is not None and truth is not None:
            bids, asks = (truth.levels(snapshot.index, side, snapshot.limit) for side in Side)
            self._region(
                symbol,
                record.position,
                Region(
                    bids[-1][0] if len(bids) >= snapshot.limit else None,
                    asks[-1][0] if len(asks) >= snapshot.limit else None,
                ),
            )

    def _stream(self, symbol: str) -> _Stream:
        stream = self._streams.get(symbol)
        if stream is None:
            stream = self._streams[symbol] = _Stream()
        return stream

    def _region(self, symbol: str, position: int, region: Region) -> None:
        if region != Region():
            self.regions.setdefault(symbol, []).append((position, region))

    def _intents(self, record: Opened | Received, intents: Sequence[Intent]) -> None:
        position = record.position
        for intent in intents:
            match intent:
                case Subscribed(feed=feed, again=again):
                    self.subscribed_on.setdefault(record.connection, position)
                    if feed.channel == "book":
                        self.recoveries.append(
                            Recovery(position, record.at, "subscription", feed.symbol, record.connection)
                        )
                        if again:
                            self.repeats.append((position, feed.symbol))
                case Unsubscribed(feed=feed) if feed.channel == "book":
                    self.recoveries.append(
                        Recovery(position, record.at, "unsubscription", feed.symbol, record.connection)
                    )
                case _:
                    pass
