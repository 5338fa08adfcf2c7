"""Faults of framing, schema, identity and HTTP bodies: what each makes the exchange send, on every dialect, and what it
conserves: the books that a client reads out of the bytes are those that it would have read without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from script_kit import NAMES, Bench, check_evidence

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Decoded, Frame, Ignored, Kind, Link, Unsubscribed
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.forms import Broken, Fragments, Violation
from bookproof_exchange.market import Side

STREAM, REST = ("kraken-v2",), ("binance-spot", "mexc-v3")

each = pytest.mark.parametrize("name", NAMES)
each_stream = pytest.mark.parametrize("name", STREAM)
each_rest = pytest.mark.parametrize("name", REST)


def decoded(bench: Bench, records: Sequence[evidence.Sent]) -> list[Decoded]:
    instruments = bench.exchange.view.instruments
    return [each for record in records for each in bench.dialect.ideal.decode(record.message.frame, instruments)]


# --- framing --------------------------------------------------------------------------------------------------------


@each
def test_fragments_change_nothing_but_the_frames(name: str) -> None:
    def run(*, odd: bool) -> Bench:
        bench = Bench(name)
        bench.client()
        if odd:
            bench.arm(1, specs.Fragmented(count=3, pieces=4, between="pong"), legal=True)
        bench.advance(8)
        return bench

    bench = run(odd=True)
    assert bench.forms == [Fragments(4, "pong")] * 3
    assert len(bench.struck()) == 3
    touched = [record for record in bench.records(evidence.Sent) if record.faults == (1,)]
    assert len(touched) == 3
    assert all(isinstance(each, BookUpdate) for each in decoded(bench, touched))
    check_evidence(bench)
    assert run(odd=False).forms == []


@each
@pytest.mark.parametrize("how", get_args(Violation))
def test_a_broken_frame_stands_for_nothing(name: str, how: Violation) -> None:
    bench = Bench(name)
    first, second = bench.client(), bench.client()
    index = bench.exchange.view.index(bench.symbol)
    bench.arm(1, specs.BrokenFrame(how=how))
    assert bench.forms == [Broken(how)] * 2
    assert [record.connection for record in bench.struck()] == [first, second]
    assert bench.exchange.view.index(bench.symbol) == index, (
        "the market has not moved: whoever lets it pass lost nothing"
    )
    broken = [record for record in bench.records(evidence.Sent) if record.faults == (1,)]
    assert [record.message.kind for record in broken] == [Kind.OTHER_DATA] * 2
    assert all(isinstance(each, Ignored) for each in decoded(bench, broken)), "the message itself would be harmless"
    assert {first, second} & bench.gone == ({first, second} if how == "oversize" else set())
    check_evidence(bench)


@each
def test_a_broken_frame_waits_for_a_client(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.BrokenFrame())
    assert not bench.struck()
    bench.client()
    assert len(bench.struck()) == 1


# --- new fields -----------------------------------------------------------------------------------------------------


@each
def test_new_fields_are_the_only_thing_that_is_new(name: str) -> None:
    def run(*, odd: bool) -> Bench:
        bench = Bench(name, channels=("book", "trades"))
        if odd:
            bench.arm(1, specs.NewFields(), legal=True)
        connection = bench.client()
        bench.advance(20)
        for state in bench.exchange.open_connections():
            bench.perform(bench.exchange.beat(state))
        bench.unsubscribe(connection)
        return bench

    plain, odd = run(odd=False), run(odd=True)
    before, after = plain.records(evidence.Sent), odd.records(evidence.Sent)
    assert len(before) == len(after)
    assert decoded(plain, before) == decoded(odd, after)
    kinds = {record.message.kind for record in after}
    for kind in kinds:
        changed = [record.faults == (1,) for record in after if record.message.kind is kind]
        assert all(changed), f"every {kind} has a new field"
    assert Kind.UPDATE in kinds
    for old, new in zip(before, after, strict=True):
        assert old.message.payload != new.message.payload
    assert len(odd.struck()) == 1
    for number, answer in odd.answers.items():
        right = plain.answers[number]
        assert answer is not None
        assert right is not None
        assert answer.body != right.body
        instruments = odd.exchange.view.instruments
        read = odd.dialect.ideal.decode_rest(odd.symbol, answer, instruments)
        assert isinstance(read, BookSnapshot)
        assert read == odd.dialect.ideal.decode_rest(odd.symbol, right, instruments)
    check_evidence(odd)


# --- other symbols --------------------------------------------------------------------------------------------------


@each
def test_a_foreign_message_is_about_nobody_who_asked(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Edited(edit="foreign-symbol", count=2))
    bench.advance(6)
    foreign = [record for record in bench.records(evidence.Sent) if record.faults == (1,)]
    assert len(foreign) == 2
    assert all(isinstance(each, Ignored) for each in decoded(bench, foreign))
    everything = {each.symbol: each for each in bench.dialect.instruments}
    index = foreign[0].message.first
    best = {
        (side, price)
        for side in Side
        for price, _ in bench.exchange.view.truth(bench.symbol).book(index).levels(side, 1)
    }
    (update,) = bench.dialect.ideal.decode(foreign[0].message.frame, everything)
    assert isinstance(update, BookUpdate)
    assert update.symbol != bench.symbol
    assert len(update.changes) == len(best)
    # read as one's own it takes away the best prices; here they are read with the other one's decimals
    assert all(change.size == 0 for change in update.changes)
    check_evidence(bench)


# --- overlapping ranges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [1, 3, 8])
@pytest.mark.parametrize("seed", range(8))
def test_an_overlapping_update_joins_and_leads_to_the_same_book(by: int, seed: int) -> None:
    bench = Bench("binance-spot", seed=seed)
    bench.client()
    bench.advance(8)
    start = bench.exchange.view.index(bench.symbol)
    base = bench.exchange.view.sequence_base(bench.symbol)
    truth = bench.exchange.view.truth(bench.symbol)
    book, last = truth.book(start), base + start
    bench.arm(1, specs.Edited(edit="overlap", value=by, count=3), legal=True)
    seen = len(bench.records(evidence.Sent))
    bench.advance(6)
    overlaps = 0
    for record in bench.records(evidence.Sent)[seen:]:
        (update,) = decoded(bench, [record])
        assert isinstance(update, BookUpdate)
        assert update.first is not None
        assert update.last is not None
        assert bench.dialect.ideal.link(last, update, first_after_snapshot=False) is Link.NEXT
        if record.faults:
            overlaps += 1
            assert update.first == last + 1 - by
        book.apply(update.changes)
        last = update.last
        assert book.fingerprint() == truth.book(last - base).fingerprint()
        # absolute quantities: also for somebody who stands anywhere in the overlapped range
        earlier = truth.book(update.first - 1 - base)
        earlier.apply(update.changes)
        assert earlier.fingerprint() == book.fingerprint()
    assert overlaps == 3


# --- the old subscription ---------------------------------------------------------------------------------------------


@each_stream
def test_the_tail_comes_between_request_and_reply(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.LateTail(messages=4), legal=True)
    bench.unsubscribe(connection)
    asked = next(
        record.position
        for record in bench.records(evidence.Received)
        if any(isinstance(intent, Unsubscribed) for intent in record.intents)
    )
    tail = [record for record in bench.records(evidence.Sent) if record.message.kind is Kind.UPDATE]
    (ack,) = [record for record in bench.records(evidence.Sent) if record.position > asked]
    # the request counts as read when it is answered: whatever was sent before was on its way
    assert len(tail) == 4
    assert max(record.position for record in tail) < asked < ack.position
    assert len(bench.struck()) == 1
    bench.advance(3)
    assert len(bench.updates()) == 4
    check_evidence(bench)


@each_stream
def test_no_tail_without_a_subscription(name: str) -> None:
    bench = Bench(name)
    connection = bench.connect()
    bench.arm(1, specs.LateTail(), legal=True)
    bench.unsubscribe(connection)
    assert not bench.struck()
    bench.subscribe(connection)
    bench.send(connection, Frame(b"nonsense"))
    assert not bench.struck()
    bench.unsubscribe(connection)
    assert len(bench.struck()) == 1


@each_stream
def test_who_connects_anew_meets_the_tail_there(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.LateTail(messages=4), legal=True)
    first = bench.client()
    assert not bench.struck(), "nothing was subscribed before"
    bench.leave(first)
    second = bench.client()
    assert len(bench.struck()) == 1
    kinds = [message.kind for message in bench.sent(second) if message.kind is not Kind.STATUS]
    assert kinds == [Kind.UPDATE] * 4 + [Kind.ACK, Kind.SNAPSHOT]
    check_evidence(bench)


# --- HTTP -------------------------------------------------------------------------------------------------------------


@each_rest
@pytest.mark.parametrize("chunked", [True, False])
def test_pieces_are_the_same_answer(name: str, chunked: bool) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.PiecedRest(pieces=9, chunked=chunked), legal=True)
    pieced, plain = bench.answers[bench.fetch()], bench.answers[bench.fetch()]
    assert pieced is not None
    assert plain is not None
    assert (pieced.body, pieced.status, pieced.headers) == (plain.body, plain.status, plain.headers)
    assert (pieced.pieces, pieced.chunked, plain.pieces, plain.chunked) == (9, chunked, 1, False)
    assert len(bench.struck()) == 1
    assert not bench.records(evidence.Rest)[-2].faults, "its content is right: nothing that a client may object to"


@each_rest
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_leads_to_the_same_place(name: str, status: int) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.FailingRest(status=status, body="empty"))
    answer = bench.answers[bench.fetch()]
    assert answer is not None
    assert (answer.status, answer.body, answer.snapshot) == (status, b"", None)
    request = bench.dialect.ideal.snapshot_request(bench.symbol, None)
    assert request is not None
    location = dict(answer.headers)["location"]
    assert location.startswith(request.path + "?")
    assert dict(pair.split("=") for pair in location.partition("?")[2].split("&")) == dict(request.query)


@each_rest
def test_an_answer_that_ends_too_early_promised_more(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.FailingRest(status=200, body="short"))
    short, right = bench.answers[bench.fetch()], bench.answers[bench.fetch()]
    assert short is not None
    assert right is not None
    assert right.body.startswith(short.body)
    assert int(dict(short.headers)["content-length"]) == len(right.body) > len(short.body)
    assert short.snapshot is None


@each_rest
def test_a_right_answer_under_a_wrong_name_is_a_snapshot(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.FailingRest(status=200, body="text"))
    named, right = bench.answers[bench.fetch()], bench.answers[bench.fetch()]
    assert named is not None
    assert right is not None
    assert (named.body, named.snapshot) == (right.body, right.snapshot)
    assert dict(named.headers)["content-type"].startswith("text/plain")
    assert bench.records(evidence.Rest)[-2].faults == (1,)
