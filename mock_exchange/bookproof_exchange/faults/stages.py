"""The built-in message faults, one stage each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bookproof_exchange.dialects.api import Edit, Message
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.forms import Fragments
from bookproof_exchange.faults.registry import FOREIGN
from bookproof_exchange.faults.stage import Delivery, Report, Stage

#: A dialect's edit; None where the message cannot carry it.
Editor = Callable[[Message, Edit], Message | None]


class DropStage:
    """The next ``count`` updates are lost."""

    def __init__(self, number: int, fault: specs.Drop) -> None:
        self.left = fault.count

    @property
    def waiting(self) -> bool:
        return self.left > 0

    @property
    def holding(self) -> bool:
        return False

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if not self.left or update.faults:
            return (update,)
        self.left -= 1
        report(update.message, "lost")
        return ()

    def flush(self, report: Report) -> Sequence[Delivery]:
        return ()


class DuplicateStage:
    """The next update comes again after ``later`` further ones."""

    def __init__(self, number: int, fault: specs.Duplicate) -> None:
        self.number = number
        self.later = fault.later
        self.waiting = True
        self.copy: Delivery | None = None
        self.passed = 0

    @property
    def holding(self) -> bool:
        return self.copy is not None

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if self.copy is not None:
            self.passed += 1
            return (update, *self.flush(report)) if self.passed >= self.later else (update,)
        if not self.waiting or update.faults:
            return (update,)
        self.waiting = False
        self.copy = update.by(self.number)
        return (self.copy,) if self.later else (self.copy, *self.flush(report))

    def flush(self, report: Report) -> Sequence[Delivery]:
        if self.copy is None:
            return ()
        copy, self.copy = self.copy, None
        report(copy.message, "sent again" if not self.passed else f"sent again after {_updates(self.passed)}")
        return (copy,)


class DelayStage:
    """The next update comes after the ``by`` updates that follow it; ``swap`` is a delay by one."""

    def __init__(self, number: int, fault: specs.Delay | specs.Swap) -> None:
        self.number = number
        self.by = fault.by if isinstance(fault, specs.Delay) else 1
        self.swap = isinstance(fault, specs.Swap)
        self.done = False
        self.held: Delivery | None = None
        self.passed = 0

    @property
    def waiting(self) -> bool:
        # An update held back alone has changed nothing that anybody could see.
        return not self.done and not self.passed

    @property
    def holding(self) -> bool:
        return self.held is not None

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if self.held is None:
            if self.done or update.faults:
                return (update,)
            self.held = update
            return ()
        self.passed += 1
        if self.passed == 1:
            what = "changes places with the next update" if self.swap else f"comes up to {_updates(self.by)} late"
            report(self.held.message, what)
        if self.swap:
            update = update.by(self.number)
        return (update, *self.flush(report)) if self.passed >= self.by else (update,)

    def flush(self, report: Report) -> Sequence[Delivery]:
        if self.held is None:
            return ()
        held, self.held = self.held, None
        if not self.passed:
            # Nothing overtook it: the fault did not strike and waits on.
            return (held,)
        self.done = True
        return (held.by(self.number),)


class EditStage:
    """The next ``count`` updates that can carry the edit carry it.

    An edit that covers no versions (a message of an unknown type, an update without levels) does not stand for the
    update: it goes out beside it, in front, since taking the update's place would lose that."""

    def __init__(self, number: int, fault: specs.Edited, editor: Editor) -> None:
        self.number = number
        self.edit = Edit(kind=fault.edit, value=fault.value)
        self.editor = editor
        self.left = fault.count

    @property
    def waiting(self) -> bool:
        return self.left > 0

    @property
    def holding(self) -> bool:
        return False

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if not self.left or update.faults:
            return (update,)
        edited = self.editor(update.message, self.edit)
        if edited is None:
            return (update,)
        self.left -= 1
        report(update.message, self.edit.kind)
        if edited.first == edited.last and update.message.first != update.message.last:
            return (update.by(self.number, edited), update)
        return (update.by(self.number, edited),)

    def flush(self, report: Report) -> Sequence[Delivery]:
        return ()


class FragmentStage:
    """The next ``count`` updates come in several frames each."""

    def __init__(self, number: int, fault: specs.Fragmented) -> None:
        self.number = number
        self.form = Fragments(fault.pieces, fault.between)
        self.left = fault.count

    @property
    def waiting(self) -> bool:
        return self.left > 0

    @property
    def holding(self) -> bool:
        return False

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if not self.left or update.faults:
            return (update,)
        self.left -= 1
        report(update.message, f"in {self.form.pieces} frames")
        return (msgspec.structs.replace(update.by(self.number), form=self.form),)

    def flush(self, report: Report) -> Sequence[Delivery]:
        return ()


def stage(number: int, fault: specs.MessageFault, editor: Editor) -> Stage:
    """The machine that carries out a message fault; ``number`` marks what it touches.

    UsageError for a foreign fault that is not installed, and whatever its maker objects to."""
    match fault:
        case specs.Drop():
            return DropStage(number, fault)
        case specs.Duplicate():
            return DuplicateStage(number, fault)
        case specs.Swap() | specs.Delay():
            return DelayStage(number, fault)
        case specs.Edited():
            return EditStage(number, fault, editor)
        case specs.Fragmented():
            return FragmentStage(number, fault)
        case specs.Custom():
            return FOREIGN.get(fault.name)(number, fault.options)


def _updates(count: int) -> str:
    return "1 update" if count == 1 else f"{count} updates"
