"""What an adapter owes the protocol, one thing after another: each tries it on a process of its own.

Each returns what it found, raises `Failed` (or AdapterError, for a line that is wrong) where the obligation is not kept,
and `NotTried` where it cannot be tried on this adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import trio

from bookproof.adapter.raw_process import Failed, RawProcess, hello_line, kind_of
from bookproof.adapter.stand import Stand, stand
from bookproof.drivers import protocol
from bookproof.drivers.api import BookShown, ClientInfo, Shown, Start, Started, Unsupported
from bookproof.probe import NONSENSE, nonsense
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import did_you_mean

#: No channel is called so, and none ever will be.
NO_CHANNEL = "bookproof-no-such-channel"

#: Seconds, times the scale, in which a client may show its first book here. Longer is no fault: a run waits longer.
_FIRST_BOOK = 3.0
_LONG = 1 << 20

#: Case names are texts: what JSON must escape, and what is not ASCII, has to come back as it was.
_CASES = ('adapter-check/first "case" \\ ü', "adapter-check/second case")


class NotTried(Exception):
    """This adapter gives no occasion to try it: why."""


async def _hello(process: RawProcess) -> str:
    info = await process.hello()
    if not info.dialects:
        raise Failed("it declares no dialect, so that no case could ever be run")
    if not info.channels:
        raise Failed("it declares no channel, so that no case could ever be run")
    shows = "pushes" if info.push else "is polled"
    claims = "claims" if info.claims else "no claims"
    title = " ".join(filter(None, (info.name, info.version, f"({info.language})" if info.language else "")))
    return f"{title}: {', '.join(info.dialects)}; {', '.join(info.channels)}; {shows}; {claims}"


async def _unknown_field(process: RawProcess) -> str:
    await process.hello({"bookproof_no_such_field": [1, {"a": None}]})
    return "an unknown field is ignored"


async def _long_line(process: RawProcess) -> str:
    await process.hello({"bookproof_no_such_field": "x" * _LONG})
    return "a line of 1 MiB is read"


async def _pieces(process: RawProcess) -> str:
    line, question = hello_line(), _start_line(nonsense("pieces"))
    await process.send(line[:20], process.timing.hello)
    await trio.sleep(0.05)  # so that it really arrives alone
    await process.send(line[20:] + question + question[:9], process.timing.hello)
    await process.greeted()
    await _refused(process, "pieces", "the second line of one write")
    await process.send(question[9:], process.timing.start)
    await _refused(process, "pieces", "a line that came in two pieces")
    return "lines are told apart by their ends, not by writes"


async def _nonsense_dialect(process: RawProcess) -> str:
    await process.hello()
    reasons = []
    for case in ("nonsense-1", "nonsense-2"):
        await process.send(_start_line(nonsense(case)), process.timing.start)
        reasons.append(await _refused(process, case, f"a start with the dialect {NONSENSE!r}"))
    return f"unsupported, twice: {reasons[0]}"


async def _nonsense_channel(process: RawProcess) -> str:
    dialect = _known(await process.hello())
    start = msgspec.structs.replace(nonsense("nonsense-channel"), dialect=dialect.name, channels=(NO_CHANNEL,))
    await process.send(_start_line(start), process.timing.start)
    return "unsupported: " + await _refused(process, start.case, f"a start with the channel {NO_CHANNEL!r}")


async def _case(process: RawProcess) -> str:
    info = await process.hello()
    dialect = _known(info)
    cases = _CASES[:1] if info.isolation == "process" else _CASES
    shown = ""
    for case in cases:
        async with stand(dialect, case, _channels(info, dialect)) as place:
            await process.send(_start_line(place.start), process.timing.start)
            await _started(process, place.start)
            if not shown:
                shown = await _first_book(process, place)
            elif "book" in place.start.channels:
                await _read(process, place.start, place.start.symbols[0], 1_000_000)
            await process.send(protocol.encode(protocol.StopOut()), process.timing.stop)
            await _stopped(process, place.start)
    again = "" if len(cases) > 1 else "; not a second one, for a case has a process of its own"
    return f"{dialect.name}: {shown}{again}"


async def _unknown_message(process: RawProcess) -> str:
    return await _refuses(process, b'{"type":"bookproof-no-such-message"}\n')


async def _malformed_line(process: RawProcess) -> str:
    return await _refuses(process, b'{"type":"start","case":\n')


async def _oversize_line(process: RawProcess) -> str:
    return await _refuses(process, b'{"type":"bye","padding":"' + b"x" * protocol.MAX_LINE + b'"}\n')


async def _end_of_input(process: RawProcess) -> str:
    await process.hello()
    process.transport.close_input()
    return await _exits_well(process)


async def _end_of_input_in_case(process: RawProcess) -> str:
    async with _running(process):
        process.transport.close_input()
        return await _exits_well(process)


async def _bye(process: RawProcess) -> str:
    await process.hello()
    await process.send(protocol.encode(protocol.ByeOut()), process.timing.bye)
    return await _exits_well(process)


async def _termination(process: RawProcess) -> str:
    await process.hello()
    process.transport.terminate()
    await process.ends(process.timing.kill)
    return f"ends on SIGTERM: {await process.how()}"


async def _termination_in_case(process: RawProcess) -> str:
    async with _running(process):
        process.transport.terminate()
        await process.ends(process.timing.kill)
        return f"ends on SIGTERM: {await process.how()}"


# --- what several of them do -----------------------------------------------------------------------------------------


def _start_line(start: Start) -> bytes:
    return protocol.encode(protocol.start_line(start))


def _known(info: ClientInfo) -> Dialect:
    """The first dialect of the adapter's that there is here."""
    for name in info.dialects:
        if name in DIALECTS.names():
            return DIALECTS.get(name)
    hint = did_you_mean(info.dialects[0], DIALECTS.names()) if info.dialects else ""
    raise NotTried(f"Bookproof knows none of its dialects ({', '.join(info.dialects)}); {hint}")


