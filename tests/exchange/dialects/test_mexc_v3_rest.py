"""HTTP answers: against the schemas, against the truth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mexc_v3_kit import SCHEMAS, market

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, RestSnapshot
from bookproof_exchange.dialects.mexc_v3 import DIALECT
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import from_text
from bookproof_exchange.script.view import AtIndex

VIEW = market(11, levels=150)


def ask(path: str, *named: str, **query: str) -> HttpAnswer:
    """``named``: the method, and the API key."""
    method, *key = named or ("GET",)
    headers = {"x-mexc-apikey": key[0]} if key else {}
    return DIALECT.rest(HttpRequest(method=method, path=path, query=query, headers=headers), VIEW)


def checked(answer: HttpAnswer, schema: str) -> Any:
    body = json.loads(answer.body)
    definition = json.loads((SCHEMAS / f"{schema}.json").read_text())
    Draft202012Validator(definition).validate(body)
    return body


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_the_schemas_are_schemas(path: Any) -> None:
    definition = json.loads(path.read_text())
    assert definition["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(definition)


@pytest.mark.parametrize(("limit", "rows"), [(None, 100), ("5", 5), ("1000", None), ("5000", None), ("9999", None)])
def test_depth(limit: str | None, rows: int | None) -> None:
    query = {} if limit is None else {"limit": limit}
    answer = ask("/api/v3/depth", symbol="BTCUSDT", **query)
    body = checked(answer, "rest-depth")
    index = VIEW.index("BTCUSDT")
    assert body["lastUpdateId"] == VIEW.sequence_base("BTCUSDT") + index
    assert body["timestamp"] == VIEW.now_us // 1000
    assert answer.snapshot == RestSnapshot(symbol="BTCUSDT", index=index, limit=min(int(limit), 5000) if limit else 100)
    for side, name in ((Side.BID, "bids"), (Side.ASK, "asks")):
        levels = [(from_text(price, 2), from_text(size, 8)) for price, size in body[name]]
        assert tuple(levels) == VIEW.truth("BTCUSDT").levels(index, side, rows)
        assert all(len(size.partition(".")[2]) == 8 for _, size in body[name]), "REST spells all decimals"
    assert (len(body["bids"]) == rows) if rows else (len(body["bids"]) > 100)


def test_depth_shows_the_version_of_the_view() -> None:
    old = DIALECT.rest(
        HttpRequest(method="GET", path="/api/v3/depth", query={"symbol": "BTCUSDT"}), AtIndex(VIEW, "BTCUSDT", 3)
    )
    assert old.snapshot == RestSnapshot(symbol="BTCUSDT", index=3, limit=100)
    assert json.loads(old.body)["lastUpdateId"] == VIEW.sequence_base("BTCUSDT") + 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 44444),
        ({"symbol": "NOSUCH"}, 10007),
        ({"symbol": "btcusdt"}, 10007),
        ({"symbol": "BTCUSDT", "limit": "x"}, 33333),
        ({"symbol": "BTCUSDT", "limit": "0"}, 33333),
        ({"symbol": "BTCUSDT", "limit": "-5"}, 33333),
        ({"symbol": "BTCUSDT", "limit": ""}, 33333),
    ],
)
def test_bad_depth_requests(query: dict[str, str], code: int) -> None:
    answer = ask("/api/v3/depth", **query)
    assert answer.status == 400
    assert answer.snapshot is None
    assert checked(answer, "rest-error")["code"] == code


def test_exchange_info() -> None:
    body = checked(ask("/api/v3/exchangeInfo"), "rest-exchange-info")
    assert [one["symbol"] for one in body["symbols"]] == ["BTCUSDT", "ETHUSDT", "MXUSDT"]
    for one in body["symbols"]:
        instrument = VIEW.instruments[one["symbol"]]
        assert one["baseAssetPrecision"] == instrument.size_decimals
        assert one["quoteAssetPrecision"] == instrument.price_decimals
    one = checked(ask("/api/v3/exchangeInfo", symbol="MXUSDT"), "rest-exchange-info")
    assert [entry["symbol"] for entry in one["symbols"]] == ["MXUSDT"]
    two = checked(ask("/api/v3/exchangeInfo", symbols="MXUSDT,BTCUSDT"), "rest-exchange-info")
    assert [entry["symbol"] for entry in two["symbols"]] == ["MXUSDT", "BTCUSDT"]
    assert checked(ask("/api/v3/exchangeInfo", symbol="NOSUCH"), "rest-error")["code"] == 10007


def test_the_small_ones() -> None:
    assert checked(ask("/api/v3/ping"), "rest-ping") == {}
    assert checked(ask("/api/v3/time"), "rest-time") == {"serverTime": VIEW.now_us // 1000}
    assert checked(ask("/api/v3/defaultSymbols"), "rest-default-symbols")["data"] == list(VIEW.instruments)
    assert json.loads(ask("/api/v1/contract/detail").body) == {"success": True, "code": 0, "data": []}
    assert [coin["coin"] for coin in json.loads(ask("/api/v3/capital/config/getall").body)] == [
        "BTC",
        "USDT",
        "ETH",
        "MX",
    ]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/api/v3/nothing"), ("POST", "/api/v3/depth")])
def test_unknown_paths(method: str, path: str) -> None:
    answer = ask(path, method)
    assert answer.status == 404
    checked(answer, "rest-error")


def test_listen_keys() -> None:
    path, me = "/api/v3/userDataStream", "me"
    assert ask(path, "POST").status == 400
    key = checked(ask(path, "POST", me), "rest-listen-key")["listenKey"]
    assert checked(ask(path, "GET", me), "rest-listen-key")["listenKey"] == [key]
    for method in ("PUT", "DELETE"):
        assert checked(ask(path, method, me, listenKey=key), "rest-listen-key")["listenKey"] == key
        assert ask(path, method, me, listenKey="other").status == 400
        assert ask(path, method, me).status == 400


@pytest.mark.parametrize("status", [403, 418, 429, 500, 502, 503, 504])
def test_limited(status: int) -> None:
    answer = DIALECT.limited(status, 7)
    assert answer.status == status
    assert dict(answer.headers)["retry-after"] == "7"
    assert dict(answer.headers)["content-type"] == "application/json"
    assert checked(answer, "rest-error")["code"] == status
    assert "retry-after" not in dict(DIALECT.limited(status, None).headers)
