"""What a message fault is: a small machine that a feed's updates pass through, in order.

Laws that every stage keeps (`faults.kit` tests them for anyone's):

* it begins a strike only with an update that no other fault has touched;
* what it does not touch passes unchanged and in order;
* what it touches carries its number;
* it reports every strike: the message as it was meant to be sent, and what was done to it;
* when it neither waits nor holds it is the identity;
* after ``flush`` it holds nothing;
* it is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from bookproof_exchange.dialects.api import Message
from bookproof_exchange.faults.forms import Form


class Delivery(msgspec.Struct, frozen=True):
    """One message as it goes out, and the numbers of the faults that touched it."""

    message: Message
    faults: tuple[int, ...] = ()
    form: Form | None = None
    """How it is framed; None: as one frame."""

    def by(self, number: int, message: Message | None = None) -> Delivery:
        """The same, touched by one more fault; ``message``: what stands in its place now."""
        return Delivery(self.message if message is None else message, (*self.faults, number), self.form)


#: A stage reports through this that it struck: the message concerned (as it was before), and what was done to it.
Report = Callable[[Message, str], None]


class Stage(Protocol):
    """One armed message fault."""

    @property
    def waiting(self) -> bool:
        """Whether it has yet to strike, wholly or in part."""
        ...

    @property
    def holding(self) -> bool:
        """Whether it keeps something that will be delivered later."""
        ...

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        """The feed's next update; returns what goes out now."""
        ...

    def flush(self, report: Report) -> Sequence[Delivery]:
        """The end: returns everything held, in the order in which it would have gone out."""
        ...
