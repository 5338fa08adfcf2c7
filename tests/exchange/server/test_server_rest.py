"""REST on the same port: keep-alive, order, held answers, requests that are none."""

from __future__ import annotations

import http.client
import socket

import pytest
import trio
import trio.testing
from server_fakes import FakeHost, serving

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest
from bookproof_exchange.errors import HarnessError
from bookproof_exchange.script.actions import Answer
from bookproof_exchange.server.listener import Address, Server


def test_keep_alive_with_a_real_client() -> None:
    def client(address: Address) -> None:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
        connection.connect()
        first = connection.sock
        for number in range(1, 6):
            connection.request("GET", f"/api/v3/depth?symbol=A%2FB&limit={number}&empty=", headers={"X-Key": "abc"})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, f"answer {number}".encode())
            assert connection.sock is first
        connection.request("POST", "/order", body=b"x" * 100_000)
        assert connection.getresponse().read() == b"answer 6"
        connection.request("HEAD", "/")
        response = connection.getresponse()
        assert (response.getheader("content-length"), response.read()) == ("8", b"")
        connection.request("GET", "/", headers={"Connection": "close"})
        assert connection.getresponse().read() == b"answer 8"
        assert connection.sock is None
        connection.close()

    async def main() -> None:
        host = FakeHost()
        requests: dict[int, HttpRequest] = {}
        answers = host.on_requested

        def requested(number: int, request: HttpRequest) -> list[Answer]:
            requests[number] = request
            return list(answers(number, request))  # type: ignore[arg-type]

        host.on_requested = requested
        async with serving(host) as watched:
            await trio.to_thread.run_sync(client, watched.address)
        assert requests[2].query == {"symbol": "A/B", "limit": "2", "empty": ""}
        assert requests[2].headers["x-key"] == "abc"
        assert requests[6].body == b"x" * 100_000
        assert [note[1:] for note in host.notes][5:7] == [(6, "POST", "/order"), (7, "HEAD", "/")]

    trio.run(main)


