"""The kinds of faults that real clients fell over, F1 to F21 (ranked by how many bugs each brought to light), and which of
them a scenario has: read out of its script, so that it cannot be claimed.

``W`` is not of that ranking: what the WebSocket below everything may do, and what it must not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.scenario import model

#: So many updates at once, and so many altogether, are a load.
_BURST = 500
#: Levels of this rank lie outside the smallest window.
_OUTSIDE = 10
#: A client recovers under load where so many updates are sent meanwhile.
_BUSY = 20


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind. ``name``: in a few words; ``meaning``: what the exchange does."""

    name: str
    meaning: str


KINDS: Mapping[str, FaultKind] = {
    "F1": FaultKind(
        name="another snapshot",
        meaning="A further full snapshot without levels that the client holds: in band, after a new subscription or by "
        "REST; also an empty one.",
    ),
    "F2": FaultKind(name="lost messages", meaning="One or more updates never come, on a healthy connection."),
    "F3": FaultKind(
        name="a connection that ends",
        meaning="By a close frame, FIN, RST, in the middle of a frame, after a notice; the book moves meanwhile, new "
        "attempts are refused.",
    ),
    "F4": FaultKind(
        name="order at the start",
        meaning="Acknowledgement, first updates and snapshot come early, late, or not at all.",
    ),
    "F5": FaultKind(
        name="age of the snapshot",
        meaning="Older than the stream, exactly at it, inside an update, or ahead of it.",
    ),
    "F6": FaultKind(
        name="spellings of a deletion",
        meaning="0, 0.000, of a level that is not there, set and deleted in one message.",
    ),
    "F7": FaultKind(
        name="the window",
        meaning="Levels leave it unsaid and return; thin, one-sided, deep books; changes outside it.",
    ),
    "F8": FaultKind(
        name="packing",
        meaning="Several rows, both sides, none at all, one price twice, any order.",
    ),
    "F9": FaultKind(name="number text", meaning="The same number with more or fewer zeros, precise to the last digit."),
    "F10": FaultKind(name="checksums", meaning="Wrong, 0, above 2**31, or right for a book that is wrong."),
    "F11": FaultKind(
        name="sequences that are odd and legal",
        meaning="Ranges that overlap, ranges of many versions, old events again.",
    ),
    "F12": FaultKind(
        name="silence", meaning="One feed, all data or the whole socket goes quiet, or stays quiet rightly."
    ),
    "F13": FaultKind(
        name="a strict server",
        meaning="Refuses what the venue refuses (a second subscription, a wrong symbol), acknowledges late or never.",
    ),
    "F14": FaultKind(
        name="the snapshot's endpoint",
        meaning="429 and 418 with a time to wait, other errors, empty, cut, redirected, slow, in pieces, no answer.",
    ),
    "F15": FaultKind(
        name="several on one connection",
        meaning="Symbols and channels side by side, messages of a symbol that nobody asked for, one that is broken.",
    ),
    "F16": FaultKind(name="orders' lives", meaning="Changes of orders that are unknown, have no price, are gone."),
    "F17": FaultKind(name="load", meaning="Bursts, a busy market while the client recovers, a long day."),
    "F18": FaultKind(
        name="subscribing anew while data is on its way",
        meaning="Updates of the old subscription still come, and the stream goes on.",
    ),
    "F19": FaultKind(
        name="a schema that moves", meaning="New fields and unknown messages, from one moment to the next."
    ),
    "F20": FaultKind(
        name="twice, or out of order", meaning="An update again, at once or later, or after its successor."
    ),
    "F21": FaultKind(
        name="a second fault during the recovery",
        meaning="The repair itself is struck: by another loss, an error, a refusal, the end of the connection.",
    ),
    "W": FaultKind(
        name="WebSocket frames",
        meaning="Messages in pieces with pings between (legal), bytes one by one (legal), frames against the RFC.",
    ),
}

_EDITS: Mapping[str, tuple[str, ...]] = {
    "wrong-checksum": ("F10",),
    "zero-checksum": ("F10",),
    "corrupt-level": ("F10",),
    "corrupt-level-consistent": ("F10",),
    "cut": ("F2",),
    "wrong-type": ("F2",),
    "unknown-type": ("F19",),
    "unknown-field": ("F19",),
    "padded-numbers": ("F9", "F6"),
    "trimmed-numbers": ("F9", "F6"),
    "delete-absent": ("F6",),
    "set-then-delete": ("F6", "F8"),
    "delete-then-set": ("F6", "F8"),
    "reversed-rows": ("F8",),
    "empty-update": ("F8",),
    "null-side": ("F8",),
    "renumbered-gap": ("F2",),
    "overlap": ("F11",),
    "foreign-symbol": ("F15",),
}


