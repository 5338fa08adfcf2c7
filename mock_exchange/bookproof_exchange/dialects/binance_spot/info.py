"""The venue's exchangeInfo: every field that a client may need of a spot symbol.

Shape: https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md, "Exchange information", and
filters.md (2026-07-21). ``permissions`` is always empty since 2024; ``permissionSets`` took its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.dialects.binance_spot.traits import TEXT_DECIMALS
from bookproof_exchange.market import Instrument
from bookproof_exchange.numbers import to_text

_PERMISSION_SETS = [["SPOT", "MARGIN", "TRD_GRP_004", "TRD_GRP_005", "TRD_GRP_006"]]

_RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
]


def exchange_info(
    instruments: Sequence[Instrument], time_ms: int, *, wanted: frozenset[str] | None, permission_sets: bool
) -> dict[str, object]:
    """The body. ``wanted``: only symbols with one of these permissions."""
    if wanted is not None and not wanted.intersection(_PERMISSION_SETS[0]):
        instruments = ()
    return {
        "timezone": "UTC",
        "serverTime": time_ms,
        "rateLimits": _RATE_LIMITS,
        "exchangeFilters": [],
        "symbols": [_symbol(instrument, permission_sets) for instrument in instruments],
    }


def _symbol(instrument: Instrument, permission_sets: bool) -> dict[str, object]:
    symbol: dict[str, object] = {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": TEXT_DECIMALS,
        "quoteAsset": instrument.quote,
        "quotePrecision": TEXT_DECIMALS,
        "quoteAssetPrecision": TEXT_DECIMALS,
        "baseCommissionPrecision": TEXT_DECIMALS,
        "quoteCommissionPrecision": TEXT_DECIMALS,
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": _filters(instrument),
        "permissions": [],
    }
    if permission_sets:
        symbol["permissionSets"] = _PERMISSION_SETS
    symbol["defaultSelfTradePreventionMode"] = "EXPIRE_MAKER"
    symbol["allowedSelfTradePreventionModes"] = [
        "EXPIRE_TAKER",
        "EXPIRE_MAKER",
        "EXPIRE_BOTH",
        "DECREMENT",
    ]
    return symbol


def _filters(instrument: Instrument) -> list[dict[str, object]]:
    tick = _price(instrument, instrument.tick)
    lot = _size(instrument, instrument.lot)
    most = _price(instrument, instrument.start_price * 20)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "900000.00000000", "stepSize": lot},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "90000.00000000",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]


def _price(instrument: Instrument, value: int) -> str:
    return to_text(value * 10 ** (TEXT_DECIMALS - instrument.price_decimals), TEXT_DECIMALS)


def _size(instrument: Instrument, value: int) -> str:
    return to_text(value * 10 ** (TEXT_DECIMALS - instrument.size_decimals), TEXT_DECIMALS)
