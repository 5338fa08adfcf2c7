"""The receiver of the benchmarks, a process of its own: as little work a byte as Python can do.

    python bench/drain.py PORT CONNECTIONS BYTES [frames | raw]

Opens CONNECTIONS WebSocket connections, reads BYTES bytes of frames on each, then says so on the first connection (a
text frame) and reads on until the server ends. ``frames``: hop over the frame headers and say how many frames came; for
checking that the bytes counted elsewhere are the messages that were meant. ``raw``: no handshake, for the plain-socket
baseline.
"""

from __future__ import annotations

import resource
import selectors
import socket
import sys

_BUFFER = 1 << 20

HANDSHAKE = (
    b"GET /ws/btcusdt@depth HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def say(sock: socket.socket, text: bytes) -> None:
    """A masked text frame (with the mask 0)."""
    sock.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)


def connect(port: int, raw: bool) -> tuple[socket.socket, bytes]:
    """A connection, and what came behind the handshake's answer."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if raw:
        return sock, b""
    sock.sendall(HANDSHAKE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = sock.recv(65536)
        if not part:
            raise SystemExit(f"no handshake: {answer!r}")
        answer += part
    if not answer.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"no handshake: {answer!r}")
    return sock, answer.partition(b"\r\n\r\n")[2]


class Frames:
    """Counts frames in a stream of chunks."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 2:
            length, head = data[at + 1] & 0x7F, 2
            if length == 126:
                head = 4
            elif length == 127:
                head = 10
            if size - at < head:
                break
            if head > 2:
                length = int.from_bytes(data[at + 2 : at + head], "big")
            if size - at < head + length:
                break
            if data[at] & 0x0F not in (1, 2) or not data[at] & 0x80:
                raise SystemExit(f"not a whole data frame: {data[at : at + 20]!r}")
            self.count += 1
            at += head + length
        self._rest = data[at:]


def read_one(sock: socket.socket, count: int) -> None:
    view = memoryview(bytearray(_BUFFER))
    receive = sock.recv_into
    while count > 0:
        taken = receive(view)
        if not taken:
            raise SystemExit(f"the server ended {count} bytes early")
        count -= taken
    if count < 0:
        raise SystemExit(f"{-count} bytes too many")


def read_many(socks: list[socket.socket], counts: list[int]) -> None:
    selector = selectors.DefaultSelector()
    view = memoryview(bytearray(_BUFFER))
    waiting = 0
    for at, sock in enumerate(socks):
        if counts[at] > 0:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, at)
            waiting += 1
    while waiting:
        for key, _ in selector.select():
            readable, at = key.fileobj, key.data
            assert isinstance(readable, socket.socket)
            taken = readable.recv_into(view)
            if not taken:
                raise SystemExit(f"the server ended {counts[at]} bytes early")
            counts[at] -= taken
            if counts[at] <= 0:
                if counts[at] < 0:
                    raise SystemExit(f"{-counts[at]} bytes too many")
                waiting -= 1
                selector.unregister(readable)
                readable.setblocking(True)


def main(arguments: list[str]) -> None:
    port, connections, count = (int(text) for text in arguments[:3])
    how = arguments[3] if len(arguments) > 3 else ""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 8192), hard))
    socks, counts = [], []
    for _ in range(connections):
        sock, early = connect(port, how == "raw")
        socks.append(sock)
        counts.append(count - len(early))
        if how == "frames":
            frames = Frames()
            frames.feed(early)
            while counts[0] > 0:
                part = sock.recv(65536)
                counts[0] -= len(part)
                frames.feed(part)
            say(sock, b"%d" % frames.count)
            sock.recv(1)
            return
    if connections == 1:
        read_one(socks[0], counts[0])
    else:
        read_many(socks, counts)
    say(socks[0], b"done")
    while True:
        try:
            if not socks[0].recv(65536):
                return
        except ConnectionError:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
