"""The fixtures, used as a client's own tests use them: a small synchronous client, good and bad."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bookproof.pytest_support.exchange import MockExchange
from bookproof.pytest_support.fixture import Bookproof
from bookproof.pytest_support.words import CaseFailed
from bookproof.results import Verdict
from bookproof_exchange.errors import UsageError
from bookproof_exchange.timing import Timing

pytest_plugins = ["pytester"]
DEPTH = 10


class Client:
    """A book of one symbol over Kraken's protocol. It checks nothing, and subscribes again only if told to."""

    def __init__(self, exchange: MockExchange, *, floats: bool = False) -> None:
        self._number = float if floats else Decimal
        self._sides: dict[str, dict[Any, Any]] = {}
        self._lock = threading.Lock()
        context = ssl.create_default_context(cafile=exchange.tls_ca) if exchange.tls_ca is not None else None
        self._url, self._context = exchange.ws_url, context
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with contextlib.suppress(ConnectionClosed), connect(self._url, ssl=self._context) as socket:
            parameters = {"channel": "book", "symbol": ["BTC/USD"], "depth": DEPTH}
            socket.send(json.dumps({"method": "subscribe", "params": parameters}))
            for text in socket:
                message = json.loads(text, parse_float=self._number, parse_int=self._number)
                if message.get("channel") == "book":
                    self._take(message["type"], message["data"][0])

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        with self._lock:
            for name in ("bids", "asks"):
                side = {} if kind == "snapshot" else self._sides[name]
                side.update((row["price"], row["qty"]) for row in data[name])
                best = sorted((price for price, size in side.items() if size), reverse=name == "bids")[:DEPTH]
                self._sides[name] = {price: side[price] for price in best}

    def book(self, symbol: str) -> tuple[list[Any], list[Any]] | None:
        with self._lock:
            if not self._sides:
                return None
            bids, asks = (list(self._sides[name].items()) for name in ("bids", "asks"))
            return bids, asks


@pytest.fixture
def exchange(bookproof: Bookproof) -> Iterator[MockExchange]:
    with bookproof.exchange("kraken-v2") as opened:
        yield opened


def test_a_good_client_step_by_step(exchange: MockExchange) -> None:
    client = Client(exchange)
    exchange.shows(client.book, depth=DEPTH)
    exchange.sync()
    exchange.send(5)
    exchange.read()
    exchange.send(3, shape="improve")
    exchange.settle()
    assert client.book("BTC/USD") == exchange.truth("BTC/USD", depth=DEPTH)
    assert exchange.truth().bids[:DEPTH] == exchange.truth(depth=DEPTH).bids
    assert exchange.result().verdict is Verdict.PASS
    exchange.assert_passed()
    assert exchange.connections == 1
    assert [json.loads(text)["method"] for text in exchange.received()] == ["subscribe"]
    exchange.close()
    client.join()


def test_without_a_look_the_exchange_only_waits_for_the_subscription(exchange: MockExchange) -> None:
    client = Client(exchange)
    exchange.sync()
    before = exchange.truth()
    exchange.send(4)
    assert exchange.truth() != before
    with pytest.raises(UsageError, match=r"look at the client's book \(say how: exchange.shows"):
        exchange.read()
    exchange.close()
    client.join()


def test_a_lost_update_shows_in_words(exchange: MockExchange) -> None:
    client = Client(exchange)
    exchange.shows(client.book, depth=DEPTH)
    exchange.sync()
    exchange.fault("drop")
    exchange.send(3)
    with pytest.raises(CaseFailed, match=r"fail S1 missed-update: .*BTC/USD") as caught:
        exchange.read()
    assert "side" in str(caught.value)
    assert caught.value.result.verdict is Verdict.FAIL
    with pytest.raises(CaseFailed, match="missed-update"):
        exchange.assert_passed()
    exchange.close()
    client.join()


def test_a_client_that_stays_away_is_said_to(bookproof: Bookproof) -> None:
    with bookproof.exchange("kraken-v2", symbols=2) as exchange:
        exchange._timing = Timing(sync=0.05)
        with pytest.raises(AssertionError, match=r"did not subscribe to BTC/USD, .* within 0.05 s"):
            exchange.sync()
        with pytest.raises(CaseFailed, match="inconclusive"):
            exchange.assert_passed()


