"""The protobuf wire format, written by hand: varints, tags, fields. Exchange side only.

The ideal client reads the same bytes with the protobuf library (see ``proto``), so that the two check each other.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple


class Wire(enum.IntEnum):
    """Wire types that occur here."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


class Field(NamedTuple):
    """One field as it stands on the wire: an integer for VARINT, raw bytes otherwise (BYTES without its length)."""

    number: int
    wire: Wire
    value: int | bytes


class WireError(ValueError):
    """Bytes that are no sequence of fields."""


def varint(value: int) -> bytes:
    """The base-128 form of a non-negative integer."""
    if value < 0x80:
        return _SMALL[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = tuple(bytes((n,)) for n in range(0x80))


def tag(number: int, wire: Wire) -> bytes:
    return varint(number << 3 | wire)


def integer(number: int, value: int) -> bytes:
    """An int32 or int64 field; proto3 leaves a zero out."""
    return tag(number, Wire.VARINT) + varint(value) if value else b""


def text(number: int, value: str) -> bytes:
    """A string field; proto3 leaves an empty one out."""
    if not value:
        return b""
    raw = value.encode()
    size = len(raw)
    return _block_tag(number) + (_SMALL[size] if size < 0x80 else varint(size)) + raw


def block(number: int, value: bytes) -> bytes:
    """A length-delimited field, also where it is empty (an empty message is a present message)."""
    size = len(value)
    return _block_tag(number) + (_SMALL[size] if size < 0x80 else varint(size)) + value


@lru_cache(maxsize=512)
def _block_tag(number: int) -> bytes:
    return tag(number, Wire.BYTES)


def join(fields: Iterable[Field]) -> bytes:
    """The bytes of fields, in the order given."""
    out = bytearray()
    for number, wire, value in fields:
        out += tag(number, wire)
        if isinstance(value, int):
            out += varint(value)
        elif wire is Wire.BYTES:
            out += varint(len(value)) + value
        else:
            out += value
    return bytes(out)


def split(payload: bytes) -> list[Field]:
    """The fields of a message, in wire order; WireError where the bytes are none."""
    fields: list[Field] = []
    at = 0
    while at < len(payload):
        key, at = _read_varint(payload, at)
        try:
            wire = Wire(key & 7)
        except ValueError:
            raise WireError(f"wire type {key & 7} at byte {at}") from None
        value: int | bytes
        if wire is Wire.VARINT:
            value, at = _read_varint(payload, at)
        else:
            if wire is Wire.BYTES:
                length, at = _read_varint(payload, at)
            else:
                length = 8 if wire is Wire.FIXED64 else 4
            if at + length > len(payload):
                raise WireError(f"field {key >> 3} ends beyond the message")
            value, at = payload[at : at + length], at + length
        fields.append(Field(key >> 3, wire, value))
    return fields


def _read_varint(payload: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(payload):
            raise WireError("a varint ends beyond the message")
        byte = payload[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise WireError("a varint of more than ten bytes")
