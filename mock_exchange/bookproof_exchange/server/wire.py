"""The byte stream under a connection: a TCP socket driven directly, or any trio stream (in-memory, TLS)."""

from __future__ import annotations

import abc
import contextlib
import fcntl
import socket
import struct
import termios

import trio

#: What a broken peer or a closed stream raises, whatever the stream.
GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)

#: At most so much is given to the kernel between two checkpoints.
CHUNK = 1 << 18
_READ = 1 << 16
#: What a stream is given at once, so that progress shows.
_PIECE = 1 << 16


class Wire(abc.ABC):
    """A connected byte stream. One task sends at a time, one receives."""

    __slots__ = ()

    #: Whether `try_send` can ever send.
    direct = False

    def try_send(self, data: bytes | memoryview) -> int:
        """Give bytes to the kernel without waiting; how many it took. Raises one of GONE."""
        raise NotImplementedError

    @abc.abstractmethod
    async def send_some(self, data: bytes | memoryview) -> int:
        """Send as much as goes at once, waiting until something does; how much it was. Raises one of GONE."""

    async def send_all(self, data: bytes | memoryview) -> None:
        """Raises one of GONE."""
        view = memoryview(data)
        while view:
            view = view[await self.send_some(view) :]

    @abc.abstractmethod
    async def receive(self) -> bytes:
        """The next bytes; empty at the end of the stream. Raises one of GONE."""

    @abc.abstractmethod
    async def end(self, polite: bool = True) -> None:
        """Send what was written, then the end of the stream (FIN). What is read afterwards is only good for being
        thrown away. ``polite``: under TLS, say so first (close_notify). Never raises."""

    @abc.abstractmethod
    async def reset(self) -> None:
        """End abruptly: RST where there is TCP. Never raises."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go of the stream. Never raises."""

    def unacknowledged(self) -> int:
        """Bytes that the peer's kernel has not taken yet; 0 where that is unknown."""
        return 0

    async def _discard(self) -> None:
        while await self.receive():
            pass

    async def finish(self, limit: float) -> None:
        """End without destroying what the peer has not read yet: FIN first, then read and discard until the peer
        ends too (at most ``limit`` seconds), then close. Closing with unread input would send RST instead."""
        try:
            with trio.move_on_after(limit):
                await self.end()
                await self._discard()
        except (*GONE, trio.BusyResourceError):
            pass
        finally:
            await self.close()


def unacknowledged(sock: socket.socket) -> int:
    """Bytes in the send queue of a TCP socket (SIOCOUTQ, which has the number of TIOCOUTQ; tcp(7))."""
    try:
        packed = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    except OSError:
        return 0
    return int(struct.unpack("i", packed)[0])


def linger_zero(sock: socket.socket) -> None:
    """Make the next close of the socket an RST (socket(7), SO_LINGER)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class SocketWire(Wire):
    """A non-blocking TCP socket, without a stream object between: the hot path."""

    __slots__ = ("_sock",)
    direct = True

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def try_send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    async def send_some(self, data: bytes | memoryview) -> int:
        if len(data) > CHUNK:
            data = memoryview(data)[:CHUNK]
        await trio.lowlevel.checkpoint()
        while not (taken := self.try_send(data)):
            await trio.lowlevel.wait_writable(self._sock)
        return taken

    async def receive(self) -> bytes:
        while self._sock.fileno() >= 0:
            # Before the read, so that a cancellation never swallows bytes; and there is hardly ever anything to read yet.
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(_READ)
            except BlockingIOError:
                pass
        raise trio.ClosedResourceError

    async def end(self, polite: bool = True) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    async def reset(self) -> None:
        with contextlib.suppress(OSError):
            linger_zero(self._sock)
        await self.close()

    async def close(self) -> None:
        if self._sock.fileno() != -1:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    def unacknowledged(self) -> int:
        return unacknowledged(self._sock)


class StreamWire(Wire):
    """Any trio stream, in memory for instance."""

    __slots__ = ("_ended", "_stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._ended = False

    async def send_some(self, data: bytes | memoryview) -> int:
        if len(data) > _PIECE:
            data = memoryview(data)[:_PIECE]
        await self._stream.send_all(data)
        return len(data)

    async def receive(self) -> bytes:
        return bytes(await self._stream.receive_some(_READ))

    async def end(self, polite: bool = True) -> None:
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(*GONE, trio.BusyResourceError):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            else:
                await trio.aclose_forcefully(self._stream)

    async def reset(self) -> None:
        await self.close()

    async def close(self) -> None:
        with contextlib.suppress(*GONE):
            await trio.aclose_forcefully(self._stream)
