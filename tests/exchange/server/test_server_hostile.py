"""Clients that break the rules, stall or flood: nothing escapes, nobody else notices."""

from __future__ import annotations

import random
import struct

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from server_fakes import Client, FakeHost, Watched, serving
from websockets.frames import Opcode

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.script.actions import PingClient, Write
from bookproof_exchange.server.listener import Server

HELLO = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def masked(first: int, payload: bytes) -> bytes:
    """A client frame with the mask 0."""
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 65_536:
        length = bytes((0x80 | 126,)) + struct.pack("!H", size)
    else:
        length = bytes((0x80 | 127,)) + struct.pack("!Q", size)
    return bytes((first,)) + length + bytes(4) + payload


async def alive(watched: Watched) -> None:
    """The server still serves."""
    client = await Client.dial(watched.address)
    await client.say(b"alive?")
    while (frame := await client.frame()) is not None and bytes(frame.data) != b"alive?":
        pass
    assert frame is not None
    await client.stream.aclose()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (masked(0x83, b""), 1002),  # no such opcode
        (masked(0xC1, b"x"), 1002),  # compressed, which was not agreed
        (masked(0x80, b"x"), 1002),  # continues nothing
        (masked(0x01, b"a") + masked(0x81, b"b"), 1002),  # a new message within a message
        (masked(0x89, b"x" * 126), 1002),  # a long ping
        (masked(0x09, b"x"), 1002),  # a fragmented ping
        (masked(0x88, b"x"), 1002),  # half a close code
        (masked(0x88, struct.pack("!H", 999)), 1002),
        (masked(0x88, struct.pack("!H", 1000) + b"\xff"), 1007),
        (masked(0x81, b"\xff\xfe"), 1007),
        (masked(0x01, "é".encode()[:1]) + masked(0x80, b"x"), 1007),
        (bytes((0x82, 0xFF)) + struct.pack("!Q", 1 << 40), 1009),
        (masked(0x02, bytes(600_000)) + masked(0x80, bytes(600_000)), 1009),
    ],
)
def test_a_client_that_breaks_the_protocol_is_closed(bad: bytes, code: int) -> None:
    async def main() -> None:
        async with serving(linger=0.5) as watched:
            client = await Client.dial(watched.address)
            await client.stream.send_all(masked(0x81, b"first") + bad + masked(0x81, b"never"))
            frames, _ = await client.rest()
            assert [frame.opcode for frame in frames] == [Opcode.TEXT, Opcode.CLOSE]
            assert bytes(frames[1].data)[:2] == struct.pack("!H", code)
            await client.stream.aclose()
            assert await watched.closing(1) == ("closed", 1, "exchange", code, "protocol-error")
            assert [note for note in watched.host.notes if note[0] == "received"] == [("received", 1, Frame(b"first"))]
            await alive(watched)

    trio.run(main)


def test_a_code_point_split_between_fragments_is_fine() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            text = "é".encode()
            await client.stream.send_all(masked(0x01, text[:1]) + masked(0x89, b"p") + masked(0x80, text[1:]))
            assert [await client.text(), await client.text()] == [b"p", text]

    trio.run(main)


def converse(parts: list[bytes]) -> FakeHost:
    """Send parts to a server in memory, under a virtual clock, then leave; it has to end by itself."""
    host = FakeHost()

    async def main() -> None:
        near, far = trio.testing.memory_stream_pair()

        async def client() -> None:
            for part in parts:
                try:
                    await far.send_all(part)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
                await trio.testing.wait_all_tasks_blocked()
            await far.send_eof()

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Server(host).handle, near)
                nursery.start_soon(client)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert len(host.closings()) == sum(note[0] == "arrived" for note in host.notes)
    return host


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=8))
def test_garbage_instead_of_http(parts: list[bytes]) -> None:
    converse(parts)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=8), st.booleans())
def test_garbage_instead_of_frames(parts: list[bytes], together: bool) -> None:
    host = converse([HELLO + b"".join(parts)] if together else [HELLO, *parts])
    assert host.kinds(1)[:2] == ["arrived", "opened"]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1 << 32), st.integers(1, 6))