def test_waiting_for_what_the_client_must_do(exchange: MockExchange) -> None:
    client = Client(exchange)
    exchange.sync()
    exchange.fault("close", code=1001)
    client.join()
    again = Client(exchange)
    exchange.wait_for("reconnect")
    exchange.wait_for("subscribe")
    exchange._running.timing = Timing(request=0.05)
    with pytest.raises(CaseFailed, match=r"await-unsubscribe.*No unsubscribe came within 0.05 s"):
        exchange.wait_for("unsubscribe")
    exchange.close()
    again.join()


def test_floats_and_tls(bookproof: Bookproof) -> None:
    with bookproof.exchange("kraken-v2", tls=True) as exchange:
        assert exchange.ws_url.startswith("wss://")
        client = Client(exchange, floats=True)
        exchange.shows(client.book, depth=DEPTH)
        with pytest.raises(UsageError, match="floats=True"):
            exchange.sync()
        exchange.shows(client.book, depth=DEPTH, floats=True)
        exchange.sync()
        exchange.settle()
        exchange.assert_passed()
    client.join()


@pytest.mark.parametrize(
    ("word", "parameters", "message"),
    [
        ("fault", {"kind": "dropp"}, r"unknown fault 'dropp' \(did you mean 'drop'\?\)"),
        ("fault", {"kind": "drop", "many": 2}, "unknown key 'many'"),
        ("send", {"shape": "improved"}, "improve"),
        ("send", {"symbol": "ETH/USD"}, r"there is no symbol 'ETH/USD' here \(there are: BTC/USD\)"),
        ("wait_for", {"what": "nothing"}, "reconnect"),
    ],
)
def test_mistakes_in_words(exchange: MockExchange, word: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        getattr(exchange, word)(**parameters)


def test_what_look_raises_comes_out(exchange: MockExchange) -> None:
    client = Client(exchange)

    def broken(symbol: str) -> None:
        raise KeyError(symbol)

    exchange.shows(broken)
    with pytest.raises(KeyError, match="BTC/USD"):
        exchange.sync()
    exchange.close()
    client.join()
    with pytest.raises(UsageError, match="closed"):
        exchange.send()


def test_the_dialect_has_to_be_said(bookproof: Bookproof) -> None:
    with pytest.raises(UsageError, match="which dialect"):
        bookproof.exchange()
    with pytest.raises(UsageError, match="did you mean 'kraken-v2'"):
        bookproof.exchange("kraken-v3")


def test_running_a_scenario_against_the_configured_client(pytester: pytest.Pytester) -> None:
    (pytester.path / "calm.scenario.yaml").write_text(
        "id: own/calm\ntitle: t\npurpose: p\nrules: [checksum-verify]\nscript: [sync, send: 3, settle]\n"
    )
    pytester.makepyfile(
        """
        import pytest
        import trio
        from bookproof_exchange.errors import UsageError

        def test_passes(bookproof):
            bookproof.run("calm.scenario.yaml").assert_passed()
            result = bookproof.run("book/gap/single")
            assert result.passed and result.result.id == "kraken-v2/book/gap/single"
            with pytest.raises(UsageError, match="did you mean 'book/gap/single'"):
                bookproof.run("book/gap/singel")

        def test_driver(bookproof_client):
            async def main():
                driver = await bookproof_client()
                assert driver.info.name == "ideal"
                await driver.close()
            trio.run(main)

        def test_exchange(bookproof_exchange):
            assert bookproof_exchange().ws_url.startswith("ws://127.0.0.1:")
        """
    )
    result = pytester.runpytest_inprocess(
        "--bookproof-client=python:bookproof.ideal.adapter:IdealAdapter", "--bookproof-dialect=kraken-v2",
        "-p", "no:hypothesispytest", "test_running_a_scenario_against_the_configured_client.py",
    )  # fmt: skip
    result.assert_outcomes(passed=3)