def _channels(info: ClientInfo, dialect: Dialect) -> tuple[str, ...]:
    both = [channel for channel in dialect.traits.channels if channel in info.channels]
    if not both:
        raise NotTried(f"{dialect.name} has none of its channels ({', '.join(info.channels)})")
    return ("book",) if "book" in both else (both[0],)


@asynccontextmanager
async def _running(process: RawProcess) -> AsyncIterator[None]:
    """A case runs on the process."""
    info = await process.hello()
    dialect = _known(info)
    async with stand(dialect, _CASES[1], _channels(info, dialect)) as place:
        await process.send(_start_line(place.start), process.timing.start)
        await _started(process, place.start)
        yield


async def _refused(process: RawProcess, case: str, what: str) -> str:
    """The reason of the `unsupported` that has to come next."""
    says = await process.answer(what, process.timing.start)
    if not isinstance(says.what, Unsupported):
        raise Failed(f"expected 'unsupported' in answer to {what}, got {kind_of(says)!r}")
    _same_case(says, case, optional=True)
    return says.what.reason


def _same_case(says: protocol.Says, case: str, *, optional: bool = False) -> None:
    if says.case != case and not (optional and says.case is None):
        raise Failed(f"the case of its {kind_of(says)!r} is {says.case!r}, expected {case!r} as in start")


async def _started(process: RawProcess, start: Start) -> None:
    says = await process.answer("start", process.timing.start)
    while isinstance(says.what, Shown):  # a client may have something to show already
        _same_case(says, start.case)
        says = await process.answer("start", process.timing.start)
    if isinstance(says.what, Unsupported):
        raise NotTried(f"it does not support the plainest case of {start.dialect}: {says.what.reason}")
    if not isinstance(says.what, Started):
        raise Failed(f"its answer to start is {kind_of(says)!r}, expected 'started' or 'unsupported'")
    _same_case(says, start.case, optional=True)


async def _first_book(process: RawProcess, place: Stand) -> str:
    """Reads until the client shows a book, for a moment; in words what was shown."""
    start = place.start
    if "book" not in start.channels:
        return f"started and stopped, with {start.channels[0]}"
    symbol, number = start.symbols[0], 0
    shown: BookShown | None = None
    with trio.move_on_after(_FIRST_BOOK * process.timing.factor) as patience:
        while shown is None or shown.claim != "live" or not (shown.bids or shown.asks):
            number += 1
            with trio.CancelScope(shield=True):  # a question that was asked is answered
                shown = await _read(process, start, symbol, number)
            await trio.sleep(0.05)
    assert shown is not None
    if patience.cancelled_caught:
        met = (
            "the client did not connect to the exchange" if not place.connections else "it did connect to the exchange"
        )
        return f"answered {number} reads, but showed no live book of {symbol} within {_FIRST_BOOK:g} s; {met}"
    return f"answered {number} reads and showed {symbol} live, {len(shown.bids)} bids and {len(shown.asks)} asks"


