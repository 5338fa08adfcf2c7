"""Standard output for reporters."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class Forgiving(io.TextIOBase):
    """Standard output that never fails: when nobody reads it any more (``| head``), what is written is dropped and the
    run goes on, for its reports and its exit status."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._gone = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._output.encoding

    def isatty(self) -> bool:
        return self._output.isatty()

    def fileno(self) -> int:
        return self._output.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                self._output.write(text)
            except (OSError, ValueError):  # ValueError: closed
                self._close()
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                self._output.flush()
            except (OSError, ValueError):
                self._close()

    def _close(self) -> None:
        self._gone = True
        # what is still buffered must not fail once more when the interpreter ends
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._output.fileno())
        except (OSError, ValueError):
            return


def standard_output() -> TextIO:
    """The present `sys.stdout`, forgiving."""
    return Forgiving(sys.stdout)  # type: ignore[return-value]
