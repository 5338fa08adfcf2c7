"""Seeded order flow: decides which participant does what next, and lets the matching engine do it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Literal, NamedTuple

from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.market.acts import SIDES, Acts
from bookproof_exchange.market.clock import Clock
from bookproof_exchange.market.engine import MatchingEngine, Outcome
from bookproof_exchange.market.events import Event, Shape, Side
from bookproof_exchange.market.guard import Guard
from bookproof_exchange.market.instrument import Instrument
from bookproof_exchange.market.small import SmallEvents
from bookproof_exchange.market.steering import Steering
from bookproof_exchange.seeds import stream

_BID, _ASK = SIDES

Profile = Literal["calm", "busy", "thin", "deep", "one-sided", "load"]
"""How a market behaves. ``load``: many small changes, one order's size at one level an event, cheap to make: for load
and soak. No level comes or goes, unless a script asks for it."""


class Temper(NamedTuple):
    """How a profile behaves: how often, of a thousand unsteered events, what happens; and rhythm."""

    resize: int
    """Another size at an existing level."""
    insert: int
    delete: int
    improve: int
    hit: int
    """A market order that leaves something of the best level."""
    take: int
    """A market order that takes the best level whole, perhaps with a part of the next."""
    cross: int
    """A limit order that takes the best level of the other side and rests there."""
    sweep: int
    """A market order through several levels."""
    move: int
    """One order goes from one price to another: two levels change."""
    far: int
    drain: int
    """A side is emptied, and comes back some events later."""
    bursts: bool
    most_levels: int | None = None
    small: bool = False
    """While the book is whole, nothing but small events (see `small.SmallEvents`); the above heals it."""


_TEMPERS: dict[Profile, Temper] = {
    "calm": Temper(660, 110, 90, 45, 60, 10, 4, 1, 18, 2, 0, bursts=False),
    "busy": Temper(480, 140, 110, 80, 100, 30, 15, 10, 31, 4, 0, bursts=True),
    "thin": Temper(360, 190, 150, 100, 100, 30, 15, 5, 45, 5, 0, bursts=False, most_levels=12),
    "deep": Temper(480, 150, 130, 70, 70, 30, 10, 15, 40, 5, 0, bursts=True),
    "one-sided": Temper(430, 160, 130, 80, 100, 30, 10, 10, 30, 5, 15, bursts=True),
    "load": Temper(500, 500, 0, 0, 0, 0, 0, 0, 0, 0, 0, bursts=True, small=True),
}


class Flow:
    """One symbol's participants. `next` makes one of them do one thing."""

    def __init__(self, instrument: Instrument, seed: int, profile: Profile, levels: int) -> None:
        """``levels``: about how many price levels a side begins with, and is drawn back to later."""
        temper = _TEMPERS.get(profile)
        if temper is None:
            raise UsageError(f"there is no market profile {profile!r}", hint=did_you_mean(profile, _TEMPERS))
        random = stream(seed, "market", instrument.symbol).random
        target = levels if temper.most_levels is None else min(levels, temper.most_levels)
        self._random = random
        self._acts = Acts(instrument, random, target)
        self._steering = Steering(self._acts)
        self._clock = Clock(random, bursts=temper.bursts)
        self._target = target
        self._fewest = max(2, target // 4) if target > 2 else 1
        """Levels a side that the flow by itself does not go below, unless it drains it."""
        self._wide = 8 * instrument.tick
        """A spread beyond this closes soon."""
        self._leap = max(4 * instrument.tick, min(8 * self._wide, self._acts.start // 20))
        """The flow by itself tears no hole wider than this at the touch."""
        self._absent_for = [0, 0]
        """For how many more events a side that the flow drained stays empty."""
        kinds: tuple[Callable[[Side], bool], ...] = (
            self._resize,
            self._insert,
            self._delete,
            self._improve,
            self._hit,
            self._take,
            self._cross,
            self._sweep,
            self._move,
            self._far,
            self._drain,
        )
        self._kinds = kinds
        weights = (
            temper.resize,
            temper.insert,
            temper.delete,
            temper.improve,
            temper.hit,
            temper.take,
            temper.cross,
            temper.sweep,
            temper.move,
            temper.far,
            temper.drain,
        )
        self._until = [total / 1000 for total in accumulate(weights)]
        self._small: SmallEvents | None = None
        if temper.small:
            bits = stream(seed, "market", instrument.symbol, "small").getrandbits
            self._small = SmallEvents(self._acts, self._clock, bits, fewest=self._fewest, wide=self._wide)

    @property
    def engine(self) -> MatchingEngine:
        """The market as it is now."""
        return self._acts.engine

    @property
    def guard(self) -> Guard:
        """The levels that nobody touches."""
        return self._acts.guard

    def run(self, events: list[Event], until: int) -> None:
        """Append the unsteered events up to ``until``: the same as `next`, in bulk."""
        small = self._small
        while len(events) < until:
            if small is not None:
                small.run(events, until)
                if len(events) == until:
                    return
            index = len(events) + 1
            self._acts.index = index
            self._unsteered()
            time_us = self._clock.advance()
            events.append(Event(index, time_us, *self._acts.engine.finish()))

    def next(self, index: int, shape: Shape) -> tuple[int, Outcome]:
        """Event ``index``, steered: its time and what happened. UsageError if the shape is impossible; then nothing
        happened."""
        self._acts.index = index
        self._steering.fulfil(shape)
        return self._clock.advance(), self._acts.engine.finish()

    def _unsteered(self) -> None:
        acts, random = self._acts, self._random
        side = SIDES[random() < 0.5]
        bids, asks = acts.keys
        if not bids or not asks:
            if self._come_back():
                return
            side = _BID if bids else _ASK
        elif -(bids[-1] + asks[-1]) > self._wide and random() < 0.3 and self._close_in(side):
            return
        if acts.keys[side]:
            kind = bisect_right(self._until, random())
            if kind < len(self._kinds) and self._kinds[kind](side):
                return
            if self._fall_back(side):
                return
        if not self._fall_back(SIDES[1 - side]):
            raise UsageError("every level of the market is protected, and there is no room for another one")

    def _come_back(self) -> bool:
        """Refill an empty side when its time has come. A side that a script drained waits for the script, unless both
        are empty."""
        acts = self._acts
        both = not any(acts.keys)
        for side in SIDES:
            if acts.keys[side] or (side in acts.drained_on_request and not both):
                continue
            self._absent_for[side] -= 1
            if (both or self._absent_for[side] < 0) and acts.refill(
                side, max(1, int(self._target * (0.2 + 0.6 * self._random())))
            ):
                return True
        return False

    def _close_in(self, side: Side) -> bool:
        """After sweeps the spread closes again."""
        acts = self._acts
        low, high = acts.slot(side, 0, strict=True)
        return acts.add_between(side, low, high, near=high - low < 4 * self._wide)

    # --- the kinds of events: each does it and returns True, or returns False and nothing happened. The side has levels

    def _resize(self, side: Side) -> bool:
        acts = self._acts
        keys = acts.keys[side]
        key = keys[-1 - self._pick_rank(len(keys))]
        if key in acts.guard.keys[side]:
            return False
        acts.resize(side, key)
        return True

    def _insert(self, side: Side) -> bool:
        count = len(self._acts.keys[side])
        if count > self._target * (1.15 + self._random()) and self._delete_level(side):
            return True
        return self._insert_level(side)

    def _delete(self, side: Side) -> bool:
        count = len(self._acts.keys[side])
        if count <= self._fewest or count < self._target * (0.1 + 0.85 * self._random()):
            return self._insert_level(side)
        return self._delete_level(side)

    def _insert_level(self, side: Side) -> bool:
        acts = self._acts
        count = len(acts.keys[side])
        rank = 1 + self._pick_rank(count)
        low, high = acts.slot(side, rank, strict=True)
        if acts.add_between(side, low, high):
            return True
        low, high = acts.slot(side, count, strict=True)
        return acts.add_between(side, low, high)

    def _delete_level(self, side: Side) -> bool:
        keys = self._acts.keys[side]
        count = len(keys)
        rank = self._pick_rank(count)
        if count > 1.3 * self._target:  # rather from the crowd far behind
            rank = count - 1 - (count - 1 - rank) // 3
        if count < 2 or not self._may_lose(side, keys[-1 - rank]):
            return False
        self._acts.remove(side, keys[-1 - rank])
        return True

    def _improve(self, side: Side) -> bool:
        acts = self._acts
        side = self._homeward(side, _BID)
        low, high = acts.slot(side, 0, strict=True)
        if high - low <= self._wide // 4 and self._random() < 0.6:
            return False  # keeps some room at the touch
        return acts.add_between(side, low, high, near=True)

    def _hit(self, side: Side) -> bool:
        acts = self._acts
        side = self._homeward(side, _ASK)
        size = acts.bite(side, acts.keys[side][-1])
        if not size:
            return False
        acts.engine.market(SIDES[1 - side], size)
        return True

    def _take(self, side: Side) -> bool:
        return self._take_levels(self._homeward(side, _ASK), 1)

    def _sweep(self, side: Side) -> bool:
        side = self._homeward(side, _ASK)
        most = len(self._acts.keys[side]) - self._fewest
        return self._take_levels(side, min(2 + int(self._random() * 4), most))

    def _take_levels(self, side: Side, count: int) -> bool:
        if count < 1 or not self._may_take(side, count):
            return False
        self._acts.take(side, count, part=self._random() < 0.5)
        return True

    def _cross(self, side: Side) -> bool:
        side = self._homeward(side, _ASK)
        other = SIDES[1 - side]
        if not self._may_take(side, 1) or self._acts.guard.worst[other] is not None or not self._acts.keys[other]:
            return False
        self._acts.take_and_rest(other)
        return True

    def _move(self, side: Side) -> bool:
        acts = self._acts
        keys = acts.keys[side]
        count = len(keys)
        key = keys[-1 - self._pick_rank(count)]
        if count < 3 or not self._may_lose(side, key):
            return False
        low, high = acts.slot(side, 1 + self._pick_rank(count), strict=True)
        return acts.move(side, key, low, high)

    def _far(self, side: Side) -> bool:
        acts = self._acts
        key = acts.far_key(side)
        if key is None:
            return False
        acts.add(side, key)
        return True

    def _drain(self, side: Side) -> bool:
        acts = self._acts
        if acts.guard.worst[side] is not None or not acts.keys[SIDES[1 - side]]:
            return False
        self._absent_for[side] = 3 + int(self._random() * 20)
        acts.drain(side)
        return True

    def _fall_back(self, side: Side) -> bool:
        """Something that is possible on this side, however many levels are protected; False if nothing is."""
        acts = self._acts
        keys = acts.keys[side]
        count = len(keys)
        protected = acts.guard.keys[side]
        if not count:
            return acts.refill(side, 1)
        for _ in range(4):
            key = keys[-1 - self._pick_rank(count)]
            if key not in protected:
                acts.resize(side, key)
                return True
        for key in reversed(keys):
            if key not in protected:
                acts.resize(side, key)
                return True
        for strict in (True, False):
            low, high = acts.slot(side, count, strict)
            if acts.add_between(side, low, high):
                return True
        return False

    # --- judgement -----------------------------------------------------------------------------------------------

    def _pick_rank(self, count: int) -> int:
        """A rank, rather a good one: most of what happens happens near the touch."""
        random = self._random
        if count > 60 and random() < 0.7:
            count = 60
        return int(random() * random() * count)

    def _homeward(self, side: Side, upward: Side) -> Side:
        """The side to act on: the one given, unless the price has wandered off by more than a tenth from where it
        began. Then the one that leads back; acting on side ``upward`` drives the price up."""
        acts = self._acts
        bids, asks = acts.keys
        if not bids or not asks or abs(bids[-1] - acts.start) * 10 <= acts.start:
            return side
        return upward if bids[-1] < acts.start else SIDES[1 - upward]

    def _may_lose(self, side: Side, key: int) -> bool:
        """Whether a level may go: not if that moved a protected one, nor if it tore a hole at the touch."""
        worst = self._acts.guard.worst[side]
        if worst is not None and key >= worst:
            return False
        keys = self._acts.keys[side]
        return key != keys[-1] or not self._leaps(side, 1)

    def _may_take(self, side: Side, count: int) -> bool:
        """Whether trades may take the best ``count`` levels whole."""
        acts = self._acts
        few = len(acts.keys[side]) - count < self._fewest
        return acts.guard.worst[side] is None and not few and not self._leaps(side, count)

    def _leaps(self, side: Side, count: int) -> bool:
        """Whether without its ``count`` best levels a side would begin far away."""
        keys = self._acts.keys[side]
        return len(keys) <= count or keys[-1] - keys[-1 - count] > self._leap * count
