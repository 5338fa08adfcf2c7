"""Liveness, effort, freshness, trades and the script's own waits: kept and broken."""

from __future__ import annotations

import pytest
from checker_world import INSTRUMENT, ScriptedTruth, World, real_truth

from bookproof.checker.judge import freshness
from bookproof.results import Verdict
from bookproof_exchange.dialects.api import Kind, Message
from bookproof_exchange.evidence import Sent
from bookproof_exchange.market import Change, Side, Trade

PASS, FAIL, INFO, WARN = Verdict.PASS, Verdict.FAIL, Verdict.INFO, Verdict.WARN


@pytest.fixture
def world() -> World:
    world = World(real_truth(4, 60))
    world.connect()
    world.snapshot(10)
    world.updates(11, 12)
    world.show_version(12)
    world.waited("sync", place=1)
    return world


def test_e1_and_e3_pass_when_they_came(world: World) -> None:
    world.waited("settle", place=4)
    checks = world.judge()
    assert (checks["E1@1"].verdict, checks["E3@4"].verdict) == (PASS, PASS)


def test_e1_not_live(world: World) -> None:
    world.show_version(12, claim="stale")
    world.said("checksum mismatch")
    world.waited("converge", False, place=5)
    check = world.judge()["E1@5"]
    assert (check.verdict, check.anomaly) == (FAIL, "not-live")
    assert "checksum mismatch" in check.message


def test_e1_behind_and_nothing_shown(world: World) -> None:
    world.updates(*range(13, 30))
    world.show_version(12)
    world.waited("converge", False, place=5)
    check = world.judge()["E1@5"]
    assert (check.verdict, check.anomaly) == (FAIL, "behind")
    assert check.diff
    del world.evidence[1:]
    world.waited("sync", False)
    assert world.judge()["E1@1"].anomaly == "nothing-shown"


def test_e3_names_what_is_wrong_with_the_last_book(world: World) -> None:
    world.updates(*range(13, 30))
    book = world.truth.book(29)
    book.truncate(5)
    price, size = world.truth.levels(29, Side.ASK, 1)[0]
    book.set(Side.ASK, price, size + 1)
    world.show_book(book)
    world.waited("settle", False, place=3)
    check = world.judge()["E3@3"]
    assert (check.verdict, check.anomaly) == (FAIL, "wrong-size")
    assert len(check.diff) == 1


def test_e3_too_late_where_the_state_is_right_after_all(world: World) -> None:
    world.show_version(12)
    world.waited("settle", False, place=3)
    assert world.judge()["E3@3"].anomaly == "not-sent"


def test_awaits_take_the_level_of_their_step(world: World) -> None:
    world.waited("reconnect", True, place=2)
    world.waited("snapshot-request", False, place=3)
    checks = world.judge()
    assert checks["await-reconnect@2"].verdict is PASS
    assert (checks["await-snapshot-request@3"].verdict, checks["await-snapshot-request@3"].anomaly) == (
        FAIL,
        "no-snapshot-request",
    )
    assert world.judge(await_levels={3: "SHOULD"})["await-snapshot-request@3"].verdict is WARN


def test_e2_recovering_again_after_convergence(world: World) -> None:
    world.struck()
    world.subscribe()
    world.step(4, "converge")
    world.waited("converge", place=4)
    assert world.judge()["E2"].verdict is PASS
    world.subscribe()
    assert world.judge()["E2"].verdict is PASS  # the script was over
    world.step(5)
    assert world.judge()["E2"].verdict is PASS  # that request was still of the recovery: nothing proves the contrary
    world.barrier()
    world.subscribe()
    check = world.judge()["E2"]
    assert (check.verdict, check.anomaly) == (WARN, "unstable")
    assert world.judge(stability="MUST")["E2"].verdict is FAIL
    world.struck(2)  # a later fault: nothing is asked before the next convergence
    assert "E2" not in world.judge()


def test_trades_that_were_asked_for_and_never_sent_prove_nothing(world: World) -> None:
    assert world.judge()["V0"].verdict is PASS
    check = world.judge(channels=("book", "trades"))["V0"]
    assert (check.verdict, check.anomaly) == (Verdict.INCONCLUSIVE, "no-trades")


def test_e5_storm_and_duplicate_subscription(world: World) -> None:
    world.step(2, "fault drop")
    world.struck()
    for _ in range(3):
        world.connect()
        world.subscribe()
    # each round counts once although it is a connection and two subscriptions of one symbol
    assert world.judge(most_resyncs=6)["E5"].verdict is PASS
    check = world.judge(most_resyncs=5)["E5"]
    assert (check.verdict, check.anomaly) == (FAIL, "resync-storm")
    world.subscribe(again=True)
    check = world.judge()["E5"]
    assert (check.verdict, check.anomaly) == (INFO, "duplicate-subscription")
    world.struck(2, kind="no-ack")
    assert world.judge()["E5"].verdict is PASS


def test_e6_false_alarm_and_no_recovery(world: World) -> None:
    assert world.judge(resync="none")["E6"].verdict is PASS
    check = world.judge(resync="some")["E6"]
    assert (check.verdict, check.anomaly) == (FAIL, "no-recovery")
    world.step(2)
    world.rest(12, None, failing=True)
    check = world.judge(resync="none")["E6"]
    assert (check.verdict, check.anomaly) == (FAIL, "false-alarm")
    assert world.judge(resync="some")["E6"].verdict is PASS
    assert "E6" not in world.judge()