def test_a_talk_with_flipped_bytes(seed: int, flips: int) -> None:
    draw = random.Random(seed)
    talk = bytearray(HELLO + masked(0x81, b"a" * 130) + masked(0x89, b"p") + masked(0x02, b"b") + masked(0x80, b"c"))
    for _ in range(flips):
        talk[draw.randrange(len(talk))] = draw.randrange(256)
    cut = draw.randrange(len(talk))
    converse([bytes(talk[:cut]), bytes(talk[cut:])])


@given(st.lists(st.integers(1, 40), max_size=30))
@settings(deadline=None, max_examples=50)
def test_any_segmentation_of_a_good_talk_is_heard(sizes: list[int]) -> None:
    talk = HELLO + masked(0x81, b"one") + masked(0x01, b"t") + masked(0x80, b"wo") + masked(0x8A, b"pong")
    talk += masked(0x88, b"\x03\xe8")
    parts = []
    for size in sizes:
        parts.append(talk[:size])
        talk = talk[size:]
    host = converse([part for part in (*parts, talk) if part])
    assert host.notes == [
        ("arrived", 1),
        ("opened", 1),
        ("received", 1, Frame(b"one")),
        ("received", 1, Frame(b"two")),
        ("ponged", 1, b"pong"),
        ("closed", 1, "client", 1000, "close"),
    ]


def test_a_reader_that_stalls_does_not_stop_the_others() -> None:
    async def main() -> None:
        host = FakeHost()
        async with serving(host) as watched:
            stalled = await Client.dial(watched.address)
            other = await Client.dial(watched.address)
            bulk = tuple(Frame(b"%08d" % number * 125) for number in range(15_000))  # 15 MB
            watched.server.perform([Write(1, bulk)])
            for number in range(200):
                await other.say(b"%d" % number)
                assert await other.text() == b"%d" % number
            # And it is still heard itself.
            await stalled.say(b"I am here")
            await watched.noted(("received", 1, Frame(b"I am here")))
            for number in range(15_000):
                assert (await stalled.text())[:8] == b"%08d" % number
            assert await stalled.text() == b"I am here"

    trio.run(main)


def test_a_flood_of_pings_that_nobody_reads_the_answers_of() -> None:
    """The server stops reading before its own memory fills; the flood stops at TCP's flow control."""

    async def main() -> None:
        async with serving(send_buffer=4096) as watched:
            client = await Client.dial(watched.address)
            pings = masked(0x89, b"x" * 100) * 1000
            sent = 0
            with trio.move_on_after(1.0) as scope:
                while sent < 400:
                    await client.stream.send_all(pings)
                    sent += 1
            assert scope.cancelled_caught, "40 MB of pings were swallowed"
            (connection,) = watched.server._connections.values()
            assert len(connection.outbox) < 5000
            await alive(watched)
            # It reads at last, and all goes on.
            total = 0
            while total < 100_000:
                total += len(await client.stream.receive_some())

    trio.run(main)


def test_a_flood_of_requests_is_answered_in_order() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)

            async def flood() -> None:
                for first in range(0, 10_000, 1000):
                    await client.stream.send_all(
                        b"".join(masked(0x81, b"%d" % number) for number in range(first, first + 1000))
                    )

            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood)
                for number in range(10_000):
                    assert await client.text() == b"%d" % number

    trio.run(main)


def test_clients_that_vanish_at_every_point() -> None:
    talk = HELLO + masked(0x81, b"hello") + masked(0x88, b"\x03\xe8")

    async def main() -> None:
        async with serving(linger=0.2) as watched:
            for cut in range(0, len(talk), 3):
                stream = await trio.open_tcp_stream(watched.address.host, watched.address.port)
                await stream.send_all(talk[:cut])
                if cut % 2:
                    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
                await stream.aclose()
            await watched.until(lambda: watched.server.alive == 0)
            await alive(watched)
            arrived = sum(note[0] == "arrived" for note in watched.host.notes)
            await watched.until(lambda: len(watched.host.closings()) == arrived)

    trio.run(main)


def test_a_peer_that_dies_while_it_is_written_to() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Write(1, (Frame(bytes(10_000_000)),)), PingClient(1, b"x")])
            assert isinstance(client.stream, trio.SocketStream)
            await client.stream.receive_some(1000)
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
            await client.stream.aclose()
            note = await watched.closing(1)
            assert note[2:] == ("client", None, "reset")
            await watched.server.drained(1)
            await alive(watched)

    trio.run(main)
