"""Frames to truth: versions, instruments, holes, and snapshots that agree or do not."""

from __future__ import annotations

import msgspec
import pytest
from capture_kit import Venue, plain
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.capture.choose import choose, trimmed
from bookproof_exchange.capture.rebuild import rebuild
from bookproof_exchange.capture.recording import Fetched, Recording, Said
from bookproof_exchange.capture.stretch import Stretch
from bookproof_exchange.capture.truth import RecordedTruth
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import BookSnapshot
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Side, Truth

each = pytest.mark.parametrize("dialect", DIALECTS.names())
by_rest = pytest.mark.parametrize("dialect", ["binance-spot", "mexc-v3"])


def rebuilt(venue: Venue) -> Stretch:
    found = rebuild(venue.recording(), venue.dialect)
    assert found.holes == ()
    (stretch,) = found.stretches[venue.symbol]
    return stretch


def truth_of(stretch: Stretch) -> Truth:
    return RecordedTruth(stretch.instrument, stretch.bids, stretch.asks, stretch.events)


def assert_equals_market(venue: Venue, stretch: Stretch) -> None:
    """The last version is the market's present, as far as the feed reaches."""
    truth = truth_of(stretch)
    for side in Side:
        mine = truth.levels(truth.last, side, stretch.depth)
        assert mine == venue.view.truth(venue.symbol).levels(venue.view.index(venue.symbol), side, stretch.depth)


@each
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_truth_is_what_the_market_was(dialect: str, data: st.DataObject) -> None:
    depth = data.draw(st.sampled_from((None, *DIALECTS.get(dialect).traits.depths[:3])))
    venue = plain(dialect, data.draw(st.integers(1, 60)), seed=data.draw(st.integers(0, 10_000)), depth=depth)
    stretch = rebuilt(venue)
    assert stretch.instrument == venue.view.instruments[venue.symbol]
    assert_equals_market(venue, stretch)


@each
def test_versions_and_books_follow_each_other(dialect: str) -> None:
    stretch = rebuilt(plain(dialect, 200))
    truth = truth_of(stretch)
    book = truth.book(0)
    for index in range(1, truth.last + 1):
        book.apply(truth.event(index).changes)
        assert book == truth.book(index)
    assert truth.book(truth.last) == book
    with pytest.raises(UsageError, match=r"the recording of .* ends at version"):
        truth.extend()


@each
def test_the_frames_alone_give_the_same_truth(dialect: str) -> None:
    venue = plain(dialect, 40, symbols=2)
    stretches = choose(rebuild(venue.recording(), venue.dialect), "x")
    small = trimmed(venue.recording(), venue.dialect, stretches)
    again = choose(rebuild(small, venue.dialect), "x")
    assert [stretch.events for stretch in again] == [stretch.events for stretch in stretches]
    assert small.instruments == tuple(venue.view.instruments.values())


# --- instruments ------------------------------------------------------------------------------------------------------


@each
def test_an_unknown_symbol_is_as_precise_as_its_numbers(dialect: str) -> None:
    venue = plain(dialect, 40)
    known = venue.view.instruments[venue.symbol]
    name = "ABC/XYZ" if dialect == "kraken-v2" else "ABCUSDT"
    strange = _renamed(venue, name)
    found = rebuild(strange, venue.dialect)
    (stretch,) = next(iter(found.stretches.values()))
    made = stretch.instrument
    assert (made.symbol, made.base) == (name, "ABC")
    if venue.dialect.traits.checksum:
        assert (made.price_decimals, made.size_decimals) == (known.price_decimals, known.size_decimals)
    else:
        assert made.price_decimals <= known.price_decimals
        assert made.size_decimals <= known.size_decimals
    assert made.start_price > 1
    assert found.holes == ()


def _renamed(venue: Venue, name: str) -> Recording:
    """The same recording of another symbol of the same length in every spelling."""
    old, new = venue.symbol.encode(), name.encode()
    assert len(old) == len(new)
    pairs = [(old, new), (old.lower(), new.lower())]
    entries = []
    for entry in venue.entries:
        if isinstance(entry, Said):
            payload = entry.frame.payload
            for one, other in pairs:
                payload = payload.replace(one, other)
            entry = msgspec.structs.replace(entry, frame=msgspec.structs.replace(entry.frame, payload=payload))
        elif isinstance(entry, Fetched):
            query = {key: value.replace(old.decode(), new.decode()) for key, value in entry.request.query.items()}
            entry = msgspec.structs.replace(entry, request=msgspec.structs.replace(entry.request, query=query))
        entries.append(entry)
    return Recording(entries=tuple(entries))


