"""The servers that are compared. Each sends a given stream to a receiver process (drain.py) and returns how long that took:
from the first byte given to the kernel to the receiver's word that it has all."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import trio
import websockets.asyncio.server

from bookproof_exchange.dialects.api import Frame, HttpRequest
from bookproof_exchange.script.actions import Action, Admit, Play, Write
from bookproof_exchange.server.listener import Server
from bookproof_exchange.server.tape import Tape

DRAIN = Path(__file__).with_name("drain.py")
#: Nobody waits longer than this for a measurement.
LIMIT = 60.0
CHUNK = 1 << 18


def receiver(port: int, connections: int, count: int, how: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(DRAIN), str(port), str(connections), str(count), how])


@contextmanager
def no_collection() -> Iterator[None]:
    """The garbage collector has nothing to find, but many objects to look at."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def by_sendall(data: bytes) -> float:
    """The limit: a blocking socket and ready bytes."""
    view = memoryview(data)
    with socket.create_server(("127.0.0.1", 0)) as listener, no_collection():
        process = receiver(listener.getsockname()[1], 1, len(data), "raw")
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(LIMIT)
            began = time.perf_counter()
            for at in range(0, len(view), CHUNK):
                connection.sendall(view[at : at + CHUNK])
            if not connection.recv(100):
                raise RuntimeError("the receiver failed")
            took = time.perf_counter() - began
        process.wait(LIMIT)
    return took


class Announcer:
    """A host that admits everybody; notes who is there and what the receiver says."""

    def __init__(self) -> None:
        self.open = 0
        self.said: bytes | None = None

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        return [Admit(connection)]

    def opened(self, connection: int) -> Sequence[Action]:
        self.open += 1
        return []

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        self.said = frame.payload
        return []

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        return []

    def pinged(self, connection: int) -> Sequence[Action]:
        return []

    def closed(self, connection: int, by: str, code: int | None, how: str) -> Sequence[Action]:
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        return []


Script = Callable[[Server], Iterator[Sequence[Action]]]
#: `time.process_time` counts only what the sending process does itself.
Clock = Callable[[], float]


def by_bookproof(
    script: Script, connections: int, count: int, how: str = "", clock: Clock = time.perf_counter
) -> tuple[float, bytes]:
    """``script`` yields what to perform; after each step the loop runs on. Returns the time and the receiver's word."""

    async def main() -> tuple[float, bytes]:
        host = Announcer()
        server = Server(host)
        lot = trio.lowlevel.ParkingLot()

        def changed() -> None:
            lot.unpark_all()

        server.changed = changed
        with trio.fail_after(LIMIT):
            async with trio.open_nursery() as nursery:
                address = await nursery.start(server.run)
                process = receiver(address.port, connections, count, how)
                while host.open < connections:
                    await lot.park()
                began = clock()
                for actions in script(server):
                    server.perform(actions)
                    await trio.lowlevel.checkpoint()
                while host.said is None:
                    await lot.park()
                took = clock() - began
                nursery.cancel_scope.cancel()
        process.wait(LIMIT)
        return took, host.said or b""

    with no_collection():
        return trio.run(main)


def tape_script(tape: Tape, connections: int = 1) -> Script:
    def script(server: Server) -> Iterator[Sequence[Action]]:
        yield [Play(number, tape, 0, len(tape)) for number in range(1, connections + 1)]

    return script


def write_script(frames: tuple[Frame, ...], times: int, connections: int = 1) -> Script:
    """The same frames written ``times`` times to every connection, all at once each time."""

    def script(server: Server) -> Iterator[Sequence[Action]]:
        for _ in range(times):
            yield [Write(number, frames) for number in range(1, connections + 1)]

    return script


def by_websockets(texts: Sequence[str], connections: int, count: int, clock: Clock = time.perf_counter) -> float:
    """websockets.asyncio, without compression: `send` on one connection, `broadcast` to many."""

    async def main() -> float:
        there: list[websockets.asyncio.server.ServerConnection] = []
        all_there, all_over = asyncio.Event(), asyncio.Event()

        async def handler(connection: websockets.asyncio.server.ServerConnection) -> None:
            there.append(connection)
            if len(there) == connections:
                all_there.set()
            await all_over.wait()

        async with asyncio.timeout(LIMIT):
            server = await websockets.asyncio.server.serve(
                handler, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.01
            )
            port = next(iter(server.sockets)).getsockname()[1]
            process = receiver(port, connections, count)
            await all_there.wait()
            # All is said on the connection that was opened first.
            first = there[0]
            began = clock()
            if connections == 1:
                for text in texts:
                    await first.send(text)
            else:
                for text in texts:
                    websockets.asyncio.server.broadcast(there, text)
                    await asyncio.sleep(0)
            await first.recv()
            took = clock() - began
            process.terminate()
            all_over.set()
            server.close()
            await server.wait_closed()
        process.wait(LIMIT)
        return took

    with no_collection():
        return asyncio.run(main())
