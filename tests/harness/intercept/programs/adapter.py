"""Starts a program and passes on what it prints: ``adapter.py NUMBERS COMMAND…``."""

from __future__ import annotations

import asyncio
import json
import sys

from bookproof.adapter import AsyncioAdapter, Book, Start, run


class ProgramAdapter(AsyncioAdapter):
    name = "program"
    dialects = ("kraken-v2",)
    pushes = True
    numbers = sys.argv[1]

    async def start(self, start: Start) -> None:
        pipe = asyncio.subprocess.PIPE
        self.program = await asyncio.create_subprocess_exec(*sys.argv[2:], *start.symbols, stdout=pipe)
        self.depth_shown = 10
        self.spawn(self.follow())

    async def follow(self) -> None:
        assert self.program.stdout is not None
        async for line in self.program.stdout:
            shown = json.loads(line)
            self.push(Book(shown["symbol"], bids=shown["bids"], asks=shown["asks"]))

    async def stop(self) -> None:
        if self.program.returncode is None:
            self.program.kill()
        await self.program.wait()


run(ProgramAdapter)
