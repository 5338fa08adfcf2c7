"""The cursor in a recording: every symbol moves in the order recorded."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.capture.stage import RecordedView
from bookproof_exchange.capture.stream import RecordedStream
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Shape
from bookproof_exchange.script.actions import Action, SendMode
from bookproof_exchange.script.armory import Armory
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.outlet import Outlet, joined


class RecordedCursor(Cursor):
    """Moves through what was recorded; at its end it sends nothing more."""

    def __init__(
        self,
        dialect: Dialect,
        view: RecordedView,
        seed: int,
        outlet: Outlet,
        armory: Armory,
        no_room: Callable[[UsageError], None] | None = None,
    ) -> None:
        super().__init__(dialect, view, seed, outlet, armory, no_room)
        self._recorded = {symbol: RecordedStream(view, symbol) for symbol in view.instruments}
        self.streams = dict(self._recorded)

    def advance(
        self, count: int = 1, *, symbol: str | None = None, shape: Shape | None = None, mode: SendMode = "burst"
    ) -> list[Action]:
        """Send the next ``count`` recorded updates of a symbol, and those of the others that lie between (after its last
        one: all that are left)."""
        symbol = self.symbols[0] if symbol is None else symbol
        actions: list[Action] = []
        sent = 0
        while sent < count and (wanted := self._recorded[symbol].upcoming) is not None:
            first = min(
                (
                    (step.order, name)
                    for name, stream in self._recorded.items()
                    if (step := stream.upcoming) is not None and step.order < wanted.order
                ),
                default=(wanted.order, symbol),
            )
            visible = self._tick(first[1], actions)
            if first[1] == symbol and (visible or not self._listened(symbol)):
                sent += 1
        if self._recorded[symbol].upcoming is None:
            for _, name in sorted(
                (step.order, other) for other, stream in self._recorded.items() for step in stream.left
            ):
                self._tick(name, actions)
        return joined(actions, mode)
