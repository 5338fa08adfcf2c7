"""The message faults on one feed: what the exchange sends, with the armed faults composed over it. Pure.

Faults strike in the order in which they were armed, each update at most once: with ``drop`` and then ``duplicate``
armed, the next update is lost and the one after it comes twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof_exchange.dialects.api import Feed, Kind, Message
from bookproof_exchange.errors import HarnessError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.stage import Delivery, Stage
from bookproof_exchange.faults.stages import Editor, stage
from bookproof_exchange.market.events import Shape

__all__ = ["Delivery", "Editor", "MessageLine", "Strike"]


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """That a fault struck. ``message`` is the one concerned, as the exchange meant to send it; it led from truth
    version ``first`` to ``last``."""

    fault: int
    message: Message
    first: int
    last: int
    note: str


class _Armed:
    """A fault in the line."""

    def __init__(self, number: int, fault: specs.MessageFault, machine: Stage) -> None:
        self.number = number
        self.fault = fault
        self.machine = machine
        self.strikes = 0


class MessageLine:
    """One feed's outgoing messages and the faults armed on them.

    Only updates of the feed are touched; everything else passes unchanged and at once. Without an armed fault the line
    is the identity. Deterministic: no clock, no randomness."""

    def __init__(self, feed: Feed, edit: Editor) -> None:
        """``edit``: the dialect's edit of a message, None where the message cannot carry it."""
        self.feed = feed
        self._edit = edit
        self._armed: list[_Armed] = []
        self._strikes: list[Strike] = []

    def arm(self, number: int, fault: specs.MessageFault) -> None:
        """From now on the fault waits for its update. ``number``: the scenario's own, unique."""
        if any(armed.number == number for armed in self._armed):
            raise HarnessError(f"fault {number} is armed twice")
        self._armed.append(_Armed(number, fault, stage(number, fault, self._edit)))

    def disarm(self, number: int) -> tuple[Delivery, ...]:
        """The fault strikes no more. What it holds back goes out now, and with it whatever the others hold."""
        released = self.flush() if number in self.held else ()
        self._armed = [armed for armed in self._armed if armed.number != number]
        return released

    @property
    def armed(self) -> tuple[int, ...]:
        """The numbers of the faults that were armed here."""
        return tuple(armed.number for armed in self._armed)

    def push(self, message: Message) -> tuple[Delivery, ...]:
        """The exchange sends this now: what really goes out, in order."""
        if message.kind is not Kind.UPDATE or message.feed != self.feed:
            return (Delivery(message),)
        passing: Sequence[Delivery] = (Delivery(message),)
        for armed in self._armed:
            passing = self._through(armed, passing)
        return tuple(passing)

    def flush(self) -> tuple[Delivery, ...]:
        """Let everything go that is held back (the end of the script, or before the connection closes), in order.

        A fault that has not struck stays armed, and `unfired`."""
        released: list[Delivery] = []
        for place, armed in enumerate(self._armed):
            passing: Sequence[Delivery] = armed.machine.flush(self._report(armed))
            for later in self._armed[place + 1 :]:
                passing = self._through(later, passing)
            released += passing
        # What an earlier fault let go may have begun another strike of a later one; that one was flushed after it.
        return tuple(released)

    @property
    def strikes(self) -> tuple[Strike, ...]:
        """Everything that was done so far, in order."""
        return tuple(self._strikes)

    @property
    def unfired(self) -> tuple[int, ...]:
        """The faults that have yet to strike, wholly or in part: what they were to prove is not proven."""
        return tuple(armed.number for armed in self._armed if armed.machine.waiting)

    @property
    def idle(self) -> bool:
        """Whether no fault waits or holds anything back."""
        return not any(armed.machine.waiting or armed.machine.holding for armed in self._armed)

    @property
    def held(self) -> tuple[int, ...]:
        """The faults that hold an update back at present."""
        return tuple(armed.number for armed in self._armed if armed.machine.holding)

    @property
    def wanted(self) -> Shape | None:
        """The shape that the next update should have, because a fault waits to begin with it; None: any."""
        for armed in self._armed:
            if armed.machine.holding and isinstance(armed.fault, specs.Swap):
                return None
            if armed.machine.waiting and not armed.machine.holding:
                return None if armed.strikes else armed.fault.shape
        return None

    def _through(self, armed: _Armed, passing: Sequence[Delivery]) -> Sequence[Delivery]:
        out: list[Delivery] = []
        for delivery in passing:
            out += armed.machine.push(delivery, self._report(armed))
        return out

    def _report(self, armed: _Armed) -> _Reporter:
        return _Reporter(armed, self._strikes)


class _Reporter:
    """What a stage reports with: notes the strike under the fault's number."""

    def __init__(self, armed: _Armed, strikes: list[Strike]) -> None:
        self._armed = armed
        self._strikes = strikes

    def __call__(self, message: Message, note: str) -> None:
        self._armed.strikes += 1
        self._strikes.append(
            Strike(fault=self._armed.number, message=message, first=message.first, last=message.last, note=note)
        )
