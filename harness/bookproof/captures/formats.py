"""The kinds of recordings that can be read, told apart by their first line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from bookproof.captures import cryptofeed, tardis
from bookproof.captures.merge import Format, merged
from bookproof_exchange.capture import recording as recordings
from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Place, Recording, Said, problem, short
from bookproof_exchange.capture.store import lines
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, Where

#: Clocks are set while they run; what goes back further than this (µs) was put together wrongly.
_BACKWARDS: Final = 1_000_000


class Reader(Protocol):
    """Reads the lines of one kind of file."""

    def __call__(self, lines: Iterable[bytes], name: str, dialect: Dialect) -> Recording: ...


def _own(lines: Iterable[bytes], name: str, dialect: Dialect) -> Recording:
    found = recordings.read(lines, name)
    if found.dialect not in (None, dialect.name):
        raise problem(
            Place(name, 1),
            f"expected a recording of {dialect.name}, found one of {found.dialect}",
            f"--dialect {found.dialect}",
        )
    return found


READERS: Mapping[Format, Reader] = {"bookproof": _own, "tardis": tardis.read, "cryptofeed": cryptofeed.read}

_FIRST: Mapping[Format, re.Pattern[bytes]] = {
    "bookproof": re.compile(rb'\s*\{.*"kind"\s*:\s*"'),
    "tardis": re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z "),
    "cryptofeed": re.compile(rb"configuration: |(wss?|https?)://\S+ (<->|<-|->) \d|\d+(\.\d+)?: "),
}


def read(paths: Sequence[str], dialect: Dialect, kind: Format | None = None) -> Recording:
    """One recording of all files, in the order of their times. ``kind`` None: what the first line of each looks like.
    UsageError, with file and line."""
    return merged([_read(path, dialect, kind) for path in paths])


def stated_dialect(paths: Sequence[str]) -> str | None:
    """What the first line of Bookproof's own recordings says of their dialect; None: nothing. UsageError where a file cannot
    be read."""
    for path in paths:
        first = _first(path)
        if first is not None and _FIRST["bookproof"].match(first):
            try:
                head = msgspec.json.decode(first, type=recordings.HeadLine)
            except msgspec.DecodeError:
                continue  # what is wrong with it is told when it is read
            if head.dialect is not None:
                return head.dialect
    return None


def _first(path: str) -> bytes | None:
    """The first line that is not empty."""
    with contextlib.closing(lines(path)) as content:
        return next((line for line in content if line.strip()), None)


def _read(path: str, dialect: Dialect, kind: Format | None) -> tuple[str, Format, Recording]:
    first = _first(path)
    if first is None:
        raise UsageError("expected a recording, found an empty file", where=Where(path))
    if kind is None:
        kind = next((each for each, pattern in _FIRST.items() if pattern.match(first)), None)
    if kind is None:
        raise problem(
            Place(path, 1),
            f"expected a recording (bookproof, tardis or cryptofeed), found {short(first)}",
            "docs/captures.md shows the first lines of each",
        )
    found = READERS[kind](lines(path), path, dialect)
    if not found.entries:
        raise UsageError("expected messages after the first line, found none", where=Where(path))
    return path, kind, _ordered(found)


def _ordered(recording: Recording) -> Recording:
    """With times that never go back. UsageError where they go back far."""
    newest = 0
    entries: list[Opened | Said | Closed | Fetched] = []
    for entry in recording.entries:
        if entry.at < newest - _BACKWARDS:
            raise problem(
                entry.place,
                f"expected a time from {recordings.timestamp(newest)} on, found {recordings.timestamp(entry.at)}",
                "a recording is in the order in which it happened: sort its lines by time",
            )
        newest = max(newest, entry.at)
        entries.append(entry if entry.at == newest else msgspec.structs.replace(entry, at=newest))
    return msgspec.structs.replace(recording, entries=tuple(entries))
