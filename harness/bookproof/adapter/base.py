"""The conversation with the harness: one flow for every flavour of client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, NoReturn

from bookproof.adapter.link import EXIT_PROTOCOL, EXIT_USAGE, Link, WrongLine, complain, crash, leave
from bookproof.adapter.messages import Book, Shown, Start, State, to_message

PROTOCOL = 1


class Unsupported(Exception):
    """Raised out of ``start``: this case asks for what the client does not do."""


def unsupported(reason: str) -> NoReturn:
    """In ``start``: say so, instead of failing."""
    raise Unsupported(reason)


class Adapter:
    """Derive from AsyncioAdapter, ThreadedAdapter or TrioAdapter. Every case gets a fresh instance.

    Declare, as class attributes, what the client is and does; write ``start``, ``read`` and ``stop``. What you do not
    catch ends the adapter with a traceback in the log, and the case counts as crashed.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = ""
    language: ClassVar[str] = "python"
    dialects: ClassVar[Sequence[str]] = ()
    channels: ClassVar[Sequence[str]] = ("book",)
    pushes: ClassVar[bool] = False
    """It shows a state at every change, by ``push``; else it is asked by ``read``."""
    claims: ClassVar[bool] = False
    """The client itself can say whether its book is live."""
    numbers: ClassVar[str] = "string"
    """``string`` (texts, integers, Decimals) or ``float``."""
    atomic_read: ClassVar[bool] = True
    """False: a read can see half of an update."""
    sorted_by_adapter: ClassVar[bool] = False
    isolation: ClassVar[str] = "case"
    """``process``: the client cannot be started twice in one process."""

    depth_shown: int | None = None
    """Levels a side that the client keeps, None: all. ``start`` may set it: ``self.depth_shown = start.depth``."""

    _link: Link
    _case: str

    # For the author to write. ``start``, ``read`` and ``stop`` may be plain or ``async`` (not in a ThreadedAdapter).

    def start(self, start: Start) -> Awaitable[None] | None:
        """Start a fresh client on ``start.ws_url`` and subscribe; need not wait for the first book."""
        raise NotImplementedError

    def read(self, symbol: str, channel: str) -> State | Awaitable[State | None] | None:
        """The client's present state; None: it has none. Not written: what was last pushed."""
        raise NotImplementedError

    def stop(self) -> Awaitable[None] | None:
        """Close the client."""
        raise NotImplementedError

    # For the author to use, from any thread.

    def push(self, *shown: Shown) -> None:
        """Show something now: a state that changed, a trade …"""
        for one in shown:
            self._link.show(self._case, to_message(one, self.numbers == "float"))

    def event(
        self,
        kind: str,
        message: str,
        *,
        symbol: str | None = None,
        channel: str | None = None,
        exception: str | None = None,
        fatal: bool = False,
    ) -> None:
        """Report what the client told its user. ``kind``: ``error``, ``warning``, ``resync``, ``disconnected`` or
        ``reconnected``; ``fatal``: it will not go on by itself."""
        if kind not in ("error", "warning", "resync", "disconnected", "reconnected"):
            raise ValueError(f"no such kind of event: {kind!r}")
        fields: dict[str, Any] = {"type": "event", "kind": kind, "message": message, "fatal": fatal}
        given = {"symbol": symbol, "channel": channel, "exception": exception}
        fields.update((name, value) for name, value in given.items() if value is not None)
        self._link.show(self._case, fields)

    def error(self, error: BaseException, *, symbol: str | None = None, fatal: bool = False) -> None:
        """Report an exception that the client raised to its user."""
        self.event("error", str(error), symbol=symbol, exception=type(error).__name__, fatal=fatal)

    # For the kit.

    @classmethod
    def _run(cls, link: Link) -> None:
        """Converse to the end, then ``leave``."""
        raise NotImplementedError

    def _background(self) -> AbstractAsyncContextManager[None]:
        """The life of what ``spawn`` started."""
        raise NotImplementedError


def run(adapter: type[Adapter]) -> NoReturn:
    """Serve the harness on stdin and stdout, until it says bye. Never returns."""
    serve(adapter, Link())


def serve(adapter: object, link: Link) -> NoReturn:
    """``run`` on pipes that were taken before."""
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        _refuse(f"{adapter!r} is not a class derived from AsyncioAdapter, ThreadedAdapter or TrioAdapter")
    for name in ("name", "dialects"):
        if not getattr(adapter, name):
            _refuse(f"{adapter.__name__}.{name} is not set")
    for name in ("start", "stop"):
        if getattr(adapter, name) is getattr(Adapter, name):
            _refuse(f"{adapter.__name__} has no {name}()")
    if adapter.read is Adapter.read and not adapter.pushes:
        _refuse(f"{adapter.__name__} has neither a read() nor pushes = True: nothing would ever be shown")
    if adapter.numbers not in ("string", "float"):
        _refuse(f'{adapter.__name__}.numbers is {adapter.numbers!r}, expected "string" or "float"')
    try:
        adapter._run(link)
    except BaseException as error:
        fail(adapter, error)
    leave(0)


def _refuse(problem: str) -> NoReturn:
    complain(problem)
    leave(EXIT_USAGE)


