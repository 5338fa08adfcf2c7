"""Exchange side: faults that need to know the dialect.

Each edit changes an encoded message exactly as its kind says and keeps the connection's framing. The bytes of the rest
are those of the message: an edit rewrites the part that it concerns, never the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bookproof_exchange.dialects.api import Edit, Kind, Message, View
from bookproof_exchange.dialects.binance_spot import codec
from bookproof_exchange.dialects.binance_spot.traits import INSTRUMENTS, OFFERED_EDITS
from bookproof_exchange.market import Change, Instrument, Side

_SEARCHED = 40
"""How many prices, going away from the touch, may be looked at for an absent one before the far end is taken."""

_IDS = re.compile(rb'"U":(\d+),"u":(\d+)')
_ROWS = re.compile(rb'"b":(\[.*?\]),"a":(\[.*\])(?=\})')
_FRACTION = re.compile(rb'(?<=")(\d+)\.(\d+)(?=")')
_UNKNOWN_EVENT = "bookPulse"
_UNKNOWN_FIELD = b',"Q":{"v":1,"x":[]}'


def edited(message: Message, edit: Edit, view: View) -> Message | None:
    """The message with the edit; None where this message cannot carry it."""
    if edit.kind not in OFFERED_EDITS or message.binary:
        return None
    return _EDITS[edit.kind](message, edit, view)


# --- any message ----------------------------------------------------------------------------------------------------


def _cut(message: Message, edit: Edit, view: View) -> Message | None:
    half = message.payload[: len(message.payload) // 2]
    # a UTF-8 character is never cut: the frame stays a valid text frame
    return _with(message, half.decode("utf-8", "ignore").encode())


def _unknown_type(message: Message, edit: Edit, view: View) -> Message | None:
    """Another message in this one's place, of an event type that does not exist, on the same stream."""
    if message.feed is None:
        return None
    instrument = view.instruments[message.feed.symbol]
    data = f'{{"e":"{_UNKNOWN_EVENT}","E":{view.now_us // 1000},"s":"{instrument.symbol}","v":[1,2,3]}}'
    payload = codec.framed(message.feed.name, data, combined=_combined(message))
    return msgspec.structs.replace(
        message, kind=Kind.OTHER_DATA, payload=payload, first=message.first, last=message.first, changes=()
    )


def _unknown_field(message: Message, edit: Edit, view: View) -> Message | None:
    """In the event itself, or at the end of a reply; a list and an empty object have no place for one."""
    if not message.payload.endswith(b"}") or message.payload == b"{}":
        return None
    end = -2 if _combined(message) and message.payload.endswith(b"}}") else -1
    return _with(message, message.payload[:end] + _UNKNOWN_FIELD + message.payload[end:])


def _trimmed(message: Message, edit: Edit, view: View) -> Message | None:
    """``"0.00240000"`` as ``"0.0024"``, ``"10.00000000"`` as ``"10"``: the spelling of the venue's documents."""
    if message.feed is None:
        return None
    payload = _FRACTION.sub(_trim, message.payload)
    return _with(message, payload) if payload != message.payload else None


def _trim(found: re.Match[bytes]) -> bytes:
    fraction = found[2].rstrip(b"0")
    return found[1] + b"." + fraction if fraction else found[1]


# --- updates --------------------------------------------------------------------------------------------------------


def _wrong_type(message: Message, edit: Edit, view: View) -> Message | None:
    """A side that has rows becomes ``true``: nobody can read levels out of it."""
    rows = _rows(message)
    if rows is None:
        return None
    side = 1 if rows[1] != b"[]" else 2
    return _with(message, message.payload[: rows.start(side)] + b"true" + message.payload[rows.end(side) :])


def _renumbered(message: Message, edit: Edit, view: View) -> Message | None:
    """U and u are both ``value`` (5) higher."""
    ids = _IDS.search(message.payload)
    if message.kind is not Kind.UPDATE or ids is None:
        return None
    by = 5 if edit.value is None else edit.value
    text = b'"U":%d,"u":%d' % (int(ids[1]) + by, int(ids[2]) + by)
    return _with(message, message.payload[: ids.start()] + text + message.payload[ids.end() :])


def _overlap(message: Message, edit: Edit, view: View) -> Message | None:
    """The event begins ``value`` (1) update ids earlier than it need. Quantities are absolute: what changed at those ids
    stands in it with the quantity that it has at the event's end."""
    ids = _IDS.search(message.payload)
    by = 1 if edit.value is None else edit.value
    if message.kind is not Kind.UPDATE or message.feed is None or ids is None or not 0 < by <= message.first:
        return None
    truth = view.truth(message.feed.symbol)
    book = truth.book(message.last)
    levels = {(change.side, change.price): change.size for change in message.changes}
    for event in truth.events(message.first - by, message.first):
        for change in event.changes:
            levels.setdefault((change.side, change.price), book.get(change.side, change.price))
    rows = [Change(side, price, size) for (side, price), size in levels.items()]
    bids = sorted((row for row in rows if row.side is Side.BID), reverse=True)
    asks = sorted(row for row in rows if row.side is Side.ASK)
    wider = _rewritten(message, bids, asks, view)
    if wider is None:
        return None
    first = b'"U":%d,' % (int(ids[1]) - by)
    return _with(wider, wider.payload[: ids.start()] + first + wider.payload[ids.start() + len(b'"U":,' + ids[1]) :])


