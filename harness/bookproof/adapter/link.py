"""The adapter's end of the pipes: lines in, lines out by one writer, and nothing else on that stream."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import threading
import time
from typing import Any, NoReturn

MAX_LINE = 16 * 1024 * 1024

EXIT_USAGE = 64
"""The adapter class cannot be found or is not one."""
EXIT_PROTOCOL = 65
"""The harness's line was not understood."""
EXIT_ADAPTER = 70
"""The author's code raised."""
EXIT_TERMINATED = 128 + 15

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class WrongLine(Exception):
    """A line of the harness that the protocol does not allow."""


class Link:
    """Takes stdin and stdout for the protocol; from then on the client's own prints go to stderr, and it reads nothing.

    ``show`` may be called from any thread.
    """

    def __init__(self) -> None:
        self._out = os.dup(1)
        self.fd = os.dup(0)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(line_buffering=True, errors="backslashreplace")
        if not stat.S_ISFIFO(os.fstat(self.fd).st_mode):
            self.fd = _pumped(self.fd)
        self._lock = threading.Lock()
        self._case: str | None = None
        self._count = 0
        self._last: dict[tuple[str, str], dict[str, Any]] = {}
        self._rest = bytearray()

    # In.

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The messages that ``piece`` completes; WrongLine says what is wrong."""
        self._rest += piece
        if b"\n" not in piece:
            self._check_length(len(self._rest))
            return []
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        self._check_length(max(map(len, lines)), len(rest))
        return [_message(bytes(line)) for line in lines]

    @staticmethod
    def _check_length(*lengths: int) -> None:
        if max(lengths) > MAX_LINE:
            raise WrongLine(f"a line is longer than {MAX_LINE} bytes")

    # Out.

    def say(self, message: dict[str, Any]) -> None:
        """One line of the conversation itself."""
        with self._lock:
            self._write(message)

    def begin_case(self, case: str) -> None:
        with self._lock:
            self._case = case
            self._last.clear()

    def end_case(self, message: dict[str, Any]) -> None:
        """The case's last line: what a client's thread shows later is dropped."""
        with self._lock:
            self._case = None
            self._write(message)

    def show(self, case: str, message: dict[str, Any]) -> None:
        """Something shown in ``case``; dropped if that case has ended."""
        with self._lock:
            if self._case == case:
                self._count += 1
                kind = message["type"]
                if kind in _STATES:
                    self._last[kind, message["symbol"]] = message
                self._write({**message, "case": case})

    @property
    def count(self) -> int:
        """How many things were shown so far."""
        return self._count

    def answer(self, case: str, read: int, message: dict[str, Any], count: int | None) -> bool:
        """Answers a read; False, and nothing said, if something was shown since ``count``: the state may be older."""
        with self._lock:
            if count is not None and count != self._count:
                return False
            self._write({**message, "case": case, "read": read})
            return True

    def answer_last(self, case: str, read: int, symbol: str, channel: str) -> bool:
        """Answers a read with the state last shown; False if there was none."""
        with self._lock:
            message = self._last.get((channel, symbol))
            if message is None:
                return False
            self._write({**message, "case": case, "read": read})
            return True

    def _write(self, message: dict[str, Any]) -> None:
        message["t"] = time.monotonic_ns()
        data = memoryview(_encode(message).encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except BrokenPipeError:
            leave(0)  # the harness is gone: there is nobody to tell


_STATES = frozenset(("book", "ticker", "balance"))


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WrongLine(f"not JSON: {line[:80]!r} ({error})") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise WrongLine(f"not an object with a 'type': {line[:80]!r}")
    return message


def _pumped(source: int) -> int:
    """A pipe with what comes from ``source``: a file or a terminal cannot be waited for as a pipe can."""
    reading, writing = os.pipe()

    def pump() -> None:
        try:
            while piece := os.read(source, 65_536):
                os.write(writing, piece)
        except OSError:
            pass
        os.close(writing)

    threading.Thread(target=pump, name="bookproof: reads stdin", daemon=True).start()
    return reading


def complain(problem: str) -> None:
    """Tell the person who reads the log."""
    sys.stderr.write(f"bookproof adapter: {problem}\n")
    sys.stderr.flush()


def leave(status: int) -> NoReturn:
    """End the process now, whatever threads the client still has."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def crash(where: str, error: BaseException) -> NoReturn:
    """The author's code raised: the whole traceback to the log, the short of it last, and the end."""
    import traceback  # here: it takes a tenth of the start-up

    traceback.print_exception(error)
    complain(f"{where} raised {type(error).__name__}: {error}")
    leave(EXIT_ADAPTER)
