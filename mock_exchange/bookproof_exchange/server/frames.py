"""Server frames as bytes: headers by hand, messages compressed one by one, batches encoded once and shared.

A server does not mask (RFC 6455, 5.1), so one encoding is good for every connection. Compression is always without
context takeover (RFC 7692, 7.1.1.1), so a compressed frame, too, depends on nothing that was sent before.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from bookproof_exchange.dialects.api import Frame

TEXT = 0x81
BINARY = 0x82
CLOSE = 0x88
PING = 0x89
PONG = 0x8A
#: RSV1 marks a compressed message (RFC 7692, 6).
COMPRESSED = 0x40

_SMALL = 126
_MEDIUM = 1 << 16
#: The two kinds of data frames, not compressed: header by length. Filled as lengths occur.
_TEXT_HEADERS: dict[int, bytes] = {}
_BINARY_HEADERS: dict[int, bytes] = {}
_HEADERS_KEPT = 20_000


def header(first: int, length: int) -> bytes:
    """The header of an unmasked frame: first byte as given, then the length in the shortest form."""
    if length < _SMALL:
        return bytes((first, length))
    if length < _MEDIUM:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def control(first: int, payload: bytes) -> bytes:
    """A control frame; the payload holds at most 125 bytes (RFC 6455, 5.5) and is cut there."""
    payload = payload[:125]
    return bytes((first, len(payload))) + payload


def close(code: int, reason: str) -> bytes:
    """A close frame. Any code may be sent, also one that no server should send; 1005 stands for none."""
    if code == 1005:
        return control(CLOSE, b"")
    text = reason.encode()[:123]
    return control(CLOSE, code.to_bytes(2, "big") + text.decode(errors="ignore").encode())


def deflate(payload: bytes, window: int) -> bytes:
    """One message compressed by itself, with a window of 2**``window`` bytes (9 to 15)."""
    compressor = zlib.compressobj(wbits=-window)
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]  # RFC 7692, 7.2.1: the empty block at the end is left out


def encode(frame: Frame, window: int = 0) -> bytes:
    """One message as one frame; compressed where ``window`` is not 0."""
    first = BINARY if frame.binary else TEXT
    if window:
        data = deflate(frame.payload, window)
        return header(first | COMPRESSED, len(data)) + data
    return header(first, len(frame.payload)) + frame.payload


def join(frames: Sequence[Frame], window: int = 0) -> bytes:
    """Many messages as one run of bytes."""
    if window:
        return b"".join([encode(frame, window) for frame in frames])
    parts: list[bytes] = []
    add = parts.append
    text, binary = _TEXT_HEADERS, _BINARY_HEADERS
    for frame in frames:
        payload = frame.payload
        known = binary if frame.binary else text
        head = known.get(len(payload))
        if head is None:
            head = header(BINARY if frame.binary else TEXT, len(payload))
            if len(known) < _HEADERS_KEPT:
                known[len(payload)] = head
        add(head)
        add(payload)
    return b"".join(parts)


class Sharing:
    """The last few encoded runs, so that the same frames written to many connections are encoded once.

    Keyed by the identity of the tuple: it is kept alive here as long as its entry."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = 8) -> None:
        self._kept: dict[tuple[int, int, int, int], tuple[tuple[Frame, ...], bytes]] = {}
        self._most = most

    def join(self, frames: tuple[Frame, ...], start: int, stop: int, window: int) -> bytes:
        """``frames[start:stop]`` as bytes."""
        key = (id(frames), start, stop, window)
        kept = self._kept.get(key)
        if kept is not None:
            return kept[1]
        data = join(frames if stop - start == len(frames) else frames[start:stop], window)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (frames, data)
        return data
