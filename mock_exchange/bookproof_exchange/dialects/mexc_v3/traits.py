"""What MEXC spot v3 is like: instruments, limits, what the dialect can express.

Facts from https://mexcdevelop.github.io/apidocs/spot_v3_en/ (August 2025) where nothing else is said.
"""

from __future__ import annotations

from bookproof_exchange.dialects.api import Address, Hangup, Limit, Traits
from bookproof_exchange.market import Instrument

NAME = "mexc-v3"
TITLE = "MEXC spot v3 (JSON control, protobuf data)"

WS_PATH = "/ws"

DEFAULT_LIMIT = 100
"""Levels a side of ``GET /api/v3/depth`` without ``limit``."""
MOST_LIMIT = 5000

MOST_TOPICS = 30
"""Subscriptions that one connection may hold: "Any subscription will be invalid after the limit is exceeded"."""

INSTRUMENTS = (
    # Eight decimals of quantity: seen in the stream on 2026-06-23 (0.00008235).
    Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_decimals=2,
        size_decimals=8,
        start_price=62_383_56,
        typical_size=9_556_000,
    ),
    Instrument(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        price_decimals=2,
        size_decimals=5,
        start_price=2_411_37,
        typical_size=84_500,
    ),
    # Four decimals of price: the documentation's own example of a deal, 3.6962.
    Instrument(
        symbol="MXUSDT",
        base="MX",
        quote="USDT",
        price_decimals=4,
        size_decimals=2,
        start_price=3_6962,
        typical_size=25_000,
    ),
)

LIMITS = (
    # "100 times/s", beyond: disconnected (#limits, Websocket Limits). With which close code is not documented: without.
    Limit(what="messages", most=100, seconds=1.0, rule="message-rate", hangup=Hangup(1006)),
    # "IPs that are repeatedly disconnected may be banned", without a number. Ten connections within a second are a loop.
    Limit(what="connections", most=10, seconds=1.0, rule="reconnect-backoff"),
    # "Each endpoint with IP limits has an independent 500 every 10 second limit" (#limits; also
    # https://www.mexc.com/api-docs/spot-v3/general-info, 2026). Whether by the clock is not said.
    Limit(what="weight", most=500, seconds=10.0, rule="rest-weight", rolling=False, each_path=True),
)

#: The documents print ``ws://`` for the socket; clients use TLS
#: (https://github.com/ccxt/ccxt/blob/master/python/ccxt/pro/mexc.py).
ADDRESSES = (
    Address("wbs-api.mexc.com", "ws"),
    Address("api.mexc.com", "rest"),
)

TRAITS = Traits(
    snapshot_from="rest",
    sequence=True,
    checksum=False,
    windowed=False,
    default_depth=None,
    depths=(),
    channels=("book", "trades"),
    # One aggregated message spans many versions: a frame of 20 versions and two levels is quoted in ccxt's mexc.ts.
    batch=(1, 8),
    rest_limit=DEFAULT_LIMIT,
    # The venue sends WebSocket pings ("a Pong reply is required upon receiving the Ping message sent from the
    # server"), but how often, and how long it waits, is not documented.
    ping_s=None,
    pong_limit_s=None,
    compression=False,
    edits=frozenset(
        {
            "corrupt-level",
            "cut",
            "wrong-type",
            "unknown-type",
            "unknown-field",
            "padded-numbers",
            "trimmed-numbers",
            "delete-absent",
            "reversed-rows",
            "empty-update",
            "renumbered-gap",
            "foreign-symbol",
        }
    ),
    farewell=False,
    limits=LIMITS,
    addresses=ADDRESSES,
)
