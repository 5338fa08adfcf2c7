"""Scenarios in Python: the same values as files, the same complaints, and the page that explains them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bookproof import script
from bookproof.results import Verdict
from bookproof.script import (
    as_file,
    converge,
    fault,
    hold,
    lift,
    oddity,
    probe,
    problems,
    quiet,
    read,
    scenario,
    send,
    settle,
    sync,
    tried,
    wait_for,
)
from bookproof_exchange.data import folder
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.shorthand import STEPS

pytest_plugins = ["pytester"]
PAGE = (folder("scenarios").parent / "docs" / "pytest-scripts.md").read_text(encoding="utf-8")

FILE = """\
id: own/all
title: T
purpose: P
rules: [reconnect-rebuild, isolation]
needs: [channel:trades]
market: {symbols: 2}
subscribe: {channels: [book, trades], depth: most}
slow: true
seed: 7
script:
  - sync: 4
  - send: {count: 5, shape: improve, symbol: 2, mode: each}
  - read: 2
  - oddity: reversed-rows
  - send: 3
  - read
  - fault: {kind: stall, scope: data}
  - quiet: 8
  - lift
  - hold
  - fault: {kind: close, how: rst}
  - await: {what: reconnect, limit: 30, level: SHOULD}
  - probe
  - converge: 4
  - settle
expect: {resync: some, most_resyncs: null}
tags: [x]
"""


def test_what_it_makes_is_what_a_file_loads_to() -> None:
    made = scenario(
        "own/all",
        sync(4),
        [send(5, shape="improve", symbol=2, mode="each"), read(2)],
        (oddity("reversed-rows"), send(3), read()),
        fault("stall", scope="data"),
        quiet(8),
        lift(),
        hold(),
        fault("close", how="rst"),
        wait_for("reconnect", limit=30, level="SHOULD"),
        probe(),
        converge(4),
        settle(),
        title="T",
        purpose="P",
        rules=["reconnect-rebuild", "isolation"],
        needs=["channel:trades"],
        market={"symbols": 2},
        channels=["book", "trades"],
        depth="most",
        slow=True,
        seed=7,
        resync="some",
        most_resyncs=None,
        tags=["x"],
        checked=False,
    )
    assert made == loads(FILE)
    assert loads(as_file(made)) == made


def test_every_step_has_its_word() -> None:
    words = {"await": "wait_for"}
    for name in STEPS:
        assert words.get(name, name) in script.__all__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fault("dorp"), "unknown fault 'dorp' (did you mean 'drop'?)"),
        (lambda: fault("drop", cuont=2), "unknown key 'cuont' of the fault 'drop' (did you mean 'count'?)"),
        (lambda: send(0), "expected a number from 1 to 1000000, found 0"),
        (lambda: script.step("quiet", seconds="3s"), "expected a number, found '3s' (write the number alone, in sec"),
        (lambda: script.step("wait"), "unknown step 'wait'"),
        (
            lambda: scenario("own/x", sync(), settle(), rules=["no-false-alarm"], market={"symbol": 2}),
            "market.symbol: unknown key 'symbol' of 'market' (did you mean 'symbols'?)",
        ),
        (lambda: scenario("own/x", send(), rules=["no-false-alarm"]), "own/x: script: the script has no `sync`"),
        (
            lambda: scenario("own/x", sync(), fault("corrupt-level"), send(3), settle(), rules=["gap-restart"]),
            "own/x: script[2]: on binance-spot nobody could notice this",
        ),
    ],
)
def test_mistakes_are_said_as_for_a_file(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_what_only_playing_shows() -> None:
    """A repeated update calls for no recovery: only a run of the script shows it."""
    unfair = scenario(
        "own/x",
        sync(),
        fault("duplicate"),
        send(3),
        converge(),
        rules=["old-event-ignored", "no-false-alarm"],
        resync="some",
        checked=False,
    )
    assert problems(unfair, played=False) == []
    assert {problem.code for problem in problems(unfair)} == {"unfair"}


def test_tried() -> None:
    gap = scenario(
        "own/gap",
        [sync(), send(5), fault("drop"), send(3), probe(), converge(), settle()],
        rules=["gap-restart", "checksum-verify"],
        needs=["sequence|checksum"],
        resync="some",
        honest=True,
    )
    assert tried(gap, "kraken-v2").verdict is Verdict.PASS
    assert tried(gap, "binance-spot", mutant="ignores-gap").verdict is Verdict.FAIL
    with pytest.raises(UsageError, match="cannot exist on kraken-v2"):
        tried(gap, "kraken-v2", mutant="ignores-gap")


def test_the_page(pytester: pytest.Pytester) -> None:
    """All its tests pass for the ideal client; for one with the bug that they are about, those that run it fail."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    pytester.makepyfile(test_lost=code.replace("[1, 2, 7]", "[2]"))
    pytester.makepyfile(
        blind="import bookproof.ideal.adapter as ideal\n"
        "from bookproof.selftest.mutants import MUTANTS\n"
        "ideal.IdealClient = MUTANTS['ignores-checksum'].make\n"
        "Blind = ideal.IdealAdapter\n"
    )
    options = ("test_lost.py", "--bookproof-dialect", "kraken-v2", "--bookproof-once")
    good = pytester.runpytest_subprocess(*options, "--bookproof-client", "python:bookproof.ideal.adapter:IdealAdapter")
    good.assert_outcomes(passed=5)
    bad = pytester.runpytest_subprocess(
        *options, "--bookproof-client", "python:blind:Blind", "--bookproof-time-scale", "0.05", "-k", "improve or good"
    )
    bad.assert_outcomes(passed=1, failed=1, deselected=3)
    bad.stdout.fnmatch_lines(["*kraken-v2/own/lost/improve-2*"])
