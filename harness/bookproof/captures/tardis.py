"""Raw files as tardis.dev serves and caches them: ``<local time> <message>`` a line, an empty line where the recorder was
disconnected.

https://github.com/tardis-dev/tardis-node/blob/master/src/replay.ts (2026): the time is RFC 3339 with seven digits, 28
characters. For Binance the recorder fetched REST snapshots and put them into the stream as messages of its own,
``{"stream":"btcusdt@depthSnapshot","generated":true,"data":{…}}``, with 1,000 levels a side
(src/realtimefeeds/binance.ts).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bookproof_exchange.capture.recording import (
    Closed,
    Fetched,
    Opened,
    Place,
    Recording,
    Said,
    micros,
    problem,
    short,
)
from bookproof_exchange.dialects.api import Dialect, Frame, HttpAnswer


class _Generated(msgspec.Struct, frozen=True):
    stream: str
    data: msgspec.Raw


_MARK = b'"generated":true'


def read(lines: Iterable[bytes], name: str, dialect: Dialect) -> Recording:
    """The recording in a file. UsageError, with file and line."""
    entries: list[Opened | Said | Closed | Fetched] = []
    connection, newest, disconnected = 1, 0, False
    for number, line in enumerate(lines, 1):
        place = Place(name, number)
        if not line:
            if entries and not disconnected:
                entries.append(Closed(at=newest, place=place, connection=connection, by="venue"))
                connection, disconnected = connection + 1, True
            continue
        disconnected = False
        stamp, _, message = line.partition(b" ")
        try:
            newest = micros(stamp.decode())
        except (ValueError, UnicodeDecodeError):
            what = f"expected a time such as 2026-06-01T00:03:03.1238784Z and a message, found {short(line)}"
            raise problem(place, what) from None
        if not message.startswith((b"{", b"[")):
            raise problem(place, f"expected a JSON message after the time, found {short(message)}")
        if dialect.name == "mexc-v3" and b'"channel"' in message[:200]:
            raise problem(
                place,
                "expected the bytes that MEXC sent, found a message that was decoded to JSON",
                "what was on the wire is lost there: record it with `bookproof record`",
            )
        if _MARK in message[:200]:
            fetched = _snapshot(message, newest, place, dialect)
            if fetched is not None:
                entries.append(fetched)
            continue
        entries.append(Said(at=newest, place=place, connection=connection, by="venue", frame=Frame(message)))
    return Recording(entries=tuple(entries))


def _snapshot(message: bytes, at: int, place: Place, dialect: Dialect) -> Fetched | None:
    """A REST snapshot that was put into the stream, as the request and the answer that it was; None: something else."""
    try:
        generated = msgspec.json.decode(message, type=_Generated)
    except msgspec.DecodeError:
        return None
    symbol, _, stream = generated.stream.partition("@")
    request = dialect.ideal.snapshot_request(symbol.upper(), None)
    if stream != "depthSnapshot" or request is None:
        return None
    return Fetched(at=at, place=place, request=request, answer=HttpAnswer(status=200, body=bytes(generated.data)))
