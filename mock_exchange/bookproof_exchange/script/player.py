"""Plays a scenario's script, step by step, as a generator: pure, no clock, no I/O.

`play` yields what it waits for; the shell (the harness's runner, or ``serve``) performs the exchange's actions in the
meantime and sends back whether the awaited thing came within its limit:

    waits = play(exchange, timing)
    wait = next(waits)
    while True: wait = waits.send(came)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Subscribed, Unsubscribed
from bookproof_exchange.faults import specs
from bookproof_exchange.scenario.model import (
    Await,
    Converge,
    Hold,
    Inject,
    Lift,
    Oddity,
    Probe,
    Quiet,
    Read,
    Send,
    Settle,
    Step,
    Sync,
)
from bookproof_exchange.script.actions import Action
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.timing import Timing


class Perform(msgspec.Struct, frozen=True):
    """Hand these actions to the server now. Answered by True."""

    actions: tuple[Action, ...]


class Until(msgspec.Struct, frozen=True):
    """Wait until ``ready()`` is true; it is asked again after everything that arrives."""

    what: str
    ready: Callable[[], bool]
    limit: float


class ReadNow(msgspec.Struct, frozen=True):
    """Ask the client for its state of a symbol, once. True: it answered with a live book."""

    symbol: str


class Shows(msgspec.Struct, frozen=True):
    """Read (and look at what is pushed) until the client shows, live, a right book at version ``least`` or later
    (``exactly``: at that version), or the limit is over."""

    symbol: str
    least: int
    exactly: bool
    limit: float


class Pause(msgspec.Struct, frozen=True):
    """Let this many seconds pass."""

    seconds: float


Wait = Perform | Until | ReadNow | Shows | Pause
Play = Generator[Wait, bool, bool]


def play(exchange: Exchange, timing: Timing) -> Play:
    """The whole script. Returns True if every step came to its end, False where one was given up."""
    script = exchange.scenario.script
    faults = 0
    for place, step in enumerate(script, start=1):
        if isinstance(step, Inject | Oddity):
            faults += 1
        watched = probe_follows(script[place:])
        if not (yield from play_step(exchange, timing, step, place=place, fault=faults, watched=watched)):
            return False
    yield from _expected(exchange, timing)
    yield from _perform(exchange.finish())
    return True


def _expected(exchange: Exchange, timing: Timing) -> Generator[Wait, bool, None]:
    """A script that expects a recovery but ends without waiting for one: the client is given the time for it."""
    script = exchange.scenario.script
    if exchange.scenario.expect.resync == "some" and not isinstance(script[-1], Sync | Converge | Settle | Await):
        since = next(
            (
                record.position
                for record in reversed(exchange.evidence)
                if isinstance(record, evidence.Waited) and record.what == "sync"
            ),
            exchange.position,
        )
        yield Until("recovery", lambda: _recovered(exchange, since), timing.request)


def _recovered(exchange: Exchange, since: int) -> bool:
    """Whether the client connected, subscribed or asked for a snapshot after that position."""
    for record in reversed(exchange.evidence):
        if record.position <= since:
            return False
        match record:
            case evidence.Opened():
                return True
            case evidence.Asked(request=request) if exchange.asks_for_book(request):
                return True
            case evidence.Received(intents=intents) if any(isinstance(intent, Subscribed) for intent in intents):
                return True
            case _:
                pass
    return False


def play_step(exchange: Exchange, timing: Timing, step: Step, *, place: int, fault: int, watched: bool = False) -> Play:
    """One step, the ``place``-th. Returns False where the script has to be given up.

    ``fault``: the number of the fault that the step arms. ``watched``: the client is observed before it recovers from
    the faults that strike from now on."""
    name = _step_name(step)
    exchange.record(lambda position, at: evidence.Step(position=position, at=at, place=place, step=name))
    # a step that waits for the recovery itself must not keep it back, whatever strikes meanwhile
    exchange.hold_on_strike = watched and not isinstance(step, Sync | Converge | Settle)
    match step:
        case Sync(lead=lead):
            exchange.lead = lead
            came = yield from _sync(exchange, timing)
            _waited(exchange, place, "sync", came, timing.sync)
            if not came:
                return False
            for symbol in exchange.symbols:
                exchange.whole(symbol)
        case Send(count=count, shape=shape, symbol=ordinal, mode=mode):
            yield from _perform(exchange.advance(count, symbol=_symbol(exchange, ordinal), shape=shape, mode=mode))
        case Inject(fault=spec) | Oddity(fault=spec):
            yield from _perform(exchange.arm(fault, spec, legal=isinstance(step, Oddity)))
        case Read(symbol=ordinal):
            yield from _barrier(exchange, timing)
            yield ReadNow(_symbol(exchange, ordinal))
        case Hold():
            exchange.hold()
        case Probe():
            yield from _barrier(exchange, timing)
            for symbol in exchange.symbols:
                yield ReadNow(symbol)
            exchange.hold_on_strike = False
            yield from _let_go(exchange, timing)
        case Converge(during=during, limit=limit_name):
            limit = timing.converge if limit_name == "converge" else timing.sync
            came = yield from _converge(exchange, timing, during, limit)
            _waited(exchange, place, "converge", came, limit)
            if not came:
                return False
        case Settle():
            came = yield from _settle(exchange, timing)
            _waited(exchange, place, "settle", came, timing.settle)
            if not came:
                return False
        case Lift():
            yield from _perform(exchange.lift())
        case Quiet(seconds=seconds):
            yield Pause(seconds * timing.factor)
        case Await(what=what, limit=seconds_or_none):
            limit = timing.request if seconds_or_none is None else seconds_or_none
            came = yield Until(what, happened_since(exchange, what), limit)
            _waited(exchange, place, what, came, limit)
    return True


def _sync(exchange: Exchange, timing: Timing) -> Play:
    if not (yield Until("subscription", lambda: _listening(exchange), timing.sync)):
        return False
    return (yield from _follow(exchange, timing, timing.sync))


def _let_go(exchange: Exchange, timing: Timing) -> Generator[Wait, bool, None]:
    """End the holding. A client that recovers is given a moment to ask for what it needs, so that it is answered at the
    same point of the stream in every run."""
    if exchange.holding:
        yield Until("request", lambda: exchange.kept_back > 0, timing.trickle * 8)
    yield from _perform(exchange.release())


def _converge(exchange: Exchange, timing: Timing, during: int, limit: float) -> Play:
    yield from _let_go(exchange, timing)
    if during:
        # what is sent while nobody listens disturbs no recovery, and where it falls would be a matter of chance
        yield Until("subscription", lambda: _listening(exchange), timing.trickle * 40)
        yield from _perform(exchange.advance(during))
    came = yield from _follow(exchange, timing, limit)
    if came:
        for symbol in exchange.symbols:
            exchange.whole(symbol)
    return came


def _follow(exchange: Exchange, timing: Timing, limit: float) -> Play:
    """Until the client shows every symbol at the cursor as of now, or later. The stream flows on, at first only after a
    patient look (so that a client that needs no more updates sees the same bytes in every run), then faster."""
    marks = {symbol: exchange.view.index(symbol) for symbol in exchange.symbols}
    spent, patience, flow, flowed = 0.0, timing.trickle * 20, 1, 0
    due, turn = 0.0, False
    while True:
        for symbol in exchange.symbols:
            look = min(patience, limit - spent)
            if look <= 0:
                return False
            if not (yield Shows(symbol, marks[symbol], False, look)):
                spent += look
                break
        else:
            return True
        patience = timing.trickle
        # Where it is the client's turn (to subscribe, to ask again after a fault) its back-off is not hurried, and how long
        # that takes shall not show in the bytes; when it has had its turn, it gets another patient look.
        if not _listening(exchange) or (_was_struck(exchange) and due < timing.trickle * 40):
            due, turn = due + look, True
            continue
        if turn:
            # whoever begins anew is given as many updates again: some fill a buffer before they ask for a snapshot
            turn, patience, flow, flowed = False, timing.trickle * 20, 1, 0
            continue
        if flowed < timing.most_trickle:
            yield from _perform(exchange.advance(flow))
            flowed += flow
            flow = min(flow * 2, 16)
        else:
            # A client that starts this late still needs updates after its snapshot; few, so that it catches up.
            patience = timing.trickle * 10
            yield from _perform(exchange.advance(1))


def _listening(exchange: Exchange) -> bool:
    """Whether everything that the client was told to subscribe to is subscribed."""
    channels = exchange.scenario.subscribe.channels
    return all(exchange.subscribed(symbol, channel) for symbol in exchange.symbols for channel in channels)


def _was_struck(exchange: Exchange) -> bool:
    """Whether the newest snapshot that the client asked for met a fault: it is its turn to ask again."""
    for record in reversed(exchange.evidence):
        if isinstance(record, evidence.Rest) and (record.faults or exchange.asks_for_book(record.request)):
            return bool(record.faults)
    return False


def _settle(exchange: Exchange, timing: Timing) -> Play:
    yield from _perform(exchange.release())
    yield from _perform(exchange.catch_up())
    yield from _barrier(exchange, timing)
    for symbol in exchange.symbols:
        if not (yield Shows(symbol, exchange.view.index(symbol), True, timing.settle)):
            return False
    return True


def _barrier(exchange: Exchange, timing: Timing) -> Generator[Wait, bool, None]:
    """Prove that every open connection has read all that was sent. A client that answers no pings is not waited for twice."""
    actions: list[Action] = []
    asked: set[int] = set()
    for connection in exchange.open_connections():
        if not connection.muted:
            actions.extend(exchange.ping(connection))
            asked.add(connection.number)
    yield from _perform(actions)
    asked -= exchange.deaf
    if asked and not (yield Until("barrier", lambda: not asked & exchange.outstanding(), timing.barrier)):
        exchange.deaf |= asked & exchange.outstanding()


def _perform(actions: Sequence[Action]) -> Generator[Wait, bool, None]:
    if actions:
        yield Perform(tuple(actions))


def happened_since(exchange: Exchange, what: str, since: int | None = None) -> Callable[[], bool]:
    """A question: whether the client did something since that position (None: since the last fault struck or, without
    one, since now)."""
    if since is None:
        strikes = (record.position for record in exchange.evidence if isinstance(record, evidence.Struck))
        since = max(strikes, default=exchange.position)

    def happened() -> bool:
        if what == "reconnect" and exchange.waiting_handshakes:
            return True  # it came; that it is held back is not the client's doing
        for record in reversed(exchange.evidence):
            if record.position <= since:
                return False
            match what, record:
                case "reconnect", evidence.Opened():
                    return True
                case "snapshot-request", evidence.Asked(request=request) if exchange.asks_for_book(request):
                    return True
                case "snapshot-request", evidence.Rest(faults=faults) if faults:
                    return True  # the strike was its own
                case "subscribe", evidence.Received(intents=intents) | evidence.Opened(intents=intents):
                    if any(isinstance(intent, Subscribed) for intent in intents):
                        return True
                case "report", evidence.ClientEvent(kind="error" | "warning"):
                    return True
                case "unsubscribe", evidence.Received(intents=intents):
                    if any(isinstance(intent, Unsubscribed) for intent in intents):
                        return True
                case _:
                    pass
        return False

    return happened


def _waited(exchange: Exchange, place: int, what: str, came: bool, limit: float) -> None:
    exchange.record(
        lambda position, at: evidence.Waited(position=position, at=at, place=place, what=what, came=came, limit=limit)
    )


def _symbol(exchange: Exchange, ordinal: int) -> str:
    return exchange.symbols[min(ordinal, len(exchange.symbols)) - 1]


def _step_name(step: Step) -> str:
    name = str(step.__struct_config__.tag)
    match step:
        case Inject(fault=fault) | Oddity(fault=fault):
            return f"{name} {specs.kind_of(fault)}"
        case Send(count=count):
            return f"{name} {count}"
        case _:
            return name


def probe_follows(rest: Sequence[Step]) -> bool:
    """Whether the client is to be observed before its recovery from the faults that strike now."""
    for step in rest:
        match step:
            case Probe():
                return True
            case Converge() | Settle() | Sync():
                return False
            case _:
                continue
    return False
