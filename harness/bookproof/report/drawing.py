"""The story of a case as a drawing: who did what, from left to right in logical order. Geometry only; the template draws."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof.results import CaseResult, Moment

LANES = ("script", "fault", "exchange", "client", "book")
#: Pixels.
LANE_HEIGHT = 26
_LEFT = 74
_STEP = 11
_LEAST_WIDTH = 1000


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: a bar. ``title`` is shown when it is pointed at."""

    x: float
    width: float
    y: int
    lane: str
    kind: str
    title: str


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    width: int
    height: int
    lanes: tuple[tuple[str, int], ...]
    """Name and top."""
    marks: tuple[Mark, ...]
    wrong: float | None = None
    """Where the first thing was wrong."""
    cause: float | None = None
    """Where the message came that was handled wrongly."""


def drawing(result: CaseResult, position: int | None, cause: int | None) -> Drawing | None:
    """None where there is nothing to draw."""
    moments = result.story
    if not moments:
        return None
    lanes = [lane for lane in LANES if any(moment.lane == lane for moment in moments)]
    tops = {lane: 6 + number * LANE_HEIGHT for number, lane in enumerate(lanes)}
    # every position at which something begins or ends gets a column: long silent or uniform stretches take no room
    columns = {p: n for n, p in enumerate(sorted({p for moment in moments for p in (moment.position, moment.until)}))}
    step = max(_STEP, min(3 * _STEP, (_LEAST_WIDTH - _LEFT) / len(columns)))
    marks = tuple(
        Mark(
            x=round(_LEFT + columns[moment.position] * step, 1),
            width=round((columns[moment.until] - columns[moment.position]) * step + step - 3, 1),
            y=tops[moment.lane],
            lane=moment.lane,
            kind=moment.kind,
            title=_title(moment),
        )
        for moment in moments
    )
    return Drawing(
        width=round(_LEFT + len(columns) * step + 8),
        height=len(lanes) * LANE_HEIGHT + 8,
        lanes=tuple(tops.items()),
        marks=marks,
        wrong=_at(columns, position, step),
        cause=_at(columns, cause, step),
    )


def _at(columns: dict[int, int], position: int | None, step: float) -> float | None:
    """The middle of the column of a position, or of the last one before it."""
    if position is None:
        return None
    before = [column for place, column in columns.items() if place <= position]
    return round(_LEFT + (max(before, default=0) + 0.5) * step - 1.5, 1)


def _title(moment: Moment) -> str:
    place = str(moment.position) if moment.count == 1 else f"{moment.position}–{moment.until}, {moment.count} times"
    return f"{place}: {moment.text}"


def told(moments: Sequence[Moment]) -> list[tuple[str, str, Moment]]:
    """The story as rows: positions, seconds, moment."""
    return [
        (str(m.position) if m.position == m.until else f"{m.position}–{m.until}", f"{m.at:.3f}", m) for m in moments
    ]
