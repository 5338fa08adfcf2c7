"""A tape: a stream of messages as finished frames, ready to be sent as it is, again and again.

The frames lie in one byte string (a `Reel`) with the offset and the truth version of every message. An edit (leave out,
repeat, swap, move, patch) changes only which spans of which reels are sent, so a faulty stream costs as much as a clean
one. No frame depends on another: the compressed form of a reel is without context takeover, so it, too, can be joined
anywhere, by any number of connections.
"""

from __future__ import annotations

import bisect
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.server import frames as wire


class Reel:
    """Finished frames in one byte string. ``ends[i]``..``ends[i + 1]`` is message i. Immutable."""

    __slots__ = ("_compressed", "data", "ends", "versions", "window")

    def __init__(self, data: bytes, ends: array[int], versions: array[int], window: int = 0) -> None:
        self.data = data
        self.ends = ends
        self.versions = versions
        self.window = window
        """The compression window of the frames; 0: not compressed."""
        self._compressed: dict[int, Reel] = {}

    @classmethod
    def record(cls, messages: Iterable[Frame], versions: Sequence[int] | None = None, window: int = 0) -> Reel:
        """Encode messages. ``versions``: the truth version that each one ends at, where that is known (else 0)."""
        parts: list[bytes] = []
        ends = array("Q", [0])
        at = 0
        for message in messages:
            frame = wire.encode(message, window)
            parts.append(frame)
            at += len(frame)
            ends.append(at)
        count = len(ends) - 1
        known = array("q", bytes(8 * count)) if versions is None else array("q", versions)
        if len(known) != count:
            raise ValueError(f"{count} messages but {len(known)} versions")
        return cls(b"".join(parts), ends, known, window)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def frame(self, at: int) -> Frame:
        """Message ``at``, decoded again."""
        span = self.data[self.ends[at] : self.ends[at + 1]]
        size = {126: 4, 127: 10}.get(span[1], 2)
        payload = span[size:]
        if span[0] & wire.COMPRESSED:
            payload = zlib.decompressobj(wbits=-self.window).decompress(payload + b"\x00\x00\xff\xff")
        return Frame(payload, (span[0] & 0x0F) == 2)

    def compressed(self, window: int) -> Reel:
        """The same messages, each compressed by itself with a window of 2**``window`` bytes. Kept for the next time."""
        known = self._compressed.get(window)
        if known is None:
            known = Reel.record((self.frame(at) for at in range(len(self))), self.versions, window)
            self._compressed[window] = known
        return known


class Run(msgspec.Struct, frozen=True):
    """Messages ``first``..``last`` - 1 of a reel."""

    reel: Reel
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    def bytes(self) -> memoryview:
        ends = self.reel.ends
        return memoryview(self.reel.data)[ends[self.first] : ends[self.last]]


class Tape:
    """A sequence of messages, made of runs. Immutable: every edit yields another tape on the same reels.

    Positions count from 0; spans are half open, as in Python. A position outside raises IndexError."""

    __slots__ = ("_runs", "_starts")

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = tuple(_merged(runs))
        self._starts = [0]
        for run in self._runs:
            self._starts.append(self._starts[-1] + len(run))

    @classmethod
    def record(cls, messages: Iterable[Frame], versions: Sequence[int] | None = None) -> Tape:
        """A tape of messages. ``versions``: the truth version that each one ends at."""
        reel = Reel.record(messages, versions)
        return cls([Run(reel, 0, len(reel))])

    # --- reading -------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def runs(self) -> tuple[Run, ...]:
        return self._runs

    def _place(self, at: int) -> tuple[Reel, int]:
        if not 0 <= at < len(self):
            raise IndexError(f"message {at} of a tape of {len(self)}")
        which = bisect.bisect_right(self._starts, at) - 1
        run = self._runs[which]
        return run.reel, run.first + at - self._starts[which]

    def frame(self, at: int) -> Frame:
        """One message."""
        reel, place = self._place(at)
        return reel.frame(place)

    def version(self, at: int) -> int:
        """The truth version that a message ends at."""
        reel, place = self._place(at)
        return reel.versions[place]

    def versions(self) -> Iterator[int]:
        """The version of every message, in the order on the tape."""
        for run in self._runs:
            yield from run.reel.versions[run.first : run.last]

    def spans(self, first: int = 0, last: int | None = None) -> list[memoryview]:
        """The bytes of messages ``first``..``last`` - 1, in as few pieces as there are runs."""
        return [run.bytes() for run in self._cut(first, len(self) if last is None else last)]

    def size(self) -> int:
        """Bytes on the wire."""
        return sum(len(span) for span in self.spans())

    # --- edits ---------------------------------------------------------------------------------------------------

    def _cut(self, first: int, last: int) -> list[Run]:
        if not 0 <= first <= last <= len(self):
            raise IndexError(f"messages {first}..{last} of a tape of {len(self)}")
        cut: list[Run] = []
        which = bisect.bisect_right(self._starts, first) - 1
        while which < len(self._runs) and self._starts[which] < last:
            run, start = self._runs[which], self._starts[which]
            piece = Run(run.reel, run.first + max(0, first - start), run.first + min(len(run), last - start))
            if len(piece) > 0:
                cut.append(piece)
            which += 1
        return cut

    def between(self, first: int, last: int) -> Tape:
        """Messages ``first``..``last`` - 1."""
        return Tape(self._cut(first, last))

    def __add__(self, other: Tape) -> Tape:
        return Tape((*self._runs, *other._runs))

    def without(self, first: int, count: int = 1) -> Tape:
        """``count`` messages left out."""
        return Tape((*self._cut(0, first), *self._cut(first + count, len(self))))

    def repeated(self, at: int, later: int = 0) -> Tape:
        """Message ``at`` once more, ``later`` messages after itself (0: at once)."""
        again = self._cut(at, at + 1)
        return Tape((*self._cut(0, at + 1 + later), *again, *self._cut(at + 1 + later, len(self))))

    def moved(self, at: int, by: int) -> Tape:
        """Message ``at`` comes after the ``by`` messages that follow it."""
        late = self._cut(at, at + 1)
        return Tape((*self._cut(0, at), *self._cut(at + 1, at + 1 + by), *late, *self._cut(at + 1 + by, len(self))))

    def swapped(self, first: int, second: int) -> Tape:
        """Two messages change places."""
        first, second = sorted((first, second))
        if first == second:
            return self.between(0, len(self)) if self._cut(first, first + 1) else self
        return Tape(
            (
                *self._cut(0, first),
                *self._cut(second, second + 1),
                *self._cut(first + 1, second),
                *self._cut(first, first + 1),
                *self._cut(second + 1, len(self)),
            )
        )

    def patched(self, at: int, message: Frame) -> Tape:
        """Message ``at`` replaced; its version stays."""
        reel = Reel.record([message], [self.version(at)])
        return Tape((*self._cut(0, at), Run(reel, 0, 1), *self._cut(at + 1, len(self))))

    def compressed(self, window: int) -> Tape:
        """The same messages for connections that negotiated permessage-deflate with a server window of ``window`` bits
        (or more). Compiled once a reel: 6 to 12 µs for a short message."""
        return Tape(Run(run.reel.compressed(window), run.first, run.last) for run in self._runs)


def _merged(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs that continue each other become one; empty ones vanish."""
    held: Run | None = None
    for run in runs:
        if not len(run):
            continue
        if held is not None and held.reel is run.reel and held.last == run.first:
            held = Run(held.reel, held.first, run.last)
        else:
            if held is not None:
                yield held
            held = run
    if held is not None:
        yield held
