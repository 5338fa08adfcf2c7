"""Exchange side: the REST calls that clients of WebSocket v2 make first. https://docs.kraken.com/api/docs/rest-api/

Every answer is ``{"error": [...], "result": ...}`` with HTTP status 200, errors included ("status codes other than 200
indicate that there was an issue with the request reaching our servers").
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from urllib.parse import parse_qsl

import msgspec

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, View
from bookproof_exchange.dialects.kraken_v2.assets import Asset, Pair, find, pair
from bookproof_exchange.dialects.kraken_v2.instruments import least_size
from bookproof_exchange.dialects.kraken_v2.traits import REST_LEVELS, REST_LEVELS_MOST
from bookproof_exchange.market import Instrument, Side
from bookproof_exchange.numbers import to_text

_FEES = ((0, 0.4), (10_000, 0.35), (50_000, 0.24), (100_000, 0.22), (250_000, 0.2), (500_000, 0.18))
_FEES_MAKER = ((0, 0.25), (10_000, 0.2), (50_000, 0.14), (100_000, 0.12), (250_000, 0.1), (500_000, 0.08))

_REST_SIZE_DECIMALS = 3
"""REST prints quantities of a book with three decimals (and prices with at least five)."""
_REST_PRICE_DECIMALS = 5


class _Unknown(Exception):
    """A request that the venue refuses; the text is its error."""


def answer(request: HttpRequest, view: View) -> HttpAnswer:
    """Any HTTP request."""
    handler = _PUBLIC.get(request.path)
    if handler is not None and request.method in ("GET", "POST"):
        try:
            return _ok(handler(_parameters(request), view))
        except _Unknown as error:
            return _error(str(error))
    if request.path == "/0/private/GetWebSocketsToken" and request.method == "POST":
        if not request.headers.get("api-key") or not request.headers.get("api-sign"):
            return _error("EAPI:Invalid key")
        # https://docs.kraken.com/api/docs/rest-api/get-websockets-token: valid for 15 minutes until first used
        return _ok({"token": "Bookproof1d4lzSwNWOAwkMdqhssNNFhs1ed606d1Wc", "expires": 900})
    return _error("EGeneral:Unknown method")


def limited(status: int, retry_after: int | None) -> HttpAnswer:
    """The venue's error with this HTTP status. https://docs.kraken.com/api/docs/guides/spot-errors"""
    match status:
        case 418 | 429:
            reason = "EAPI:Rate limit exceeded"
        case 503:
            reason = "EService:Unavailable"
        case 504:
            reason = "EService:Deadline elapsed"
        case _:
            reason = "EGeneral:Internal error"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    if retry_after is not None:
        headers += (("retry-after", str(retry_after)),)
    return HttpAnswer(status=status, body=msgspec.json.encode({"error": [reason]}), headers=headers)


def _ok(result: object) -> HttpAnswer:
    return HttpAnswer(status=200, body=msgspec.json.encode({"error": [], "result": result}))


def _error(reason: str) -> HttpAnswer:
    return HttpAnswer(status=200, body=msgspec.json.encode({"error": [reason]}))


def _parameters(request: HttpRequest) -> Mapping[str, str]:
    """From the query and, for POST, the form body (which the venue takes too)."""
    parameters = dict(request.query)
    if request.method == "POST":
        parameters.update(parse_qsl(request.body.decode("utf-8", "replace")))
    return parameters


# --- reference data -----------------------------------------------------------------------------------------------


def _asked_pairs(parameters: Mapping[str, str], view: View) -> dict[str, Pair]:
    """The pairs asked for by ``pair`` (comma-separated; all where it is missing), under the key of the answer."""
    known = [pair(instrument) for instrument in view.instruments.values()]
    if "pair" not in parameters:
        return {entry.key: entry for entry in known}
    found = {}
    for name in parameters["pair"].split(","):
        hit = find(known, name.strip())
        if hit is None:
            raise _Unknown("EQuery:Unknown asset pair")
        found[hit[0]] = hit[1]
    return found


def _one_pair(parameters: Mapping[str, str], view: View) -> tuple[str, Pair]:
    if not parameters.get("pair"):
        raise _Unknown("EGeneral:Invalid arguments")
    asked = _asked_pairs(parameters, view)
    if len(asked) != 1:
        raise _Unknown("EQuery:Unknown asset pair")
    return next(iter(asked.items()))


def _asset_pairs(parameters: Mapping[str, str], view: View) -> object:
    return {key: _pair(entry) for key, entry in _asked_pairs(parameters, view).items()}


def _pair(entry: Pair) -> dict[str, object]:
    instrument = entry.instrument
    return {
        "altname": entry.altname,
        "wsname": entry.wsname,
        "aclass_base": "currency",
        "base": entry.base.key,
        "aclass_quote": "currency",
        "quote": entry.quote.key,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": instrument.price_decimals,
        "lot_decimals": instrument.size_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [2, 3, 4, 5],
        "leverage_sell": [2, 3, 4, 5],
        "fees": _FEES,
        "fees_maker": _FEES_MAKER,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": _trimmed(least_size(instrument), instrument.size_decimals),
        "costmin": "0.5",
        "tick_size": _trimmed(instrument.tick, instrument.price_decimals),
        "status": "online",
        "long_position_limit": 300,
        "short_position_limit": 240,
    }