def kinds_of(scenario: model.Scenario) -> tuple[str, ...]:
    """The kinds of faults in a scenario, in the order of `KINDS`."""
    found = {kind for step in scenario.script for kind in _of_step(step, scenario)}
    found |= set(_of_frame(scenario))
    if _strikes_twice(scenario.script):
        found.add("F21")
    return tuple(kind for kind in KINDS if kind in found)


def _of_frame(scenario: model.Scenario) -> Iterator[str]:
    """What the market and the subscription bring along."""
    if scenario.market.profile in ("thin", "one-sided", "deep"):
        yield "F7"
    if scenario.market.symbols > 2:
        yield "F9"  # the third instrument of every dialect has another precision
    if scenario.market.symbols > 1 or len(scenario.subscribe.channels) > 1:
        yield "F15"
    if scenario.market.profile == "load":
        yield "F17"


def _of_step(step: model.Step, scenario: model.Scenario) -> Iterable[str]:
    match step:
        case model.Inject(fault=fault) | model.Oddity(fault=fault):
            return _of_fault(fault)
        case model.Send():
            return _of_send(step)
        case model.Sync(lead=lead) if lead >= 10:
            return ("F4",)
        case model.Converge(during=during) if during >= _BUSY:
            return ("F17", "F18")
        case model.Quiet():
            return ("F12",)
        case model.Await(what="unsubscribe"):
            return ("F18",)
        case _:
            return ()


def _of_send(step: model.Send) -> Iterator[str]:
    if step.count >= _BURST:
        yield "F17"
    if step.mode == "bytes":
        yield "W"
    match step.shape.kind:
        case "delete":
            yield "F6"
        case "drain" | "refill" | "far":
            yield "F7"
        case "improve" if step.count >= 3:
            yield "F7"  # each pushes the worst one out
        case "change" | "insert" if step.shape.rank >= _OUTSIDE:
            yield "F7"
        case "sweep":
            yield "F8"
        case _:
            pass


def _of_fault(fault: specs.Fault) -> tuple[str, ...]:
    match fault:
        case specs.Edited(edit=edit):
            return _EDITS[edit]
        case specs.Drop(shape=shape):
            # what deletes and is lost makes the next snapshot one without a level that the client holds
            return ("F2", "F1") if shape.kind in ("delete", "sweep") else ("F2",)
        case specs.Duplicate():
            return ("F20", "F11")
        case specs.Swap() | specs.Delay():
            return ("F20",)
        case specs.Fragmented() | specs.BrokenFrame():
            return ("W",)
        case specs.Custom():
            return ()
        case specs.Resnapshot():
            return ("F1",)
        case specs.NewFields():
            return ("F19",)
        case specs.Stall(lost=lost):
            return ("F12", "F2") if lost else ("F12",)
        case specs.LateAck() | specs.EarlyUpdates():
            return ("F4",)
        case specs.NoAck() | specs.NoSnapshot():
            return ("F4", "F13")
        case specs.RefuseSubscribe():
            return ("F13",)
        case specs.LateTail():
            return ("F18",)
        case specs.StaleRest() | specs.AheadRest():
            return ("F5",)
        case specs.StraddledRest():
            return ("F5", "F11")
        case specs.SlowRest():
            return ("F4", "F14")
        case specs.PiecedRest() | specs.FailingRest():
            return ("F14",)
        case specs.Close() | specs.Farewell():
            return ("F3",)


def _strikes_twice(script: Sequence[model.Step]) -> bool:
    """Whether a fault breaks the book or the connection and another strikes before the client is right again."""
    breaking = others = 0
    for step in script:
        match step:
            case model.Sync() | model.Converge() | model.Settle():
                breaking = others = 0
            case model.Inject(fault=fault) | model.Oddity(fault=fault):
                if _breaks(fault):
                    breaking += 1
                elif not isinstance(fault, specs.OnUpdates):
                    others += 1
                if breaking and breaking + others > 1:
                    return True
            case _:
                pass
    return False


def _breaks(fault: specs.Fault) -> bool:
    match fault:
        case specs.Drop() | specs.Swap() | specs.Delay() | specs.Close() | specs.Farewell() | specs.BrokenFrame():
            return True
        case specs.Edited():
            return not is_legal(fault) and fault.edit != "foreign-symbol"
        case _:
            return False
