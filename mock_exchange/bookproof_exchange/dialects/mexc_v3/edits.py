"""Exchange side: changes to one encoded message that need to know the dialect.

They work on the fields of the bytes as sent, so that edits compose. ``unknown-type`` and ``empty-update`` make a
message that covers no version (``first == last``): it goes *beside* the update that it was made from, in front of it,
since the chain of versions admits no hole.

Not offered: checksum edits (the venue has none); ``null-side`` (an absent and an empty side are the same bytes);
``set-then-delete`` and ``delete-then-set`` (an aggregated message names a price once, and no document gives the order
of its rows a meaning).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bookproof_exchange.dialects.api import Edit, Kind, Message, View
from bookproof_exchange.dialects.mexc_v3 import codec, wire
from bookproof_exchange.dialects.mexc_v3.traits import INSTRUMENTS
from bookproof_exchange.dialects.mexc_v3.wire import Field, Wire
from bookproof_exchange.market import Change, Instrument, Side
from bookproof_exchange.numbers import from_text, to_text

_CHANNEL, _SYMBOL, _SEND_TIME = 1, 3, 6
_BIDS = codec.SIDE_FIELDS[Side.BID]
_ASKS = codec.SIDE_FIELDS[Side.ASK]
_FROM, _TO = 4, 5

NEW_FIELD = 7
"""The next free number in the wrapper and in a depth body: where the venue's next field would come
(``lastOrderCreateTime``, 6, came in June 2026)."""
NEW_MEMBER = 316
"""The next free number of the wrapper's oneof."""
RENUMBER_BY = 5


class _Row(msgspec.Struct):
    """One row of a depth body. ``price`` and ``quantity`` as spelled."""

    side: Side
    price: str
    quantity: str

    def change(self, instrument: Instrument) -> Change:
        return Change(
            self.side,
            from_text(self.price, instrument.price_decimals),
            from_text(self.quantity, instrument.size_decimals),
        )


class _Depth:
    """A ``publicAggreDepths`` message taken apart."""

    def __init__(self, message: Message, instrument: Instrument) -> None:
        self.message = message
        self.instrument = instrument
        self.wrapper = wire.split(message.payload)
        self.place = next(n for n, field in enumerate(self.wrapper) if field.number == codec.AGGRE_DEPTHS)
        body = self.wrapper[self.place].value
        assert isinstance(body, bytes)
        self.rows: list[_Row] = []
        self.rest: list[Field] = []
        for field in wire.split(body):
            if field.number in (_ASKS, _BIDS):
                self.rows.append(_row(field))
            else:
                self.rest.append(field)

    def rebuilt(self) -> Message:
        """The message with the rows and fields as they are now, and what its rows then say."""
        rows = [
            wire.block(codec.SIDE_FIELDS[row.side], wire.text(1, row.price) + wire.text(2, row.quantity))
            for row in self.rows
        ]
        body = b"".join(rows) + wire.join(self.rest)
        payload = wire.join(
            Field(codec.AGGRE_DEPTHS, Wire.BYTES, body) if n == self.place else field
            for n, field in enumerate(self.wrapper)
        )
        changes = tuple(row.change(self.instrument) for row in self.rows)
        return msgspec.structs.replace(self.message, payload=payload, changes=changes)

    def header(self) -> list[Field]:
        """The wrapper's own fields, without the body."""
        return [field for field in self.wrapper if field.number <= _SEND_TIME]


def _row(field: Field) -> _Row:
    assert isinstance(field.value, bytes)
    texts = {part.number: part.value.decode() for part in wire.split(field.value) if isinstance(part.value, bytes)}
    return _Row(Side.ASK if field.number == _ASKS else Side.BID, texts.get(1, ""), texts.get(2, ""))


