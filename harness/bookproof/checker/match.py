"""Which versions of the truth a shown book equals: near-linear, for the checker and, live, for the script."""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Literal

from bookproof.checker.facts import Region
from bookproof.checker.history import History
from bookproof_exchange.evidence import Row
from bookproof_exchange.market import Instrument, Side, Truth
from bookproof_exchange.market.book import level_hash
from bookproof_exchange.numbers import NumberError, ScaledTexts, from_text, scaled_texts

_BITS = 64
_MASK = (1 << _BITS) - 1

Numbers = Literal["string", "float"]
Scaled = tuple[tuple[int, int], ...]
"""A side as scaled (price, size), in the order shown."""


class BadRow(ValueError):
    """A shown row that is no level: not a number of the grid, or a size that is not positive.

    ``kind``: ``precision`` (off the grid), ``number`` (no number at all), ``size`` (zero or negative), ``shape``."""

    def __init__(self, kind: Literal["precision", "number", "size", "shape"], row: Row) -> None:
        super().__init__(f"{kind}: {row!r}")
        self.kind = kind
        self.row = row


def scaled(text: str, decimals: int, numbers: Numbers) -> int:
    """The scaled integer that a client's number stands for; NumberError where it is none, or off the grid.

    A float client's number is taken as binary64 and matches the decimal that it is the nearest double of (the market
    keeps to 15 significant digits, so the shortest spelling of the double *is* that decimal)."""
    return _nearest(text, decimals) if numbers == "float" else from_text(text, decimals)


def _nearest(text: str, decimals: int) -> int:
    try:
        text = repr(float(text))
    except ValueError:
        raise NumberError(f"{text!r} is not a number") from None
    return from_text(text, decimals)


class _Nearest(ScaledTexts):
    """The same of a float client's numbers."""

    def __missing__(self, text: str) -> int:
        value = self[text] = _nearest(text, self.decimals)
        return value


class _Rows(dict[Row, int]):
    """Row as shown -> ``place << 64 | level hash``, the place being the price of an ask and the negated price of a bid.

    One number serves both questions: sums of these hold the fingerprint in their low 64 bits (carries only go up), and
    they sort as their side does, the best first."""

    def __init__(self, side: Side, instrument: Instrument, numbers: Numbers) -> None:
        super().__init__()
        self._side = side
        of: Callable[[int], ScaledTexts] = _Nearest if numbers == "float" else scaled_texts
        self._prices = of(instrument.price_decimals)
        self._sizes = of(instrument.size_decimals)

    def level(self, row: Row) -> tuple[int, int]:
        if len(row) != 2:
            raise BadRow("shape", row)
        try:
            price, size = self._prices[row[0]], self._sizes[row[1]]
        except NumberError:
            raise BadRow("precision" if all(map(_finite, row)) else "number", row) from None
        if size <= 0 or price <= 0:
            raise BadRow("size", row)
        return price, size

    def __missing__(self, row: Row) -> int:
        price, size = self.level(row)
        side = self._side
        packed = ((price if side else -price) << _BITS) + level_hash(side, price, size)
        self[row] = packed
        return packed


class _Shown:
    """The side shown last, and its fingerprint. Most updates leave a side as it was, or change one row of it: comparing
    with the last one is cheaper than looking up every row."""

    def __init__(self, packed: _Rows, numbers: Numbers, size_decimals: int, *, sort: bool) -> None:
        self._packed = packed
        self._numbers: Numbers = numbers
        self._size_decimals = size_decimals
        self._sort = sort
        self.rows: tuple[Row, ...] = ()
        self.total: int | None = 0
        """The fingerprint of ``rows`` (only its low 64 bits count); None where they cannot be a side."""
        self._levels: list[int] | None = []
        """Packed, row by row; None where the rows do not stand for a level each, or no fingerprint came of them."""

    def fingerprint(self, rows: Sequence[Row]) -> int | None:
        """Of this side (only its low 64 bits count); None where it cannot be one."""
        last = self.rows
        if rows is last or rows == last:
            return self.total
        rows = tuple(rows)  # (no copy of what is a tuple already)
        if not self._step(rows, last):
            self._levels, self.total = self._afresh(rows)
        self.rows = rows
        return self.total

    def _afresh(self, rows: tuple[Row, ...]) -> tuple[list[int] | None, int | None]:
        single = True
        try:
            levels = list(map(self._packed.__getitem__, rows))
        except BadRow as bad:
            if bad.kind != "shape":
                return None, None
            single = False
            try:
                merged = _merged(rows, self._numbers, self._size_decimals)
                levels = list(map(self._packed.__getitem__, merged))
            except BadRow:
                return None, None
        if not self._sort and levels != sorted(levels):
            return None, None
        return levels if single else None, sum(levels)

    def _step(self, rows: tuple[Row, ...], last: tuple[Row, ...]) -> bool:
        """Go on from the last side where one row was changed, came or went (and another one left or entered the window
        at its end). False: it is something else, and nothing was done."""
        levels, total = self._levels, self.total
        if levels is None or total is None:
            return False
        at = _first_difference(rows, last)
        more = len(rows) - len(last)
        try:
            if not more:
                after = rows[at + 1 :]
                if after == last[at + 1 :]:
                    new = self._packed[rows[at]]
                    total += new - levels[at]
                    levels[at] = new
                elif after == last[at:-1]:
                    new = self._packed[rows[at]]
                    total += new - levels.pop()
                    levels.insert(at, new)
                elif rows[at:-1] == last[at + 1 :]:
                    new = self._packed[rows[-1]]
                    total += new - levels.pop(at)
                    levels.append(new)
                    at = len(levels) - 1
                else:
                    return False
            elif more == 1 and rows[at + 1 :] == last[at:]:
                new = self._packed[rows[at]]
                total += new
                levels.insert(at, new)
            elif more == -1 and rows[at:] == last[at + 1 :]:
                self.total = total - levels.pop(at)
                return True
            else:
                return False
        except BadRow:
            return False
        self.total = total
        if not self._sort and (
            (at and levels[at - 1] > new) or (at + 1 < len(levels) and new > levels[at + 1])
        ):  # not the best first
            self._levels = self.total = None
        return True


