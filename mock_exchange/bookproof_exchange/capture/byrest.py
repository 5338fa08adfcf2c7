"""Stretches of a feed whose snapshots come by REST: a snapshot joined with the updates around it. Pure.

Version 0 is the first snapshot. Updates that were recorded before it and are older than it are part of the stretch (a client
buffers them), but cover no versions. A later snapshot shows a version, or lies inside an update: then it is a version of its
own. It must agree with the updates as far as both know the book; what it alone knows (levels beyond the end of the first
snapshot that nobody touched in between) was there from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bookproof_exchange.capture.recording import Place
from bookproof_exchange.capture.stretch import NEVER, Answer, Item, RestItem, Step, Stretch, move
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Dialect, Link, Malformed
from bookproof_exchange.market import Book, Change, Event, Instrument, Side
from bookproof_exchange.numbers import to_text

Tell = Callable[[Place, str], None]


def stretches(
    items: Sequence[Item],
    snapshots: Sequence[RestItem],
    dialect: Dialect,
    instrument: Instrument,
    connection: int,
    hole: Tell,
) -> Iterator[Stretch]:
    """Of one symbol on one connection. ``hole`` is told where and why the recording cannot be followed."""
    chain: _Chain | None = None
    buffer: list[Item] = []
    """Updates without a snapshot, each following the one before."""
    merged: list[Item | RestItem | None] = [*items, *snapshots]
    merged.sort(key=lambda each: -1 if each is None else each.order)
    for each in (*merged, None):
        wrong: str | None = None
        match each:
            case RestItem():
                if chain is not None:
                    chain.snapshots.append(each)
                    continue
                chain, why = _begun(dialect, each, buffer)
                if chain is None:
                    hole(each.place, why)
                else:
                    buffer = []
                continue
            case Item(book=BookUpdate() as update):
                if chain is None:
                    if buffer and _breaks(dialect, buffer[-1], update):
                        buffer.clear()
                    buffer.append(each)
                    continue
                wrong = chain.follow(each, update)
                if wrong is None:
                    continue
            case Item(book=Malformed(reason=reason)):
                wrong = f"the message cannot be understood: {reason}"
            case Item(book=BookSnapshot()):
                continue  # a partial book: another feed
            case _:
                pass  # the end of the connection, or of the recording
        if chain is not None and chain.joined:
            fold = _Fold(chain, instrument)
            yield fold.stretch(connection, NEVER if each is None else each.order)
            if fold.contradicted is not None:
                rest, why = fold.contradicted
                hole(rest.place, why)
                left = [item for item in items if item.order > fold.newest]
                later = [snapshot for snapshot in snapshots if snapshot.order >= rest.order]
                yield from stretches(left, later, dialect, instrument, connection, hole)
                return
        if wrong is not None and isinstance(each, Item):
            hole(each.place, wrong)
        chain = None
        buffer = [each] if isinstance(each, Item) and isinstance(each.book, BookUpdate) else []


def _breaks(dialect: Dialect, last: Item, update: BookUpdate) -> bool:
    """Whether something is missing between two updates."""
    sequence = last.book.last if isinstance(last.book, BookUpdate) else None
    return dialect.ideal.link(sequence, update, first_after_snapshot=False) is Link.GAP


def _begun(dialect: Dialect, rest: RestItem, buffer: Sequence[Item]) -> tuple[_Chain | None, str]:
    """The chain that a snapshot begins with the updates so far; or why they cannot follow it."""
    chain = _Chain(dialect, rest, buffer[0] if buffer else None)
    for item in buffer:
        if isinstance(item.book, BookUpdate):
            wrong = chain.follow(item, item.book)
            if wrong is not None:
                return None, f"the snapshot at {rest.snapshot.sequence} is older than the updates before it: {wrong}"
    return chain, ""


class _Chain:
    """Which update follows which, from a snapshot on."""

    def __init__(self, dialect: Dialect, rest: RestItem, first: Item | None) -> None:
        self._ideal = dialect.ideal
        self.rest = rest
        self.first = rest if first is None or first.order > rest.order else first
        self.updates: list[tuple[Item, BookUpdate, bool]] = []
        """Each with whether it leads on; else it is older than the book."""
        self.snapshots: list[RestItem] = []
        """Later ones."""
        self.joined = False
        self._sequence = rest.snapshot.sequence

    def follow(self, item: Item, update: BookUpdate) -> str | None:
        """The next update. Why it cannot be the next one, where it cannot."""
        match self._ideal.link(self._sequence, update, first_after_snapshot=not self.joined):
            case Link.OLD:
                self.updates.append((item, update, False))
                return None
            case Link.NEXT:
                self.updates.append((item, update, True))
                self._sequence = update.last
                self.joined = True
                return None
            case Link.GAP:
                wanted = None if self._sequence is None else self._sequence + 1
                return f"expected an update that begins at {wanted}, found {update.first} to {update.last}"


class _Move:
    """One version: what leads to it."""

    def __init__(self, at: int, rows: Sequence[Change], sequence: int) -> None:
        self.at = at
        self.rows = rows
        self.sequence = sequence


class _Fold:
    """A chain as versions, checked against its later snapshots."""

    def __init__(self, chain: _Chain, instrument: Instrument) -> None:
        first = chain.rest.snapshot
        self._chain = chain
        self._instrument = instrument
        self._start = Book(first.bids, first.asks)
        self._book = self._start.copy()
        self._worst = _worst(chain.rest)
        self._touched: set[tuple[Side, int]] = set()
        self._moves: list[_Move] = []
        self._steps: list[Step] = []
        self._sequence = first.sequence or 0
        self._shown: list[tuple[RestItem, int]] = [(chain.rest, 0)]
        self.contradicted: tuple[RestItem, str] | None = None
        self._left = sorted(chain.snapshots, key=lambda rest: (rest.snapshot.sequence or 0, rest.order))
        for item, update, leads in chain.updates:
            if not self._meet(update if leads else None):
                break
            self._apply(item, update, leads=leads)
        else:
            self._meet(None)

    @property
    def newest(self) -> int:
        """The place of the last message that belongs to the stretch."""
        return self._steps[-1].order if self._steps else self._chain.rest.order

    def stretch(self, connection: int, until: int) -> Stretch:
        """With every version as an event: what the later snapshots knew of the beginning is in it now."""
        chain, first = self._chain, self._chain.first
        book = self._start.copy()
        events: list[Event] = []
        time_us = 0
        for index, made in enumerate(self._moves, 1):
            time_us = max(time_us, made.at - first.at)
            events.append(Event(index, time_us, move(book, made.rows, None)))
        answers = [
            Answer(
                order=rest.order,
                steps=sum(step.order < rest.order for step in self._steps),
                index=index,
                request=rest.request,
                answer=rest.answer,
                limit=rest.limit,
            )
            for rest, index in self._shown
        ]
        return Stretch(
            instrument=self._instrument,
            connection=connection,
            order=first.order,
            at=first.at,
            place=first.place,
            depth=None,
            bids=self._start.levels(Side.BID),
            asks=self._start.levels(Side.ASK),
            events=tuple(events),
            steps=tuple(self._steps),
            sequences=(chain.rest.snapshot.sequence or 0, *[made.sequence for made in self._moves]),
            answers=tuple(answers),
            until=until if self.contradicted is None else self.contradicted[0].order,
        )

    def _apply(self, item: Item, update: BookUpdate, *, leads: bool) -> None:
        first = self._steps[-1].last if self._steps else 0
        if leads:
            self._book.apply(update.changes)
            self._touched.update((side, price) for side, price, _ in update.changes)
            self._sequence = update.last or 0
            self._moves.append(_Move(item.at, update.changes, self._sequence))
        self._steps.append(
            Step(
                order=item.order,
                at=item.at,
                place=item.place,
                frame=item.frame,
                changes=update.changes,
                first=first,
                last=len(self._moves) if leads else first,
            )
        )

    def _meet(self, update: BookUpdate | None) -> bool:
        """Look at the snapshots that lie between the book and the end of the next update. False: one contradicts."""
        while (self._left and (sequence := self._left[0].snapshot.sequence or 0) <= self._sequence) or (
            update is not None and self._left and sequence < (update.last or 0)
        ):
            rest = self._left[0]
            if sequence >= self._sequence:
                inside = update if sequence > self._sequence else None
                found = self._difference(rest, inside)
                if isinstance(found, str):
                    self.contradicted = (rest, found)
                    return False
                if inside is not None:
                    self._book.apply(found)
                    self._sequence = sequence
                    self._moves.append(_Move(rest.at, found, sequence))
                self._shown.append((rest, len(self._moves)))
            del self._left[0]
        return True

    def _difference(self, rest: RestItem, inside: BookUpdate | None) -> list[Change] | str:
        """What a snapshot says that the book does not yet (only levels that the update around it changes), or why it
        cannot be. Completes the book where only the snapshot knows it."""
        moving = set() if inside is None else {(side, price) for side, price, _ in inside.changes}
        found: list[Change] = []
        for side, levels in ((Side.BID, rest.snapshot.bids), (Side.ASK, rest.snapshot.asks)):
            shown = dict(levels)
            worst = _worst(rest)[side]
            for price, size in self._book.levels(side):
                if price in shown or not _within(side, price, worst):
                    continue
                if (side, price) not in moving:
                    return self._words(rest, side, price, size, 0)
                found.append(Change(side, price, 0))
            for price, size in levels:
                have = self._book.get(side, price)
                if have == size:
                    continue
                if (side, price) in moving:
                    found.append(Change(side, price, size))
                elif not have and (side, price) not in self._touched and not _within(side, price, self._worst[side]):
                    self._start.set(side, price, size)
                    self._book.set(side, price, size)
                else:
                    return self._words(rest, side, price, have, size)
        return found

    def _words(self, rest: RestItem, side: Side, price: int, have: int, shown: int) -> str:
        decimals = self._instrument.size_decimals
        return (
            f"the snapshot at {rest.snapshot.sequence} contradicts the updates: at the {side.name.lower()} "
            f"{to_text(price, self._instrument.price_decimals)} expected {to_text(have, decimals)}, found "
            f"{to_text(shown, decimals)}"
        )


def _worst(rest: RestItem) -> dict[Side, int | None]:
    """The prices beyond which a snapshot says nothing; None: it holds the whole side."""
    return {
        side: rows[-1][0] if rest.limit is not None and len(rows) >= rest.limit else None
        for side, rows in ((Side.BID, rest.snapshot.bids), (Side.ASK, rest.snapshot.asks))
    }


def _within(side: Side, price: int, worst: int | None) -> bool:
    return worst is None or (price >= worst if side is Side.BID else price <= worst)
