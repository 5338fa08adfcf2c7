"""What the search has found in Bookproof itself stays mended."""

from __future__ import annotations

import msgspec
import pytest

from bookproof.cases.plan import Case
from bookproof.fuzz.strategy import named
from bookproof.results import Verdict
from bookproof.selftest.prove import run_in_memory
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario.model import Converge, Expect, Inject, Quiet, Scenario, Send, Settle, Subscribe, Sync


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_checksum_of_ten_levels_cannot_vouch_for_a_window_of_25(seed: int) -> None:
    """A late update that undoes a later one of the same level passes its own checksum, with another level below the tenth
    that is newer: the reference held a book that was no true one for as long as one message, and was called wrong."""
    late = specs.Delay(shape=Shape(kind="change", rank=0), by=2)
    scenario = named(
        Scenario(
            id="fuzz/unnamed",
            title="t",
            purpose="p",
            rules=("checksum-verify", "recover-after-checksum"),
            dialects=("kraken-v2",),
            subscribe=Subscribe(depth=25),
            seed=seed,
            script=(Sync(), Send(), Inject(fault=late), Send(count=4), Converge(during=1), Settle()),
            expect=Expect(resync="some"),
        )
    )
    (run,) = run_in_memory([Case(dialect="kraken-v2", scenario=scenario, seed=seed)])
    assert run.result.verdict is Verdict.PASS, msgspec.to_builtins(run.result.checks)


@pytest.mark.parametrize("dialect", ["kraken-v2", "binance-spot", "mexc-v3"])
def test_a_market_without_updates_is_no_dead_connection(dialect: str) -> None:
    """Who hears pings or answers hears that the exchange lives. The ideal client counted only data, and left a quiet market
    after a minute."""
    scenario = named(
        Scenario(
            id="fuzz/unnamed",
            title="t",
            purpose="p",
            rules=("no-false-alarm",),
            dialects=(dialect,),
            script=(Sync(), Send(), Quiet(seconds=150), Send(), Settle()),
            slow=True,
            expect=Expect(resync="none"),
        )
    )
    (run,) = run_in_memory([Case(dialect=dialect, scenario=scenario, seed=1)])
    assert run.result.verdict is Verdict.PASS, msgspec.to_builtins(run.result.checks)


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_trade_after_the_notice_of_the_end_is_not_asked_for(seed: int) -> None:
    """The ideal client opens a new connection at once, as the venue wants it, and was blamed for a trade that came on the
    old one."""
    scenario = named(
        Scenario(
            id="fuzz/unnamed",
            title="t",
            purpose="p",
            rules=("trades-complete", "shutdown-notice"),
            dialects=("binance-spot",),
            subscribe=Subscribe(channels=("book", "trades")),
            script=(
                Sync(),
                Send(shape=Shape(kind="sweep")),
                Inject(fault=specs.Farewell(messages=4, away=1)),
                Converge(during=0),
                Settle(),
            ),
            expect=Expect(resync="some"),
        )
    )
    (run,) = run_in_memory([Case(dialect="binance-spot", scenario=scenario, seed=seed)])
    assert run.result.verdict is Verdict.PASS, msgspec.to_builtins(run.result.checks)
