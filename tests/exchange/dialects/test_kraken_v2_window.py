"""The window that is carried from tick to tick tells the same as one that looks at everything afresh."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import Tick
from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.dialects.kraken_v2.codec import Codec
from bookproof_exchange.dialects.kraken_v2.window import Window
from bookproof_exchange.market import Levels, Shape, Side, Truth
from bookproof_exchange.market.truth import Profile

INSTRUMENT = DIALECT.instruments[0]


def from_scratch(truth: Truth, tick: Tick, depth: int, side: Side) -> tuple[set[tuple[int, int]], Levels]:
    """What must be told of a side, and the window after it: straight from the rule."""
    before, after = dict(truth.book(tick.first).levels(side, depth)), truth.book(tick.last).levels(side, depth)
    whole = dict(truth.book(tick.last).levels(side))
    told = {level for level in after if before.get(level[0]) != level[1]}
    return told | {(price, 0) for price in before if price not in whole}, after


def market(seed: int, profile: Profile, levels: int) -> Truth:
    truth = Truth(INSTRUMENT, seed, profile=profile, levels=levels)
    shapes = [None, None, Shape(kind="sweep", count=4), Shape(kind="improve"), Shape(kind="delete", rank=1), None]
    for number in range(60):
        truth.extend(shapes[(seed + number) % len(shapes)])
    return truth


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["busy", "one-sided", "load"]),
    st.sampled_from([6, 14, 40]),
    st.sampled_from([10, 25]),
    st.lists(st.tuples(st.integers(1, 4), st.one_of(st.none(), st.integers(0, 55))), min_size=1, max_size=25),
)
def test_carried_on_equals_from_scratch(
    seed: int, profile: Profile, levels: int, depth: int, steps: list[tuple[int, int | None]]
) -> None:
    truth = market(seed, profile, levels)
    window, codec = Window(truth, depth), Codec(INSTRUMENT)
    at = 0
    for length, jump in steps:
        first = min(at if jump is None else jump, truth.last - length)
        tick = Tick(INSTRUMENT.symbol, first, first + length)
        at = tick.last
        rows = window.move(tick)
        assert rows == Window(truth, depth).move(tick)
        for side in Side:
            told, after = from_scratch(truth, tick, depth, side)
            assert window.sides[side] == after
            assert set(rows[side]) == told
            assert len(rows[side]) == len(told)
        text = "".join(
            f"{price}{size}" for side in (Side.ASK, Side.BID) for price, size in truth.book(at).levels(side, 10)
        )
        assert codec.checksum(*window.sides) == zlib.crc32(text.encode())


@pytest.mark.parametrize("depth", [10, 25])
def test_an_untouched_window_stays_the_same_object(depth: int) -> None:
    """What the checksum's memory rests on."""
    truth = market(1, "busy", 40)
    window = Window(truth, depth)
    same = 0
    for first in range(60):
        before = list(window.sides)
        window.move(Tick(INSTRUMENT.symbol, first, first + 1))
        same += sum(one is other for one, other in zip(before, window.sides, strict=True))
    assert same >= 50
