"""What the quantities of a wrong book say about the mistake that made it."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import msgspec

from bookproof.checker.history import History
from bookproof.checker.match import BadRow
from bookproof.diagnosis.failed import Clue, Failed
from bookproof.results import Check, LevelDiff
from bookproof_exchange.dialects.api import Kind
from bookproof_exchange.evidence import Observed
from bookproof_exchange.market import Instrument, Levels, Side
from bookproof_exchange.numbers import NumberError, from_text

#: Legal edits of the spelling of numbers.
_SPELLING = frozenset({"padded-numbers", "trimmed-numbers"})
#: So many of the newest versions a wrong book is compared with.
_NEWEST = 40

_SIDES = {"bid": Side.BID, "ask": Side.ASK}


class _Level(msgspec.Struct, frozen=True):
    """One level that differs, scaled; 0: no such level."""

    side: Side
    price: int
    shown: int
    truth: int
    note: str


def wrong_book(failed: Failed, check: Check) -> Iterator[Clue]:
    """The clues of a wrong book, the most specific first."""
    observed = failed.observed(check)
    if observed is None:
        return
    book = _WrongBook(failed, check, observed)
    yield from book.clues()


class _WrongBook:
    def __init__(self, failed: Failed, check: Check, observed: Observed) -> None:
        self.failed = failed
        self.check = check
        self.observed = observed
        self.symbol = observed.symbol
        self.why = check.message.partition(". ")[2] or check.message
        self.history: History = failed.matchers[self.symbol][0].history
        self.levels = _levels(check.diff, failed.facts.instruments[self.symbol])
        self.extra = [level for level in self.levels if level.shown and not level.truth]
        self.missing = [level for level in self.levels if not level.shown]
        self.other = [level for level in self.levels if level.shown and level.truth]
        self.lost = failed.lost(self.symbol, observed.position)
        self.high = max(failed.timeline.high(self.symbol, observed.position), 0)

    def clues(self) -> Iterator[Clue]:
        why, anomaly = self.why, self.check.anomaly
        if self._empty():
            yield "C", f"An empty book was taken for the present one. {why}"
        if anomaly in ("previous-case", "unsorted") or self._invented():
            yield "X", why
        if self._emptied():
            yield "A", f"A side has little more than what an update brought, after a good book. {why}"
        if self._before_snapshot():
            yield "C", f"It has what the updates brought, and nothing of a snapshot. {why}"
        if self._recovering():
            yield "X", f"It was already recovering, and still said live. {why}"
        match anomaly:
            case "foreign-symbol":
                yield "K", why
            case "not-truncated":
                yield "G", why
            case "precision":
                yield "I", why
            case "wrong-side":
                yield "H", why
            case _:
                pass
        if self._passing():
            yield "L", f"The wrong books were right again with the next thing that was shown. {why}"
        if "S3" in self.failed.bad or self._survivors():
            yield "A", f"It holds what the last snapshot did not. {why}"
        if anomaly in ("duplicate-applied", "late-applied", "reordered"):
            yield "C", why
        if self.failed.struck(_SPELLING, self.observed.position):
            yield "I", f"The numbers were spelled in another way. {why}"
        if self.lost:
            yield "B", why
        yield from self._in_common()
        if len(self.failed.facts.truths) > 1 and self.failed.spared(self.symbol):
            yield "K", f"No fault concerned {self.symbol}. {why}"
        match anomaly:
            case "ghost":
                yield "F", why
            case "missed-update":
                yield "C", why
            case "torn" | "crossed" | "stale-level":
                yield "H", why
            case "wrong-size":
                yield "I", why
            case _:
                pass

    def _in_common(self) -> Iterator[Clue]:
        """What the differing levels have in common."""
        why, extra, missing, other = self.why, self.extra, self.missing, self.other
        if extra and not missing and any("beyond the best" in level.note for level in extra):
            yield "G", f"It holds levels that the window has pushed out. {why}"
        if missing and not extra and not other and self._from_the_start() and self._outermost(missing):
            yield "G", f"The outermost level of the window is missing. {why}"
        if self._at_some_version(lambda level, version: bool(level.truth) and self._added(level, version)):
            yield "F", f"A size is that of before and the new one added up. {why}"
        if other and all(_shortened(level) for level in other) and not extra and not missing:
            yield "I", f"Digits are missing at the end. {why}"
        if self._at_some_version(self._ghost):
            yield "F", f"What was deleted is still there. {why}"
        if self._joined_wrongly():
            yield "C", f"It lacks the updates that follow on the snapshot. {why}"
        sides = {level.side for level in self.levels}
        if (missing or other) and (len(sides) == 1 or self._of_one_message()):
            yield "H", f"A part of a message is missing. {why}"

    # --- what a book is -------------------------------------------------------------------------------------------

    def _invented(self) -> bool:
        """Whether hardly a level was ever sent, or anything was."""
        if not self._root():
            return not any(level.note.startswith("written") for level in self.extra + self.other)
        rows = [
            (side, row)
            for side, shown in ((Side.BID, self.observed.bids), (Side.ASK, self.observed.asks))
            for row in shown[:20]
        ]
        if len(rows) < 3:
            return False
        instrument = self.failed.facts.instruments[self.symbol]
        known = 0
        for side, row in rows:
            try:
                price = from_text(row[0], instrument.price_decimals)
            except NumberError:
                return False
            known += self.history.last_write(side, price, self.high) is not None
        return known * 5 < len(rows)

    def _root(self) -> bool:
        """Whether any snapshot had come before the book was shown."""
        roots = self.failed.timeline.snapshots.get(self.symbol, ())
        return any(root < self.observed.position for root in roots)

    def _before_snapshot(self) -> bool:
        """Whether it lacks nearly all, and has what updates brought: of a first book."""
        live = [shown for shown in self.failed.timeline.observed[self.symbol] if shown.claim == "live"]
        rows = len(self.observed.bids) + len(self.observed.asks)
        initial = [level for level in self.missing if level.note.endswith("of the initial book")]
        first = bool(live) and (self.observed in live[:3] or not self._root() or self._subscribed_since(live))
        return first and rows < 12 and len(initial) >= 4 and len(self.missing) > rows and self._lives()

    def _subscribed_since(self, live: Sequence[Observed]) -> bool:
        """Whether it subscribed again after the last right book that it showed."""
        wrong = self.failed.wrong[self.symbol]
        right = [
            seen.position for seen in live if seen.position < self.observed.position and seen.position not in wrong
        ]
        return bool(right) and any(
            recovery.what == "subscription" and right[-1] < recovery.position < self.observed.position
            for recovery in self.failed.timeline.recoveries
        )

    def _lives(self) -> bool:
        return all(self.history.writers(level.side, level.price, level.shown) for level in self.extra + self.other)

    def _emptied(self) -> bool:
        """Whether most of a side was lost at once, with no snapshot in between."""
        shown = self.failed.timeline.observed[self.symbol]
        at = shown.index(self.observed)
        before = shown[at - 1] if at else None
        if before is None or before.claim != "live" or before.position in self.failed.wrong[self.symbol]:
            return False
        roots = self.failed.timeline.snapshots.get(self.symbol, ())
        if any(before.position < root < self.observed.position for root in roots):
            return False
        sides = ((before.bids, self.observed.bids), (before.asks, self.observed.asks))
        return any(len(was) >= 6 and len(now) * 2 < len(was) for was, now in sides)

    def _empty(self) -> bool:
        return not self.observed.bids and not self.observed.asks

    def _joined_wrongly(self) -> bool:
        """Whether all of the first message after the last snapshot is missing, as far as it was not written over."""
        roots = [
            (chain.root, chain.snapshot_index)
            for chain in self.failed.facts.chains.get(self.symbol, ())
            if chain.root < self.observed.position
        ]
        if not roots:
            return False
        root, index = max(roots)
        after = [
            sent.message
            for sent in self.failed.timeline.deliveries.get(self.symbol, ())
            if sent.message.kind is Kind.UPDATE and sent.message.last > index and sent.position < self.observed.position
        ]
        silence = self.failed.silence_at(self.symbol, self.observed.position)
        if silence is not None and silence.chain.root == root and silence.start == root:
            return True
        if len(after) < 2:
            return False
        first = after[0]
        kept = {
            (level.side, level.price)
            for level in self.levels
            if index < (self.history.last_write(level.side, level.price, self.high) or 0) <= first.last
        }
        current = {
            (change.side, change.price)
            for change in first.changes
            if (self.history.last_write(change.side, change.price, self.high) or 0) <= first.last
        }
        return bool(current) and current <= kept

    def _recovering(self) -> bool:
        """Whether a wrong book was shown after a new one was asked for and before that came."""
        for position in sorted(self.failed.wrong[self.symbol]):
            silence = self.failed.silence_at(self.symbol, position)
            if silence is not None and any(
                silence.start < recovery.position < position
                for recovery in self.failed.timeline.recoveries
                if recovery.symbol in (None, self.symbol)
            ):
                return True
        return False

    def _passing(self) -> bool:
        """Whether every wrong book was right again with the very next thing that was shown."""
        wrong = self.failed.wrong[self.symbol]
        shown = self.failed.timeline.observed[self.symbol]
        if not self.failed.facts.pushes or not wrong or shown[-1].position in wrong:
            return False
        if self.check.anomaly not in ("torn", "crossed", "missed-update", "stale-level"):
            return False
        # only the first of the wrong books are known: further on nothing can be said
        known = [each for each in shown if each.position <= max(wrong)]
        in_a_row = (
            sum(1 for _ in run) for bad, run in itertools.groupby(known, lambda each: each.position in wrong) if bad
        )
        return max(in_a_row) < 2

    def _survivors(self) -> bool:
        """Whether a level is from before the last snapshot, which does not have it."""
        before = [
            (sent.position, sent.message.last)
            for sent in self.failed.timeline.deliveries.get(self.symbol, ())
            if sent.message.kind is Kind.SNAPSHOT and sent.position < self.observed.position
        ]
        roots = sorted(
            {(chain.root, chain.snapshot_index) for chain in self.failed.facts.chains.get(self.symbol, ())}
            | set(before)
        )
        roots = [root for root in roots if root[0] < self.observed.position]
        if len(roots) < 2:
            return False
        index = roots[-1][1]
        for level in self.extra + self.other:
            written = [v for v in self.history.writers(level.side, level.price, level.shown) if v <= self.high]
            if written and written[-1] < index:
                at = self.history.size(level.side, level.price, index)
                if at != level.shown and self.history.next_write(level.side, level.price, written[-1]) is not None:
                    return True
        return False

    def _from_the_start(self) -> bool:
        """Whether the first live book of the symbol was wrong already."""
        live = [shown for shown in self.failed.timeline.observed[self.symbol] if shown.claim == "live"]
        return bool(live) and live[0].position in self.failed.wrong[self.symbol]

    def _outermost(self, missing: Sequence[_Level]) -> bool:
        """Whether what is missing lies beyond all that is shown."""
        decimals = self.failed.facts.instruments[self.symbol].price_decimals
        prices: dict[Side, list[int]] = {Side.BID: [], Side.ASK: []}
        for side, rows in ((Side.BID, self.observed.bids), (Side.ASK, self.observed.asks)):
            for row in rows:
                try:
                    prices[side].append(from_text(row[0], decimals))
                except NumberError:
                    return False
        return all(
            level.price < min(prices[Side.BID], default=level.price + 1)
            if level.side is Side.BID
            else level.price > max(prices[Side.ASK], default=level.price - 1)
            for level in missing
        )

    def _at_some_version(self, alike: Callable[[_Level, int], bool]) -> bool:
        """Whether there is a version, one of the newest, from which the book differs in one way only."""
        matcher = self.failed.matchers[self.symbol][0]
        try:
            shown = matcher.decode(self.observed.bids, self.observed.asks)
        except BadRow:
            return False
        published = sorted(self.failed.timeline.published.get(self.symbol, ()))
        newest = bisect_right(published, self.high)
        for version in published[max(0, newest - _NEWEST) : newest]:
            different = [
                level
                for side, mine in zip(Side, shown, strict=True)
                for level in _different(side, mine, matcher.truth.levels(version, side, matcher.depth))
            ]
            telling = [level for level in different if level.shown]
            if not telling or not all(alike(level, version) for level in telling):
                continue
            if self._outermost([level for level in different if not level.shown]):
                return True
        return False

    def _ghost(self, level: _Level, version: int) -> bool:
        """Whether the level was deleted, and is shown as it was before."""
        if level.truth:
            return False
        at = self.history.last_write(level.side, level.price, version)
        if not at or self.history.size(level.side, level.price, at):
            return False
        return self.history.size(level.side, level.price, at - 1) == level.shown

    def _added(self, level: _Level, version: int) -> bool:
        """Whether the size is that of an update and those before it."""
        at = self.history.last_write(level.side, level.price, version)
        sizes: list[int] = []
        while at is not None and len(sizes) < 8:
            sizes.append(self.history.size(level.side, level.price, at))
            at = self.history.last_write(level.side, level.price, at - 1) if at else None
        sums = list(itertools.accumulate(sizes))
        return len(sums) > 1 and level.shown in sums[1:]

    def _of_one_message(self) -> bool:
        """Whether all that differs belongs to one message of several rows."""
        keys = {(level.side, level.price) for level in self.missing + self.other}
        for sent in self.failed.timeline.deliveries.get(self.symbol, ()):
            if sent.position < self.observed.position and sent.message.kind is Kind.UPDATE:
                rows = {(change.side, change.price) for change in sent.message.changes}
                if keys <= rows and len(rows) > len(keys):
                    return True
        return False


def _different(side: Side, mine: Levels, right: Levels) -> list[_Level]:
    shown, truth = dict(mine), dict(right)
    return [
        _Level(side, price, shown.get(price, 0), truth.get(price, 0), "")
        for price in {*shown, *truth}
        if shown.get(price, 0) != truth.get(price, 0)
    ]


def _levels(rows: Sequence[LevelDiff], instrument: Instrument) -> list[_Level]:
    found: list[_Level] = []
    for row in rows:
        shown, truth = (from_text(text, instrument.size_decimals) if text else 0 for text in (row.shown, row.truth))
        found.append(_Level(_SIDES[row.side], from_text(row.price, instrument.price_decimals), shown, truth, row.note))
    return found


def _shortened(level: _Level) -> bool:
    """The same number with its last digits gone."""
    return level.shown < level.truth and any(
        level.truth // digits * digits == level.shown for digits in (10, 100, 1000)
    )
