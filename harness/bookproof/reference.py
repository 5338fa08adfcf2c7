"""The reference: the ideal client, run on the bytes that were really delivered, forked where the venue leaves a choice.

Its output is the chains of `checker.facts`: every snapshot that was delivered, followed by the unbroken updates after it.
A client may choose which delivered snapshot to start from and on which of its connections to follow; everything else the
dialect's rules decide. Where a chain breaks is the detection point. The reference decodes with the dialect's client side
(`Ideal`), which shares no encoder with the exchange, and it is compared with the truth at every step: if the two differ
although nothing was corrupted on purpose, the harness is wrong, not the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from bookproof.checker.facts import Admissible, Break, Chain, Region
from bookproof.reading import reading
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import (
    BookSnapshot,
    BookUpdate,
    Dialect,
    Kind,
    Link,
    Message,
    Subscribed,
    Unsubscribed,
)
from bookproof_exchange.market import Book, Instrument, Side, Truth

#: So many chains of REST snapshots are followed on one feed. A client that fetches all the time would cost the square of
#: its requests; and chains that hold the truth all say the same, so the oldest of them adds nothing.
MOST_FOLLOWED = 32

_ANYWHERE = Region()

_READ = (evidence.Sent, evidence.Rest, evidence.Opened, evidence.Received, evidence.Closed)
"""Nothing else says what a client was sent, or on which of its connections."""

Reason = Literal["gap", "checksum", "closed", "malformed", "snapshot-lost", "superseded"]


class _Follower:
    """One chain in the making."""

    def __init__(
        self,
        reference: Reference,
        symbol: str,
        connection: int,
        root: int,
        snapshot: BookSnapshot,
        index: int,
        depth: int | None,
        region: Region,
    ) -> None:
        self.reference = reference
        self.symbol = symbol
        self.connection = connection
        self.root = root
        self.snapshot_index = index
        self.depth = depth
        self.region = region
        self.book = Book(snapshot.bids, snapshot.asks)
        self.sequence = snapshot.sequence
        self.first = True
        self.index = index
        self.states: list[Admissible] = []
        self.broken: Break | None = None
        if depth is not None:
            self.book.truncate(depth)
        if reference.dialect.ideal.verify(self.book, snapshot.checksum, reference.instruments[symbol]):
            self._show(root)
        else:
            self.end("checksum", root, index)

    def update(self, position: int, update: BookUpdate, message: Message) -> None:
        if self.broken is not None:
            return
        ideal = self.reference.dialect.ideal
        match ideal.link(self.sequence, update, first_after_snapshot=self.first):
            case Link.OLD:
                return
            case Link.GAP:
                self.end("gap", max(position, self.root), message.last)
                return
            case Link.NEXT:
                pass
        self.first = False
        self.book.apply(update.changes)
        if self.depth is not None:
            self.book.truncate(self.depth)
        if update.last is not None:
            self.sequence = update.last
        if not ideal.verify(self.book, update.checksum, self.reference.instruments[self.symbol]):
            self.end("checksum", max(position, self.root), message.last)
            return
        self.index = message.last
        self._show(max(position, self.root))

    def end(self, reason: Reason, position: int, index: int | None = None) -> None:
        if self.broken is None:
            self.broken = Break(position, reason, self.index if index is None else index)

    def _show(self, position: int) -> None:
        true = self._true()
        shown = self.reference.depth_shown
        cut = None if true or shown is None else self.book.fingerprint(shown)
        self.states.append(Admissible(position, self.index, self.book.fingerprint(), true, cut))

    def _true(self) -> bool:
        truth = self.reference.truths[self.symbol]
        if self.region == _ANYWHERE:
            return self.book.fingerprint() == truth.fingerprints(self.depth)[self.index]
        for side, worst in ((Side.BID, self.region.worst_bid), (Side.ASK, self.region.worst_ask)):
            mine = _within(self.book.levels(side), side, worst)
            if mine != _within(truth.levels(self.index, side), side, worst):
                return False
        return True

    @property
    def true(self) -> bool:
        """Whether it holds the truth now."""
        return bool(self.states) and self.states[-1].true

    def chain(self) -> Chain:
        return Chain(
            symbol=self.symbol,
            connection=self.connection,
            root=self.root,
            snapshot_index=self.snapshot_index,
            states=tuple(self.states),
            region=self.region,
            broken=self.broken,
            depth=self.depth,
        )


class _Feed:
    """One symbol on one connection."""

    def __init__(self) -> None:
        self.buffer: list[tuple[int, BookUpdate, Message]] = []
        self.followers: list[_Follower] = []


class Reference:
    """Feed it the evidence in order, then ask for the chains."""

    def __init__(self, dialect: Dialect, truths: Mapping[str, Truth], instruments: Mapping[str, Instrument]) -> None:
        self.dialect = dialect
        self.truths = truths
        self.instruments = instruments
        self._reading = reading(dialect, instruments.values())
        self.depth_shown: int | None = None
        """Levels a side that the client keeps, once it has said so."""
        self._feeds: dict[tuple[int, str], _Feed] = {}
        self._rest: dict[str, list[tuple[int, BookSnapshot, int, Region]]] = {symbol: [] for symbol in instruments}
        self._finished: list[_Follower] = []

    def see(self, record: evidence.Evidence) -> None:
        """One piece of evidence."""
        if not isinstance(record, _READ):
            return
        match record:
            case evidence.Sent(message=message) if message.kind in (Kind.SNAPSHOT, Kind.UPDATE):
                self._sent(record)
            case evidence.Rest(answer=answer) if answer is not None and answer.snapshot is not None:
                self._rest_snapshot(record)
            case evidence.Opened(intents=intents) | evidence.Received(intents=intents):
                for intent in intents:
                    match intent:
                        case Subscribed(feed=feed) if feed.channel == "book":
                            self._feeds.setdefault((record.connection, feed.symbol), _Feed())
                        case Unsubscribed(feed=feed) if feed.channel == "book":
                            self._leave(record.connection, feed.symbol, record.position, "superseded")
                        case _:
                            pass
            case evidence.Closed(connection=connection):
                for number, symbol in list(self._feeds):
                    if number == connection:
                        self._leave(connection, symbol, record.position, "closed")
            case _:
                pass

    def chains(self) -> dict[str, tuple[Chain, ...]]:
        """All chains so far, by symbol, in the order of their roots."""
        followers = list(self._finished)
        for feed in self._feeds.values():
            followers.extend(feed.followers)
        followers.sort(key=lambda follower: (follower.root, follower.connection))
        return {
            symbol: tuple(follower.chain() for follower in followers if follower.symbol == symbol)
            for symbol in self.instruments
        }

    def regions(self, symbol: str) -> set[Region]:
        """What the followed snapshots of a symbol know, those that still count."""
        return {
            follower.region
            for (_, name), feed in self._feeds.items()
            if name == symbol
            for follower in feed.followers
            if follower.broken is None
        }

    def _leave(self, connection: int, symbol: str, position: int, reason: Reason) -> None:
        feed = self._feeds.pop((connection, symbol), None)
        if feed is None:
            return
        for follower in feed.followers:
            follower.end(reason, position)
        self._finished.extend(feed.followers)

    def _sent(self, record: evidence.Sent) -> None:
        message = record.message
        for decoded in self._reading.decode(message.frame):
            match decoded:
                case BookSnapshot(symbol=symbol) if self.dialect.ideal.snapshot_from == "stream":
                    feed = self._feeds.setdefault((record.connection, symbol), _Feed())
                    for follower in feed.followers:
                        follower.end("superseded", record.position)
                    depth = None if message.feed is None else message.feed.depth
                    feed.followers.append(
                        _Follower(
                            self, symbol, record.connection, record.position, decoded, message.last, depth, Region()
                        )
                    )
                case BookUpdate(symbol=symbol):
                    feed = self._feeds.setdefault((record.connection, symbol), _Feed())
                    if self.dialect.ideal.snapshot_from == "rest":
                        if not feed.buffer:
                            for root, snapshot, index, region in self._rest[symbol]:
                                if not any(follower.root == root for follower in feed.followers):
                                    self._begin(feed, symbol, record.connection, root, snapshot, index, region)
                        feed.buffer.append((record.position, decoded, message))
                    for follower in feed.followers:
                        follower.update(record.position, decoded, message)
                case _:
                    pass

    def _rest_snapshot(self, record: evidence.Rest) -> None:
        assert record.answer is not None
        assert record.answer.snapshot is not None
        about = record.answer.snapshot
        decoded = self._reading.decode_rest(about.symbol, record.answer)
        if not isinstance(decoded, BookSnapshot):
            return
        region = Region(
            decoded.bids[-1][0] if about.limit is not None and len(decoded.bids) >= about.limit else None,
            decoded.asks[-1][0] if about.limit is not None and len(decoded.asks) >= about.limit else None,
        )
        self._rest[about.symbol].append((record.position, decoded, about.index, region))
        for (connection, symbol), feed in self._feeds.items():
            if symbol == about.symbol:
                self._begin(feed, symbol, connection, record.position, decoded, about.index, region)

    def _begin(
        self,
        feed: _Feed,
        symbol: str,
        connection: int,
        root: int,
        snapshot: BookSnapshot,
        index: int,
        region: Region,
    ) -> None:
        follower = _Follower(self, symbol, connection, root, snapshot, index, None, region)
        for position, update, message in feed.buffer:
            follower.update(position, update, message)
        feed.followers.append(follower)
        healthy = [follower for follower in feed.followers if follower.broken is None and follower.true]
        if len(healthy) > MOST_FOLLOWED:
            for place, old in enumerate(healthy):
                # one that stands where a younger one stands has the same future
                if any(young.index == old.index for young in healthy[place + 1 :]):
                    old.end("superseded", root)
                    break


def _within(levels: Sequence[tuple[int, int]], side: Side, worst: int | None) -> tuple[tuple[int, int], ...]:
    if worst is None:
        return tuple(levels)
    return tuple(level for level in levels if (level[0] >= worst if side is Side.BID else level[0] <= worst))


def reference(
    dialect: Dialect,
    truths: Mapping[str, Truth],
    instruments: Mapping[str, Instrument],
    records: Sequence[evidence.Evidence],
) -> dict[str, tuple[Chain, ...]]:
    """The chains of a whole case."""
    runner = Reference(dialect, truths, instruments)
    for record in records:
        runner.see(record)
    return runner.chains()
