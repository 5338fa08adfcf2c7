"""What the ideal client can know of each fault, and that nothing else is asked: the script played, without sockets."""

from __future__ import annotations

import pytest

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.detect import Played, check, impossible, played
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.model import Scenario

HEAD = """
id: book/test/detect
title: test
purpose: test
rules: [gap-restart, checksum-verify, reconnect-rebuild, rest-retry, frames-failed]
"""


def scenario(steps: str, rest: str = "") -> Scenario:
    script = "\n".join(f"  - {step.strip()}" for step in steps.split(";"))
    return loads(f"{HEAD}{rest}\nscript:\n{script}\n")


def run(name: str, steps: str, rest: str = "", seed: int = 1) -> Played:
    return played(scenario(steps, rest), DIALECTS.get(name), seed)


def complaints(name: str, steps: str, rest: str = "") -> list[str]:
    return [f"{found.field}: {found.message}" for found in impossible(scenario(steps, rest), DIALECTS.get(name))]


# --- the detection point ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fault", "reason"),
    [
        ("binance-spot", "drop", "gap"),
        ("mexc-v3", "drop", "gap"),
        ("kraken-v2", "drop", "checksum"),
        ("kraken-v2", "wrong-checksum", "checksum"),
        ("kraken-v2", "corrupt-level", "checksum"),
        ("kraken-v2", "corrupt-level-consistent", "checksum"),
        ("binance-spot", "corrupt-level", None),
        ("mexc-v3", "corrupt-level", None),
        ("binance-spot", "cut", "gap"),
        ("kraken-v2", "cut", "checksum"),
        ("mexc-v3", "renumbered-gap", "gap"),
        ("binance-spot", "duplicate", None),
        ("kraken-v2", "{kind: close, how: rst}", "closed"),
        ("binance-spot", "{kind: broken-frame, how: masked}", "violation"),
        ("binance-spot", "{kind: farewell, messages: 0}", "farewell"),
        ("mexc-v3", "foreign-symbol", None),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_what_tells_of_a_fault(name: str, fault: str, reason: str | None, seed: int) -> None:
    (told,) = run(name, f"sync; send: 4; fault: {fault}; send: 4; read", seed=seed).faults
    assert told.struck is not None, "it struck"
    if reason is None:
        assert told.told is None
    else:
        assert told.told is not None
        assert told.told.reason == reason
        assert told.told.position >= told.struck


@pytest.mark.parametrize("name", DIALECTS.names())
@pytest.mark.parametrize("sent", [2, 3, 7])
def test_the_first_message_after_a_lost_one_tells(name: str, sent: int) -> None:
    (told,) = run(name, f"sync; send: 4; fault: drop; send: {sent}; read").faults
    assert told.struck is not None
    assert told.told is not None
    # nothing but the strike lies between: the very next message
    assert told.told.position == told.struck + 1


def test_silence_takes_its_time() -> None:
    script = "sync; fault: {kind: stall, scope: socket}; await: {what: reconnect, limit: 120}; lift; converge"
    (told,) = run("kraken-v2", script).faults
    assert told.told is not None
    assert told.told.reason == "silence"


@pytest.mark.parametrize("name", DIALECTS.names())
def test_it_gets_through_what_a_client_gets_through(name: str) -> None:
    found = run(name, "sync; send: 5; fault: {kind: close, refuse: 3}; converge; send: 5; settle", "slow: true")
    assert found.failed == ()
    assert found.recovered
    assert run(name, "sync; send: 20; settle").recovered is False


def test_two_symbols_are_told_apart() -> None:
    script = "sync; fault: {kind: drop, symbol: 2}; send: {count: 5, symbol: 1}; send: {count: 5, symbol: 2}; read"
    (told,) = run("binance-spot", script, "market: {symbols: 2}").faults
    assert told.told is not None
    assert told.told.symbol == "ETHUSDT"


# --- what may not be asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "script", "rest", "complaint"),
    [
        (
            "binance-spot",
            "sync; fault: corrupt-level; send: 3; converge",
            "",
            "script[2]: on binance-spot nobody could notice 'corrupt-level': the number is well-formed, and there is no "
            "checksum; but `converge` (step 4) asks for the true book (seed 1)",
        ),
        (
            "kraken-v2",
            "sync; fault: {kind: drop, shape: {kind: change, rank: 14}}; send: 3; settle",
            "subscribe: {depth: 25}",
            "script[2]: on kraken-v2 nobody could notice 'drop': it has no sequence, and the checksum covers the best "
            "levels only; but `settle` (step 4) asks for the true book (seed 1)",
        ),
        (
            "kraken-v2",
            "sync; fault: drop; send: 1; probe; send: 4; converge",
            "expect: {honest: true}",
            "expect.honest: on kraken-v2 nobody could know of 'drop' (step 2) when the client is probed: what tells of it "
            "comes after the last `probe` (seed 1)",
        ),
        (
            "mexc-v3",
            "sync; fault: {kind: stall, scope: data}; lift; send: 3; read",
            "expect: {resync: some}",
            "expect.resync: on mexc-v3 a client that does everything right has no reason to recover: nothing that follows "
            "stall is to be rejected (seed 1)",
        ),
        (
            "binance-spot",
            "sync; fault: duplicate; send: 3; await: reconnect; settle",
            "",
            "script[4]: on binance-spot a client that does everything right does not get through `reconnect` (seed 1)",
        ),
        (
            "kraken-v2",
            "sync; fault: {kind: stall, scope: feed, lost: true}; send: 2; settle",
            "",
            "script[4]: on kraken-v2 a client that does everything right does not get through `settle` (seed 1)",
        ),
    ],
)
def test_the_impossible_is_refused_with_its_reason(name: str, script: str, rest: str, complaint: str) -> None:
    assert complaints(name, script, rest)[:1] == [complaint]


@pytest.mark.parametrize(
    ("name", "script", "rest"),
    [
        # nobody can notice, and nothing is asked before the exchange itself brings a new snapshot
        ("binance-spot", "sync; fault: corrupt-level; send: 2; fault: close; converge; settle", ""),
        # an order that makes no difference once all is there
        ("binance-spot", "sync; fault: drop; send: 2; probe; converge; settle", "expect: {honest: true, resync: some}"),
        ("kraken-v2", "sync; fault: drop; send: 3; probe; converge; settle", "expect: {honest: true, resync: some}"),
        ("mexc-v3", "sync; fault: duplicate; send: 3; settle", "expect: {resync: none}"),
        ("kraken-v2", "sync; send: 3; await: {what: reconnect, level: MAY}; settle", ""),
    ],
)
def test_the_possible_is_not(name: str, script: str, rest: str) -> None:
    assert complaints(name, script, rest) == []


def test_a_script_that_is_wrong_already_is_not_played() -> None:
    wrong = scenario("send: 3; fault: corrupt-level; converge")
    assert check(wrong, list(DIALECTS)) == lint(wrong, DIALECTS) != []


def test_a_check_plays_what_the_text_does_not_show() -> None:
    steps = "sync; fault: duplicate; send: 3; await: reconnect; settle"
    assert lint(scenario(steps), DIALECTS) == []
    assert [problem.field for problem in check(scenario(steps), list(DIALECTS))] == ["script[4]"] * len(
        DIALECTS.names()
    )
