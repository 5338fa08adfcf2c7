"""What participants can do in a market, and where: places for orders, and acts that keep every rule.

Everything here works on *keys* (the price of a bid, the negated price of an ask), so that "better" is "greater" on
both sides and each rule is written once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.engine import MatchingEngine
from bookproof_exchange.market.events import Side
from bookproof_exchange.market.guard import KEPT_RANK, Guard
from bookproof_exchange.market.instrument import Instrument
from bookproof_exchange.market.sizes import Sizes, largest_on_grid

SIDES = (Side.BID, Side.ASK)


class Acts:
    """One symbol's matching engine with the acts that are possible on it. Draws what is left open from ``random``."""

    def __init__(self, instrument: Instrument, random: Callable[[], float], target: int) -> None:
        """``target``: about how many levels a side has."""
        if target < 1:
            raise UsageError(f"a market needs at least one level a side, not {target}")
        if min(instrument.tick, instrument.lot, instrument.start_price, instrument.typical_size) < 1:
            raise UsageError(f"{instrument.symbol}: tick, lot, start price and typical size must be positive")
        self.random = random
        self.target = target
        self.tick = tick = instrument.tick
        self.sizes = Sizes(instrument, random)
        self.guard = Guard()
        self.engine = MatchingEngine()
        self.drained_on_request: set[Side] = set()
        """Sides that a script drained: they stay empty until it fills them."""
        self.index = 0
        """The event under way: sizes carry it."""
        # The salt: the books of two seeds never look alike.
        ticks = max(4, instrument.start_price // tick + int(random() * (instrument.start_price // 5 // tick + 1)))
        self.start = ticks * tick
        self.highest = largest_on_grid(tick)
        if self.start * 2 > self.highest:
            raise UsageError(f"{instrument.symbol}: a price of {self.start} does not leave room in 15 digits")
        self.gap = max(1, min(12, ticks // (4 * target)))
        """Ticks between two neighbouring levels: up to about this, closer near the touch."""
        self.floors = (0, -self.highest - tick)
        """A key must be greater than this: bids stay positive, asks within the digits."""
        self.anchors = [self.start, -self.start - tick]
        """Where the best of a side that is empty now was last."""
        spread = 1 + int(random() * 4)
        bids = self._initial(SIDES[0], self.start)
        self.engine.load(bids, self._initial(SIDES[1], -self.start - spread * tick))
        book = self.engine.book
        self.keys: tuple[Sequence[int], Sequence[int]] = (book.keys(SIDES[0]), book.keys(SIDES[1]))
        """By side: its keys, worst first. Live."""

    def _initial(self, side: Side, key: int) -> Iterable[tuple[int, tuple[int, ...]]]:
        random, tick, gap, lot_size = self.random, self.tick, self.gap, self.sizes.draw_initial
        floor = self.floors[side]
        near = max(1, gap // 3)
        levels = []
        for number in range(self.target):
            if key <= floor:
                break
            size = lot_size()
            orders: tuple[int, ...] = (size,)
            if random() < 0.25:
                part = self.sizes.below(size, 0)
                if part:
                    orders = (size - part, part)
            levels.append((-key if side else key, orders))
            key -= tick * (1 + int(random() * random() * (near if number < 12 else gap)))
        return levels

    # --- places --------------------------------------------------------------------------------------------------

    def ceiling(self, side: Side) -> int | None:
        """A key of this side must be smaller: the other side's best, or a protected (perhaps absent) level there."""
        other = SIDES[1 - side]
        keys = self.keys[other]
        protected = self.guard.best[other]
        if not keys:
            return None if protected is None else -protected
        best = keys[-1]
        return -best if protected is None or protected < best else -protected

    def slot(self, side: Side, rank: int, strict: bool) -> tuple[int, int]:
        """The open interval of keys where a new level would get this rank (0..count); empty if low >= high.

        ``strict``: the ranks of protected levels stay as they are; else they may fall, down to the tenth."""
        keys = self.keys[side]
        count = len(keys)
        tick = self.tick
        if rank:
            high = keys[count - rank]
            low = keys[count - rank - 1] if rank < count else max(self.floors[side], high - tick * (2 * self.gap + 1))
        else:
            ceiling = self.ceiling(side)
            if count:
                low = keys[-1]
                high = low + 5 * tick if ceiling is None else ceiling
            else:
                high = self.anchors[side] + tick if ceiling is None else ceiling
                low = max(self.floors[side], high - tick * 7)
            if side:
                high = min(high, 0)
            elif high > self.highest:
                high = self.highest + tick
        worst = self.guard.worst[side]
        if worst is not None and (strict or count - bisect_right(keys, worst) >= KEPT_RANK):
            high = min(high, worst)
        return low, high

    def pick_key(self, side: Side, low: int, high: int, *, near: bool = False) -> int | None:
        """A free key between two, on the grid; ``near``: rather close to the low end."""
        tick = self.tick
        free = (high - low - 1) // tick
        if free < 1:
            return None
        span = min(free, 3) if near and self.random() < 0.7 else free
        offset = int(self.random() * span)
        protected = self.guard.keys[side]
        for step in range(min(free, len(protected) + 1)):
            key = low + tick * (1 + (offset + step) % free)
            if key not in protected:
                return key
        return None

    def far_key(self, side: Side) -> int | None:
        """A free key far away from the touch of a side that has levels; None where there is no room."""
        keys = self.keys[side]
        tick = self.tick
        distance = max(self.start // 10, (keys[-1] - keys[0]) // 4)
        high = keys[-1] - distance + distance % tick
        low = max(self.floors[side], high - max(distance, 20 * tick) // tick * tick)
        worst = self.guard.worst[side]
        if worst is not None:
            high = min(high, worst)
        size_at = self.engine.book.get
        for _ in range(4):
            key = self.pick_key(side, low, high)
            if key is not None and not size_at(side, -key if side else key):
                return key
        return None

    # --- acts: each one participant's, on one or more levels -----------------------------------------------------

    def add(self, side: Side, key: int) -> None:
        """A new level."""
        self.engine.limit(side, -key if side else key, self.sizes.draw(self.index))

    def add_between(self, side: Side, low: int, high: int, *, near: bool = False) -> bool:
        """A new level somewhere between two keys. False: no room, nothing happened."""
        key = self.pick_key(side, low, high, near=near)
        if key is None:
            return False
        self.add(side, key)
        return True

    def resize(self, side: Side, key: int) -> None:
        """Another size at an existing level."""
        price = -key if side else key
        old = self.engine.book.get(side, price)
        new = self.sizes.below(old, self.index) if self.random() < 0.25 else 0
        if not new or new == old:
            new = self.sizes.other_than(old, self.index)
        if new < old:
            self.engine.shrink(side, price, old - new)
            return
        queue = self.engine.queue(side, price)
        if len(queue) < 3:
            self.engine.enlarge(side, price, new - old)
        else:
            order, size = queue[-1]
            self.engine.replace(order, price, size + new - old)

    def remove(self, side: Side, key: int) -> None:
        """Cancel every order of a level."""
        for order, _ in self.engine.queue(side, -key if side else key):
            self.engine.cancel(order)
        if not self.keys[side]:
            self.anchors[side] = key

    def move(self, side: Side, key: int, low: int, high: int) -> bool:
        """The only order of a level goes to somewhere between two keys, with another size. False: it cannot."""
        queue = self.engine.queue(side, -key if side else key)
        if len(queue) != 1:
            return False
        new = self.pick_key(side, low, high)
        if new is None:
            return False
        self.engine.replace(queue[0][0], -new if side else new, self.sizes.draw(self.index))
        return True

    def bite(self, side: Side, key: int) -> int:
        """How much to take from a level so that something is left that names this event; 0 if that cannot be."""
        if key in self.guard.keys[side]:
            return 0
        total = self._total(side, (key,))
        rest = self.sizes.below(total, self.index)
        return total - rest if rest else 0

    def take(self, side: Side, count: int, *, part: bool = False) -> None:
        """A market order takes the best ``count`` levels whole; ``part``: and some of the next."""
        keys = self.keys[side]
        size = self._total(side, keys[-count:])
        if part and len(keys) > count:
            size += self.bite(side, keys[-count - 1])
        if count == len(keys):
            self.anchors[side] = keys[0]
        self.engine.market(SIDES[1 - side], size)

    def take_and_rest(self, side: Side) -> None:
        """A limit order of ``side`` takes the other side's best level whole, and rests at that price."""
        other = SIDES[1 - side]
        keys = self.keys[other]
        best = keys[-1]
        size = self._total(other, (best,)) + self.sizes.draw(self.index)
        if len(keys) == 1:
            self.anchors[other] = best
        self.engine.limit(side, -best if other else best, size)

    def drain(self, side: Side) -> None:
        """Every order of a side is cancelled."""
        anchor = self.keys[side][-1]
        for key in self.keys[side][::-1]:
            self.remove(side, key)
        self.anchors[side] = anchor

    def refill(self, side: Side, count: int) -> bool:
        """Add up to ``count`` levels: from the touch down on an empty side, else beyond the worst. False: no room."""
        for done in range(count):
            rank = len(self.keys[side])
            for strict in (True, False):
                low, high = self.slot(side, rank, strict)
                if self.add_between(side, low, high):
                    break
            else:
                return bool(done)
        return True

    def _total(self, side: Side, keys: Iterable[int]) -> int:
        get = self.engine.book.get
        return sum([get(side, -key if side else key) for key in keys])
