"""The cursor in a recording: every symbol moves in the order recorded."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.capture.stage import RecordedView
from bookproof_exchange.capture.stream import RecordedStream
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Shape, Side
from bookproof_exchange.script.actions import Action, SendMode
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.outlet import Outlet, joined

CHECKED_LEVELS = 10
"""Levels a side that a venue's checksum covers at least."""


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
        self._truths = view.truths
        self._by_checksum = dialect.traits.checksum and not dialect.traits.sequence
        self._later: list[tuple[Armed, specs.MessageFault]] = []
        """Message faults that wait for an update of which a client can know."""
        self._recorded = {symbol: RecordedStream(view, symbol) for symbol in view.instruments}
        self.streams = dict(self._recorded)

    def arm(self, armed: Armed, spec: specs.MessageFault) -> None:
        """As ever; where nothing but a checksum tells of a loss, a fault waits for an update that it covers, since none can
        be made to be such a one."""
        if self._by_checksum and not armed.legal:
            self._later.append((armed, spec))
        else:
            super().arm(armed, spec)

    def _tick(self, symbol: str, actions: list[Action]) -> bool:
        if self._later and self._tells(symbol):
            due = [each for each in self._later if self.symbol(each[1].symbol) == symbol]
            self._later = [each for each in self._later if each not in due]
            for armed, spec in due:
                super().arm(armed, spec)
        return super()._tick(symbol, actions)

    def _tells(self, symbol: str) -> bool:
        """Whether the loss of the next update must show in the checksum of the one after: all that it changes is among the
        levels that count, and the next one does not change it again."""
        ahead = self._recorded[symbol].ahead(2)
        if len(ahead) < 2:
            return False
        first, second = ahead
        truth = self._truths[symbol]
        counted = {
            (side, price)
            for version in (first.first, first.last)
            for side in Side
            for price, _ in truth.levels(version, side, CHECKED_LEVELS)
        }
        changed = {
            (change.side, change.price) for event in truth.events(first.first, first.last) for change in event.changes
        }
        again = {(change.side, change.price) for change in second.changes}
        return bool(changed) and changed <= counted and not changed & again

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
