"""Conservation: whatever faults are armed in whatever order, what was sent is what was published, but for what the
evidence says that a fault did. Nothing is lost, invented, doubled or changed unsaid."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_kit import NAMES, Bench, check_evidence

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import BookUpdate, Kind, Message
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.offered import lacking

#: Every family but those that end a connection or silence it: here one connection lives to the end.
FAULTS = st.one_of(
    st.builds(specs.Drop, count=st.integers(1, 3)),
    st.builds(specs.Duplicate, later=st.integers(0, 3)),
    st.just(specs.Swap()),
    st.builds(specs.Delay, by=st.integers(1, 3)),
    st.builds(specs.Fragmented, count=st.integers(1, 3), pieces=st.integers(2, 5)),
    *(
        st.builds(specs.Edited, edit=st.just(edit), count=st.integers(1, 3))
        for edit in (
            "unknown-type",
            "unknown-field",
            "foreign-symbol",
            "overlap",
            "reversed-rows",
            "cut",
            "delete-absent",
        )
    ),
    st.just(specs.NewFields()),
    st.builds(specs.BrokenFrame, how=st.sampled_from(["masked", "reserved-bit", "bad-close"])),
    st.builds(specs.Resnapshot, away=st.just(0)),
    st.builds(specs.FailingRest, status=st.sampled_from([0, 307, 500]), body=st.sampled_from(["venue", "empty"])),
    st.builds(specs.PiecedRest, pieces=st.integers(2, 9)),
    st.builds(specs.StaleRest, by=st.integers(0, 5)),
)
#: A fault or none, updates, and perhaps a request for a snapshot.
ROUNDS = st.tuples(st.none() | FAULTS, st.integers(0, 5), st.sampled_from([None, None, "fetch"]))
ACTS = st.lists(ROUNDS, max_size=6).map(lambda rounds: [act for each in rounds for act in each if act is not None])


def played(name: str, acts: list[Any], seed: int) -> tuple[Bench, dict[int, specs.Fault]]:
    bench = Bench(name, seed=seed)
    bench.client()
    armed: dict[int, specs.Fault] = {}
    for act in acts:
        match act:
            case int():
                bench.advance(act)
            case "fetch":
                if bench.dialect.traits.snapshot_from == "rest":
                    bench.fetch()
            case _ if lacking(act, bench.dialect) is None:
                armed[len(armed) + 1] = act
                bench.arm(len(armed), act, legal=is_legal(act))
            case _:
                pass
    bench.perform(bench.exchange.finish())
    return bench, armed


def own(message: Message) -> bool:
    return message.kind is Kind.UPDATE and message.feed is not None and message.first < message.last


@pytest.mark.parametrize("name", NAMES)
@given(acts=ACTS, seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_published_update_is_sent_once_but_for_what_is_said(name: str, acts: list[Any], seed: int) -> None:
    bench, armed = played(name, acts, seed)
    check_evidence(bench)
    struck = bench.records(evidence.Struck)
    lost = Counter((each.first, each.last) for each in struck if isinstance(armed[each.fault], specs.Drop))
    again = Counter((each.first, each.last) for each in struck if isinstance(armed[each.fault], specs.Duplicate))
    sent = Counter((message.first, message.last) for message in bench.sent() if own(message))
    published = sent + lost - again
    assert all(count == 1 for count in published.values()), "each once"
    assert not (again - sent)
    # taken together they are one chain; a tick that a window does not show is no message
    chain = sorted(published)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(chain))
    if not bench.dialect.traits.windowed:
        assert all(before[1] == after[0] for before, after in itertools.pairwise(chain))


@pytest.mark.parametrize("name", NAMES)
@given(acts=ACTS, seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_no_fault_has_touched_is_as_it_would_have_been(name: str, acts: list[Any], seed: int) -> None:
    bench, _ = played(name, acts, seed)
    for record in bench.records(evidence.Sent):
        message = record.message
        if record.faults or not own(message):
            continue
        (update,) = bench.dialect.ideal.decode(message.frame, bench.exchange.view.instruments)
        assert isinstance(update, BookUpdate)
        assert sorted(update.changes) == sorted(message.changes)
        after = bench.exchange.view.truth(bench.symbol).book(message.last)
        assert all(after.get(change.side, change.price) == change.size for change in update.changes)
    for number, answer in bench.answers.items():
        (told,) = [record for record in bench.records(evidence.Rest) if record.number == number]
        assert told.answer == answer
        if not told.faults:
            assert answer is not None
            assert answer.snapshot is not None


@pytest.mark.parametrize("name", NAMES)
@given(acts=ACTS, seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_touch_belongs_to_a_strike(name: str, acts: list[Any], seed: int) -> None:
    bench, armed = played(name, acts, seed)
    strikes = {record.fault: record.position for record in reversed(bench.records(evidence.Struck))}
    for record in bench.exchange.evidence:
        if isinstance(record, evidence.Sent | evidence.Rest):
            for fault in record.faults:
                delayed = isinstance(armed[fault], specs.Swap | specs.Delay | specs.Duplicate)
                assert fault in strikes or delayed
    unfired = {each.number for each in bench.exchange.unfired()}
    assert unfired | set(strikes) == set(armed)
    assert not unfired & set(strikes)
