"""A recording proxy: what a client and a real endpoint say to each other passes through, and is written down.

The client's side is the mock exchange's server, so it implements `script.actions.Host`; the endpoint's side is a plain
WebSocket client and HTTP client. Frames pass decompressed and whole: what is recorded is messages, not packets.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec
import trio

from bookproof.ideal.wire import Connect, ConnectionLost, Socket, fetch
from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Place, Said
from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.script.actions import Action, Admit, Answer, HangUp, Refuse, Write
from bookproof_exchange.server.listener import Server

Entry = Opened | Said | Closed | Fetched

#: What the proxy says for itself, on either side.
_OWN = frozenset(
    {
        "host",
        "connection",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "content-length",
        "accept-encoding",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "sec-websocket-accept",
    }
)
#: A request with one of these is the client's private business: it passes, and is not written down.
_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-mbx-apikey", "x-mexc-apikey", "api-key", "api-sign"})
_SECRET_FIELDS = frozenset({"signature", "apikey", "api_key", "listenkey", "token"})
#: Messages that wait for an endpoint that does not take them; more end the connection.
_QUEUED = 10_000
_PLACE = Place("recording", 0)


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Where the real endpoint is: origins (``wss://host:port``), without a path."""

    ws: str
    rest: str | None
    trust: ssl.SSLContext | None = None


