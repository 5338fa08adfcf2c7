"""The client of bench/case.py: an adapter for binance-spot that does as little as a right client can.

One process for all cases, one loop over stdin and one socket, a dict a side; REST and WebSocket by hand. It says what
it claims, is polled, and follows the venue's procedure: buffer, snapshot, drop what is older, then an unbroken chain.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

_HELLO = {
    "type": "hello",
    "protocol": 1,
    "client": {"name": "bench", "version": "1", "language": "python"},
    "dialects": ["binance-spot"],
    "channels": ["book"],
    "push": False,
    "claims": True,
    "numbers": "string",
}


def say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Client:
    """One case's client: a connection and the book of one symbol."""

    def __init__(self, start: dict[str, Any], selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self.asked: socket.socket | None = None
        self.answer = b""
        self.symbol: str = start["symbols"][0]
        self.rest: str = start["rest_url"]
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.last = -1
        self.buffer: list[dict[str, Any]] = []
        self.chained = False
        self.sock = connect(start["ws_url"])
        self.sock.sendall(
            f"GET /ws/{self.symbol.lower()}@depth HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.sock.recv(65536)
        self.data = data.partition(b"\r\n\r\n")[2]
        selector.register(self.sock, selectors.EVENT_READ, self.ready)
        self.take(b"")

    def ask(self) -> None:
        """Ask for a snapshot; the answer may take long."""
        parts = urlsplit(self.rest)
        self.answer = b""
        self.asked = connect(self.rest)
        self.asked.sendall(
            f"GET /api/v3/depth?symbol={self.symbol}&limit=5000 HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        self.selector.register(self.asked, selectors.EVENT_READ, self.answered)

    def answered(self) -> None:
        """A part of the snapshot's answer, or its end."""
        assert self.asked is not None
        part = self.asked.recv(1 << 20)
        if part:
            self.answer += part
            return
        self.forget()
        book = json.loads(self.answer.partition(b"\r\n\r\n")[2])
        self.bids, self.asks, self.last = dict(book["bids"]), dict(book["asks"]), book["lastUpdateId"]
        self.chained = False
        waiting, self.buffer = self.buffer, []
        for event in waiting:
            self.event(event)

    def forget(self) -> None:
        if self.asked is not None:
            self.selector.unregister(self.asked)
            self.asked.close()
            self.asked = None

    def ready(self) -> None:
        """The WebSocket has something."""
        data = self.sock.recv(1 << 18)
        if data:
            self.take(data)
        else:
            self.selector.unregister(self.sock)

    def close(self) -> None:
        self.forget()
        if self.sock in (key.fileobj for key in self.selector.get_map().values()):
            self.selector.unregister(self.sock)
        self.sock.close()

    def take(self, data: bytes) -> None:
        """Bytes from the socket."""
        data = self.data + data
        at = 0
        while len(data) - at >= 2:
            size, head = data[at + 1] & 0x7F, 2
            if size > 125:
                head = 4 if size == 126 else 10
                size = int.from_bytes(data[at + 2 : at + head], "big")
            if len(data) - at < head + size:
                break
            code, payload = data[at] & 0x0F, data[at + head : at + head + size]
            at += head + size
            if code == 1:
                self.event(json.loads(payload))
            elif code == 9:  # a pong, with the mask 0
                self.sock.sendall(bytes((0x8A, 0x80 | size, 0, 0, 0, 0)) + payload)
        self.data = data[at:]

    def event(self, event: dict[str, Any]) -> None:
        if event.get("e") != "depthUpdate":
            return
        if self.last < 0:
            self.buffer.append(event)
            if self.asked is None:
                self.ask()
        elif event["u"] <= self.last and not self.chained:
            return
        elif event["U"] == self.last + 1 or (not self.chained and event["U"] <= self.last + 1 <= event["u"]):
            for side, rows in ((self.bids, event["b"]), (self.asks, event["a"])):
                for price, size in rows:
                    if size.strip("0."):
                        side[price] = size
                    else:
                        side.pop(price, None)
            self.last, self.chained = event["u"], True
        else:  # a gap (or a snapshot from before the stream): anew
            self.last = -1
            self.chained = False
            self.buffer.append(event)
            if self.asked is None:
                self.ask()

    def shown(self) -> dict[str, Any]:
        if self.last < 0:
            return {"claim": "syncing", "bids": [], "asks": []}
        return {
            "claim": "live",
            "bids": sorted(self.bids.items(), key=lambda row: -float(row[0])),
            "asks": sorted(self.asks.items(), key=lambda row: float(row[0])),
        }


def main() -> None:
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    client: Client | None = None
    case, rest = "", b""
    while True:
        # the socket first: a read shows everything that came before it
        for key, _ in sorted(selector.select(), key=lambda item: item[0].fd == 0):
            if key.data is not None:
                key.data()
                continue
            data = os.read(0, 1 << 18)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                match message["type"]:
                    case "hello":
                        say(_HELLO)
                    case "start":
                        case = message["case"]
                        client = Client(message, selector)
                        say({"type": "started", "case": case, "depth_shown": None})
                    case "read" if client is not None:
                        book = {"type": "book", "case": case, "symbol": client.symbol, "read": message["id"]}
                        say(book | client.shown())
                    case "stop" if client is not None:
                        client.close()
                        client = None
                        say({"type": "stopped", "case": case})
                    case "bye":
                        sys.exit(0)


if __name__ == "__main__":
    main()
