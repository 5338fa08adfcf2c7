"""Raw files as cryptofeed's ``AsyncFileCallback`` writes them.

https://github.com/bmoscon/cryptofeed/blob/master/cryptofeed/raw_data_collection.py: a line is one of

    configuration: {…}
    wss://… <-> 1633990000.123            connected
    wss://… <- 1633990000.123: …          sent by the client
    https://… -> 1633990000.123: …        an HTTP answer
    1633990000.123: …                     a message; bytes as Python writes them (b'…')

WebSocket connections and HTTP go to files of their own, which are read together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from decimal import Decimal

from bookproof_exchange.capture.recording import (
    Closed,
    Fetched,
    Opened,
    Place,
    Recording,
    Said,
    problem,
    request_of,
    short,
)
from bookproof_exchange.dialects.api import Dialect, Frame, HttpAnswer

_LINE = re.compile(
    rb"(?:(?P<url>(?:wss?|https?)://\S+) (?P<way><->|<-|->) )?(?P<at>\d{1,12}(?:\.\d{1,12})?)(?:: (?P<data>.*))?",
    re.DOTALL,
)


def read(lines: Iterable[bytes], name: str, dialect: Dialect) -> Recording:
    """The recording in a file. UsageError, with file and line."""
    entries: list[Opened | Said | Closed | Fetched] = []
    connection = 0
    for number, line in enumerate(lines, 1):
        place = Place(name, number)
        if not line or line.startswith(b"configuration: "):
            continue
        found = _LINE.fullmatch(line)
        if found is None or (found["data"] is None) != (found["way"] == b"<->"):
            what = "expected `time: message`, or `url`, an arrow and a time"
            raise problem(place, f"{what}, found {short(line)}", "is it one of cryptofeed's raw files?")
        data: bytes = found["data"] or b""
        at = int(Decimal(found["at"].decode()) * 1_000_000)
        url = (found["url"] or b"").decode("utf-8", "replace")
        request = request_of("GET", url, place)
        match found["way"]:
            case b"<->":
                if connection:
                    entries.append(Closed(at=at, place=place, connection=connection, by="venue"))
                connection += 1
                entries.append(Opened(at=at, place=place, connection=connection, url=url))
            case b"<-":
                frame = _frame(data, place)
                entries.append(Said(at=at, place=place, connection=max(1, connection), by="client", frame=frame))
            case b"->":
                answer = HttpAnswer(status=200, body=data)
                entries.append(Fetched(at=at, place=place, request=request, answer=answer))
            case _:
                frame = _frame(data, place)
                entries.append(Said(at=at, place=place, connection=max(1, connection), by="venue", frame=frame))
    return Recording(entries=tuple(entries))


def _frame(data: bytes, place: Place) -> Frame:
    """A message; bytes are written as Python writes them."""
    if not data.startswith((b"b'", b'b"')):
        return Frame(data)
    try:
        value = ast.literal_eval(data.decode())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, bytes):
        raise problem(place, f"expected bytes as Python writes them, found {short(data)}")
    return Frame(value, binary=True)
