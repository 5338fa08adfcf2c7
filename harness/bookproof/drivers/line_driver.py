"""The driver itself: the protocol's states and limits over any transport that carries lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar, assert_never

import trio

from bookproof import __version__
from bookproof.drivers import protocol
from bookproof.drivers.advice import last_words
from bookproof.drivers.api import (
    BalanceShown,
    BookShown,
    ClientCrashed,
    ClientHung,
    ClientInfo,
    EventShown,
    FillShown,
    OrderShown,
    Shown,
    Sink,
    Start,
    Started,
    StateShown,
    TickerShown,
    TradeShown,
    Unsupported,
)
from bookproof.drivers.lines import LineSplitter, LineTooLong
from bookproof_exchange.errors import AdapterError, HarnessError
from bookproof_exchange.timing import Timing


class Transport(Protocol):
    """Carries bytes to and from one adapter, and knows whether it lives."""

    async def send(self, data: bytes) -> None:
        """trio.BrokenResourceError when the other end is closed."""
        ...

    def send_now(self, data: bytes) -> bool:
        """Send all of it without waiting. False where that cannot be: then nothing was sent."""
        ...

    async def receive(self) -> bytes:
        """The next bytes in order; empty at the end of the adapter's output."""
        ...

    async def ended(self) -> str:
        """Returns when the adapter has ended and its log is read: how ("exit status 1", "signal SIGSEGV")."""
        ...

    def close_input(self) -> None:
        """No more lines will be sent."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it and everything that it started, at once; does nothing when it has ended."""
        ...

    def begin_case(self) -> None:
        """The log of a new case begins here."""
        ...

    def log(self) -> tuple[str, ...]:
        """The last lines of the present case's log."""
        ...


T = TypeVar("T")
Phase = Literal["new", "idle", "starting", "running", "stopping"]


class _Answer(Generic[T]):
    """What a call waits for. ``value`` is None until the answer's line was read, or for ever if the driver dies."""

    def __init__(self) -> None:
        self.value: T | None = None
        self.event = trio.Event()

    def give(self, value: T) -> None:
        self.value = value
        self.event.set()


