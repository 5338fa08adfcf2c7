"""Edits: legal ones change no book, the others break exactly what they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mexc_v3_kit import DEALS, DEPTH, market, parsed, published, send, session
from test_mexc_v3_ideal import INSTRUMENTS, fold

from bookproof_exchange.dialects.api import BookUpdate, Edit, Frame, Ignored, Kind, Malformed, Message
from bookproof_exchange.dialects.mexc_v3 import DIALECT, wire
from bookproof_exchange.faults.specs import LEGAL_EDITS
from bookproof_exchange.market import Side
from bookproof_exchange.script.view import MarketView

OFFERED = sorted(DIALECT.traits.edits)
BESIDE = {"empty-update", "foreign-symbol", "unknown-type"}


def stream(seed: int, count: int = 30, profile: Any = "busy") -> tuple[MarketView, list[Message]]:
    view = market(seed, symbols=1, profile=profile)
    connection = session(view)
    send(connection, "SUBSCRIPTION", DEPTH.format("BTCUSDT"))
    return view, list(published(view, connection, "BTCUSDT", count, seed))


def edited(view: MarketView, messages: list[Message], kind: Any, value: int | None = None) -> tuple[int, Message]:
    """The first message that can carry the edit, and what becomes of it."""
    for place, message in enumerate(messages):
        made = DIALECT.edit(message, Edit(kind=kind, value=value), view)
        if made is not None:
            return place, made
    raise AssertionError(f"nothing can carry {kind}")


def decode(message: Message) -> Any:
    (decoded,) = DIALECT.ideal.decode(message.frame, INSTRUMENTS)
    return decoded


@pytest.mark.parametrize(
    "kind",
    [
        "wrong-checksum",
        "zero-checksum",
        "corrupt-level-consistent",
        "null-side",
        "set-then-delete",
        "delete-then-set",
        "overlap",
    ],
)
def test_not_offered(kind: Any) -> None:
    view, messages = stream(1, 5)
    assert kind not in OFFERED
    assert all(DIALECT.edit(message, Edit(kind=kind), view) is None for message in messages)


@pytest.mark.parametrize("kind", OFFERED)
def test_only_depth_updates_carry_edits(kind: Any) -> None:
    view = market(4, symbols=1)
    connection = session(view)
    ack = send(connection, "SUBSCRIPTION", DEALS.format("BTCUSDT"))
    deals = published(view, connection, "BTCUSDT", 30, 1)
    assert deals
    for message in (*ack.messages, *deals):
        made = DIALECT.edit(message, Edit(kind=kind), view)
        if kind == "unknown-field":
            # a new field may come anywhere, and is the only thing that is new
            assert made is not None
            assert made.payload != message.payload
            assert decode(made) == decode(message)
        else:
            assert made is None


@given(st.integers(0, 10**6), st.sampled_from(sorted(set(OFFERED) & LEGAL_EDITS)), st.sampled_from(["busy", "thin"]))
@settings(max_examples=80, deadline=None)
def test_legal_edits_change_no_book_and_no_chain(seed: int, kind: Any, profile: Any) -> None:
    view, messages = stream(seed, 20, profile)
    start = messages[0].first
    changed = 0
    odd: list[Message] = []
    for message in messages:
        made = DIALECT.edit(message, Edit(kind=kind), view)
        if made is None:
            odd.append(message)
            continue
        changed += 1
        assert made.payload != message.payload
        assert made.binary
        parsed(made.payload)
        if kind in BESIDE:
            assert (made.first, made.last, made.changes) == (message.first, message.first, ())
            odd += [made, message]
        else:
            assert (made.first, made.last) == (message.first, message.last)
            odd.append(made)
    assert changed
    plain, _ = fold(view, "BTCUSDT", start, messages)
    states, broken = fold(view, "BTCUSDT", start, odd)
    assert not broken
    assert [(index, book.levels(Side.BID), book.levels(Side.ASK)) for index, book in states] == [
        (index, book.levels(Side.BID), book.levels(Side.ASK)) for index, book in plain
    ]


@given(st.integers(0, 10**6), st.sampled_from(sorted(set(OFFERED) - BESIDE - {"cut", "wrong-type"})))
@settings(max_examples=60, deadline=None)
def test_the_edited_message_says_what_stands_on_its_wire(seed: int, kind: Any) -> None:
    view, messages = stream(seed, 10)
    for message in messages:
        made = DIALECT.edit(message, Edit(kind=kind), view)
        if made is not None:
            decoded = decode(made)
            assert isinstance(decoded, BookUpdate)
            assert decoded.changes == made.changes
            assert (made.kind, made.feed) == (message.kind, message.feed)


@given(st.integers(0, 10**6), st.sampled_from(["cut", "wrong-type"]))
@settings(max_examples=60, deadline=None)
def test_broken_messages_are_malformed_and_say_whose(seed: int, kind: Any) -> None:
    view, messages = stream(seed, 10)
    place = seed % 9
    made = DIALECT.edit(messages[place], Edit(kind=kind), view)
    assert made is not None
    decoded = decode(made)
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTCUSDT"
    assert made.changes == ()
    states, broken = fold(view, "BTCUSDT", messages[0].first, [*messages[:place], made, *messages[place + 1 :]])
    assert broken, "the next one does not follow"
    assert states[-1][0] == messages[place].first


def test_cut_is_a_part_that_no_parser_takes() -> None:
    view, messages = stream(2)
    for message in messages:
        made = DIALECT.edit(message, Edit(kind="cut"), view)
        assert made is not None
        assert message.payload.startswith(made.payload)
        with pytest.raises(wire.WireError):
            wire.split(made.payload)


@pytest.mark.parametrize("value", [None, 1, 40])
def test_a_renumbered_gap_has_the_right_content_and_a_hole(value: int | None) -> None:
    view, messages = stream(3)
    place, made = edited(view, messages[5:], "renumbered-gap", value)
    before, after = decode(messages[5 + place]), decode(made)
    assert after.changes == before.changes
    assert (after.first - before.first, after.last - before.last) == ((value or 5),) * 2
    states, broken = fold(view, "BTCUSDT", messages[0].first, [*messages[: 5 + place], made])
    assert broken
    assert states[-1][0] == messages[5 + place].first


def test_a_renumbered_gap_needs_a_hole() -> None:
    view, messages = stream(3, 3)
    assert DIALECT.edit(messages[0], Edit(kind="renumbered-gap", value=0), view) is None


@given(st.integers(0, 10**6), st.sampled_from([None, 1, 1000]))
@settings(max_examples=40, deadline=None)
def test_a_corrupt_level_is_one_wrong_size_that_nothing_gives_away(seed: int, value: int | None) -> None:
    view, messages = stream(seed, 6)
    place, made = edited(view, messages, "corrupt-level", value)
    right, wrong = decode(messages[place]), decode(made)
    assert (wrong.first, wrong.last) == (right.first, right.last)
    different = [(a, b) for a, b in zip(right.changes, wrong.changes, strict=True) if a != b]
    assert len(different) == 1
    ((was, now),) = different
    assert (was.side, was.price) == (now.side, now.price)
    assert now.size > 0
    if value is not None:
        assert now.size - was.size == value * view.instruments["BTCUSDT"].lot
    states, broken = fold(view, "BTCUSDT", messages[0].first, [*messages[:place], made])
    assert not broken
    index, book = states[-1]
    assert book.fingerprint() != view.truth("BTCUSDT").book(index).fingerprint()


def test_padded_and_trimmed_are_other_spellings() -> None:
    view, messages = stream(4)
    place, padded = edited(view, messages, "padded-numbers")
    assert padded.changes == messages[place].changes
    body = parsed(padded.payload).publicAggreDepths
    for item in (*body.asks, *body.bids):
        assert len(item.quantity.partition(".")[2]) == 8
        assert len(item.price.partition(".")[2]) == 2
    place, trimmed = edited(view, messages, "trimmed-numbers")
    assert trimmed.changes == messages[place].changes
    before, body = parsed(messages[place].payload).publicAggreDepths, parsed(trimmed.payload).publicAggreDepths
    shorter = 0
    for was, now in zip((*before.asks, *before.bids), (*body.asks, *body.bids), strict=True):
        assert not (now.price.endswith("0") and "." in now.price)
        shorter += len(now.price) < len(was.price)
    assert shorter


def test_delete_absent_names_one_more_price_that_never_was() -> None:
    view, messages = stream(5)
    truth = view.truth("BTCUSDT")
    for message in messages:
        made = DIALECT.edit(message, Edit(kind="delete-absent"), view)
        assert made is not None
        (extra,) = set(made.changes) - set(message.changes)
        assert extra.size == 0
        assert not truth.book(message.first).get(extra.side, extra.price)
        assert not truth.book(message.last).get(extra.side, extra.price)
        best = truth.book(message.last).best(extra.side)
        assert best is not None
        assert abs(extra.price - best) < 1000, "near the touch"
        sides = [change.side for change in made.changes]
        assert sides == sorted(sides, reverse=True), "asks first, as the fields are numbered"


def test_reversed_rows_need_two_rows_of_a_side() -> None:
    view, messages = stream(6, 60)
    seen = set()
    for message in messages:
        sides = [change.side for change in message.changes]
        many = sides.count(Side.ASK) > 1 or sides.count(Side.BID) > 1
        made = DIALECT.edit(message, Edit(kind="reversed-rows"), view)
        seen.add(many)
        assert (made is not None) == many
        if made is not None:
            assert set(made.changes) == set(message.changes)
            for side in Side:
                rows = [change for change in message.changes if change.side is side]
                assert [change for change in made.changes if change.side is side] == rows[::-1]
    assert seen == {True, False}


def test_an_empty_update_is_the_wrapper_alone() -> None:
    view, messages = stream(7, 3)
    _, made = edited(view, messages, "empty-update")
    wrapper = parsed(made.payload)
    assert wrapper.WhichOneof("body") is None
    assert [field.number for field in wire.split(made.payload)] == [1, 3, 6]
    assert decode(made) == Ignored()


def test_unknown_type_and_unknown_field_are_known_to_no_proto_file() -> None:
    view, messages = stream(8, 3)
    _, made = edited(view, messages, "unknown-type")
    assert made.kind is Kind.OTHER_DATA
    assert parsed(made.payload).WhichOneof("body") is None
    assert wire.split(made.payload)[-1].number == 316
    assert decode(made) == Ignored()
    place, made = edited(view, messages, "unknown-field")
    assert decode(made) == decode(messages[place])
    assert wire.split(made.payload)[-1].number == 7
    body = next(field.value for field in wire.split(made.payload) if field.number == 313)
    assert isinstance(body, bytes)
    assert wire.split(body)[-1].number == 7


def test_an_edit_of_an_edited_message() -> None:
    view, messages = stream(9, 10)
    _, padded = edited(view, messages, "padded-numbers")
    both = DIALECT.edit(padded, Edit(kind="unknown-field"), view)
    assert both is not None
    assert decode(both) == decode(padded)
    cut = DIALECT.edit(padded, Edit(kind="cut"), view)
    assert cut is not None
    assert DIALECT.edit(cut, Edit(kind="padded-numbers"), view) is None
    assert DIALECT.ideal.decode(Frame(cut.payload, True), INSTRUMENTS)
