"""Edits: every legal one keeps the book, every illegal one breaks exactly what it says."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, get_args

import pytest
from binance_spot_kit import MarketView, opened, snapshot_at, update_of
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import (
    BookUpdate,
    Edit,
    EditKind,
    Frame,
    Ignored,
    Kind,
    Link,
    Malformed,
    Message,
    Tick,
)
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.faults.specs import LEGAL_EDITS
from bookproof_exchange.market import Side

OFFERED = sorted(DIALECT.traits.edits)
IN_PLACE = sorted(DIALECT.traits.edits & LEGAL_EDITS - {"unknown-type"})
VIEWS = {combined: MarketView(7) for combined in (False, True)}
PUBLISHED: dict[bool, list[Message]] = {}
for _combined, _view in VIEWS.items():
    _view.truth("BTCUSDT").ensure(400)
    _session = opened(_view, "btcusdt@depth@100ms", combined=_combined)
    PUBLISHED[_combined] = [
        message for first in range(0, 400, 4) for message in _session.publish(Tick("BTCUSDT", first, first + 4))
    ]


def data(message: Message) -> dict[str, Any]:
    loaded = json.loads(message.payload)
    return dict(loaded.get("data", loaded))


def apply(kind: str, message: Message, view: MarketView, value: int | None = None) -> Message | None:
    return DIALECT.edit(message, Edit(kind=kind, value=value), view)  # type: ignore[arg-type]


messages = st.tuples(st.booleans(), st.integers(0, 90)).map(lambda pick: (PUBLISHED[pick[0]][pick[1]], VIEWS[pick[0]]))
Picked = tuple[Message, MarketView]


def test_checksum_edits_are_not_offered_and_all_are_known() -> None:
    assert set(OFFERED) <= set(get_args(EditKind))
    message, view = PUBLISHED[True][0], VIEWS[True]
    for kind in set(get_args(EditKind)) - set(OFFERED):
        assert apply(kind, message, view) is None


@pytest.mark.parametrize("kind", OFFERED)
def test_every_offered_edit_can_be_carried(kind: str) -> None:
    for combined, view in VIEWS.items():
        carried = [apply(kind, message, view) for message in PUBLISHED[combined]]
        assert sum(message is not None for message in carried) > 30


@pytest.mark.parametrize("kind", IN_PLACE)
@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 60), limit=st.sampled_from([10, 100]), combined=st.booleans())
def test_legal_edits_keep_the_truth(kind: str, start: int, limit: int, combined: bool) -> None:
    view = VIEWS[combined]
    fold = snapshot_at(view, "BTCUSDT", 4 * start, limit)
    for message in PUBLISHED[combined][start : start + 25]:
        sent = apply(kind, message, view) or message
        assert fold.take(update_of(sent, view)) is Link.NEXT
        assert fold.wrong(view.truth("BTCUSDT").book(message.last)) == []
        assert (sent.kind, sent.feed, sent.first, sent.last) == (
            message.kind,
            message.feed,
            message.first,
            message.last,
        )
        assert update_of(sent, view).changes == sent.changes


@settings(max_examples=60, deadline=None)
@given(picked=messages)
def test_trimmed_numbers(picked: Picked) -> None:
    message, view = picked
    edited = apply("trimmed-numbers", message, view)
    assert edited is not None
    for side in "ba":
        for (price, size), (price2, size2) in zip(data(message)[side], data(edited)[side], strict=True):
            assert (Decimal(price), Decimal(size)) == (Decimal(price2), Decimal(size2))
            assert not (price2 + size2).endswith(".")
            assert not ("." in size2 and size2.endswith("0"))
    assert {key: value for key, value in data(edited).items() if key not in "ba"} == {
        key: value for key, value in data(message).items() if key not in "ba"
    }


@settings(max_examples=60, deadline=None)
@given(picked=messages)
def test_delete_absent(picked: Picked) -> None:
    message, view = picked
    edited = apply("delete-absent", message, view)
    assert edited is not None
    (extra,) = set(edited.changes) - set(message.changes)
    assert len(edited.changes) == len(message.changes) + 1
    truth = view.truth("BTCUSDT")
    for index in (message.first, message.last):
        book = truth.book(index)
        assert book.get(extra.side, extra.price) == 0
        best = book.best(extra.side)
        assert best is not None
        assert extra.price < best if extra.side is Side.BID else extra.price > best
    assert extra.size == 0
    bids = [Decimal(row[0]) for row in data(edited)["b"]]
    assert bids == sorted(bids, reverse=True)


@settings(max_examples=60, deadline=None)
@given(picked=messages)
def test_reversed_rows(picked: Picked) -> None:
    message, view = picked
    edited = apply("reversed-rows", message, view)
    if edited is None:
        assert max(len(data(message)["b"]), len(data(message)["a"])) < 2
        return
    assert data(edited)["b"] == data(message)["b"][::-1]
    assert data(edited)["a"] == data(message)["a"][::-1]


@settings(max_examples=60, deadline=None)
@given(picked=messages)
def test_unknown_field(picked: Picked) -> None:
    message, view = picked
    edited = apply("unknown-field", message, view)
    assert edited is not None
    assert set(data(edited)) - set(data(message)) == {"Q"}
    assert update_of(edited, view) == update_of(message, view)


@settings(max_examples=30, deadline=None)
@given(picked=messages)
def test_unknown_type_covers_no_version(picked: Picked) -> None:
    message, view = picked
    edited = apply("unknown-type", message, view)
    assert edited is not None
    assert edited.kind is Kind.OTHER_DATA
    assert edited.first == edited.last == message.first
    assert DIALECT.ideal.decode(edited.frame, view.instruments) == (Ignored(),)
    assert set(json.loads(edited.payload)) & {"stream"} == set(json.loads(message.payload)) & {"stream"}


@settings(max_examples=60, deadline=None)
@given(picked=messages)
def test_corrupt_level(picked: Picked) -> None:
    message, view = picked
    edited = apply("corrupt-level", message, view)
    if edited is None:
        assert all(change.size == 0 for change in message.changes)
        return
    ((old, new),) = [pair for pair in zip(message.changes, edited.changes, strict=True) if pair[0] != pair[1]]
    assert (old.side, old.price) == (new.side, new.price)
    assert new.size > old.size > 0
    assert update_of(edited, view).changes == edited.changes
    fold = snapshot_at(view, "BTCUSDT", message.first, 5000)
    assert fold.take(update_of(edited, view)) is Link.NEXT
    assert fold.wrong(view.truth("BTCUSDT").book(message.last)) == [(old.side, old.price, new.size, old.size)]


@settings(max_examples=60, deadline=None)
@given(picked=messages, by=st.none() | st.integers(1, 1000))
def test_renumbered_gap(picked: Picked, by: int | None) -> None:
    message, view = picked
    edited = apply("renumbered-gap", message, view, by)
    assert edited is not None
    before, after = update_of(message, view), update_of(edited, view)
    assert before.first is not None
    assert before.last is not None
    assert (after.first, after.last) == (before.first + (by or 5), before.last + (by or 5))
    assert after.changes == before.changes
    fold = snapshot_at(view, "BTCUSDT", message.first, 100)
    assert fold.take(after) is Link.GAP


@pytest.mark.parametrize("kind", ["cut", "wrong-type"])
@settings(max_examples=40, deadline=None)
@given(picked=messages)
def test_unreadable(kind: str, picked: Picked) -> None:
    message, view = picked
    edited = apply(kind, message, view)
    assert edited is not None
    (decoded,) = DIALECT.ideal.decode(edited.frame, view.instruments)
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTCUSDT"
    if kind == "cut":
        assert message.payload.startswith(edited.payload)
        with pytest.raises(ValueError):
            json.loads(edited.payload)
    else:
        different = [key for key in data(message) if data(edited)[key] != data(message)[key]]
        assert different in (["b"], ["a"])
        assert data(message)[different[0]] != []


@pytest.mark.parametrize("kind", OFFERED)
def test_other_messages_carry_only_what_they_can(kind: str) -> None:
    view = MarketView(3, count=1)
    session = opened(view, "btcusdt@trade", "btcusdt@depth5", "btcusdt@bookTicker")
    view.truth("BTCUSDT").ensure(60)
    others = [*session.publish(Tick("BTCUSDT", 0, 60)), *session.farewell()]
    others += session.receive(Frame(b'{"method":"LIST_SUBSCRIPTIONS","id":1}')).messages
    for message in others:
        edited = apply(kind, message, view)
        if edited is not None:
            assert edited.payload != message.payload
            assert not isinstance(DIALECT.ideal.decode(edited.frame, view.instruments)[0], BookUpdate)
