"""The recording format: what a client and a venue said to each other, line by line, with times.

JSON lines, gzip allowed, one object a line; ``kind`` says what it is. The first line is the ``recording`` itself, every
other one happened at ``at`` (RFC 3339, UTC, up to microseconds). See docs/captures.md and schemas/recording.v1.json.
Pure: lines in, entries out. Errors are UsageErrors with file and line.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.errors import UsageError, Where
from bookproof_exchange.market import Instrument

VERSION: Final = 1
#: No venue sends lines like this: a snapshot of 5,000 levels a side takes less than half a megabyte.
LONGEST_LINE: Final = 64 << 20

Who = Literal["client", "venue"]


class Place(NamedTuple):
    """Where something stands: file and line, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def problem(place: Place, message: str, hint: str | None = None) -> UsageError:
    """An error in a recording."""
    return UsageError(message, hint=hint, where=Where(place.file, place.line))


# --- what is in a recording -------------------------------------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The base of what happened. ``at``: µs since the epoch, of whoever recorded."""

    at: int
    place: Place


class Opened(Entry, frozen=True, kw_only=True):
    """A WebSocket connection was made. ``url``: as far as it is known."""

    connection: int
    url: str


class Said(Entry, frozen=True, kw_only=True):
    """A data frame, decompressed and in one piece."""

    connection: int
    by: Who
    frame: Frame


class Closed(Entry, frozen=True, kw_only=True):
    """A WebSocket connection ended. ``code``: of the close frame; None: there was none."""

    connection: int
    by: Who
    code: int | None = None
    reason: str = ""


class Fetched(Entry, frozen=True, kw_only=True):
    """An HTTP exchange; ``at`` is when the answer came. ``answer`` None: none came."""

    request: HttpRequest
    answer: HttpAnswer | None


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A whole recording, in the order of its times."""

    entries: tuple[Opened | Said | Closed | Fetched, ...]
    dialect: str | None = None
    """What the venue speaks, where the recording says so."""
    instruments: tuple[Instrument, ...] = ()
    """Its instruments, where the recording says them."""
    depths: Mapping[str, int] = {}
    """By symbol: levels a side that the recorded feed keeps, where there is a limit and the recording says it."""


# --- the lines of a file ----------------------------------------------------------------------------------------------


class _Line(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", omit_defaults=True
):
    """One line."""


class HeadLine(_Line, frozen=True, kw_only=True, tag="recording"):
    """The first line. ``source``: in words, where the recording comes from. What an import adds: the symbols'
    ``instruments``, and to how many levels a side their feeds are cut (``depths``)."""

    version: int
    dialect: str | None = None
    source: str | None = None
    instruments: tuple[Instrument, ...] = ()
    depths: dict[str, int] = {}


class OpenLine(_Line, frozen=True, kw_only=True, tag="open"):
    """A WebSocket connection was made; connections are numbered."""

    at: str
    connection: int = 1
    url: str = ""


class MessageLine(_Line, frozen=True, kw_only=True, tag="message"):
    """One message: its ``text``, or a binary one as ``base64``. Who said it: ``from``."""

    at: str
    connection: int = 1
    by: Who = msgspec.field(default="venue", name="from")
    text: str | None = None
    base64: str | None = None


class CloseLine(_Line, frozen=True, kw_only=True, tag="close"):
    """A WebSocket connection ended."""

    at: str
    connection: int = 1
    by: Who = msgspec.field(default="venue", name="from")
    code: int | None = None
    reason: str = ""


class HttpLine(_Line, frozen=True, kw_only=True, tag="http"):
    """A request and its answer (``status`` null: none came); ``at`` is when the answer came. ``url``: from the path on, or
    whole. The body is ``text``, or ``base64`` where it is not UTF-8."""

    at: str
    method: str = "GET"
    url: str
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    base64: str | None = None


Line = HeadLine | OpenLine | MessageLine | CloseLine | HttpLine

_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICRO = datetime.timedelta(microseconds=1)


def encode(line: Line) -> bytes:
    """A line as it stands in a file, with its newline."""
    return _ENCODER.encode(line) + b"\n"


def timestamp(at: int) -> str:
    """µs since the epoch as ``2026-08-26T11:55:56.663054Z``."""
    return (_EPOCH + at * _MICRO).isoformat(timespec="microseconds").replace("+00:00", "Z")


def micros(text: str) -> int:
    """RFC 3339 (anything finer than µs is cut) as µs since the epoch; ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return (moment - _EPOCH) // _MICRO


