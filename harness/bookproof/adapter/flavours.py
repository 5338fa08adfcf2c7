"""The three kinds of client: asyncio, threads (or none), trio. They differ in how they wait, and in nothing else."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bookproof.adapter.base import Adapter, converse, fail
from bookproof.adapter.link import EXIT_TERMINATED, Link, WrongLine, crash, leave

if TYPE_CHECKING:
    import asyncio

    import trio

_PIECE = 65_536
_TIME_TO_STOP = 1.5
"""Seconds that the client's ``stop`` has after SIGTERM."""


class AsyncioAdapter(Adapter):
    """For a client on asyncio. The methods may be plain or ``async``."""

    _tasks: set[asyncio.Task[Any]]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` beside the conversation until the case stops. If it raises, the adapter ends: catch what the
        client may raise, and report it by ``self.error``."""
        import asyncio

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            crash(f"{type(self).__name__}: {task.get_coro()!r}", error)

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        import asyncio

        self._tasks = set()
        try:
            yield
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @classmethod
    def _run(cls, link: Link) -> None:
        import asyncio

        async def main() -> None:
            lines = _AsyncioLines(link)
            try:
                await converse(cls, link, lines.receive)
            except BaseException as error:
                fail(cls, error)
            leave(lines.status)  # here: the loop's own clean-up would wait for the client's threads

        asyncio.run(main())


class _AsyncioLines:
    """Lines from a pipe, by the loop itself: no thread, so that a busy client answers as soon as it yields."""

    def __init__(self, link: Link) -> None:
        import asyncio

        self.status = 0
        self._link = link
        self._messages: deque[dict[str, Any]] = deque()
        self._wrong: WrongLine | None = None
        self._ended = False
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(link.fd, False)
        self._loop.add_reader(link.fd, self._readable)
        self._loop.add_signal_handler(signal.SIGTERM, self._terminate)

    async def receive(self) -> dict[str, Any] | None:
        while not self._messages:
            if self._wrong is not None:
                raise self._wrong
            if self._ended:
                return None
            self._more.clear()
            await self._more.wait()
        return self._messages.popleft()

    def _readable(self) -> None:
        try:
            piece = os.read(self._link.fd, _PIECE)
        except BlockingIOError:
            return
        if piece:
            try:
                self._messages.extend(self._link.feed(piece))
            except WrongLine as error:
                self._wrong = error
        else:
            self._ended = True
        if self._ended or self._wrong is not None:
            self._loop.remove_reader(self._link.fd)
        self._more.set()

    def _terminate(self) -> None:
        self.status = EXIT_TERMINATED
        self._messages.clear()
        self._ended = True
        self._more.set()
        _leave_soon()


class ThreadedAdapter(Adapter):
    """For a client that blocks, or runs threads of its own. The methods are plain, called on the main thread."""

    def spawn(self, work: Callable[..., Any], *args: Any) -> threading.Thread:
        """Run ``work(*args)`` in a daemon thread. If it raises while the case lasts, the adapter ends."""

        def guarded() -> None:
            try:
                work(*args)
            except BaseException as error:
                if not self._over:
                    crash(f"{type(self).__name__}: {getattr(work, '__name__', work)}", error)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    _over = False

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._over = True

    @classmethod
    def _run(cls, link: Link) -> None:
        messages: deque[dict[str, Any]] = deque()

        async def receive() -> dict[str, Any] | None:
            while not messages:
                piece = os.read(link.fd, _PIECE)
                if not piece:
                    return None
                messages.extend(link.feed(piece))
            return messages.popleft()

        def terminate(number: int, frame: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _leave_soon()
            raise _Terminated

        signal.signal(signal.SIGTERM, terminate)
        try:
            converse(cls, link, receive).send(None)
        except StopIteration:
            leave(0)
        except _Terminated:
            leave(EXIT_TERMINATED)
        raise TypeError(f"{cls.__name__} is a ThreadedAdapter: its methods cannot await")


class _Terminated(BaseException):
    """SIGTERM came."""


class TrioAdapter(Adapter):
    """For a client on trio. The methods may be plain or ``async``; ``self.nursery`` lasts as long as the case."""

    nursery: trio.Nursery

    def spawn(self, work: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Run ``work(*args)`` in the case's nursery. If it raises, the adapter ends."""
        self.nursery.start_soon(work, *args)

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        import trio

        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            yield
            nursery.cancel_scope.cancel()

    @classmethod
    def _run(cls, link: Link) -> None:
        import trio

        async def main() -> None:
            lines = _TrioLines(link)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lines.wait_for_sigterm)
                try:
                    await converse(cls, link, lines.receive)
                except BaseException as error:
                    fail(cls, error)
                leave(lines.status)

        trio.run(main)


class _TrioLines:
    def __init__(self, link: Link) -> None:
        import trio

        self.status = 0
        self._link = link
        self._messages: deque[dict[str, Any]] = deque()
        self._stream = trio.lowlevel.FdStream(link.fd)
        self._waiting: trio.CancelScope | None = None

    async def receive(self) -> dict[str, Any] | None:
        import trio

        while not self._messages:
            if self.status:
                return None
            piece = b""
            with trio.CancelScope() as self._waiting:
                piece = await self._stream.receive_some(_PIECE)
            self._waiting = None
            if not piece:
                return None
            self._messages.extend(self._link.feed(bytes(piece)))
        return self._messages.popleft()

    async def wait_for_sigterm(self) -> None:
        import trio

        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                self.status = EXIT_TERMINATED
                self._messages.clear()
                _leave_soon()
                if self._waiting is not None:
                    self._waiting.cancel()


def _leave_soon() -> None:
    """Asked to end: whatever the client's ``stop`` does, the process ends."""
    timer = threading.Timer(_TIME_TO_STOP, leave, (EXIT_TERMINATED,))
    timer.daemon = True
    timer.start()
