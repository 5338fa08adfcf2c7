"""Exchange side: HTTP. https://mexcdevelop.github.io/apidocs/spot_v3_en/ (2025-08).

Error codes and words are those of the documentation's table; their envelope ``{"code", "msg"}`` was seen in ccxt, the
HTTP status 400 beside them is uncertain.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, RestSnapshot, View
from bookproof_exchange.dialects.mexc_v3 import listenkey
from bookproof_exchange.dialects.mexc_v3.traits import DEFAULT_LIMIT, MOST_LIMIT
from bookproof_exchange.market import Instrument, Side
from bookproof_exchange.numbers import to_text

#: HTTP status to the words of the error table; 418 is named only beside the Retry-After header (uncertain).
_WORDS = {
    401: "No authority",
    403: "Access Denied",
    418: "Too Many Requests",
    429: "Too Many Requests",
    500: "Internal error",
    503: "service not available, please try again",
    504: "Gateway Time-out",
}


def answer(request: HttpRequest, view: View) -> HttpAnswer:
    """Any request to the REST host."""
    path = request.path.rstrip("/")
    match request.method, path:
        case "GET", "/api/v3/ping":
            return _ok({}, weight=1)
        case "GET", "/api/v3/time":
            return _ok({"serverTime": view.now_us // 1000}, weight=1)
        case "GET", "/api/v3/defaultSymbols":
            return _ok({"code": 200, "data": list(view.instruments), "msg": None}, weight=1)
        case "GET", "/api/v3/exchangeInfo":
            return _exchange_info(request, view)
        case "GET", "/api/v3/depth":
            return _depth(request, view)
        case (("GET" | "POST" | "PUT" | "DELETE"), "/api/v3/userDataStream"):
            return _user_data_stream(request)
        case "GET", "/api/v3/capital/config/getall":
            # Asked by clients that were given credentials; the shape as in ccxt's mexc.ts (fetchCurrencies).
            coins = dict.fromkeys(name for one in view.instruments.values() for name in (one.base, one.quote))
            return _ok([{"coin": coin, "name": coin, "networkList": []} for coin in coins], weight=10)
        case "GET", "/api/v1/contract/detail":
            # The futures API, empty: clients of both APIs ask for all their markets at once.
            return _ok({"success": True, "code": 0, "data": []})
        case _:
            return error(404, 404, "Not Found")


def limited(status: int, retry_after: int | None) -> HttpAnswer:
    """A failing answer. ``Retry-After`` in seconds comes "with a 418 or 429" (documented); the body's envelope for
    429 and 5xx is uncertain."""
    made = error(status, status, _WORDS.get(status, "Internal error" if status >= 500 else "Bad Request"))
    if retry_after is None:
        return made
    return msgspec.structs.replace(made, headers=(*made.headers, ("retry-after", str(retry_after))))


def error(status: int, code: int, msg: str) -> HttpAnswer:
    return HttpAnswer(status=status, body=msgspec.json.encode({"code": code, "msg": msg}))


def _ok(value: Any, *, weight: int = 0) -> HttpAnswer:
    return HttpAnswer(status=200, body=msgspec.json.encode(value), weight=weight)


def _depth(request: HttpRequest, view: View) -> HttpAnswer:
    """Both sides best first, numbers with all decimals (``["40837.95","0.008400"]``: ccxt's mexc.ts), versions as those
    of the stream, ``timestamp`` since 2026. More than the most levels gives the most (uncertain)."""
    symbol = request.query.get("symbol")
    if not symbol:
        return error(400, 44444, "param cannot be null")
    if symbol not in view.instruments:
        return error(400, 10007, "bad symbol")
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        return error(400, 33333, "param is error")
    limit = min(int(text), MOST_LIMIT)
    index = view.index(symbol)
    instrument = view.instruments[symbol]

    def rows(side: Side) -> list[list[str]]:
        return [
            [to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals)]
            for price, size in view.truth(symbol).levels(index, side, limit)
        ]

    body = {
        "lastUpdateId": view.sequence_base(symbol) + index,
        "bids": rows(Side.BID),
        "asks": rows(Side.ASK),
        "timestamp": view.now_us // 1000,
    }
    return HttpAnswer(
        status=200,
        body=msgspec.json.encode(body),
        snapshot=RestSnapshot(symbol=symbol, index=index, limit=limit),
        weight=1,
    )


def _exchange_info(request: HttpRequest, view: View) -> HttpAnswer:
    """Without parameter all symbols; ``symbol=`` one; ``symbols=`` several, joined with commas."""
    asked = request.query.get("symbols") or request.query.get("symbol")
    names = asked.split(",") if asked else list(view.instruments)
    if any(name not in view.instruments for name in names):
        return error(400, 10007, "bad symbol")
    body = {
        "timezone": "CST",
        "serverTime": view.now_us // 1000,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(view.instruments[name]) for name in names],
    }
    return _ok(body, weight=10)


def _symbol(instrument: Instrument) -> dict[str, Any]:
    """Fields and types of the documentation's example, the status as in its table (1: online)."""
    return {
        "symbol": instrument.symbol,
        "status": "1",
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.size_decimals,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.price_decimals,
        "quoteAssetPrecision": instrument.price_decimals,
        "baseCommissionPrecision": instrument.size_decimals,
        "quoteCommissionPrecision": instrument.price_decimals,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "quoteOrderQtyMarketAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": "1",
        "baseSizePrecision": to_text(instrument.lot, instrument.size_decimals),
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": "5000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "quoteAmountPrecisionMarket": "1",
        "maxQuoteAmountMarket": "100000",
        "tradeSideType": "1",
    }


def _user_data_stream(request: HttpRequest) -> HttpAnswer:
    api_key = request.headers.get("x-mexc-apikey")
    if not api_key:
        return error(400, 400, "api key required")
    key = listenkey.issued(api_key)
    match request.method:
        case "POST":
            return _ok({"listenKey": key}, weight=1)
        case "GET":
            return _ok({"listenKey": [key]}, weight=1)
        case _:
            named = request.query.get("listenKey")
            if not named:
                return error(400, 44444, "param cannot be null")
            if named != key:
                return error(400, 22222, "record does not exist")
            return _ok({"listenKey": named}, weight=1)
