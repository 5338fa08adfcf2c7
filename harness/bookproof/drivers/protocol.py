"""The driver protocol, version 1, as typed messages: one JSON object a line, both ways.

``schemas/driver/v1.json`` says the same for other languages; tests hold the two together. Decoding is strict about what
a field holds, silent about unknown fields, and every refusal names the line, the message and the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Generic, Literal, TypeVar, assert_never

import msgspec

from bookproof.drivers import api
from bookproof.drivers.explain import explain, quote
from bookproof_exchange.errors import AdapterError, did_you_mean
from bookproof_exchange.evidence import Claim, Row

PROTOCOL = 1
MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line, its end not counted."""

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
"""A decimal text. The exponent is bounded, so that no text of ten bytes stands for a gigabyte of digits."""

_ONE_NUMBER = re.compile(NUMBER)

EventKind = Literal["error", "warning", "resync", "disconnected", "reconnected"]
TakerSide = Literal["buy", "sell"]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Depth = Annotated[int, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]

TextRow = Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=3)]
FloatRow = Annotated[tuple[float | str, ...], msgspec.Meta(min_length=2, max_length=3)]

MOST_ROWS = 50_000
"""So many rows are remembered, so that a row that comes again is checked and kept in memory once."""

N = TypeVar("N", str, float)
R = TypeVar("R", tuple[str, ...], tuple[float | str, ...])


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message of the adapter. ``t``: the adapter's monotonic clock, in ns."""

    t: int | None = None


class ClientName(msgspec.Struct, frozen=True, kw_only=True):
    name: Text
    version: str = ""
    language: str = ""


class HelloLine(_Line, frozen=True, kw_only=True, tag="hello"):
    protocol: int
    client: ClientName
    dialects: tuple[str, ...]
    channels: tuple[str, ...]
    push: bool
    claims: bool
    numbers: Literal["string", "float"]
    atomic_read: bool = True
    sorted_by_adapter: bool = False
    isolation: Literal["case", "process"] = "case"


class StartedLine(_Line, frozen=True, kw_only=True, tag="started"):
    case: str | None = None
    depth_shown: Depth | None = None


class UnsupportedLine(_Line, frozen=True, kw_only=True, tag="unsupported"):
    case: str | None = None
    reason: Text


class StoppedLine(_Line, frozen=True, kw_only=True, tag="stopped"):
    case: str


class BookLine(_Line, Generic[R], frozen=True, kw_only=True, tag="book"):
    case: str
    symbol: str
    claim: Claim
    bids: tuple[R, ...]
    asks: tuple[R, ...]
    version: int | str | None = None
    read: Natural | None = None


class TradeLine(_Line, Generic[N], frozen=True, kw_only=True, tag="trade"):
    case: str
    symbol: str
    price: N
    size: N
    side: TakerSide | None = None
    trade_id: int | str | None = None


class TickerLine(_Line, Generic[N], frozen=True, kw_only=True, tag="ticker"):
    case: str
    symbol: str
    values: dict[str, N]
    version: int | str | None = None
    read: Natural | None = None


class OrderLine(_Line, Generic[N], frozen=True, kw_only=True, tag="order"):
    case: str
    symbol: str
    order_id: int | str
    status: Literal["pending", "open", "partially_filled", "filled", "cancelled", "rejected", "expired"]
    side: TakerSide | None = None
    price: N | None = None
    size: N | None = None
    filled: N | None = None
    client_id: int | str | None = None


class FillLine(_Line, Generic[N], frozen=True, kw_only=True, tag="fill"):
    case: str
    symbol: str
    order_id: int | str
    price: N
    size: N
    side: TakerSide | None = None
    trade_id: int | str | None = None
    fee: N | None = None
    fee_asset: str | None = None


class BalanceLine(_Line, Generic[N], frozen=True, kw_only=True, tag="balance"):
    case: str
    symbol: str
    total: N
    available: N | None = None
    version: int | str | None = None
    read: Natural | None = None


class EventLine(_Line, frozen=True, kw_only=True, tag="event"):
    case: str
    kind: EventKind
    message: str
    symbol: str | None = None
    channel: str | None = None
    exception: str | None = None
    fatal: bool = False


_Simple = HelloLine | StartedLine | UnsupportedLine | StoppedLine | EventLine
TextLine = (
    _Simple | BookLine[TextRow] | TradeLine[str] | TickerLine[str] | OrderLine[str] | FillLine[str] | BalanceLine[str]
)
FloatLine = (
    _Simple
    | BookLine[FloatRow]
    | TradeLine[float]
    | TickerLine[float]
    | OrderLine[float]
    | FillLine[float]
    | BalanceLine[float]
)
ADAPTER_MESSAGES = (
    "hello", "started", "unsupported", "book", "trade", "ticker", "order", "fill", "balance", "event", "stopped",
)  # fmt: skip


