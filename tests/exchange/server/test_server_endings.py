"""Each way in which the exchange ends a connection, as the peer sees it."""

from __future__ import annotations

import struct
from typing import Literal

import pytest
import trio
import trio.testing
import websockets.exceptions
import websockets.sync.client
from server_fakes import Client, FakeHost, serving
from websockets.frames import Opcode

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.script.actions import HangUp, Mute, Write
from bookproof_exchange.server.frames import encode
from bookproof_exchange.server.listener import Server

How = Literal["close", "fin", "rst", "mid-frame"]
HALF = Frame(b"h" * 1000)
DATA = tuple(Frame(b"%d" % number * 100) for number in range(100))


@pytest.mark.parametrize("how", ["close", "fin", "rst", "mid-frame"])
@pytest.mark.parametrize("unread", [False, True])
def test_everything_written_before_arrives_and_then_the_end(how: How, unread: bool) -> None:
    """``unread``: the client keeps sending, so that there is input which nobody reads when the socket is closed."""

    async def main() -> None:
        async with serving(linger=0.1) as watched:
            client = await Client.dial(watched.address)
            if unread:
                await client.stream.send_all(bytes((0x81, 0xFE, 0x03, 0xE8, 0, 0, 0, 0)) + b"x" * 500)
            watched.server.perform([Write(1, DATA), HangUp(1, how, 1012, "restart", HALF), Write(1, DATA)])
            note = await watched.closing(1) if how != "close" else None
            frames, end = await client.rest()
            if how == "close":
                *data, close = frames
                assert close.opcode is Opcode.CLOSE
                assert bytes(close.data) == struct.pack("!H", 1012) + b"restart"
                await client.flush()
                await client.stream.aclose()
                assert end == "fin"
                note = await watched.closing(1)
            else:
                data = frames
            assert [bytes(frame.data) for frame in data] == [frame.payload for frame in DATA]
            assert end == ("rst" if how == "rst" else "fin")
            half = encode(HALF)
            assert client.raw.endswith(half[: len(half) // 2]) == (how == "mid-frame")
            assert (
                note
                == {
                    "close": ("closed", 1, "exchange", 1012, "close"),
                    "fin": ("closed", 1, "exchange", None, "eof"),
                    "rst": ("closed", 1, "exchange", None, "reset"),
                    "mid-frame": ("closed", 1, "exchange", None, "eof"),
                }[how]
            )
            await client.stream.aclose()
            await watched.until(lambda: watched.server.alive == 0)
            assert len(watched.host.closings()) == 1

    trio.run(main)


@pytest.mark.parametrize(
    ("hang_up", "expected"),
    [
        (HangUp(1, "close", 1001, "bye"), (1001, "bye")),
        (HangUp(1, "close", 4000), (4000, "")),
        (HangUp(1, "close", 1006), None),
        (HangUp(1, "fin"), None),
        (HangUp(1, "rst"), None),
        (HangUp(1, "mid-frame", half=HALF), None),
    ],
)
def test_a_real_client_sees_it(hang_up: HangUp, expected: tuple[int, str] | None) -> None:
    def client(url: str) -> websockets.exceptions.ConnectionClosed:
        with websockets.sync.client.connect(url) as ws:
            ws.send("go")
            assert ws.recv() == "last words"
            with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
                ws.recv()
            return caught.value

    async def main() -> None:
        host = FakeHost()
        host.on_received = lambda number, frame: [Write(number, (Frame(b"last words"),)), hang_up]
        async with serving(host) as watched:
            closed = await trio.to_thread.run_sync(client, watched.address.ws)
            assert (await watched.closing(1))[2] == "exchange"
        if expected is None:
            assert closed.rcvd is None
        else:
            assert closed.rcvd is not None
            assert (closed.rcvd.code, closed.rcvd.reason) == expected

    trio.run(main)


@pytest.mark.parametrize("code", [0, 999, 1005, 1015, 5000, 65535])
def test_any_code_can_be_sent(code: int) -> None:
    async def main() -> None:
        async with serving(linger=0.01) as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([HangUp(1, "close", code, "r" * 200)])
            # Read the raw bytes: the client library would not accept such a frame.
            raw = bytearray()
            while data := await client.stream.receive_some():
                raw += data
            payload = b"" if code == 1005 else struct.pack("!H", code) + b"r" * 123
            assert bytes(raw) == bytes((0x88, len(payload))) + payload
            assert await watched.closing(1) == ("closed", 1, "exchange", code, "close")

    trio.run(main)


def test_a_peer_that_does_not_answer_a_close_is_waited_for_but_not_forever() -> None:
    async def main() -> None:
        host = FakeHost()
        server = Server(host, linger=2.0)
        near, far = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handle, near)
            client = Client(far)
            await client.shake_hands()
            begun = trio.current_time()
            server.perform([HangUp(1, "close", 1001)])
            frame = await client.frame()
            assert frame is not None
            assert frame.opcode is Opcode.CLOSE
            assert trio.current_time() == begun
            assert await far.receive_some() == b""
            assert trio.current_time() == begun + 2.0
            assert host.closings() == [("closed", 1, "exchange", 1001, "close")]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("how", ["close", "fin", "rst", "mid-frame"])
def test_a_peer_that_never_reads_cannot_keep_a_connection_alive(how: How) -> None:
    async def main() -> None:
        async with serving(linger=0.2, send_buffer=4096) as watched:
            sock = trio.socket.socket()
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
            await sock.connect((watched.address.host, watched.address.port))
            client = Client(trio.SocketStream(sock))
            await client.shake_hands()
            watched.server.perform([Write(1, (Frame(b"x" * 5_000_000),)), HangUp(1, how, 1001)])
            note = await watched.closing(1)
            assert note[2] == "exchange"
            await watched.until(lambda: watched.server.alive == 0)

    trio.run(main)


def test_a_slow_but_steady_reader_gets_everything_before_the_end() -> None:
    """The limit counts from the last progress, not from the hang-up."""

    async def main() -> None:
        frames = tuple(Frame(b"%07d" % number * 1000) for number in range(300))
        async with serving(linger=0.2, send_buffer=8192) as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Write(1, frames), HangUp(1, "close", 1001)])
            received = 0
            begun = trio.current_time()
            while True:
                frame = await client.frame()
                if frame is None or frame.opcode is Opcode.CLOSE:
                    break
                received += 1
                if received % 100 == 0:
                    await trio.sleep(0.1)
            assert received == 300
            assert trio.current_time() - begun > 0.3

    trio.run(main)


