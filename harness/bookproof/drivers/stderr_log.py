"""The last lines of a client's stderr: bounded, marked by case, never interpreted."""

from __future__ import annotations

from collections import deque

KEEP_LINES = 200
KEEP_BYTES = 2_000
"""Of one line; the rest of a longer one is dropped."""


class StderrLog:
    """Feed it pieces of stderr; ask it for the last lines of the present case."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=KEEP_LINES)
        self._case = 0
        self._rest = bytearray()
        self._cut = 0

    def begin_case(self) -> None:
        """What comes from here on belongs to the next case."""
        self._case += 1

    def feed(self, piece: bytes | bytearray) -> None:
        lines = bytes(piece).split(b"\n")
        # Of a flood only the end can be kept: what is before it need not be decoded.
        for line in lines[:-1][-KEEP_LINES - 1 :]:
            self._add(line)
            self._finish()
        self._add(lines[-1])

    def lines(self) -> tuple[str, ...]:
        """The last lines of the present case, an unfinished one included."""
        kept = [text for case, text in self._lines if case == self._case]
        if self._rest:
            kept.append(self._text())
        return tuple(kept[-KEEP_LINES:])

    def _add(self, part: bytes) -> None:
        room = KEEP_BYTES - len(self._rest)
        self._rest += part[:room]
        self._cut += max(0, len(part) - room)

    def _finish(self) -> None:
        self._lines.append((self._case, self._text()))
        self._rest.clear()
        self._cut = 0

    def _text(self) -> str:
        text = self._rest.decode("utf-8", "replace").rstrip("\r")
        return f"{text} … ({self._cut} bytes more)" if self._cut else text
