"""The one boundary: how the harness drives a client, whatever the transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from bookproof_exchange.evidence import Claim, Row


class ClientInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter declares in its ``hello``."""

    name: str
    version: str = ""
    language: str = ""
    dialects: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("book",)
    push: bool = False
    claims: bool = False
    numbers: Literal["string", "float"] = "string"
    atomic_read: bool = True
    sorted_by_adapter: bool = False
    isolation: Literal["case", "process"] = "case"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the driver protocol's ``start``."""

    case: str
    dialect: str
    ws_url: str
    rest_url: str
    endpoints: Mapping[str, str]
    symbols: tuple[str, ...]
    market_type: str = "spot"
    channels: tuple[str, ...] = ("book",)
    depth: int | None = None
    tls_ca: str | None = None
    credentials: Mapping[str, str] | None = None
    time_base: int = 0
    options: Mapping[str, Any] = {}


class Started(msgspec.Struct, frozen=True, kw_only=True):
    depth_shown: int | None = None


class Unsupported(msgspec.Struct, frozen=True, kw_only=True):
    reason: str


# What the adapter says on its own, in order; the sink gets these as soon as a line was read.


class BookShown(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    claim: Claim
    bids: tuple[Row, ...]
    asks: tuple[Row, ...]
    version: int | str | None = None
    read: int | None = None


class TradeShown(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    price: str
    size: str
    side: str | None = None
    trade_id: str | None = None


class TickerShown(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one instrument, and the greeks of an option: ``values`` by name (``bid``, ``mark``, ``delta`` …)."""

    symbol: str
    values: Mapping[str, str]
    version: int | str | None = None
    read: int | None = None


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the client has it now. ``pending``: shown before the exchange said so (an optimistic state)."""

    symbol: str
    order_id: str
    status: Literal["pending", "open", "partially_filled", "filled", "cancelled", "rejected", "expired"]
    side: Literal["buy", "sell"] | None = None
    price: str | None = None
    size: str | None = None
    filled: str | None = None
    client_id: str | None = None


class FillShown(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an order of the client's own."""

    symbol: str
    order_id: str
    price: str
    size: str
    side: Literal["buy", "sell"] | None = None
    trade_id: str | None = None
    fee: str | None = None
    fee_asset: str | None = None


class BalanceShown(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of one asset; ``symbol`` is the asset."""

    symbol: str
    total: str
    available: str | None = None
    version: int | str | None = None
    read: int | None = None


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["error", "warning", "resync", "disconnected", "reconnected"]
    message: str
    symbol: str | None = None
    channel: str | None = None
    exception: str | None = None
    fatal: bool = False


Shown = BookShown | TradeShown | TickerShown | OrderShown | FillShown | BalanceShown | EventShown
StateShown = BookShown | TickerShown | BalanceShown
"""What can answer a ``read``."""
Sink = Callable[[Shown], None]


class ClientHung(Exception):
    """No answer to ``what`` within its limit. The driver has already ended the process group."""

    def __init__(self, what: str, limit: float, stderr: tuple[str, ...] = ()) -> None:
        super().__init__(f"no answer to {what!r} within {limit:g} s")
        self.what = what
        self.limit = limit
        self.stderr = stderr


class ClientCrashed(Exception):
    """The process ended in the middle. ``how``: "exit status 1", "signal SIGSEGV"."""

    def __init__(self, how: str, stderr: tuple[str, ...] = ()) -> None:
        super().__init__(f"the client ended: {how}")
        self.how = how
        self.stderr = stderr


class Driver(Protocol):
    """One client process (or its in-memory twin). Serves many cases, one after the other.

    Any method may raise ClientHung, ClientCrashed or AdapterError; afterwards the driver is dead (``alive`` False) and
    the next case needs a new one. Between calls a crash is reported by the next call; ``watch`` reports it at once.
    """

    @property
    def info(self) -> ClientInfo: ...

    @property
    def alive(self) -> bool: ...

    async def start(self, start: Start, sink: Sink) -> Started | Unsupported:
        """Start a fresh client. From here on the sink gets what the adapter says, also ``read`` answers."""
        ...

    async def read(self, symbol: str, channel: str = "book") -> BookShown:
        """The client's present state. It also went through the sink, before this returns."""
        ...

    async def stop(self) -> None:
        """Stop the client of this case; after this the sink gets nothing more."""
        ...

    async def close(self) -> None:
        """End the process (``bye``, terminate, kill). Never raises for the client's fault; leaves no orphan."""
        ...

    async def watch(self) -> None:
        """Returns never; raises ClientCrashed or AdapterError as soon as the process dies or breaks the protocol."""
        ...

    def log(self) -> tuple[str, ...]:
        """The last lines of the client's stderr in this case."""
        ...


class DriverFactory(Protocol):
    """Makes drivers of one client; says hello to each."""

    async def __call__(self) -> Driver: ...