# --- holes ------------------------------------------------------------------------------------------------------------


@each
def test_a_lost_update_ends_the_stretch_and_says_where(dialect: str) -> None:
    venue = plain(dialect, 20)
    venue.lose()
    hole = len(venue.entries)
    venue.send(3)
    if venue.dialect.ideal.snapshot_from == "rest":
        venue.fetch()
    else:
        venue.connect()
    venue.send(30)
    found = rebuild(venue.recording(), venue.dialect)
    first, second = found.stretches[venue.symbol]
    assert first.updates == 20
    assert second.updates == 30
    assert found.holes[0].place.line >= hole + 2
    assert found.holes[0].symbol == venue.symbol
    (chosen,) = choose(found, "x")
    assert chosen == second
    assert choose(found, "x", 1) == (first,)
    with pytest.raises(UsageError, match="expected a stretch from 1 to 2"):
        choose(found, "x", 3)
    assert_equals_market(venue, second)


@each
def test_the_end_of_a_connection_is_no_hole_but_an_end(dialect: str) -> None:
    venue = plain(dialect, 10)
    venue.connect()
    if venue.dialect.ideal.snapshot_from == "rest":
        venue.send(2)
        venue.fetch()
    venue.send(15)
    found = rebuild(venue.recording(), venue.dialect)
    assert found.holes == ()
    assert [stretch.connection for stretch in found.stretches[venue.symbol]] == [1, 2]


@each
def test_without_a_snapshot_there_is_nothing_to_replay(dialect: str) -> None:
    venue = plain(dialect, 10)
    entries = [
        entry
        for entry in venue.entries
        if not isinstance(entry, Fetched) and not (isinstance(entry, Said) and b'"snapshot"' in entry.frame.payload)
    ]
    found = rebuild(Recording(entries=tuple(entries)), venue.dialect)
    with pytest.raises(UsageError, match=r"x: expected a snapshot of \S+ and updates after it"):
        choose(found, "x")


def test_a_message_that_cannot_be_understood_is_a_hole() -> None:
    venue = plain("kraken-v2", 5)
    (frame,) = venue.next() or venue.next() or venue.next()
    venue.say(msgspec.structs.replace(frame, payload=frame.payload[:60]))
    venue.send(3)
    found = rebuild(venue.recording(), venue.dialect)
    assert "cannot be understood" in found.holes[0].reason
    (stretch,) = found.stretches[venue.symbol]
    assert stretch.updates == 5


@each
def test_another_dialects_frames_are_told_apart(dialect: str) -> None:
    others = [name for name in DIALECTS.names() if name != dialect]
    for other in others:
        with pytest.raises(UsageError) as caught:
            rebuild(plain(other, 3).recording(), DIALECTS.get(dialect))
        assert str(caught.value).startswith("made:")
        assert f"say --dialect {other}" in str(caught.value)


# --- REST snapshots ---------------------------------------------------------------------------------------------------


@by_rest
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_later_snapshots_are_versions_that_agree(dialect: str, data: st.DataObject) -> None:
    venue = plain(dialect, 5, seed=data.draw(st.integers(0, 10_000)))
    for _ in range(3):
        venue.send(data.draw(st.integers(1, 8)))
        venue.fetch(limit=str(data.draw(st.sampled_from((5, 100, 1000)))))
        venue.send(1)
    stretch = rebuilt(venue)
    truth = truth_of(stretch)
    assert len(stretch.answers) == 4
    assert_equals_market(venue, stretch)
    for answer in stretch.answers:
        shown = venue.dialect.ideal.decode_rest(venue.symbol, answer.answer, {venue.symbol: stretch.instrument})
        assert isinstance(shown, BookSnapshot)
        assert shown.sequence == stretch.sequences[answer.index]
        for side, levels in ((Side.BID, shown.bids), (Side.ASK, shown.asks)):
            assert truth.levels(answer.index, side, answer.limit) == levels


