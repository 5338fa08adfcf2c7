"""The HTTP CONNECT proxy of one client process. It leads to the case's exchange or nowhere."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from typing import Protocol

import h11
import trio

from bookproof_exchange.server.tls import TlsWire
from bookproof_exchange.server.wire import GONE, SocketWire, Wire

#: Seconds for a client to say what it wants of the proxy, and to read that it does not get it.
_PATIENCE = 10.0
_HEAD = 1 << 14
_PIECE = 1 << 16


class Gate(Protocol):
    """What a proxy asks before it lets anybody through."""

    def admits(self, host: str, port: int) -> str | None:
        """None: the address is answered here. Else why it is not."""
        ...

    def refused(self, what: str, why: str) -> None:
        """A request was refused."""
        ...

    def trusted(self) -> None:
        """A client that was let through completed the TLS handshake."""
        ...

    def distrusted(self, address: str, why: str) -> None:
        """The client broke off the TLS handshake."""
        ...

    def passed(self, host: str, port: int, wire: Wire) -> bool:
        """A connection to an address that was admitted: serve it, in a task of its own, and close it. False: too late."""
        ...


class Proxy:
    """Listens on a free port of 127.0.0.1. Knows one thing to do with a connection: to hand it to the gate."""

    def __init__(self, gate: Gate, context: ssl.SSLContext) -> None:
        self._gate = gate
        self._context = context
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    await trio.lowlevel.wait_readable(self._listener)
                    try:
                        sock, _ = self._listener.accept()
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                            await trio.sleep(0.1)
                        continue
                    sock.setblocking(False)
                    with contextlib.suppress(OSError):
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    nursery.start_soon(self._meet, sock)
        finally:
            self._listener.close()

    async def _meet(self, sock: socket.socket) -> None:
        wire = SocketWire(sock)
        handed_over = False
        try:
            with trio.move_on_after(_PATIENCE):
                handed_over = await self._converse(wire, sock)
        except GONE:
            pass
        finally:
            if not handed_over:
                await wire.close()

    async def _converse(self, wire: SocketWire, sock: socket.socket) -> bool:
        """Whether the connection is somebody else's now."""
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        try:
            head = await _head(conn, wire)
        except h11.RemoteProtocolError as error:
            self._gate.refused("something that is not HTTP", str(error))
            await _refuse(wire, 400, f"not a request to a proxy: {error}")
            return False
        if head is None:
            return False
        target = head.target.decode("latin-1")
        if head.method != b"CONNECT":
            what = f"{head.method.decode('latin-1')} {target[:200]}"
            why = "only https and wss are intercepted, by CONNECT"
            self._gate.refused(what, why)
            await _refuse(wire, 403, f"{what}: {why}")
            return False
        address = _address(target)
        if address is None:
            self._gate.refused(f"CONNECT {target[:200]}", "not HOST:PORT")
            await _refuse(wire, 400, "expected CONNECT HOST:PORT")
            return False
        host, port = address
        why_not = self._gate.admits(host, port)
        if why_not is not None:
            self._gate.refused(f"{host}:{port}", why_not)
            await _refuse(wire, 403, f"{host}:{port}: {why_not}")
            return False
        early, _ = conn.trailing_data
        await wire.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        tls = _ClientTls(sock, self._context, early, f"{host}:{port}", self._gate)
        return self._gate.passed(host, port, tls)


class _ClientTls(TlsWire):
    """TLS that says whether the client goes on with it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, early: bytes, address: str, gate: Gate) -> None:
        super().__init__(sock, context)
        self._incoming.write(early)
        self._address = address
        self._gate = gate

    async def _shake_hands(self) -> None:
        try:
            await super()._shake_hands()
        except ssl.SSLEOFError:
            self._gate.distrusted(self._address, "it ended the connection")
            raise
        except ssl.SSLError as error:
            self._gate.distrusted(self._address, (error.reason or str(error)).replace("_", " ").lower())
            raise
        self._gate.trusted()


async def _head(conn: h11.Connection, wire: SocketWire) -> h11.Request | None:
    while True:
        event = conn.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        conn.receive_data(await wire.receive())


def _address(target: str) -> tuple[str, int] | None:
    host, colon, port = target.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        return None
    return host.strip("[]").rstrip(".").lower(), int(port)


async def _refuse(wire: SocketWire, status: int, why: str) -> None:
    body = f"bookproof: {why}\n".encode("utf-8", "replace")
    reason = {400: "Bad Request", 403: "Forbidden"}[status]
    head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
    await wire.send_all(head.encode() + b"connection: close\r\n\r\n" + body)
    await wire.finish(1.0)
