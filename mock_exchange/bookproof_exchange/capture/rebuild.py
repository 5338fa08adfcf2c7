"""Frames to truth: the unbroken stretches of each symbol in a recording, and where and why each one ends.

A stretch is a snapshot and the updates that follow it without a hole, by the same rules by which the dialect's ideal client
follows (`Ideal`): an unbroken sequence, checksums that hold. Where the recording itself has a hole, the stretch ends, and
the next one begins with the next snapshot. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bookproof_exchange.capture import byrest, inband, precision
from bookproof_exchange.capture.blank import Blank
from bookproof_exchange.capture.recording import (
    Closed,
    Fetched,
    Opened,
    Place,
    Recording,
    Said,
    problem,
    request_of,
    short,
)
from bookproof_exchange.capture.stretch import Hole, Item, RestItem, Stretch
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Dialect, HttpRequest, Malformed, Subscribed
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Instrument


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What could be made of a recording. By symbol, in the order in which they appear."""

    stretches: Mapping[str, tuple[Stretch, ...]]
    holes: tuple[Hole, ...]
    others: int
    """Messages of the venue that say nothing of a book."""
    unused: Mapping[str, int]
    """By symbol: updates that belong to no stretch."""


class _Heard(msgspec.Struct, frozen=True):
    """Something that the venue said of a book, decoded with many decimals."""

    order: int
    entry: Said
    book: BookSnapshot | BookUpdate | Malformed

    @property
    def symbol(self) -> str | None:
        return self.book.symbol


def rebuild(recording: Recording, dialect: Dialect, symbols: Sequence[str] | None = None) -> Rebuilt:
    """Every stretch of the symbols (None: all that are seen). UsageError where there is no book in it, or not theirs."""
    heard, others = _decoded(recording, dialect)
    seen = list(dict.fromkeys(each.book.symbol for each in heard if not isinstance(each.book, Malformed)))
    if not seen:
        raise _no_book(recording, dialect, heard)
    wanted = seen if symbols is None else list(symbols)
    for symbol in wanted:
        if symbol not in seen:
            raise UsageError(
                f"{heard[0].entry.place.file}: expected updates of {symbol!r}, found only those of {', '.join(seen[:12])}",
                hint="spell the symbol as the venue's messages do",
            )
    snapshots = list(_rest_snapshots(recording, dialect, seen))
    found: dict[str, tuple[Stretch, ...]] = {}
    holes: list[Hole] = []
    unused: dict[str, int] = {}
    for symbol in wanted:
        concerned = [each for each in heard if each.symbol == symbol or each.symbol is None]
        rest = [each for each in snapshots if each.snapshot.symbol == symbol]
        instrument = next((each for each in recording.instruments if each.symbol == symbol), None)
        if instrument is None:
            books = [*[each.book for each in concerned], *[each.snapshot for each in rest]]
            instrument = precision.instrument(symbol, dialect, books)
        made = list(_of_symbol(recording, dialect, instrument, concerned, rest, holes))
        found[symbol] = tuple(made)
        updates = sum(isinstance(each.book, BookUpdate) for each in concerned)
        unused[symbol] = updates - sum(len(stretch.steps) for stretch in made)
    return Rebuilt(stretches=found, holes=tuple(holes), others=others, unused=unused)


def _of_symbol(
    recording: Recording,
    dialect: Dialect,
    instrument: Instrument,
    heard: Sequence[_Heard],
    rest: Sequence[RestItem],
    holes: list[Hole],
) -> Iterator[Stretch]:
    def hole(place: Place, reason: str) -> None:
        holes.append(Hole(symbol=instrument.symbol, place=place, reason=reason))

    scaled = [_scaled_rest(each, instrument) for each in rest]
    for connection in dict.fromkeys(each.entry.connection for each in heard):
        items = [
            Item(
                order=each.order,
                at=each.entry.at,
                place=each.entry.place,
                frame=each.entry.frame,
                book=_scaled(each.book, instrument),
            )
            for each in heard
            if each.entry.connection == connection
        ]
        items += [
            Item(order=order, at=entry.at, place=entry.place)
            for order, entry in enumerate(recording.entries)
            if isinstance(entry, Closed) and entry.connection == connection
        ]
        items.sort(key=lambda item: item.order)
        if dialect.ideal.snapshot_from == "stream":
            depth = _depth(recording, dialect, instrument.symbol, connection, items)
            yield from inband.stretches(items, dialect, instrument, connection, depth, hole)
        else:
            began = _began(recording, connection, items[0].order)
            later = [each for each in scaled if each.order >= began]
            yield from byrest.stretches(items, later, dialect, instrument, connection, hole)


