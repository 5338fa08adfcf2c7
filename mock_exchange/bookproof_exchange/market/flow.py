"""Seeded order flow: decides which participant does what next, and lets the matching engine do it.

Everything here works on *keys* (the price of a bid, the negated price of an ask), so that "better" is "greater" on
both sides and each rule is written once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.clock import Clock
from bookproof_exchange.market.engine import MatchingEngine, Outcome
from bookproof_exchange.market.events import Shape, Side
from bookproof_exchange.market.guard import KEPT_RANK, Guard
from bookproof_exchange.market.instrument import Instrument
from bookproof_exchange.market.sizes import Sizes, largest_on_grid
from bookproof_exchange.seeds import stream

Profile = Literal["calm", "busy", "thin", "deep", "one-sided"]

_SIDES = (Side.BID, Side.ASK)
_UNTIL_ASKED = -1
"""A side that a script drained stays empty until a script fills it."""


class Temper(NamedTuple):
    """How a profile behaves: cumulative probabilities of what an unsteered event is, and rhythm."""

    change: float
    insert: float
    delete: float
    improve: float
    hit: float
    """A market order that leaves something of the best level."""
    take: float
    """A market order that takes the best level whole, perhaps with a part of the next."""
    cross: float
    """A limit order that takes the best level and rests there."""
    sweep: float
    move: float
    """One order goes from one price to another: two levels change."""
    bursts: bool
    most_levels: int | None = None
    drain: float = 0.0
    # What remains to 1 is `far`.


_TEMPERS: dict[Profile, Temper] = {
    "calm": Temper(0.66, 0.77, 0.86, 0.905, 0.965, 0.975, 0.979, 0.98, 0.998, bursts=False),
    "busy": Temper(0.48, 0.62, 0.73, 0.81, 0.91, 0.94, 0.955, 0.965, 0.996, bursts=True),
    "thin": Temper(0.36, 0.55, 0.70, 0.80, 0.90, 0.93, 0.945, 0.95, 0.995, bursts=False, most_levels=12),
    "deep": Temper(0.48, 0.63, 0.76, 0.83, 0.90, 0.93, 0.94, 0.955, 0.995, bursts=True),
    "one-sided": Temper(0.44, 0.60, 0.73, 0.81, 0.91, 0.94, 0.95, 0.96, 0.995, bursts=True, drain=0.03),
}


class _Plan(NamedTuple):
    """A way to fulfil a shape. ``cost``: how far it is from what was asked for."""

    cost: int
    act: Callable[[], None]


_RELAXED = 10_000
"""The cost of changing the ranks of protected levels (within the best ten), against any distance from what was asked."""


class Flow:
    """One symbol's participants. `next` makes them do one thing."""

    def __init__(self, instrument: Instrument, seed: int, profile: Profile, levels: int) -> None:
        if profile not in _TEMPERS:
            raise UsageError(f"there is no market profile {profile!r}", hint="known: " + ", ".join(_TEMPERS))
        if levels < 1:
            raise UsageError(f"a market needs at least one level a side, not {levels}")
        if min(instrument.tick, instrument.lot, instrument.start_price, instrument.typical_size) < 1:
            raise UsageError(f"{instrument.symbol}: tick, lot, start price and typical size must be positive")
        self._temper = temper = _TEMPERS[profile]
        self._random = stream(seed, "market", instrument.symbol).random
        self._tick = tick = instrument.tick
        self._sizes = Sizes(instrument, self._random)
        self._clock = Clock(self._random, bursts=temper.bursts)
        self._target = levels if temper.most_levels is None else min(levels, temper.most_levels)
        self._fewest = max(2, self._target // 4) if self._target > 2 else 1
        self._drain = temper.drain
        self._highest = largest_on_grid(tick)
        salt = int(self._random() * (instrument.start_price // 5 // tick + 1))
        ticks = max(4, instrument.start_price // tick + salt)
        self._start = ticks * tick
        if self._start * 2 > self._highest:
            raise UsageError(f"{instrument.symbol}: a price of {self._start} does not leave room in 15 digits")
        self._gap = max(1, min(12, ticks // (4 * self._target)))
        """Ticks between two neighbouring levels: up to about this, closer near the touch."""
        self._floors = (0, -self._highest - tick)
        """A key must be greater than this: bids stay positive, asks within the digits."""
        self._anchors = [self._start, -self._start - tick]
        """Where a side's best was last."""
        self._empty_for = [0, 0]
        """For how many more events a drained side stays empty."""
        self._index = 0
        self.guard = Guard()
        self.engine = MatchingEngine()
        spread = 1 + int(self._random() * 4)
        for side, best in zip(_SIDES, (self._start, -self._start - spread * tick), strict=True):
            self.engine.load(side, self._initial(side, best))

    def next(self, index: int, shape: Shape | None) -> tuple[int, Outcome]:
        """Event ``index``: its time and what happened. UsageError if the shape is impossible; then nothing happened."""
        self._index = index
        if shape is None or shape.kind == "any":
            self._unsteered()
        else:
            self._steered(shape)
        return self._clock.advance(), self.engine.finish()

    # --- version 0 -----------------------------------------------------------------------------------------------

    def _initial(self, side: Side, key: int) -> Iterable[tuple[int, tuple[int, ...]]]:
        random, tick, gap, lot_size = self._random, self._tick, self._gap, self._sizes.draw_initial
        floor = self._floors[side]
        near = max(1, gap // 3)
        levels = []
        for number in range(self._target):
            if key <= floor:
                break
            size = lot_size()
            orders: tuple[int, ...] = (size,)
            if random() < 0.25:
                part = self._sizes.below(size, 0)
                if part:
                    orders = (size - part, part)
            levels.append((-key if side else key, orders))
            key -= tick * (1 + int(random() * random() * (near if number < 12 else gap)))
        return levels

    # --- places --------------------------------------------------------------------------------------------------

    def _keys(self, side: Side) -> list[int]:
        return self.engine.book._keys[side]

    def _ceiling(self, side: Side) -> int | None:
        """A key of this side must be smaller: the other side's best, or a protected (perhaps absent) level there."""
        other = 1 - side
        keys = self.engine.book._keys[other]
        protected = self.guard.best[other]
        if not keys:
            return None if protected is None else -protected
        best = keys[-1]
        return -best if protected is None or protected < best else -protected

    def _slot(self, side: Side, rank: int, strict: bool) -> tuple[int, int]:
        """The open interval of keys where a new level would get this rank (0..count); empty if low >= high.

        ``strict``: the ranks of protected levels stay as they are; else they may fall, down to the tenth."""
        keys = self._keys(side)
        count = len(keys)
        tick = self._tick
        if rank:
            high = keys[count - rank]
            low = keys[count - rank - 1] if rank < count else max(self._floors[side], high - tick * (2 * self._gap + 1))
        else:
            ceiling = self._ceiling(side)
            if count:
                low = keys[-1]
                high = low + 5 * tick if ceiling is None else ceiling
            else:
                high = self._anchors[side] + tick if ceiling is None else ceiling
                low = max(self._floors[side], high - tick * 7)
            if side is Side.ASK:
                high = min(high, 0)
            elif high > self._highest:
                high = self._highest + tick
        worst = self.guard.worst[side]
        if worst is not None and (strict or count - bisect_right(keys, worst) >= KEPT_RANK):
            high = min(high, worst)
        return low, high

    def _pick_key(self, side: Side, low: int, high: int, *, near: bool = False) -> int | None:
        """A free key between two, on the grid; ``near``: rather close to the low end."""
        tick = self._tick
        free = (high - low - 1) // tick
        if free < 1:
            return None
        span = min(free, 3) if near and self._random() < 0.7 else free
        offset = int(self._random() * span)
        protected = self.guard.keys[side]
        for step in range(min(free, len(protected) + 1)):
            key = low + tick * (1 + (offset + step) % free)
            if key not in protected:
                return key
        return None

    def _free_key(self, side: Side, rank: int, strict: bool) -> int | None:
        low, high = self._slot(side, rank, strict)
        return self._pick_key(side, low, high, near=rank == 0)

    # --- acts: each one participant's, on one or more levels -----------------------------------------------------

    def _add(self, side: Side, key: int, size: int | None = None) -> None:
        self.engine.limit(side, -key if side else key, size or self._sizes.draw(self._index))

    def _resize(self, side: Side, key: int) -> None:
        price = -key if side else key
        old = self.engine.book.get(side, price)
        new = 0
        if self._random() < 0.25:
            new = self._sizes.below(old, self._index)
        if not new or new == old:
            new = self._sizes.other_than(old, self._index)
        self._set_total(side, price, old, new)

    def _set_total(self, side: Side, price: int, old: int, new: int) -> None:
        engine = self.engine
        queue = engine.queue(side, price)
        if new > old:
            if len(queue) < 3:
                engine.limit(side, price, new - old)
            else:
                order, size = queue[-1]
                engine.replace(order, price, size + new - old)
            return
        surplus = old - new
        for order, size in reversed(queue):
            if size > surplus:
                engine.replace(order, price, size - surplus)
                return
            engine.cancel(order)
            surplus -= size
            if not surplus:
                return

    def _remove(self, side: Side, key: int) -> None:
        price = -key if side else key
        for order, _ in self.engine.queue(side, price):
            self.engine.cancel(order)

    def _total(self, side: Side, keys: Iterable[int]) -> int:
        get = self.engine.book.get
        return sum(get(side, -key if side else key) for key in keys)

    def _take(self, side: Side, count: int, *, part: bool = False) -> None:
        """A market order takes the best ``count`` levels whole; ``part``: and some of the next."""
        keys = self._keys(side)
        size = self._total(side, keys[-count:])
        if part and len(keys) > count:
            size += self._bite(side, keys[-count - 1])
        if count == len(keys):
            self._anchors[side] = keys[-1]
        self.engine.market(_SIDES[1 - side], size)

    def _bite(self, side: Side, key: int) -> int:
        """How much to take from a level so that something is left that names this event; 0 if that cannot be."""
        if key in self.guard.keys[side]:
            return 0
        total = self._total(side, (key,))
        rest = self._sizes.below(total, self._index)
        return total - rest if rest else 0

    # --- what the flow brings by itself --------------------------------------------------------------------------

    def _unsteered(self) -> None:
        random = self._random
        side = _SIDES[random() < 0.5]
        bids, asks = self.engine.book._keys
        if not bids or not asks or self._empty_for != [0, 0]:
            turned = self._while_one_sided(side)
            if turned is None:
                return
            side = turned
        elif self._drain and random() < self._drain and self.guard.worst[side] is None:
            self._empty_for[side] = 3 + int(random() * 20)
            self._drain_side(side)
            return
        if not self._act(side, random()) and not self._fall_back(side) and not self._fall_back(_SIDES[1 - side]):
            raise UsageError("every level of the market is protected and there is no room for another one")

    def _while_one_sided(self, side: Side) -> Side | None:
        """Count down to the return of an empty side. The side to act on, or None if the side has just come back."""
        for empty in _SIDES:
            left = self._empty_for[empty]
            if self._keys(empty):
                self._empty_for[empty] = 0  # a script filled it
                continue
            if left > 0:
                self._empty_for[empty] = left - 1
            alone = not self._keys(_SIDES[1 - empty])
            if (left == 0 or alone) and self._refill(empty, max(1, int(self._target * (0.2 + 0.6 * self._random())))):
                self._empty_for[empty] = 0
                return None
            side = _SIDES[1 - empty]
        return side

    def _act(self, side: Side, draw: float) -> bool:
        """Do what the draw says; False if it cannot be done, and nothing was."""
        temper = self._temper
        random = self._random
        keys = self._keys(side)
        count = len(keys)
        guard = self.guard
        if draw < temper.change:
            key = keys[count - 1 - self._pick_rank(count)]
            if key in guard.keys[side]:
                return False
            self._resize(side, key)
            return True
        if draw < temper.delete:
            crowd = count / self._target
            inserting = draw < temper.insert
            if inserting and crowd > 1.15 + random():
                inserting = False
            elif not inserting and (crowd < 0.85 * random() + 0.1 or count <= self._fewest):
                inserting = True
            rank = self._pick_rank(count)
            if inserting:
                new = self._free_key(side, 1 + rank, True)
                if new is None:
                    new = self._free_key(side, count, True)
                if new is None:
                    return False
                self._add(side, new)
                return True
            if crowd > 1.3:
                rank = count - 1 - (count - 1 - rank) // 3
            key = keys[count - 1 - rank]
            worst = guard.worst[side]
            if count < 2 or (worst is not None and key >= worst):
                return False
            self._remove(side, key)
            return True
        if draw < temper.move and self._wandered():
            # Back towards where the market began: lift bids and take asks below it, the reverse above it.
            low = (self.engine.book._keys[0] or self._anchors)[-1] < self._start
            side = Side.BID if (draw < temper.improve) == low else Side.ASK
            keys = self._keys(side)
            count = len(keys)
            if not count:
                return False
        if draw < temper.improve:
            low_key, high_key = self._slot(side, 0, True)
            if high_key - low_key <= 2 * self._tick and random() < 0.6:
                return False  # keep some room at the touch
            new = self._pick_key(side, low_key, high_key, near=True)
            if new is None:
                return False
            self._add(side, new)
            return True
        if draw < temper.hit:
            size = self._bite(side, keys[-1])
            if not size:
                return False
            self.engine.market(_SIDES[1 - side], size)
            return True
        if draw < temper.sweep:
            if guard.worst[side] is not None or count <= self._fewest:
                return False
            if draw < temper.take:
                self._take(side, 1, part=random() < 0.5)
            elif draw < temper.cross:
                other = _SIDES[1 - side]
                new = -keys[-1]
                if guard.worst[other] is not None:
                    return False
                self._add(other, new, self._total(side, keys[-1:]) + self._sizes.draw(self._index))
            else:
                self._take(side, min(2 + int(random() * 4), count - self._fewest), part=random() < 0.5)
            return True
        if draw < temper.move:
            return self._move(side)
        return self._far(side)

    def _wandered(self) -> bool:
        bids = self.engine.book._keys[0]
        return bool(bids) and abs(bids[-1] - self._start) * 10 > self._start

    def _pick_rank(self, count: int) -> int:
        """A rank, rather a good one: most of what happens happens near the touch."""
        random = self._random
        if count > 60 and random() < 0.7:
            count = 60
        return int(random() * random() * count)

    def _move(self, side: Side) -> bool:
        keys = self._keys(side)
        count = len(keys)
        if count < 3:
            return False
        key = keys[count - 1 - self._pick_rank(count)]
        worst = self.guard.worst[side]
        if worst is not None and key >= worst:
            return False
        queue = self.engine.queue(side, -key if side else key)
        if len(queue) != 1:
            return False
        new = self._free_key(side, 1 + self._pick_rank(count), True)
        if new is None:
            return False
        self.engine.replace(queue[0][0], -new if side else new, self._sizes.draw(self._index))
        return True

    def _far(self, side: Side) -> bool:
        """A new level far away from the touch."""
        keys = self._keys(side)
        if not keys:
            return False
        worst = keys[0]
        reach = max(1, abs(worst) // self._tick // 2)
        low = max(self._floors[side], worst - reach * self._tick)
        new = self._pick_key(side, low, worst - (worst - low) // 4)
        if new is None:
            return False
        self._add(side, new)
        return True

    def _fall_back(self, side: Side) -> bool:
        """Something that is possible on this side, however many levels are protected; False if nothing is."""
        keys = self._keys(side)
        count = len(keys)
        protected = self.guard.keys[side]
        if count:
            for _ in range(4):
                key = keys[count - 1 - self._pick_rank(count)]
                if key not in protected:
                    self._resize(side, key)
                    return True
            for key in reversed(keys):
                if key not in protected:
                    self._resize(side, key)
                    return True
            new = self._free_key(side, count, True)
            if new is not None:
                self._add(side, new)
                return True
        return False

    # --- what a script asks for ----------------------------------------------------------------------------------

    def _steered(self, shape: Shape) -> None:
        match shape.side:
            case "bid":
                sides: tuple[Side, ...] = (Side.BID,)
            case "ask":
                sides = (Side.ASK,)
            case "any":
                sides = _SIDES if self._random() < 0.5 else _SIDES[::-1]
        plans = [plan for side in sides if (plan := self._plan(shape, side)) is not None]
        if not plans:
            counts = f"{len(self._keys(Side.BID))} bids and {len(self._keys(Side.ASK))} asks"
            protected = sum(map(len, self.guard.keys))
            raise UsageError(
                f"the market cannot do {shape.kind!r} on side {shape.side!r} now: "
                f"it has {counts}, and {protected} protected levels"
            )
        min(plans, key=lambda plan: plan.cost).act()

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
        keys = self._keys(side)
        count = len(keys)
        protected = self.guard.keys[side]
        for distance in range(max(count, rank + 1)):
            for candidate in (rank + distance, rank - distance):
                if 0 <= candidate < count:
                    key = keys[count - 1 - candidate]
                    if key not in protected and (below is None or key < below):
                        return candidate
        return None

    def _plan_change(self, side: Side, rank: int) -> _Plan | None:
        found = self._nearest(side, rank, None)
        if found is None:
            return None
        key = self._keys(side)[-1 - found]
        return _Plan(abs(found - rank), lambda: self._resize(side, key))

    def _plan_insert(self, side: Side, rank: int) -> _Plan | None:
        count = len(self._keys(side))
        if not count:
            plan = self._plan_improve(side)
            return None if plan is None else _Plan(plan.cost + rank + 100, plan.act)
        for distance in range(max(count, rank)):
            for candidate in (rank - distance, rank + distance):
                if 1 <= candidate <= count:
                    key = self._free_key(side, candidate, False)
                    if key is not None:
                        found = key
                        return _Plan(distance, lambda: self._add(side, found))
        return None

    def _plan_delete(self, side: Side, rank: int) -> _Plan | None:
        worst = self.guard.worst[side]
        cost = 0
        found = self._nearest(side, rank, worst)
        if found is None:
            cost = _RELAXED
            found = self._nearest(side, rank, None)
        if found is None:
            return None
        key = self._keys(side)[-1 - found]

        def act() -> None:
            if len(self._keys(side)) == 1:
                self._anchors[side] = key
            self._remove(side, key)

        return _Plan(cost + abs(found - rank), act)

    def _plan_improve(self, side: Side) -> _Plan | None:
        keys = self._keys(side)
        cost = 0 if keys else 100
        key = self._free_key(side, 0, False)
        if key is not None:
            found = key
            return _Plan(cost, lambda: self._add(side, found))
        # No room in the spread: take the other side's best and rest there.
        other = _SIDES[1 - side]
        others = self._keys(other)
        if not others or self.guard.worst[other] is not None or len(others) < 2:
            return None
        new = -others[-1]
        low, high = self._slot(side, 0, False)
        if high <= low or new in self.guard.keys[side]:
            return None
        size = self._total(other, others[-1:]) + self._sizes.draw(self._index)
        return _Plan(cost + 50, lambda: self._add(side, new, size))

    def _plan_sweep(self, side: Side, count: int) -> _Plan | None:
        keys = self._keys(side)
        best = self.guard.best[side]
        free = len(keys) if best is None else len(keys) - bisect_right(keys, best)
        taken = min(count, free)
        if not taken:
            return None
        cost = count - taken + (0 if best is None else _RELAXED)
        return _Plan(cost, lambda: self._take(side, taken))

    def _plan_drain(self, side: Side) -> _Plan | None:
        keys = self._keys(side)
        if not keys or not self.guard.keys[side].isdisjoint(keys):
            return None

        def act() -> None:
            self._empty_for[side] = _UNTIL_ASKED
            self._drain_side(side)

        return _Plan(0 if self.guard.worst[side] is None else _RELAXED, act)

    def _drain_side(self, side: Side) -> None:
        keys = self._keys(side)
        self._anchors[side] = keys[-1]
        for key in keys[::-1]:
            self._remove(side, key)

    def _plan_refill(self, side: Side, count: int) -> _Plan | None:
        keys = self._keys(side)
        if self._free_key(side, len(keys), True) is None:
            return None

        def act() -> None:
            self._refill(side, count)

        return _Plan(100 if keys else 0, act)

    def _refill(self, side: Side, count: int) -> bool:
        """Add ``count`` levels, from the touch down on an empty side, else beyond the worst. False: no room at all."""
        done = 0
        while done < count:
            keys = self._keys(side)
            key = self._free_key(side, len(keys), True)
            if key is None:
                break
            self._add(side, key)
            done += 1
        return bool(done)

    def _plan_far(self, side: Side) -> _Plan | None:
        keys = self._keys(side)
        if not keys:
            return None
        return _Plan(0, lambda: None if self._far(side) else self._far_instead(side))

    def _far_instead(self, side: Side) -> None:
        """No room beyond the worst level: the worst slot that has some."""
        for rank in range(len(self._keys(side)), 0, -1):
            key = self._free_key(side, rank, True)
            if key is not None:
                self._add(side, key)
                return
        raise UsageError("the market has no room for another level on this side")
