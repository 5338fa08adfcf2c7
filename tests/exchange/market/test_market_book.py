"""The level book against a naive one, and its fingerprints against sums made from scratch."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.market import Book, Change, Event, Side
from bookproof_exchange.market.book import fingerprint, level_hash
from bookproof_exchange.market.fingerprint import RollingFingerprint

CHANGES = st.lists(
    st.builds(Change, st.sampled_from(list(Side)), st.integers(1, 25), st.integers(0, 4)), min_size=1, max_size=60
)
DEPTHS = (None, 1, 2, 5, 10, 25)


class Naive:
    """The same book as two dicts, sorted anew each time."""

    def __init__(self) -> None:
        self.sides: dict[Side, dict[int, int]] = {Side.BID: {}, Side.ASK: {}}

    def set(self, side: Side, price: int, size: int) -> None:
        self.sides[side].pop(price, None)
        if size:
            self.sides[side][price] = size

    def levels(self, side: Side, depth: int | None = None) -> tuple[tuple[int, int], ...]:
        return tuple(sorted(self.sides[side].items(), reverse=side is Side.BID)[:depth])

    def fingerprint(self, depth: int | None) -> int:
        return fingerprint(self.levels(Side.BID, depth), self.levels(Side.ASK, depth))


@given(CHANGES)
def test_every_view_equals_the_naive_book(changes: list[Change]) -> None:
    book, naive = Book(), Naive()
    for change in changes:
        assert book.set(*change) == naive.sides[change.side].get(change.price, 0)
        naive.set(*change)
    for side in Side:
        want = naive.levels(side)
        assert book.levels(side) == want
        assert book.levels(side, 3) == want[:3]
        assert book.levels(side, 0) == ()
        assert book.count(side) == len(want)
        assert book.best(side) == (want[0][0] if want else None)
        for rank, (price, size) in enumerate(want):
            assert (book.rank(side, price), book.price_at(side, rank), book.get(side, price)) == (rank, price, size)
        assert book.price_at(side, len(want)) is None
        assert book.price_at(side, -1) is None
        assert book.get(side, 99) == 0
        assert book.rank(side, 99 if side else 0) == len(want)
    assert book == Book(naive.levels(Side.BID), naive.levels(Side.ASK))


@given(CHANGES, st.integers(1, 8))
def test_fingerprints_roll_through_changes_copies_and_truncation(changes: list[Change], keep: int) -> None:
    book, naive = Book(), Naive()
    for number, change in enumerate(changes):
        book.set(*change)
        naive.set(*change)
        if number % 7 == 3:
            book = book.copy()
        if number % 11 == 5:
            book.truncate(keep)
            for side in Side:
                naive.sides[side] = dict(naive.levels(side, keep))
        for depth in DEPTHS:
            assert book.fingerprint(depth) == naive.fingerprint(depth), (number, depth)
    book.clear()
    assert [book.fingerprint(depth) for depth in DEPTHS] == [0] * len(DEPTHS)


@given(CHANGES, CHANGES)
def test_bulk_fingerprints_equal_those_from_scratch(first: list[Change], later: list[Change]) -> None:
    naive = Naive()
    for change in first:
        naive.set(*change)
    start = naive.levels(Side.BID), naive.levels(Side.ASK)
    rolling = {depth: RollingFingerprint(*start, depth) for depth in DEPTHS}
    events = [Event(i + 1, 0, tuple(later[i : i + 3])) for i in range(0, len(later), 3)]
    for event in events:
        for change in event.changes:
            naive.set(*change)
        for depth in DEPTHS:
            rolling[depth].extend([event])
            assert rolling[depth].history[-1] == naive.fingerprint(depth)
    for depth in DEPTHS:
        at_once = RollingFingerprint(*start, depth)
        at_once.extend(events)
        assert at_once.history == rolling[depth].history
        assert len(at_once.history) == len(events) + 1


def test_apply_and_copy_are_independent() -> None:
    book = Book([(10, 1)], [(11, 2)])
    other = book.copy()
    other.apply([Change(Side.BID, 10, 0), Change(Side.ASK, 12, 5)])
    assert book.levels(Side.BID) == ((10, 1),)
    assert other.levels(Side.BID) == ()
    assert other.levels(Side.ASK) == ((11, 2), (12, 5))
    assert book != other


def test_zero_sizes_are_no_levels() -> None:
    assert Book([(10, 0), (9, 1)]).levels(Side.BID) == ((9, 1),)


def test_the_hash_is_the_documented_one_and_stays() -> None:
    prime = 2**61 - 1
    for side, factor in ((0, 0x12D48A7E91C36B55), (1, 0x0F5BC31D2E97A84D)):
        assert level_hash(side, 652_817, 53_212_345_678) == (652_817 * factor + 53_212_345_678) ** 3 % prime


def test_books_that_swapped_quantities_differ() -> None:
    """Sums of nearly linear hashes collide here (Python's tuple hash: almost every second time)."""
    draw = random.Random(5)
    for _ in range(3000):
        p1, p2, p3 = draw.sample(range(600_000, 700_000), 3)
        s1, s2, s3 = (draw.randrange(1, 10**9) for _ in range(3))
        books = [list(zip((p1, p2, p3), sizes, strict=True)) for sizes in itertools.permutations((s1, s2, s3))]
        assert len({fingerprint(book, ()) for book in books}) == len({tuple(book) for book in books})
        assert fingerprint([(p1, s1)], [(p2, s2)]) != fingerprint([(p2, s2)], [(p1, s1)])


def test_quantities_that_moved_between_evenly_spaced_levels_differ() -> None:
    seen = set()
    for a, b, c in itertools.product(range(-4, 5), repeat=3):
        seen.add(fingerprint([(100, 50 + a), (101, 50 + b), (102, 50 + c)], ()))
    assert len(seen) == 9**3


def test_hashes_fill_their_range_evenly() -> None:
    hashes = [level_hash(side, 600_000 + i, 10**8 + i) for i in range(5000) for side in Side]
    assert len(set(hashes)) == len(hashes)
    for bit in range(60):
        ones = sum(value >> bit & 1 for value in hashes)
        assert 0.47 < ones / len(hashes) < 0.53, bit


def test_a_rolling_fingerprint_needs_a_depth() -> None:
    with pytest.raises(ValueError, match="depth of 0"):
        RollingFingerprint((), (), 0)