async def _read(process: RawProcess, start: Start, symbol: str, number: int) -> BookShown:
    line = protocol.encode(protocol.ReadOut(id=number, symbol=symbol, channel="book"))
    await process.send(line, process.timing.read)
    with trio.move_on_after(process.timing.read):
        while True:
            says = await process.answer(f"read {number}", process.timing.read)
            _same_case(says, start.case)
            if not isinstance(says.what, BookShown):
                if kind_of(says) in ("started", "stopped", "unsupported", "hello"):
                    raise Failed(f"its answer to read {number} is {kind_of(says)!r}, expected 'book'")
                continue
            if says.what.symbol not in start.symbols:
                raise Failed(f"symbol: {says.what.symbol!r} is not one of the case ({', '.join(start.symbols)})")
            if says.what.read is None:
                continue  # pushed
            if says.what.read != number:
                raise Failed(f"its book answers the read {says.what.read}, expected {number}: the id of the question")
            if says.what.symbol != symbol:
                raise Failed(f"read {number} was of {symbol!r}, the answer is of {says.what.symbol!r}")
            return says.what
    raise Failed(f'it sends books, but none with "read": {number} within {process.timing.read:g} s')


async def _stopped(process: RawProcess, start: Start) -> None:
    """Pushes may come before it, nothing after it: the next line belongs to the next case."""
    while True:
        says = await process.answer("stop", process.timing.stop)
        _same_case(says, start.case)
        if isinstance(says.what, protocol.Stopped):
            return
        if kind_of(says) in ("started", "unsupported", "hello"):
            raise Failed(f"its answer to stop is {kind_of(says)!r}, expected 'stopped'")


async def _refuses(process: RawProcess, line: bytes) -> str:
    await process.hello()
    await process.send(line, process.timing.stop)
    try:
        code = await process.ends(process.timing.stop)
    except Failed:
        raise Failed("it goes on running") from None
    if code == 0:
        raise Failed("it ended with exit status 0, as if nothing had been wrong")
    said = process.transport.log()
    if not said:
        raise Failed(f"it ended silently: {await process.how()}")
    return f"{await process.how()}: {said[-1]}"


async def _exits_well(process: RawProcess) -> str:
    code = await process.ends(process.timing.bye)
    if code != 0:
        raise Failed(f"it ended with {await process.how()}")
    return "exit status 0"


_REFUSAL = "it to end with an error, and to say on stderr why, on"

OBLIGATIONS: tuple[tuple[str, str, Callable[[RawProcess], Awaitable[str]]], ...] = (
    ("hello", "'hello' in answer to hello, saying what the client is and speaks", _hello),
    ("unknown-field", "a field that it does not know to be ignored", _unknown_field),
    ("long-line", "a line of 1 MiB to be read (the limit is 16 MiB)", _long_line),
    ("pieces", "lines to be told apart by their ends, however they arrive", _pieces),
    ("nonsense-dialect", f"'unsupported' for the dialect {NONSENSE!r}, which does not exist", _nonsense_dialect),
    ("nonsense-channel", f"'unsupported' for the channel {NO_CHANNEL!r}, which does not exist", _nonsense_channel),
    ("case", "'started', answers that repeat the case and the read's id, 'stopped', and then another case", _case),
    ("unknown-message", f"{_REFUSAL} a message type that it does not know", _unknown_message),
    ("malformed-line", f"{_REFUSAL} a line that is not JSON", _malformed_line),
    ("oversize-line", f"{_REFUSAL} a line of more than 16 MiB", _oversize_line),
    ("end-of-input", "exit status 0 at the end of its input", _end_of_input),
    ("end-of-input-in-case", "exit status 0 at the end of its input while a case runs", _end_of_input_in_case),
    ("bye", "exit status 0 on bye", _bye),
    ("termination", "it to end on SIGTERM", _termination),
    ("termination-in-case", "it to end on SIGTERM while a case runs", _termination_in_case),
)
"""Name, what is expected (after "expected"), and what tries it."""
