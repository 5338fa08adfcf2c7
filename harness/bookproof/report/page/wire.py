"""The payloads of a case: those about the moment that matters first, as many as there is room for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bookproof.report.page.model import Payload, Wire
from bookproof.report.text import clean
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Dialect, Frame, TradeReport
from bookproof_exchange.market import Instrument, Side
from bookproof_exchange.numbers import to_text

#: Bytes of one payload; of all of a case.
MOST_OF_ONE = 3_000
MOST_OF_CASE = 300_000


def wire_of(
    records: Sequence[evidence.Evidence],
    around: int | None,
    dialect: Dialect,
    instruments: Mapping[str, Instrument],
) -> Wire:
    """The payloads, in order of their positions. ``around``: the position that matters (None: the end)."""
    center = around if around is not None else (records[-1].position if records else 0)
    carrying = [record for record in records if isinstance(record, evidence.Sent | evidence.Received | evidence.Rest)]
    carrying.sort(key=lambda record: abs(record.position - center))
    taken: list[Payload] = []
    room = MOST_OF_CASE
    for record in carrying:
        payload = _payload(record, dialect, instruments)
        room -= len(payload.text) + len(payload.data) + len(payload.decoded) + 40
        if room < 0:
            break
        taken.append(payload)
    taken.sort(key=lambda payload: payload.p)
    return Wire(payloads=tuple(taken), left=len(carrying) - len(taken))


def _payload(
    record: evidence.Sent | evidence.Received | evidence.Rest, dialect: Dialect, instruments: Mapping[str, Instrument]
) -> Payload:
    match record:
        case evidence.Sent(message=message):
            return _as_read(record.position, message.payload, message.binary, dialect, instruments)
        case evidence.Received(payload=payload, binary=binary):
            return _as_read(record.position, payload, binary, None, instruments)
        case evidence.Rest(request=request, answer=answer):
            query = "&".join(f"{name}={value}" for name, value in request.query.items())
            head = f"{request.method} {request.path}{'?' if query else ''}{query}\n"
            if answer is None:
                return Payload(p=record.position, head=clean(head + "(the connection was dropped)"))
            head += f"HTTP {answer.status}\n" + "".join(f"{name}: {value}\n" for name, value in answer.headers)
            body = _as_read(record.position, answer.body, False, None, instruments)
            return msgspec.structs.replace(body, head=clean(head))


def _as_read(
    position: int, payload: bytes, binary: bool, dialect: Dialect | None, instruments: Mapping[str, Instrument]
) -> Payload:
    cut = payload[:MOST_OF_ONE]
    more = len(payload) - len(cut)
    if not binary:
        try:
            # a cut may fall into the middle of a character
            text = cut.decode("utf-8", "ignore" if more else "strict")
            return Payload(p=position, text=clean(text), more=more)
        except UnicodeDecodeError:
            pass
    decoded = "" if dialect is None else understood(Frame(payload, binary), dialect, instruments)
    return Payload(p=position, data=base64.b64encode(cut).decode("ascii"), more=more, decoded=decoded)


def understood(frame: Frame, dialect: Dialect, instruments: Mapping[str, Instrument]) -> str:
    """What the dialect's ideal client makes of a frame, for a reader; empty where it makes nothing of it."""
    try:
        decoded = list(dialect.ideal.decode(frame, instruments))
    except Exception:  # a frame may be anything, and what it says is only shown
        return ""
    text = "\n".join(json.dumps(value, ensure_ascii=False) for item in decoded for value in _plain(item, instruments))
    return clean(text[:MOST_OF_ONE])


def _plain(item: object, instruments: Mapping[str, Instrument]) -> Iterator[dict[str, object]]:
    match item:
        case BookSnapshot(symbol=symbol):
            instrument = instruments[symbol]
            yield {
                "snapshot of": symbol,
                "sequence": item.sequence,
                "bids": [_level(instrument, *level) for level in item.bids],
                "asks": [_level(instrument, *level) for level in item.asks],
            }
        case BookUpdate(symbol=symbol):
            instrument = instruments[symbol]
            sides: dict[Side, list[list[str]]] = {Side.BID: [], Side.ASK: []}
            for change in item.changes:
                sides[change.side].append(_level(instrument, change.price, change.size))
            yield {
                "update of": symbol,
                "first": item.first,
                "last": item.last,
                "bids": sides[Side.BID],
                "asks": sides[Side.ASK],
            }
        case TradeReport(symbol=symbol, trades=trades):
            yield {"trades of": symbol, "count": len(trades)}
        case msgspec.Struct():
            yield {"understood as": type(item).__name__, **msgspec.to_builtins(item)}
        case _:
            pass


def _level(instrument: Instrument, price: int, size: int) -> list[str]:
    return [to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals)]
