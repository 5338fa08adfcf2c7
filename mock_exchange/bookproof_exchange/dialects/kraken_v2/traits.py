"""What Kraken Spot WebSocket v2 is like: instruments, depths, limits, and the faults that it can express."""

from __future__ import annotations

from bookproof_exchange.dialects.api import Address, Limit, Traits
from bookproof_exchange.market import Instrument

NAME = "kraken-v2"
TITLE = "Kraken Spot WebSocket v2"

#: The path of the endpoint; ``wss://ws.kraken.com`` without it is the older protocol, version 1.
#: https://docs.kraken.com/exchange/guides/websockets/introduction
WS_PATH = "/v2"

#: Depths that a book subscription may ask for, and what it gets without asking.
#: https://docs.kraken.com/api/docs/websocket-v2/book
DEPTHS = (10, 25, 100, 500, 1000)
DEFAULT_DEPTH = 10

#: How many trades a snapshot of the trade channel holds. https://docs.kraken.com/api/docs/websocket-v2/trade
TRADE_SNAPSHOT = 50

#: Levels a side of ``GET /0/public/Depth`` where ``count`` is not given, and the most that it gives.
#: https://docs.kraken.com/api/docs/rest-api/get-order-book
REST_LEVELS = 100
REST_LEVELS_MOST = 500

EDITS = frozenset(
    {
        "wrong-checksum",
        "zero-checksum",
        "corrupt-level",
        "corrupt-level-consistent",
        "cut",
        "wrong-type",
        "unknown-type",
        "unknown-field",
        "foreign-symbol",
        "delete-absent",
        "set-then-delete",
        "delete-then-set",
        "reversed-rows",
    }
)

#: https://docs.kraken.com/exchange/guides/websockets/introduction. The rate of messages on a connection is not documented.
LIMITS = (
    # Cloudflare, per IP and rolling ten minutes: about 150 attempts, then a ban of ten minutes.
    Limit(what="connections", most=150, seconds=600.0, rule="reconnect-backoff"),
    # "Instantly for a few tries": how many is not said. Ten within a second are no few.
    Limit(what="connections", most=10, seconds=1.0, rule="reconnect-backoff"),
)

#: https://docs.kraken.com/exchange/guides/websockets/introduction (public and beta), and
#: https://docs.kraken.com/api/docs/rest-api/get-order-book. Not the hosts of private channels and of orders (level 3).
ADDRESSES = (
    Address("ws.kraken.com", "ws"),
    Address("beta-ws.kraken.com", "ws"),
    Address("api.kraken.com", "rest"),
)

TRAITS = Traits(
    snapshot_from="stream",
    sequence=False,
    checksum=True,
    windowed=True,
    default_depth=DEFAULT_DEPTH,
    depths=DEPTHS,
    channels=("book", "trades"),
    batch=(1, 1),
    rest_limit=REST_LEVELS,
    # Measured 1/s, also while data flows, once there is a subscription (public traces of August 2026).
    heartbeat_s=1.0,
    ping_s=None,
    pong_limit_s=None,
    # permessage-deflate is not documented.
    compression=False,
    edits=EDITS,
    # 1001 "CloudFlare WebSocket proxy restarting"; 1013 "Market data unavailable": seen by clients, for instance
    # https://github.com/aopoltorzhicky/go_kraken/issues/33.
    close_codes=(1000, 1001, 1013),
    farewell=False,
    limits=LIMITS,
    addresses=ADDRESSES,
)

#: Typical pairs with the venue's price and quantity precision. BTC/USD has a short price, XRP/USD and ADA/USD prices
#: below ten with many decimals, so that the checksum's leading zeros matter.
INSTRUMENTS = (
    Instrument(
        symbol="BTC/USD",
        base="BTC",
        quote="USD",
        price_decimals=1,
        size_decimals=8,
        start_price=785_000,
        typical_size=12_000_000,
    ),
    Instrument(
        symbol="ETH/USD",
        base="ETH",
        quote="USD",
        price_decimals=2,
        size_decimals=8,
        start_price=286_400,
        typical_size=210_000_000,
    ),
    Instrument(
        symbol="ADA/USD",
        base="ADA",
        quote="USD",
        price_decimals=6,
        size_decimals=8,
        tick=10,
        start_price=566_700,
        typical_size=48_000_000_000,
    ),
    Instrument(
        symbol="XRP/USD",
        base="XRP",
        quote="USD",
        price_decimals=5,
        size_decimals=8,
        start_price=217_300,
        typical_size=62_000_000_000,
    ),
    Instrument(
        symbol="BTC/EUR",
        base="BTC",
        quote="EUR",
        price_decimals=1,
        size_decimals=8,
        start_price=671_000,
        typical_size=9_000_000,
    ),
)