class LineDriver:
    """Implements ``bookproof.drivers.api.Driver``. Needs a running trio loop; ``hello`` comes first.

    One system task reads the adapter's lines, in order, into the sink: a call that is not awaited, or was cancelled,
    never stops the reading, and the end of ``trio.run`` ends the adapter whatever the caller forgot.
    """

    def __init__(self, transport: Transport, timing: Timing) -> None:
        self._transport = transport
        self._timing = timing
        self._decoder = protocol.LineDecoder()
        self._splitter = LineSplitter(protocol.MAX_LINE)
        self._sending = trio.Lock()
        self._info: ClientInfo | None = None
        self._phase: Phase = "new"
        self._case: str | None = None
        self._before: str | None = None
        self._symbols: frozenset[str] = frozenset()
        self._sink: Sink | None = None
        self._hello: _Answer[ClientInfo] = _Answer()
        self._started: _Answer[Started | Unsupported] = _Answer()
        self._stopped: _Answer[protocol.Stopped] = _Answer()
        self._reads: dict[int, tuple[str, _Answer[StateShown]]] = {}
        self._given_up: dict[int, str] = {}
        self._read = 0
        self._death: Callable[[], Exception] | None = None
        self._dead = trio.Event()
        self._closing = False
        self._reader_done = trio.Event()
        self._reader_done.set()

    # The contract.

    @property
    def info(self) -> ClientInfo:
        if self._info is None:
            raise HarnessError("the driver has not said hello yet")
        return self._info

    @property
    def alive(self) -> bool:
        return self._death is None and not self._closing and self._info is not None

    async def hello(self) -> ClientInfo:
        """Says hello and learns what the client declares. Ends the adapter where that fails."""
        self._reader_done = trio.Event()
        trio.lowlevel.spawn_system_task(self._read_lines, name="bookproof driver: reads the adapter's lines")
        line = protocol.encode(protocol.HelloOut(harness=f"bookproof {__version__}"))
        self._info = await self._ask("hello", self._timing.hello, line, self._hello)
        return self._info

    async def greet(self) -> None:
        """Says hello, for a factory: where that fails, nothing of the adapter is left."""
        try:
            await self.hello()
        except BaseException:
            self._transport.kill()
            await self.close()
            raise

    async def start(self, start: Start, sink: Sink) -> Started | Unsupported:
        self._check()
        if self._phase != "idle":
            raise HarnessError(f"start of {start.case!r} while {self._case!r} is {self._phase}")
        self._transport.begin_case()
        self._phase, self._case, self._sink = "starting", start.case, sink
        self._symbols = frozenset(start.symbols)
        self._started, self._stopped = _Answer(), _Answer()
        return await self._ask("start", self._timing.start, protocol.encode(protocol.start_line(start)), self._started)

    async def read(self, symbol: str, channel: str = "book") -> BookShown:
        shown = await self.read_state(symbol, channel)
        if not isinstance(shown, BookShown):
            raise HarnessError(f"read of channel {channel!r}: use read_state for what is not a book")
        return shown

    async def read_state(self, symbol: str, channel: str = "book") -> StateShown:
        """As ``read``, for every stateful channel (``book``, ``ticker``, ``balance``)."""
        self._check()
        if self._phase != "running":
            raise HarnessError(f"read of {symbol!r} while no case is running")
        self._read += 1
        number = self._read
        answer: _Answer[StateShown] = _Answer()
        self._reads[number] = (symbol, answer)
        line = protocol.encode(protocol.ReadOut(id=number, symbol=symbol, channel=channel))
        try:
            return await self._ask("read", self._timing.read, line, answer)
        finally:
            if self._reads.pop(number, None) is not None and answer.value is None:
                self._given_up[number] = symbol

    async def stop(self) -> None:
        self._check()
        if self._phase == "idle":
            return  # the case was unsupported: there is nothing to stop
        if self._phase != "running":
            raise HarnessError(f"stop while the driver is {self._phase}")
        self._phase = "stopping"
        await self._ask("stop", self._timing.stop, protocol.encode(protocol.StopOut()), self._stopped)

    async def close(self) -> None:
        if self._closing:
            await self._reader_done.wait()
            return
        self._closing = True
        try:
            if self._death is None:
                with trio.move_on_after(self._timing.bye):
                    if await self._send("bye", self._timing.bye, protocol.encode(protocol.ByeOut())):
                        self._transport.close_input()
                    await self._transport.ended()
                    return
                self._transport.terminate()
                with trio.move_on_after(self._timing.kill):
                    await self._transport.ended()
        finally:
            self._transport.kill()
            with trio.CancelScope(shield=True):
                await self._transport.ended()
                await self._reader_done.wait()

    async def watch(self) -> None:
        await self._dead.wait()
        self._check()
        raise AssertionError("dead without a cause")

    def log(self) -> tuple[str, ...]:
        return self._transport.log()

    # Calls.

    def _check(self) -> None:
        if self._death is not None:
            raise self._death()
        if self._closing:
            raise HarnessError("the driver is closed")

    async def _ask(self, what: str, limit: float, line: bytes, answer: _Answer[T]) -> T:
        try:
            with trio.move_on_after(limit):
                if not await self._send(what, limit, line):
                    with trio.move_on_after(self._timing.kill):
                        await self._dead.wait()
                    self._broken("it closed its input (stdin) but goes on running")
                await answer.event.wait()
        except BaseException:  # cancelled: the adapter's state is unknown now; only an unanswered read does no harm
            if what != "read" and answer.value is None:
                self._die(lambda: HarnessError(f"the driver was abandoned in {what!r}"))
                await self._gone()
            raise
        if answer.value is None:
            if self._death is None:
                self._die(lambda: ClientHung(what, limit, self.log()))
            await self._gone()
            self._check()
        assert answer.value is not None
        return answer.value

    async def _send(self, what: str, limit: float, line: bytes) -> bool:
        """False: the adapter's end is closed. Never leaves half a line: cancelled before it or not at all."""
        if not self._sending.locked() and self._transport.send_now(line):
            return True
        async with self._sending:
            with trio.CancelScope(shield=True):
                try:
                    with trio.fail_after(limit):
                        await self._transport.send(line)
                except trio.TooSlowError:
                    self._die(lambda: ClientHung(what, limit, self.log()))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return False
        return True

    async def _gone(self) -> None:
        with trio.CancelScope(shield=True):
            await self._transport.ended()

    # Reading.

    async def _read_lines(self) -> None:
        try:
            while self._death is None:
                piece = await self._transport.receive()
                if not piece:
                    await self._end_of_output()
                    return
                try:
                    lines = self._splitter.feed(piece)
                except LineTooLong as error:
                    self._decoder.lines += 1
                    raise self._decoder.error(f"{error} (16 MiB)") from None
                for line in lines:
                    self._take(line)
                    if self._death is not None:
                        return
        except AdapterError as error:
            message, hint = error.message, error.hint
            self._die(lambda: AdapterError(message, hint=hint))
        except Exception as error:
            cause = error

            def ours() -> Exception:
                wrong = HarnessError(f"reading the adapter's lines: {type(cause).__name__}: {cause}")
                wrong.__cause__ = cause
                return wrong

            self._die(ours)
        finally:
            self._reader_done.set()

    async def _end_of_output(self) -> None:
        how: str | None = None
        if not self._closing:
            with trio.move_on_after(self._timing.kill):
                how = await self._transport.ended()
        if self._closing:
            return
        if how is None:
            self._broken("it closed its output (stdout) but goes on running")
            return
        log = self.log()
        if self._phase == "new":
            self._die(lambda: AdapterError(f"the adapter ended before its hello: {how}", hint=last_words(log)))
            return
        if self._phase == "idle":
            how += " (between two cases)"
        said = how
        self._die(lambda: ClientCrashed(said, log))

    def _broken(self, problem: str) -> None:
        self._die(lambda: AdapterError(f"the adapter broke the protocol: {problem}"))

    def _die(self, cause: Callable[[], Exception]) -> None:
        """The first cause counts. Ends the adapter and wakes every call."""
        if self._death is None:
            self._death = cause
        self._transport.kill()
        self._dead.set()
        self._hello.event.set()
        self._started.event.set()
        self._stopped.event.set()
        for _, answer in self._reads.values():
            answer.event.set()

    def _take(self, line: bytes) -> None:
        """One line; AdapterError if it is wrong, or wrong here and now."""
        says = self._decoder.decode(line)
        what = says.what
        if isinstance(what, protocol.Greeting):
            if self._phase != "new":
                raise self._decoder.error("hello: it was said already", line)
            self._decoder.expect(what.info.numbers)
            self._phase = "idle"
            self._hello.give(what.info)
            return
        self._check_case(says.case, line)
        match what:
            case Started():
                if self._phase != "starting":
                    raise self._decoder.error("started: nothing was started", line)
                self._phase = "running"
                self._started.give(what)
            case Unsupported():
                if self._phase != "starting":
                    raise self._decoder.error("unsupported: only instead of 'started'", line)
                self._end_case()
                self._started.give(what)
            case protocol.Stopped():
                if self._phase != "stopping":
                    raise self._decoder.error("stopped: the harness did not say 'stop'", line)
                self._end_case()
                self._stopped.give(what)
            case BookShown() | TickerShown():
                self._check_symbol(what.symbol, line)
                self._show_state(what, line)
            case BalanceShown():
                self._show_state(what, line)
            case TradeShown() | OrderShown() | FillShown():
                self._check_symbol(what.symbol, line)
                self._show(what)
            case EventShown():
                self._show(what)
            case _:
                assert_never(what)

    def _check_case(self, case: str | None, line: bytes) -> None:
        if self._phase == "new":
            raise self._decoder.error("expected 'hello' first", line)
        if self._case is None:
            if self._before is not None and case in (None, self._before):
                raise self._decoder.error(f"a message of case {self._before!r} after that case had ended", line)
            raise self._decoder.error("a message while no case is running", line)
        if case is not None and case != self._case:
            late = " (that case had ended)" if case == self._before else ""
            raise self._decoder.error(f"case: expected {self._case!r}, got {case!r}{late}", line)

    def _check_symbol(self, symbol: str, line: bytes) -> None:
        if symbol not in self._symbols:
            asked = ", ".join(sorted(self._symbols))
            raise self._decoder.error(f"symbol: {symbol!r} is not one of this case ({asked})", line)

    def _end_case(self) -> None:
        self._phase, self._before, self._case, self._sink = "idle", self._case, None, None
        self._given_up.clear()

    def _show(self, shown: Shown) -> None:
        assert self._sink is not None
        self._sink(shown)

    def _show_state(self, shown: StateShown, line: bytes) -> None:
        number = shown.read
        if number is None:
            self._show(shown)
            return
        waiting = self._reads.get(number)
        asked = waiting[0] if waiting is not None else self._given_up.get(number)
        if asked is None:
            raise self._decoder.error(f"read: {number} was not asked, or is answered already", line)
        if asked != shown.symbol:
            raise self._decoder.error(
                f"symbol: read {number} was of {asked!r}, the answer is of {shown.symbol!r}", line
            )
        self._show(shown)
        self._given_up.pop(number, None)
        if waiting is not None:
            del self._reads[number]
            waiting[1].give(shown)
