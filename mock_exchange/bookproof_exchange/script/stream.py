"""The tick stream of each symbol: what the market does next, one update at a time, steered where a script asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bookproof_exchange.dialects.api import Tick
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Shape, Side
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.seeds import stream


class TickStream:
    """Cuts one symbol's events into updates. `plan` looks ahead without moving the cursor (an early REST snapshot)."""

    def __init__(
        self,
        view: MarketView,
        symbol: str,
        batch: tuple[int, int],
        seed: int,
        impossible: Callable[[UsageError], None] | None = None,
    ) -> None:
        """``impossible``: told of an update that the present book cannot have; an ordinary one takes its place. None: the
        error is raised."""
        self._view = view
        self._symbol = symbol
        self._truth = view.truth(symbol)
        self._batch = batch
        self._random = stream(seed, "ticks", symbol)
        self._impossible = impossible
        self._end = view.index(symbol)
        self._planned: deque[Tick] = deque()
        self._shapes: deque[Shape] = deque()
        self._ends: list[int] = [self._end]

    def steer(self, *shapes: Shape) -> None:
        """The next updates each have an event of these shapes."""
        self._shapes.extend(shapes)

    @property
    def steered(self) -> bool:
        """Whether shapes asked for are still to come."""
        return bool(self._shapes)

    def next(self) -> Tick:
        """The next update; the caller moves the cursor."""
        tick = self._planned.popleft() if self._planned else self._make()
        self._ends.append(tick.last)
        return tick

    def plan(self, count: int) -> Tick:
        """Plan ``count`` updates ahead and return the last of them."""
        while len(self._planned) < count:
            self._planned.append(self._make())
        return self._planned[count - 1]

    def wide(self) -> Tick:
        """The first of the planned updates that covers several versions; one is planned where there is none."""
        for tick in self._planned:
            if tick.last - tick.first > 1:
                return tick
        self._planned.append(self._make(4))
        return self._planned[-1]

    def past(self, by: int) -> int:
        """The version at the cursor ``by`` updates ago (0: at the cursor); before the first, back into the history."""
        if by < len(self._ends):
            return self._ends[-1 - by]
        return max(0, self._ends[0] - 2 * (by - len(self._ends) + 1))

    def _make(self, events: int | None = None) -> Tick:
        first = self._end
        low, high = self._batch
        count = events if events is not None else self._random.randint(low, high)
        shape = self._shapes.popleft() if self._shapes else None
        # the steered event comes last, so that nothing in the same update undoes it
        unsteered = count - 1 if shape is not None else count
        if self._impossible is None:
            self._truth.ensure(self._truth.last + unsteered)
        else:
            for _ in range(unsteered):
                self._extend(None)
        if shape is not None:
            self._extend(shape)
        self._end = self._truth.last
        return Tick(self._symbol, first, self._end)

    def _extend(self, shape: Shape | None) -> None:
        try:
            self._truth.extend(shape)
        except UsageError as error:  # then nothing has happened
            if self._impossible is None:
                raise
            self._impossible(error)
            self._shapes.clear()
            self._truth.unprotect()
            self._truth.extend()


def touched(view: MarketView, tick: Tick) -> set[tuple[Side, int]]:
    """The levels that an update changes."""
    return {
        (change.side, change.price)
        for event in view.truth(tick.symbol).events(tick.first, tick.last)
        for change in event.changes
    }
