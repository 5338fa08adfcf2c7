"""An adapter process spoken to line by line, so that it can be sent what no driver would send."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
import trio

from bookproof import __version__
from bookproof.drivers import protocol
from bookproof.drivers.api import ClientInfo
from bookproof.drivers.lines import LineSplitter, LineTooLong
from bookproof.drivers.subprocess import SubprocessTransport
from bookproof_exchange.timing import Timing


class Failed(Exception):
    """An obligation is not kept: what was found instead."""


class RawProcess:
    def __init__(self, transport: SubprocessTransport, timing: Timing) -> None:
        self.transport = transport
        self.timing = timing
        self._splitter = LineSplitter(protocol.MAX_LINE)
        self._decoder = protocol.LineDecoder()
        self._lines: list[bytes] = []

    async def send(self, data: bytes, limit: float) -> None:
        """Nothing happens where the adapter has ended already: the check looks at how."""
        try:
            with trio.fail_after(limit):
                await self.transport.send(data)
        except trio.TooSlowError:
            raise Failed(f"it did not read its input within {limit:g} s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def answer(self, what: str, limit: float) -> protocol.Says:
        """The next line; AdapterError where it is wrong."""
        with trio.move_on_after(limit):
            while not self._lines:
                piece = await self.transport.receive()
                if not piece:
                    how = await self.transport.ended()
                    raise Failed(f"there was no answer to {what}, but it ended: {how}")
                try:
                    self._lines += self._splitter.feed(piece)
                except LineTooLong as error:
                    raise Failed(f"its answer to {what} is {error}") from None
            return self._decoder.decode(self._lines.pop(0))
        raise Failed(f"no answer to {what} within {limit:g} s")

    async def hello(self, extra: Mapping[str, object] | None = None) -> ClientInfo:
        """Say hello and be greeted."""
        await self.send(hello_line(extra), self.timing.hello)
        return await self.greeted()

    async def greeted(self) -> ClientInfo:
        """The adapter's hello."""
        says = await self.answer("hello", self.timing.hello)
        if not isinstance(says.what, protocol.Greeting):
            raise Failed(f"its first line is {kind_of(says)!r}")
        self._decoder.expect(says.what.info.numbers)
        return says.what.info

    async def ends(self, limit: float) -> int:
        """Its exit code, as subprocess has it."""
        with trio.move_on_after(limit):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._drain)
                await self.transport.ended()
                nursery.cancel_scope.cancel()
            code = self.transport.exit_code
            assert code is not None
            return code
        raise Failed(f"it was still running after {limit:g} s")

    async def how(self) -> str:
        """How it ended: "exit status 1"."""
        return await self.transport.ended()

    async def _drain(self) -> None:
        while await self.transport.receive():
            pass


@asynccontextmanager
async def raw_process(
    words: Sequence[str], timing: Timing, cwd: str | os.PathLike[str] | None, env: Mapping[str, str] | None
) -> AsyncIterator[RawProcess]:
    transport = await SubprocessTransport.open(words, cwd=cwd, env=env)
    try:
        yield RawProcess(transport, timing)
    finally:
        transport.kill()
        with trio.CancelScope(shield=True):
            await transport.ended()


def hello_line(extra: Mapping[str, object] | None = None) -> bytes:
    """The harness's hello, with fields of the future."""
    fields = {"type": "hello", "protocol": protocol.PROTOCOL, "harness": f"bookproof {__version__}", **(extra or {})}
    return msgspec.json.encode(fields) + b"\n"


def kind_of(says: protocol.Says) -> str:
    """A message's type, as it stands on the wire."""
    name = type(says.what).__name__
    return "hello" if name == "Greeting" else name.removesuffix("Shown").lower()