def _first_difference(rows: tuple[Row, ...], last: tuple[Row, ...]) -> int:
    """The first place in which two sides differ; the length of the shorter one where one begins with the other."""
    least = min(len(rows), len(last))
    for at in range(least):
        # a driver keeps a row that comes again as the same object; most updates are near the touch
        if rows[at] is not last[at] and rows[at] != last[at]:
            return at
    return least


def _finite(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return number - number == 0.0


def _merged(rows: Iterable[Row], numbers: Numbers, decimals: int) -> tuple[Row, ...]:
    """Order-level rows (price, size, order id) as levels: neighbours of one price added up."""
    merged: list[tuple[str, int]] = []
    for row in rows:
        if len(row) < 2:
            raise BadRow("shape", row)
        try:
            size = scaled(row[1], decimals, numbers)
        except NumberError:
            raise BadRow("precision" if _finite(row[1]) else "number", row) from None
        if merged and merged[-1][0] == row[0]:
            merged[-1] = (row[0], merged[-1][1] + size)
        else:
            merged.append((row[0], size))
    # scientific notation keeps the value exact and on the grid
    return tuple((price, f"{size}e-{decimals}") for price, size in merged)


def within(side: Side, price: int, worst: int | None) -> bool:
    """Whether a price lies in the known region of its side."""
    return worst is None or (price >= worst if side is Side.BID else price <= worst)


class Matcher:
    """One symbol's truth cut to ``depth`` levels a side, ready to recognise shown books.

    ``sort``: the adapter sorted the sides, so their order proves nothing and is not judged.
    Rows are memoised as shown, versions by fingerprint, so a book of depth D costs O(D)."""

    def __init__(
        self, truth: Truth, instrument: Instrument, depth: int | None, numbers: Numbers, *, sort: bool = False
    ) -> None:
        self.truth = truth
        self.instrument = instrument
        self.depth = depth
        self.numbers: Numbers = numbers
        self._sort = sort
        self._bids = _Rows(Side.BID, instrument, numbers)
        self._asks = _Rows(Side.ASK, instrument, numbers)
        decimals = instrument.size_decimals
        self._shown_bids = _Shown(self._bids, numbers, decimals, sort=sort)
        self._shown_asks = _Shown(self._asks, numbers, decimals, sort=sort)
        self._seen = 0
        self._versions: dict[int, list[int]] = {}
        self._history: History | None = None
        self._regional: dict[Region, _Regional] = {}

    @property
    def history(self) -> History:
        """Who wrote which level when."""
        if self._history is None:
            self._history = History(self.truth)
        return self._history

    def match(
        self,
        bids: Sequence[Row],
        asks: Sequence[Row],
        at_least: int = 0,
        at_most: int | None = None,
        region: Region | None = None,
        *,
        published: Container[int] | None = None,
    ) -> int | None:
        """The smallest version from ``at_least`` to ``at_most`` (default: the newest) that the shown book equals, among
        ``published`` where given. None: it equals none of them."""
        versions = self.candidates(bids, asks, region)
        for version in versions[bisect_left(versions, at_least) :]:
            if at_most is not None and version > at_most:
                return None
            if published is None or version in published:
                return version
        return None

    def equals(self, bids: Sequence[Row], asks: Sequence[Row], index: int, region: Region | None = None) -> bool:
        """Whether the shown book is version ``index``."""
        versions = self.candidates(bids, asks, region)
        at = bisect_left(versions, index)
        return at < len(versions) and versions[at] == index

    def candidates(self, bids: Sequence[Row], asks: Sequence[Row], region: Region | None = None) -> Sequence[int]:
        """Every version that the shown book equals, ascending. Within ``region`` exactly; beyond it every level that is
        shown must be the truth's, and levels may be absent."""
        shown = self.fingerprint(bids, asks)
        if shown is None:
            return ()
        if region is None or (region.worst_bid is None and region.worst_ask is None):
            return self.by_fingerprint().get(shown, ())
        return self._within(bids, asks, region)

    def by_fingerprint(self) -> Mapping[int, Sequence[int]]:
        """The versions that there are now, ascending, by fingerprint."""
        if self._seen <= self.truth.last:
            self._extend()
        return self._versions

    def fingerprint(self, bids: Sequence[Row], asks: Sequence[Row]) -> int | None:
        """Of the book as shown; None where it cannot be a book: a row that is no level, a side that is not sorted.

        A price shown twice gives a fingerprint that no version has."""
        shown_bids, shown_asks = self._shown_bids, self._shown_asks
        bid = shown_bids.total if bids is shown_bids.rows else shown_bids.fingerprint(bids)
        ask = shown_asks.total if asks is shown_asks.rows else shown_asks.fingerprint(asks)
        return None if bid is None or ask is None else (bid + ask) & _MASK

    def decode(self, bids: Sequence[Row], asks: Sequence[Row]) -> tuple[Scaled, Scaled]:
        """The shown sides as scaled integers, in the order shown (sorted where the adapter sorts); BadRow."""
        return self._side(self._bids, bids, reverse=True), self._side(self._asks, asks, reverse=False)

    def _side(self, of: _Rows, rows: Sequence[Row], *, reverse: bool) -> Scaled:
        if any(len(row) > 2 for row in rows):
            rows = _merged(rows, self.numbers, self.instrument.size_decimals)
        levels = tuple(map(of.level, rows))
        return tuple(sorted(levels, key=operator.itemgetter(0), reverse=reverse)) if self._sort else levels

    def _extend(self) -> None:
        prints = self.truth.fingerprints(self.depth)
        versions = self._versions
        for index in range(self._seen, len(prints)):
            versions.setdefault(prints[index], []).append(index)
        self._seen = len(prints)

    def _within(self, bids: Sequence[Row], asks: Sequence[Row], region: Region) -> Sequence[int]:
        regional = self._regional.get(region)
        if regional is None:
            regional = self._regional[region] = _Regional(self.truth, self.depth, region)
        sides = self.decode(bids, asks)
        if any(len({price for price, _ in side}) != len(side) for side in sides):
            return ()
        if self.depth is not None and any(len(side) > self.depth for side in sides):
            return ()
        known = 0
        beyond: list[tuple[Side, int, int]] = []
        for side, levels, worst in zip((Side.BID, Side.ASK), sides, (region.worst_bid, region.worst_ask), strict=True):
            for price, size in levels:
                if within(side, price, worst):
                    known += level_hash(side, price, size)
                else:
                    beyond.append((side, price, size))
        versions = regional.versions(known & _MASK)
        if not beyond:
            return versions
        size_at = self.history.size
        return [index for index in versions if all(size_at(side, price, index) == size for side, price, size in beyond)]


class _Regional:
    """The versions by the fingerprint of what a region lets a client know of them (the best ``depth`` a side)."""

    def __init__(self, truth: Truth, depth: int | None, region: Region) -> None:
        self._truth = truth
        self._depth = depth
        self._worst = (region.worst_bid, region.worst_ask)
        self._book = truth.book(0)
        self._seen = 0
        self._versions: dict[int, list[int]] = {}
        self._whole = sum(
            level_hash(side, price, size)
            for side in Side
            for price, size in self._book.levels(side)
            if within(side, price, self._worst[side])
        )
        self._add()

    def versions(self, known: int) -> Sequence[int]:
        for event in self._truth.events(self._seen - 1, self._truth.last):
            for side, price, size in event.changes:
                old = self._book.set(side, price, size)
                if within(side, price, self._worst[side]):
                    if old:
                        self._whole -= level_hash(side, price, old)
                    if size:
                        self._whole += level_hash(side, price, size)
            self._add()
        return self._versions.get(known, ())

    def _add(self) -> None:
        whole = self._whole
        if self._depth is not None:
            # the region is a best-first prefix of the side, so what is known of the cut side is the shorter of the two
            whole = sum(
                level_hash(side, price, size)
                for side in Side
                for price, size in self._book.levels(side, self._depth)
                if within(side, price, self._worst[side])
            )
        self._versions.setdefault(whole & _MASK, []).append(self._seen)
        self._seen += 1
