"""What MEXC spot v3 is like: instruments, limits, what the dialect can express.

Facts from https://mexcdevelop.github.io/apidocs/spot_v3_en/ (August 2025) where nothing else is said.
"""

from __future__ import annotations

from bookproof_exchange.dialects.api import Traits
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
        }
    ),
    farewell=False,
    limits={
        "messages_per_s": 100,
        "topics_per_connection": MOST_TOPICS,
        "weight_per_10s": 500,
        "close_without_subscription_s": 30,
        "close_without_data_s": 60,
        "connection_lifetime_s": 86_400,
        "listen_key_lifetime_s": 3_600,
    },
)