def apply(message: Message, edit: Edit, view: View) -> Message | None:
    """The message with the edit; None where it cannot carry it."""
    make = _EDITS.get(edit.kind)
    if edit.kind == "unknown-field" and message.kind is not Kind.UPDATE:
        return _extended(message)
    if make is None or message.kind is not Kind.UPDATE or message.feed is None or message.first >= message.last:
        return None
    try:
        depth = _Depth(message, view.instruments[message.feed.symbol])
    except (wire.WireError, StopIteration):
        return None  # another edit has made it unreadable already
    return make(depth, edit, view)


def _extended(message: Message) -> Message | None:
    """Any other message with one more field: a wrapper at its end, a reply in its object; a bare line has no place."""
    payload = message.payload
    if message.binary:
        return msgspec.structs.replace(message, payload=payload + wire.text(NEW_FIELD, "new"))
    if not payload.endswith(b"}") or payload == b"{}":
        return None
    return msgspec.structs.replace(message, payload=payload[:-1] + b',"bookproof_unknown":1}')


def _corrupt_level(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """One quantity is wrong by ``value`` lots (default: as much again, and one lot): on the grid, above zero.

    No checksum gives it away."""
    if not depth.rows:
        return None
    instrument = depth.instrument
    row = next((row for row in depth.rows if row.change(instrument).size > 0), depth.rows[0])
    size = row.change(instrument).size
    lots = edit.value if edit.value is not None else size // instrument.lot + 1
    wrong = size + lots * instrument.lot
    if wrong <= 0 or wrong == size:
        return None
    row.quantity = codec.quantity_text(wrong, instrument)
    return depth.rebuilt()


def _cut(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """The payload ends in the middle of the body, whose length prefix promises more."""
    payload = depth.message.payload
    body = depth.wrapper[depth.place].value
    assert isinstance(body, bytes)
    return msgspec.structs.replace(depth.message, payload=payload[: len(payload) - (len(body) + 1) // 2], changes=())


def _wrong_type(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """The versions are varints instead of strings: a conforming parser does not see the declared fields at all."""
    depth.rest = [
        Field(field.number, Wire.VARINT, int(field.value))
        if field.number in (_FROM, _TO) and isinstance(field.value, bytes)
        else field
        for field in depth.rest
    ]
    return msgspec.structs.replace(depth.rebuilt(), changes=())


def _unknown_type(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """A wrapper of a topic and with a oneof member that no .proto has yet. Beside the update."""
    header = depth.header()
    channel = header[0].value
    assert isinstance(channel, bytes)
    header[0] = Field(_CHANNEL, Wire.BYTES, channel.replace(b"aggre.depth", b"aggre.auction"))
    body = wire.text(1, "indicative") + wire.integer(2, 1)
    payload = wire.join((*header, Field(NEW_MEMBER, Wire.BYTES, body)))
    first = depth.message.first
    return Message(kind=Kind.OTHER_DATA, payload=payload, binary=True, first=first, last=first)


def _unknown_field(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """A new field in the body and one in the wrapper."""
    depth.rest.append(Field(NEW_FIELD, Wire.VARINT, 1))
    rebuilt = depth.rebuilt()
    payload = rebuilt.payload + wire.text(NEW_FIELD, "new")
    return msgspec.structs.replace(rebuilt, payload=payload)


def _padded(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """Every number with all its decimals: ``0.00000000`` and ``2.82651000`` in the documentation's examples."""
    instrument = depth.instrument
    return _respelled(
        depth,
        lambda price: to_text(price, instrument.price_decimals),
        lambda size: to_text(size, instrument.size_decimals),
    )


def _trimmed(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """Every number without trailing zeros: ``117341`` beside ``117317.3`` in a kline message quoted in ccxt's mexc.ts
    (for prices in depth messages: uncertain)."""
    instrument = depth.instrument
    return _respelled(
        depth,
        lambda price: codec.trimmed(price, instrument.price_decimals),
        lambda size: codec.trimmed(size, instrument.size_decimals),
    )


def _respelled(depth: _Depth, price: Callable[[int], str], quantity: Callable[[int], str]) -> Message | None:
    for row in depth.rows:
        change = row.change(depth.instrument)
        row.price, row.quantity = price(change.price), quantity(change.size)
    rebuilt = depth.rebuilt()
    return None if rebuilt.payload == depth.message.payload else rebuilt


def _delete_absent(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """A deletion of a price near the touch at which nothing is; since the message does not name it, nothing was either
    when it began."""
    instrument, message = depth.instrument, depth.message
    after = view.truth(instrument.symbol).book(message.last)
    named = {(change.side, change.price) for change in (row.change(instrument) for row in depth.rows)}
    for side in (Side.BID, Side.ASK):
        best = after.best(side)
        if best is None:
            continue
        step = -instrument.tick if side is Side.BID else instrument.tick
        for distance in range(1, after.count(side) + len(named) + 1):
            price = best + step * distance
            if price <= 0:
                break
            if (side, price) not in named and not after.get(side, price):
                depth.rows.append(_Row(side, codec.price_text(price, instrument), "0"))
                depth.rows.sort(key=lambda row: codec.SIDE_FIELDS[row.side])
                return depth.rebuilt()
    return None


def _reversed_rows(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """Each side's rows the other way round: their order is not documented."""
    asks = [row for row in depth.rows if row.side is Side.ASK]
    bids = [row for row in depth.rows if row.side is Side.BID]
    if len(asks) < 2 and len(bids) < 2:
        return None
    depth.rows = asks[::-1] + bids[::-1]
    return depth.rebuilt()


def _empty_update(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """``{channel, symbol, sendTime}`` without a body: seen live for depth, deals and bookTicker (tardis-dev/tardis-node
    test/mappers.test.ts, https://github.com/tardis-dev/tardis-node/pull/69). It has no versions. Beside the update."""
    first = depth.message.first
    payload = wire.join(depth.header())
    return msgspec.structs.replace(depth.message, payload=payload, first=first, last=first, changes=())


def _foreign_symbol(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """A message of a symbol that nobody asked for, which deletes what are the best prices of this one: whoever takes it
    for his own loses them. It has the versions of the symbol's own message, so that nothing but the symbol gives it away.
    Beside the update."""
    instrument, message = depth.instrument, depth.message
    other = next((each.symbol for each in INSTRUMENTS if each.symbol not in view.instruments), None)
    book = view.truth(instrument.symbol).book(message.first)
    best = [(side, price) for side in (Side.ASK, Side.BID) for price, _ in book.levels(side, 1)]
    if other is None or not best:
        return None
    depth.rows = [_Row(side, codec.price_text(price, instrument), "0") for side, price in best]
    depth.wrapper = [
        Field(field.number, field.wire, field.value.replace(instrument.symbol.encode(), other.encode()))
        if field.number in (_CHANNEL, _SYMBOL) and isinstance(field.value, bytes)
        else field
        for field in depth.wrapper
    ]
    first = message.first
    return msgspec.structs.replace(depth.rebuilt(), kind=Kind.OTHER_DATA, first=first, last=first, changes=())


def _renumbered_gap(depth: _Depth, edit: Edit, view: View) -> Message | None:
    """Both versions are ``value`` too high; the content is right."""
    by = edit.value if edit.value is not None else RENUMBER_BY
    if by <= 0:
        return None
    depth.rest = [
        Field(field.number, Wire.BYTES, str(int(field.value) + by).encode())
        if field.number in (_FROM, _TO) and isinstance(field.value, bytes)
        else field
        for field in depth.rest
    ]
    return depth.rebuilt()


_EDITS: dict[str, Callable[[_Depth, Edit, View], Message | None]] = {
    "corrupt-level": _corrupt_level,
    "cut": _cut,
    "wrong-type": _wrong_type,
    "unknown-type": _unknown_type,
    "unknown-field": _unknown_field,
    "padded-numbers": _padded,
    "trimmed-numbers": _trimmed,
    "delete-absent": _delete_absent,
    "reversed-rows": _reversed_rows,
    "empty-update": _empty_update,
    "renumbered-gap": _renumbered_gap,
    "foreign-symbol": _foreign_symbol,
}