async def exchange(address: Address, data: bytes) -> bytes:
    """Send bytes, end, and read all that comes."""
    stream = await trio.open_tcp_stream(address.host, address.port)
    await stream.send_all(data)
    await stream.send_eof()
    received = bytearray()
    async for part in stream:
        received += part
    return bytes(received)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def main() -> None:
        async with serving() as watched:
            raw = await exchange(watched.address, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            bodies = [part[: part.index(b"HTTP")] if b"HTTP" in part else part for part in raw.split(b"\r\n\r\n")[1:]]
            assert bodies == [b"answer %d" % number for number in range(1, 21)]

    trio.run(main)


def test_a_held_answer_comes_later_and_holds_up_nobody_else() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_requested = lambda number, request: (
            [] if request.path == "/held" else [Answer(number, HttpAnswer(status=404, body=b"no"))]
        )
        async with serving(host) as watched:
            stream = await trio.open_tcp_stream(watched.address.host, watched.address.port)
            await stream.send_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
            await watched.noted(("requested", 1, "GET", "/held"))
            assert (await exchange(watched.address, b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(
                b"HTTP/1.1 404 Not Found\r\n"
            )
            watched.server.perform([Answer(1, HttpAnswer(status=200, body=b"late", headers=(("X-Weight", "5"),)))])
            answer = await stream.receive_some()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nx-weight: 5\r\n" in answer.lower()
            assert answer.endswith(b"\r\n\r\nlate")
            watched.server.perform([Answer(1, None)])  # too late to matter
            with pytest.raises(HarnessError, match="HTTP request 3"):
                watched.server.perform([Answer(3, None)])

    trio.run(main)


def test_no_answer_drops_the_connection() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_requested = lambda number, request: [Answer(number, None)]
        async with serving(host) as watched:
            assert await exchange(watched.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2) == b""
            assert len(host.notes) == 1

    trio.run(main)


def test_a_body_shorter_than_its_stated_length_is_cut_off() -> None:
    def client(address: Address) -> bytes:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
        connection.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead) as caught:
            connection.getresponse().read()
        return caught.value.partial

    async def main() -> None:
        host = FakeHost()
        answer = HttpAnswer(status=200, body=b'{"lastUpd', headers=(("Content-Length", "100"),))
        host.on_requested = lambda number, request: [Answer(number, answer)]
        async with serving(host, linger=0.05) as watched:
            assert await trio.to_thread.run_sync(client, watched.address) == b'{"lastUpd'

    trio.run(main)


@pytest.mark.parametrize("status", [204, 304, 418, 599])
def test_any_status(status: int) -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_requested = lambda number, request: [Answer(number, HttpAnswer(status=status, body=b"ignored or not"))]
        async with serving(host) as watched:
            raw = await exchange(watched.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
            assert raw.count(b"HTTP/1.1 %d" % status) == 2
            assert raw.count(b"ignored or not") == (0 if status < 400 else 2)

    trio.run(main)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # a TLS hello on a plain port
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no host
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"z" * 1_200_000, 413),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_gets_an_error_and_the_end(request_bytes: bytes, status: int) -> None:
    async def main() -> None:
        async with serving(linger=0.5) as watched:
            raw = await exchange(watched.address, request_bytes)
            assert raw.startswith(b"HTTP/1.1 %d " % status)
            assert watched.host.notes == []

    trio.run(main)


@pytest.mark.parametrize(
    "part",
    [b"", b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"],
)
def test_half_a_request_is_nothing(part: bytes) -> None:
    async def main() -> None:
        async with serving(linger=0.1) as watched:
            await exchange(watched.address, part)
            stream = await trio.open_tcp_stream(watched.address.host, watched.address.port)
            await stream.send_all(part)
            assert watched.host.notes == []

    trio.run(main)


def test_a_client_may_wait_for_100_continue() -> None:
    async def main() -> None:
        async with serving() as watched:
            stream = await trio.open_tcp_stream(watched.address.host, watched.address.port)
            await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
            await stream.send_all(b"ab")
            assert (await stream.receive_some()).endswith(b"answer 1")

    trio.run(main)


def test_an_upgrade_to_something_else_is_ignored() -> None:
    async def main() -> None:
        async with serving() as watched:
            request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
            assert (await exchange(watched.address, request)).startswith(b"HTTP/1.1 200 OK")

    trio.run(main)


def test_rest_then_websocket_on_one_connection() -> None:
    async def main() -> None:
        async with serving() as watched:
            stream = await trio.open_tcp_stream(watched.address.host, watched.address.port)
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive_some()).endswith(b"answer 1")
            await stream.send_all(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                b"\x81\x82\x00\x00\x00\x00hi"
            )
            raw = bytearray()
            while not raw.endswith(b"\r\n\r\n\x81\x02hi"):
                raw += await stream.receive_some()
            # The example of RFC 6455, 1.3.
            assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in raw

    trio.run(main)


def test_in_memory_under_a_virtual_clock() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_requested = lambda number, request: []
        server = Server(host)
        near, far = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handle, near)
            await far.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await trio.sleep(1000)
            server.perform([Answer(1, HttpAnswer(status=200, body=b"ok"))])
            received = bytearray()
            async for part in far:
                received += part
            assert received.endswith(b"ok")
            await far.aclose()
        assert trio.current_time() < 1010

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_client_that_reads_nothing_of_its_answer_hurts_nobody() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_requested = lambda number, request: [Answer(number, HttpAnswer(status=200, body=bytes(20_000_000)))]
        async with serving(host) as watched:
            with socket.create_connection((watched.address.host, watched.address.port)) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await watched.noted(("requested", 1, "GET", "/"))
                host.on_requested = lambda number, request: [Answer(number, HttpAnswer(status=200, body=b"ok"))]
                assert (await exchange(watched.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"ok")

    trio.run(main)
