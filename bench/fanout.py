"""A thousand connections: the same stream to all, and what an idle connection costs in memory."""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
from pathlib import Path

import trio
import trio.testing
from report import Gate, Group
from senders import Announcer, by_bookproof, by_websockets, receiver, tape_script, write_script
from wire import update

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.server.frames import join
from bookproof_exchange.server.listener import Server
from bookproof_exchange.server.tape import Tape

CONNECTIONS = 1000
#: Messages of one burst.
BURST = 128


def room_for_files() -> None:
    """A thousand sockets need more descriptors than many systems grant at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 200
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class Crowd:
    """The stream for everybody."""

    def __init__(self) -> None:
        self.frames = tuple(Frame(update(number, 250)) for number in range(BURST))
        self.texts = [frame.payload.decode() for frame in self.frames]
        self.size = len(join(self.frames))

    def written(self, bursts: int = 8) -> float:
        """Messages delivered a second: bursts of frames written to every connection."""
        script = write_script(self.frames, bursts, CONNECTIONS)
        return bursts * BURST * CONNECTIONS / by_bookproof(script, CONNECTIONS, bursts * self.size)[0]

    def played(self, bursts: int = 8) -> float:
        """Messages delivered a second: a tape, played to every connection."""
        tape = Tape.record(self.frames * bursts)
        return bursts * BURST * CONNECTIONS / by_bookproof(tape_script(tape, CONNECTIONS), CONNECTIONS, tape.size())[0]

    def broadcast(self, messages: int = 16) -> float:
        """Messages delivered a second by websockets.asyncio's broadcast."""
        size = messages * self.size // BURST
        return messages * CONNECTIONS / by_websockets(self.texts[:messages], CONNECTIONS, size)


# --- memory: each server in a fresh process ---------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory: now where the system tells, else at the most so far."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def idle_bookproof() -> float:
    async def main() -> float:
        host = Announcer()
        server = Server(host)
        lot = trio.lowlevel.ParkingLot()

        def changed() -> None:
            lot.unpark_all()

        server.changed = changed
        async with trio.open_nursery() as nursery:
            address = await nursery.start(server.run)
            warm = await trio.open_tcp_stream(address.host, address.port)
            await trio.testing.wait_all_tasks_blocked(0.05)
            gc.collect()
            before = resident()
            process = receiver(address.port, CONNECTIONS, 1)
            while host.open < CONNECTIONS:
                await lot.park()
            await trio.testing.wait_all_tasks_blocked(0.05)
            gc.collect()
            each = (resident() - before) / CONNECTIONS
            process.terminate()
            await warm.aclose()
            nursery.cancel_scope.cancel()
        process.wait()
        return each

    return trio.run(main)


def idle_websockets() -> float:
    import websockets.asyncio.client
    import websockets.asyncio.server

    async def main() -> float:
        there = 0
        all_there = asyncio.Event()
        over = asyncio.Event()

        async def handler(connection: websockets.asyncio.server.ServerConnection) -> None:
            nonlocal there
            there += 1
            if there > CONNECTIONS:
                all_there.set()
            await over.wait()

        server = await websockets.asyncio.server.serve(
            handler, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.01
        )
        port = next(iter(server.sockets)).getsockname()[1]
        warm = await websockets.asyncio.client.connect(f"ws://127.0.0.1:{port}", compression=None)
        gc.collect()
        before = resident()
        process = receiver(port, CONNECTIONS, 1)
        await all_there.wait()
        await asyncio.sleep(0.05)
        gc.collect()
        each = (resident() - before) / CONNECTIONS
        process.terminate()
        over.set()
        await warm.close()
        server.close()
        await server.wait_closed()
        process.wait()
        return each

    return asyncio.run(main())


def memory(which: str) -> float:
    """Bytes a connection of one of the two servers, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, which], capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


def groups() -> list[Group]:
    room_for_files()
    crowd = Crowd()

    def deliver() -> dict[str, float]:
        return {"1,000 connections, bursts written / broadcast": crowd.written() / crowd.broadcast()}

    return [
        Group(
            [Gate("1,000 connections, bursts written / broadcast", 30)],
            deliver,
        ),
        Group(
            [Gate("memory of an idle connection / websockets", 0.8, at_most=True)],
            lambda: {"memory of an idle connection / websockets": memory("bookproof") / memory("websockets")},
            rounds=3,
        ),
    ]


if __name__ == "__main__":
    room_for_files()
    each = idle_bookproof() if sys.argv[1] == "bookproof" else idle_websockets()
    sys.stdout.write(f"{each}\n")
