"""Steering: the market event that a script asks for, or the nearest to it that is possible now."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.acts import SIDES, Acts
from bookproof_exchange.market.events import Shape, Side


class _Plan(NamedTuple):
    """A way to fulfil a shape. ``cost``: how far it is from what was asked for."""

    cost: int
    act: Callable[[], object]


_RELAXED = 10_000
"""The cost of changing the ranks of protected levels (within the best ten): above any distance from what was asked."""


class Steering:
    """Fulfils shapes. A plan for each side is made first, without doing anything; the cheaper one is carried out."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    def fulfil(self, shape: Shape) -> None:
        match shape.side:
            case "bid":
                sides: tuple[Side, ...] = (Side.BID,)
            case "ask":
                sides = (Side.ASK,)
            case "any":
                sides = SIDES if self._acts.random() < 0.5 else SIDES[::-1]
        plans = [plan for side in sides if (plan := self._plan(shape, side)) is not None]
        if not plans:
            counts = f"{len(self._acts.keys[Side.BID])} bids and {len(self._acts.keys[Side.ASK])} asks"
            protected = sum(map(len, self._acts.guard.keys))
            raise UsageError(
                f"the market cannot do {shape.kind!r} on side {shape.side!r} now: "
                f"it has {counts}, and {protected} protected levels"
            )
        min(plans, key=lambda plan: plan.cost).act()
        for side in SIDES:
            if self._acts.keys[side]:
                self._acts.drained_on_request.discard(side)

    def _plan(self, shape: Shape, side: Side) -> _Plan | None:
        rank, count = max(0, shape.rank), max(1, shape.count)
        match shape.kind:
            case "any":
                return None
            case "change":
                return self._plan_change(side, rank)
            case "insert":
                return self._plan_insert(side, max(1, rank))
            case "delete":
                return self._plan_delete(side, rank)
            case "improve":
                return self._plan_improve(side)
            case "sweep":
                return self._plan_sweep(side, count)
            case "drain":
                return self._plan_drain(side)
            case "refill":
                return self._plan_refill(side, count)
            case "far":
                return self._plan_far(side)

    def _nearest(self, side: Side, rank: int, below: int | None) -> int | None:
        """The rank nearest to the one asked for whose level is not protected (and worse than key ``below``)."""
        acts = self._acts
        keys = acts.keys[side]
        protected = acts.guard.keys[side]
        for candidate in _outward(rank, 0, len(keys) - 1):
            key = keys[-1 - candidate]
            if key not in protected and (below is None or key < below):
                return candidate
        return None

    def _plan_change(self, side: Side, rank: int) -> _Plan | None:
        acts = self._acts
        found = self._nearest(side, rank, None)
        if found is None:
            return None
        key = acts.keys[side][-1 - found]
        return _Plan(abs(found - rank), lambda: acts.resize(side, key))

    def _plan_insert(self, side: Side, rank: int) -> _Plan | None:
        acts = self._acts
        count = len(acts.keys[side])
        if not count:
            plan = self._plan_improve(side)
            return None if plan is None else _Plan(plan.cost + rank, plan.act)
        for candidate in _outward(rank, 1, count):
            low, high = acts.slot(side, candidate, strict=False)
            key = acts.pick_key(side, low, high)
            if key is not None:
                return _Plan(abs(candidate - rank), partial(acts.add, side, key))
        return None

    def _plan_delete(self, side: Side, rank: int) -> _Plan | None:
        acts = self._acts
        cost = 0
        found = self._nearest(side, rank, acts.guard.worst[side])
        if found is None:
            cost = _RELAXED
            found = self._nearest(side, rank, None)
        if found is None:
            return None
        key = acts.keys[side][-1 - found]
        return _Plan(cost + abs(found - rank), lambda: acts.remove(side, key))

    def _plan_improve(self, side: Side) -> _Plan | None:
        acts = self._acts
        cost = 0 if acts.keys[side] else 100
        low, high = acts.slot(side, 0, strict=False)
        key = acts.pick_key(side, low, high, near=True)
        if key is not None:
            return _Plan(cost, partial(acts.add, side, key))
        # No room in the spread: take the other side's best and rest there.
        other = SIDES[1 - side]
        others = acts.keys[other]
        protected = acts.guard.best[other]
        if len(others) < 2 or high <= low or -others[-1] in acts.guard.keys[side]:
            return None
        if protected is not None and others[-1] <= protected:
            return None
        return _Plan(cost + (50 if protected is None else _RELAXED), lambda: acts.take_and_rest(side))

    def _plan_sweep(self, side: Side, count: int) -> _Plan | None:
        acts = self._acts
        keys = acts.keys[side]
        best = acts.guard.best[side]
        free = len(keys) if best is None else len(keys) - bisect_right(keys, best)
        taken = min(count, free)
        if not taken:
            return None
        cost = count - taken + (0 if best is None else _RELAXED)
        return _Plan(cost, lambda: acts.take(side, taken))

    def _plan_drain(self, side: Side) -> _Plan | None:
        acts = self._acts
        keys = acts.keys[side]
        if not keys or not acts.guard.keys[side].isdisjoint(keys):
            return None

        def act() -> None:
            acts.drained_on_request.add(side)
            acts.drain(side)

        return _Plan(0 if acts.guard.worst[side] is None else _RELAXED, act)

    def _plan_refill(self, side: Side, count: int) -> _Plan | None:
        acts = self._acts
        keys = acts.keys[side]
        low, high = acts.slot(side, len(keys), strict=False)
        if acts.pick_key(side, low, high) is None:
            return None
        return _Plan(100 if keys else 0, lambda: acts.refill(side, count))

    def _plan_far(self, side: Side) -> _Plan | None:
        acts = self._acts
        count = len(acts.keys[side])
        if not count:
            return None
        key = acts.far_key(side)
        cost = 0
        rank = count
        while key is None and rank:  # no room far away: the worst slot that has some
            low, high = acts.slot(side, rank, strict=False)
            key = acts.pick_key(side, low, high)
            rank -= 1
            cost += 1
        return None if key is None else _Plan(cost, partial(acts.add, side, key))


def _outward(start: int, least: int, most: int) -> Iterator[int]:
    """The numbers ``least``..``most``, those nearest to ``start`` first."""
    for distance in range(max(start - least, most - start) + 1):
        for number in (start - distance, start + distance) if distance else (start,):
            if least <= number <= most:
                yield number
