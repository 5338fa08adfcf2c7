"""The conformance kit for message faults: whether a stage keeps the laws of `faults.stage`.

In the tests of the package that brings the fault:

    from bookproof_exchange.faults.kit import check_stage

    def test_my_fault_keeps_the_laws():
        check_stage(lambda number: MyFault(number, every=3))

A broken law is an AssertionError that names the law and the shortest stream that breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import Feed, Kind, Message
from bookproof_exchange.faults.stage import Delivery, Stage

#: The number under which the stage in the test is armed, and that of somebody else's.
OWN, OTHER = 7, 3

_FEED = Feed("BTC/USD", "book", 10)


class Record(msgspec.Struct, frozen=True):
    """What a stage did with a stream: what went out at each push, at the end, and what it reported."""

    pushed: tuple[tuple[Delivery, ...], ...]
    flushed: tuple[Delivery, ...]
    reported: tuple[Message, ...]

    @property
    def out(self) -> tuple[Delivery, ...]:
        return (*(delivery for each in self.pushed for delivery in each), *self.flushed)


def check_stage(make: Callable[[int], Stage], *, examples: int = 200) -> None:
    """Runs the stage that ``make`` returns (a fresh one at every call, for the fault's number) over generated streams.

    AssertionError with the law that it breaks."""

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.booleans(), max_size=12))
    def each_stream(touched: list[bool]) -> None:
        _check(make, touched)

    each_stream()


def _check(make: Callable[[int], Stage], touched: Sequence[bool]) -> None:
    updates = [_update(number, (OTHER,) if taken else ()) for number, taken in enumerate(touched, 1)]
    record = run(make(OWN), updates)
    _law(record == run(make(OWN), updates), "it is deterministic", updates, record)
    given_ = {id(update) for update in updates}
    free = [update.message for update in updates if not update.faults]
    untouched = [delivery for delivery in record.out if OWN not in delivery.faults]
    known = all(id(delivery) in given_ for delivery in untouched)
    _law(known, "what it does not touch passes unchanged", updates, record)
    places = [updates.index(delivery) for delivery in untouched]
    _law(places == sorted(set(places)), "what it does not touch passes in order", updates, record)
    _law(
        all(message in free for message in record.reported),
        "it begins a strike only with an update that no other fault has touched",
        updates,
        record,
    )
    changed = list(record.out) != updates
    _law(not changed or bool(record.reported), "it reports every strike", updates, record)
    silent = run(make(OWN), [_update(number, (OTHER,)) for number in range(1, len(updates) + 1)])
    _law(
        not silent.reported and all(len(each) == 1 for each in silent.pushed),
        "it begins a strike only with an update that no other fault has touched",
        updates,
        silent,
    )
    _check_end(make(OWN), updates)


def _check_end(stage: Stage, updates: Sequence[Delivery]) -> None:
    """The laws about `waiting`, `holding` and `flush`."""
    reported: list[Message] = []

    def report(message: Message, note: str) -> None:
        reported.append(message)

    for update in updates:
        spent = not stage.waiting and not stage.holding
        out = tuple(stage.push(update, report))
        if spent:
            _law(out == (update,), "when it neither waits nor holds it is the identity", updates, out)
    held = stage.holding
    out = tuple(stage.flush(report))
    _law(held or not out, "it releases only what it said that it holds", updates, out)
    _law(not stage.holding, "after flush it holds nothing", updates, out)
    _law(not tuple(stage.flush(report)), "after flush it holds nothing", updates, out)


def run(stage: Stage, updates: Sequence[Delivery]) -> Record:
    """The whole stream through the stage, and the end."""
    reported: list[Message] = []

    def report(message: Message, note: str) -> None:
        _law(bool(note.strip()), "a report says what was done", updates, message)
        reported.append(message)

    pushed = tuple(tuple(stage.push(update, report)) for update in updates)
    flushed = tuple(stage.flush(report))
    return Record(pushed, flushed, tuple(reported))


def _law(kept: bool, law: str, updates: Sequence[Delivery], found: object) -> None:
    if not kept:
        stream = " ".join(update.message.payload.decode() + ("*" if update.faults else "") for update in updates)
        raise AssertionError(f"the stage breaks the law: {law}; stream (* touched before): {stream}; found: {found}")


def _update(number: int, faults: tuple[int, ...]) -> Delivery:
    message = Message(
        kind=Kind.UPDATE, payload=b"update-%d" % number, feed=_FEED, first=100 + number, last=101 + number
    )
    return Delivery(message, faults)
