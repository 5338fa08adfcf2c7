"""What is still to be written on one connection, in order, encoded as late as possible."""

from __future__ import annotations

from typing import Literal

import trio

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.server.frames import Sharing, encode
from bookproof_exchange.server.wire import CHUNK

#: Frames joined at a time: more joined at once gains little, and would delay the first byte.
JOINED = 512
#: Of each frame so many bytes go out one by one in the mode ``bytes``.
SPLIT = 16
#: Spans of a tape longer than this are sent where they lie; shorter ones are joined with their neighbours.
_ALONE = 1 << 14
#: So many items sent before the list of items is cut.
_COMPACT = 256


class Batch:
    """The frames of one Write in the modes ``burst`` or ``each``."""

    __slots__ = ("at", "each", "frames")

    def __init__(self, frames: tuple[Frame, ...], each: bool) -> None:
        self.frames = frames
        self.each = each
        self.at = 0


class Split:
    """The frames of one Write in the mode ``bytes``."""

    __slots__ = ("frames",)

    def __init__(self, frames: tuple[Frame, ...]) -> None:
        self.frames = frames


class Slice:
    """A span of a tape: sent as it is."""

    __slots__ = ("at", "data")

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0


class Ending:
    """The end of the connection. ``told``: the exchange ended it, so `closed` is reported as soon as it is done."""

    __slots__ = ("how", "told")

    def __init__(self, how: Literal["fin", "rst"], told: bool) -> None:
        self.how: Literal["fin", "rst"] = how
        self.told = told


Item = bytes | Batch | Split | Slice | Ending | trio.Event


class Outbox:
    """A queue of items; hands out chunks of bytes. An Event among the items is set once all before it was taken
    over by the kernel (or was given up)."""

    __slots__ = ("_head", "_items", "_rest", "_sharing", "window")

    def __init__(self, sharing: Sharing) -> None:
        # A list and where it begins, since an empty deque takes 600 bytes, and most outboxes are empty.
        self._items: list[Item] = []
        self._head = 0
        self._rest: bytes | memoryview = b""
        self._sharing = sharing
        self.window = 0
        """The compression window of the connection; 0: no compression."""

    def __bool__(self) -> bool:
        return bool(self._rest) or bool(self._items)

    def __len__(self) -> int:
        return len(self._items) - self._head

    def put(self, item: Item) -> None:
        self._items.append(item)

    def clear(self) -> None:
        """Give up everything unsent."""
        self._rest = b""
        items, self._items = self._items[self._head :], []
        self._head = 0
        for item in items:
            if isinstance(item, trio.Event):
                item.set()

    def _pop(self) -> None:
        """Take out the first item."""
        self._head += 1
        if self._head == len(self._items):
            self._items.clear()
            self._head = 0
        elif self._head >= _COMPACT:
            del self._items[: self._head]
            self._head = 0

    def chunk(self) -> bytes | memoryview:
        """The next bytes to send; empty where there are none, or a Split or an Ending comes first."""
        if self._rest:
            return self._rest
        items = self._items
        parts: list[bytes | memoryview] = []
        size = 0
        while items and size < CHUNK:
            item = items[self._head]
            if isinstance(item, bytes):
                self._pop()
                parts.append(item)
                size += len(item)
            elif isinstance(item, Batch):
                if item.each:
                    if not parts:
                        self._rest = encode(item.frames[item.at], self.window)
                        self._step(item, 1)
                    break
                stop = min(item.at + JOINED, len(item.frames))
                part = self._sharing.join(item.frames, item.at, stop, self.window)
                parts.append(part)
                size += len(part)
                self._step(item, stop - item.at)
            elif isinstance(item, Slice):
                if len(item.data) > _ALONE:
                    if not parts:
                        self._rest = item.data[item.at : item.at + CHUNK]
                        item.at += len(self._rest)
                        if item.at >= len(item.data):
                            self._pop()
                    break
                self._pop()
                parts.append(item.data)
                size += len(item.data)
            elif isinstance(item, trio.Event):
                if parts:
                    break
                self._pop()
                item.set()
            else:
                break
        if parts:
            self._rest = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._rest

    def _step(self, batch: Batch, by: int) -> None:
        batch.at += by
        if batch.at >= len(batch.frames):
            self._pop()

    def sent(self, count: int) -> None:
        """So many bytes of the chunk were taken."""
        rest = self._rest
        if count == len(rest):
            self._rest = b""
        else:
            self._rest = memoryview(rest)[count:]

    def special(self) -> Split | Ending | None:
        """What comes next where `chunk` is empty; takes it out."""
        if self._rest or not self._items:
            return None
        item = self._items[self._head]
        if isinstance(item, Split | Ending):
            self._pop()
            return item
        return None
