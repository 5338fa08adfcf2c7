"""Exchange side: HTTP requests to answers.

Endpoints, weights and parameters: https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md; codes and
texts of errors: errors.md of the same repository (2026-07-21). Texts that vary by parameter are as clients report them.

The header ``x-mbx-used-weight-1m`` says the request's own weight: the mock's answers depend on nothing but the request
and the market (the venue's counter sums over the last minute).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, RestSnapshot, View
from bookproof_exchange.dialects.binance_spot import codec
from bookproof_exchange.dialects.binance_spot.info import exchange_info
from bookproof_exchange.dialects.binance_spot.tickers import book_ticker, day_ticker, price_ticker
from bookproof_exchange.market import Side

DEFAULT_LIMIT = 100
MOST_LEVELS = 5000

_SYMBOL = re.compile(r"[\w\-.]{1,50}")
_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
"""The legal range in the venue's text (seen 2025-12)."""

_NOT_FOUND = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
"""The front end's page: https://github.com/sammchardy/python-binance/issues/1316 (2023-04)."""


class Problem(Exception):
    """A request that the venue answers with HTTP 400 and a code."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def answer(request: HttpRequest, view: View) -> HttpAnswer:
    """The venue's answer; a snapshot shows ``view.index(symbol)``."""
    path = request.path.rstrip("/")
    handler = _HANDLERS.get(path)
    if handler is None or request.method.upper() not in ("GET", "HEAD"):
        return not_found()
    try:
        return handler(request.query, view)
    except Problem as problem:
        return _error(400, problem.code, problem.msg, weight=1)


def not_found() -> HttpAnswer:
    """No such path."""
    return HttpAnswer(status=404, body=_NOT_FOUND, headers=(("content-type", "text/html"),))


def limited(status: int, retry_after: int | None) -> HttpAnswer:
    """A refusal with this status, in the venue's words: 429 (slow down), 418 (banned) and 5xx or anything else.

    ``retry_after``: seconds, for the header that the venue sends with 429 and 418."""
    code, msg = _FAILURES.get(status, _FAILURES[500])
    extra = () if retry_after is None else (("retry-after", str(retry_after)),)
    return _error(status, code, msg, extra=extra)


def failure(status: int) -> HttpAnswer:
    """The same without a time to wait."""
    return limited(status, None)


