"""The pieces that scripts are made of. Each is complete in itself: a fault with the updates that it strikes, those that tell
of it and the recovery that follows; after it the client is in sync again, so that any piece may follow any other.

What a piece allows to expect is known by the way it is made, never guessed: `Block.resync` is ``none`` where nothing but
legal oddities happens, ``some`` where every right client has to recover, else ``any``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from hypothesis import strategies as st

from bookproof.fuzz.ground import CHECKED, Ground
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario.model import (
    Await,
    Converge,
    Inject,
    Lift,
    Oddity,
    Probe,
    Quiet,
    Read,
    Send,
    Step,
)

Resync = Literal["none", "some", "any"]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Block(msgspec.Struct, frozen=True):
    """Some steps of a script."""

    steps: tuple[Step, ...]
    resync: Resync = "none"
    rules: tuple[str, ...] = ()
    """Keys of the rules that it is about; the dialect need not have them all."""
    last: bool = False
    """Nothing but the end may follow."""


class Use(msgspec.Struct, frozen=True):
    """How scripts use one kind of fault."""

    make: Callable[[Draw, Ground, Sequence[str]], Block]
    """Draws a block, given all kinds that the script may use."""
    fits: Callable[[Ground], bool] = lambda ground: True


# --- shapes and updates -----------------------------------------------------------------------------------------------

_RANKS = st.integers(0, CHECKED - 2)
_SIDES = st.sampled_from(("any", "bid", "ask"))


def _shape(draw: Draw, *, seen: bool = False) -> Shape:
    """``seen``: at the touch, where every venue's checksum sees it."""
    options = ["change", "delete", "sweep", "improve", "insert"] + ([] if seen else ["any", "far"])
    kind = draw(st.sampled_from(options))
    match kind:
        case "change" | "delete" | "insert":
            return Shape(kind=kind, side=draw(_SIDES), rank=draw(_RANKS if seen else st.integers(0, 14)))
        case "sweep":
            return Shape(kind=kind, side=draw(_SIDES), count=draw(st.integers(1, 3)))
        case "improve":
            return Shape(kind=kind, side=draw(_SIDES))
        case _:
            return Shape(kind=kind)


def _symbol(draw: Draw, ground: Ground) -> int:
    return int(draw(st.integers(1, ground.symbols))) if ground.symbols > 1 else 1


def _updates(draw: Draw, ground: Ground, symbol: int, least: int, most: int) -> list[Step]:
    """At least so many updates of the symbol; perhaps some of others between them."""
    count = draw(st.integers(least, max(least, most)))
    mode = draw(st.sampled_from(("burst", "burst", "each", "bytes")))
    steps: list[Step] = [Send(count=count, symbol=symbol, mode=mode)]
    if ground.symbols > 1 and draw(st.booleans()):
        steps.append(Send(count=draw(st.integers(1, 4)), symbol=_symbol(draw, ground)))
    return steps


# --- without any fault ------------------------------------------------------------------------------------------------


def calm(draw: Draw, ground: Ground) -> Block:
    """The market moves and nothing is wrong."""
    symbol = _symbol(draw, ground)
    match draw(st.sampled_from(("send", "shape", "read", "empty", "quiet", "burst"))):
        case "send":
            return Block(tuple(_updates(draw, ground, symbol, 1, 12)))
        case "shape":
            shape = _shape(draw)
            return Block((Send(count=draw(st.integers(1, 5)), shape=shape, symbol=symbol),))
        case "read":
            return Block((Send(symbol=symbol), Read(symbol=symbol)))
        case "empty":
            side = draw(st.sampled_from(("bid", "ask")))
            refill = Shape(kind="refill", side=side, count=draw(st.integers(8, 14)))
            steps: list[Step] = [Send(shape=Shape(kind="drain", side=side), symbol=symbol)]
            if draw(st.booleans()):
                steps.append(Read(symbol=symbol))
            return Block((*steps, Send(shape=refill, symbol=symbol)), rules=("thin-book",))
        case "quiet":
            # (less than what a client may take for the end of a connection where the venue sends nothing else)
            return Block((Quiet(seconds=draw(st.sampled_from((0.5, 1.0, 8.0, 45.0) if ground.slow else (0.3,)))),))
        case _:
            return Block((Send(count=draw(st.sampled_from((50, 150, 400))), symbol=symbol),))


#: Edits that are about certain updates: one that deletes, one of several rows.
_SHAPED: Mapping[str, Shape] = {
    "padded-numbers": Shape(kind="delete", rank=1),
    "reversed-rows": Shape(kind="sweep", count=3),
}


