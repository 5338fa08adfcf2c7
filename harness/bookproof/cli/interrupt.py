"""Ctrl-C and SIGTERM end what runs under trio in order: clients are ended, reports are written."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import trio

from bookproof.cli.main import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Ending takes a few seconds at most; whoever presses Ctrl-C this often does not want to wait for that.
_ENOUGH = 3


def run_interruptible(main: Callable[[], Awaitable[int]], *, saying: str | None = None) -> int:
    """``trio.run``; 130 where a signal ended it, which is said on stderr in the words of ``saying``. A signal that was
    ignored at the start (``nohup``) stays so."""
    return trio.run(_main, main, saying)


async def _main(main: Callable[[], Awaitable[int]], saying: str | None) -> int:
    token = trio.lowlevel.current_trio_token()
    count = 0

    def caught(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            token.run_sync_soon(_end, scope, saying)
        elif count >= _ENOUGH:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    status = INTERRUPTED
    with trio.CancelScope() as scope:
        try:
            for number, handler in before.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(number, caught)
            status = await main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return status


def _end(scope: trio.CancelScope, saying: str | None) -> None:
    if saying is not None:
        print(f"bookproof: {saying}", file=sys.stderr)
    scope.cancel()
