"""What the venue does to a client that asks for more than its limits allow, and that it does nothing to any other."""

from __future__ import annotations

import pytest
from script_kit import Bench

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Frame, HttpRequest
from bookproof_exchange.faults import specs
from bookproof_exchange.script.gate import retry_after

each_rest = pytest.mark.parametrize("name", ["binance-spot", "mexc-v3"])

LIST = {
    "binance-spot": Frame(b'{"method":"LIST_SUBSCRIPTIONS","id":1}'),
    "mexc-v3": Frame(b'{"method":"PING"}'),
    "kraken-v2": Frame(b'{"method":"ping"}'),
}


def statuses(bench: Bench, *numbers: int) -> list[int]:
    answers = [bench.answers[number] for number in numbers]
    return [0 if answer is None else answer.status for answer in answers]


# --- Retry-After ------------------------------------------------------------------------------------------------------


@each_rest
@pytest.mark.parametrize("status", [429, 418])
def test_who_was_told_to_wait_is_refused_until_then(name: str, status: int) -> None:
    bench = Bench(name, timed=True)
    bench.arm(1, specs.FailingRest(status=status, retry_after=3))
    first = bench.fetch()
    bench.now = 0.5
    early = bench.fetch()
    bench.now = 2.9
    late = bench.fetch()
    bench.now = 2.99  # a timer is not exact
    right = bench.fetch()
    assert statuses(bench, first, early, late, right) == [status, status, status, 200]
    answers = [bench.answers[number] for number in (first, early, late)]
    assert [retry_after(answer) for answer in answers if answer is not None] == [3, 3, 1]
    # a consequence of the fault, and no other strike of it
    assert [record.faults for record in bench.records(evidence.Rest)] == [(1,), (1,), (1,), ()]
    assert len(bench.struck()) == 1


@each_rest
def test_a_wait_that_is_over_leaves_the_next_strike_to_the_fault(name: str) -> None:
    bench = Bench(name, timed=True)
    bench.arm(1, specs.FailingRest(status=429, times=2, retry_after=1))
    numbers = [bench.fetch()]
    bench.now = 1.0
    numbers.append(bench.fetch())
    bench.now = 2.0
    numbers.append(bench.fetch())
    assert statuses(bench, *numbers) == [429, 429, 200]
    assert len(bench.struck()) == 2


@each_rest
@pytest.mark.parametrize("fault", [specs.FailingRest(status=429), specs.FailingRest(status=503, retry_after=9)])
def test_without_a_time_to_wait_nobody_waits(name: str, fault: specs.FailingRest) -> None:
    bench = Bench(name, timed=True)
    bench.arm(1, fault)
    assert statuses(bench, bench.fetch(), bench.fetch()) == [fault.status, 200]


def test_binance_counts_for_the_address_and_mexc_for_each_endpoint() -> None:
    for name, status in (("binance-spot", 429), ("mexc-v3", 200)):
        bench = Bench(name, timed=True)
        bench.arm(1, specs.FailingRest(status=429, retry_after=3))
        bench.fetch()
        assert statuses(bench, bench.get(HttpRequest(method="GET", path="/api/v3/time"))) == [status]


# --- the weight of requests -------------------------------------------------------------------------------------------


def test_a_minute_has_so_much_weight_and_the_next_one_again() -> None:
    bench = Bench("binance-spot", timed=True)
    request = HttpRequest(method="GET", path="/api/v3/depth", query={"symbol": bench.symbol, "limit": "5000"})
    bench.now = 61.0
    numbers = [bench.get(request) for _ in range(24)]  # 250 each
    assert statuses(bench, *numbers) == [200] * 24
    refused = bench.get(request)
    answer = bench.answers[refused]
    assert answer is not None
    assert (answer.status, retry_after(answer)) == (429, 59)
    bench.now = 119.0
    assert statuses(bench, bench.get(request)) == [429]
    bench.now = 120.0
    assert statuses(bench, bench.get(request)) == [200]