@by_rest
def test_a_snapshot_inside_an_update_is_a_version_of_its_own(dialect: str) -> None:
    venue = plain(dialect, 3)
    tick = venue.streams[venue.symbol].next()
    while tick.last - tick.first < 3:
        venue.view.move(tick.symbol, tick.last)
        venue.say(*(message.frame for message in venue.session.publish(tick)))
        tick = venue.streams[venue.symbol].next()
    venue.view.move(tick.symbol, tick.first + 1)
    venue.fetch()
    venue.view.move(tick.symbol, tick.last)
    venue.say(*(message.frame for message in venue.session.publish(tick)))
    venue.send(5)
    stretch = rebuilt(venue)
    inside = stretch.answers[1].index
    (step,) = [step for step in stretch.steps if step.first < inside < step.last]
    assert step.last - step.first == 2
    assert_equals_market(venue, stretch)
    truth = truth_of(stretch)
    market = venue.view.truth(venue.symbol)
    assert truth.levels(inside, Side.BID) == market.levels(tick.first + 1, Side.BID)


@by_rest
def test_a_snapshot_that_was_short_is_completed_by_a_later_one(dialect: str) -> None:
    venue = Venue(dialect)
    venue.send(2)
    venue.fetch(limit="5")
    venue.send(10)
    venue.fetch(limit="1000")
    venue.send(5)
    stretch = rebuilt(venue)
    assert len(stretch.bids) > 20
    assert_equals_market(venue, stretch)


@by_rest
def test_a_snapshot_that_contradicts_ends_the_stretch(dialect: str) -> None:
    venue = plain(dialect, 10)
    venue.fetch()
    fetched = venue.entries[-1]
    assert isinstance(fetched, Fetched)
    assert fetched.answer is not None
    index = venue.view.index(venue.symbol)
    level = venue.view.truth(venue.symbol).levels(index, Side.BID, 1)[0]
    wrong = _other_size(venue, fetched, level)
    venue.entries[-1] = wrong
    line = wrong.place.line
    venue.send(20)
    found = rebuild(venue.recording(), venue.dialect)
    assert [hole.place.line for hole in found.holes] == [line]
    assert "contradicts the updates: at the bid" in found.holes[0].reason
    assert len(found.stretches[venue.symbol]) == 2


def _other_size(venue: Venue, fetched: Fetched, level: tuple[int, int]) -> Fetched:
    import json

    assert fetched.answer is not None
    body = json.loads(fetched.answer.body)
    body["bids"][0][1] = "123.00000000" if venue.dialect.name == "binance-spot" else "123.00"
    answer = msgspec.structs.replace(fetched.answer, body=json.dumps(body).encode())
    return msgspec.structs.replace(fetched, answer=answer)


@by_rest
def test_a_snapshot_ahead_of_the_stream_waits_for_it(dialect: str) -> None:
    venue = Venue(dialect)
    venue.send(2)
    early = [frame for _ in range(4) for frame in venue.next()]
    venue.fetch()
    venue.say(*early)
    venue.send(5)
    stretch = rebuilt(venue)
    assert [step.last for step in stretch.steps[: 2 + len(early)]] == [0] * (2 + len(early))
    assert_equals_market(venue, stretch)


@by_rest
def test_a_snapshot_that_is_too_old_is_told(dialect: str) -> None:
    venue = Venue(dialect)
    venue.fetch()
    venue.lose()
    venue.send(3)
    venue.fetch()
    venue.send(5)
    found = rebuild(venue.recording(), venue.dialect)
    assert "expected an update that begins at" in found.holes[0].reason
    (stretch,) = found.stretches[venue.symbol]
    assert stretch.updates == 5


# --- several symbols --------------------------------------------------------------------------------------------------


@each
def test_symbols_are_replayed_as_long_as_all_are_whole(dialect: str) -> None:
    venue = plain(dialect, 10, symbols=2)
    other = venue.symbols[1]
    venue.send(6)
    venue.lose(other)
    venue.send(1, other)
    venue.send(9)
    found = rebuild(venue.recording(), venue.dialect)
    first, second = choose(found, "x")
    assert found.holes[0].symbol == other
    assert first.updates == 16
    assert second.symbol == other
    with pytest.raises(UsageError, match="expected updates of 'NOPE', found only those of"):
        rebuild(venue.recording(), venue.dialect, ["NOPE"])
