"""E5 of the time before a client is first in sync."""

from __future__ import annotations

import pytest
from checker_world import World, real_truth

from bookproof.results import Verdict
from bookproof_exchange.evidence import Closed

PASS, WARN, FAIL, INFO = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INFO


@pytest.fixture
def world() -> World:
    world = World(real_truth(4, 60))
    world.connect()
    return world


def test_a_cache_that_fills_while_snapshots_are_fetched(world: World) -> None:
    for _ in range(10):
        world.rest(10, None)
    world.wait(5.0)
    for _ in range(5):
        world.rest(10, None)
    world.waited("sync", place=1)
    assert world.judge()["E5"].verdict is PASS


@pytest.mark.parametrize("came", [True, False])
def test_a_storm_of_snapshot_requests(world: World, came: bool) -> None:
    for _ in range(11):
        world.rest(10, None)
    world.waited("sync", came, place=1)
    check = world.judge()["E5"]
    assert (check.verdict, check.anomaly) == (WARN, "start-up-storm")
    world.struck(kind="stale-rest")
    if not came:
        assert world.judge(most_resyncs=3)["E5"].verdict is PASS  # three more for each fault


def test_ten_times_as_much_is_no_start(world: World) -> None:
    for _ in range(101):
        world.rest(10, None)
    assert world.judge()["E5"].verdict is FAIL


def test_each_symbol_may_have_a_connection() -> None:
    world = World(real_truth(4, 60), other=real_truth(5, 60))
    for _ in range(10):
        world.connect("BTC/USD")
        world.connect("ETH/USD")
    assert world.judge()["E5"].verdict is PASS
    world.connect("BTC/USD")
    assert world.judge()["E5"].anomaly == "start-up-storm"


def test_after_the_sync_the_faults_decide(world: World) -> None:
    world.snapshot(10)
    world.waited("sync", place=1)
    for _ in range(4):
        world.rest(10, None)
    world.step(2)
    check = world.judge(most_resyncs=3)["E5"]
    assert (check.verdict, check.anomaly) == (FAIL, "resync-storm")
    assert world.judge(most_resyncs=4)["E5"].verdict is PASS


def test_a_duplicate_subscription_before_the_sync_is_told(world: World) -> None:
    world.subscribe(again=True)
    check = world.judge()["E5"]
    assert (check.verdict, check.anomaly) == (INFO, "duplicate-subscription")
    assert "E2" not in world.judge()
    assert "E6" not in world.judge(resync="none")


# --- two connections that read the same --------------------------------------------------------------------------------


def synced() -> World:
    world = World(real_truth(4, 60))
    world.connect()
    world.snapshot(10)
    world.show_version(10)
    world.waited("sync", place=1)
    world.wait(0.5)
    return world


def test_a_further_connection_at_the_start_is_no_alarm() -> None:
    world = synced()
    world.connect()
    world.rest(10, None)
    world.step(2)
    assert world.judge(resync="none")["E6"].verdict is PASS
    world.rest(10, None)  # the second is
    check = world.judge(resync="none")["E6"]
    assert (check.verdict, check.anomaly) == (FAIL, "false-alarm")


def test_a_connection_that_replaces_another_is_an_alarm() -> None:
    world = synced()
    world.connect()
    world.connections = 1
    world.add(Closed, connection=1, by="client", code=1000)
    world.step(2)
    assert world.judge(resync="none")["E6"].verdict is FAIL


def test_a_connection_that_comes_later_is_an_alarm() -> None:
    world = synced()
    world.wait(2.0)
    world.connect()
    world.step(2)
    assert world.judge(resync="none")["E6"].verdict is FAIL


def test_each_of_two_readers_recovers_when_it_does() -> None:
    world = World(real_truth(4, 60))
    world.connect()
    world.connect()
    world.snapshot(10)
    world.show_version(10)
    world.waited("sync", place=1)
    world.struck()
    world.subscribe()
    world.waited("converge", place=4)
    world.step(5)
    world.barrier()
    world.subscribe()
    assert world.judge()["E2"].verdict is PASS
    world.subscribe()
    check = world.judge()["E2"]
    assert (check.verdict, check.anomaly) == (WARN, "unstable")
