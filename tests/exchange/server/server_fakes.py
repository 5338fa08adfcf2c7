"""A host for tests: notes every call and does what a test tells it to."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame as WireFrame
from websockets.http11 import Response
from websockets.uri import parse_uri

from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.script.actions import Action, Admit, Answer, Write
from bookproof_exchange.server.connection import Connection
from bookproof_exchange.server.listener import Address, Server

Note = tuple[Any, ...]


class FakeHost:
    """Admits, echoes and answers, unless a test sets another reaction: ``on_received = lambda number, frame: []``."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.requests: dict[int, HttpRequest] = {}
        self.on_arrived: Callable[[int, HttpRequest], Sequence[Action]] = lambda number, request: [Admit(number)]
        self.on_opened: Callable[[int], Sequence[Action]] = lambda number: []
        self.on_received: Callable[[int, Frame], Sequence[Action]] = lambda number, frame: [Write(number, (frame,))]
        self.on_requested: Callable[[int, HttpRequest], Sequence[Action]] = lambda number, request: [
            Answer(number, HttpAnswer(status=200, body=f"answer {number}".encode()))
        ]

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        self.notes.append(("arrived", connection))
        self.requests[connection] = request
        return self.on_arrived(connection, request)

    def opened(self, connection: int) -> Sequence[Action]:
        self.notes.append(("opened", connection))
        return self.on_opened(connection)

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        self.notes.append(("received", connection, frame))
        return self.on_received(connection, frame)

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        self.notes.append(("ponged", connection, payload))
        return []

    def pinged(self, connection: int) -> Sequence[Action]:
        self.notes.append(("pinged", connection))
        return []

    def closed(self, connection: int, by: str, code: int | None, how: str) -> Sequence[Action]:
        self.notes.append(("closed", connection, by, code, how))
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        self.notes.append(("requested", number, request.method, request.path))
        return self.on_requested(number, request)

    def kinds(self, connection: int) -> list[str]:
        return [note[0] for note in self.notes if note[0] != "requested" and note[1] == connection]

    def closings(self) -> list[Note]:
        return [note for note in self.notes if note[0] == "closed"]


class NotingServer(Server):
    """Also tells when a connection is forgotten."""

    def forget(self, connection: Connection) -> None:
        super().forget(connection)
        self.changed()

    @property
    def alive(self) -> int:
        return len(self._connections)


class Watched:
    """A running server with its host; `until` waits for what the host was told."""

    def __init__(self, server: NotingServer, host: FakeHost, address: Address) -> None:
        self.server = server
        self.host = host
        self.address = address
        self._lot = trio.lowlevel.ParkingLot()
        server.changed = self._changed

    def _changed(self) -> None:
        self._lot.unpark_all()

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self._lot.park()

    async def noted(self, note: Note) -> None:
        await self.until(lambda: note in self.host.notes)

    async def closing(self, connection: int) -> Note:
        await self.until(lambda: any(note[1] == connection for note in self.host.closings()))
        return next(note for note in self.host.closings() if note[1] == connection)


@asynccontextmanager
async def serving(host: FakeHost | None = None, limit: float = 20.0, **options: Any) -> AsyncIterator[Watched]:
    """A server on a free port, for as long as the block runs (at most ``limit`` seconds)."""
    host = FakeHost() if host is None else host
    server = NotingServer(host, **options)
    with trio.fail_after(limit):
        async with trio.open_nursery() as nursery:
            address = await nursery.start(server.run)
            yield Watched(server, host, address)
            nursery.cancel_scope.cancel()


class Client:
    """A WebSocket client on any trio stream, which sees everything that the wire shows."""

    def __init__(self, stream: trio.abc.Stream, path: str = "/ws", **options: Any) -> None:
        self.stream = stream
        self.protocol = ClientProtocol(parse_uri(f"ws://test{path}"), **options)
        self.raw = bytearray()
        self.response: Response | None = None
        self._frames: list[WireFrame] = []

    @classmethod
    async def dial(cls, address: Address, **options: Any) -> Client:
        client = cls(await trio.open_tcp_stream(address.host, address.port), **options)
        await client.shake_hands()
        return client

    async def ask(self) -> None:
        self.protocol.send_request(self.protocol.connect())
        await self.flush()

    async def shake_hands(self) -> None:
        await self.ask()
        await self.read_response()

    async def read_response(self) -> Response:
        while self.response is None:
            if not await self._more():
                raise EOFError("no response")
        return self.response

    async def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                await self.stream.send_all(data)

    async def _more(self) -> bool:
        data = await self.stream.receive_some(1 << 16)
        if not data:
            return False
        self.raw += data
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, WireFrame):
                self._frames.append(event)
        return True

    async def frame(self) -> WireFrame | None:
        """The next frame of any kind; None at the end of the stream."""
        while not self._frames:
            if not await self._more():
                return None
        return self._frames.pop(0)

    async def text(self) -> bytes:
        frame = await self.frame()
        assert frame is not None
        return bytes(frame.data)

    async def say(self, data: bytes) -> None:
        self.protocol.send_text(data)
        await self.flush()

    async def rest(self) -> tuple[list[WireFrame], str]:
        """Everything up to the end, and how that came: ``fin`` or ``rst``."""
        frames = []
        try:
            while (frame := await self.frame()) is not None:
                frames.append(frame)
        except trio.BrokenResourceError:
            return frames, "rst"
        return frames, "fin"


def abort(stream: trio.SocketStream) -> None:
    """Close a client's socket by RST."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
