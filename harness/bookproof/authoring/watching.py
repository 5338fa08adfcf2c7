"""Waits for files to change: by looking at them now and then."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import trio

#: Seconds between two looks.
INTERVAL = 0.3

Stamp = tuple[int, int, int] | None
"""Time of change, size and inode; None: there is no such file."""


def stamps(paths: Sequence[str]) -> dict[str, Stamp]:
    """What the files are like now."""
    return {path: _stamp(path) for path in paths}


async def changed(before: Mapping[str, Stamp], interval: float = INTERVAL) -> dict[str, Stamp]:
    """Wait until one of the files is there and another than before; returns the new stamps of all. A file that is only
    gone is waited for: many editors replace a file when they save it."""
    while True:
        await trio.sleep(interval)
        now = stamps(list(before))
        if any(stamp is not None and stamp != before[path] for path, stamp in now.items()):
            return now


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