class Proxy:
    """Implements `script.actions.Host`: passes everything on and hands every entry to ``note``."""

    def __init__(
        self, upstream: Upstream, nursery: trio.Nursery, note: Callable[[Entry], None], say: Callable[[str], None]
    ) -> None:
        """``say``: is told, in words, what could not be passed on."""
        self.server: Server | None = None
        self._upstream = upstream
        self._nursery = nursery
        self._note = note
        self._say = say
        self._began = time.time_ns() // 1000 - int(time.monotonic() * 1e6)
        self._requests: dict[int, HttpRequest] = {}
        self._sockets: dict[int, Socket] = {}
        self._queues: dict[int, trio.MemorySendChannel[Frame]] = {}

    @property
    def now(self) -> int:
        """µs since the epoch; never goes back, whatever the clock does."""
        return self._began + int(time.monotonic() * 1e6)

    # --- what the server tells ------------------------------------------------------------------------------------

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        self._requests[connection] = request
        self._nursery.start_soon(self._dial, connection, request)
        return []

    def opened(self, connection: int) -> Sequence[Action]:
        request = self._requests[connection]
        self._note(Opened(at=self.now, place=_PLACE, connection=connection, url=self._upstream.ws + target(request)))
        sending, queue = trio.open_memory_channel[Frame](_QUEUED)
        self._queues[connection] = sending
        self._nursery.start_soon(self._send, connection, queue)
        self._nursery.start_soon(self._receive, connection)
        return []

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        self._note(Said(at=self.now, place=_PLACE, connection=connection, by="client", frame=frame))
        try:
            self._queues[connection].send_nowait(frame)
        except (trio.WouldBlock, trio.BrokenResourceError):
            self._say(f"connection {connection}: the endpoint takes no messages any more")
            return [HangUp(connection, "fin")]
        return []

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        return []

    def pinged(self, connection: int) -> Sequence[Action]:
        return []

    def closed(
        self, connection: int, by: Literal["client", "exchange"], code: int | None, how: str
    ) -> Sequence[Action]:
        self._requests.pop(connection, None)
        queue = self._queues.pop(connection, None)
        if queue is not None:
            queue.close()
            if by == "client":
                self._note(Closed(at=self.now, place=_PLACE, connection=connection, by="client", code=code))
        socket = self._sockets.pop(connection, None)
        if socket is not None:
            self._nursery.start_soon(socket.close)
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        self._nursery.start_soon(self._ask, number, request)
        return []

    # --- the endpoint's side --------------------------------------------------------------------------------------

    async def _dial(self, connection: int, request: HttpRequest) -> None:
        url = self._upstream.ws + target(request)
        try:
            socket = await Socket.dial(
                dialer(url, self._upstream.trust), url, headers=passed(request.headers), most=None
            )
        except ConnectionLost as error:
            self._say(f"{url}: {error}")
            self._perform(Refuse(connection, HttpAnswer(status=502, body=f"{error}\n".encode(), headers=_TEXT)))
            return
        if connection not in self._requests:
            await socket.close()  # the client did not wait
            return
        self._sockets[connection] = socket
        self._perform(Admit(connection))

    async def _send(self, connection: int, queue: trio.MemoryReceiveChannel[Frame]) -> None:
        async for frame in queue:
            socket = self._sockets.get(connection)
            if socket is None:
                return
            try:
                await socket.send(frame)
            except ConnectionLost:
                return  # the reader notices

    async def _receive(self, connection: int) -> None:
        socket = self._sockets[connection]
        try:
            async for frame in socket.frames():
                self._note(Said(at=self.now, place=_PLACE, connection=connection, by="venue", frame=frame))
                self._perform(Write(connection, (frame,)))
        except ConnectionLost:
            pass
        if self._sockets.pop(connection, None) is None:
            return  # the client has gone, and it was written down
        code, reason = socket.ended
        self._note(Closed(at=self.now, place=_PLACE, connection=connection, by="venue", code=code, reason=reason))
        await socket.close()
        # 1005, 1006 and 1015 never stand in a frame (RFC 6455, 7.4.1)
        real = code is not None and code not in (1005, 1006, 1015)
        self._perform(HangUp(connection, "close", code or 1000, reason) if real else HangUp(connection, "fin"))

    async def _ask(self, number: int, request: HttpRequest) -> None:
        base = self._upstream.rest
        if base is None:
            self._say(f"{request.method} {request.path}: no REST endpoint to pass it to; name one with --rest")
            refusal = HttpAnswer(status=502, body=b"no REST endpoint was named (--rest)\n", headers=_TEXT)
            self._perform(Answer(number, refusal))
            return
        asked = msgspec.structs.replace(request, headers=dict(passed(request.headers)))
        try:
            answer: HttpAnswer | None = await fetch(dialer(base, self._upstream.trust), base, asked)
        except ConnectionLost as error:
            self._say(f"{base}{request.path}: {error}")
            answer = None
        if answer is not None:
            answer = msgspec.structs.replace(answer, headers=passed(dict(answer.headers)))
        if not secret(request):
            self._note(Fetched(at=self.now, place=_PLACE, request=request, answer=answer))
        self._perform(Answer(number, answer))

    def _perform(self, *actions: Action) -> None:
        assert self.server is not None
        self.server.perform(actions)


_TEXT = (("content-type", "text/plain"),)


def target(request: HttpRequest) -> str:
    """Path and query as they were asked for."""
    query = urlencode(request.query, safe="/@!:,") if request.query else ""
    return request.path + (f"?{query}" if query else "")


def passed(headers: object) -> tuple[tuple[str, str], ...]:
    """The headers that are passed on: all that are not about the connection itself."""
    assert isinstance(headers, dict)
    return tuple((name, value) for name, value in headers.items() if name.lower() not in _OWN)


def secret(request: HttpRequest) -> bool:
    """Whether a request is private."""
    fields = {name.lower() for name in request.query}
    return bool(_SECRET_HEADERS & request.headers.keys() or _SECRET_FIELDS & fields or request.body)


def dialer(url: str, trust: ssl.SSLContext | None) -> Connect:
    """Opens a stream to where a URL points, with TLS where its scheme says so. OSError if it cannot."""
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    host = parts.hostname or ""

    async def connect() -> trio.abc.Stream:
        stream: trio.abc.Stream = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
        if secure:
            context = trust or ssl.create_default_context()
            tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError as error:
                raise OSError(f"TLS with {host}: {error.__cause__ or error}") from None
            stream = tls
        return stream

    return connect
