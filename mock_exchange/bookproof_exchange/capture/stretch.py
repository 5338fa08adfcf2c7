"""A stretch: what a recording tells of one symbol without a hole, as versions and the messages between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from bookproof_exchange.capture.recording import Place
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Frame, HttpAnswer, HttpRequest, Malformed
from bookproof_exchange.market import Book, Change, Event, Instrument, Levels, Side

NEVER: Final = 1 << 62
"""After everything."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something that concerns one symbol on one connection. ``order``: its place among the recording's entries.
    ``book`` None: the connection ended."""

    order: int
    at: int
    place: Place
    frame: Frame = Frame(b"")
    book: BookSnapshot | BookUpdate | Malformed | None = None


class RestItem(msgspec.Struct, frozen=True, kw_only=True):
    """A REST snapshot of one symbol."""

    order: int
    at: int
    place: Place
    request: HttpRequest
    answer: HttpAnswer
    snapshot: BookSnapshot
    limit: int | None


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recording cannot be followed, and why. What follows begins anew."""

    symbol: str
    place: Place
    reason: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded update: it leads from version ``first`` to ``last`` (the same where it is older than the snapshot).
    ``changes``: its rows in the order of the wire."""

    order: int
    at: int
    place: Place
    frame: Frame
    changes: tuple[Change, ...]
    first: int
    last: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded REST snapshot: it shows version ``index``, and came when so many ``steps`` had."""

    order: int
    steps: int
    index: int
    request: HttpRequest
    answer: HttpAnswer
    limit: int | None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, and what followed without a hole."""

    instrument: Instrument
    connection: int
    order: int
    """Where it begins in the recording: its snapshot, or the first update that the client kept for it."""
    at: int
    place: Place
    depth: int | None
    """Levels a side that the feed keeps the client at; None: the whole book."""
    bids: Levels
    asks: Levels
    """Version 0."""
    snapshot: Frame | None = None
    """Version 0 as it was sent, where snapshots come in band."""
    events: tuple[Event, ...]
    """Event i leads to version i + 1; times are µs since ``at``."""
    steps: tuple[Step, ...]
    sequences: tuple[int, ...] = ()
    """The venue's sequence number of each version, where it has one."""
    answers: tuple[Answer, ...] = ()
    until: int
    """The place of what ended it: a hole, the connection's end, another snapshot; `NEVER` where the recording ends first."""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def end(self) -> int:
        """The place of its last message among the recording's entries."""
        return self.steps[-1].order if self.steps else self.order

    @property
    def updates(self) -> int:
        """How many updates follow its snapshot."""
        return sum(step.last > step.first for step in self.steps)


def move(book: Book, rows: Iterable[Change], depth: int | None) -> tuple[Change, ...]:
    """Apply an update's rows, cut to ``depth``; what changed in the end, a level each."""
    before: dict[tuple[Side, int], int] = {}
    for side, price, size in rows:
        old = book.set(side, price, size)
        before.setdefault((side, price), old)
    if depth is not None:
        for side in Side:
            if book.count(side) > depth:
                for price, size in book.levels(side)[depth:]:
                    before.setdefault((side, price), size)
        book.truncate(depth)
    return tuple(
        Change(side, price, now) for (side, price), old in before.items() if (now := book.get(side, price)) != old
    )
