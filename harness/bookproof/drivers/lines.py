"""Cuts a byte stream into lines, with a limit on a line's length and no more memory than that."""

from __future__ import annotations


class LineTooLong(Exception):
    """More than ``limit`` bytes without a line end."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"longer than {limit} bytes")
        self.limit = limit


class LineSplitter:
    """Feed it pieces of any size; it gives the whole lines, without their ``\\n``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, piece: bytes | bytearray) -> list[bytes]:
        """The lines that ``piece`` completes; LineTooLong once a line passes the limit."""
        if b"\n" not in piece:
            self._rest += piece
            self._check(len(self._rest))
            return []
        lines = piece.split(b"\n")
        first = bytes(self._rest + lines[0])
        self._rest = bytearray(lines[-1])
        whole = [first, *map(bytes, lines[1:-1])]
        for line in whole:
            self._check(len(line))
        self._check(len(self._rest))
        return whole

    @property
    def rest(self) -> bytes:
        """What came after the last line end."""
        return bytes(self._rest)

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise LineTooLong(self._limit)
