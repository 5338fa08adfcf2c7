"""The reference against the truth, over random fault schedules on every dialect: it shows nothing that is not true, and
it breaks where, and only where, the dialect's own detectors can see that something is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookproof.checker.facts import Chain
from bookproof.reference import MOST_FOLLOWED, Reference
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Kind
from bookproof_exchange.faults import specs

sys.path.insert(0, str(Path(__file__).parents[1] / "exchange" / "script"))
from script_kit import NAMES, Bench

each = pytest.mark.parametrize("name", NAMES)


def chains_of(bench: Bench, symbol: str | None = None) -> tuple[Chain, ...]:
    runner = Reference(bench.dialect, bench.exchange.view.truths, bench.exchange.view.instruments)
    for record in bench.exchange.evidence:
        runner.see(record)
    return runner.chains()[symbol or bench.symbol]


def breaks(chains: tuple[Chain, ...]) -> list[str]:
    """Why chains broke, where a message was the reason."""
    return [
        chain.broken.reason
        for chain in chains
        if chain.broken is not None and chain.broken.reason not in ("closed", "superseded")
    ]


def newest(bench: Bench) -> int:
    return max(message.last for message in bench.sent() if message.kind in (Kind.UPDATE, Kind.SNAPSHOT))


# --- what has to be so in every schedule ------------------------------------------------------------------------------

LEGAL: tuple[specs.Fault, ...] = tuple(
    specs.Edited(edit=edit)
    for edit in (
        "delete-absent",
        "set-then-delete",
        "delete-then-set",
        "reversed-rows",
        "unknown-field",
        "padded-numbers",
    )
)
FAULTS: tuple[specs.Fault, ...] = (
    *LEGAL,
    specs.Drop(),
    specs.Drop(count=3),
    specs.Duplicate(),
    specs.Duplicate(later=2),
    specs.Swap(),
    specs.Delay(by=2),
    specs.Edited(edit="cut"),
    specs.Edited(edit="wrong-checksum"),
    specs.Edited(edit="corrupt-level"),
    specs.Resnapshot(),
    specs.Stall(scope="data", away=3, lost=True),
    specs.StaleRest(),
    specs.AheadRest(by=2),
    specs.StraddledRest(),
    specs.SlowRest(messages=3),
    specs.FailingRest(),
    specs.EarlyUpdates(),
    specs.LateAck(),
    specs.Close(away=5),
)
ALTERING = ("corrupt-level",)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["advance", "fault", "client", "resubscribe", "fetch", "lift", "leave", "whole"]),
        st.integers(0, 60),
    ),
    max_size=25,
)


def schedule(name: str, steps: list[tuple[str, int]], faults: tuple[specs.Fault, ...]) -> Bench:
    bench = Bench(name)
    connections = [bench.client()]
    bench.advance(2)
    for count, (what, number) in enumerate(steps, start=1):
        connection = connections[number % len(connections)]
        match what:
            case "advance":
                bench.advance(number % 6)
            case "fault":
                fault = faults[number % len(faults)]
                if not isinstance(fault, specs.Edited) or fault.edit in bench.dialect.traits.edits:
                    bench.arm(count, fault)
                    bench.advance(number % 6)
            case "client":
                connections.append(bench.client())
            case "resubscribe":
                bench.unsubscribe(connection)
                bench.subscribe(connection)
            case "fetch" if bench.dialect.traits.snapshot_from == "rest":
                bench.fetch()
            case "lift":
                bench.perform(bench.exchange.lift())
            case "leave":
                bench.leave(connection)
            case "whole":
                bench.exchange.whole(bench.symbol)
            case _:
                pass
    bench.perform(bench.exchange.lift())
    return bench


@each
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_reference_never_departs_from_the_truth_unless_a_level_was_corrupted(
    name: str, steps: list[tuple[str, int]]
) -> None:
    bench = schedule(name, steps, FAULTS)
    altered = any(record.kind in ALTERING for record in bench.records(evidence.Struck))
    chains = chains_of(bench)
    assert chains
    for chain in chains:
        positions = [state.position for state in chain.states]
        assert positions == sorted(positions)
        if not altered:
            assert all(state.true for state in chain.states)
        if chain.broken is not None and chain.states:
            assert chain.states[-1].position <= chain.broken.position


@each
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_without_a_fault_no_chain_breaks_and_one_follows_to_the_end(name: str, steps: list[tuple[str, int]]) -> None:
    legal = tuple(fault for fault in LEGAL if isinstance(fault, specs.Edited))
    bench = schedule(name, steps, legal)
    last = bench.client()
    bench.advance(3)
    chains = chains_of(bench)
    if bench.dialect.traits.snapshot_from == "stream":
        assert not breaks(chains)
    alive = [chain for chain in chains if chain.connection == last and chain.broken is None]
    assert max(chain.states[-1].index for chain in alive) == newest(bench)


# --- what each dialect can see ------------------------------------------------------------------------------------------

SEES_A_GAP = {"binance-spot": "gap", "mexc-v3": "gap", "kraken-v2": "checksum"}


@each
@settings(max_examples=40, deadline=None)
@given(before=st.integers(0, 10), count=st.integers(1, 4), after=st.integers(1, 5), seed=st.integers(0, 10_000))
def test_a_lost_update_breaks_the_chain_at_the_next_message(
    name: str, before: int, count: int, after: int, seed: int
) -> None:
    bench = Bench(name, seed=seed)
    connection = bench.client()
    bench.advance(before)
    bench.arm(1, specs.Drop(count=count))
    bench.advance(count + after)
    (chain,) = [chain for chain in chains_of(bench) if chain.connection == connection]
    struck = bench.struck()
    assert chain.broken is not None
    assert chain.broken.reason == SEES_A_GAP[name]
    first = next(
        record
        for record in bench.records(evidence.Sent)
        if record.position > struck[-1].position and record.message.kind is Kind.UPDATE
    )
    assert chain.broken.position == first.position
    assert chain.states[-1].index <= struck[0].first


@each
def test_a_loss_that_nothing_follows_cannot_be_seen(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.advance(3)
    bench.arm(1, specs.Drop())
    bench.advance(1)
    assert bench.struck()
    assert not breaks(chains_of(bench))


@pytest.mark.parametrize("name", ["binance-spot", "mexc-v3"])
@pytest.mark.parametrize("later", [0, 3])
def test_a_repeated_update_is_no_gap_where_updates_are_numbered(name: str, later: int) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Duplicate(later=later))
    bench.advance(8)
    assert bench.struck()
    assert not breaks(chains_of(bench))


@pytest.mark.parametrize("edit", ["wrong-checksum", "zero-checksum", "corrupt-level"])
def test_a_checksum_that_does_not_agree_breaks_the_chain_there(edit: str) -> None:
    bench = Bench("kraken-v2")
    bench.client()
    bench.advance(3)
    bench.arm(1, specs.Edited(edit=edit))  # type: ignore[arg-type]
    bench.advance(3)
    (chain,) = chains_of(bench)
    (struck,) = [record for record in bench.records(evidence.Sent) if record.faults]
    assert chain.broken is not None
    assert (chain.broken.reason, chain.broken.position) == ("checksum", struck.position)
    assert all(state.true for state in chain.states)


def test_a_snapshot_in_band_ends_the_chain_before_it() -> None:
    bench = Bench("kraken-v2")
    bench.client()
    bench.advance(3)
    bench.arm(1, specs.Resnapshot(), legal=True)
    bench.advance(3)
    old, new = chains_of(bench)
    assert old.broken is not None
    assert (old.broken.reason, old.broken.position) == ("superseded", new.root)
    assert new.broken is None


@pytest.mark.parametrize("name", ["binance-spot", "mexc-v3"])
class TestSnapshotsByRest:
    def test_a_snapshot_fetched_before_the_subscription_counts(self, name: str) -> None:
        bench = Bench(name)
        bench.fetch()
        connection = bench.connect()
        bench.subscribe(connection)
        bench.advance(5)
        (chain,) = chains_of(bench)
        assert chain.broken is None
        assert chain.states[-1].index == newest(bench)

    def test_one_too_old_is_a_chain_that_breaks_at_once(self, name: str) -> None:
        bench = Bench(name)
        bench.client()
        bench.advance(20)
        bench.leave(1)
        bench.arm(1, specs.StaleRest(by=12))
        bench.client()
        bench.advance(5)
        stale = [
            chain
            for chain in chains_of(bench)
            if chain.connection == 2 and chain.snapshot_index == bench.struck()[0].last
        ]
        assert [chain.broken.reason for chain in stale if chain.broken] == ["gap"]

    def test_every_snapshot_is_followed_on_every_connection(self, name: str) -> None:
        bench = Bench(name)
        first, second = bench.client(), bench.client()
        bench.fetch()
        bench.advance(5)
        chains = chains_of(bench)
        assert {chain.connection for chain in chains} == {first, second}
        assert len({chain.root for chain in chains}) == 3
        for connection in (first, second):
            assert max(chain.states[-1].index for chain in chains if chain.connection == connection) == newest(bench)

    def test_a_client_that_fetches_all_the_time_is_followed_in_bearable_time(self, name: str) -> None:
        """A client that polls is a bad client, but it must not bring the harness to its knees."""
        bench = Bench(name)
        bench.client()
        runner = Reference(bench.dialect, bench.exchange.view.truths, bench.exchange.view.instruments)
        for _ in range(150):
            bench.advance(1)
            bench.fetch()
        for record in bench.exchange.evidence:
            runner.see(record)
        assert len(runner.chains()[bench.symbol]) >= 151

    def test_of_many_snapshots_the_oldest_are_given_up_only_where_a_younger_one_stands_as_well(self, name: str) -> None:
        bench = Bench(name)
        bench.client()
        bench.advance(60)
        bench.leave(1)
        bench.subscribe(bench.connect())
        bench.fetch()
        bench.arm(1, specs.StaleRest(by=12, times=100))
        for _ in range(100):
            bench.fetch()
        bench.advance(5)
        alive = [chain for chain in chains_of(bench) if chain.broken is None]
        assert [chain.states[-1].index for chain in alive] == [newest(bench)], "the right one was not among them"
        for _ in range(100):
            bench.fetch()
        bench.advance(5)
        alive = [chain for chain in chains_of(bench) if chain.broken is None]
        assert len(alive) == MOST_FOLLOWED
        assert {chain.states[-1].index for chain in alive} == {newest(bench)}