_TOO_MUCH = (
    "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for"
    " live updates to avoid polling the API."
)
# The venue's other text for 418 names the end of the ban in ms. The mock's clock is not the client's, so that a client
# which reads it would be sent astray: both statuses get the text without a time, and Retry-After says how long.
_FAILURES: Mapping[int, tuple[int, str]] = {
    418: (-1003, _TOO_MUCH),
    429: (-1003, _TOO_MUCH),
    500: (-1000, "An unknown error occurred while processing the request."),
    502: (-1001, "Internal error; unable to process your request. Please try again."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    504: (-1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
}


# --- endpoints ----------------------------------------------------------------------------------------------------


def _depth(query: Mapping[str, str], view: View) -> HttpAnswer:
    symbol = _symbol(query, view)
    limit = _limit(query)
    status = query.get("symbolStatus")
    if status is not None and status not in ("TRADING", "HALT", "BREAK"):
        raise Problem(-1122, "Invalid symbolStatus.")
    if status is not None and status != "TRADING":
        raise Problem(-1220, "The symbol's status does not match the requested symbolStatus.")
    index = view.index(symbol)
    truth = view.truth(symbol)
    body = codec.whole_book(
        view.instruments[symbol],
        codec.sequence(view, symbol, index),
        truth.levels(index, Side.BID, limit),
        truth.levels(index, Side.ASK, limit),
    )
    weight = 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
    return _ok(body, weight, RestSnapshot(symbol=symbol, index=index, limit=limit))


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if text == "":
        raise Problem(-1105, "Parameter 'limit' was empty.")
    if re.fullmatch(r"[0-9]{1,20}", text) is None:
        raise Problem(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
    if int(text) == 0:
        raise Problem(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(int(text), MOST_LEVELS)


def _symbol(query: Mapping[str, str], view: View) -> str:
    text = query.get("symbol")
    if text is None:
        raise Problem(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return _known(text, view)


def _known(text: str, view: View) -> str:
    if text == "":
        raise Problem(-1105, "Parameter 'symbol' was empty.")
    if _SYMBOL.fullmatch(text) is None or re.search("[a-z]", text) is not None:
        raise Problem(-1100, f"Illegal characters found in parameter 'symbol'; legal range is '{_SYMBOL_RANGE}'.")
    if text not in view.instruments:
        raise Problem(-1121, "Invalid symbol.")
    return text


def _symbols(query: Mapping[str, str], view: View) -> tuple[str, ...] | None:
    """What ``symbol`` or ``symbols`` asks for; None: neither was sent."""
    if "symbol" in query and "symbols" in query:
        raise Problem(-1128, "Combination of optional parameters invalid.")
    if "symbol" in query:
        return (_known(query["symbol"], view),)
    if "symbols" not in query:
        return None
    try:
        names = json.loads(query["symbols"])
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Problem(
            -1100,
            "Illegal characters found in parameter 'symbols'; legal range is"
            r""" '^\["[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}\]$'.""",
        )
    return tuple(_known(name, view) for name in names)


def _exchange_info(query: Mapping[str, str], view: View) -> HttpAnswer:
    chosen = _symbols(query, view)
    wanted = None
    if "permissions" in query:
        if chosen is not None:
            raise Problem(-1128, "Combination of optional parameters invalid.")
        wanted = _permissions(query["permissions"])
    if "symbolStatus" in query and chosen is not None:
        raise Problem(-1128, "Combination of optional parameters invalid.")
    if query.get("symbolStatus", "TRADING") != "TRADING":
        chosen = ()
    names = tuple(view.instruments) if chosen is None else chosen
    instruments = [view.instruments[name] for name in names]
    sets = query.get("showPermissionSets", "true") != "false"
    body = exchange_info(instruments, view.now_us // 1000, wanted=wanted, permission_sets=sets)
    return _ok(_text(body), 20)


def _permissions(text: str) -> frozenset[str]:
    if not text.startswith("["):
        return frozenset({text})
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list):
        raise Problem(-1130, "Data sent for parameter 'permissions' is not valid.")
    return frozenset(str(name) for name in names)


def _ping(query: Mapping[str, str], view: View) -> HttpAnswer:
    return _ok("{}", 1)


def _time(query: Mapping[str, str], view: View) -> HttpAnswer:
    return _ok(_text({"serverTime": view.now_us // 1000}), 1)


def _per_symbol(make: Callable[[View, str], object], one: int, several: int) -> Callable[..., HttpAnswer]:
    """A ticker endpoint: an object for ``symbol``, a list for ``symbols`` or nothing."""

    def handler(query: Mapping[str, str], view: View) -> HttpAnswer:
        chosen = _symbols(query, view)
        if "symbol" in query and chosen is not None:
            return _ok(_text(make(view, chosen[0])), one)
        names = tuple(view.instruments) if chosen is None else chosen
        return _ok(_text([make(view, name) for name in names]), several)

    return handler


_HANDLERS: Mapping[str, Callable[[Mapping[str, str], View], HttpAnswer]] = {
    "/api/v3/depth": _depth,
    "/api/v3/exchangeInfo": _exchange_info,
    "/api/v3/ping": _ping,
    "/api/v3/time": _time,
    "/api/v3/ticker/24hr": _per_symbol(day_ticker, 2, 80),
    "/api/v3/ticker/price": _per_symbol(price_ticker, 2, 4),
    "/api/v3/ticker/bookTicker": _per_symbol(book_ticker, 2, 4),
}


# --- the form of an answer ----------------------------------------------------------------------------------------


def _ok(body: str, weight: int, snapshot: RestSnapshot | None = None) -> HttpAnswer:
    return HttpAnswer(status=200, body=body.encode(), headers=_headers(weight), snapshot=snapshot, weight=weight)


def _error(status: int, code: int, msg: str, *, weight: int = 0, extra: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    body = _text({"code": code, "msg": msg}).encode()
    return HttpAnswer(status=status, body=body, headers=(*_headers(weight), *extra), weight=weight)


def _headers(weight: int) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", "application/json;charset=UTF-8"),
        ("x-mbx-used-weight", str(weight)),
        ("x-mbx-used-weight-1m", str(weight)),
    )


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
