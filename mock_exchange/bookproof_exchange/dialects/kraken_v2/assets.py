"""What the venue calls assets and pairs.

WebSocket v2 spells ``BTC/USD``. REST has three further spellings of the same pair: the key ``XXBTZUSD``, the
``altname`` ``XBTUSD`` and the ``wsname`` ``XBT/USD`` (which v2 refuses). https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bookproof_exchange.market import Instrument

#: Code to (REST key, altname) where they differ from the code.
_LEGACY = {
    "BTC": ("XXBT", "XBT"),
    "DOGE": ("XXDG", "XDG"),
    "ETH": ("XETH", "ETH"),
    "LTC": ("XLTC", "LTC"),
    "XRP": ("XXRP", "XRP"),
    "XLM": ("XXLM", "XLM"),
    "USD": ("ZUSD", "USD"),
    "EUR": ("ZEUR", "EUR"),
    "GBP": ("ZGBP", "GBP"),
    "JPY": ("ZJPY", "JPY"),
    "CAD": ("ZCAD", "CAD"),
}

_FIAT = frozenset({"USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF"})


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One asset: its v2 code, REST key and altname, and how many decimals balances have."""

    code: str
    key: str
    altname: str
    decimals: int
    display_decimals: int


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One pair under all its names."""

    instrument: Instrument
    key: str
    altname: str
    wsname: str
    base: Asset
    quote: Asset


def asset(code: str) -> Asset:
    """The asset of a v2 code; codes without a legacy name are called the same everywhere."""
    key, altname = _LEGACY.get(code, (code, code))
    if code in _FIAT:
        return Asset(code=code, key=key, altname=altname, decimals=4, display_decimals=2)
    decimals = 10 if key != code else 8
    return Asset(code=code, key=key, altname=altname, decimals=decimals, display_decimals=5)


def pair(instrument: Instrument) -> Pair:
    """All names of an instrument."""
    base, quote = asset(instrument.base), asset(instrument.quote)
    altname = f"{base.altname}{quote.altname}"
    legacy = base.key != base.code and quote.key != quote.code
    return Pair(
        instrument=instrument,
        key=f"{base.key}{quote.key}" if legacy else altname,
        altname=altname,
        wsname=f"{base.altname}/{quote.altname}",
        base=base,
        quote=quote,
    )


def find(pairs: Iterable[Pair], name: str) -> tuple[str, Pair] | None:
    """The pair that REST understands by a name, and the key under which it answers: the names with a slash as they
    were asked for, all others by the pair's key. None: unknown."""
    for candidate in pairs:
        if name in (candidate.instrument.symbol, candidate.wsname):
            return name, candidate
        if name in (candidate.key, candidate.altname):
            return candidate.key, candidate
    return None