# --- legal oddities on the next updates -------------------------------------------------------------------------------


def _odd_edit(kind: str, *rules: str) -> Use:
    def make(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
        symbol, count = _symbol(draw, ground), draw(st.integers(1, 4))
        value = draw(st.integers(1, 3)) if kind == "overlap" else None
        shape = _SHAPED.get(kind) or _shape(draw, seen=True)
        fault = specs.Edited(edit=kind, count=count, value=value, shape=shape, symbol=symbol)  # type: ignore[arg-type]
        step: Step = Oddity(fault=fault) if is_legal(fault) else Inject(fault=fault)
        # not every update has a number that ends in a zero
        least = 30 if kind == "trimmed-numbers" else count
        after = _updates(draw, ground, symbol, least, least + 6)
        if is_legal(fault):
            return Block((step, *after), "none", rules)
        # a message of another's symbol is no right of the venue, so whether a client minds is not judged
        return Block((step, *after, *_converge(draw)), "any", rules)

    return Use(make)


def _fragmented(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    symbol, count = _symbol(draw, ground), draw(st.integers(1, 4))
    fault = specs.Fragmented(
        count=count,
        pieces=draw(st.integers(2, 9)),
        between=draw(st.sampled_from(("nothing", "ping", "pong"))),
        symbol=symbol,
        shape=_shape(draw, seen=True),
    )
    return Block((Oddity(fault=fault), *_updates(draw, ground, symbol, count, count + 6)), "none", ("frames-joined",))


def _new_fields(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    symbol = _symbol(draw, ground)
    return Block(
        (Oddity(fault=specs.NewFields()), *_updates(draw, ground, symbol, 1, 6)), "none", ("unknown-tolerated",)
    )


def _new_fields_at_once(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    return Block((Oddity(fault=specs.NewFields()),), "none", ("unknown-tolerated",))


def _duplicate(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    symbol, later = _symbol(draw, ground), draw(st.integers(0, 4))
    fault = specs.Duplicate(later=later, shape=_shape(draw, seen=True), symbol=symbol)
    # whether an old event may alarm a client is for the venue to say: not judged here
    return Block(
        (Inject(fault=fault), *_updates(draw, ground, symbol, 1 + later, 8 + later), Converge()),
        "any",
        ("old-event-ignored",),
    )


def _resnapshot(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    symbol = _symbol(draw, ground)
    fault = specs.Resnapshot(away=draw(st.integers(0, 20)), empty=draw(st.booleans()), symbol=symbol)
    steps: list[Step] = [Oddity(fault=fault)]
    if draw(st.booleans()):
        steps.append(Read(symbol=symbol))
    rules = ("snapshot-replaces", "thin-book")
    return Block((*steps, *_updates(draw, ground, symbol, 1, 8)), "none", rules)


# --- silence ----------------------------------------------------------------------------------------------------------


def _stall(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    symbol = _symbol(draw, ground)
    options = ["data", "feed"]
    if ground.shows_all:
        options.append("lost")
    if ground.slow:
        options.append("socket")
    match draw(st.sampled_from(options)):
        case "lost":
            # nothing may have happened meanwhile that the client's window shows
            fault = specs.Stall(scope="feed", away=draw(st.integers(1, 30)), lost=True, symbol=symbol)
            steps = [Inject(fault=fault), Lift(), *_updates(draw, ground, symbol, 2, 6)]
            return Block(
                (*steps, *_probe(draw), *_converge(draw)),
                "any",
                ("gap-restart", "checksum-verify", "recover-after-checksum"),
            )
        case "socket":
            silent = specs.Stall(scope="socket", away=draw(st.integers(0, 20)))
            wait = Await(what="reconnect", limit=120, level="SHOULD")
            return Block(
                (Inject(fault=silent), wait, Lift(), *_converge(draw)), "any", ("silence-noticed", "reconnect-rebuild")
            )
        case scope:
            pause = specs.Stall(scope=scope, away=draw(st.integers(0, 12)), symbol=symbol)
            steps = [Inject(fault=pause)]
            if draw(st.booleans()):
                steps.append(Read(symbol=symbol))
            return Block((*steps, Lift(), *_updates(draw, ground, symbol, 1, 6)), "none", ("no-false-alarm",))


# --- what breaks a book -----------------------------------------------------------------------------------------------


def _probe(draw: Draw) -> list[Step]:
    return [Probe()] if draw(st.booleans()) else []


def _converge(draw: Draw) -> list[Step]:
    return [Converge(during=draw(st.integers(0, 8)))]


_BROKEN_RULES = ("gap-restart", "checksum-verify", "recover-after-checksum")


def _damage(
    kind: str, draw: Draw, ground: Ground, symbol: int, *, second: bool = False
) -> tuple[specs.MessageFault, int]:
    """A fault after which a book is wrong and which can be noticed; and how many updates it takes. ``second``: the first
    one's levels are not to be touched, and where they stand not every shape is possible."""
    shape = Shape(kind="change", rank=draw(_RANKS)) if second else _shape(draw, seen=not ground.traits.sequence)
    match kind:
        case "drop":
            count = draw(st.integers(1, 3))
            return specs.Drop(count=count, shape=shape, symbol=symbol), count
        case "swap":
            return specs.Swap(shape=shape, symbol=symbol), 2
        case "delay":
            by = draw(st.integers(1, 4))
            return specs.Delay(by=by, shape=shape, symbol=symbol), 1 + by
        case "corrupt-level" | "corrupt-level-consistent":
            # a level that exists before and after, and stays among those that are checked
            stays = Shape(kind="change", side=shape.side, rank=draw(st.integers(0, 4)))
            return specs.Edited(edit=kind, shape=stays, symbol=symbol), 1
        case _:
            return specs.Edited(edit=kind, shape=shape, symbol=symbol), 1  # type: ignore[arg-type]


def _broken(kind: str, *rules: str) -> Use:
    """The message fault, the recovery from it, what may go wrong with that, and what may come on top."""

    def make(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
        symbol = _symbol(draw, ground)
        fault, takes = _damage(kind, draw, ground, symbol)
        after = _updates(draw, ground, symbol, takes + 1, takes + 6)
        second = draw(st.sampled_from(("nothing", "nothing", "again", "end")))
        if second == "end" and any(each in allowed for each in _ENDS):
            end, ends, told = _end(draw, ground, [each for each in _ENDS if each in allowed])
            steps = (Inject(fault=fault), *after, *_probe(draw), *end, *ends, *_converge(draw))
            return Block(steps, "some", (*rules, *_BROKEN_RULES, *told))
        before, told = _hindrances(draw, ground, allowed, reconnects=False)
        steps = (*before, Inject(fault=fault), *after)
        if second == "again" and ground.traits.sequence:
            more, needs = _damage(kind, draw, ground, symbol, second=True)
            steps = (*steps, Inject(fault=more), *_updates(draw, ground, symbol, needs + 1, needs + 4))
        return Block((*steps, *_probe(draw), *_converge(draw)), "some", (*rules, *_BROKEN_RULES, *told))

    return Use(make, lambda ground: ground.detects)


# --- the end of a connection --------------------------------------------------------------------------------------------


def _end(draw: Draw, ground: Ground, allowed: Sequence[str]) -> tuple[list[Step], list[Step], tuple[str, ...]]:
    """The end itself, what comes before anybody is there again, and the rules."""
    # at least one: else the old book is still the present one, and the script would go on before the client has noticed
    away = draw(st.integers(1, 20))
    match draw(st.sampled_from(allowed)):
        case "close":
            how = draw(st.sampled_from(("fin", "close", "rst", "mid-frame")))
            codes = sorted(set(ground.traits.close_codes) - {1005, 1006, 1015})
            code = draw(st.sampled_from(codes)) if how == "close" else codes[0]
            refuse = draw(st.sampled_from((0, 0, 1, 2, "until-lift")))
            close = specs.Close(how=how, code=code, away=away, refuse=refuse)
            if refuse == "until-lift":
                outage: list[Step] = [
                    Quiet(seconds=draw(st.sampled_from((1.0, 3.0) if ground.slow else (1.0,)))),
                    Lift(),
                ]
                return [Inject(fault=close)], outage, ("reconnect-rebuild", "reconnect-backoff")
            return [Inject(fault=close)], [], ("reconnect-rebuild", "reconnect-backoff")
        case "farewell":
            going = specs.Farewell(messages=draw(st.integers(0, 6)), away=away)
            return [Inject(fault=going)], [], ("shutdown-notice", "reconnect-rebuild")
        case _:
            how = draw(st.sampled_from(_VIOLATIONS if ground.traits.compression else _VIOLATIONS[:-1]))
            broken = specs.BrokenFrame(how=how)
            return (
                [Inject(fault=broken)],
                [Await(what="reconnect", level="SHOULD")],
                ("frames-failed", "reconnect-rebuild"),
            )


_ENDS = ("close", "farewell", "broken-frame")
_VIOLATIONS = (
    "reserved-opcode",
    "reserved-bit",
    "masked",
    "lone-continuation",
    "split-message",
    "long-control",
    "split-control",
    "bad-close",
    "invalid-utf8",
    "oversize",
    "bad-deflate",
)


def _ended(kind: str) -> Use:
    def make(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
        before, told = _hindrances(draw, ground, allowed, reconnects=True)
        end, between, rules = _end(draw, ground, (kind,))
        rules = (*rules, *told)
        variant = draw(st.sampled_from(("plain", "plain", "watched", "empty")))
        if variant == "watched" and kind == "close" and not between:
            return Block(
                (*before, *end, Quiet(seconds=3.0 if ground.slow else 1.0), Probe(), *_converge(draw)), "some", rules
            )
        if variant == "empty" and kind == "close" and not between and not before:
            # the snapshot of the new connection has an empty side
            symbol, side = _symbol(draw, ground), draw(st.sampled_from(("bid", "ask")))
            drain = Send(shape=Shape(kind="drain", side=side), symbol=symbol)
            refill = Send(shape=Shape(kind="refill", side=side, count=draw(st.integers(8, 14))), symbol=symbol)
            return Block(
                (*end, drain, Converge(during=0), Read(symbol=symbol), refill),
                "some",
                (*rules, "snapshot-replaces", "thin-book"),
            )
        # a frame against the RFC is for the client to notice, and that it has to is a SHOULD
        return Block((*before, *end, *between, *_converge(draw)), "any" if kind == "broken-frame" else "some", rules)

    return Use(make)


# --- what may go wrong with a start or a recovery ------------------------------------------------------------------------

_FAILURES: tuple[specs.FailingRest, ...] = (
    specs.FailingRest(status=500),
    specs.FailingRest(status=503, body="empty"),
    specs.FailingRest(status=502, body="html"),
    specs.FailingRest(status=403, body="html"),
    specs.FailingRest(status=0),
    specs.FailingRest(status=200, body="empty"),
    specs.FailingRest(status=200, body="cut"),
    specs.FailingRest(status=200, body="short"),
    specs.FailingRest(status=200, body="text"),
    specs.FailingRest(status=307, body="empty"),
    specs.FailingRest(status=429, retry_after=1),
    specs.FailingRest(status=429, retry_after=3),
    specs.FailingRest(status=418, retry_after=2),
)


def _failing(draw: Draw) -> specs.Fault:
    return draw(st.sampled_from(_FAILURES))  # type: ignore[no-any-return]


def _pieced(draw: Draw) -> specs.Fault:
    return specs.PiecedRest(
        pieces=draw(st.integers(2, 30)), chunked=draw(st.booleans()), times=draw(st.sampled_from((1, 100)))
    )


#: kind -> what draws the fault; the rules that it is about; whether it is met only by who connects anew.
_HINDRANCES: Mapping[str, tuple[Callable[[Draw], specs.Fault], tuple[str, ...], bool]] = {
    "stale-rest": (
        lambda draw: specs.StaleRest(by=draw(st.integers(0, 12)), times=draw(st.integers(1, 3))),
        ("stale-snapshot-refetch", "align-start"),
        False,
    ),
    "ahead-rest": (
        lambda draw: specs.AheadRest(by=draw(st.integers(1, 8))),
        ("align-start", "old-event-ignored"),
        False,
    ),
    "straddled-rest": (
        lambda draw: specs.StraddledRest(times=draw(st.sampled_from((1, 2, 1000)))),
        ("align-start", "overlap-accepted"),
        False,
    ),
    "slow-rest": (
        lambda draw: specs.SlowRest(messages=draw(st.integers(1, 12))),
        ("buffer-before-snapshot", "align-start"),
        False,
    ),
    "pieced-rest": (_pieced, ("answer-assembled",), False),
    "failing-rest": (_failing, ("rest-retry", "rest-backoff", "answer-incomplete"), False),
    "late-ack": (lambda draw: specs.LateAck(messages=draw(st.integers(1, 6))), ("wait-for-snapshot",), True),
    "no-ack": (lambda draw: specs.NoAck(), ("wait-for-snapshot",), True),
    "early-updates": (lambda draw: specs.EarlyUpdates(messages=draw(st.integers(1, 5))), ("wait-for-snapshot",), True),
    "late-tail": (
        lambda draw: specs.LateTail(messages=draw(st.integers(1, 6))),
        ("wait-for-snapshot", "snapshot-replaces"),
        False,
    ),
}


def _carrier(fault: specs.Fault) -> Step:
    return Oddity(fault=fault) if is_legal(fault) else Inject(fault=fault)


def _hindrances(
    draw: Draw, ground: Ground, allowed: Sequence[str], *, reconnects: bool
) -> tuple[list[Step], tuple[str, ...]]:
    """Up to two faults that the recovery to come will meet."""
    in_band = ground.traits.snapshot_from == "stream"
    offered = [kind for kind in allowed if kind in _HINDRANCES and (reconnects or in_band or not _HINDRANCES[kind][2])]
    if reconnects:
        offered = [kind for kind in offered if kind != "late-tail"]
    steps: list[Step] = []
    rules: list[str] = []
    if offered:
        for kind in draw(st.lists(st.sampled_from(offered), max_size=2, unique=True)):
            make, told, _ = _HINDRANCES[kind]
            steps.append(_carrier(make(draw)))
            rules += told
    return steps, tuple(rules)


def _at_start(kind: str) -> Use:
    def make(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
        fault, rules, _ = _HINDRANCES[kind]
        return Block((_carrier(fault(draw)),), "any", rules)

    return Use(make)


# --- the ways to end without a live book ---------------------------------------------------------------------------------


def _refused(draw: Draw, ground: Ground, allowed: Sequence[str]) -> Block:
    """The venue refuses the subscription of the recovery: what a right client does then is for it to decide, but it has to
    say so."""
    symbol = _symbol(draw, ground)
    fault, takes = _damage("drop", draw, ground, symbol)
    report = Await(what="report", level="SHOULD")
    return Block(
        (
            Inject(fault=specs.RefuseSubscribe()),
            Inject(fault=fault),
            *_updates(draw, ground, symbol, takes + 1, takes + 4),
            *_probe(draw),
            report,
            Send(count=draw(st.integers(1, 5)), symbol=symbol),
            Read(symbol=symbol),
        ),
        "any",
        ("refusal-surfaced", *_BROKEN_RULES),
        last=True,
    )


def _by_stream(ground: Ground) -> bool:
    return ground.traits.snapshot_from == "stream" and ground.traits.checksum


# --- the tables -----------------------------------------------------------------------------------------------------------

#: What can happen once the client is in sync, by kind of fault.
USES: Mapping[str, Use] = {
    "drop": _broken("drop"),
    "swap": _broken("swap"),
    "delay": _broken("delay", "old-event-ignored"),
    "close": _ended("close"),
    "farewell": _ended("farewell"),
    "broken-frame": _ended("broken-frame"),
    "wrong-checksum": _broken("wrong-checksum"),
    "zero-checksum": _broken("zero-checksum"),
    "corrupt-level": Use(_broken("corrupt-level").make, lambda ground: ground.traits.checksum),
    "corrupt-level-consistent": _broken("corrupt-level-consistent"),
    "cut": _broken("cut", "malformed-survived"),
    "wrong-type": _broken("wrong-type", "malformed-survived"),
    "renumbered-gap": _broken("renumbered-gap"),
    "stall": Use(_stall),
    "duplicate": Use(_duplicate, lambda ground: ground.traits.sequence),
    "resnapshot": Use(_resnapshot),
    "fragmented": Use(_fragmented),
    "new-fields": Use(_new_fields),
    "padded-numbers": _odd_edit("padded-numbers", "numbers-lossless"),
    "trimmed-numbers": _odd_edit("trimmed-numbers", "numbers-lossless"),
    "delete-absent": _odd_edit("delete-absent", "delete-unknown"),
    "set-then-delete": _odd_edit("set-then-delete", "rows-in-order"),
    "delete-then-set": _odd_edit("delete-then-set", "rows-in-order"),
    "reversed-rows": _odd_edit("reversed-rows", "rows-in-order"),
    "empty-update": _odd_edit("empty-update"),
    "null-side": _odd_edit("null-side"),
    "unknown-type": _odd_edit("unknown-type", "unknown-tolerated"),
    "unknown-field": _odd_edit("unknown-field", "unknown-tolerated"),
    "overlap": _odd_edit("overlap", "overlap-accepted"),
    "foreign-symbol": _odd_edit("foreign-symbol", "isolation"),
    "refuse-subscribe": Use(_refused, _by_stream),
}

#: What the first subscription can meet, before the client is in sync.
STARTS: Mapping[str, Use] = {
    **{kind: _at_start(kind) for kind in _HINDRANCES if kind != "late-tail"},
    "new-fields": Use(
        lambda draw, ground, allowed: Block((Oddity(fault=specs.NewFields()),), "none", ("unknown-tolerated",))
    ),
}
