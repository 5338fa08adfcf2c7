"""TLS for tests: a certificate authority made for one run, one certificate of it, and the wire that speaks TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

import msgspec
import trio

from bookproof_exchange.server.wire import GONE, SocketWire, Wire

_PIECE = 1 << 16


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files are. Only ``ca`` goes to the client, which has to trust it."""

    ca: Path
    chain: Path
    """Private key and certificate of the server, PEM."""

    def context(self) -> ssl.SSLContext:
        """A server context. HTTP/1.1 only, as ALPN says (WebSocket over HTTP/2 is another protocol: RFC 8441)."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain)
        context.set_alpn_protocols(["http/1.1"])
        return context


def make(directory: Path, *names: str) -> TlsFiles:
    """Make an authority and a certificate for ``names`` (host names or addresses; localhost, 127.0.0.1 and ::1 when
    none is given) and write both as PEM files into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    import trustme  # slow to import, and few runs want TLS

    authority = trustme.CA(organization_name="Bookproof test authority")
    certificate = authority.issue_cert(*(names or ("localhost", "127.0.0.1", "::1")))
    files = TlsFiles(ca=directory / "ca.pem", chain=directory / "server.pem")
    authority.cert_pem.write_to_path(str(files.ca))
    files.chain.touch(mode=0o600)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(files.chain))
    return files


class TlsWire(Wire):
    """TLS over a TCP socket. Unlike `trio.SSLStream` it can end politely (close_notify, then FIN) or not, and be
    reset, while somebody reads."""

    __slots__ = ("_ended", "_incoming", "_inner", "_outgoing", "_sending", "_shaken", "_tls")

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._inner = SocketWire(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._sending = trio.Lock()
        self._shaken = False
        self._ended = False

    async def _flush(self) -> None:
        # Reading, too, may have something to send; records must leave in the order in which they were made.
        async with self._sending:
            if self._outgoing.pending:
                await self._inner.send_all(self._outgoing.read())

    async def _fill(self) -> None:
        data = await self._inner.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                await self._flush()  # the alert
                raise
            else:
                await self._flush()
                self._shaken = True
                return

    async def send_some(self, data: bytes | memoryview) -> int:
        sent = self._tls.write(memoryview(data)[:_PIECE])
        await self._flush()
        return sent

    async def receive(self) -> bytes:
        """The first call performs the handshake."""
        if self._ended:
            return await self._inner.receive()
        if not self._shaken:
            await self._shake_hands()
        while True:
            try:
                return self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
                if self._ended:
                    return await self._inner.receive()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def end(self, polite: bool = True) -> None:
        if not self._ended:
            self._ended = True
            with contextlib.suppress(*GONE):
                if polite and self._shaken:
                    with contextlib.suppress(ssl.SSLWantReadError):
                        self._tls.unwrap()
                    await self._flush()
            await self._inner.end()

    async def reset(self) -> None:
        await self._inner.reset()

    async def close(self) -> None:
        await self._inner.close()

    def unacknowledged(self) -> int:
        return self._inner.unacknowledged()