def fail(adapter: type[Adapter], error: BaseException) -> NoReturn:
    """The conversation ended by an exception: say whose fault it is, and end."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case WrongLine():
            complain(f"the harness's line was not understood: {error}")
            leave(EXIT_PROTOCOL)
        case KeyboardInterrupt():
            leave(130)
        case SystemExit():
            complain(f"the adapter's code called exit({error.code!r})")
            leave(error.code if isinstance(error.code, int) else 1)
        case _:
            crash(adapter.__name__, error)


Receive = Callable[[], Awaitable[dict[str, Any] | None]]
"""The next message, None at the end of input."""


async def converse(adapter: type[Adapter], link: Link, receive: Receive) -> None:
    """The whole conversation. Awaits only ``receive`` and the author's methods, so that it runs in any loop or none."""
    while (message := await receive()) is not None:
        match message["type"]:
            case "hello":
                _hello(adapter, link, message)
            case "start":
                if not await _case(adapter, link, _start(message), receive):
                    return
            case "bye":
                return
            case other:
                raise _unexpected(other, "no case is running")


async def _case(cls: type[Adapter], link: Link, start: Start, receive: Receive) -> bool:
    """One case; False: there will be no other."""
    more = True
    reason = _refusal(cls, start)
    if reason is None:
        link.begin_case(start.case)
        adapter = cls()
        adapter._link, adapter._case = link, start.case
        async with adapter._background():
            try:
                await _call(adapter, "start", start)
            except Unsupported as error:
                reason = str(error) or "unsupported"
            else:
                link.say({"type": "started", "case": start.case, "depth_shown": adapter.depth_shown})
                more = await _reads(adapter, receive)
                await _call(adapter, "stop")
    if reason is not None:
        link.end_case({"type": "unsupported", "case": start.case, "reason": reason})
    elif more:
        link.end_case({"type": "stopped", "case": start.case})
    return more


async def _reads(adapter: Adapter, receive: Receive) -> bool:
    """Answers reads until ``stop`` (True) or the end (False)."""
    while (message := await receive()) is not None:
        match message["type"]:
            case "read":
                await _read(adapter, message)
            case "stop":
                return True
            case "bye":
                return False
            case other:
                raise _unexpected(other, "a case is running")
    return False


_TRIES = 50
"""How often a read is made again because a push came in between, before its answer goes out all the same."""


async def _read(adapter: Adapter, message: dict[str, Any]) -> None:
    link, case = adapter._link, adapter._case
    try:
        number, symbol, channel = message["id"], message["symbol"], message.get("channel", "book")
    except KeyError as error:
        raise WrongLine(f"read: the field {error} is missing") from None
    if type(adapter).read is Adapter.read:
        if not link.answer_last(case, number, symbol, channel):
            link.answer(case, number, _nothing(adapter, symbol, channel), None)
        return
    for tries in range(_TRIES):
        count = link.count if tries < _TRIES - 1 else None
        state = await _call(adapter, "read", symbol, channel)
        answer = _nothing(adapter, symbol, channel) if state is None else to_message(state, adapter.numbers == "float")
        if link.answer(case, number, answer, count):
            return


def _nothing(adapter: Adapter, symbol: str, channel: str) -> dict[str, Any]:
    if channel != "book":
        raise ValueError(f"{type(adapter).__name__} has no {channel} of {symbol} to show")
    return to_message(Book(symbol, claim="none"), False)


async def _call(adapter: Adapter, method: str, *args: Any) -> Any:
    """An author's method, plain or async; what it raises ends the adapter."""
    try:
        result = getattr(adapter, method)(*args)
        return await result if hasattr(result, "__await__") else result
    except Unsupported:
        if method == "start":
            raise
        crash(f"{type(adapter).__name__}.{method}()", TypeError("unsupported() is for start() alone"))
    except Exception as error:
        crash(f"{type(adapter).__name__}.{method}()", error)


def _hello(cls: type[Adapter], link: Link, message: dict[str, Any]) -> None:
    if message.get("protocol") != PROTOCOL:
        complain(f"the harness speaks protocol {message.get('protocol')!r}, this kit {PROTOCOL}")
    link.say(
        {
            "type": "hello",
            "protocol": PROTOCOL,
            "client": {"name": cls.name, "version": cls.version, "language": cls.language},
            "dialects": list(cls.dialects),
            "channels": list(cls.channels),
            "push": cls.pushes,
            "claims": cls.claims,
            "numbers": cls.numbers,
            "atomic_read": cls.atomic_read,
            "sorted_by_adapter": cls.sorted_by_adapter,
            "isolation": cls.isolation,
        }
    )


def _start(message: dict[str, Any]) -> Start:
    try:
        return Start(**{name: message[name] for name in Start._fields if name in message})
    except TypeError as error:
        raise WrongLine(f"start: {error}") from None


def _refusal(cls: type[Adapter], start: Start) -> str | None:
    if start.dialect not in cls.dialects:
        return f"the dialect {start.dialect!r}: {cls.name} speaks {', '.join(cls.dialects)}"
    others = [channel for channel in start.channels if channel not in cls.channels]
    if others:
        return f"the channel {others[0]!r}: {cls.name} keeps {', '.join(cls.channels)}"
    return None


def _unexpected(kind: str, now: str) -> WrongLine:
    if kind in ("hello", "start", "read", "stop", "bye"):
        return WrongLine(f"{kind!r} while {now}")
    return WrongLine(f"unknown message type {kind!r}")
