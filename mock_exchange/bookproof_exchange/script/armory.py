"""The armed faults of one case: which may still strike, and that they did."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.faults import specs
from bookproof_exchange.script.ledger import Ledger


class Armed(msgspec.Struct):
    """A fault of the script, numbered from 1 in the order armed. ``left``: how often it still strikes."""

    number: int
    spec: specs.Fault
    legal: bool
    left: int
    struck: int = 0


class Armory:
    """Every fault that the script has armed so far."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._armed: dict[int, Armed] = {}
        self.on_strike: Callable[[Armed], None] = lambda armed: None
        """Told of every strike, after it was recorded."""

    def add(self, number: int, spec: specs.Fault, *, legal: bool) -> Armed:
        """Arm a fault; numbers are unique."""
        armed = Armed(number, spec, legal, getattr(spec, "times", 1))
        self._armed[number] = armed
        return armed

    def numbered(self, number: int) -> Armed:
        return self._armed[number]

    def waits(self, *kinds: type[specs.Spec]) -> bool:
        """Whether a fault of these kinds may still strike."""
        return any(isinstance(armed.spec, kinds) and armed.left > 0 for armed in self._armed.values())

    def take(self, *kinds: type[specs.Spec]) -> Armed | None:
        """The first armed fault of these kinds that may still strike, used up by one."""
        for armed in self._armed.values():
            if isinstance(armed.spec, kinds) and armed.left > 0:
                armed.left -= 1
                return armed
        return None

    def unfired(self) -> list[Armed]:
        """Faults that never struck."""
        return [armed for armed in self._armed.values() if armed.struck == 0]

    def strike(
        self,
        armed: Armed,
        connection: int | None,
        *,
        symbol: str | None = None,
        first: int = 0,
        last: int = 0,
        note: str = "",
    ) -> None:
        """The fault does its work now: the evidence says so."""
        armed.struck += 1
        self._ledger.record(
            lambda position, at: evidence.Struck(
                position=position,
                at=at,
                fault=armed.number,
                kind=specs.kind_of(armed.spec),
                connection=connection,
                symbol=symbol,
                first=first,
                last=last,
                note=note,
            )
        )
        self.on_strike(armed)
