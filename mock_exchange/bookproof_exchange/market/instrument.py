"""An instrument: names, grid of prices and sizes."""

from __future__ import annotations

import msgspec


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable symbol. A scaled price ``p`` means ``p / 10**price_decimals``; sizes likewise."""

    symbol: str
    """The venue's own spelling in book messages and subscriptions (``BTC/USD``, ``BTCUSDT``)."""
    base: str
    quote: str
    price_decimals: int
    size_decimals: int
    tick: int = 1
    """Smallest price step, scaled."""
    lot: int = 1
    """Smallest size step, scaled."""
    start_price: int
    """Around where the seeded market begins, scaled (each case adds a salt)."""
    typical_size: int
    """Order of magnitude of an order's size, scaled."""