def _decoded(recording: Recording, dialect: Dialect) -> tuple[list[_Heard], int]:
    anything = precision.AnySymbol()
    heard: list[_Heard] = []
    others = 0
    for order, entry in enumerate(recording.entries):
        if not isinstance(entry, Said) or entry.by != "venue":
            continue
        books = [
            item
            for item in dialect.ideal.decode(entry.frame, anything)
            if isinstance(item, BookSnapshot | BookUpdate | Malformed)
        ]
        heard += [_Heard(order, entry, book) for book in books]
        others += not books
    return heard, others


def _rest_snapshots(recording: Recording, dialect: Dialect, symbols: Iterable[str]) -> Iterator[RestItem]:
    """The answers that carry a book, with many decimals."""
    blank = Blank({symbol: precision.wide(symbol) for symbol in symbols})
    for order, entry in enumerate(recording.entries):
        if not isinstance(entry, Fetched) or entry.answer is None or entry.answer.status != 200:
            continue
        about = dialect.rest(entry.request, blank).snapshot
        if about is None:
            continue
        snapshot = dialect.ideal.decode_rest(about.symbol, entry.answer, blank.instruments)
        if isinstance(snapshot, BookSnapshot):
            yield RestItem(
                order=order,
                at=entry.at,
                place=entry.place,
                request=entry.request,
                answer=entry.answer,
                snapshot=snapshot,
                limit=about.limit,
            )


def _depth(recording: Recording, dialect: Dialect, symbol: str, connection: int, items: Sequence[Item]) -> int | None:
    """Levels a side that the recorded feed keeps: as the recorded client asked, else the least that its snapshots fit."""
    traits = dialect.traits
    if not traits.windowed:
        return None
    if symbol in recording.depths:
        return recording.depths[symbol]
    session = dialect.session(handshake(recording, connection), Blank({symbol: precision.wide(symbol)}))
    for entry in recording.entries:
        if isinstance(entry, Said) and entry.by == "client" and entry.connection == connection:
            for intent in session.receive(entry.frame).intents:
                if isinstance(intent, Subscribed) and intent.feed.symbol == symbol and intent.feed.channel == "book":
                    return intent.feed.depth
    most = max(
        (max(len(item.book.bids), len(item.book.asks)) for item in items if isinstance(item.book, BookSnapshot)),
        default=0,
    )
    fitting = [depth for depth in traits.depths if depth >= most]
    return min(fitting, default=traits.default_depth)


def _began(recording: Recording, connection: int, first: int) -> int:
    """Where a connection began, whose first message stands at ``first``: what was fetched before was not for it."""
    began = 0
    for order, entry in enumerate(recording.entries[:first]):
        match entry:
            case Opened(connection=number) if number == connection:
                return order
            case Closed(connection=number) if number != connection:
                began = order
            case _:
                pass
    return began


def handshake(recording: Recording, connection: int) -> HttpRequest:
    """The request with which a connection was made, as far as it is known."""
    for entry in recording.entries:
        if isinstance(entry, Opened) and entry.connection == connection:
            return request_of("GET", entry.url, entry.place)
    return HttpRequest(method="GET", path="/")


def _scaled(
    book: BookSnapshot | BookUpdate | Malformed, instrument: Instrument
) -> BookSnapshot | BookUpdate | Malformed:
    match book:
        case BookSnapshot():
            return msgspec.structs.replace(
                book, bids=precision.rows(book.bids, instrument), asks=precision.rows(book.asks, instrument)
            )
        case BookUpdate():
            return msgspec.structs.replace(book, changes=precision.changed(book.changes, instrument))
        case Malformed():
            return book


def _scaled_rest(rest: RestItem, instrument: Instrument) -> RestItem:
    snapshot = rest.snapshot
    scaled = msgspec.structs.replace(
        snapshot, bids=precision.rows(snapshot.bids, instrument), asks=precision.rows(snapshot.asks, instrument)
    )
    return msgspec.structs.replace(rest, snapshot=scaled)


def _speaks(dialect: Dialect, said: Sequence[Said]) -> bool:
    """Whether some of the first messages are books of a dialect."""
    anything = precision.AnySymbol()
    return any(
        isinstance(item, BookSnapshot | BookUpdate)
        for entry in said[:1000]
        for item in dialect.ideal.decode(entry.frame, anything)
    )


def _no_book(recording: Recording, dialect: Dialect, heard: Sequence[_Heard]) -> UsageError:
    said = [entry for entry in recording.entries if isinstance(entry, Said) and entry.by == "venue"]
    if not recording.entries:
        return UsageError("expected messages of the venue, found an empty recording")
    if not said:
        return problem(recording.entries[0].place, "expected messages of the venue, found none from here on")
    other = next((each.name for each in DIALECTS if each.name != dialect.name and _speaks(each, said)), None)
    first = heard[0].entry if heard else said[0]
    found = short(first.frame.payload) if not first.frame.binary else f"{len(first.frame.payload)} bytes"
    return problem(
        first.place,
        f"expected book messages of {dialect.name}, found none among {len(said)}; the first is {found}",
        f"it looks like one of {other}: say --dialect {other}" if other else "is the book's channel in it?",
    )
