"""Handshake, frames and pings, as a client meets them on loopback and on in-memory streams."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable, Sequence

import pytest
import trio
import trio.testing
import websockets.asyncio.client
import websockets.sync.client
from server_fakes import Client, FakeHost, abort, serving
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode

from bookproof_exchange.dialects.api import Frame, HttpAnswer
from bookproof_exchange.errors import HarnessError
from bookproof_exchange.script.actions import Action, Admit, Mute, PingClient, Play, Refuse, SendMode, Write
from bookproof_exchange.server.frames import encode, header
from bookproof_exchange.server.listener import Server
from bookproof_exchange.server.tape import Tape


def test_a_real_client_talks_to_it() -> None:
    """The synchronous client of `websockets`: handshake, texts, fragments, binary, ping, close."""

    def client(url: str) -> None:
        with websockets.sync.client.connect(f"{url}/ws/a%40b?x=1&y=2", additional_headers={"X-Key": "k"}) as ws:
            ws.send("hello")
            assert ws.recv() == "hello"
            ws.send(["a", "é", "c"])  # a fragmented message
            assert ws.recv() == "aéc"
            ws.send(bytes(70_000))
            assert ws.recv() == bytes(70_000)
            assert ws.ping("bp").wait(5)

    async def main() -> None:
        async with serving() as watched:
            await trio.to_thread.run_sync(client, watched.address.ws)
            note = await watched.closing(1)
        host = watched.host
        request = host.requests[1]
        assert (request.method, request.path, request.query) == ("GET", "/ws/a@b", {"x": "1", "y": "2"})
        assert request.headers["x-key"] == "k"
        assert host.kinds(1) == ["arrived", "opened", "received", "received", "received", "pinged", "closed"]
        assert ("received", 1, Frame("aéc".encode())) in host.notes
        assert ("received", 1, Frame(bytes(70_000), binary=True)) in host.notes
        assert note == ("closed", 1, "client", 1000, "close")

    trio.run(main)


def test_everything_works_in_memory_under_a_virtual_clock() -> None:
    async def main() -> None:
        host = FakeHost()
        server = Server(host)
        near, far = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handle, near)
            client = Client(far)
            await client.shake_hands()
            await client.say(b"hello")
            assert await client.text() == b"hello"
            await trio.sleep(3600)
            server.perform([PingClient(1, b"p")])
            ping = await client.frame()
            assert ping is not None
            assert ping.opcode is Opcode.PING
            await client.flush()
            client.protocol.send_close(1000)
            await client.flush()
            frames, how = await client.rest()
        assert [frame.opcode for frame in frames] == [Opcode.CLOSE]
        assert how == "fin"
        assert host.notes[-2:] == [("ponged", 1, b"p"), ("closed", 1, "client", 1000, "close")]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_fifty_connections_at_once() -> None:
    async def client(url: str, number: int) -> None:
        async with websockets.asyncio.client.connect(f"{url}/{number}") as ws:
            for count in range(20):
                await ws.send(f"{number}/{count}")
            for count in range(20):
                assert await ws.recv() == f"{number}/{count}"

    async def clients(url: str) -> None:
        await asyncio.gather(*(client(url, number) for number in range(50)))

    async def main() -> None:
        async with serving() as watched:
            await trio.to_thread.run_sync(lambda: asyncio.run(clients(watched.address.ws)))
            await watched.until(lambda: len(watched.host.closings()) == 50)
        assert sorted(note[1] for note in watched.host.notes if note[0] == "arrived") == list(range(1, 51))
        assert sum(note[0] == "received" for note in watched.host.notes) == 1000

    trio.run(main)


def test_a_held_handshake_is_completed_later() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_arrived = lambda number, request: []
        async with serving(host) as watched:
            client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
            await client.ask()
            await client.say(b"too early") if client.protocol.state.name == "OPEN" else None
            await watched.noted(("arrived", 1))
            with trio.move_on_after(0.02):
                await client.read_response()
            assert client.response is None
            watched.server.perform([Admit(1), Write(1, (Frame(b"now"),))])
            assert (await client.read_response()).status_code == 101
            assert await client.text() == b"now"
            assert host.kinds(1) == ["arrived", "opened"]

    trio.run(main)


def test_what_a_client_sends_during_a_held_handshake_is_not_lost() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_arrived = lambda number, request: []
        async with serving(host) as watched:
            client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
            client.protocol.send_request(client.protocol.connect())
            masked = bytes((0x81, 0x82, 0, 0, 0, 0)) + b"hi"
            await client.stream.send_all(b"".join(client.protocol.data_to_send()) + masked[:3])
            await watched.noted(("arrived", 1))
            await client.stream.send_all(masked[3:])
            watched.server.perform([Admit(1)])
            await client.read_response()
            assert await client.text() == b"hi"

    trio.run(main)


def test_a_client_that_leaves_a_held_handshake_is_reported() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_arrived = lambda number, request: []
        async with serving(host) as watched:
            client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
            await client.ask()
            await watched.noted(("arrived", 1))
            await client.stream.aclose()
            assert await watched.closing(1) == ("closed", 1, "client", None, "eof")
            watched.server.perform([Admit(1), Write(1, (Frame(b"nobody"),))])

    trio.run(main)


def test_a_refused_handshake_is_an_http_answer() -> None:
    async def main() -> None:
        host = FakeHost()
        answer = HttpAnswer(status=429, body=b'{"code":-1003}', headers=(("Retry-After", "5"),))
        host.on_arrived = lambda number, request: [Refuse(number, answer)]
        async with serving(host) as watched:
            client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
            await client.ask()
            response = await client.read_response()
            assert response.status_code == 429
            assert response.reason_phrase == "Too Many Requests"
            assert response.headers["retry-after"] == "5"
            assert bytes(response.body) == b'{"code":-1003}'
            await client.stream.aclose()
            await watched.until(lambda: watched.server.alive == 0)
            assert host.kinds(1) == ["arrived"]

    trio.run(main)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"), 400),
        ((b"Sec-WebSocket-Key:", b"X-Key:"), 400),
        ((b"Connection: Upgrade", b"Connection: close"), 426),
        ((b"GET ", b"POST "), 405),
    ],
)
def test_a_wrong_handshake_is_refused_by_the_server_itself(change: tuple[bytes, bytes], status: int) -> None:
    async def main() -> None:
        async with serving() as watched:
            client = Client(await trio.open_tcp_stream(watched.address.host, watched.address.port))
            client.protocol.send_request(client.protocol.connect())
            request = b"".join(client.protocol.data_to_send())
            assert change[0] in request
            await client.stream.send_all(request.replace(*change))
            assert (await client.read_response()).status_code == status
            assert watched.host.notes == []

    trio.run(main)


FRAMES = (Frame(b"a" * 5), Frame(b"b" * 125), Frame(b"c" * 126, binary=True), Frame(b"d" * 70_000), Frame(b""))


@pytest.mark.parametrize("mode", ["burst", "each", "bytes"])
@pytest.mark.parametrize("memory", [True, False])
def test_every_mode_sends_the_same_bytes(mode: SendMode, memory: bool) -> None:
    async def talk(client: Client) -> None:
        await client.shake_hands()
        received = [await client.frame() for _ in FRAMES]
        assert [(bytes(frame.data), frame.opcode) for frame in received if frame is not None] == [
            (frame.payload, Opcode.BINARY if frame.binary else Opcode.TEXT) for frame in FRAMES
        ]
        assert bytes(client.raw).partition(b"\r\n\r\n")[2] == b"".join(encode(frame) for frame in FRAMES)

    async def main() -> None:
        host = FakeHost()
        host.on_opened = lambda number: [Write(number, FRAMES, mode)]
        if memory:
            near, far = trio.testing.memory_stream_pair()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Server(host).handle, near)
                await talk(Client(far))
                await far.aclose()
        else:
            async with serving(host) as watched:
                address = watched.address
                await talk(Client(await trio.open_tcp_stream(address.host, address.port)))

    trio.run(main)


def _writes(actions: Callable[[int], Sequence[Action]]) -> list[bytes]:
    """The single writes that reach an in-memory stream after the handshake."""
    seen: list[bytes] = []

    class Spy(trio.abc.HalfCloseableStream):
        def __init__(self, inner: trio.abc.HalfCloseableStream) -> None:
            self.inner = inner

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            seen.append(bytes(data))
            await self.inner.send_all(data)

        async def wait_send_all_might_not_block(self) -> None: ...

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self.inner.receive_some(max_bytes)

        async def send_eof(self) -> None:
            await self.inner.send_eof()

        async def aclose(self) -> None:
            await self.inner.aclose()

    async def main() -> None:
        host = FakeHost()
        near, far = trio.testing.memory_stream_pair()
        server = Server(host)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handle, Spy(near))
            client = Client(far)
            await client.shake_hands()
            seen.clear()
            server.perform(actions(1))
            await server.drained(1)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return seen


def test_the_modes_differ_in_their_writes() -> None:
    frames = (Frame(b"x" * 20), Frame(b"y" * 3))
    encoded = [encode(frame) for frame in frames]
    joined = b"".join(encoded)
    assert _writes(lambda number: [Write(number, frames)]) == [joined]
    assert _writes(lambda number: [Write(number, frames), Write(number, frames)]) == [joined * 2]
    assert _writes(lambda number: [Write(number, frames, "each")]) == encoded
    assert _writes(lambda number: [Write(number, frames, "bytes")]) == [
        *(encoded[0][at : at + 1] for at in range(16)),
        encoded[0][16:],
        *(encoded[1][at : at + 1] for at in range(5)),
    ]


def test_order_is_kept_between_modes_tapes_and_pings() -> None:
    async def main() -> None:
        tape = Tape.record([Frame(b"%d" % number * 3000) for number in range(20)])
        host = FakeHost()
        host.on_opened = lambda number: [
            Write(number, (Frame(b"first"),)),
            Play(number, tape, 0, 10),
            Write(number, (Frame(b"second"), Frame(b"third")), "each"),
            PingClient(number, b"ping"),
            Write(number, (Frame(b"fourth"),), "bytes"),
            Play(number, tape.without(10, 5), 10, 15),
            Write(number, tuple(Frame(b"%d" % count) for count in range(2000))),
            Write(number, (Frame(b"last"),)),
        ]
        expected = [b"first", *(b"%d" % number * 3000 for number in range(10)), b"second", b"third", b"ping", b"fourth"]
        expected += [b"%d" % number * 3000 for number in range(15, 20)]
        expected += [*(b"%d" % count for count in range(2000)), b"last"]
        async with serving(host) as watched:
            client = await Client.dial(watched.address)
            assert [await client.text() for _ in expected] == expected

    trio.run(main)


def test_pings_and_pongs_are_reported() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([PingClient(1, b"bp1")])
            assert await client.text() == b"bp1"
            await client.flush()
            await watched.noted(("ponged", 1, b"bp1"))
            # A pong keeps its place among the answers.
            client.protocol.send_text(b"before")
            client.protocol.send_ping(b"mine")
            client.protocol.send_text(b"after")
            await client.flush()
            assert [await client.text() for _ in range(3)] == [b"before", b"mine", b"after"]
            await watched.noted(("pinged", 1))

    trio.run(main)


def test_a_muted_connection_says_nothing() -> None:
    async def main() -> None:
        host = FakeHost()
        async with serving(host) as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Write(1, (Frame(b"heard"),)), Mute(1, True), Write(1, (Frame(b"lost"),))])
            assert await client.text() == b"heard"
            client.protocol.send_ping(b"anyone?")
            await client.flush()
            await client.say(b"hello?")
            await watched.noted(("received", 1, Frame(b"hello?")))
            await watched.noted(("pinged", 1))
            watched.server.perform([PingClient(1, b"lost, too"), Mute(1, False), Write(1, (Frame(b"back"),))])
            assert await client.text() == b"back"

    trio.run(main)


def test_a_muted_connection_does_not_answer_a_close() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Mute(1, True)])
            client.protocol.send_close(1000)
            await client.flush()
            assert await watched.closing(1) == ("closed", 1, "client", 1000, "close")
            with trio.move_on_after(0.02) as scope:
                await client.frame()
            assert scope.cancelled_caught

    trio.run(main)


def test_the_client_ends_a_connection() -> None:
    async def main() -> None:
        async with serving() as watched:
            for number, (code, reported) in enumerate([(1000, 1000), (4001, 4001), (None, 1005)], start=1):
                client = await Client.dial(watched.address)
                client.protocol.send_close(code)
                await client.flush()
                frames, how = await client.rest()
                assert how == "fin"
                (echo,) = frames
                assert bytes(echo.data) == (b"" if code is None else struct.pack("!H", code))
                assert await watched.closing(number) == ("closed", number, "client", reported, "close")
            client = await Client.dial(watched.address)
            await client.stream.aclose()
            assert await watched.closing(4) == ("closed", 4, "client", None, "eof")
            client = await Client.dial(watched.address)
            assert isinstance(client.stream, trio.SocketStream)
            abort(client.stream)
            assert await watched.closing(5) == ("closed", 5, "client", None, "reset")
            await watched.until(lambda: watched.server.alive == 0)
            assert [note[1] for note in watched.host.closings()] == [1, 2, 3, 4, 5]

    trio.run(main)


def test_what_was_queued_before_the_clients_close_still_comes() -> None:
    async def main() -> None:
        frames = tuple(Frame(b"x" * 1000) for _ in range(5000))
        host = FakeHost()
        host.on_received = lambda number, frame: [Write(number, frames)]
        async with serving(host) as watched:
            client = await Client.dial(watched.address)
            client.protocol.send_text(b"go")
            client.protocol.send_close(1000)
            await client.flush()
            received, how = await client.rest()
            assert how == "fin"
            assert len(received) == 5001
            assert received[-1].opcode is Opcode.CLOSE

    trio.run(main)


def test_drained_returns_when_the_kernel_has_everything() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            watched.server.perform([Write(1, tuple(Frame(b"x" * 1000) for _ in range(20_000)))])
            with trio.move_on_after(0.05) as scope:
                await watched.server.drained(1)
            assert scope.cancelled_caught  # 20 MB are more than the kernel takes
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watched.server.drained, 1)
                for _ in range(20_000):
                    await client.frame()
            await watched.server.drained(1)

    trio.run(main)


def test_actions_for_unknown_connections_are_errors_of_the_harness() -> None:
    async def main() -> None:
        server = Server(FakeHost())
        with pytest.raises(HarnessError, match="never was a connection 1"):
            server.perform([Write(1, (Frame(b""),))])

    trio.run(main)


def test_the_host_s_errors_come_out() -> None:
    def broken(number: int, frame: Frame) -> Sequence[Action]:
        raise HarnessError("a bug")

    async def main() -> None:
        host = FakeHost()
        host.on_received = broken
        async with serving(host) as watched:
            client = await Client.dial(watched.address)
            await client.say(b"x")
            await trio.sleep_forever()

    with pytest.RaisesGroup(HarnessError, flatten_subgroups=True):
        trio.run(main)


@pytest.mark.parametrize("window", [None, 9, 15])
def test_compression_is_negotiated_where_it_is_allowed(window: int | None) -> None:
    texts = [b'{"price":"100.%d","size":"1"}' % number * 5 for number in range(50)]

    async def main() -> None:
        host = FakeHost()
        frames = tuple(Frame(text) for text in texts)
        host.on_opened = lambda number: [
            Write(number, frames),
            Play(number, Tape.record(frames), 0, 50),
            Write(number, frames, "each"),
            Write(number, frames[:2], "bytes"),
        ]
        options = {"extensions": [ClientPerMessageDeflateFactory(server_max_window_bits=window)]}
        async with serving(host, compression=True) as watched:
            client = await Client.dial(watched.address, **options)
            assert client.response is not None
            agreed = client.response.headers["Sec-WebSocket-Extensions"]
            assert "server_no_context_takeover" in agreed
            assert [await client.text() for _ in range(152)] == [*texts, *texts, *texts, *texts[:2]]
            assert len(client.raw) < sum(map(len, texts)) * 3 / 2
            await client.say(texts[0])  # compressed by the client, with its context
            assert await client.text() == texts[0]
        async with serving(host) as watched:
            client = await Client.dial(watched.address, **options)
            assert client.response is not None
            assert "Sec-WebSocket-Extensions" not in client.response.headers
            assert await client.text() == texts[0]

    trio.run(main)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_headers_use_the_shortest_length(length: int) -> None:
    frame = encode(Frame(bytes(length), binary=True))
    assert frame == header(0x82, length) + bytes(length)
    assert len(frame) - length == (2 if length < 126 else 4 if length < 65_536 else 10)


def test_compressed_frames_stand_alone() -> None:
    payload = b'{"a":1}' * 100
    frame = encode(Frame(payload), 9)
    assert frame[0] == 0xC1
    body = frame[2:] if frame[1] < 126 else frame[4:]
    assert zlib.decompressobj(wbits=-9).decompress(body + b"\x00\x00\xff\xff") == payload


def test_changed_is_called_after_every_call_and_its_actions() -> None:
    async def main() -> None:
        host = FakeHost()
        host.on_received = lambda number, frame: [Mute(number, True)]
        async with serving(host) as watched:
            calls: list[int] = []
            told = watched.server.changed

            def changed() -> None:
                calls.append(len(host.notes))
                told()

            watched.server.changed = changed
            client = await Client.dial(watched.address)
            await client.say(b"x")
            await watched.until(lambda: "received" in host.kinds(1))
            # `opened` is told within the call `arrived`, hence both before the two callbacks.
            assert calls == [2, 2, 3]

    trio.run(main)
