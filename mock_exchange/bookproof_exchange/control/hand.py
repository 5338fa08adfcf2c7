"""A fault that was injected by hand or by a script: what it waits for, and whether it struck."""

from __future__ import annotations

from typing import Literal

from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.script.exchange import Exchange

State = Literal["waiting", "struck", "disarmed"]


class Conflict(UsageError):
    """It cannot be done now; at another time it could."""


class Injected:
    """One fault of a served exchange, by its number."""

    def __init__(
        self, *, number: int, fault: specs.Fault, legal: bool, waits_for: str, position: int, script: object = None
    ) -> None:
        """``position``: of the newest evidence when it was armed. ``script``: whose it is, None: a hand's."""
        self.number = number
        self.fault = fault
        self.legal = legal
        self.waits_for = waits_for
        self.position = position
        self.script = script
        self.strikes = 0
        self.first: int | None = None
        """The position of its first strike."""
        self.last: int | None = None
        self.note = ""
        """What it did, at its newest strike."""
        self.disarmed = False

    @property
    def state(self) -> State:
        if self.strikes:
            return "struck"
        return "disarmed" if self.disarmed else "waiting"

    def struck(self, position: int, note: str) -> None:
        """It did its work once more."""
        self.strikes += 1
        self.first = position if self.first is None else self.first
        self.last = position
        self.note = note or self.note


def waits_for(fault: specs.Fault, exchange: Exchange) -> str:
    """What has to come so that the fault strikes, in words."""
    match fault:
        case specs.OnUpdates():
            return f"the next updates of {exchange.symbols[fault.symbol - 1]}"
        case specs.LateTail():
            return "the next unsubscription, or the next subscription of a new connection"
        case (
            specs.LateAck()
            | specs.NoAck()
            | specs.RefuseSubscribe()
            | specs.NoSnapshot()
            | specs.EarlyUpdates()
            | specs.Close()
            | specs.BrokenFrame()
            | specs.Farewell()
        ):
            return "the next subscription"
        case (
            specs.StaleRest()
            | specs.AheadRest()
            | specs.StraddledRest()
            | specs.SlowRest()
            | specs.PiecedRest()
            | specs.FailingRest()
        ):
            return "the next snapshot request"
        case specs.NewFields():
            return "the next message or answer"
        case _:
            return "nothing: it strikes at once"


def needed_now(fault: specs.Fault, exchange: Exchange) -> str | None:
    """What a fault that strikes at once lacks to strike anything; None: nothing."""
    match fault:
        case specs.Resnapshot():
            symbol = exchange.symbols[fault.symbol - 1]
            return None if exchange.subscribed(symbol) else f"nobody is subscribed to the book of {symbol}"
        case specs.Stall(scope="feed"):
            symbol = exchange.symbols[fault.symbol - 1]
            heard = any(exchange.subscribed(symbol, channel) for channel in ("book", "trades"))
            return None if heard else f"nobody is subscribed to {symbol}"
        case specs.Stall():
            return None if exchange.open_connections() else "nobody is connected"
        case _:
            return None
