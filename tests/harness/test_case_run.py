"""One case, from script to verdict: what was not proven is not green, and what the process does is told apart."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.drivers.api import BookShown, ClientInfo, Shown, Start
from bookproof.ideal.client import IdealClient
from bookproof.ideal.keeper import Need
from bookproof.ideal.memory import IDEAL_INFO
from bookproof.ideal.wire import Connect
from bookproof.results import Verdict
from bookproof.selftest.more_bugs import NoWatchdog
from bookproof.selftest.prove import run_in_memory
from bookproof.selftest.variants import ReadsSlowly
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Shape
from bookproof_exchange.scenario.model import (
    Await,
    Converge,
    Expect,
    Inject,
    Lift,
    Market,
    Probe,
    Read,
    Scenario,
    Send,
    Settle,
    Step,
    Subscribe,
    Sync,
)

each = pytest.mark.parametrize("dialect", DIALECTS.names())


def case(
    dialect: str, *script: Step, symbols: int = 1, channels: tuple[str, ...] = ("book",), **expect: object
) -> Case:
    scenario = Scenario(
        id="test/case-run",
        title="test",
        purpose="test",
        rules=("gap-restart", "silence-noticed"),
        market=Market(symbols=symbols),
        subscribe=Subscribe(channels=channels),  # type: ignore[arg-type]
        script=script,
        expect=Expect(**expect),  # type: ignore[arg-type]
    )
    return Case(dialect=dialect, scenario=scenario, seed=5)


def run(of: Case, make: type[IdealClient] = IdealClient, info: ClientInfo = IDEAL_INFO) -> CaseRun:
    (found,) = run_in_memory([of], make=make, info=info)
    return found


def verdicts(found: CaseRun) -> dict[str, Verdict]:
    return {check.id: check.verdict for check in found.result.checks}


@each
def test_a_plain_case_passes_and_says_what_it_rests_on(dialect: str) -> None:
    found = run(case(dialect, Sync(), Send(count=5), Settle()))
    assert found.result.verdict is Verdict.PASS
    assert found.result.observations > 2
    assert verdicts(found)["E3@3"] is Verdict.PASS
    assert found.chains


class Deeper(IdealClient):
    """Subscribes with 25 levels, whatever it is asked for."""

    def __init__(self, dialect: Dialect, start: Start, connect: Connect, emit: Callable[[Shown], None]) -> None:
        super().__init__(dialect, msgspec.structs.replace(start, depth=25), connect, emit)


def test_a_client_with_a_depth_of_its_own_is_compared_at_that() -> None:
    drop = Inject(fault=specs.Drop())
    script = (Sync(), Send(count=5), Read(), drop, Send(count=4), Probe(), Converge(), Settle())
    found = run(case("kraken-v2", *script, resync="some"), Deeper)
    assert found.result.verdict is Verdict.PASS
    assert {chain.depth for chains in found.chains.values() for chain in chains} == {25}


@each
def test_a_fault_that_never_strikes_proves_nothing(dialect: str) -> None:
    found = run(case(dialect, Sync(), Inject(fault=specs.Drop()), Settle()))
    assert found.result.verdict is Verdict.INCONCLUSIVE
    assert verdicts(found)["V0"] is Verdict.INCONCLUSIVE


@each
def test_a_fault_that_is_never_armed_proves_nothing_either(dialect: str) -> None:
    class NeverLive(IdealClient):
        def shown(self, symbol: str) -> BookShown:
            return msgspec.structs.replace(super().shown(symbol), claim="syncing")

    found = run(case(dialect, Sync(), Inject(fault=specs.Drop()), Send(count=3), Settle()), NeverLive)
    assert verdicts(found)["V0"] is Verdict.INCONCLUSIVE
    assert found.result.verdict is Verdict.FAIL, "it never came into step"


@each
def test_a_loss_outside_of_the_window_is_one_of_the_next_visible_update(dialect: str) -> None:
    """Nothing in such a scenario may blame a good client, and it is no vacuous one."""
    drop = Inject(fault=specs.Drop(shape=Shape(kind="change", rank=30)))
    found = run(case(dialect, Sync(), drop, Send(count=4), Probe(), Converge(), Settle(), resync="some", honest=True))
    assert found.result.verdict is Verdict.PASS


@each
def test_a_later_probe_keeps_nothing_back_from_the_start(dialect: str) -> None:
    first = Inject(fault=specs.RefuseSubscribe() if dialect != "binance-spot" else specs.FailingRest())
    found = run(
        case(dialect, first, Sync(), Send(count=3), Inject(fault=specs.Drop()), Send(count=3), Probe(), Converge())
    )
    assert found.result.verdict is Verdict.PASS


@each
def test_a_wait_counts_as_much_as_it_says(dialect: str) -> None:
    script = (
        Sync(),
        Inject(fault=specs.Stall(scope="socket")),
        Await(what="reconnect", limit=90, level="SHOULD"),
        Lift(),
    )
    assert run(case(dialect, *script)).result.verdict is Verdict.PASS
    found = run(case(dialect, *script), NoWatchdog)
    assert verdicts(found)["await-reconnect@3"] is Verdict.WARN


@each
def test_a_client_that_dies_is_crashed_and_keeps_what_was_measured(dialect: str) -> None:
    class Dies(IdealClient):
        async def meet(self, symbol: str, need: Need) -> None:
            await super().meet(symbol, need)
            if self.keepers[symbol].claim == "live":
                raise ZeroDivisionError("on purpose")

    found = run(case(dialect, Sync(), Send(count=5), Settle()), Dies)
    assert found.result.verdict is Verdict.CRASHED
    assert "on purpose" in "".join(found.result.stderr) + found.result.message
    assert found.result.checks
    assert found.evidence


@each
def test_what_was_not_declared_is_unsupported(dialect: str) -> None:
    books = msgspec.structs.replace(IDEAL_INFO, channels=("book",))
    found = run(case(dialect, Sync(), channels=("book", "trades")), info=books)
    assert found.result.verdict is Verdict.UNSUPPORTED
    other = msgspec.structs.replace(IDEAL_INFO, dialects=("another",))
    assert run(case(dialect, Sync()), info=other).result.verdict is Verdict.UNSUPPORTED


@each
def test_several_symbols_have_to_be_live_all(dialect: str) -> None:
    class OneOnly(IdealClient):
        def shown(self, symbol: str) -> BookShown:
            shown = super().shown(symbol)
            return shown if symbol == self.start.symbols[0] else msgspec.structs.replace(shown, claim="syncing")

    assert run(case(dialect, Sync(), Settle(), symbols=2)).result.verdict is Verdict.PASS
    assert run(case(dialect, Sync(), Settle(), symbols=2), OneOnly).result.verdict is Verdict.FAIL


@each
def test_another_case_has_other_prices(dialect: str) -> None:
    first, second = run_in_memory([case(dialect, Sync()), msgspec.structs.replace(case(dialect, Sync()), seed=6)])
    assert first.exchange is not None
    assert second.exchange is not None
    symbol = first.exchange.symbols[0]
    tops = [run.exchange.view.truth(symbol).levels(64, 0, 5) for run in (first, second) if run.exchange]  # type: ignore[arg-type]
    assert not set(tops[0]) & set(tops[1])


@pytest.mark.parametrize("seed", range(7000, 7012))
def test_numbers_that_the_exchange_made_wrong_are_not_held_against_a_client(seed: int) -> None:
    """A client that reads late may meet the renumbered update behind its fresh snapshot, and state the number on it."""
    edit = Inject(fault=specs.Edited(edit="renumbered-gap"))
    of = case("mexc-v3", Sync(), Send(count=5), edit, Send(count=3), Probe(), Converge(), Send(count=5), Settle())
    found = run(msgspec.structs.replace(of, seed=seed), ReadsSlowly)
    assert found.result.verdict is Verdict.PASS
    assert "S6" not in verdicts(found)
