"""Stretches of a feed whose snapshots come in band: a snapshot, then every update whose checksum holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bookproof_exchange.capture.recording import Place
from bookproof_exchange.capture.stretch import NEVER, Item, Step, Stretch, move
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Dialect, Link, Malformed
from bookproof_exchange.market import Book, Event, Instrument, Side


def stretches(
    items: Iterable[Item],
    dialect: Dialect,
    instrument: Instrument,
    connection: int,
    depth: int | None,
    hole: Callable[[Place, str], None],
) -> Iterator[Stretch]:
    """Of one symbol on one connection. ``depth``: levels a side that the feed keeps. ``hole`` is told where and why the
    recording cannot be followed."""
    chain: _Chain | None = None
    for item in items:
        match item.book:
            case None:
                if chain is not None:
                    yield chain.stretch(item.order)
                chain = None
            case BookSnapshot() as snapshot:
                if chain is not None:
                    yield chain.stretch(item.order)
                chain = _Chain(dialect, instrument, connection, depth, item, snapshot)
                if not dialect.ideal.verify(chain.book, snapshot.checksum, instrument):
                    hole(item.place, f"the checksum {snapshot.checksum} of the snapshot does not hold")
                    chain = None
            case BookUpdate() as update if chain is not None:
                wrong = chain.follow(item, update)
                if wrong is not None:
                    hole(item.place, wrong)
                    yield chain.stretch(item.order)
                    chain = None
            case Malformed(reason=reason) if chain is not None:
                hole(item.place, f"the message cannot be understood: {reason}")
                yield chain.stretch(item.order)
                chain = None
            case _:
                pass  # updates without a snapshot before them
    if chain is not None:
        yield chain.stretch(NEVER)


class _Chain:
    """A stretch in the making."""

    def __init__(
        self,
        dialect: Dialect,
        instrument: Instrument,
        connection: int,
        depth: int | None,
        item: Item,
        snapshot: BookSnapshot,
    ) -> None:
        self.book = Book(snapshot.bids, snapshot.asks)
        if depth is not None:
            self.book.truncate(depth)
        self._ideal = dialect.ideal
        self._instrument = instrument
        self._connection = connection
        self._depth = depth
        self._item = item
        self._bids, self._asks = self.book.levels(Side.BID), self.book.levels(Side.ASK)
        self._sequence = snapshot.sequence
        self._sequences = [] if snapshot.sequence is None else [snapshot.sequence]
        self._events: list[Event] = []
        self._steps: list[Step] = []

    def follow(self, item: Item, update: BookUpdate) -> str | None:
        """The next update. Why it cannot be the next one, where it cannot: then nothing follows."""
        index = len(self._events)
        match self._ideal.link(self._sequence, update, first_after_snapshot=not index):
            case Link.OLD:
                self._step(item, update, index, index)
                return None
            case Link.GAP:
                return f"expected the update after {self._sequence}, found one that begins at {update.first}"
            case Link.NEXT:
                pass
        changes = move(self.book, update.changes, self._depth)
        if not self._ideal.verify(self.book, update.checksum, self._instrument):
            return f"the checksum {update.checksum} does not hold: an update before it is missing, or a number is wrong"
        last = self._events[-1].time_us if self._events else 0
        self._events.append(Event(index + 1, max(last, item.at - self._item.at), changes))
        if update.last is not None:
            self._sequence = update.last
            self._sequences.append(update.last)
        self._step(item, update, index, index + 1)
        return None

    def _step(self, item: Item, update: BookUpdate, first: int, last: int) -> None:
        self._steps.append(
            Step(
                order=item.order,
                at=item.at,
                place=item.place,
                frame=item.frame,
                changes=update.changes,
                first=first,
                last=last,
            )
        )

    def stretch(self, until: int) -> Stretch:
        item = self._item
        return Stretch(
            instrument=self._instrument,
            connection=self._connection,
            order=item.order,
            at=item.at,
            place=item.place,
            depth=self._depth,
            bids=self._bids,
            asks=self._asks,
            snapshot=item.frame,
            events=tuple(self._events),
            steps=tuple(self._steps),
            sequences=tuple(self._sequences),
            until=until,
        )
