"""Where the server listens, and TLS."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
import stat
from pathlib import Path

import pytest
import trio
import websockets.sync.client
from server_fakes import FakeHost, serving

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.errors import UsageError
from bookproof_exchange.script.actions import Action, HangUp, Write
from bookproof_exchange.server import tls
from bookproof_exchange.server.listener import Address, Server


def test_a_port_that_is_taken_is_the_user_s_problem() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 is taken"):
            trio.run(Server(FakeHost(), port=port).run)


def test_the_port_can_be_chosen_and_used_again_at_once() -> None:
    async def main() -> None:
        async with serving() as watched:
            port = watched.address.port
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with serving(port=port) as watched:
            assert watched.address == Address("127.0.0.1", port, False)
        await stream.aclose()

    trio.run(main)


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", ""])
def test_only_loopback_unless_allowed(bind: str) -> None:
    with pytest.raises(UsageError, match="other hosts"):
        trio.run(Server(FakeHost(), bind=bind or "0.0.0.0").run)


def test_all_addresses_if_allowed() -> None:
    async def main() -> None:
        async with serving(bind="0.0.0.0", expose=True) as watched:
            await trio.open_tcp_stream("127.0.0.1", watched.address.port)

    trio.run(main)


@pytest.mark.parametrize(("bind", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_an_address_that_cannot_be(bind: str, port: int) -> None:
    with pytest.raises(UsageError):
        trio.run(Server(FakeHost(), bind=bind, port=port, expose=True).run)


@pytest.mark.parametrize(
    ("address", "ws", "rest"),
    [
        (Address("127.0.0.1", 80, False), "ws://127.0.0.1:80", "http://127.0.0.1:80"),
        (Address("::1", 443, True), "wss://[::1]:443", "https://[::1]:443"),
    ],
)
def test_urls(address: Address, ws: str, rest: str) -> None:
    assert (address.ws, address.http) == (ws, rest)


def test_localhost_is_loopback() -> None:
    async def main() -> None:
        async with serving(bind="localhost") as watched:
            await trio.open_tcp_stream(watched.address.host, watched.address.port)

    trio.run(main)


def test_tls_with_real_clients(tmp_path: Path) -> None:
    files = tls.make(tmp_path / "tls")
    assert stat.S_IMODE(files.chain.stat().st_mode) == 0o600
    assert b"PRIVATE" not in files.ca.read_bytes()

    def client(address: Address) -> None:
        context = ssl.create_default_context(cafile=str(files.ca))
        with websockets.sync.client.connect(address.ws.replace("127.0.0.1", "localhost"), ssl=context) as ws:
            ws.send("hello")
            assert ws.recv() == "hello"
            ws.send("bulk")
            assert [len(ws.recv()) for _ in range(200)] == [10_000] * 200
            ws.send("bye")
            with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
                ws.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1001
        connection = http.client.HTTPSConnection(address.host, address.port, context=context, timeout=10)
        for number in (1, 2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"answer %d" % number
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            websockets.sync.client.connect(address.ws, ssl=ssl.create_default_context())
        with socket.create_connection((address.host, address.port)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while True:
                try:
                    if not sock.recv(100):
                        break
                except ConnectionResetError:
                    break

    async def main() -> None:
        host = FakeHost()
        bulk = tuple(Frame(bytes(10_000), binary=True) for _ in range(200))

        def received(number: int, frame: Frame) -> list[Action]:
            if frame.payload == b"bye":
                return [HangUp(number, "close", 1001)]
            return [Write(number, bulk if frame.payload == b"bulk" else (frame,))]

        host.on_received = received
        async with serving(host, tls=files) as watched:
            assert watched.address.ws.startswith("wss:")
            await trio.to_thread.run_sync(client, watched.address)
            assert await watched.closing(1) == ("closed", 1, "exchange", 1001, "close")

    trio.run(main)


@pytest.mark.parametrize(
    ("how", "end"), [("close", "notified"), ("fin", "cut"), ("rst", "reset"), ("mid-frame", "cut")]
)
def test_hang_up_under_tls(tmp_path: Path, how: str, end: str) -> None:
    """A close handshake ends with TLS's own goodbye; what is broken off ends without."""
    files = tls.make(tmp_path)

    async def seen(stream: trio.SSLStream[trio.SocketStream]) -> tuple[bytes, str]:
        received = b""
        try:
            while data := await stream.receive_some():
                received += data
                if received.endswith(bytes((0x88, 2)) + (1001).to_bytes(2, "big")):
                    await stream.send_all(bytes((0x88, 0x82, 0, 0, 0, 0)) + (1001).to_bytes(2, "big"))
        except trio.BrokenResourceError as error:
            cause = error.__cause__ or error.__context__
            assert isinstance(cause, ssl.SSLEOFError | ConnectionResetError | trio.BrokenResourceError), repr(cause)
            return received, "cut" if isinstance(cause, ssl.SSLEOFError) else "reset"
        return received, "notified"

    async def main() -> None:
        host = FakeHost()
        host.on_opened = lambda number: [
            Write(number, (Frame(b"last"),)),
            HangUp(number, how, 1001, half=Frame(b"h" * 20)),  # type: ignore[arg-type]
        ]
        async with serving(host, tls=files) as watched:
            context = ssl.create_default_context(cafile=str(files.ca))
            stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", watched.address.port, ssl_context=context)
            await stream.send_all(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            received, saw = await seen(stream)
            assert saw == end
            tail = {"close": b"\x88\x02\x03\xe9", "mid-frame": b"\x81\x14" + b"h" * 9}.get(how, b"")
            assert received.endswith(b"\r\n\r\n\x81\x04last" + tail)
            await trio.aclose_forcefully(stream)

    trio.run(main)


def test_no_free_descriptor_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """`accept` fails for want of descriptors, then works again."""

    async def main() -> None:
        async with serving() as watched:
            accept = socket.socket.accept
            failures = [OSError(errno.EMFILE, os.strerror(errno.EMFILE)), OSError(errno.ECONNABORTED, "aborted")]

            def failing(self: socket.socket) -> object:
                if failures:
                    raise failures.pop(0)
                return accept(self)

            monkeypatch.setattr(socket.socket, "accept", failing)
            stream = await trio.open_tcp_stream("127.0.0.1", watched.address.port)
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive_some()).endswith(b"answer 1")
            assert failures == []

    trio.run(main)
