"""HTTP/1.1 on a connection: REST requests one after another, or a WebSocket handshake that ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

import h11
import msgspec
import trio

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest
from bookproof_exchange.server.wire import GONE, Wire

_HEAD = 1 << 16
_BODY = 1 << 20
#: Seconds between two pieces of an answer that trickles in.
_PAUSE = 0.002


class Upgrade(msgspec.Struct, frozen=True):
    """A client asks for a WebSocket."""

    request: HttpRequest
    head: bytes
    """The request again, as bytes, for the WebSocket library to judge."""
    early: bytes
    """What came behind it."""


class _Bad(Exception):
    """A request that is no request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


Ask = Callable[[HttpRequest], Awaitable[HttpAnswer | None]]
Malformed = Callable[[int, str], HttpAnswer]
"""Makes the answer to what is no HTTP request, from a status and the reason."""


def malformed(status: int, reason: str) -> HttpAnswer:
    """The answer in plain text."""
    return HttpAnswer(
        status=status, body=f"{reason}\n".encode(), headers=(("content-type", "text/plain; charset=utf-8"),)
    )


async def converse(wire: Wire, ask: Ask, bad: Malformed = malformed) -> Upgrade | None:
    """Answer requests in their order until the client leaves (None) or asks for a WebSocket.

    ``ask`` yields the answer to a request, perhaps later; None drops the connection. Raises only what ``ask`` does."""
    conn = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
    try:
        while True:
            request = await _request(conn, wire)
            if request is None:
                return None
            head, body = request
            if _wants_websocket(head):
                early, _ = conn.trailing_data
                return Upgrade(_plain(head, body), _bytes(head), bytes(early))
            answer = await ask(_plain(head, body))
            if answer is None:
                return None
            for place, part in enumerate(respond(conn, answer, head.method)):
                if place:
                    await trio.sleep(_PAUSE)
                await wire.send_all(part)
            if conn.our_state is not h11.DONE or conn.their_state is not h11.DONE:
                return None
            conn.start_next_cycle()
    except _Bad as error:
        with contextlib.suppress(*GONE):
            await wire.send_all(_raw(bad(error.status, str(error))))
        return None
    except GONE:
        return None


async def _request(conn: h11.Connection, wire: Wire) -> tuple[h11.Request, bytes] | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = conn.next_event()
        except h11.RemoteProtocolError as error:
            raise _Bad(error.error_status_hint, f"bad request: {error}") from error
        if event is h11.NEED_DATA:
            if conn.they_are_waiting_for_100_continue:
                await wire.send_all(conn.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            try:
                conn.receive_data(await wire.receive())
            except RuntimeError:  # h11: data after the end of the stream; there is none
                return None
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _BODY:
                raise _Bad(413, "the request body is too large")
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            if head.method == b"CONNECT":
                raise _Bad(405, "this is no proxy")
            return head, bytes(body)
        else:
            # ConnectionClosed, or PAUSED (which cannot be: every cycle is finished before the next request is read).
            return None


def _wants_websocket(head: h11.Request) -> bool:
    return any(name == b"upgrade" and b"websocket" in value.lower() for name, value in head.headers)


def _plain(head: h11.Request, body: bytes) -> HttpRequest:
    target = head.target.decode("latin-1")
    if not target.startswith("/") and "://" in target:  # the absolute form (RFC 9112, 3.2.2)
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for name, value in head.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return HttpRequest(
        method=head.method.decode("latin-1"),
        path=unquote(path),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=body,
    )


def _bytes(head: h11.Request) -> bytes:
    lines = [head.method + b" " + head.target + b" HTTP/" + head.http_version]
    lines += [name + b": " + value for name, value in head.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def respond(conn: h11.Connection, answer: HttpAnswer, method: bytes) -> list[bytes]:
    """The answer as bytes, in as many writes as it wants. A stated content-length that is longer than the body stays: the
    answer is cut short and the connection has to end behind it."""
    body = answer.body
    headers = [(name.lower(), value) for name, value in answer.headers]
    bare = method == b"HEAD" or answer.status in (204, 304)
    stated = next((value for name, value in headers if name == "content-length"), None)
    cut = stated is not None and stated.isdecimal() and int(stated) > len(body) and not bare
    if not cut:
        headers = [(name, value) for name, value in headers if name not in ("content-length", "transfer-encoding")]
        if answer.chunked and not bare:
            headers.append(("transfer-encoding", "chunked"))
        elif answer.status not in (204, 304):
            headers.append(("content-length", str(len(body))))
    response = h11.Response(status_code=answer.status, headers=headers, reason=_reason(answer.status).encode())
    parts = [conn.send(response) or b""]
    if body and not bare:
        size = -(-len(body) // answer.pieces)
        pieces = [conn.send(h11.Data(data=body[at : at + size])) or b"" for at in range(0, len(body), size)]
        parts = [parts[0] + pieces[0], *pieces[1:]]
    if not cut:
        parts[-1] += conn.send(h11.EndOfMessage()) or b""
    return parts


def _raw(answer: HttpAnswer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() != "content-length"]
    lines += [f"content-length: {len(answer.body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + answer.body


def refusal(answer: HttpAnswer) -> bytes:
    """An answer to a WebSocket handshake, after which the connection ends."""
    return _raw(answer)
