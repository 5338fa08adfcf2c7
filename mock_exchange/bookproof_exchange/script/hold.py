"""Holding: what a recovering client waits for is kept back while the script looks at what the client shows meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bookproof_exchange.script.actions import Action, Admit


class Hold:
    """Keeps back handshakes, acknowledgements and snapshots, in order, until they are let go."""

    def __init__(self) -> None:
        self.on = False
        self._later: list[Callable[[], Iterator[Action]]] = []

    @property
    def kept(self) -> int:
        """How many things are kept back."""
        return len(self._later)

    def later(self, what: Callable[[], Iterator[Action]]) -> None:
        """Do this when the holding ends."""
        self._later.append(what)

    def release(self) -> list[Action]:
        """End the holding and do what was kept back, in order (until something begins a new holding)."""
        self.on = False
        actions: list[Action] = []
        admitted: list[Action] = []
        while self._later and not self.on:
            for action in self._later.pop(0)():
                (admitted if isinstance(action, Admit) else actions).append(action)
        # A handshake comes last: what it sets off is recorded, and written, in the middle of performing it.
        return actions + admitted