def test_hang_up_during_a_held_handshake() -> None:
    async def main() -> None:
        for how, expected in (("close", "fin"), ("fin", "fin"), ("rst", "rst")):
            host = FakeHost()
            host.on_arrived = lambda number, request: []
            async with serving(host) as watched:
                client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
                await client.ask()
                await watched.noted(("arrived", 1))
                watched.server.perform([HangUp(1, how)])  # type: ignore[arg-type]
                assert (await watched.closing(1))[2] == "exchange"
                try:
                    end = "fin" if not await client.stream.receive_some() else "data"
                except trio.BrokenResourceError:
                    end = "rst"
                assert end == expected

    trio.run(main)


def test_a_muted_connection_is_ended_all_the_same() -> None:
    async def main() -> None:
        async with serving(linger=0.05) as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Mute(1, True), Write(1, DATA), HangUp(1, "close", 1001)])
            frames, how = await client.rest()
            assert [frame.opcode for frame in frames] == [Opcode.CLOSE]
            assert how == "fin"

    trio.run(main)


def test_the_server_s_own_end_leaves_no_task() -> None:
    async def main() -> None:
        host = FakeHost()
        async with serving(host) as watched:
            clients = [await Client.dial(watched.address) for _ in range(5)]
            await trio.open_tcp_stream(watched.address.host, watched.address.port)
            watched.server.perform([Write(1, (Frame(b"x" * 50_000_000),)), HangUp(2, "close", 1001)])
        assert host.closings() == []
        frames, how = await clients[2].rest()
        assert (frames, how) == ([], "fin")

    trio.run(main)
