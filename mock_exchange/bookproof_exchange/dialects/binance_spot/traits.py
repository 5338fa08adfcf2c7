"""Instruments, endpoints and limits of Binance Spot, and what the dialect can express.

Sources: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md and rest-api.md, read
2026-07-21. Ticks and lots are those of the venue's exchangeInfo in 2026; prices are of the right order of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Address, Hangup, Limit, Traits
from bookproof_exchange.market import Instrument

NAME = "binance-spot"
TITLE = "Binance Spot: diff depth with a REST snapshot"

INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_decimals=2,
        size_decimals=5,
        start_price=7_843_675,
        typical_size=25_000,
    ),
    Instrument(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        price_decimals=2,
        size_decimals=4,
        start_price=264_512,
        typical_size=30_000,
    ),
    Instrument(
        symbol="XRPUSDT",
        base="XRP",
        quote="USDT",
        price_decimals=4,
        size_decimals=1,
        start_price=21_430,
        typical_size=20_000,
    ),
    Instrument(
        symbol="SOLUSDT",
        base="SOL",
        quote="USDT",
        price_decimals=2,
        size_decimals=3,
        start_price=14_571,
        typical_size=40_000,
    ),
    Instrument(
        symbol="DOGEUSDT",
        base="DOGE",
        quote="USDT",
        price_decimals=5,
        size_decimals=0,
        start_price=16_342,
        typical_size=20_000,
    ),
)

TEXT_DECIMALS = 8
"""The venue prints every price and quantity with eight decimals (captures of 2021 and 2026)."""

MOST_STREAMS = 1024
"""Streams a connection ("A single connection can listen to a maximum of 1024 streams")."""

OFFERED_EDITS = frozenset(
    {
        "corrupt-level",
        "cut",
        "wrong-type",
        "unknown-type",
        "unknown-field",
        "trimmed-numbers",
        "delete-absent",
        "reversed-rows",
        "renumbered-gap",
        "overlap",
        "foreign-symbol",
    }
)
"""Not here, because the venue never does it, so that no client may be judged by it: more than eight decimals, the same
price twice in an event, an event without levels, another spelling of an empty side; and there is no checksum."""

LIMITS = (
    # "WebSocket connections have a limit of 5 incoming messages per second": a ping frame, a pong frame and a JSON control
    # message are one each, and a connection that goes beyond is disconnected (web-socket-streams.md#websocket-limits). The
    # code 1008 and its text: https://nautilustrader.io/docs/rust-api-latest/nautilus_binance/common/consts/ (constant
    # BINANCE_WS_SUBSCRIPTION_QUOTA, which also saw that bursts across seconds trip it).
    Limit(what="messages", most=5, seconds=1.0, rule="message-rate", hangup=Hangup(1008, "Too many requests")),
    # "There is a limit of 300 connections per attempt every 5 minutes per IP", same place.
    Limit(what="connections", most=300, seconds=300.0, rule="reconnect-backoff", rolling=False),
    # REQUEST_WEIGHT in exchangeInfo, counted by the minutes of the clock: "a 1 MINUTE interval starts every minute"
    # (web-socket-api.md, "How to interpret rate limits"; the limit is shared with REST).
    Limit(what="weight", most=6000, seconds=60.0, rule="rest-weight", rolling=False),
)

#: web-socket-streams.md#general-wss-information and rest-api.md#general-api-information of
#: https://github.com/binance/binance-spot-api-docs; the hosts of market data only: faqs/market_data_only.md there.
ADDRESSES = (
    Address("stream.binance.com", "ws", 9443),
    Address("stream.binance.com", "ws"),
    Address("data-stream.binance.vision", "ws"),
    Address("api.binance.com", "rest"),
    Address("api-gcp.binance.com", "rest"),
    *(Address(f"api{number}.binance.com", "rest") for number in (1, 2, 3, 4)),
    Address("data-api.binance.vision", "rest"),
)

TRAITS = Traits(
    snapshot_from="rest",
    sequence=True,
    checksum=False,
    windowed=False,
    default_depth=None,
    depths=(),
    batch=(1, 6),
    rest_limit=100,
    ping_s=20.0,
    pong_limit_s=60.0,
    compression=False,
    edits=OFFERED_EDITS,
    close_codes=(1000, 1001, 1006, 1008),
    farewell=True,
    limits=LIMITS,
    addresses=ADDRESSES,
)


def endpoints(ws: str, http: str) -> Mapping[str, str]:
    """``ws`` and ``rest`` are the two bases, as ``wss://stream.binance.com:9443`` and ``https://api.binance.com`` are:
    clients append ``/ws/…`` or ``/stream?streams=…``, and ``/api/v3/…``."""
    return {"ws": ws, "rest": http}