def _trimmed(value: int, decimals: int) -> str:
    text = to_text(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _assets(parameters: Mapping[str, str], view: View) -> object:
    known: dict[str, Asset] = {}
    for instrument in view.instruments.values():
        entry = pair(instrument)
        known[entry.base.key] = entry.base
        known[entry.quote.key] = entry.quote
    wanted = known
    if "asset" in parameters:
        wanted = {}
        for name in parameters["asset"].split(","):
            hits = [asset for asset in known.values() if name.strip() in (asset.key, asset.altname, asset.code)]
            if not hits:
                raise _Unknown("EQuery:Unknown asset")
            wanted[hits[0].key] = hits[0]
    return {
        key: {
            "aclass": "currency",
            "altname": asset.altname,
            "decimals": asset.decimals,
            "display_decimals": asset.display_decimals,
            "collateral_value": 1.0,
            "margin_rate": 0.025,
            "status": "enabled",
        }
        for key, asset in wanted.items()
    }


# --- the exchange's state -----------------------------------------------------------------------------------------


def _moment(view: View) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(view.now_us // 1_000_000, datetime.UTC)


def _time(parameters: Mapping[str, str], view: View) -> object:
    moment = _moment(view)
    return {"unixtime": int(moment.timestamp()), "rfc1123": format_datetime(moment)}


def _status(parameters: Mapping[str, str], view: View) -> object:
    return {"status": "online", "timestamp": _moment(view).strftime("%Y-%m-%dT%H:%M:%SZ")}


# --- market data --------------------------------------------------------------------------------------------------


def _depth(parameters: Mapping[str, str], view: View) -> object:
    """The book. Its quantities are cut to three decimals and it has neither sequence nor checksum, so no client can
    join it with the stream; hence the answer is not declared as a snapshot to the harness."""
    key, entry = _one_pair(parameters, view)
    text = parameters.get("count", str(REST_LEVELS))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= REST_LEVELS_MOST:
        raise _Unknown("EGeneral:Invalid arguments:count")
    instrument = entry.instrument
    index = view.index(instrument.symbol)
    truth = view.truth(instrument.symbol)
    seconds = view.time_us(instrument.symbol, index) // 1_000_000
    sides = {}
    for name, side in (("asks", Side.ASK), ("bids", Side.BID)):
        levels = truth.levels(index, side, int(text))
        sides[name] = [
            [_rest_price(price, instrument), _rest_size(size, instrument), seconds] for price, size in levels
        ]
    return {key: sides}


def _rest_price(price: int, instrument: Instrument) -> str:
    decimals = max(instrument.price_decimals, _REST_PRICE_DECIMALS)
    return to_text(price * 10 ** (decimals - instrument.price_decimals), decimals)


def _rest_size(size: int, instrument: Instrument) -> str:
    shift = instrument.size_decimals - _REST_SIZE_DECIMALS
    rounded = (size + 10**shift // 2) // 10**shift if shift >= 0 else size * 10**-shift
    return to_text(rounded, _REST_SIZE_DECIMALS)


def _ticker(parameters: Mapping[str, str], view: View) -> object:
    """The best levels now; the day's figures are those of the market since it began."""
    result = {}
    for key, entry in _asked_pairs(parameters, view).items():
        instrument = entry.instrument
        truth = view.truth(instrument.symbol)
        index = view.index(instrument.symbol)
        trades = [trade for number in range(1, index + 1) for trade in truth.event(number).trades]
        prices = [trade.price for trade in trades] or [instrument.start_price]
        volume = sum(trade.size for trade in trades)
        value = sum(trade.size * trade.price for trade in trades)
        average = value // volume if volume else prices[-1]
        last_size = trades[-1].size if trades else 0
        best = {}
        for name, side in (("a", Side.ASK), ("b", Side.BID)):
            levels = truth.levels(index, side, 1) or ((0, 0),)
            price, size = levels[0]
            whole = str(size // 10**instrument.size_decimals)
            best[name] = [_rest_price(price, instrument), whole, _rest_size(size, instrument)]
        size_text = to_text(volume, instrument.size_decimals)
        result[key] = {
            "a": best["a"],
            "b": best["b"],
            "c": [_rest_price(prices[-1], instrument), to_text(last_size, instrument.size_decimals)],
            "v": [size_text, size_text],
            "p": [_rest_price(average, instrument)] * 2,
            "t": [len(trades), len(trades)],
            "l": [_rest_price(min(prices), instrument)] * 2,
            "h": [_rest_price(max(prices), instrument)] * 2,
            "o": _rest_price(prices[0], instrument),
        }
    return result


_PUBLIC: Mapping[str, Callable[[Mapping[str, str], View], object]] = {
    "/0/public/AssetPairs": _asset_pairs,
    "/0/public/Assets": _assets,
    "/0/public/Time": _time,
    "/0/public/SystemStatus": _status,
    "/0/public/Depth": _depth,
    "/0/public/Ticker": _ticker,
}
