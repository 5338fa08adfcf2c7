"""Exchange side: changes to one encoded book message that need to know the protocol.

Each changes what its name says and nothing else. Legal ones keep the message right: a client that follows the venue's
rules ends with the same book and checksum, also one that truncates after every row instead of after every message (the
venue's text can be read either way).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from bookproof_exchange.dialects.api import Edit, Feed, Kind, Message, View
from bookproof_exchange.dialects.kraken_v2.codec import CHECKSUM_LEVELS, Codec
from bookproof_exchange.dialects.kraken_v2.dissect import Parts, Row, dissect
from bookproof_exchange.dialects.kraken_v2.traits import INSTRUMENTS
from bookproof_exchange.market import Change, Side, Truth

_CHECKSUM_MASK = 0xFFFF_FFFF
_FAR_TICKS = 40
"""How far beyond the worst level of the window an absent price is looked for."""


def edit_message(message: Message, edit: Edit, view: View) -> Message | None:
    """The message with the edit; None where it cannot carry it.

    ``unknown-type`` and ``foreign-symbol`` yield a message of its own (kind `OTHER_DATA`, covering no versions): it is
    meant to be sent beside the update, whose content it does not have."""
    if edit.kind == "cut":
        return _cut(message)
    if edit.kind == "unknown-field" and message.kind not in (Kind.SNAPSHOT, Kind.UPDATE):
        return _extended(message)
    if message.feed is None or message.feed.channel != "book":
        return None
    parts = dissect(message)
    if parts is None:
        return None
    work = _Work(message, message.feed, parts, view)
    match edit.kind:
        case "wrong-checksum":
            return work.wrong_checksum(edit.value)
        case "zero-checksum":
            return work.wrong_checksum(0)
        case "corrupt-level":
            return work.corrupt_level(edit.value, consistent=False)
        case "corrupt-level-consistent":
            return work.corrupt_level(edit.value, consistent=True)
        case "wrong-type":
            return work.wrong_type()
        case "unknown-type":
            return work.unknown_type()
        case "unknown-field":
            return work.unknown_field()
        case "foreign-symbol":
            return work.foreign_symbol()
        case "delete-absent":
            return work.delete_absent()
        case "set-then-delete":
            return work.set_then_delete()
        case "delete-then-set":
            return work.delete_then_set()
        case "reversed-rows":
            return work.reversed_rows()
        case _:
            return None


def _cut(message: Message) -> Message | None:
    """The first half of the payload: never JSON, since it lacks the closing brace."""
    if len(message.payload) < 2:
        return None
    return msgspec.structs.replace(message, payload=message.payload[: len(message.payload) // 2])


def _extended(message: Message) -> Message | None:
    """Any other message, a JSON object, with one more field at its end."""
    if not message.payload.endswith(b"}") or message.payload == b"{}":
        return None
    return msgspec.structs.replace(message, payload=message.payload[:-1] + b',"bookproof_unknown":"1"}')


class _Work:
    """One edit of one book message."""

    def __init__(self, message: Message, feed: Feed, parts: Parts, view: View) -> None:
        self.message = message
        self.feed = feed
        self.parts = parts
        self.view = view
        self.truth: Truth = view.truth(feed.symbol)
        self.codec = Codec(view.instruments[feed.symbol])

    # --- illegal ------------------------------------------------------------------------------------------------------

    def wrong_checksum(self, value: int | None) -> Message | None:
        wrong = self.parts.checksum ^ 0x5A5A5A5A if value is None else value & _CHECKSUM_MASK
        if wrong == self.parts.checksum:
            return None
        return self._built(msgspec.structs.replace(self.parts, checksum=wrong))

    def corrupt_level(self, value: int | None, *, consistent: bool) -> Message | None:
        """The size of one level is wrong: the best ranked of those that the checksum covers and the message sets.

        Only such a level: below the top ten no client could know. ``value``: the wrong size, scaled."""
        row = self._covered_row()
        if row is None:
            return None
        side, price, size = row.change
        wrong = self._other_size(size) if value is None else value
        if wrong == size or wrong <= 0:
            return None
        changed = self._replaced(row, [self._row(side, price, wrong)])
        if consistent:
            changed = msgspec.structs.replace(changed, checksum=self._checksum_with(side, price, wrong))
        return self._built(changed)

    def wrong_type(self) -> Message | None:
        """The first level's quantity is ``null`` where the venue has a number."""
        if not self.parts.rows:
            return None
        row = self.parts.rows[0]
        price = row.text.partition(',"qty":')[0]
        return self._built(self._replaced(row, [Row(row.change, f'{price},"qty":null}}')]))

    def foreign_symbol(self) -> Message | None:
        """An update of a pair that nobody asked for, which deletes what are the best prices of this one: whoever takes it
        for his own loses them."""
        other = next((each.symbol for each in INSTRUMENTS if each.symbol not in self.view.instruments), None)
        rows = {
            side: [self._row(side, price, 0) for price, _ in self.truth.levels(self.message.first, side, 1)]
            for side in Side
        }
        if other is None or not any(rows.values()):
            return None
        parts = self.parts.with_side(Side.BID, rows[Side.BID]).with_side(Side.ASK, rows[Side.ASK])
        head = parts.head.replace(json.dumps(self.feed.symbol), json.dumps(other))
        payload = msgspec.structs.replace(parts, head=head).payload()
        first = self.message.first
        return Message(kind=Kind.OTHER_DATA, payload=payload, feed=self.feed, first=first, last=first)

    # --- legal --------------------------------------------------------------------------------------------------------

    def unknown_type(self) -> Message:
        symbol = json.dumps(self.feed.symbol)
        payload = f'{{"channel":"bookproof_unknown","type":"update","data":[{{"symbol":{symbol},"value":1}}]}}'
        return Message(
            kind=Kind.OTHER_DATA,
            payload=payload.encode(),
            feed=self.feed,
            first=self.message.last,
            last=self.message.last,
        )

    def unknown_field(self) -> Message:
        """One more field at the end of the data element."""
        tail = self.parts.tail.replace("}]}", ',"bookproof_unknown":"1"}]}')
        return self._built(msgspec.structs.replace(self.parts, tail=tail))

    def delete_absent(self) -> Message | None:
        """At the end, a level that exists neither before nor after the message is deleted."""
        if self.message.kind is not Kind.UPDATE:
            return None
        for side in self._sides():
            for price in self._absent_prices(side):
                return self._appended(side, [self._row(side, price, 0)])
        return None

    def set_then_delete(self) -> Message | None:
        """At the end, a price without a level is set and deleted again. Where the window is full the new level pushed
        the worst one out, so that this is sent again, as the window rule wants it."""
        if self.message.kind is not Kind.UPDATE:
            return None
        size = self.view.instruments[self.feed.symbol].typical_size
        for side in self._sides():
            window = self.truth.levels(self.message.last, side, self.feed.depth)
            full = self.feed.depth is not None and len(window) == self.feed.depth
            for price in self._absent_prices(side):
                rows = [self._row(side, price, size), self._row(side, price, 0)]
                if full:
                    if not _better(side, price, window[-1][0]):
                        continue
                    rows.append(self._row(side, *window[-1]))
                return self._appended(side, rows)
        return None

    def delete_then_set(self) -> Message | None:
        """A level that the message changes is deleted just before it is set; one that existed, if there is one."""
        if self.message.kind is not Kind.UPDATE:
            return None
        sets = [row for row in self.parts.rows if row.change.size > 0]
        if not sets:
            return None
        row = next((row for row in sets if row.change.price in self._before(row.change.side)), sets[0])
        side, price, _ = row.change
        return self._checked(self._replaced(row, [self._row(side, price, 0), row]))

    def reversed_rows(self) -> Message | None:
        """The rows of each side in reverse order. Only an update's: a snapshot is best first by the document.

        Where a level that fills a place in the window would then stand before the deletion that makes the place, the
        deletions stay in front, and they and the rest are reversed by themselves: the venue was never seen to send
        them the other way round, and a client that truncates after every row would lose the level."""
        if self.message.kind is not Kind.UPDATE:
            return None
        if any(len({row.change.price for row in rows}) != len(rows) for rows in map(self.parts.side, Side)):
            return None
        return self._reordered(lambda rows: rows[::-1]) or self._reordered(
            lambda rows: (
                *(row for row in rows[::-1] if row.change.size == 0),
                *(row for row in rows[::-1] if row.change.size > 0),
            )
        )

    def _reordered(self, order: Callable[[tuple[Row, ...]], tuple[Row, ...]]) -> Message | None:
        changed = self.parts
        for side in Side:
            changed = changed.with_side(side, order(self.parts.side(side)))
        return None if changed == self.parts else self._checked(changed)

    # --- building -----------------------------------------------------------------------------------------------------

    def _row(self, side: Side, price: int, size: int) -> Row:
        return Row(Change(side, price, size), self.codec.row(price, size))

    def _replaced(self, row: Row, by: Sequence[Row]) -> Parts:
        rows = self.parts.side(row.change.side)
        place = rows.index(row)
        return self.parts.with_side(row.change.side, (*rows[:place], *by, *rows[place + 1 :]))

    def _appended(self, side: Side, rows: Sequence[Row]) -> Message | None:
        return self._checked(self.parts.with_side(side, (*self.parts.side(side), *rows)))

    def _built(self, parts: Parts) -> Message:
        changes = tuple(row.change for row in parts.rows)
        return msgspec.structs.replace(self.message, payload=parts.payload(), changes=changes)

    def _checked(self, parts: Parts) -> Message | None:
        """The message, if it leads from the window before to the window after whichever way a client truncates."""
        for side in Side:
            after = dict(self.truth.levels(self.message.last, side, self.feed.depth))
            rows = [row.change for row in parts.side(side)]
            for each in (False, True):
                if _folded(self._before(side), rows, self.feed.depth, each=each) != after:
                    return None
        return self._built(parts)

    # --- looking up ---------------------------------------------------------------------------------------------------

    def _before(self, side: Side) -> Mapping[int, int]:
        return dict(self.truth.levels(self.message.first, side, self.feed.depth))

    def _sides(self) -> tuple[Side, Side]:
        """The side that the message touches first."""
        return (Side.BID, Side.ASK) if self.parts.bids else (Side.ASK, Side.BID)

    def _covered_row(self) -> Row | None:
        """The best ranked row that sets a level which the checksum covers."""
        for side in self._sides():
            top = [price for price, _ in self.truth.levels(self.message.last, side, CHECKSUM_LEVELS)]
            rows = {row.change.price: row for row in self.parts.side(side) if row.change.size > 0}
            for price in top:
                if price in rows:
                    return rows[price]
        return None

    def _other_size(self, size: int) -> int:
        """A plausible size that is not the level's: half as much again, on the lot grid."""
        lot = self.view.instruments[self.feed.symbol].lot
        return size + max(size // 2 // lot, 1) * lot

    def _checksum_with(self, side: Side, price: int, size: int) -> int:
        sides = {}
        for each in Side:
            levels = self.truth.levels(self.message.last, each, CHECKSUM_LEVELS)
            sides[each] = tuple((p, size if each is side and p == price else s) for p, s in levels)
        return self.codec.checksum(sides[Side.BID], sides[Side.ASK])

    def _absent_prices(self, side: Side) -> Iterator[int]:
        """Prices without a level before and after the message and not mentioned by it: between the levels of the
        window first, from the best on, then beyond its worst level. None where the side is empty."""
        tick = self.view.instruments[self.feed.symbol].tick
        before = {price for price, _ in self.truth.levels(self.message.first, side)}
        after = self.truth.levels(self.message.last, side)
        if not after:
            return
        used = before | {price for price, _ in after} | {row.change.price for row in self.parts.side(side)}
        step = -tick if side is Side.BID else tick
        window = after if self.feed.depth is None else after[: self.feed.depth]
        end = window[-1][0] + step * _FAR_TICKS
        price = window[0][0] + step
        while price != end and price > 0:
            if price not in used:
                yield price
            price += step


def _better(side: Side, price: int, than: int) -> bool:
    return price > than if side is Side.BID else price < than


def _folded(before: Mapping[int, int], rows: Sequence[Change], depth: int | None, *, each: bool) -> dict[int, int]:
    """A window after some rows; ``each``: truncated after every row, else once at the end."""
    book = dict(before)
    for number, (side, price, size) in enumerate(rows, 1):
        if size:
            book[price] = size
        else:
            book.pop(price, None)
        if depth is not None and len(book) > depth and (each or number == len(rows)):
            kept = sorted(book, reverse=side is Side.BID)[:depth]
            book = {price: book[price] for price in kept}
    return book
