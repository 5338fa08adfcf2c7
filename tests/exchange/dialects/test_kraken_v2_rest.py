"""REST beside the stream: what clients load first, under which names, and what the venue says to the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest
from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.view import MarketView

SCHEMA = json.loads((folder("schemas") / "kraken-v2" / "rest.json").read_text())
VIEW = MarketView(DIALECT, Market(symbols=5), 3)


def get(path: str, kind: str, **query: str) -> Any:
    answer = DIALECT.rest(HttpRequest(method="GET", path=f"/0/public/{path}", query=query), VIEW)
    return check(answer, kind)


def check(answer: HttpAnswer, kind: str) -> Any:
    """The parsed body, which fits the schema's ``kind``."""
    document = json.loads(answer.body)
    Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{kind}"}]}).validate(document)
    assert answer.status == 200
    assert answer.snapshot is None
    return document["error"] if kind == "error" else document["result"]


def test_all_pairs_are_listed_under_their_keys_with_their_precision() -> None:
    pairs = get("AssetPairs", "asset_pairs")
    assert list(pairs) == ["XXBTZUSD", "XETHZUSD", "ADAUSD", "XXRPZUSD", "XXBTZEUR"]
    for key, instrument in zip(pairs, VIEW.instruments.values(), strict=True):
        assert pairs[key]["pair_decimals"] == instrument.price_decimals
        assert pairs[key]["lot_decimals"] == instrument.size_decimals
    bitcoin = pairs["XXBTZUSD"]
    assert (bitcoin["altname"], bitcoin["wsname"], bitcoin["base"], bitcoin["quote"], bitcoin["tick_size"]) == (
        "XBTUSD",
        "XBT/USD",
        "XXBT",
        "ZUSD",
        "0.1",
    )
    assert pairs["ADAUSD"]["tick_size"] == "0.00001"


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ("BTC/USD", ["BTC/USD"]),
        ("XBT/USD", ["XBT/USD"]),
        ("XBTUSD", ["XXBTZUSD"]),
        ("XXBTZUSD", ["XXBTZUSD"]),
        ("BTC/USD,ETHUSD", ["BTC/USD", "XETHZUSD"]),
    ],
)
def test_pairs_are_answered_under_the_name_asked_with_a_slash_and_else_their_key(asked: str, keys: list[str]) -> None:
    assert list(get("AssetPairs", "asset_pairs", pair=asked)) == keys


def test_assets() -> None:
    assets = get("Assets", "assets")
    assert {key: asset["altname"] for key, asset in assets.items()} == {
        "XXBT": "XBT",
        "ZUSD": "USD",
        "XETH": "ETH",
        "ADA": "ADA",
        "XXRP": "XRP",
        "ZEUR": "EUR",
    }
    assert list(get("Assets", "assets", asset="XBT,USD")) == ["XXBT", "ZUSD"]


def test_the_clock_is_the_exchanges() -> None:
    seconds = VIEW.now_us // 1_000_000
    assert get("Time", "time")["unixtime"] == seconds
    assert get("SystemStatus", "system_status")["status"] == "online"


def test_depth_is_cut_to_count_and_three_decimals() -> None:
    book = get("Depth", "depth", pair="XBTUSD", count="7")["XXBTZUSD"]
    assert (len(book["asks"]), len(book["bids"])) == (7, 7)
    index = VIEW.index("BTC/USD")
    price, size = VIEW.truth("BTC/USD").levels(index, 1)[0]  # type: ignore[arg-type]
    shown_price, shown_size, seconds = book["asks"][0]
    assert shown_price == f"{price // 10}.{price % 10}0000"
    assert shown_size == f"{(size + 50_000) // 100_000 / 1000:.3f}"
    assert seconds == VIEW.time_us("BTC/USD", index) // 1_000_000
    assert len(get("Depth", "depth", pair="BTC/USD")["BTC/USD"]["asks"]) <= 100


def test_ticker_has_the_best_levels() -> None:
    ticker = get("Ticker", "ticker", pair="ETH/USD")["ETH/USD"]
    truth = VIEW.truth("ETH/USD")
    assert float(ticker["a"][0]) == truth.levels(VIEW.index("ETH/USD"), 1, 1)[0][0] / 100  # type: ignore[arg-type]
    assert float(ticker["l"][0]) <= float(ticker["c"][0]) <= float(ticker["h"][0])


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("AssetPairs", {"pair": "NO/NE"}, "EQuery:Unknown asset pair"),
        ("Depth", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ("Depth", {}, "EGeneral:Invalid arguments"),
        ("Depth", {"pair": "XBTUSD", "count": "many"}, "EGeneral:Invalid arguments:count"),
        ("Assets", {"asset": "NOPE"}, "EQuery:Unknown asset"),
        ("Nothing", {}, "EGeneral:Unknown method"),
    ],
)
def test_errors_are_the_venues(path: str, query: dict[str, str], reason: str) -> None:
    assert get(path, "error", **query) == [reason]


def test_a_websocket_token_needs_a_signature() -> None:
    path = "/0/private/GetWebSocketsToken"
    headers = {"api-key": "k", "api-sign": "s"}
    post = DIALECT.rest(HttpRequest(method="POST", path=path, headers=headers), VIEW)
    assert check(post, "token")["expires"] == 900
    assert check(DIALECT.rest(HttpRequest(method="POST", path=path), VIEW), "error") == ["EAPI:Invalid key"]
    assert check(DIALECT.rest(HttpRequest(method="GET", path=path), VIEW), "error") == ["EGeneral:Unknown method"]


def test_parameters_may_come_in_the_body_of_a_post() -> None:
    request = HttpRequest(method="POST", path="/0/public/AssetPairs", body=b"pair=BTC%2FUSD")
    assert list(check(DIALECT.rest(request, VIEW), "asset_pairs")) == ["BTC/USD"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "EAPI:Rate limit exceeded"), (503, "EService:Unavailable"), (500, "EGeneral:Internal error")],
)
def test_limits_and_outages_have_the_venues_error(status: int, reason: str) -> None:
    answer = DIALECT.limited(status, 7)
    assert answer.status == status
    assert json.loads(answer.body) == {"error": [reason]}
    assert ("retry-after", "7") in answer.headers
    assert all(name != "retry-after" for name, _ in DIALECT.limited(status, None).headers)
