"""REST: snapshots, exchangeInfo, errors, weights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from binance_spot_kit import BASE, MarketView, get

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, RestSnapshot
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.market import Side

VIEW = MarketView(5)
DEEP = MarketView(5, count=1, profile="deep", levels=5200)
INDEX = 37
VIEW.truth("ETHUSDT").ensure(INDEX)
VIEW.cursor["ETHUSDT"] = INDEX


def ask(path: str, **query: str) -> HttpAnswer:
    return DIALECT.rest(get(path, **query), VIEW)


def body(answer: HttpAnswer) -> Any:
    return json.loads(answer.body)


def test_depth_is_the_book_at_the_cursor() -> None:
    answer = ask("/api/v3/depth", symbol="ETHUSDT", limit="5")
    book = body(answer)
    truth = VIEW.truth("ETHUSDT")
    assert list(book) == ["lastUpdateId", "bids", "asks"]
    assert book["lastUpdateId"] == BASE + 10_000_000 + INDEX
    for side, rows in ((Side.BID, book["bids"]), (Side.ASK, book["asks"])):
        expected = truth.levels(INDEX, side, 5)
        assert [(round(float(price) * 100), round(float(size) * 10_000)) for price, size in rows] == list(expected)
        assert all(len(text.partition(".")[2]) == 8 for row in rows for text in row)
    assert answer.snapshot == RestSnapshot(symbol="ETHUSDT", index=INDEX, limit=5)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("limit", "rows", "weight"),
    [
        (None, 100, 5),
        ("1", 1, 5),
        ("100", 100, 5),
        ("101", 101, 25),
        ("500", 500, 25),
        ("501", 501, 50),
        ("1000", 1000, 50),
        ("1001", 1001, 250),
        ("5000", 5000, 250),
        ("9999", 5000, 250),
    ],
)
def test_depth_limit_and_weight(limit: str | None, rows: int, weight: int) -> None:
    query = {"symbol": "BTCUSDT"} if limit is None else {"symbol": "BTCUSDT", "limit": limit}
    answer = DIALECT.rest(get("/api/v3/depth", **query), DEEP)
    assert len(body(answer)["bids"]) == rows
    assert answer.weight == weight
    assert dict(answer.headers)["x-mbx-used-weight"] == dict(answer.headers)["x-mbx-used-weight-1m"] == str(weight)
    assert answer.snapshot == RestSnapshot(symbol="BTCUSDT", index=0, limit=rows)


@pytest.mark.parametrize(
    ("query", "code", "msg"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"symbol": ""}, -1105, "Parameter 'symbol' was empty."),
        (
            {"symbol": "btcusdt"},
            -1100,
            r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'.",
        ),
        (
            {"symbol": "BTCUSDT", "limit": "x"},
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        (
            {"symbol": "BTCUSDT", "symbolStatus": "HALT"},
            -1220,
            "The symbol's status does not match the requested symbolStatus.",
        ),
    ],
)
def test_depth_errors(query: dict[str, str], code: int, msg: str) -> None:
    answer = ask("/api/v3/depth", **query)
    assert answer.status == 400
    assert body(answer) == {"code": code, "msg": msg}
    assert answer.snapshot is None
    assert "x-mbx-used-weight-1m" in dict(answer.headers)


def test_status_filter_lets_a_trading_symbol_through() -> None:
    assert ask("/api/v3/depth", symbol="BTCUSDT", symbolStatus="TRADING").status == 200


def test_exchange_info_describes_the_instruments() -> None:
    answer = ask("/api/v3/exchangeInfo")
    info = body(answer)
    assert answer.weight == 20
    assert [symbol["symbol"] for symbol in info["symbols"]] == list(VIEW.instruments)
    first = info["symbols"][0]
    filters = {entry["filterType"]: entry for entry in first["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert (first["baseAsset"], first["quoteAsset"], first["status"]) == ("BTC", "USDT", "TRADING")
    assert "SPOT" in first["permissionSets"][0]


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": '["XRPUSDT","BTCUSDT"]'}, ["XRPUSDT", "BTCUSDT"]),
        ({"permissions": "SPOT"}, ["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
        ({"permissions": '["LEVERAGED","MARGIN"]'}, ["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
        ({"permissions": "LEVERAGED"}, []),
        ({"symbolStatus": "BREAK"}, []),
    ],
)
def test_exchange_info_queries(query: dict[str, str], symbols: list[str]) -> None:
    assert [symbol["symbol"] for symbol in body(ask("/api/v3/exchangeInfo", **query))["symbols"]] == symbols


def test_exchange_info_without_permission_sets() -> None:
    assert "permissionSets" not in body(ask("/api/v3/exchangeInfo", showPermissionSets="false"))["symbols"][0]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "ETHUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ({"symbol": "ETHUSDT", "permissions": "SPOT"}, -1128),
        ({"symbols": "ETHUSDT"}, -1100),
        ({"symbols": '["NOPE"]'}, -1121),
    ],
)
def test_exchange_info_errors(query: dict[str, str], code: int) -> None:
    assert body(ask("/api/v3/exchangeInfo", **query))["code"] == code


def test_small_endpoints() -> None:
    assert ask("/api/v3/ping").body == b"{}"
    assert body(ask("/api/v3/time")) == {"serverTime": VIEW.now_us // 1000}
    best = body(ask("/api/v3/ticker/bookTicker", symbol="ETHUSDT"))
    book = body(ask("/api/v3/depth", symbol="ETHUSDT", limit="1"))
    assert [[best["bidPrice"], best["bidQty"]], [best["askPrice"], best["askQty"]]] == [
        book["bids"][0],
        book["asks"][0],
    ]
    assert [entry["symbol"] for entry in body(ask("/api/v3/ticker/price"))] == list(VIEW.instruments)
    day = body(ask("/api/v3/ticker/24hr", symbol="ETHUSDT"))
    assert day["lastPrice"] == body(ask("/api/v3/ticker/price", symbol="ETHUSDT"))["price"]
    trades = [trade for event in VIEW.truth("ETHUSDT").events(0, INDEX) for trade in event.trades]
    assert (day["count"], day["lastId"]) == (len(trades), trades[-1].number)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sapi/v1/capital/config/getall"), ("GET", "/api/v1/depth"), ("POST", "/api/v3/depth"), ("GET", "/")],
)
def test_unknown_paths(method: str, path: str) -> None:
    answer = DIALECT.rest(HttpRequest(method=method, path=path), VIEW)
    assert answer.status == 404
    assert b"nginx" in answer.body


@pytest.mark.parametrize(
    ("status", "code"), [(429, -1003), (418, -1003), (500, -1000), (503, -1008), (504, -1007), (599, -1000)]
)
def test_limited(status: int, code: int) -> None:
    answer = DIALECT.limited(status, 7)
    assert answer.status == status
    assert body(answer)["code"] == code
    assert dict(answer.headers)["retry-after"] == "7"
    assert "retry-after" not in dict(DIALECT.limited(status, None).headers)