def request_of(method: str, url: str, place: Place) -> HttpRequest:
    """The request to a URL (or to what follows the host in it)."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise problem(place, f"expected a URL, found {url[:60]!r}: {error}") from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method=method, path=parts.path or "/", query=query)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(lines: Iterable[bytes], name: str) -> Recording:
    """The recording in the lines of a file called ``name``."""
    head: HeadLine | None = None
    entries: list[Opened | Said | Closed | Fetched] = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        place = Place(name, number)
        line = _line(raw, place)
        if isinstance(line, HeadLine):
            if head is not None:
                raise problem(place, "expected what happened next, found a second first line", "one recording a file")
            if line.version != VERSION:
                raise problem(place, f"expected version {VERSION} of the format, found {line.version}")
            head = line
            continue
        if head is None:
            raise problem(
                place,
                'expected the first line of a recording, {"kind":"recording","version":1}',
                "is it another format?",
            )
        entries.append(_entry(line, place))
    if head is None:
        raise UsageError("expected a recording, found nothing", where=Where(name))
    return Recording(entries=tuple(entries), dialect=head.dialect, instruments=head.instruments, depths=head.depths)


def _line(raw: bytes, place: Place) -> Line:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise problem(place, f"expected a line of a recording: {error}", "docs/captures.md shows every kind") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise problem(place, f"expected one JSON object, found {short(raw)}: {error}") from None


def _entry(line: OpenLine | MessageLine | CloseLine | HttpLine, place: Place) -> Opened | Said | Closed | Fetched:
    try:
        at = micros(line.at)
    except (ValueError, OverflowError):
        raise problem(place, f"expected a time such as 2026-08-26T11:55:56.663054Z, found {line.at[:60]!r}") from None
    match line:
        case OpenLine():
            request_of("GET", line.url, place)
            return Opened(at=at, place=place, connection=line.connection, url=line.url)
        case MessageLine():
            frame = Frame(_payload(line.text, line.base64, place), line.base64 is not None)
            return Said(at=at, place=place, connection=line.connection, by=line.by, frame=frame)
        case CloseLine():
            return Closed(
                at=at, place=place, connection=line.connection, by=line.by, code=line.code, reason=line.reason
            )
        case HttpLine():
            answer = None
            if line.status is not None:
                body = b"" if line.text is None and line.base64 is None else _payload(line.text, line.base64, place)
                answer = HttpAnswer(status=line.status, body=body, headers=line.headers)
            return Fetched(at=at, place=place, request=request_of(line.method, line.url, place), answer=answer)


def _payload(text: str | None, encoded: str | None, place: Place) -> bytes:
    if (text is None) == (encoded is None):
        raise problem(place, f"expected `text` or `base64`, found {'neither' if text is None else 'both'}")
    if encoded is None:
        assert text is not None
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise problem(place, f"expected base64: {error}") from None


def short(raw: bytes, most: int = 40) -> str:
    """The beginning of something, for a message."""
    text = raw[: 4 * most].decode("utf-8", "replace").strip()
    return repr(text if len(text) <= most else text[: most - 1] + "…")


# --- writing ----------------------------------------------------------------------------------------------------------


def write(recording: Recording, *, source: str | None = None) -> Iterator[bytes]:
    """The lines of a file that `read` makes the same recording of (but for places)."""
    yield encode(
        HeadLine(
            version=VERSION,
            dialect=recording.dialect,
            source=source,
            instruments=recording.instruments,
            depths=dict(recording.depths),
        )
    )
    for entry in recording.entries:
        yield encode(line_of(entry))


def line_of(entry: Opened | Said | Closed | Fetched) -> Line:
    """An entry as a line."""
    at = timestamp(entry.at)
    match entry:
        case Opened():
            return OpenLine(at=at, connection=entry.connection, url=entry.url)
        case Said(frame=frame):
            text, encoded = _texts(frame.payload, binary=frame.binary)
            return MessageLine(at=at, connection=entry.connection, by=entry.by, text=text, base64=encoded)
        case Closed():
            return CloseLine(at=at, connection=entry.connection, by=entry.by, code=entry.code, reason=entry.reason)
        case Fetched(request=request, answer=answer):
            url = request.path + ("?" + urlencode(request.query) if request.query else "")
            if answer is None:
                return HttpLine(at=at, method=request.method, url=url, status=None)
            text, encoded = _texts(answer.body, binary=False)
            return HttpLine(
                at=at,
                method=request.method,
                url=url,
                status=answer.status,
                headers=answer.headers,
                text=text,
                base64=encoded,
            )


def _texts(payload: bytes, *, binary: bool) -> tuple[str | None, str | None]:
    if not binary:
        try:
            return payload.decode(), None
        except UnicodeDecodeError:
            pass
    return None, base64.b64encode(payload).decode()