def test_e4_lag_counts_from_the_proof_that_something_newer_was_read(world: World) -> None:
    prints = world.truth.fingerprints(5)
    world.evidence.pop()
    world.evidence.pop()
    world.evidence.pop()
    old = 12
    new = next(i for i in range(13, 40) if prints[i] not in prints[:i])
    world.updates(*range(13, new + 1))
    world.barrier()
    world.wait(3.0)
    world.show_version(old)
    world.show_version(new)
    lag = freshness(world.facts(), world.evidence)
    assert lag.samples == 2
    assert lag.most == pytest.approx(3.0)
    assert lag.p50 == 0.0


def trading(upto: int = 8) -> World:
    changes = [(Change(Side.BID, 100, 10 + i),) for i in range(1, 9)]
    trades = {i: (Trade(i, 1000 + i, 5 * i, Side(i % 2)),) for i in range(1, 9)}
    truth = ScriptedTruth(((100, 10),), ((110, 10),), changes, trades)
    world = World(truth)
    world.connect()
    world.send_trades(2, 5)
    if upto > 5:
        world.send_trades(5, upto)
    return world


def show_trades(world: World, *numbers: int, **changed: str) -> World:
    for number in numbers:
        world.trade(world.truth.event(number).trades[0], **changed)
    return world


def test_t1_complete_and_in_order() -> None:
    assert show_trades(trading(), 3, 4, 5, 6, 7, 8).judge()["T1"].verdict is PASS
    assert show_trades(trading(), 3, 4, 5).judge()["T1"].verdict is PASS  # the rest may still come


@pytest.mark.parametrize(
    ("numbers", "anomaly"),
    [
        ((3, 5, 6), "trade-lost"),
        ((3, 4, 4, 5), "trade-duplicate"),
        ((3, 5, 4, 6), "trade-order"),
        ((3, 4, 1), "trade-invented"),
        ((1,), "trade-invented"),
    ],
)
def test_t1_anomalies(numbers: tuple[int, ...], anomaly: str) -> None:
    check = show_trades(trading(), *numbers).judge()["T1"]
    assert (check.verdict, check.anomaly) == (FAIL, anomaly)


def test_t1_the_wrong_side() -> None:
    world = show_trades(trading(), 3)
    show_trades(world, 4, side="sell")
    assert world.judge()["T1"].verdict is (FAIL if world.truth.event(4).trades[0].taker is Side.BID else PASS)
    world = show_trades(trading(), 3)
    show_trades(world, 4, side="maker?")  # a word that says nothing is not judged
    assert world.judge()["T1"].verdict is PASS


def test_t1_trades_lost_at_the_end_need_proof() -> None:
    world = show_trades(trading(), 3, 4)
    world.barrier()
    assert world.judge()["T1"].verdict is PASS
    world.wait(10)
    world.waited("settle")
    assert world.judge()["T1"].anomaly == "trade-lost"


@pytest.mark.parametrize("end", ["close", "notice"])
@pytest.mark.parametrize(("proven", "since"), [(False, 10), (True, 0), (True, 10)])
def test_t1_what_came_shortly_before_the_end_of_a_connection_may_be_left(end: str, proven: bool, since: float) -> None:
    """Unless it had been read long before: the ends of connections are no excuse for what was lost earlier."""
    world = trading(5)
    show_trades(world, 3, 4)
    if proven:
        world.barrier()
    world.wait(since)
    if end == "close":
        world.close()
        world.connect()
    else:
        world.add(Sent, connection=1, message=Message(kind=Kind.NOTICE, payload=b"{}"))
    world.send_trades(5, 8)
    check = show_trades(world, 6, 7, 8).judge()["T1"]
    assert (check.verdict, check.anomaly) == ((FAIL, "trade-lost") if proven and since else (PASS, None))


def test_t1_after_a_notice_a_client_may_leave_at_once() -> None:
    for shown in ((3, 4, 5), (3, 4, 5, 6, 7)):
        world = show_trades(trading(5), *shown[:3])
        world.add(Sent, connection=1, message=Message(kind=Kind.NOTICE, payload=b"{}"))
        world.send_trades(5, 8)
        show_trades(world, *shown[3:])
        world.barrier()
        world.wait(10)
        world.waited("settle")
        assert world.judge()["T1"].verdict is PASS, shown


def test_t1_a_client_with_two_connections_may_take_its_trades_from_either() -> None:
    for connections in (1, 2):
        world = show_trades(trading(5), 3, 4, 5)
        for _ in range(1, connections):
            world.connect()
        world.send_trades(5, 6)  # of two only on the second
        world.send_trades(6, 8)
        check = show_trades(world, 7, 8).judge()["T1"]
        assert (check.verdict, check.anomaly) == ((FAIL, "trade-lost") if connections == 1 else (PASS, None))


def test_t1_sent_again_after_a_reconnect() -> None:
    world = show_trades(trading(), 3, 4, 5, 6)
    world.connect()
    world.send_trades(4, 8)
    assert show_trades(world, 7, 8).judge()["T1"].verdict is PASS
    world = show_trades(trading(), 3, 4, 5, 6, 7, 8)
    world.connect()
    world.send_trades(6, 8)
    assert show_trades(world, 7, 8).judge()["T1"].verdict is PASS
    assert INSTRUMENT.symbol == world.symbol
