"""Bytes are read once, and what is kept says what the dialect says."""

from __future__ import annotations

import pytest

from bookproof import reading as module
from bookproof.reading import Reading, reading
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import BookSnapshot, Frame, HttpAnswer, Malformed

DIALECT = DIALECTS.get("binance-spot")
UPDATE = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["1.00000000","2.00000000"]],"a":[]}'
BOOK = b'{"lastUpdateId":7,"bids":[["1.00000000","2.00000000"]],"asks":[]}'


def test_the_same_bytes_are_read_once_and_as_the_dialect_reads_them() -> None:
    reader = Reading(DIALECT, DIALECT.instruments)
    known = {instrument.symbol: instrument for instrument in DIALECT.instruments}
    first = reader.decode(Frame(UPDATE))
    assert list(first) == list(DIALECT.ideal.decode(Frame(UPDATE), known))
    assert reader.decode(Frame(bytes(bytearray(UPDATE)))) is first
    assert isinstance(reader.decode(Frame(UPDATE, binary=True))[0], Malformed), "the type of the frame counts"


def test_an_answer_is_known_by_symbol_status_and_body() -> None:
    reader = Reading(DIALECT, DIALECT.instruments)
    first = reader.decode_rest("BTCUSDT", HttpAnswer(status=200, body=BOOK))
    assert isinstance(first, BookSnapshot)
    assert reader.decode_rest("BTCUSDT", HttpAnswer(status=200, body=BOOK, weight=5)) is first
    assert isinstance(reader.decode_rest("BTCUSDT", HttpAnswer(status=500, body=BOOK)), Malformed)
    other = reader.decode_rest("ETHUSDT", HttpAnswer(status=200, body=BOOK))
    assert isinstance(other, BookSnapshot)
    assert other.symbol == "ETHUSDT"


def test_who_knows_other_instruments_reads_for_himself() -> None:
    all_of_them, one = reading(DIALECT, DIALECT.instruments), reading(DIALECT, DIALECT.instruments[1:2])
    assert all_of_them is reading(DIALECT, tuple(DIALECT.instruments))
    assert all_of_them is not one
    assert all_of_them.decode(Frame(UPDATE)) != one.decode(Frame(UPDATE))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 3 * len(UPDATE))
    reader = Reading(DIALECT, DIALECT.instruments)
    for number in range(10):
        payload = UPDATE.replace(b'"E":1', b'"E":%d' % number)
        assert reader.decode(Frame(payload)) is reader.decode(Frame(payload))
        assert len(reader._frames) <= 3
