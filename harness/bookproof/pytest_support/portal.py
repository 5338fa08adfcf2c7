"""A trio loop in a background thread, for callers that are synchronous: one for a whole pytest session, so that a
client process can live from one test to the next."""

from __future__ import annotations

import contextlib
import contextvars
import operator
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

from bookproof_exchange.errors import HarnessError, UsageError

T = TypeVar("T")

#: A test's author sees the test: our own frames only where we are wrong.
__tracebackhide__ = operator.methodcaller("errisinstance", (UsageError, AssertionError))

#: Seconds for a cancelled call to come to its end, and for the loop to end: what is shielded in them has limits.
_PATIENCE = 15.0


class _Done:
    """How something ended: with a value or an exception."""

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def unwrap(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _Ask:
    """Something that a task wants the calling thread to do."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.answer: _Done | None = None
        self.done = trio.Event()

    def perform(self) -> None:
        try:
            self.answer = _Done(self._function())
        except Exception as error:
            self.answer = _Done(error=error)


_Inbox = queue.SimpleQueue["_Ask | _Done"]
_inbox: contextvars.ContextVar[_Inbox] = contextvars.ContextVar("bookproof_inbox")


class Portal:
    """`call` runs an async function in the loop and waits for it; Ctrl-C (any exception in the waiting thread) cancels it.

    The loop starts with the first call; `close` ends it with everything that still runs in it."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._waiting: set[_Inbox] = set()
        self._lock = threading.Lock()

    def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """What the function returns or raises."""
        self._start()
        assert self._token is not None
        inbox: _Inbox = queue.SimpleQueue()
        scope = trio.CancelScope()
        token = self._token
        with self._lock:
            self._waiting.add(inbox)
        try:
            token.run_sync_soon(self._spawn, function, args, inbox, scope)
            done = self._wait(inbox)
        except trio.RunFinishedError:
            raise HarnessError("the harness's event loop has ended") from None
        except BaseException:
            self._cancel(inbox, scope)
            raise
        finally:
            with self._lock:
                self._waiting.discard(inbox)
        result: T = done.unwrap()
        return result

    def close(self) -> None:
        """End the loop; does nothing where none runs."""
        thread, token, nursery = self._thread, self._token, self._nursery
        self._thread = self._token = self._nursery = None
        if thread is None or token is None or nursery is None:
            return
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(nursery.cancel_scope.cancel)
        thread.join(_PATIENCE)

    # --- the calling thread ------------------------------------------------------------------------------------------

    def _wait(self, inbox: _Inbox) -> _Done:
        while True:
            message = inbox.get()
            if isinstance(message, _Done):
                return message
            message.perform()
            assert self._token is not None
            self._token.run_sync_soon(message.done.set)

    def _cancel(self, inbox: _Inbox, scope: trio.CancelScope) -> None:
        """The call is given up: end its task, and wait until it has ended."""
        try:
            assert self._token is not None
            self._token.run_sync_soon(scope.cancel)
            while isinstance(inbox.get(timeout=_PATIENCE), _Ask):
                pass
        except (trio.RunFinishedError, queue.Empty):
            pass

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="bookproof", daemon=True)
        self._thread.start()
        failure = ready.get()
        if failure is not None:
            raise failure

    # --- the loop's thread -------------------------------------------------------------------------------------------

    def _run(self, ready: queue.SimpleQueue[BaseException | None]) -> None:
        async def main() -> None:
            async with trio.open_nursery() as nursery:
                self._token, self._nursery = trio.lowlevel.current_trio_token(), nursery
                ready.put(None)
                await trio.sleep_forever()

        ended = HarnessError("the harness's event loop has ended")
        try:
            trio.run(main)
        except BaseException as error:
            ended.__cause__ = error
            ready.put(error)
        finally:
            with self._lock:
                for inbox in self._waiting:
                    inbox.put(_Done(error=ended))

    def _spawn(
        self, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...], inbox: _Inbox, scope: trio.CancelScope
    ) -> None:
        async def task() -> None:
            _inbox.set(inbox)
            done = _Done(error=HarnessError("the call was cancelled"))
            try:
                with scope:
                    done = _Done(await function(*args))
            except trio.Cancelled:
                raise
            except BaseException as error:
                done = _Done(error=error)
            finally:
                inbox.put(done)

        assert self._nursery is not None
        self._nursery.start_soon(task)


async def in_caller(function: Callable[[], T]) -> T:
    """In a task of `Portal.call`: run a function in the thread that made the call, which waits for it."""
    ask = _Ask(function)
    _inbox.get().put(ask)
    await ask.done.wait()
    assert ask.answer is not None
    result: T = ask.answer.unwrap()
    return result
