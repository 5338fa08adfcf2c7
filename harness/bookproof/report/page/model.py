"""What the page knows of a case, as plain values, and how it is written into the page and read again.

Field names are short and defaults are left out, because a report may hold a thousand cases. Prices and sizes are decimal
text with all decimals of the instrument, so that equal numbers are equal texts: the page never calculates with floats.
"""

from __future__ import annotations

import zlib
from typing import Literal, TypeVar

import msgspec

Lane = Literal["script", "fault", "exchange", "client", "book"]
Row = tuple[str, str]
"""Price, size."""


class _Compact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what is embedded."""


class Mark(_Compact, frozen=True, kw_only=True):
    """One record of the evidence."""

    p: int
    """Position."""
    t: int
    """Microseconds since the case began."""
    l: Lane  # noqa: E741 - one letter, as all of them
    """Who did it; ``book``: what the client showed."""
    k: str
    """What it is: ``update``, ``snapshot``, ``drop``, ``opened``; in the lane ``book`` the claim."""
    s: str
    """In words."""
    c: int | None = None
    """Connection."""
    y: int | None = None
    """Symbol, by its place in `Core.symbols`."""
    a: int = 0
    """Truth versions (a, b], where it has any."""
    b: int = 0
    f: bool = False
    """A fault touched it."""
    n: int = 0
    """Bytes of the payload."""
    q: bool = False
    """Of no weight in a drawing by order: heartbeats, reads, what only repeats."""
    o: int | None = None
    """Observation, by its place in `Core.observations`."""


class Change(_Compact, frozen=True, kw_only=True, array_like=True):
    """One level that an update of the truth set. Size 0: it was deleted."""

    version: int
    side: Literal[0, 1]
    price: str
    size: str


class Level(_Compact, frozen=True, kw_only=True, array_like=True):
    """A level of the first book, and the version that wrote it."""

    price: str
    size: str
    version: int


class Symbol(_Compact, frozen=True, kw_only=True):
    """One symbol's truth, cut to the levels that can be seen in the ladder."""

    name: str
    depth: int
    """Levels a side in the ladder."""
    first: int = 0
    """Version of ``bids`` and ``asks``."""
    last: int = 0
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    changes: tuple[Change, ...] = ()
    published: tuple[int, ...] = ()
    """Versions at which messages ended, as steps from the one before."""
    decimals: tuple[int, int] = (0, 0)
    """Of prices, of sizes."""


class Note(_Compact, frozen=True, kw_only=True, array_like=True):
    """Why one level differs, as the checker says."""

    side: Literal["bid", "ask"]
    price: str
    shown: str | None
    truth: str | None
    note: str = ""


class Observation(_Compact, frozen=True, kw_only=True):
    """A book that the client showed: as changes of the one before of the same symbol (size empty: the level is gone)."""

    y: int
    claim: str
    read: int | None = None
    stated: str | None = None
    """The version that the client states."""
    bids: tuple[Row, ...] = ()
    asks: tuple[Row, ...] = ()
    raw: bool = False
    """Not to be read as a book: ``bids`` and ``asks`` are all rows as spelled, and nothing is taken over."""
    high: int = -1
    """The newest version sent before."""
    equals: int | None = None
    """The version of the truth that it is."""
    nearest: int | None = None
    """Where it is wrong: the version that it resembles most."""
    why: str = ""
    """Where it is wrong: the explanation."""
    notes: tuple[Note, ...] = ()
    wrong: bool = False
    """Live, and no book that a right client may show."""


class Point(_Compact, frozen=True, kw_only=True):
    """One step of what went wrong, in a sentence."""

    kind: Literal["fault", "notice", "wrong", "recovered", "lost"]
    s: str
    p: int


class Told(_Compact, frozen=True, kw_only=True):
    """A step of the scenario, in words."""

    place: int
    s: str
    kind: Literal["", "fault", "oddity"] = ""


class Break(_Compact, frozen=True, kw_only=True):
    """Where an ideal client notices that its book is broken."""

    p: int
    y: int
    reason: str


class Core(_Compact, frozen=True, kw_only=True):
    """A case without its payloads."""

    marks: tuple[Mark, ...]
    symbols: tuple[Symbol, ...] = ()
    observations: tuple[Observation, ...] = ()
    points: tuple[Point, ...] = ()
    steps: tuple[Told, ...] = ()
    purpose: str = ""
    breaks: tuple[Break, ...] = ()
    wrong: int | None = None
    """Position of the first thing that was wrong."""
    cause: int | None = None
    left: int = 0
    """So many records of a very long case are left out."""
    failed: str = ""
    """Why there is nothing: this could not be made."""


class Payload(_Compact, frozen=True, kw_only=True):
    """What went over the wire at a position. Exactly one of ``text`` and ``data``; ``more``: bytes that were left out."""

    p: int
    text: str = ""
    data: str = ""
    """Base64."""
    more: int = 0
    decoded: str = ""
    """What the ideal client understands of what is not text."""
    head: str = ""
    """Of an HTTP exchange: query and header lines."""


class Wire(_Compact, frozen=True, kw_only=True):
    payloads: tuple[Payload, ...]
    left: int = 0
    """So many more are in the transcript only."""


_T = TypeVar("_T", Core, Wire)


def pack(value: msgspec.Struct) -> bytes:
    """As it stands in the page: JSON, deflated (RFC 1950), which every browser unpacks by itself."""
    return zlib.compress(msgspec.json.encode(value), 9)


def unpack(data: bytes, kind: type[_T]) -> _T:
    """The value again."""
    return msgspec.json.decode(zlib.decompress(data), type=kind)
