"""Why a shown book is wrong: the nearest right book, the levels that differ, and the mistake that explains them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bookproof.checker.match import BadRow, Matcher, Scaled
from bookproof.checker.timeline import Timeline
from bookproof.results import LevelDiff
from bookproof_exchange.dialects.api import Kind
from bookproof_exchange.evidence import Observed, Sent
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text

TOP = 10
MOST_DIFFS = 40

_NAMES = {Side.BID: "bid", Side.ASK: "ask"}

TopRows = tuple[tuple[str, str, str], ...]


_Named = tuple[str, str, int | None, dict[str, bool]]
"""Anomaly, sentence, cause, flags of the diagnosis."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation of one wrong book."""

    anomaly: str
    message: str
    nearest: int | None = None
    """The published version that it resembles most."""
    cause: int | None = None
    """Position of the message that the client handled wrongly."""
    diff: tuple[LevelDiff, ...] = ()
    shown: TopRows = ()
    truth: TopRows = ()
    survived: bool = False
    """Every wrong level was there before the last snapshot and is not in it (S3)."""
    harness: bool = False
    """No client can have known this: Bookproof is wrong."""


class _Wrong(msgspec.Struct, frozen=True):
    """One differing level, scaled. 0: no such level."""

    side: Side
    price: int
    shown: int
    truth: int

    @property
    def key(self) -> tuple[Side, int]:
        return self.side, self.price