def _foreign_symbol(message: Message, edit: Edit, view: View) -> Message | None:
    """An event of a symbol that nobody asked for, which deletes what are the best prices of this one: whoever takes it for
    his own loses them. It has the ids that the symbol's own event has, so that nothing but the symbol gives it away."""
    if message.kind is not Kind.UPDATE or message.feed is None:
        return None
    symbol = message.feed.symbol
    other = next((each.symbol for each in INSTRUMENTS if each.symbol not in view.instruments), None)
    book = view.truth(symbol).book(message.first)
    bids, asks = ([Change(side, price, 0) for price, _ in book.levels(side, 1)] for side in (Side.BID, Side.ASK))
    made = _rewritten(message, bids, asks, view)
    if other is None or made is None or not (bids or asks):
        return None
    payload = made.payload.replace(symbol.encode(), other.encode()).replace(
        symbol.lower().encode() + b"@", other.lower().encode() + b"@"
    )
    first = message.first
    return msgspec.structs.replace(message, kind=Kind.OTHER_DATA, payload=payload, first=first, last=first, changes=())


def _reversed_rows(message: Message, edit: Edit, view: View) -> Message | None:
    bids, asks = _sides(message)
    if len(bids) < 2 and len(asks) < 2:
        return None
    return _rewritten(message, bids[::-1], asks[::-1], view)


def _corrupt_level(message: Message, edit: Edit, view: View) -> Message | None:
    """The size nearest to the touch that the message sets is wrong: ``value`` lots more, else about half more."""
    bids, asks = _sides(message)
    book = view.truth(message.feed.symbol).book(message.last) if message.feed is not None else None
    ranked = sorted(
        (book.rank(change.side, change.price), at)
        for at, change in enumerate((*bids, *asks))
        if book is not None and change.size > 0
    )
    if message.feed is None or not ranked:
        return None
    lot = view.instruments[message.feed.symbol].lot
    changes = [*bids, *asks]
    at = ranked[0][1]
    size = changes[at].size
    more = edit.value if edit.value else size // (2 * lot) + 1
    changes[at] = changes[at]._replace(size=size + more * lot)
    return _rewritten(message, changes[: len(bids)], changes[len(bids) :], view)


def _delete_absent(message: Message, edit: Edit, view: View) -> Message | None:
    """One more zero row, for a price that the book has neither before the message nor after it."""
    if message.kind is not Kind.UPDATE or message.feed is None:
        return None
    bids, asks = _sides(message)
    for side in (Side.BID, Side.ASK):
        price = _absent(message, side, view)
        if price is not None:
            row = Change(side, price, 0)
            if side is Side.BID:
                return _rewritten(message, sorted((*bids, row), reverse=True), asks, view)
            return _rewritten(message, bids, sorted((*asks, row)), view)
    return None


def _absent(message: Message, side: Side, view: View) -> int | None:
    """An absent price behind the best one of its side, as near as there is one."""
    assert message.feed is not None
    truth = view.truth(message.feed.symbol)
    tick = view.instruments[message.feed.symbol].tick
    before, after = truth.book(message.first), truth.book(message.last)
    touched = {change.price for change in message.changes if change.side is side}
    best = [price for price in (before.best(side), after.best(side)) if price is not None]
    if not best:
        return None
    step = -tick if side is Side.BID else tick
    start = min(best) if side is Side.BID else max(best)
    last = [book.price_at(side, book.count(side) - 1) for book in (before, after) if book.count(side)]
    worst = [price for price in last if price is not None]
    near = [start + step * away for away in range(1, _SEARCHED + 1)]
    far = (min(worst) if side is Side.BID else max(worst)) + 3 * step
    for price in (*near, far):
        if price > 0 and price not in touched and not before.get(side, price) and not after.get(side, price):
            return price
    return None


_EDITS: Mapping[str, Callable[[Message, Edit, View], Message | None]] = {
    "corrupt-level": _corrupt_level,
    "cut": _cut,
    "wrong-type": _wrong_type,
    "unknown-type": _unknown_type,
    "unknown-field": _unknown_field,
    "trimmed-numbers": _trimmed,
    "delete-absent": _delete_absent,
    "reversed-rows": _reversed_rows,
    "renumbered-gap": _renumbered,
    "overlap": _overlap,
    "foreign-symbol": _foreign_symbol,
}


# --- taking a message apart -----------------------------------------------------------------------------------------


def _with(message: Message, payload: bytes) -> Message:
    return msgspec.structs.replace(message, payload=payload)


def _combined(message: Message) -> bool:
    return message.payload.startswith(b'{"stream":')


def _rows(message: Message) -> re.Match[bytes] | None:
    return _ROWS.search(message.payload) if message.kind is Kind.UPDATE else None


def _sides(message: Message) -> tuple[list[Change], list[Change]]:
    """An update's rows in the order of the wire; nothing for anything else."""
    if message.kind is not Kind.UPDATE:
        return [], []
    bids = [change for change in message.changes if change.side is Side.BID]
    return bids, [change for change in message.changes if change.side is Side.ASK]


def _rewritten(message: Message, bids: Sequence[Change], asks: Sequence[Change], view: View) -> Message | None:
    """The update with other rows; everything before and after them stays as it is."""
    found = _rows(message)
    if found is None or message.feed is None:
        return None
    instrument = view.instruments[message.feed.symbol]
    rows = b'"b":' + _encoded(bids, instrument) + b',"a":' + _encoded(asks, instrument)
    payload = message.payload[: found.start()] + rows + message.payload[found.end() :]
    return msgspec.structs.replace(message, payload=payload, changes=(*bids, *asks))


def _encoded(changes: Sequence[Change], instrument: Instrument) -> bytes:
    return codec.texts(instrument).rows((change.price, change.size) for change in changes).encode()