class Says(msgspec.Struct, frozen=True):
    """A line decoded: the case it belongs to (None: it names none) and what it says."""

    case: str | None
    what: api.Started | api.Unsupported | Stopped | Greeting | api.Shown


class Stopped(msgspec.Struct, frozen=True):
    """The answer to ``stop``."""


class Greeting(msgspec.Struct, frozen=True):
    info: api.ClientInfo


class _Version(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    protocol: int


_VERSION = msgspec.json.Decoder(_Version)
_TEXT_LINES: msgspec.json.Decoder[TextLine] = msgspec.json.Decoder(TextLine)
_FLOAT_LINES: msgspec.json.Decoder[FloatLine] = msgspec.json.Decoder(FloatLine)


class LineDecoder:
    """Decodes the adapter's lines, one after the other, and counts them for the messages."""

    def __init__(self) -> None:
        self.lines = 0
        self._floats = False
        self._texts = _TextRows()
        self._numbers = _FloatRows()

    def expect(self, numbers: Literal["string", "float"]) -> None:
        """From here on numbers are of this kind, as the client's ``hello`` declared."""
        self._floats = numbers == "float"

    def decode(self, line: bytes | bytearray) -> Says:
        """AdapterError names the line's number, the field, and quotes the line."""
        self.lines += 1
        try:
            if self._floats:
                return _from_floats(_FLOAT_LINES.decode(line), self._numbers)
            return _from_texts(_TEXT_LINES.decode(line), self._texts)
        except _Bad as bad:
            raise self.error(f"{bad}", line) from None
        except RecursionError:
            raise self.error("nested too deeply", line) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # ValidationError is a DecodeError
            raise self._refused(line, error) from None

    def error(self, problem: str, line: bytes | bytearray | None = None, *, hint: str | None = None) -> AdapterError:
        """An AdapterError about the present line."""
        quoted = "" if line is None else f"; the line: {quote(line)}"
        return AdapterError(f"line {self.lines}: {problem}{quoted}", hint=hint)

    def _refused(self, line: bytes | bytearray, error: Exception) -> AdapterError:
        try:
            text = bytes(line).decode("utf-8")
        except UnicodeDecodeError as wrong:
            return self.error(f"not UTF-8: byte 0x{line[wrong.start]:02x} at offset {wrong.start}", line)
        if not text.strip():
            return self.error("expected a JSON object, got an empty line")
        try:
            value = msgspec.json.decode(text)
        except RecursionError:
            return self.error("nested too deeply", line)
        except msgspec.DecodeError as wrong:
            return self.error(
                f"expected a JSON object, got something that is not JSON ({wrong})",
                line,
                hint="only protocol messages may go to stdout; log to stderr",
            )
        if not isinstance(value, dict):
            return self.error(f"expected a JSON object, got {quote(line)}", hint="log to stderr, not to stdout")
        kind = value.get("type")
        if kind is None:
            return self.error("a message without its field 'type'", line)
        if kind not in ADAPTER_MESSAGES:
            hint = did_you_mean(kind, ADAPTER_MESSAGES) if isinstance(kind, str) else None
            return self.error(f"unknown message type {kind!r}", line, hint=hint)
        if kind == "hello":
            try:
                said = _VERSION.decode(line).protocol
            except msgspec.DecodeError:
                pass  # explained below, with the rest
            else:
                if said != PROTOCOL:
                    return self.error(f"hello.protocol: the adapter speaks version {said}, this harness {PROTOCOL}")
        return self.error(explain(kind, value, str(error), floats=self._floats), line)


class _Bad(Exception):
    """A message of the right shape with a wrong value."""


class _BadRow(Exception):
    """A row of the right shape with a wrong value."""

    def __init__(self, row: tuple[float | str, ...], column: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.column = column


def _hello(line: HelloLine) -> Says:
    if line.protocol != PROTOCOL:
        raise _Bad(f"hello.protocol: the adapter speaks version {line.protocol}, this harness {PROTOCOL}")
    return Says(
        None,
        Greeting(
            api.ClientInfo(
                name=line.client.name,
                version=line.client.version,
                language=line.client.language,
                dialects=line.dialects,
                channels=line.channels,
                push=line.push,
                claims=line.claims,
                numbers=line.numbers,
                atomic_read=line.atomic_read,
                sorted_by_adapter=line.sorted_by_adapter,
                isolation=line.isolation,
            )
        ),
    )


def _simple(line: _Simple) -> Says:
    match line:
        case EventLine():
            return Says(
                line.case,
                api.EventShown(
                    kind=line.kind,
                    message=line.message,
                    symbol=line.symbol,
                    channel=line.channel,
                    exception=line.exception,
                    fatal=line.fatal,
                ),
            )
        case StartedLine():
            return Says(line.case, api.Started(depth_shown=line.depth_shown))
        case StoppedLine():
            return Says(line.case, Stopped())
        case UnsupportedLine():
            return Says(line.case, api.Unsupported(reason=line.reason))
        case HelloLine():
            return _hello(line)
        case _:
            assert_never(line)


def _from_texts(line: TextLine, rows: _TextRows) -> Says:
    match line:
        case BookLine():
            bids, asks = rows.side("bids", line.bids), rows.side("asks", line.asks)
            return _book(line.case, line.symbol, line.claim, bids, asks, line.version, line.read)
        case TradeLine():
            what: api.Shown = api.TradeShown(
                symbol=line.symbol,
                price=_number("trade.price", line.price),
                size=_number("trade.size", line.size),
                side=line.side,
                trade_id=_name(line.trade_id),
            )
        case TickerLine():
            what = api.TickerShown(
                symbol=line.symbol,
                values={name: _number(f"ticker.values.{name}", text) for name, text in line.values.items()},
                version=line.version,
                read=line.read,
            )
        case OrderLine():
            what = api.OrderShown(
                symbol=line.symbol,
                order_id=str(line.order_id),
                status=line.status,
                side=line.side,
                price=_maybe("order.price", line.price),
                size=_maybe("order.size", line.size),
                filled=_maybe("order.filled", line.filled),
                client_id=_name(line.client_id),
            )
        case FillLine():
            what = api.FillShown(
                symbol=line.symbol,
                order_id=str(line.order_id),
                price=_number("fill.price", line.price),
                size=_number("fill.size", line.size),
                side=line.side,
                trade_id=_name(line.trade_id),
                fee=_maybe("fill.fee", line.fee),
                fee_asset=line.fee_asset,
            )
        case BalanceLine():
            what = api.BalanceShown(
                symbol=line.symbol,
                total=_number("balance.total", line.total),
                available=_maybe("balance.available", line.available),
                version=line.version,
                read=line.read,
            )
        case _:
            return _simple(line)
    return Says(line.case, what)


def _from_floats(line: FloatLine, rows: _FloatRows) -> Says:
    match line:
        case BookLine():
            bids, asks = rows.side("bids", line.bids), rows.side("asks", line.asks)
            return _book(line.case, line.symbol, line.claim, bids, asks, line.version, line.read)
        case TradeLine():
            what: api.Shown = api.TradeShown(
                symbol=line.symbol,
                price=repr(line.price),
                size=repr(line.size),
                side=line.side,
                trade_id=_name(line.trade_id),
            )
        case TickerLine():
            what = api.TickerShown(
                symbol=line.symbol,
                values={name: repr(value) for name, value in line.values.items()},
                version=line.version,
                read=line.read,
            )
        case OrderLine():
            what = api.OrderShown(
                symbol=line.symbol,
                order_id=str(line.order_id),
                status=line.status,
                side=line.side,
                price=_repr(line.price),
                size=_repr(line.size),
                filled=_repr(line.filled),
                client_id=_name(line.client_id),
            )
        case FillLine():
            what = api.FillShown(
                symbol=line.symbol,
                order_id=str(line.order_id),
                price=repr(line.price),
                size=repr(line.size),
                side=line.side,
                trade_id=_name(line.trade_id),
                fee=_repr(line.fee),
                fee_asset=line.fee_asset,
            )
        case BalanceLine():
            what = api.BalanceShown(
                symbol=line.symbol,
                total=repr(line.total),
                available=_repr(line.available),
                version=line.version,
                read=line.read,
            )
        case _:
            return _simple(line)
    return Says(line.case, what)


def _book(
    case: str,
    symbol: str,
    claim: Claim,
    bids: tuple[Row, ...],
    asks: tuple[Row, ...],
    version: int | str | None,
    read: int | None,
) -> Says:
    if claim == "none" and (bids or asks):
        raise _Bad("book.claim: 'none' says that there is no book, but the message holds rows")
    return Says(case, api.BookShown(symbol=symbol, claim=claim, bids=bids, asks=asks, version=version, read=read))


class _Rows(dict[R, Row]):
    """Rows as decoded -> checked, as evidence keeps them. Most of a book was in the one before: what comes again, a row or
    a whole side, is the same object, so that the checker, too, sees at a glance what changed."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, tuple[Row, ...]] = {}

    def side(self, side: str, rows: tuple[R, ...]) -> tuple[Row, ...]:
        """One side of a book; _Bad names the first row that is none."""
        if len(self) > MOST_ROWS:
            self.clear()
        try:
            checked = tuple(map(self.__getitem__, rows))
        except _BadRow as bad:
            raise _Bad(f"book.{side}[{rows.index(bad.row)}][{bad.column}]: {bad}") from None
        if checked == self._last.get(side):
            return self._last[side]
        self._last[side] = checked
        return checked


class _TextRows(_Rows[tuple[str, ...]]):
    def __missing__(self, row: tuple[str, ...]) -> Row:
        for column in (0, 1):
            if _ONE_NUMBER.fullmatch(row[column]) is None:
                raise _BadRow(row, column, _no_number(row[column]))
        self[row] = row
        return row


class _FloatRows(_Rows[tuple[float | str, ...]]):
    def __missing__(self, row: tuple[float | str, ...]) -> Row:
        price, size = row[0], row[1]
        if not isinstance(price, float) or not isinstance(size, float):
            column = 1 if isinstance(price, float) else 0
            raise _BadRow(
                row,
                column,
                f"expected a number (hello declared numbers: 'float'), got the text {row[column]!r}",
            )
        if len(row) == 2:
            texts: Row = (repr(price), repr(size))
        elif isinstance(row[2], str):
            texts = (repr(price), repr(size), row[2])
        else:
            raise _BadRow(row, 2, f"expected an order id as a text, got {row[2]!r}")
        if price and size:  # 0.0 equals -0.0, but they are not the same text
            self[row] = texts
        return texts


def _number(field: str, text: str) -> str:
    if _ONE_NUMBER.fullmatch(text) is None:
        raise _Bad(f"{field}: {_no_number(text)}")
    return text


def _no_number(text: str) -> str:
    return f"expected a decimal number as a text, got {text[:60]!r}"


def _maybe(field: str, text: str | None) -> str | None:
    return None if text is None else _number(field, text)


def _repr(value: float | None) -> str | None:
    return None if value is None else repr(value)


def _name(value: int | str | None) -> str | None:
    return None if value is None else str(value)


# Harness to adapter.


class HelloOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    protocol: int = PROTOCOL
    harness: str


class StartOut(api.Start, frozen=True, kw_only=True, tag_field="type", tag="start"):
    """The contract's Start, tagged."""


class ReadOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="read"):
    id: int
    symbol: str
    channel: str = "book"


class StopOut(msgspec.Struct, frozen=True, tag_field="type", tag="stop"):
    pass


class ByeOut(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    pass


HarnessLine = HelloOut | StartOut | ReadOut | StopOut | ByeOut
_HARNESS_LINES: msgspec.json.Decoder[HarnessLine] = msgspec.json.Decoder(HarnessLine)
_ENCODER = msgspec.json.Encoder()


def start_line(start: api.Start) -> StartOut:
    """The message of a Start."""
    return StartOut(**{name: getattr(start, name) for name in api.Start.__struct_fields__})


def encode(line: HarnessLine | TextLine | FloatLine) -> bytes:
    """One line, with its end."""
    return _ENCODER.encode(line) + b"\n"


def decode_harness(line: bytes | bytearray) -> HarnessLine:
    """What an adapter does with a line of the harness; msgspec.DecodeError if it is none."""
    return _HARNESS_LINES.decode(line)


def hello_line(info: api.ClientInfo) -> HelloLine:
    """The ``hello`` of an in-memory client."""
    return HelloLine(
        protocol=PROTOCOL,
        client=ClientName(name=info.name, version=info.version, language=info.language),
        dialects=info.dialects,
        channels=info.channels,
        push=info.push,
        claims=info.claims,
        numbers=info.numbers,
        atomic_read=info.atomic_read,
        sorted_by_adapter=info.sorted_by_adapter,
        isolation=info.isolation,
    )


_SHOWN_TYPES: Mapping[type, str] = {
    api.BookShown: "book",
    api.TradeShown: "trade",
    api.TickerShown: "ticker",
    api.OrderShown: "order",
    api.FillShown: "fill",
    api.BalanceShown: "balance",
    api.EventShown: "event",
}


def encode_shown(case: str, shown: api.Shown, *, read: int | None = None, floats: bool = False) -> bytes:
    """The adapter's line of something shown. ``floats``: its number texts go out as JSON numbers."""
    fields: dict[str, object] = {"type": _SHOWN_TYPES[type(shown)], "case": case}
    for name in shown.__struct_fields__:
        value = getattr(shown, name)
        if value is not None:
            fields[name] = value
    if read is not None:
        fields["read"] = read
    if floats:
        _to_floats(fields)
    return _ENCODER.encode(fields) + b"\n"


_NUMBER_FIELDS = ("price", "size", "filled", "fee", "total", "available")


def _to_floats(fields: dict[str, object]) -> None:
    for name in _NUMBER_FIELDS:
        value = fields.get(name)
        if isinstance(value, str):
            fields[name] = float(value)
    for side in ("bids", "asks"):
        rows = fields.get(side)
        if isinstance(rows, tuple):
            fields[side] = [(float(row[0]), float(row[1]), *row[2:]) for row in rows]
    values = fields.get("values")
    if isinstance(values, Mapping):
        fields["values"] = {name: float(text) for name, text in values.items()}