class Diagnostician:
    """Explains the wrong books of one symbol."""

    def __init__(
        self,
        symbol: str,
        matcher: Matcher,
        timeline: Timeline,
        others: Mapping[str, Matcher],
        roots: Sequence[tuple[int, int]],
    ) -> None:
        """``others``: the matchers of the case's other symbols. ``roots``: (position, version) of the snapshots that
        the reference accepted, in order."""
        self._symbol = symbol
        self._matcher = matcher
        self._timeline = timeline
        self._others = others
        self._roots = roots
        self._history = matcher.history
        self._published = sorted(timeline.published.get(symbol, ()))

    def explain(self, observed: Observed, high: int) -> Diagnosis:
        """Why ``observed``, of which ``high`` is the newest version sent, is no right book."""
        matcher = self._matcher
        shown = as_shown(observed)
        try:
            bids, asks = matcher.decode(observed.bids, observed.asks)
        except BadRow as bad:
            return self._bad_row(observed, bad, shown)
        if high < 0:
            return Diagnosis(
                anomaly="previous-case",
                message=self._says(observed, "It had been sent no book of this symbol yet."),
                shown=shown,
            )
        nearest = self._nearest(bids, asks, high)
        wrong = self._differences(bids, asks, nearest)
        found = Diagnosis(
            anomaly="stale-level",
            message="",
            nearest=nearest,
            diff=tuple(self._diff(level, nearest, high) for level in wrong[:MOST_DIFFS]),
            shown=shown,
            truth=self._top(nearest),
        )
        anomaly, sentence, cause, flags = self._name(observed, bids, asks, nearest, wrong, high)
        return msgspec.structs.replace(
            found, anomaly=anomaly, message=self._says(observed, sentence), cause=cause, **flags
        )

    def difference(self, observed: Observed, index: int) -> tuple[LevelDiff, ...]:
        """The levels in which a shown book differs from one version; empty where it cannot be read."""
        try:
            bids, asks = self._matcher.decode(observed.bids, observed.asks)
        except BadRow:
            return ()
        return tuple(self._diff(level, index, index) for level in self._differences(bids, asks, index)[:MOST_DIFFS])

    def top(self, index: int) -> TopRows:
        """The top ten of a version, as texts."""
        return self._top(index)

    # --- naming the mistake, the most specific first -------------------------------------------------------------

    def _name(
        self, observed: Observed, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], high: int
    ) -> _Named:
        none: dict[str, bool] = {}
        exchanged = ((observed.asks, observed.bids), (observed.asks[::-1], observed.bids[::-1]))
        if (bids or asks) and any(self._matcher.candidates(*sides) for sides in exchanged):
            return "wrong-side", "Bids and asks are exchanged.", None, none
        if (prices := _unsorted(bids, asks)) is not None:
            return "unsorted", f"Its {prices}.", None, none
        ahead = [v for v in self._matcher.candidates(observed.bids, observed.asks) if v > high]
        if ahead and any(self._only_later(level, high) for level in self._levels(bids, asks)):
            return "future", f"It is version {ahead[0]}, which was not sent yet.", None, {"harness": True}
        for symbol, other in self._others.items():
            if (bids or asks) and other.candidates(observed.bids, observed.asks):
                return "foreign-symbol", f"It is the book of {symbol}.", None, none
        if (index := self._too_deep(bids, asks, high)) is not None:
            return "not-truncated", f"Cut to {self._matcher.depth} levels it is version {index}.", None, none
        if not wrong:
            return "torn", f"It is version {nearest}, at which no message ends.", None, none
        for explain in (
            self._torn,
            self._foreign,
            self._swapped,
            self._late,
            self._survivor,
            self._missed,
            self._mixed_sides,
            self._invented,
        ):
            result = explain(bids, asks, nearest, wrong, observed, high)
            if result is not None:
                return result
        unsent = [version for version in self._matcher.candidates(observed.bids, observed.asks) if version <= high]
        if unsent:
            return "torn", f"It is version {unsent[0]}, at which no message ended.", None, none
        level = wrong[0]
        if all(level.shown and not level.truth for level in wrong):
            return "ghost", self._level_sentence(level, nearest, high), self._cause(wrong, nearest, observed), none
        if bids and asks and bids[0][0] >= asks[0][0] and not self._crossed(nearest):
            return "crossed", "Its best bid is not below its best ask.", None, none
        return "stale-level", self._level_sentence(level, nearest, high), self._cause(wrong, nearest, observed), none

    def _torn(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        """A message of several levels, half applied."""
        versions = self._matcher.candidates(observed.bids, observed.asks)
        for sent in self._messages(observed.position):
            inside = [version for version in versions if sent.message.first < version < sent.message.last]
            if sent.message.kind is Kind.UPDATE and inside:
                sentence = f"It is version {inside[0]}, in the middle of the message at position {sent.position}."
                return "torn", sentence, sent.position, {}
        at = bisect_left(self._published, nearest)
        newer = self._published[at + 1] if at + 1 < len(self._published) else None
        older = self._published[at - 1] if at else None
        for first, last in ((older, nearest), (nearest, newer)):
            if first is None or last is None or last > high:
                continue
            message = self._covering(first, last, observed.position)
            if message is None:
                continue
            mixed = self._mixed(bids, asks, first, last)
            if mixed is None:
                continue
            if mixed:
                return (
                    "torn",
                    f"It holds only a part of the message at position {message.position} "
                    f"(updates {first + 1} to {last}).",
                    message.position,
                    {},
                )
        return None

    def _mixed_sides(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        """Each side is right by itself, but they belong to two versions."""
        ages = [self._side_version(side, levels, high) for side, levels in ((Side.BID, bids), (Side.ASK, asks))]
        if all(age is not None for age in ages):
            return "torn", f"Its bids are those of version {ages[0]}, its asks those of version {ages[1]}.", None, {}
        return None

    def _mixed(self, bids: Scaled, asks: Scaled, first: int, last: int) -> bool | None:
        """Whether every level is that of one of the two versions, some of each; None: some level is of neither."""
        old = {level.key for level in self._differences(bids, asks, first)}
        new = {level.key for level in self._differences(bids, asks, last)}
        if old & new:
            return None
        changed = sum(len(event.changes) for event in self._matcher.truth.events(first, last))
        return bool(old) and bool(new) and changed > 1

    def _side_version(self, side: Side, levels: Scaled, high: int) -> int | None:
        truth, depth = self._matcher.truth, self._matcher.depth
        for version in reversed(self._published[-2000:]):
            if version <= high and truth.levels(version, side, depth) == levels:
                return version
        return None

    def _foreign(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        extra = [
            level for level in wrong if level.shown and not self._history.writers(level.side, level.price, level.shown)
        ]
        for symbol, other in self._others.items():
            history = other.history
            if extra and all(history.writers(level.side, level.price, level.shown) for level in extra):
                level = extra[0]
                return "foreign-symbol", f"{self._label(level)} is a level of {symbol}.", None, {}
        return None

    def _swapped(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        for level in wrong:
            if level.shown and not self._history.writers(level.side, level.price, level.shown):
                writers = self._history.writers(level.side.other, level.price, level.shown)
                if writers and writers[0] <= high:
                    return (
                        "wrong-side",
                        f"{self._label(level)} was set by update {writers[-1]} on the other side.",
                        self._position_of(writers[-1], observed.position),
                        {},
                    )
        return None

    def _late(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        """The wrong values were written by messages that came (again) after the messages that superseded them."""
        pairs: list[tuple[Sent, Sent]] = []
        again = False
        for level in wrong:
            over = self._history.last_write(level.side, level.price, nearest)
            if not over:
                return None
            newer = self._first_covering(over, observed.position)
            if newer is None:
                return None
            older = self._writing(level, over, observed.position, newer.position)
            if older is None:
                return None
            pairs.append((older, newer))
            again |= self._first_sent(older) is not older
        older, newer = pairs[0]
        if again:
            return (
                "duplicate-applied",
                f"{self._label(wrong[0])} was set again by the repeated message of update {older.message.last} "
                f"(position {older.position}), after update {newer.message.last}.",
                older.position,
                {},
            )
        neighbours = self._timeline.deliveries.get(self._symbol, [])
        skipped = sum(1 for sent in neighbours if newer.position < sent.position < older.position)
        return (
            "late-applied" if skipped else "reordered",
            f"{self._label(wrong[0])} was set by update {older.message.last}, which came after update "
            f"{newer.message.last} (position {older.position}).",
            older.position,
            {},
        )

    def _survivor(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        """Levels from before the last accepted snapshot, which does not have them."""
        for root, index in reversed(self._roots):
            if root >= observed.position:
                continue
            if root == self._roots[0][0] or nearest < index:
                return None
            extra = [level for level in wrong if level.shown]
            if not extra:
                return None
            for level in extra:
                written = [v for v in self._history.writers(level.side, level.price, level.shown) if v <= high]
                if not written or written[-1] >= index:
                    return None
                if self._history.size(level.side, level.price, index) == level.shown:
                    return None
            level = extra[0]
            return (
                "ghost",
                f"{self._label(level)} is from before the snapshot at position {root}, which does not have it.",
                root,
                {"survived": True},
            )
        return None

    def _missed(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        """All differing levels are as they were before one message (or one fault's messages)."""
        writes: list[int] = []
        for level in wrong:
            write = self._history.last_write(level.side, level.price, nearest)
            if not write:
                return None
            writes.append(write)
            if level.shown not in self._earlier(level, write):
                return None
        first, last = min(writes), max(writes)
        message = self._covering_one(first, last, observed.position)
        if message is not None:
            return (
                "missed-update",
                f"It equals version {nearest} without update {_span(first, last)} (position {message.position}). "
                + self._level_sentence(wrong[0], nearest, high),
                message.position,
                {},
            )
        for struck in self._timeline.struck:
            if struck.symbol in (None, self._symbol) and struck.first < first and last <= struck.last:
                return (
                    "missed-update",
                    f"It equals version {nearest} without update {_span(first, last)}, which the fault at position "
                    f"{struck.position} ({struck.kind}) concerned. " + self._level_sentence(wrong[0], nearest, high),
                    struck.position,
                    {},
                )
        return None

    def _invented(
        self, bids: Scaled, asks: Scaled, nearest: int, wrong: Sequence[_Wrong], observed: Observed, high: int
    ) -> _Named | None:
        for level in wrong:
            if not level.shown or self._history.writers(level.side, level.price, level.shown):
                continue
            if level.truth and 0 < abs(level.shown - level.truth) * 10_000 <= level.truth:
                return "precision", f"{self._label(level)} is almost, but not exactly, the size sent.", None, {}
            corrupt = self._sent_with(level, observed.position)
            if corrupt is not None:
                says = f"{self._label(level)} has the size that the message at position {corrupt} gave it, wrongly."
                return "wrong-size", says, corrupt, {}
            position = self._position_of(
                self._history.last_write(level.side, level.price, nearest) or 0, observed.position
            )
            return "wrong-size", f"{self._label(level)} has a size that was never sent for it.", position, {}
        return None

    def _sent_with(self, level: _Wrong, before: int) -> int | None:
        """The last message that gave the level the size shown, which the market never did: a fault's work."""
        wanted = (level.side, level.price, level.shown)
        for sent in reversed(self._timeline.deliveries.get(self._symbol, ())):
            if sent.position < before and any(
                (change.side, change.price, change.size) == wanted for change in sent.message.changes
            ):
                return sent.position
        return None

    # --- helpers ---------------------------------------------------------------------------------------------------

    def _bad_row(self, observed: Observed, bad: BadRow, shown: TopRows) -> Diagnosis:
        anomaly, sentence = {
            "precision": ("precision", "is not on the instrument's grid of prices and sizes"),
            "number": ("wrong-size", "is not a pair of numbers"),
            "size": ("wrong-size", "has a price or size that is not positive"),
            "shape": ("wrong-size", "is not a price and a size"),
        }[bad.kind]
        return Diagnosis(
            anomaly=anomaly, message=self._says(observed, f"The row {list(bad.row)} {sentence}."), shown=shown
        )

    def _nearest(self, bids: Scaled, asks: Scaled, high: int) -> int:
        """The published version up to ``high`` from which the fewest levels differ; the newest of several.

        Counted while rolling through the versions, within the prices shown, so that it costs one pass."""
        truth, depth = self._matcher.truth, self._matcher.depth
        shown: tuple[dict[int, int], dict[int, int]] = (dict(bids), dict(asks))
        inside: list[Callable[[int], bool]] = []
        for side, levels in zip(Side, (bids, asks), strict=True):
            if depth is None or len(levels) < depth or not levels:
                inside.append(lambda price: True)
            elif side is Side.BID:
                inside.append(min(price for price, _ in levels).__le__)
            else:
                inside.append(max(price for price, _ in levels).__ge__)
        present: tuple[dict[int, int], dict[int, int]] = (
            dict(truth.levels(0, Side.BID)),
            dict(truth.levels(0, Side.ASK)),
        )
        count = 0
        for number in (0, 1):
            for price in {*shown[number], *present[number]}:
                if inside[number](price) and shown[number].get(price, 0) != present[number].get(price, 0):
                    count += 1
        allowed = set(self._published)
        best, least = self._published[0], None
        if 0 in allowed:
            best, least = 0, count
        for event in truth.events(0, min(high, truth.last)):
            for side, price, size in event.changes:
                if inside[side](price):
                    mine = shown[side].get(price, 0)
                    count += (mine != size) - (mine != present[side].get(price, 0))
                present[side][price] = size
            if event.index in allowed and (least is None or count <= least):
                best, least = event.index, count
        return best

    def _differences(self, bids: Scaled, asks: Scaled, index: int) -> list[_Wrong]:
        """The levels that differ from a version, cut to the depth; the best first, bids before asks."""
        found: list[_Wrong] = []
        for side, levels in ((Side.BID, bids), (Side.ASK, asks)):
            right = dict(self._matcher.truth.levels(index, side, self._matcher.depth))
            mine = dict(levels)
            prices = sorted({*right, *mine}, reverse=side is Side.BID)
            found.extend(
                _Wrong(side, price, mine.get(price, 0), right.get(price, 0))
                for price in prices
                if mine.get(price, 0) != right.get(price, 0)
            )
        return found

    def _diff(self, level: _Wrong, nearest: int, high: int) -> LevelDiff:
        instrument = self._matcher.instrument
        return LevelDiff(
            side=_NAMES[level.side],
            price=to_text(level.price, instrument.price_decimals),
            shown=to_text(level.shown, instrument.size_decimals) if level.shown else None,
            truth=to_text(level.truth, instrument.size_decimals) if level.truth else None,
            note=self._note(level, nearest, high),
        )

    def _note(self, level: _Wrong, nearest: int, high: int) -> str:
        history = self._history
        over = history.last_write(level.side, level.price, nearest)
        if not level.shown:
            return "missing: " + _set_by(over)
        written = [version for version in history.writers(level.side, level.price, level.shown) if version <= high]
        if not written:
            return "never sent with this size"
        write = written[-1]
        if write <= nearest and history.size(level.side, level.price, nearest) == level.shown:
            return f"{_written(write)}, but beyond the best {self._matcher.depth}"
        changed = history.next_write(level.side, level.price, write)
        if changed is None or changed > high:
            return _written(write)
        if not level.truth and not history.size(level.side, level.price, changed):
            return f"ghost: deleted by update {changed}"
        return f"{_written(write)}; update {changed} changed it"

    def _level_sentence(self, level: _Wrong, nearest: int, high: int) -> str:
        note = self._note(level, nearest, high)
        label = self._label(level)
        if note.startswith("missing: "):
            return f"{label} is missing ({note.removeprefix('missing: ')})."
        if note.startswith("ghost: "):
            return f"{label} is a ghost ({note.removeprefix('ghost: ')})."
        if note.startswith("written"):
            return f"{label} holds the size {note}."
        return f"{label}: {note}."

    def _label(self, level: _Wrong) -> str:
        return f"Level {_NAMES[level.side]} {to_text(level.price, self._matcher.instrument.price_decimals)}"

    def _says(self, observed: Observed, sentence: str) -> str:
        return f"At position {observed.position} the client said live for {self._symbol}. {sentence}"

    def _top(self, index: int) -> TopRows:
        instrument, truth = self._matcher.instrument, self._matcher.truth
        depth = TOP if self._matcher.depth is None else min(TOP, self._matcher.depth)
        return tuple(
            (_NAMES[side], to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals))
            for side in Side
            for price, size in truth.levels(index, side, depth)
        )

    def _levels(self, bids: Scaled, asks: Scaled) -> list[_Wrong]:
        return [_Wrong(side, *level, 0) for side, levels in ((Side.BID, bids), (Side.ASK, asks)) for level in levels]

    def _only_later(self, level: _Wrong, high: int) -> bool:
        writers = self._history.writers(level.side, level.price, level.shown)
        return bool(writers) and writers[0] > high

    def _too_deep(self, bids: Scaled, asks: Scaled, high: int) -> int | None:
        """The version that the book is when cut to the depth, where it has more levels than that."""
        depth = self._matcher.depth
        if depth is None or (len(bids) <= depth and len(asks) <= depth):
            return None
        for version in reversed(self._published):
            if version <= high and all(
                self._matcher.truth.levels(version, side, depth) == levels[:depth]
                for side, levels in ((Side.BID, bids), (Side.ASK, asks))
            ):
                return version
        return None

    def _crossed(self, index: int) -> bool:
        bids, asks = (self._matcher.truth.levels(index, side, 1) for side in Side)
        return bool(bids and asks) and bids[0][0] >= asks[0][0]

    def _earlier(self, level: _Wrong, write: int) -> set[int]:
        """The sizes that the level ever had before a version, where the reader may have missed several messages."""
        sizes: set[int] = set()
        at = self._history.last_write(level.side, level.price, write - 1)
        if at is None or self._history.last_write(level.side, level.price, 0) is None:
            sizes.add(0)
        while at is not None:
            sizes.add(self._history.size(level.side, level.price, at))
            at = self._history.last_write(level.side, level.price, at - 1)
        return sizes

    def _cause(self, wrong: Sequence[_Wrong], nearest: int, observed: Observed) -> int | None:
        write = self._history.last_write(wrong[0].side, wrong[0].price, nearest)
        return None if not write else self._position_of(write, observed.position)

    def _messages(self, before: int) -> list[Sent]:
        return [sent for sent in self._timeline.deliveries.get(self._symbol, ()) if sent.position < before]

    def _covering(self, first: int, last: int, before: int) -> Sent | None:
        """The update message that leads from ``first`` to ``last``."""
        for sent in self._messages(before):
            if sent.message.kind is Kind.UPDATE and sent.message.first == first and sent.message.last == last:
                return sent
        return None

    def _covering_one(self, first: int, last: int, before: int) -> Sent | None:
        """The one update message that holds all updates from ``first`` to ``last``."""
        for sent in self._messages(before):
            message = sent.message
            if message.kind is Kind.UPDATE and message.first < first and last <= message.last:
                return sent
        return None

    def _first_covering(self, update: int, before: int) -> Sent | None:
        return self._covering_one(update, update, before)

    def _writing(self, level: _Wrong, over: int, before: int, after: int) -> Sent | None:
        """A message sent between two positions that sets the level as shown, of an older update than ``over``."""
        for sent in self._messages(before):
            message = sent.message
            if sent.position <= after or message.kind is not Kind.UPDATE or message.last >= over:
                continue
            for change in message.changes:
                if change.side == level.side and change.price == level.price and change.size == level.shown:
                    return sent
        return None

    def _first_sent(self, sent: Sent) -> Sent:
        for other in self._messages(sent.position):
            if other.message.first == sent.message.first and other.message.last == sent.message.last:
                return other
        return sent

    def _position_of(self, update: int, before: int) -> int | None:
        sent = self._covering_one(update, update, before)
        return None if sent is None else sent.position


def as_shown(observed: Observed) -> TopRows:
    """The top ten of a shown book, as the client spelled it."""
    return tuple(
        (_NAMES[side], row[0], row[1])
        for side, rows in ((Side.BID, observed.bids), (Side.ASK, observed.asks))
        for row in rows[:TOP]
        if len(row) >= 2
    )


def _unsorted(bids: Scaled, asks: Scaled) -> str | None:
    for name, levels, descending in (("bids", bids, True), ("asks", asks, False)):
        prices = [price for price, _ in levels]
        if len(set(prices)) != len(prices):
            return f"{name} hold a price twice"
        if prices != sorted(prices, reverse=descending):
            return f"{name} are not sorted, best first"
    return None


def _written(update: int) -> str:
    return "written in the initial book" if update == 0 else f"written by update {update}"


def _set_by(update: int | None) -> str:
    return "of the initial book" if not update else f"set by update {update}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
