"""Messages as frames that a server hardly ever sends: in pieces, or against RFC 6455. Bytes in, bytes out."""

from __future__ import annotations

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.faults.forms import Broken, Form, Fragments, Violation
from bookproof_exchange.server import frames

_CONTINUATION = 0x80
_FIN = 0x80
_RSV2 = 0x20
_RESERVED_OPCODE = 0x83
_MASK = b"\x01\x02\x03\x04"
_TERABYTE = 1 << 40
#: A block of the reserved type 3 (RFC 1951, 3.2.3): no inflater takes it.
_BAD_BLOCK = b"\x07\xff\xff\xff"
#: The payload of pings and pongs that mean nothing.
_BETWEEN = b"between"


def encode(frame: Frame, form: Form, window: int = 0) -> bytes:
    """One message in a form; ``window``: the connection's compression window, 0 for none."""
    match form:
        case Fragments():
            return _fragments(frame, form, window)
        case Broken(how=how):
            return _broken(frame, how, window)


def _fragments(frame: Frame, form: Fragments, window: int) -> bytes:
    first = frames.BINARY if frame.binary else frames.TEXT
    data = frame.payload
    if window:
        # only the first frame of a compressed message is marked (RFC 7692, 6)
        data, first = frames.deflate(data, window), first | frames.COMPRESSED
    size = -(-len(data) // form.pieces)
    parts = [data[size * at : size * (at + 1)] for at in range(form.pieces)]
    out: list[bytes] = []
    for at, part in enumerate(parts):
        opcode = first if at == 0 else _CONTINUATION
        if at < len(parts) - 1:
            opcode &= ~_FIN
        out += (frames.header(opcode, len(part)), part)
        if at == 0 and form.between != "nothing":
            out.append(frames.control(frames.PING if form.between == "ping" else frames.PONG, _BETWEEN))
    return b"".join(out)


def _broken(frame: Frame, how: Violation, window: int) -> bytes:
    data = frame.payload
    first = frames.BINARY if frame.binary else frames.TEXT
    whole = frames.header(first, len(data)) + data
    match how:
        case "masked":
            head = frames.header(first, len(data))
            masked = bytes(byte ^ _MASK[at % 4] for at, byte in enumerate(data))
            return bytes((head[0], head[1] | 0x80)) + head[2:] + _MASK + masked
        case "reserved-opcode":
            return frames.header(_RESERVED_OPCODE, len(data)) + data
        case "reserved-bit":
            # the first reserved bit has a meaning where compression was negotiated, the second has none
            return frames.header(first | (_RSV2 if window else frames.COMPRESSED), len(data)) + data
        case "lone-continuation":
            return frames.header(_CONTINUATION, len(data)) + data
        case "split-message":
            return frames.header(first & ~_FIN, len(data)) + data + whole
        case "long-control":
            return bytes((frames.PING, 126, 0, 126)) + b"x" * 126
        case "split-control":
            return bytes((frames.PING & ~_FIN, 1)) + b"x"
        case "bad-close":
            return bytes((frames.CLOSE, 1, 3))
        case "invalid-utf8":
            # 0xff stands nowhere in UTF-8; always as text, since a binary message may hold anything
            text = data.replace(b'"', b'"\xff', 1) if b'"' in data else data + b"\xff"
            return frames.header(frames.TEXT, len(text)) + text
        case "oversize":
            return frames.header(first, _TERABYTE) + data
        case "bad-deflate":
            return frames.header(first | frames.COMPRESSED, len(_BAD_BLOCK)) + _BAD_BLOCK
