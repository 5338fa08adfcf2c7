"""Recordings by their path, each read once: the only part here that touches files."""

from __future__ import annotations

import functools
import gzip
import zlib
from collections.abc import Generator
from pathlib import Path

from bookproof_exchange.capture import choose, rebuild
from bookproof_exchange.capture import recording as recordings
from bookproof_exchange.capture.stage import Recorded
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError, Where

_GZIP = b"\x1f\x8b"


def recorded(path: str) -> Recorded:
    """What a scenario's recording replays. UsageError, with file and line, where it cannot be used."""
    file = Path(path)
    try:
        status = file.stat()
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}",
            hint="a scenario with `capture` needs the recording beside it",
            where=Where(path),
        ) from None
    return _recorded(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _recorded(path: str, changed: int, size: int) -> Recorded:
    recording = recordings.read(lines(path), path)
    if recording.dialect is None or not recording.instruments:
        raise UsageError(
            "expected `dialect` and `instruments` in its first line, found a recording that was not imported",
            hint="`bookproof scenario import` makes a scenario and such a file of it",
            where=Where(path, 1),
        )
    dialect = DIALECTS.get(recording.dialect)
    symbols = [instrument.symbol for instrument in recording.instruments]
    rebuilt = rebuild.rebuild(recording, dialect, symbols)
    return choose.recorded(recording, dialect, choose.choose(rebuilt, path), path)


def lines(path: str) -> Generator[bytes, None, None]:
    """The lines of a file, gzip or not, without their newlines. UsageError where it cannot be read to its end."""
    number = 0
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            file = gzip.GzipFile(fileobj=raw) if packed else raw
            while line := file.readline(recordings.LONGEST_LINE + 1):
                number += 1
                if len(line) > recordings.LONGEST_LINE:
                    raise UsageError(
                        f"expected a line of at most {recordings.LONGEST_LINE >> 20} MiB, found a longer one",
                        hint="one message a line",
                        where=Where(path, number),
                    )
                yield line.rstrip(b"\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(
            f"expected whole gzip data, found its end or damage after line {number}: {error}",
            hint="fetch or copy the file again; `gzip -t` tests it",
            where=Where(path, number + 1),
        ) from None
    except IsADirectoryError:
        raise UsageError("expected a file, found a folder", where=Where(path)) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", where=Where(path)) from None
