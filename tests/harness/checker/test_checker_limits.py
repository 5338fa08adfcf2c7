"""E5 of the venue's limits: kept, broken for certain, and perhaps broken, which is no failure."""

from __future__ import annotations

import pytest
from checker_world import World, real_truth

from bookproof.results import Check, Verdict
from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, Limit
from bookproof_exchange.evidence import Asked, Opened, Pinged, Received, Rest, Struck

PASS, FAIL = Verdict.PASS, Verdict.FAIL

MESSAGES = Limit(what="messages", most=5, seconds=1.0, rule="message-rate")
CONNECTIONS = Limit(what="connections", most=10, seconds=1.0, rule="reconnect-backoff")
WEIGHT = Limit(what="weight", most=100, seconds=60.0, rule="rest-weight", rolling=False)
EACH = Limit(what="weight", most=100, seconds=60.0, rule="rest-weight", each_path=True)


@pytest.fixture
def world() -> World:
    world = World(real_truth(4, 60))
    world.connect()
    world.snapshot(10)
    return world


def send(world: World, connection: int = 1) -> None:
    world.add(Received, connection=connection, payload=b"{}", binary=False)


def asks(
    world: World, number: int, *, weight: int = 0, path: str = "/depth", status: int = 200, retry: str = ""
) -> None:
    ask(world, number, path)
    answer(world, number, weight=weight, path=path, status=status, retry=retry)


def ask(world: World, number: int, path: str = "/depth") -> None:
    world.add(Asked, number=number, request=HttpRequest(method="GET", path=path))


def answer(
    world: World, number: int, *, weight: int = 0, path: str = "/depth", status: int = 200, retry: str = ""
) -> None:
    headers = (("Retry-After", retry),) if retry else ()
    world.add(
        Rest,
        asked=world.position,
        number=number,
        request=HttpRequest(method="GET", path=path),
        answer=HttpAnswer(status=status, body=b"", headers=headers, weight=weight),
    )


def judged(world: World, what: str, *limits: Limit) -> Check:
    return world.judge(limits=limits, backoff="test/rest-backoff")[f"E5@{what}"]


def test_without_limits_and_without_pauses_nothing_is_judged(world: World) -> None:
    asks(world, 1, weight=10**6)
    assert not [name for name in world.judge(backoff="test/rest-backoff") if name.startswith("E5@")]


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_burst_after_the_handshake_is_certain(world: World) -> None:
    for _ in range(4):  # and one when it connected
        send(world)
    assert judged(world, "messages", MESSAGES).verdict is PASS
    send(world)
    check = judged(world, "messages", MESSAGES)
    assert (check.verdict, check.anomaly, check.rule) == (FAIL, "too-many-messages", "test/message-rate")
    assert check.position == world.position


def test_a_burst_out_of_silence_may_have_waited_to_be_read(world: World) -> None:
    world.wait(5.0)
    for _ in range(20):
        send(world)
        world.update(11)
    assert judged(world, "messages", MESSAGES).verdict is PASS


def test_after_a_pong_it_is_certain(world: World) -> None:
    world.wait(5.0)
    world.barrier()
    world.wait(0.1)
    for _ in range(6):
        send(world)
    assert judged(world, "messages", MESSAGES).verdict is PASS  # they may have been read together with the pong
    world.evidence[-6:] = []
    world.show_version(10)
    for _ in range(6):
        send(world)
    assert judged(world, "messages", MESSAGES).anomaly == "too-many-messages"


def test_messages_at_the_venues_pace(world: World) -> None:
    for _ in range(100):
        world.wait(0.2)
        send(world)
        world.show_version(10)
    assert judged(world, "messages", MESSAGES).verdict is PASS


def test_what_is_read_one_by_one_is_certain(world: World) -> None:
    world.wait(5.0)
    for _ in range(8):
        world.wait(0.1)
        send(world)
        world.show_version(10)
    assert judged(world, "messages", MESSAGES).verdict is FAIL


def test_pings_count_and_each_connection_counts_by_itself(world: World) -> None:
    world.connect()
    for _ in range(4):
        world.add(Pinged, connection=1)
        send(world, 2)
    assert judged(world, "messages", MESSAGES).verdict is PASS
    world.add(Pinged, connection=1)
    assert judged(world, "messages", MESSAGES).verdict is FAIL


# --- connections ------------------------------------------------------------------------------------------------------


def attempts(world: World, count: int, pause: float) -> None:
    for _ in range(count):
        world.wait(pause)
        world.add(Struck, fault=1, kind="close", connection=None, note="handshake refused")


def test_attempts_without_a_pause(world: World) -> None:
    world.close()
    attempts(world, 9, 0.01)
    assert judged(world, "connections", CONNECTIONS).verdict is PASS
    attempts(world, 2, 0.01)
    check = judged(world, "connections", CONNECTIONS)
    assert (check.verdict, check.anomaly, check.rule) == (FAIL, "too-many-connections", "test/reconnect-backoff")


