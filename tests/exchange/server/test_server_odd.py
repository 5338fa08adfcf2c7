"""Messages in pieces are the same messages; frames against the RFC are refused by an independent implementation."""

from __future__ import annotations

from typing import get_args

import h11
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from server_fakes import Client, FakeHost, serving
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from bookproof_exchange.dialects.api import Frame, HttpAnswer
from bookproof_exchange.faults.forms import Between, Broken, Fragments, Violation
from bookproof_exchange.script.actions import Answer, WriteOdd
from bookproof_exchange.server import odd
from bookproof_exchange.server.listener import Server

UNKNOWN = Frame(b'{"bookproof_unknown":1}')


def receiver(window: int = 0) -> ClientProtocol:
    protocol = ClientProtocol(parse_uri("ws://test/"), state=State.OPEN)
    if window:
        protocol.extensions = [PerMessageDeflate(True, False, window, 15)]
    return protocol


@given(
    st.binary(max_size=3000),
    st.booleans(),
    st.integers(2, 200),
    st.sampled_from(get_args(Between)),
    st.sampled_from([0, 9, 15]),
)
def test_the_pieces_are_the_message(payload: bytes, binary: bool, pieces: int, between: Between, window: int) -> None:
    protocol = receiver(window)
    protocol.receive_data(odd.encode(Frame(payload, binary), Fragments(pieces, between), window))
    events = [event for event in protocol.events_received() if isinstance(event, WireFrame)]
    assert protocol.parser_exc is None
    data = [event for event in events if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)]
    assert b"".join(bytes(event.data) for event in data) == payload
    assert len(data) == pieces
    assert data[0].opcode is (Opcode.BINARY if binary else Opcode.TEXT)
    assert [event.fin for event in data] == [False] * (pieces - 1) + [True]
    others = [(place, event.opcode) for place, event in enumerate(events) if event not in data]
    wanted = {"nothing": [], "ping": [(1, Opcode.PING)], "pong": [(1, Opcode.PONG)]}
    assert others == wanted[between]


@pytest.mark.parametrize("how", get_args(Violation))
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("window", [0, 15])
def test_an_independent_client_refuses_what_is_forbidden(how: Violation, binary: bool, window: int) -> None:
    protocol = receiver(window)
    protocol.receive_data(odd.encode(Frame(UNKNOWN.payload, binary), Broken(how), window))
    texts = [bytes(event.data) for event in protocol.events_received() if isinstance(event, WireFrame)]
    if how == "invalid-utf8":
        # the sans-I/O layer leaves texts to its user
        assert protocol.parser_exc is None
        with pytest.raises(UnicodeDecodeError):
            texts[0].decode()
        return
    assert protocol.parser_exc is not None
    assert protocol.close_sent is not None
    assert protocol.close_sent.code == (1009 if how == "oversize" else 1002)


def test_a_connection_sends_odd_frames_in_their_place() -> None:
    async def main() -> None:
        async with serving() as watched:
            client = await Client.dial(watched.address)
            for word in (b"one", b"two", b"three"):
                watched.server.perform([WriteOdd(1, Frame(word), Fragments(2, "ping"))])
            seen: list[tuple[Opcode, bytes]] = []
            while len(seen) < 9:
                frame = await client.frame()
                assert frame is not None
                seen.append((frame.opcode, bytes(frame.data)))
            assert [data for _, data in seen] == [
                b"on", b"between", b"e", b"tw", b"between", b"o", b"thr", b"between", b"ee",
            ]  # fmt: skip
            await client.flush()
            await watched.noted(("ponged", 1, b"between"))
            watched.server.perform([WriteOdd(1, UNKNOWN, Broken("masked"))])
            while client.protocol.parser_exc is None:
                client.protocol.receive_data(bytes(await client.stream.receive_some(4096)))
            await client.flush()
            assert await watched.closing(1) == ("closed", 1, "client", 1002, "close")

    trio.run(main)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("pieces", [1, 2, 9, 500])
def test_an_answer_in_pieces_is_the_answer(chunked: bool, pieces: int) -> None:
    body = bytes(range(256)) * 2

    async def main() -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        host = FakeHost()
        host.on_requested = lambda number, request: [
            Answer(number, HttpAnswer(status=200, body=body, pieces=pieces, chunked=chunked))
        ]
        server = Server(host)
        near, far = trio.testing.memory_stream_pair()
        reads = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handle, near)
            connection = h11.Connection(h11.CLIENT)
            head = h11.Request(method="GET", target="/x", headers=[("host", "t")])
            await far.send_all((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))
            got, headers = b"", []
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(bytes(await far.receive_some(65536)))
                    reads += 1
                elif isinstance(event, h11.Response):
                    headers = list(event.headers)
                elif isinstance(event, h11.Data):
                    got += bytes(event.data)
                else:
                    break
            assert isinstance(event, h11.EndOfMessage)
            nursery.cancel_scope.cancel()
        return reads, got, headers

    reads, got, headers = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert got == body
    size = -(-len(body) // pieces)
    assert reads == -(-len(body) // size), "one write a piece"
    assert (dict(headers).get(b"transfer-encoding") == b"chunked") == chunked
    assert (b"content-length" in dict(headers)) != chunked