def test_each_endpoint_of_mexc_has_a_weight_of_its_own() -> None:
    bench = Bench("mexc-v3", timed=True)
    numbers = [bench.fetch() for _ in range(501)]
    assert statuses(bench, *numbers) == [200] * 500 + [429]
    assert statuses(bench, bench.get(HttpRequest(method="GET", path="/api/v3/time"))) == [200]


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("binance-spot", 5), ("mexc-v3", 100)])
def test_a_connection_that_sends_too_much_is_ended(name: str, most: int) -> None:
    bench = Bench(name, timed=True)
    connection = bench.connect()
    for _ in range(most):
        bench.send(connection, LIST[name])
    assert not bench.hung_up
    bench.send(connection, LIST[name])
    (action,) = bench.hung_up
    assert action.code == (1008 if name == "binance-spot" else 1006)
    (closed,) = bench.records(evidence.Closed)
    assert closed.by == "exchange"
    # the last one was read, and is not answered
    assert len(bench.records(evidence.Received)) == most + 1
    assert len(bench.got[connection]) == most


def test_pings_are_messages_too() -> None:
    bench = Bench("binance-spot", timed=True)
    connection = bench.connect()
    for _ in range(5):
        bench.perform(bench.exchange.pinged(connection))
    assert not bench.hung_up
    bench.perform(bench.exchange.pinged(connection))
    assert len(bench.hung_up) == 1
    assert len(bench.records(evidence.Pinged)) == 6


def test_pongs_are_not_for_they_are_asked_for() -> None:
    bench = Bench("binance-spot", timed=True)
    connection = bench.connect()
    for _ in range(50):
        bench.pong(connection, b"")
    for _ in range(5):
        bench.send(connection, LIST["binance-spot"])
    assert not bench.hung_up


def test_a_burst_that_may_have_waited_to_be_read_is_no_sign() -> None:
    """The exchange was busy for two seconds; the client has sent five messages a second."""
    bench = Bench("binance-spot", timed=True)
    connection = bench.connect()
    bench.now = 2.0
    for _ in range(10):
        bench.send(connection, LIST["binance-spot"])
    assert not bench.hung_up


def test_messages_at_their_pace_go_on_without_end() -> None:
    bench = Bench("binance-spot", timed=True)
    connection = bench.connect()
    for turn in range(100):
        bench.now = turn * 0.2
        bench.send(connection, LIST["binance-spot"])
        bench.advance(1)
    assert not bench.hung_up


def test_what_was_read_by_and_by_is_certain() -> None:
    bench = Bench("binance-spot", timed=True)
    connection = bench.connect()
    bench.now = 50.0
    for _ in range(8):
        bench.now += 0.1
        bench.advance(1)
        bench.send(connection, LIST["binance-spot"])
    assert len(bench.hung_up) == 1


def test_kraken_documents_no_rate_of_messages() -> None:
    bench = Bench("kraken-v2", timed=True)
    connection = bench.connect()
    for _ in range(300):
        bench.send(connection, LIST["kraken-v2"])
    assert not bench.hung_up


# --- without a clock, and outages -------------------------------------------------------------------------------------


def test_without_a_clock_nothing_is_too_fast() -> None:
    bench = Bench("binance-spot")
    connection = bench.connect()
    for _ in range(50):
        bench.send(connection, LIST["binance-spot"])
    bench.arm(1, specs.FailingRest(status=429, retry_after=3))
    assert statuses(bench, bench.fetch(), bench.fetch()) == [429, 200]
    assert not bench.hung_up


@pytest.mark.parametrize("name", ["binance-spot", "kraken-v2", "mexc-v3"])
def test_an_outage_lasts_until_it_is_lifted(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Close(refuse="until-lift"))
    refused = [bench.connect() for _ in range(20)]
    assert [bench.refused[number].status for number in refused] == [503] * 20
    assert len(bench.struck()) == 21
    bench.perform(bench.exchange.lift())
    assert bench.connect() in bench.admitted


def test_lifting_a_stall_does_not_shorten_a_count_of_refusals() -> None:
    bench = Bench("kraken-v2")
    bench.client()
    bench.arm(1, specs.Close(refuse=2))
    bench.perform(bench.exchange.lift())
    assert [bench.connect() in bench.refused for _ in range(3)] == [True, True, False]
