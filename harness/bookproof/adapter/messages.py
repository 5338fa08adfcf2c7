"""What an adapter is asked, and what it shows, as plain tuples; and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:  # modules that an adapter may never need are imported where they are: it should start at once
    from decimal import Decimal

Number: TypeAlias = "str | int | float | Decimal"
"""A price or a size, as the client holds it. A client that declares ``numbers = "string"`` may not give floats."""


class Start(NamedTuple):
    """What the harness wants of a fresh client. URLs are complete; ``symbols`` are the venue's own spelling."""

    case: str
    dialect: str
    ws_url: str
    rest_url: str
    endpoints: Mapping[str, str] = {}
    symbols: Sequence[str] = ()
    market_type: str = "spot"
    channels: Sequence[str] = ("book",)
    depth: int | None = None
    """None: the dialect's default."""
    tls_ca: str | None = None
    """Path of a PEM file; None: plain."""
    credentials: Mapping[str, str] | None = None
    time_base: int = 0
    """The exchange's clock at the start, in ms since the epoch."""
    options: Mapping[str, Any] = {}


class Book(NamedTuple):
    """An order book, best first; a row is (price, size), or (price, size, order id) for a book of single orders.

    ``claim``: ``live``, ``stale``, ``syncing``, or ``none`` (there is no book). A client that cannot say gives ``live``
    whenever it has a book. ``version``: the venue's sequence number, where the client knows it.
    """

    symbol: str
    bids: Iterable[Sequence[Number]] = ()
    asks: Iterable[Sequence[Number]] = ()
    claim: str = "live"
    version: int | str | None = None


class Trade(NamedTuple):
    symbol: str
    price: Number
    size: Number
    side: str | None = None
    trade_id: int | str | None = None


class Ticker(NamedTuple):
    symbol: str
    values: Mapping[str, Number]
    version: int | str | None = None


class Order(NamedTuple):
    symbol: str
    order_id: int | str
    status: str
    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    filled: Number | None = None
    client_id: int | str | None = None


class Fill(NamedTuple):
    symbol: str
    order_id: int | str
    price: Number
    size: Number
    side: str | None = None
    trade_id: int | str | None = None
    fee: Number | None = None
    fee_asset: str | None = None


class Balance(NamedTuple):
    symbol: str
    """The asset."""
    total: Number
    available: Number | None = None
    version: int | str | None = None


State = Book | Ticker | Balance
Shown = Book | Trade | Ticker | Order | Fill | Balance

_TYPES = {Book: "book", Trade: "trade", Ticker: "ticker", Order: "order", Fill: "fill", Balance: "balance"}
_NUMBERS = frozenset(("price", "size", "filled", "fee", "total", "available"))


def to_message(shown: Shown, floats: bool) -> dict[str, Any]:
    """The protocol's fields; TypeError or ValueError, with advice, for what cannot be shown."""
    kind = _TYPES.get(type(shown))
    if kind is None:
        raise TypeError(f"expected a Book, Trade, Ticker, Order, Fill or Balance, got {shown!r:.80}")
    message: dict[str, Any] = {"type": kind}
    value: Any
    for name, value in zip(shown._fields, shown, strict=True):
        if value is None:
            continue
        if name == "bids" or name == "asks":
            value = _rows(name, value, floats)
        elif name in _NUMBERS:
            value = _number(name, value, floats)
        elif name == "values":
            value = {key: _number(key, number, floats) for key, number in value.items()}
        message[name] = value
    return message


def _rows(side: str, rows: Iterable[Sequence[Number]], floats: bool) -> list[list[Any]]:
    lines: list[list[Any]] = []
    for row in rows:
        line = [_number(side, row[0], floats), _number(side, row[1], floats)]
        if len(row) == 3:
            line.append(str(row[2]))
        elif len(row) != 2:
            raise ValueError(f"{side}: a row is (price, size) or (price, size, order id), got {row!r}")
        lines.append(line)
    return lines


def _number(what: str, value: Any, floats: bool) -> Any:
    if floats:
        if isinstance(value, str):
            raise TypeError(
                f'{what}: got the text {value!r} from a client with numbers = "float"; set numbers = "string"'
            )
        return float(value)
    if type(value) is str:
        return value
    from decimal import Decimal

    if isinstance(value, Decimal | str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, float):
        raise TypeError(
            f'{what}: got the float {value!r} from a client with numbers = "string";'
            ' set numbers = "float", for a float turned into a text is not what the client holds'
        )
    raise TypeError(f"{what}: expected a number or its text, got {value!r}")
