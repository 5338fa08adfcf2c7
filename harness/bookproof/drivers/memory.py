"""The in-memory twin: a client that is a trio object, driven by the same driver through the same lines.

It uses no thread, socket or wall clock, so that a whole case runs under ``MockClock(autojump_threshold=0)``.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from bookproof.drivers import protocol
from bookproof.drivers.api import ClientInfo, DriverFactory, Shown, Start, Started, StateShown, Unsupported
from bookproof.drivers.line_driver import LineDriver
from bookproof.drivers.stderr_log import StderrLog
from bookproof_exchange.timing import Timing


class MemorySession:
    """What a client may use while its case lasts."""

    def __init__(self, nursery: trio.Nursery, show: Callable[[Shown], None], log: Callable[[str], None]) -> None:
        self.nursery = nursery
        """For the client's own tasks: cancelled after its ``stop``. What a task raises counts as a crash."""
        self.show = show
        """Shows something now; never blocks. After ``stop`` has returned it does nothing."""
        self.log = log
        """A line for the client's log, as on stderr."""


class MemoryClient(Protocol):
    """A client in the harness's own trio loop. Every case gets a fresh one."""

    async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
        """Create the client's tasks in ``session.nursery`` and return; it need not be in step yet."""
        ...

    async def read(self, symbol: str, channel: str) -> StateShown:
        """The present state; its ``read`` is filled in by the driver. Reads may overlap."""
        ...

    async def stop(self) -> None:
        """Close connections. Tasks that are left are cancelled afterwards."""
        ...


def memory_factory(
    make_client: Callable[[], MemoryClient], info: ClientInfo, *, timing: Timing | None = None
) -> DriverFactory:
    """Makes drivers whose adapter lives in this trio loop; ``make_client`` is called once a case."""
    return _MemoryFactory(make_client, info, timing or Timing())


class _MemoryFactory:
    def __init__(self, make_client: Callable[[], MemoryClient], info: ClientInfo, timing: Timing) -> None:
        self._make_client = make_client
        self._info = info
        self._timing = timing

    async def __call__(self) -> LineDriver:
        transport = MemoryTransport(self._make_client, self._info)
        driver = LineDriver(transport, self._timing)
        await driver.greet()
        return driver


class MemoryTransport:
    """A pair of queues of lines, with the adapter's side of the protocol at the other end."""

    def __init__(self, make_client: Callable[[], MemoryClient], info: ClientInfo) -> None:
        self._make_client = make_client
        self._info = info
        self._floats = info.numbers == "float"
        self._to_client: deque[bytes] = deque()
        self._from_client: deque[bytes] = deque()
        self._client_wakes = trio.Event()
        self._harness_wakes = trio.Event()
        self._input_open = True
        self._life = trio.CancelScope()
        self._ended = trio.Event()
        self._how = ""
        self._log = StderrLog()
        trio.lowlevel.spawn_system_task(self._serve, name=f"bookproof driver: {info.name} in memory")

    # The harness's end.

    async def send(self, data: bytes) -> None:
        if self._ended.is_set() or not self._input_open:
            raise trio.BrokenResourceError
        self._to_client.append(data)
        self._client_wakes.set()

    def send_now(self, data: bytes) -> bool:
        # Never: a question takes its turns of the loop. In memory their number decides which task runs first, and that is
        # a part of what the record of the self-test (kills.json) was made with.
        return False

    async def receive(self) -> bytes:
        while not self._from_client:
            if self._ended.is_set():
                return b""
            self._harness_wakes = trio.Event()
            await self._harness_wakes.wait()
        data = b"".join(self._from_client)
        self._from_client.clear()
        return data

    async def ended(self) -> str:
        await self._ended.wait()
        return self._how

    def close_input(self) -> None:
        self._input_open = False
        self._client_wakes.set()

    def terminate(self) -> None:
        self._end("signal SIGTERM")

    def kill(self) -> None:
        self._end("signal SIGKILL")

    def begin_case(self) -> None:
        self._log.begin_case()

    def log(self) -> tuple[str, ...]:
        return self._log.lines()

    # The adapter's end.

    def _end(self, how: str) -> None:
        if not self._ended.is_set():
            self._how = self._how or how
            self._life.cancel()

    async def _serve(self) -> None:
        try:
            with self._life:
                while (line := await self._next()) is not None:
                    match line:
                        case protocol.HelloOut():
                            self._say(protocol.encode(protocol.hello_line(self._info)))
                        case protocol.StartOut():
                            if not await self._case(line):
                                break
                        case protocol.ByeOut():
                            break
                        case protocol.ReadOut() | protocol.StopOut():
                            raise RuntimeError(f"{line!r} while no case is running")
                self._how = self._how or "exit status 0"
        except Exception as error:
            while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            self._log_line("".join(traceback.format_exception(error)))
            self._how = self._how or f"exception {type(error).__name__}: {error}"
        finally:
            self._how = self._how or "cancelled"
            self._ended.set()
            self._harness_wakes.set()

    async def _next(self) -> protocol.HarnessLine | None:
        while not self._to_client:
            if not self._input_open:
                return None
            self._client_wakes = trio.Event()
            await self._client_wakes.wait()
        return protocol.decode_harness(self._to_client.popleft())

    def _say(self, data: bytes) -> None:
        self._from_client.append(data)
        self._harness_wakes.set()

    async def _case(self, start: protocol.StartOut) -> bool:
        """One case; False: there will be no other."""
        client, case, over = self._make_client(), start.case, False

        def show(shown: Shown) -> None:
            if not over:
                self._say(protocol.encode_shown(case, shown, floats=self._floats))

        async def read(asked: protocol.ReadOut) -> None:
            state = await client.read(asked.symbol, asked.channel)
            self._say(protocol.encode_shown(case, state, read=asked.id, floats=self._floats))

        more = True
        async with trio.open_nursery() as nursery:
            answer = await client.start(start, MemorySession(nursery, show, self._log_line))
            if isinstance(answer, Unsupported):
                over = True
                nursery.cancel_scope.cancel()
            else:
                self._say(protocol.encode(protocol.StartedLine(case=case, depth_shown=answer.depth_shown)))
                more = await self._reads(nursery, read)
                await client.stop()
                over = True
                nursery.cancel_scope.cancel()
        if isinstance(answer, Unsupported):
            self._say(protocol.encode(protocol.UnsupportedLine(case=case, reason=answer.reason)))
        elif more:
            self._say(protocol.encode(protocol.StoppedLine(case=case)))
        return more

    async def _reads(self, nursery: trio.Nursery, read: Callable[[protocol.ReadOut], Awaitable[None]]) -> bool:
        while (line := await self._next()) is not None:
            match line:
                case protocol.ReadOut():
                    nursery.start_soon(read, line)
                case protocol.StopOut():
                    return True
                case protocol.ByeOut():
                    return False
                case _:
                    raise RuntimeError(f"{line!r} while a case is running")
        return False

    def _log_line(self, text: str) -> None:
        self._log.feed(text.encode("utf-8", "replace") + b"\n")
