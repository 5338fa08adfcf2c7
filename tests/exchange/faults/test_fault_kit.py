"""The kit for foreign faults passes the built-in ones and finds each way to break a law."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from types import SimpleNamespace

import msgspec
import pytest

from bookproof_exchange.dialects.api import Edit, Feed, Kind, Message
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import registry, specs
from bookproof_exchange.faults.kit import check_stage
from bookproof_exchange.faults.messages import MessageLine
from bookproof_exchange.faults.stage import Delivery, Report, Stage
from bookproof_exchange.faults.stages import stage
from bookproof_exchange.registry import Registry


def bang(message: Message, edit: Edit) -> Message:
    return msgspec.structs.replace(message, payload=message.payload + b"!")


@pytest.mark.parametrize(
    "fault",
    [
        specs.Drop(count=2),
        specs.Duplicate(),
        specs.Duplicate(later=3),
        specs.Swap(),
        specs.Delay(by=1),
        specs.Delay(by=4),
        specs.Edited(edit="cut", count=2),
        specs.Fragmented(count=2),
    ],
)
def test_the_built_in_faults_keep_the_laws(fault: specs.MessageFault) -> None:
    check_stage(lambda number: stage(number, fault, bang), examples=60)


class EveryThird:
    """Loses every third update that nobody else has touched."""

    def __init__(self, number: int, options: Mapping[str, int | str] | None = None) -> None:
        self.left = int((options or {}).get("times", 2))
        self.seen = 0

    @property
    def waiting(self) -> bool:
        return self.left > 0

    @property
    def holding(self) -> bool:
        return False

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if not self.left or update.faults:
            return (update,)
        self.seen += 1
        if self.seen % 3:
            return (update,)
        self.left -= 1
        report(update.message, "lost, as every third")
        return ()

    def flush(self, report: Report) -> Sequence[Delivery]:
        return ()


def test_a_foreign_fault_that_keeps_the_laws_passes() -> None:
    check_stage(EveryThird)


class TakesTouched(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        return super().push(Delivery(update.message), report) if self.left else (update,)


class TakesTouchedMessages(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        out = super().push(Delivery(update.message), report) if self.left else (update,)
        return (update,) if out else ()


class SaysNothing(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        return super().push(update, lambda message, note: None)


class ChangesUnmarked(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        out = super().push(update, report)
        return out or (Delivery(msgspec.structs.replace(update.message, payload=b"x")),)


class NeverEnds(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        self.left, left = 1, self.left
        out = super().push(update, report)
        self.left = min(left, self.left)
        return out


class Keeps(EveryThird):
    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        return super().push(update, report)

    @property
    def holding(self) -> bool:
        return self.seen > 0


class Invents(EveryThird):
    def flush(self, report: Report) -> Sequence[Delivery]:
        message = Message(kind=Kind.UPDATE, payload=b"new", first=1, last=2)
        report(message, "invented")
        return (Delivery(message, (7,)),)


class Turns(EveryThird):
    """Swaps two updates without a mark."""

    kept: Delivery | None = None

    @property
    def holding(self) -> bool:
        return self.kept is not None

    def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
        if self.kept is None and self.left and not update.faults:
            report(update.message, "swapped")
            self.kept = update
            return ()
        out = (update, self.kept) if self.kept is not None else (update,)
        self.kept, self.left = None, 0
        return out

    def flush(self, report: Report) -> Sequence[Delivery]:
        out = () if self.kept is None else (self.kept,)
        self.kept = None
        return out


class Random(EveryThird):
    calls = 0

    def __init__(self, number: int, options: Mapping[str, int | str] | None = None) -> None:
        super().__init__(number, options)
        Random.calls += 1
        self.seen = Random.calls % 2


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (TakesTouched, "passes unchanged|no other fault has touched"),
        (TakesTouchedMessages, "no other fault has touched"),
        (SaysNothing, "it reports every strike"),
        (ChangesUnmarked, "what it does not touch passes unchanged"),
        (NeverEnds, "when it neither waits nor holds it is the identity"),
        (Keeps, "after flush it holds nothing"),
        (Invents, "no other fault has touched"),
        (Turns, "what it does not touch passes in order"),
        (Random, "it is deterministic"),
    ],
)
def test_every_broken_law_is_found(broken: Callable[[int], Stage], law: str) -> None:
    with pytest.raises(AssertionError, match=f"the stage breaks the law: .*({law})"):
        check_stage(broken)


# --- the registry of foreign faults ---------------------------------------------------------------------------------


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Registry[registry.Maker]:
    """As if a package had brought the fault `every-third`."""
    point = SimpleNamespace(name="every-third", load=lambda: EveryThird)
    real = metadata.entry_points
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [point] if group == "bookproof.faults" else real(group=group)
    )
    fresh: Registry[registry.Maker] = Registry("message fault", "bookproof.faults")
    monkeypatch.setattr(registry, "FOREIGN", fresh)
    monkeypatch.setattr("bookproof_exchange.faults.stages.FOREIGN", fresh)
    return fresh


def test_a_foreign_fault_can_be_armed_by_name(installed: Registry[registry.Maker]) -> None:
    assert installed.names() == ("every-third",)


def test_a_foreign_fault_strikes_in_the_line_with_its_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh: Registry[registry.Maker] = Registry("message fault", "bookproof.none")
    fresh.add("every-third", lambda: EveryThird)
    monkeypatch.setattr("bookproof_exchange.faults.stages.FOREIGN", fresh)
    feed = Feed("A", "book")
    line = MessageLine(feed, bang)
    line.arm(1, specs.Custom(name="every-third", options={"times": 1}))
    updates = [Message(kind=Kind.UPDATE, payload=b"%d" % n, feed=feed, first=n, last=n + 1) for n in range(7)]
    out = [delivery.message.payload for update in updates for delivery in line.push(update)]
    assert out == [b"0", b"1", b"3", b"4", b"5", b"6"]
    assert [(strike.first, strike.note) for strike in line.strikes] == [(2, "lost, as every third")]
    assert line.idle


def test_a_foreign_fault_that_is_not_installed_is_a_usage_error() -> None:
    line = MessageLine(Feed("A", "book"), bang)
    with pytest.raises(UsageError, match="unknown message fault 'nobodys'"):
        line.arm(1, specs.Custom(name="nobodys"))


def test_foreign_faults_are_listed(installed: Registry[registry.Maker]) -> None:
    (info,) = [info for info in registry.faults() if info.kind == "every-third"]
    assert info.title == "Loses every third update that nobody else has touched."
    assert [parameter.name for parameter in info.parameters] == ["shape", "symbol", "name", "options"]
