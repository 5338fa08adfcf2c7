"""Who runs when: cases side by side, and one that must be alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Turns:
    """Many run beside each other, or one runs alone. Who asks to be alone is not overtaken by those who came later."""

    def __init__(self) -> None:
        self._beside = 0
        self._alone = trio.Lock()
        self._left = trio.Event()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        async with self._alone:  # waits while somebody is, or wants to be, alone
            self._beside += 1
        try:
            yield
        finally:
            self._beside -= 1
            self._left.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._alone:
            while self._beside:
                self._left = trio.Event()
                await self._left.wait()
            yield