def test_attempts_with_a_pause(world: World) -> None:
    world.close()
    attempts(world, 200, 0.12)
    assert judged(world, "connections", CONNECTIONS).verdict is PASS


def test_several_connections_may_come_back_together(world: World) -> None:
    world.connect()
    world.connect()
    for number in (1, 2, 3):
        world.connections = number
        world.close()
    attempts(world, 25, 0.01)
    assert judged(world, "connections", CONNECTIONS).verdict is PASS
    attempts(world, 10, 0.01)
    assert judged(world, "connections", CONNECTIONS).verdict is FAIL


def test_where_the_venue_counts_by_the_clock_twice_as_many_may_come_across_a_border(world: World) -> None:
    by_the_clock = Limit(what="connections", most=10, seconds=1.0, rule="reconnect-backoff", rolling=False)
    for number in range(2, 21):
        world.add(Opened, connection=number, path="/")
        world.connections = number
        world.close()
    assert judged(world, "connections", by_the_clock).verdict is PASS
    attempts(world, 21, 0.001)
    assert judged(world, "connections", by_the_clock).verdict is FAIL


# --- weight -----------------------------------------------------------------------------------------------------------


def test_weight(world: World) -> None:
    for number in range(1, 5):
        asks(world, number, weight=50)
    assert judged(world, "weight", WEIGHT).verdict is PASS
    asks(world, 5, weight=50)
    check = judged(world, "weight", WEIGHT)
    assert (check.verdict, check.anomaly, check.rule) == (FAIL, "too-many-weight", "test/rest-weight")


def test_what_was_refused_for_its_weight_weighs_as_before(world: World) -> None:
    asks(world, 1, weight=50)
    for number in range(2, 6):
        asks(world, number, status=429, retry="30")
    assert judged(world, "weight", WEIGHT).verdict is FAIL


def test_weight_over_a_long_time_is_within_the_limit(world: World) -> None:
    for number in range(1, 40):
        asks(world, number, weight=50)
        world.wait(31.0)
    assert judged(world, "weight", WEIGHT).verdict is PASS


def test_weight_of_each_path(world: World) -> None:
    for number in range(1, 11):
        asks(world, number, weight=20, path=f"/{number % 2}")
    assert judged(world, "weight", EACH).verdict is PASS
    asks(world, 11, weight=20, path="/1")
    assert judged(world, "weight", EACH).verdict is FAIL


# --- Retry-After ------------------------------------------------------------------------------------------------------


def test_waiting_as_long_as_the_venue_says(world: World) -> None:
    asks(world, 1, status=429, retry="2")
    world.wait(1.96)
    asks(world, 2)
    assert judged(world, "retry-after").verdict is PASS


@pytest.mark.parametrize("status", [429, 418])
def test_asking_before(world: World, status: int) -> None:
    asks(world, 1, status=status, retry="2")
    world.wait(1.5)
    ask(world, 2)
    check = judged(world, "retry-after")
    assert (check.verdict, check.anomaly, check.rule) == (FAIL, "ignores-retry-after", "test/rest-backoff")
    assert check.position == world.position
    assert str(status) in check.message


def test_what_may_have_been_on_its_way_is_excused(world: World) -> None:
    asks(world, 1, status=429, retry="2")
    world.wait(0.9)
    asks(world, 2, status=429, retry="2")
    world.wait(1.2)  # the first time to wait is over, that of the second is none of its own
    asks(world, 3)
    assert judged(world, "retry-after").verdict is PASS


def test_a_request_that_was_answered_late_was_asked_before(world: World) -> None:
    ask(world, 1)
    ask(world, 2)
    answer(world, 1, status=429, retry="2")
    world.wait(1.5)
    answer(world, 2)
    assert judged(world, "retry-after").verdict is PASS


def test_each_wait_counts(world: World) -> None:
    asks(world, 1, status=429, retry="2")
    world.wait(2.0)
    asks(world, 2, status=429, retry="2")
    world.wait(1.5)
    ask(world, 3)
    assert judged(world, "retry-after").verdict is FAIL


def test_other_answers_and_other_paths_ask_for_no_wait(world: World) -> None:
    asks(world, 1, status=503, retry="2")
    world.wait(1.5)
    asks(world, 2)
    assert "E5@retry-after" not in world.judge(backoff="test/rest-backoff")
    asks(world, 3, status=429, retry="2", path="/depth")
    world.wait(1.5)
    ask(world, 4, "/time")
    assert judged(world, "retry-after", EACH).verdict is PASS
    assert judged(world, "retry-after", WEIGHT).verdict is FAIL
    assert "E5@retry-after" not in world.judge()
