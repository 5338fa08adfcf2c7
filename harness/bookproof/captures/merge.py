"""Several files as one recording: in the order of their times, with connections that go on from file to file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Recording, Said
from bookproof_exchange.market import Instrument

Entry = Opened | Said | Closed | Fetched
Format = Literal["bookproof", "tardis", "cryptofeed"]


def merged(parts: Sequence[tuple[str, Format, Recording]]) -> Recording:
    """One recording of the parts: path, kind and content of each.

    tardis.dev cuts one stream into files by the minute, and cryptofeed begins another file (``NAME.0``, ``NAME.1`` …) when
    one is large: there the first connection of a file is the last one of the file before, if that had not ended."""
    if len(parts) == 1:
        return parts[0][2]
    going_on: dict[str, int] = {}
    """By series of files: the connection that had not ended."""
    entries: list[Entry] = []
    used = 0
    for path, kind, recording in sorted(parts, key=lambda part: part[2].entries[0].at):
        series = _series(path, kind)
        numbers: dict[int, int] = {}
        for entry in recording.entries:
            if not isinstance(entry, Fetched):
                if entry.connection not in numbers:
                    before = None if numbers or isinstance(entry, Opened) else going_on.get(series)
                    used += before is None
                    numbers[entry.connection] = used if before is None else before
                number = numbers[entry.connection]
                entry = msgspec.structs.replace(entry, connection=number)
                going_on[series] = number
                if isinstance(entry, Closed):
                    del going_on[series]
            entries.append(entry)
    entries.sort(key=lambda entry: entry.at)
    return Recording(
        entries=tuple(entries),
        dialect=next((recording.dialect for _, _, recording in parts if recording.dialect), None),
        instruments=_instruments(recording for _, _, recording in parts),
        depths={symbol: depth for _, _, recording in parts for symbol, depth in recording.depths.items()},
    )


def _series(path: str, kind: Format) -> str:
    match kind:
        case "tardis":
            return "tardis"
        case "cryptofeed":
            return path.rpartition(".")[0]
        case "bookproof":
            return path


def _instruments(recordings: Iterable[Recording]) -> tuple[Instrument, ...]:
    return tuple({each.symbol: each for recording in recordings for each in recording.instruments}.values())
