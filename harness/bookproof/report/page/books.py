"""The books of a case for the ladder: the truth, cut to what can be seen of it, and what the client showed."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof.checker.diagnose import Diagnosis
from bookproof.checker.match import BadRow, Matcher
from bookproof.checker.safety import SymbolJudge
from bookproof.checker.timeline import Timeline
from bookproof.report.page.model import Change, Level, Note, Observation, Row, Symbol
from bookproof.report.text import one_line
from bookproof.results import LevelDiff
from bookproof_exchange import evidence
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text

#: Levels a side in the ladder, of a case that did not pass and of one that did.
DEEP, SHALLOW = 25, 10
#: So many wrong books of a symbol are explained, each once.
_MOST_EXPLAINED = 12
_MOST_NOTES = 40
#: Rows of a book that cannot be read.
_MOST_RAW = 60


def symbol_of(name: str, matcher: Matcher, timeline: Timeline, levels: int) -> Symbol:
    """The truth of one symbol over the versions that were sent, to so many levels a side."""
    truth, instrument = matcher.truth, matcher.instrument
    depth = levels if matcher.depth is None else min(levels, matcher.depth)
    decimals = instrument.price_decimals, instrument.size_decimals
    published = sorted(timeline.published.get(name, ()))
    if not published:
        return Symbol(name=name, depth=depth, decimals=decimals)
    first, last = published[0], published[-1]
    seen: tuple[set[int], set[int]] = (set(), set())
    for version in published:
        for side in Side:
            seen[side].update(price for price, _ in truth.levels(version, side, depth))

    def level(side: Side, price: int, size: int) -> Level:
        writer = matcher.history.last_write(side, price, first) or 0
        return Level(price=to_text(price, decimals[0]), size=to_text(size, decimals[1]), version=writer)

    def rows(side: Side) -> tuple[Level, ...]:
        return tuple(level(side, price, size) for price, size in truth.levels(first, side) if price in seen[side])

    changes = [
        Change(
            version=event.index,
            side=1 if side is Side.ASK else 0,
            price=to_text(price, decimals[0]),
            size=to_text(size, decimals[1]) if size else "",
        )
        for event in truth.events(first, last)
        for side, price, size in event.changes
        if price in seen[side]
    ]
    return Symbol(
        name=name,
        depth=depth,
        first=first,
        last=last,
        bids=rows(Side.BID),
        asks=rows(Side.ASK),
        changes=tuple(changes),
        published=tuple(version - before for version, before in zip(published, (0, *published[:-1]), strict=True)),
        decimals=decimals,
    )


class Shown:
    """What the client showed of one symbol, one `Observation` after the other."""

    def __init__(self, place: int, judge: SymbolJudge, timeline: Timeline, levels: int, *, explain: bool) -> None:
        """``place``: of the symbol. ``explain``: whether wrong books are worth the time."""
        self._place = place
        self._judge = judge
        self._matcher = judge.matchers[0]
        self._timeline = timeline
        self._levels = levels if self._matcher.depth is None else min(levels, self._matcher.depth)
        self._explain = explain
        self._sorts = judge.facts.sorted_by_adapter
        self._before: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._explained: dict[tuple[object, object], Diagnosis] = {}

    def take(self, observed: evidence.Observed) -> Observation:
        """The next observation."""
        high = self._timeline.high(observed.symbol, observed.position)
        live = observed.claim == "live"
        equals = self._judge.newest_version(observed, high)
        empty = not observed.bids and not observed.asks
        wrong = live and equals is None and not (empty and high < 0) and not self._judge.admits(observed)
        diagnosis = self._diagnosis(observed, high) if wrong and self._explain else None
        bids, asks, raw = self._rows(observed)
        return Observation(
            y=self._place,
            claim=observed.claim,
            read=observed.read,
            stated=None if observed.version is None else one_line(str(observed.version), 80),
            bids=bids,
            asks=asks,
            raw=raw,
            high=high,
            equals=equals,
            nearest=None if diagnosis is None else diagnosis.nearest,
            why="" if diagnosis is None else one_line(diagnosis.message.partition(". ")[2] or diagnosis.message, 600),
            notes=() if diagnosis is None else notes(diagnosis.diff),
            wrong=wrong,
        )

    def _diagnosis(self, observed: evidence.Observed, high: int) -> Diagnosis | None:
        key = observed.bids, observed.asks
        found = self._explained.get(key)
        if found is None and len(self._explained) < _MOST_EXPLAINED:
            found = self._explained[key] = self._judge.diagnostician.explain(observed, high)
        return found

    def _rows(self, observed: evidence.Observed) -> tuple[tuple[Row, ...], tuple[Row, ...], bool]:
        """The rows that differ from those shown before; all, as spelled, where they are no book."""
        limit = None if self._sorts else self._levels
        try:
            sides = self._matcher.decode(observed.bids[:limit], observed.asks[:limit])
        except BadRow:
            return _spelled(observed.bids), _spelled(observed.asks), True
        if any(len({price for price, _ in side}) != len(side) for side in sides):
            return _spelled(observed.bids), _spelled(observed.asks), True
        instrument = self._matcher.instrument
        changed: list[tuple[Row, ...]] = []
        for before, levels in zip(self._before, sides, strict=True):
            now = {
                to_text(price, instrument.price_decimals): to_text(size, instrument.size_decimals)
                for price, size in levels[: self._levels]
            }
            rows = [(price, size) for price, size in now.items() if before.get(price) != size]
            rows += [(price, "") for price in before if price not in now]
            before.clear()
            before.update(now)
            changed.append(tuple(rows))
        return changed[0], changed[1], False


def notes(diff: Sequence[LevelDiff]) -> tuple[Note, ...]:
    """The checker's notes on differing levels."""
    return tuple(
        Note(
            side="bid" if row.side == "bid" else "ask", price=row.price, shown=row.shown, truth=row.truth, note=row.note
        )
        for row in diff[:_MOST_NOTES]
    )


def _spelled(rows: Sequence[evidence.Row]) -> tuple[Row, ...]:
    return tuple(
        (one_line(row[0], 60) if row else "", one_line(" ".join(row[1:]), 60) if len(row) > 1 else "")
        for row in rows[:_MOST_RAW]
    )
