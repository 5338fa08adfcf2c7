"""The updates of a recorded symbol, one after the other, where a generated market would make the next one."""

from __future__ import annotations

from bookproof_exchange.capture.stage import RecordedTick, RecordedView
from bookproof_exchange.capture.stretch import Step
from bookproof_exchange.dialects.api import Tick
from bookproof_exchange.market import Shape
from bookproof_exchange.script.stream import TickStream


class RecordedStream(TickStream):
    """A `TickStream` that nothing steers. After the last update its ticks are empty."""

    def __init__(self, view: RecordedView, symbol: str) -> None:
        self._recorded = view
        self._symbol = symbol
        self._steps = view.stretches[symbol].steps
        self._ends = [view.index(symbol)]

    def steer(self, *shapes: Shape) -> None:
        """Nothing: what comes next was recorded."""

    @property
    def steered(self) -> bool:
        return False

    @property
    def upcoming(self) -> Step | None:
        """The next update; None: the recording is over."""
        at = self._recorded.sent[self._symbol]
        return self._steps[at] if at < len(self._steps) else None

    def ahead(self, count: int) -> tuple[Step, ...]:
        """The next updates, as many as there are."""
        at = self._recorded.sent[self._symbol]
        return self._steps[at : at + count]

    @property
    def left(self) -> tuple[Step, ...]:
        """Every update that is still to come."""
        return self._steps[self._recorded.sent[self._symbol] :]

    def next(self) -> Tick:
        step = self.upcoming
        if step is None:
            index = self._recorded.index(self._symbol)
            return RecordedTick(self._symbol, index, index)
        self._recorded.sent[self._symbol] += 1
        self._ends.append(step.last)
        return RecordedTick(self._symbol, step.first, step.last, step)

    def plan(self, count: int) -> Tick:
        ahead = self._leading()[:count]
        index = self._recorded.index(self._symbol)
        return Tick(self._symbol, ahead[-1].first, ahead[-1].last) if ahead else Tick(self._symbol, index, index)

    def wide(self) -> Tick:
        """The first update to come inside which a REST snapshot was recorded; else the next one."""
        inside = next((step for step in self._leading() if step.last - step.first > 1), None)
        return self.plan(1) if inside is None else Tick(self._symbol, inside.first, inside.last)

    def _leading(self) -> list[Step]:
        return [step for step in self.left if step.last > step.first]
