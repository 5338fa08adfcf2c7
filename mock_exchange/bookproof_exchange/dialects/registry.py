"""The dialects that exist. Third parties add theirs with the entry-point group ``bookproof.dialects``."""

from __future__ import annotations

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.registry import Registry

DIALECTS: Registry[Dialect] = Registry("dialect", "bookproof.dialects")


def _kraken_v2() -> Dialect:
    from bookproof_exchange.dialects.kraken_v2 import DIALECT

    return DIALECT


def _binance_spot() -> Dialect:
    from bookproof_exchange.dialects.binance_spot import DIALECT

    return DIALECT


def _mexc_v3() -> Dialect:
    from bookproof_exchange.dialects.mexc_v3 import DIALECT

    return DIALECT


DIALECTS.add("kraken-v2", _kraken_v2)
DIALECTS.add("binance-spot", _binance_spot)
DIALECTS.add("mexc-v3", _mexc_v3)
