"""Everything the mock sends is valid by the published schemas, and what is not like the venue's messages is not."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import pytest
from binance_spot_kit import MarketView, get, opened
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import Frame, Message, Tick
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.market import Shape

DOCUMENTS: dict[str, Any] = {
    path.name: json.loads(path.read_text()) for path in sorted((folder("schemas") / "binance-spot").glob("*.json"))
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(document)) for name, document in DOCUMENTS.items()
)


@functools.cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=REGISTRY)


def errors(name: str, value: object) -> list[str]:
    return [error.message for error in validator(name).iter_errors(value)]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENTS[name])
    assert DOCUMENTS[name]["title"]
    assert DOCUMENTS[name]["description"]


KINDS = ["depth", "depth@100ms", "depth5", "depth10@100ms", "depth20", "trade", "aggTrade", "bookTicker", "kline_1m"]


def random_request(rng: random.Random, names: list[str]) -> dict[str, Any]:
    request: dict[str, Any] = {"id": rng.choice([1, None, "a1", 2**40])}
    match rng.randrange(4):
        case 0:
            request |= {"method": "SUBSCRIBE", "params": rng.sample(names, rng.randrange(4))}
        case 1:
            request |= {"method": "UNSUBSCRIBE", "params": rng.sample(names, rng.randrange(3))}
        case 2:
            request |= {"method": "LIST_SUBSCRIPTIONS"}
        case _:
            request |= {"method": "GET_PROPERTY", "params": ["combined"]}
    return request


BROKEN = [
    {"method": "SUBSCRIB", "params": [], "id": 1},
    {"method": "SUBSCRIBE", "params": [1], "id": 1},
    {"method": "SUBSCRIBE", "params": "x", "id": 1},
    {"method": "SET_PROPERTY", "params": ["combined"], "id": 1},
    {"method": "GET_PROPERTY", "params": ["x"], "id": 1},
    {"id": 1},
    [],
]


@pytest.mark.parametrize("seed", range(3))
def test_a_random_session_is_valid(seed: int) -> None:
    rng = random.Random(seed)
    view = MarketView(seed, profile=("busy", "thin", "one-sided")[seed % 3])
    names = [f"{symbol.lower()}@{kind}" for symbol in view.instruments for kind in KINDS]
    combined = seed % 2 == 0
    query = {"timeUnit": "MICROSECOND"} if seed % 3 == 0 else {}
    session = opened(view, *rng.sample(names, 8), combined=combined, **query)
    at = dict.fromkeys(view.instruments, 0)
    sent: list[tuple[bool, Message]] = []

    def say(value: object) -> None:
        reply = session.receive(Frame(json.dumps(value).encode()))
        sent.extend((False, message) for message in reply.messages)
        snapshots = [session.snapshot(feed) for feed in reply.snapshots]
        sent.extend((True, message) for message in snapshots if message is not None)

    for _ in range(80):
        symbol = rng.choice(list(at))
        first, at[symbol] = at[symbol], at[symbol] + rng.randint(1, 6)
        truth = view.truth(symbol)
        truth.ensure(at[symbol] - 1)
        truth.extend(Shape(kind="sweep", count=3) if rng.random() < 0.1 and truth.last < at[symbol] else None)
        at[symbol] = truth.last
        view.cursor[symbol] = truth.last
        sent.extend((True, message) for message in session.publish(Tick(symbol, first, truth.last)))
        if rng.random() < 0.3:
            request = random_request(rng, names)
            assert errors("request", request) == []
            say(request)
        if rng.random() < 0.1:
            broken = rng.choice(BROKEN)
            assert errors("request", broken) != []
            say(broken)
    sent.extend((True, message) for message in session.farewell())
    assert len(sent) > 100
    for data, message in sent:
        value = json.loads(message.payload)
        name = "server-message" if not data else "combined" if combined else "event"
        assert errors(name, value) == [], message.payload


ANSWERS = [
    ("rest-depth", "/api/v3/depth", {"symbol": "BTCUSDT", "limit": "5000"}),
    ("rest-depth", "/api/v3/depth", {"symbol": "XRPUSDT"}),
    ("rest-error", "/api/v3/depth", {}),
    ("rest-error", "/api/v3/depth", {"symbol": "x"}),
    ("rest-exchange-info", "/api/v3/exchangeInfo", {}),
    ("rest-exchange-info", "/api/v3/exchangeInfo", {"showPermissionSets": "false", "symbol": "BTCUSDT"}),
    ("rest-ping", "/api/v3/ping", {}),
    ("rest-time", "/api/v3/time", {}),
    ("rest-ticker-24hr", "/api/v3/ticker/24hr", {}),
    ("rest-ticker-24hr", "/api/v3/ticker/24hr", {"symbol": "BTCUSDT"}),
    ("rest-ticker-price", "/api/v3/ticker/price", {}),
    ("rest-ticker-price", "/api/v3/ticker/price", {"symbols": '["BTCUSDT"]'}),
    ("rest-ticker-book", "/api/v3/ticker/bookTicker", {}),
]


@pytest.mark.parametrize("index", [0, 200])
@pytest.mark.parametrize(("name", "path", "query"), ANSWERS)
def test_rest_answers_are_valid(name: str, path: str, query: dict[str, str], index: int) -> None:
    view = MarketView(3, count=5)
    for symbol in view.instruments:
        view.truth(symbol).ensure(index)
        view.cursor[symbol] = index
    answer = DIALECT.rest(get(path, **query), view)
    assert errors(name, json.loads(answer.body)) == []


def test_refusals_are_valid() -> None:
    for status in (418, 429, 500, 503):
        assert errors("rest-error", json.loads(DIALECT.limited(status, 1).body)) == []
    view = MarketView(count=1)
    refused = opened(view).refuse(Frame(b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}'))
    assert errors("error", json.loads(refused.messages[0].payload)) == []


GOOD: dict[str, Any] = {
    "e": "depthUpdate",
    "E": 1672515782136,
    "s": "BNBBTC",
    "U": 1,
    "u": 2,
    "b": [["1", "0"]],
    "a": [],
}


@pytest.mark.parametrize(
    "change",
    [{"u": "2"}, {"b": [], "a": []}, {"b": True}, {"b": [["0", "1"]]}, {"s": "bnbbtc"}, {"E": 1}, {"x": 1}],
)
def test_the_schema_of_an_event_is_strict(change: dict[str, Any]) -> None:
    assert errors("depth-update", GOOD) == []
    assert errors("depth-update", {**GOOD, **change}) != []
