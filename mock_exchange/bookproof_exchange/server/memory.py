"""A connection in memory: what a TCP connection is to a case over sockets, without the kernel and without a wait.

Simpler than ``trio.testing.memory_stream_pair``, which is made to test users of streams: it checks and waits at every call,
and half of a case in memory was spent on that.
"""

from __future__ import annotations

import trio

from bookproof_exchange.server.wire import StreamWire


class _Way:
    """One direction: what was written and not read yet."""

    __slots__ = ("arrives", "data", "ended", "refused")

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        """Nothing more will be written."""
        self.refused = False
        """Nothing more will be read."""
        self.arrives: trio.Event | None = None
        """Set when there is something new for the reader, if one waits."""

    def wake(self) -> None:
        if self.arrives is not None:
            self.arrives.set()
            self.arrives = None


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end. Writing never waits for the reader; a peer that is gone raises BrokenResourceError."""

    def __init__(self, incoming: _Way, outgoing: _Way) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def send_now(self, data: bytes | bytearray | memoryview) -> None:
        """`send_all` at once."""
        way = self._outgoing
        if way.ended:
            raise trio.ClosedResourceError
        if way.refused:
            raise trio.BrokenResourceError
        way.data += data
        way.wake()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()  # who sends without end must let others run
        self.send_now(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        way = self._incoming
        while not way.data:
            if way.refused:
                raise trio.ClosedResourceError
            if way.ended:
                return b""
            way.arrives = trio.Event()
            await way.arrives.wait()
        data = bytes(way.data if max_bytes is None else way.data[:max_bytes])
        del way.data[: len(data)]
        return data

    async def send_eof(self) -> None:
        self._outgoing.ended = True
        self._outgoing.wake()

    def close(self) -> None:
        """`aclose` at once. The peer reads what is on its way, then the end; what it writes is refused."""
        self._outgoing.ended = self._incoming.refused = True
        self._incoming.data.clear()
        self._outgoing.wake()
        self._incoming.wake()

    async def aclose(self) -> None:
        self.close()


def connected() -> tuple[MemoryStream, MemoryStream]:
    """The two ends of a new connection."""
    there, back = _Way(), _Way()
    return MemoryStream(back, there), MemoryStream(there, back)


class MemoryWire(StreamWire):
    """A `MemoryStream` under a connection: the server's pump writes to it, as to a socket."""

    __slots__ = ("_memory",)
    direct = True

    def __init__(self, stream: MemoryStream) -> None:
        super().__init__(stream)
        self._memory = stream

    def try_send(self, data: bytes | memoryview) -> int:
        self._memory.send_now(data)
        return len(data)

    async def close(self) -> None:
        self._memory.close()
