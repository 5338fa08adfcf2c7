"""Does an adapter, in any language, keep the protocol? What can be found out without an exchange.

This is the harness's side (it needs trio), for the authors of adapters; the kit itself does not import it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
import trio

from bookproof import __version__
from bookproof.drivers import protocol
from bookproof.drivers.api import ClientInfo, Unsupported
from bookproof.drivers.lines import LineSplitter, LineTooLong
from bookproof.drivers.subprocess import SubprocessTransport, command_words
from bookproof.probe import NONSENSE, nonsense
from bookproof_exchange.errors import AdapterError
from bookproof_exchange.timing import Timing


class AdapterCheck(NamedTuple):
    name: str
    ok: bool
    message: str
    """What was found; where it is not ok, also what was expected."""


async def check_adapter(
    command: str | Sequence[str],
    *,
    timing: Timing | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> list[AdapterCheck]:
    """Every check, each in a fresh process. Where the first, ``hello``, fails, the others are not tried.

    UsageError where the command cannot be run at all.
    """
    words = command_words(command)
    limits = timing or Timing()
    results: list[AdapterCheck] = []
    for name, check in _CHECKS:
        async with _process(words, limits, cwd, env) as process:
            try:
                result = AdapterCheck(name, True, await check(process))
            except (_Failed, AdapterError) as error:
                message = error.message if isinstance(error, AdapterError) else str(error)
                last = process.transport.log()[-3:]
                if last:
                    message += "; stderr: " + " | ".join(last)
                result = AdapterCheck(name, False, message)
        results.append(result)
        if name == "hello" and not result.ok:
            break
    return results


class _Failed(Exception):
    pass


class _Process:
    """One adapter process, spoken to line by line, so that it can be sent what no driver would send."""

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
            raise _Failed(f"it did not read its input within {limit:g} s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def answer(self, what: str, limit: float) -> protocol.Says:
        """The next line; AdapterError where it is wrong."""
        with trio.move_on_after(limit):
            while not self._lines:
                piece = await self.transport.receive()
                if not piece:
                    how = await self.transport.ended()
                    raise _Failed(f"expected an answer to {what}, but it ended: {how}")
                try:
                    self._lines += self._splitter.feed(piece)
                except LineTooLong as error:
                    raise _Failed(f"its answer to {what} is {error}") from None
            return self._decoder.decode(self._lines.pop(0))
        raise _Failed(f"no answer to {what} within {limit:g} s")

    async def hello(self, extra: Mapping[str, object] | None = None) -> ClientInfo:
        line = {"type": "hello", "protocol": protocol.PROTOCOL, "harness": f"bookproof {__version__}", **(extra or {})}
        await self.send(msgspec.json.encode(line) + b"\n", self.timing.hello)
        says = await self.answer("hello", self.timing.hello)
        if not isinstance(says.what, protocol.Greeting):
            raise _Failed("expected hello as the first line")
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
        raise _Failed(f"expected it to end, but it was still running after {limit:g} s")

    async def _drain(self) -> None:
        while await self.transport.receive():
            pass

    async def how(self) -> str:
        return await self.transport.ended()


@asynccontextmanager
async def _process(
    words: Sequence[str], timing: Timing, cwd: str | os.PathLike[str] | None, env: Mapping[str, str] | None
) -> AsyncIterator[_Process]:
    transport = await SubprocessTransport.open(words, cwd=cwd, env=env)
    try:
        yield _Process(transport, timing)
    finally:
        transport.kill()
        with trio.CancelScope(shield=True):
            await transport.ended()


async def _hello(process: _Process) -> str:
    info = await process.hello()
    shows = "pushes" if info.push else "is polled"
    claims = "claims" if info.claims else "no claims"
    title = " ".join(filter(None, (info.name, info.version, f"({info.language})" if info.language else "")))
    return f"{title}: {', '.join(info.dialects) or 'no dialects'}; {', '.join(info.channels)}; {shows}; {claims}"


async def _unknown_field(process: _Process) -> str:
    await process.hello({"bookproof_no_such_field": [1, {"a": None}]})
    return "an unknown field is ignored"


def _start(case: str) -> bytes:
    return protocol.encode(protocol.start_line(nonsense(case)))


async def _nonsense_dialect(process: _Process) -> str:
    await process.hello()
    reasons = []
    for case in ("nonsense-1", "nonsense-2"):
        await process.send(_start(case), process.timing.start)
        says = await process.answer(f"a start with the dialect {NONSENSE!r}", process.timing.start)
        if not isinstance(says.what, Unsupported):
            raise _Failed(
                f"expected 'unsupported' for the dialect {NONSENSE!r}, got {type(says.what).__name__.lower()!r}"
            )
        if says.case not in (None, case):
            raise _Failed(f"case: expected {case!r}, got {says.case!r}")
        reasons.append(says.what.reason)
    return f"unsupported, twice: {reasons[0]}"


async def _refuses(process: _Process, line: bytes, what: str) -> str:
    await process.hello()
    await process.send(line, process.timing.stop)
    try:
        code = await process.ends(process.timing.stop)
    except _Failed:
        raise _Failed(f"expected it to end with an error on {what}, but it goes on running") from None
    if code == 0:
        raise _Failed(f"expected an exit status other than 0 on {what}")
    said = process.transport.log()
    if not said:
        raise _Failed(f"expected a word on stderr about {what}, but it ended silently: {await process.how()}")
    return f"{await process.how()}: {said[-1]}"


async def _unknown_message(process: _Process) -> str:
    return await _refuses(process, b'{"type":"bookproof-no-such-message"}\n', "an unknown message type")


async def _malformed_line(process: _Process) -> str:
    return await _refuses(process, b'{"type":"start","case":\n', "a line that is not JSON")


async def _oversize_line(process: _Process) -> str:
    line = b'{"type":"bye","padding":"' + b"x" * protocol.MAX_LINE + b'"}\n'
    return await _refuses(process, line, "a line of more than 16 MiB")


async def _exits_well(process: _Process, limit: float) -> str:
    code = await process.ends(limit)
    if code != 0:
        raise _Failed(f"expected exit status 0, got {await process.how()}")
    return "exit status 0"


async def _end_of_input(process: _Process) -> str:
    await process.hello()
    process.transport.close_input()
    return await _exits_well(process, process.timing.bye)


async def _bye(process: _Process) -> str:
    await process.hello()
    await process.send(protocol.encode(protocol.ByeOut()), process.timing.bye)
    return await _exits_well(process, process.timing.bye)


async def _termination(process: _Process) -> str:
    await process.hello()
    process.transport.terminate()
    await process.ends(process.timing.kill)
    return f"ends on SIGTERM: {await process.how()}"


_CHECKS: tuple[tuple[str, Callable[[_Process], Awaitable[str]]], ...] = (
    ("hello", _hello),
    ("unknown-field", _unknown_field),
    ("nonsense-dialect", _nonsense_dialect),
    ("unknown-message", _unknown_message),
    ("malformed-line", _malformed_line),
    ("oversize-line", _oversize_line),
    ("end-of-input", _end_of_input),
    ("bye", _bye),
    ("termination", _termination),
)
