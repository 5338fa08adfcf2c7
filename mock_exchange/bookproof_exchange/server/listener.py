"""The server: one port for WebSocket and REST, on loopback, around one host."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence

import msgspec
import trio

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest
from bookproof_exchange.errors import HarnessError, UsageError
from bookproof_exchange.script.actions import (
    Action,
    Admit,
    Answer,
    HangUp,
    Host,
    Mute,
    PingClient,
    Play,
    Refuse,
    Write,
    WriteOdd,
)
from bookproof_exchange.server import http
from bookproof_exchange.server.connection import Connection
from bookproof_exchange.server.frames import Sharing
from bookproof_exchange.server.handshake import judge
from bookproof_exchange.server.pump import Pump
from bookproof_exchange.server.tls import TlsFiles, TlsWire
from bookproof_exchange.server.wire import GONE, SocketWire, StreamWire, Wire

_BACKLOG = 4096


class Address(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int
    tls: bool

    @property
    def ws(self) -> str:
        """The base URL for WebSocket, without a slash at the end."""
        return f"{'wss' if self.tls else 'ws'}://{self._netloc}"

    @property
    def http(self) -> str:
        """The base URL for REST, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self._netloc}"

    @property
    def _netloc(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Pending:
    """A REST request that waits for its answer."""

    __slots__ = ("answer", "come")

    def __init__(self) -> None:
        self.come = trio.Event()
        self.answer: HttpAnswer | None = None


def _nothing() -> None:
    pass


class Server:
    """Carries bytes between clients and a host, and does what the host wants, when it says so.

    ``bind``: an address; anything but loopback needs ``expose=True``, since a mock exchange has no business on a
    network. ``port`` 0: any free one. ``compression``: permessage-deflate is negotiated (never with context takeover
    on the server's side). ``linger``: seconds for a peer to do its part of an end before it is done without;
    ``send_buffer``: SO_SNDBUF in bytes, for scripts about slow readers (the kernel's default takes megabytes).

    A client can do nothing that raises here; whatever the host raises comes out of `run` and `handle`."""

    def __init__(
        self,
        host: Host,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        tls: TlsFiles | None = None,
        compression: bool = False,
        expose: bool = False,
        linger: float = 2.0,
        send_buffer: int | None = None,
    ) -> None:
        self.host = host
        self.linger = linger
        self.sharing = Sharing()
        self.changed: Callable[[], None] = _nothing
        """Called after every call into the host, when its actions were performed."""
        self.malformed: http.Malformed = http.malformed
        """Makes the answer to what is no HTTP request."""
        self._bind = bind
        self._port = port
        self._expose = expose
        self._send_buffer = send_buffer
        self._tls = None if tls is None else tls.context()
        self._compression = compression
        self._connections: dict[int, Connection] = {}
        self._count = 0
        self._pending: dict[int, _Pending] = {}
        self._requests = 0
        self._pump = Pump()

    # --- listening -----------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled. Reports the address when clients can connect.

        Raises UsageError where the address cannot be listened on."""
        listener = self._listen()
        try:
            name, port = listener.getsockname()[:2]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump.run)
                task_status.started(Address(name, port, self._tls is not None))
                while True:
                    await trio.lowlevel.wait_readable(listener)
                    await self._accept(listener, nursery)
        finally:
            listener.close()

    async def _accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        for _ in range(64):
            try:
                sock, _address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    await trio.sleep(0.1)  # no free descriptor: those who wait in the backlog have to wait
                return
            wire = self._wire(sock)
            if wire is not None:
                nursery.start_soon(self._serve, wire)

    def _listen(self) -> socket.socket:
        if not 0 <= self._port <= 65_535:
            raise UsageError(f"there is no port {self._port}", hint="0 to 65535; 0 for any free one")
        try:
            family, kind, proto, _name, address = socket.getaddrinfo(
                self._bind, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except (OSError, UnicodeError) as error:
            raise UsageError(f"cannot listen on {self._bind!r}: {error}", hint="give an address of this host") from None
        if not self._expose and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise UsageError(
                f"{self._bind} can be reached from other hosts", hint="use 127.0.0.1, or allow it explicitly"
            )
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"port {self._port} on {self._bind} is taken", hint="choose another, or 0 for any free one"
                ) from None
            raise UsageError(f"cannot listen on {self._bind} port {self._port}: {error.strerror}") from None
        listener.setblocking(False)
        return listener

    def _wire(self, sock: socket.socket) -> Wire | None:
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._send_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
        except OSError:
            sock.close()
            return None
        return SocketWire(sock) if self._tls is None else TlsWire(sock, self._tls)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection on any stream, for instance half of ``trio.testing.memory_stream_pair()``. Returns
        when the connection is over. Works without `run`."""
        await self._serve(StreamWire(stream))

    async def take(self, wire: Wire) -> None:
        """Serve one connection that somebody else accepted. Returns when it is over. Works while `run` does."""
        await self._serve(wire)

    async def _serve(self, wire: Wire) -> None:
        try:
            connection = await self._converse(wire)
        except BaseException:
            await wire.close()
            raise
        if connection is None:
            await wire.finish(self.linger)
        else:
            await connection.run()

    async def _converse(self, wire: Wire) -> Connection | None:
        """REST, until the client leaves or wants a WebSocket."""
        upgrade = await http.converse(wire, self._ask, self.malformed)
        if upgrade is None:
            return None
        handshake = judge(upgrade.head, self._compression)
        if isinstance(handshake, bytes):
            with contextlib.suppress(*GONE):
                await wire.send_all(handshake)
            return None
        self._count += 1
        connection = Connection(self, self._count, wire, upgrade.request, handshake, upgrade.early)
        self._connections[connection.number] = connection
        return connection

    async def _ask(self, request: HttpRequest) -> HttpAnswer | None:
        self._requests += 1
        number = self._requests
        pending = self._pending[number] = _Pending()
        try:
            self.settle(self.host.requested(number, request))
            await pending.come.wait()
        finally:
            del self._pending[number]
        return pending.answer

    # --- what the host wants ---------------------------------------------------------------------------------------

    def perform(self, actions: Sequence[Action]) -> None:
        """Do what the exchange wants. Never waits: what is to be sent is queued, in order for every connection. What is
        meant for a connection that is gone, or already ending, is dropped.

        Raises HarnessError for a connection or request that never was."""
        for action in actions:
            match action:
                case Write():
                    if (connection := self._find(action.connection)) is not None:
                        connection.write(action)
                case WriteOdd():
                    if (connection := self._find(action.connection)) is not None:
                        connection.write_odd(action)
                case Play():
                    if (connection := self._find(action.connection)) is not None:
                        connection.play(action.tape, action.first, action.last)
                case PingClient():
                    if (connection := self._find(action.connection)) is not None:
                        connection.ping(action.payload)
                case Admit():
                    if (connection := self._find(action.connection)) is not None:
                        connection.admit()
                case Refuse():
                    if (connection := self._find(action.connection)) is not None:
                        connection.refuse(http.refusal(action.answer))
                case HangUp():
                    if (connection := self._find(action.connection)) is not None:
                        connection.hang_up(action)
                case Mute():
                    if (connection := self._find(action.connection)) is not None:
                        connection.mute(action.on)
                case Answer():
                    self._answer(action)

    def flush(self) -> None:
        """Send what was performed, as far as it goes without waiting. Without this it goes out as soon as nothing else
        has to be done, and then it may be more that goes out together."""
        self._pump.flush()

    def _find(self, number: int) -> Connection | None:
        connection = self._connections.get(number)
        if connection is None and not 0 < number <= self._count:
            raise HarnessError(f"there never was a connection {number}")
        return connection

    def _answer(self, action: Answer) -> None:
        pending = self._pending.get(action.number)
        if pending is not None:
            pending.answer = action.answer
            pending.come.set()
        elif not 0 < action.number <= self._requests:
            raise HarnessError(f"there never was an HTTP request {action.number}")

    async def drained(self, connection: int) -> None:
        """Returns when everything written so far on the connection was handed to the kernel, or given up."""
        found = self._find(connection)
        if found is not None:
            await found.drained()

    # --- for the connections (see connection.Hub) --------------------------------------------------------------------

    def settle(self, actions: Sequence[Action]) -> None:
        self.perform(actions)
        self.changed()

    def ready(self, connection: Connection) -> None:
        self._pump.ready(connection)

    def forget(self, connection: Connection) -> None:
        self._connections.pop(connection.number, None)
