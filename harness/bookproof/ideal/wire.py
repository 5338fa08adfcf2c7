"""The ideal client's own wire: WebSocket over any trio stream (sans-I/O ``websockets``), and one-shot HTTP (``h11``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from urllib.parse import urlencode

import h11
import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidState
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest

MOST_BYTES = 1 << 20
"""Of one message; no book of a venue is larger."""

Connect = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a stream to the exchange; WebSocket and REST are on the same port."""


class ConnectionLost(Exception):
    """The connection could not be made, or ended."""


class Socket:
    """One WebSocket connection; answers pings by itself."""

    def __init__(self, stream: trio.abc.Stream, protocol: ClientProtocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._sending = trio.Lock()
        self._parts: list[bytes] = []
        self._binary = False
        self._early: list[object] = []
        """What came in the same bytes as the handshake's answer."""
        self.heard = trio.current_time()
        """When anything last came, pings included."""

    @classmethod
    async def open(cls, connect: Connect, url: str) -> Socket:
        """Connect and shake hands; ConnectionLost if refused."""
        return await cls.dial(connect, url)

    @classmethod
    async def dial(
        cls, connect: Connect, url: str, *, headers: Iterable[tuple[str, str]] = (), most: int | None = MOST_BYTES
    ) -> Socket:
        """As `open`. ``headers``: to be sent along. ``most``: bytes a message; None: any number."""
        try:
            stream = await connect()
        except OSError as error:
            raise ConnectionLost(f"cannot connect: {error}") from None
        protocol = ClientProtocol(parse_uri(url), max_size=most)
        socket = cls(stream, protocol)
        try:
            request = protocol.connect()
            for name, value in headers:
                request.headers[name] = value
            protocol.send_request(request)
            await socket._flush()
            while True:
                events = protocol.events_received()
                if events and isinstance(events[0], Response) and protocol.handshake_exc is None:
                    socket._early = list(events[1:])
                    return socket
                if protocol.handshake_exc is not None:
                    raise ConnectionLost(f"handshake failed: {protocol.handshake_exc}")
                await socket._receive()
        except (trio.BrokenResourceError, trio.ClosedResourceError, InvalidHandshake) as error:
            await trio.aclose_forcefully(stream)
            raise ConnectionLost(f"handshake failed: {error}") from None
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
            raise

    async def send(self, frame: Frame) -> None:
        try:
            if frame.binary:
                self._protocol.send_binary(frame.payload)
            else:
                self._protocol.send_text(frame.payload)
            await self._flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError, InvalidState) as error:
            # InvalidState: one side has said goodbye, which the reader is about to notice
            raise ConnectionLost(f"cannot send: {error}") from None

    async def frames(self) -> AsyncIterator[Frame]:
        """Data frames as they come; raises ConnectionLost at the end."""
        while True:
            events, self._early = [*self._early, *self._protocol.events_received()], []
            for event in events:
                if not isinstance(event, WireFrame):
                    continue
                if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                    self._binary = event.opcode is Opcode.BINARY
                    self._parts = [bytes(event.data)]
                elif event.opcode is Opcode.CONT:
                    self._parts.append(bytes(event.data))
                else:
                    continue
                if event.fin:
                    data = b"".join(self._parts)
                    if not self._binary and not _is_utf8(data):
                        # the library leaves this to its user; RFC 6455, 8.1
                        self._protocol.fail(1007, "invalid UTF-8")
                        break
                    yield Frame(data, self._binary)
            try:
                await self._flush()
                if self._protocol.close_expected() or self._protocol.parser_exc is not None:
                    raise ConnectionLost(f"closed: {self._protocol.close_code}")
                await self._receive()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionLost(f"broken: {error}") from None

    @property
    def ended(self) -> tuple[int | None, str]:
        """Code and reason of the exchange's close frame; None: there was none."""
        received = self._protocol.close_rcvd
        return (None, "") if received is None else (received.code, received.reason)

    async def close(self) -> None:
        """Say goodbye, and be gone; never raises."""
        with trio.move_on_after(0.5, shield=True):
            try:
                if self._protocol.close_code is None and self._protocol.close_sent is None:
                    self._protocol.send_close(1000)
                await self._flush()
            except Exception:
                pass
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(self._stream)

    async def _flush(self) -> None:
        # pongs and requests come from several tasks, and a stream takes one sender at a time
        async with self._sending:
            data = b"".join(self._protocol.data_to_send())
            if data:
                await self._stream.send_all(data)

    async def _receive(self) -> None:
        data = await self._stream.receive_some(65536)
        if data:
            self.heard = trio.current_time()
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
            for event in self._protocol.events_received():
                del event
            raise ConnectionLost("end of stream")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


async def fetch(connect: Connect, base: str, request: HttpRequest) -> HttpAnswer:
    """One HTTP request on a connection of its own; ConnectionLost if no answer comes."""
    target = request.path + ("?" + urlencode(request.query) if request.query else "")
    host = base.partition("://")[2].partition("/")[0]
    connection = h11.Connection(h11.CLIENT)
    try:
        stream = await connect()
    except OSError as error:
        raise ConnectionLost(f"cannot connect: {error}") from None
    try:
        headers = {"accept": "*/*", **request.headers, "host": host, "connection": "close"}
        if request.body:
            headers["content-length"] = str(len(request.body))
        head = connection.send(h11.Request(method=request.method, target=target, headers=list(headers.items())))
        body = connection.send(h11.Data(data=request.body)) if request.body else b""
        await stream.send_all((head or b"") + (body or b"") + (connection.send(h11.EndOfMessage()) or b""))
        status, content = 0, b""
        answered: tuple[tuple[str, str], ...] = ()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(65536)))
            elif isinstance(event, h11.Response):
                status = event.status_code
                answered = tuple((name.decode(), value.decode("latin-1")) for name, value in event.headers)
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return HttpAnswer(status=status, body=content, headers=answered)
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionLost("the HTTP connection was dropped")
    except (h11.RemoteProtocolError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise ConnectionLost(f"no HTTP answer: {error}") from None
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
