"""The exchange as plain values: what each fault and each step makes it send and record, on every dialect."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest
from script_kit import NAMES, Bench, check_evidence

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Frame, HttpRequest, Kind, Message, Tick
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.registry import FOREIGN
from bookproof_exchange.faults.stage import Delivery, Report
from bookproof_exchange.market import Shape
from bookproof_exchange.script.exchange import MOST_ASKED
from bookproof_exchange.script.stream import touched

STREAM, REST = ("kraken-v2",), ("binance-spot", "mexc-v3")

each = pytest.mark.parametrize("name", NAMES)
each_stream = pytest.mark.parametrize("name", STREAM)
each_rest = pytest.mark.parametrize("name", REST)


def spans(messages: Sequence[Message]) -> list[tuple[int, int]]:
    return [(message.first, message.last) for message in messages]


def is_chain(messages: Sequence[Message]) -> bool:
    return all(after.first == before.last for before, after in itertools.pairwise(messages))


# --- the stream -----------------------------------------------------------------------------------------------------


@each
def test_a_client_gets_an_unbroken_stream(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    assert bench.exchange.subscribed(bench.symbol)
    before = len(bench.updates())
    bench.advance(20)
    assert len(bench.updates()) == before + 20
    if name != "kraken-v2":  # (an invisible tick is not a message there)
        assert is_chain(bench.updates(connection))
    assert bench.updates()[-1].last == bench.exchange.view.index(bench.symbol)
    check_evidence(bench)


@each
def test_nobody_subscribed_the_cursor_moves_all_the_same(name: str) -> None:
    bench = Bench(name)
    before = bench.exchange.view.index(bench.symbol)
    bench.advance(5)
    assert bench.exchange.view.index(bench.symbol) >= before + 5
    assert not bench.sent()


@each
def test_the_same_inputs_give_the_same_bytes(name: str) -> None:
    def run() -> list[evidence.Evidence]:
        bench = Bench(name, symbols=2, channels=("book", "trades"))
        bench.client()
        bench.arm(1, specs.Drop())
        bench.advance(10)
        bench.arm(2, specs.Close())
        bench.client()
        bench.advance(10)
        return bench.exchange.evidence

    assert run() == run()


@each
def test_another_seed_gives_other_prices(name: str) -> None:
    books = []
    for seed in (1, 2):
        truth = Bench(name, seed=seed).exchange.view.truth(Bench(name).symbol)
        books.append({level for side in (0, 1) for level in truth.levels(64, side, 20)})  # type: ignore[arg-type]
    assert not books[0] & books[1]


@each
def test_an_unsubscribed_feed_is_silent(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.unsubscribe(connection)
    before = len(bench.updates())
    bench.advance(5)
    assert len(bench.updates()) == before


@each
def test_two_connections_get_the_same_messages(name: str) -> None:
    bench = Bench(name)
    first, second = bench.client(), bench.client()
    bench.exchange.evidence.clear()
    bench.advance(10)
    assert spans(bench.updates(first)) == spans(bench.updates(second)) != []


@each
def test_a_second_subscription_of_the_same_feed_does_not_double_the_stream(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.subscribe(connection)
    before = len(bench.updates())
    bench.advance(5)
    assert len(bench.updates()) == before + 5
    assert bench.exchange.subscribed(bench.symbol)


# --- message faults ---------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("count", [1, 3])
def test_drop_loses_updates_and_says_which(name: str, count: int) -> None:
    bench = Bench(name)
    connection = bench.client()
    before = len(bench.updates())
    bench.arm(1, specs.Drop(count=count))
    bench.advance(count + 2)
    lost = [(record.first, record.last) for record in bench.struck()]
    assert len(lost) == count
    assert len(bench.updates(connection)) == before + 2
    assert not set(lost) & set(spans(bench.updates(connection)))
    assert {record.connection for record in bench.struck()} == {connection}


@each
def test_what_was_lost_stays_lost_until_the_book_is_whole(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Drop())
    bench.advance(200)
    (record,) = bench.struck()
    truth = bench.exchange.view.truth(bench.symbol)
    lost = {
        (change.side, change.price) for event in truth.events(record.first, record.last) for change in event.changes
    }
    later = {
        (change.side, change.price)
        for event in truth.events(record.last, bench.exchange.view.index(bench.symbol))
        for change in event.changes
    }
    assert lost
    assert not lost & later
    bench.exchange.whole(bench.symbol)
    assert bench.exchange.view.truth(bench.symbol) is truth
    before = truth.last
    bench.advance(400)
    healed = {(c.side, c.price) for event in truth.events(before, truth.last) for c in event.changes}
    assert lost & healed, "once it is whole the levels may move again"


@each
@pytest.mark.parametrize("rank", [11, 20, 35])
def test_a_loss_far_down_the_book_does_not_heal_either(name: str, rank: int) -> None:
    """Where the shaped update is invisible to a window the next visible one is lost: then *its* levels must rest."""
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Drop(shape=Shape(kind="change", rank=rank)))
    bench.advance(60)
    (record,) = bench.struck()
    view = bench.exchange.view
    truth = view.truth(bench.symbol)
    lost = {(c.side, c.price) for event in truth.events(record.first, record.last) for c in event.changes}
    sent = {
        (change.side, change.price)
        for message in bench.updates()
        if message.first >= record.last
        for change in message.changes
    }
    window = bench.updates()[0].feed.depth  # type: ignore[union-attr]
    visible = {
        (side, price)
        for side, price in lost
        for index in (record.first, record.last)
        if price in {level[0] for level in truth.levels(index, side, window)}
    }
    assert visible
    assert not visible & sent


@each
def test_duplicate_sends_the_same_bytes_twice(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    before = len(bench.updates())
    bench.arm(1, specs.Duplicate())
    bench.advance(3)
    updates = bench.updates(connection)[before:]
    assert len(updates) == 4
    assert updates[0].payload == updates[1].payload
    assert len(bench.struck()) == 1


@each
def test_swap_and_delay_change_the_order_only(name: str) -> None:
    for fault, count in ((specs.Swap(), 2), (specs.Delay(by=3), 4)):
        bench = Bench(name)
        connection = bench.client()
        before = len(bench.updates())
        bench.arm(1, fault)
        bench.advance(count)
        got = spans(bench.updates(connection)[before:])
        assert sorted(got) == [*got[-1:], *got[:-1]]
        assert len(got) == count
        assert len(bench.struck()) == 1


@each
def test_an_edit_marks_what_it_touched(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Edited(edit="cut"))
    bench.advance(3)
    touched_ones = [record for record in bench.records(evidence.Sent) if record.faults]
    assert [record.faults for record in touched_ones] == [(1,)]
    assert [record.kind for record in bench.struck()] == ["cut"]


@pytest.mark.parametrize(
    ("path", "occurs"),
    [("/ws/btcusdt@depth@100ms", False), ("/stream?streams=btcusdt@depth@100ms", True), ("/ws", True)],
)
def test_another_symbol_does_not_come_on_an_address_that_names_one_stream(path: str, occurs: bool) -> None:
    bench = Bench("binance-spot")
    connection = bench.connect(path)
    if path == "/ws":
        bench.send(connection, Frame(b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}'))
    bench.arm(1, specs.Edited(edit="foreign-symbol"))
    bench.advance(4)
    assert bool(bench.struck()) is occurs
    assert bool(bench.exchange.impossible) is not occurs
    assert len(bench.exchange.unfired()) == (0 if occurs else 1)
    check_evidence(bench)


@each
def test_a_message_fault_of_another_package_strikes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice:
        waiting, holding = True, False

        def push(self, update: Delivery, report: Report) -> Sequence[Delivery]:
            if not self.waiting or update.faults:
                return (update,)
            self.waiting = False
            report(update.message, "twice")
            return (update.by(1), update.by(1))

        def flush(self, report: Report) -> Sequence[Delivery]:
            return ()

    monkeypatch.setattr(FOREIGN, "get", lambda name: lambda number, options: Twice())
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Custom(name="twice"))
    before = len(bench.updates())
    bench.advance(3)
    assert len(bench.updates()) == before + 4
    assert [record.kind for record in bench.struck()] == ["twice"]


@each
def test_a_fault_whose_connection_left_before_it_struck_waits_for_the_next_one(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.Drop())
    bench.leave(connection)
    assert [armed.number for armed in bench.exchange.unfired()] == [1]
    second = bench.client()
    bench.advance(10)
    assert [record.connection for record in bench.struck()] == [second]


@each
def test_a_fault_strikes_on_every_connection_that_carries_the_feed(name: str) -> None:
    """The second is opened between the arming and the update: a client that reads from either is told the same."""
    bench = Bench(name)
    first = bench.client()
    bench.arm(1, specs.Drop(count=2))
    second = bench.connect()
    bench.subscribe(second)
    before = {connection: len(bench.updates(connection)) for connection in (first, second)}
    bench.advance(5)
    assert [len(bench.updates(connection)) - before[connection] for connection in (first, second)] == [3, 3]
    struck = bench.struck()
    assert [record.connection for record in struck] == [first, second] * 2
    assert struck[0].last == struck[1].last


@each
def test_a_fault_that_has_begun_spares_a_connection_that_comes_later(name: str) -> None:
    bench = Bench(name)
    first = bench.client()
    bench.arm(1, specs.Drop(count=2))
    bench.advance(1)
    second = bench.client()
    bench.advance(5)
    assert {record.connection for record in bench.struck()} == {first}
    bench.arm(2, specs.Swap())
    bench.advance(1)  # the first of the two is held back
    third = bench.client()
    bench.advance(3)
    assert {record.connection for record in bench.struck(2)} == {first, second}
    assert third not in {record.connection for record in bench.struck(2)}


@each
def test_a_fault_survives_that_its_connection_subscribes_again(name: str) -> None:
    bench = Bench(name)
    connection = bench.connect("/ws" if name == "binance-spot" else None)
    if name == "binance-spot":
        frame = Frame(b'{"method":"%s","params":["btcusdt@depth@100ms"],"id":1}')
        subscribe, unsubscribe = (Frame(frame.payload % method) for method in (b"SUBSCRIBE", b"UNSUBSCRIBE"))
        again = [subscribe, unsubscribe, subscribe]
    else:
        ideal = bench.dialect.ideal
        subscribing, leaving = (make(bench.symbols, ("book",), None) for make in (ideal.subscribe, ideal.unsubscribe))
        again = [*subscribing, *leaving, *subscribing]
    bench.send(connection, again[0])
    bench.arm(1, specs.Drop())
    for later in again[1:]:
        bench.send(connection, later)
    bench.advance(3)
    assert len(bench.struck()) == 1


# --- stream faults ----------------------------------------------------------------------------------------------------


@each_stream
def test_a_resnapshot_leaves_ghosts_in_a_book_that_it_does_not_replace(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    truth = bench.exchange.view.truth(bench.symbol)
    depth = bench.sent(connection, Kind.SNAPSHOT)[0].feed.depth  # type: ignore[union-attr]
    before = bench.exchange.view.index(bench.symbol)
    bench.arm(1, specs.Resnapshot(away=20))
    (record,) = bench.struck()
    snapshot = bench.sent(connection, Kind.SNAPSHOT)[-1]
    assert record.last == snapshot.last > before
    for side in (0, 1):
        old = {price for price, _ in truth.levels(before, side, depth)}  # type: ignore[arg-type]
        new = {price for price, _ in truth.levels(snapshot.last, side)}  # type: ignore[arg-type]
        assert old - new


@each_stream
def test_a_resnapshot_may_be_of_an_empty_book(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.Resnapshot(empty=True))
    assert bench.sent(connection, Kind.SNAPSHOT)[-1].changes == ()
    bench.advance(3)
    assert bench.updates(connection)[-1].changes


@each
@pytest.mark.parametrize("scope", ["feed", "data", "socket"])
@pytest.mark.parametrize("lost", [False, True])
def test_a_stall_keeps_back_what_comes_and_lets_it_go_in_order(name: str, scope: str, lost: bool) -> None:
    bench = Bench(name)
    connection = bench.client()
    before = len(bench.updates())
    bench.arm(1, specs.Stall(scope=scope, away=5, lost=lost))  # type: ignore[arg-type]
    assert len(bench.updates()) == before
    assert bench.exchange.connections[connection].muted == (scope == "socket")
    bench.perform(bench.exchange.lift())
    assert len(bench.updates()) == before + (0 if lost else 5)
    bench.advance(2)
    assert spans(bench.updates()) == sorted(spans(bench.updates()))
    check_evidence(bench)


@each
def test_a_stall_of_one_feed_leaves_the_others(name: str) -> None:
    bench = Bench(name, symbols=2)
    bench.client()
    bench.arm(1, specs.Stall(scope="feed", symbol=1, away=0))
    bench.exchange.evidence.clear()
    bench.advance(5, symbol=bench.symbols[1])
    assert {message.feed.symbol for message in bench.updates() if message.feed} == {bench.symbols[1]}


@each
def test_a_new_connection_is_not_stalled(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Stall(scope="data", away=0))
    second = bench.client()
    bench.advance(3)
    assert len(bench.updates(second)) >= 3


@each_stream
def test_what_a_stall_kept_of_a_subscription_that_ended_never_comes(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.Stall(scope="data", away=4))
    bench.unsubscribe(connection)
    bench.subscribe(connection)
    at = len(bench.sent())
    bench.perform(bench.exchange.lift())
    kinds = [message.kind for message in bench.sent()[at:]]
    assert kinds[0] is Kind.SNAPSHOT


# --- subscriptions --------------------------------------------------------------------------------------------------


@each
def test_a_late_acknowledgement_comes_after_updates(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.LateAck(messages=3))
    connection = bench.connect()
    bench.subscribe(connection)
    kinds = [message.kind for message in bench.sent(connection) if message.kind is not Kind.STATUS]
    if Kind.ACK in kinds:
        assert kinds[:4] == [Kind.UPDATE] * 3 + [Kind.ACK]
        assert len(bench.struck()) == 1


@each_stream
def test_early_updates_come_between_acknowledgement_and_snapshot(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.EarlyUpdates(messages=2))
    connection = bench.connect()
    bench.subscribe(connection)
    kinds = [message.kind for message in bench.sent(connection) if message.kind is not Kind.STATUS]
    assert kinds == [Kind.ACK, Kind.UPDATE, Kind.UPDATE, Kind.SNAPSHOT]


@each_stream
def test_no_snapshot_once_then_one(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.NoSnapshot())
    connection = bench.connect()
    bench.subscribe(connection)
    assert not bench.sent(connection, Kind.SNAPSHOT)
    bench.unsubscribe(connection)
    bench.subscribe(connection)
    assert bench.sent(connection, Kind.SNAPSHOT)


@each
def test_no_acknowledgement_but_data(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.NoAck())
    connection = bench.client()
    bench.advance(2)
    assert not bench.sent(connection, Kind.ACK)
    assert bench.updates(connection)


@each
def test_a_refused_subscription_gets_nothing_and_the_next_is_accepted(name: str) -> None:
    bench = Bench(name)
    bench.arm(1, specs.RefuseSubscribe())
    connection = bench.connect()
    if not bench.dialect.ideal.subscribe(bench.symbols, bench.channels, None):
        pytest.skip("subscribes by the URL")
    bench.subscribe(connection)
    assert not bench.exchange.subscribed(bench.symbol)
    assert len(bench.struck()) == 1
    bench.subscribe(connection)
    assert bench.exchange.subscribed(bench.symbol)


# --- REST -------------------------------------------------------------------------------------------------------------


def index_of(bench: Bench, number: int) -> int:
    (record,) = [record for record in bench.records(evidence.Rest) if record.number == number]
    assert record.answer is not None
    assert record.answer.snapshot is not None
    assert bench.answers[number] == record.answer
    return record.answer.snapshot.index


@each_rest
def test_rest_snapshots_are_of_the_cursor_or_of_what_the_fault_says(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.advance(30)
    view = bench.exchange.view
    cursor = view.index(bench.symbol)
    assert index_of(bench, bench.fetch()) == cursor
    bench.arm(1, specs.StaleRest(by=12))
    assert index_of(bench, bench.fetch()) < cursor - 11
    assert index_of(bench, bench.fetch()) == cursor
    bench.arm(2, specs.AheadRest(by=3))
    ahead = index_of(bench, bench.fetch())
    assert ahead > cursor
    bench.advance(3)
    assert view.index(bench.symbol) == ahead, "the stream reaches the snapshot with an update's end"


@each_rest
def test_a_straddled_snapshot_falls_into_an_update(name: str) -> None:
    for seed, planned in itertools.product(range(8), range(3)):
        bench = Bench(name, seed=seed)
        if bench.dialect.traits.batch[1] < 2:
            pytest.skip("an update covers one version")
        bench.client()
        if planned:
            bench.arm(1, specs.AheadRest(by=planned))
            bench.fetch()
        bench.arm(2, specs.StraddledRest())
        index = index_of(bench, bench.fetch())
        bench.advance(5)
        assert any(message.first < index < message.last for message in bench.updates()), planned


@each_rest
def test_a_slow_snapshot_is_taken_first_and_answered_later(name: str) -> None:
    bench = Bench(name)
    bench.client()
    cursor = bench.exchange.view.index(bench.symbol)
    bench.arm(1, specs.SlowRest(messages=8))
    before = len(bench.updates())
    assert index_of(bench, bench.fetch()) == cursor
    assert len(bench.updates()) == before + 8
    kinds = [type(record) for record in bench.exchange.evidence]
    assert kinds[-1] is evidence.Rest


@each_rest
@pytest.mark.parametrize("status", [0, 429, 500])
def test_a_failing_request_has_no_snapshot(name: str, status: int) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.FailingRest(status=status, times=2, retry_after=3))
    for _ in range(2):
        answer = bench.answers[bench.fetch()]
        assert (answer is None) if status == 0 else (answer is not None and answer.status == status)
        assert answer is None or answer.snapshot is None
    index_of(bench, bench.fetch())
    assert len(bench.struck()) == 2


@each_rest
@pytest.mark.parametrize("body", ["empty", "html", "cut"])
def test_a_useless_body_is_no_book(name: str, body: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.FailingRest(status=200, body=body))  # type: ignore[arg-type]
    answer = bench.answers[bench.fetch()]
    assert answer is not None
    decoded = bench.dialect.ideal.decode_rest(bench.symbol, answer, bench.exchange.view.instruments)
    assert type(decoded).__name__ == "Malformed"


# --- connections ------------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("how", ["close", "fin", "rst", "mid-frame"])
def test_a_close_ends_every_connection_and_the_book_moves_on(name: str, how: str) -> None:
    bench = Bench(name)
    connections = {bench.client(), bench.client()}
    truth, view = bench.exchange.view.truth(bench.symbol), bench.exchange.view
    before = view.index(bench.symbol)
    bench.arm(1, specs.Close(how=how, away=20))  # type: ignore[arg-type]
    assert {action.connection for action in bench.hung_up} == connections
    assert {record.connection for record in bench.struck()} == connections
    assert all((action.half is not None) == (how == "mid-frame") for action in bench.hung_up)
    assert not bench.exchange.open_connections()
    after = view.index(bench.symbol)
    assert after >= before + 20
    for side in (0, 1):
        gone = {price for price, _ in truth.levels(before, side, 5)}  # type: ignore[arg-type]
        gone -= {price for price, _ in truth.levels(after, side)}  # type: ignore[arg-type]
        assert gone, "a level near the touch has gone meanwhile"
    check_evidence(bench)


@each
def test_so_many_attempts_are_refused(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.arm(1, specs.Close(refuse=2))
    assert len(bench.struck()) == 1
    refused = {bench.connect(), bench.connect()}
    assert [record.note for record in bench.struck()[1:]] == ["handshake refused"] * 2
    assert set(bench.refused) == refused
    assert bench.connect() in bench.admitted


@each
@pytest.mark.parametrize("fault", [specs.Close(how="rst"), specs.Close(how="mid-frame"), specs.Farewell()])
def test_an_end_that_finds_nobody_comes_to_the_next_who_subscribes(name: str, fault: specs.Fault) -> None:
    """A client that recovers by leaving may not be there at the moment when the script ends its connection."""
    bench = Bench(name)
    first = bench.client()
    bench.leave(first)
    bench.arm(1, fault)
    assert not bench.struck()
    second = bench.connect()
    bench.subscribe(second)
    assert second in bench.gone
    assert [record.connection for record in bench.struck()] == [second]
    third = bench.client()
    bench.advance(3)
    assert third not in bench.gone, "it strikes once"
    check_evidence(bench)


def test_a_farewell_is_said_before_the_end() -> None:
    bench = Bench("binance-spot")
    connection = bench.client()
    before = len(bench.sent())
    bench.arm(1, specs.Farewell(messages=3))
    kinds = [message.kind for message in bench.sent(connection)[before:]]
    assert kinds == [Kind.NOTICE] + [Kind.UPDATE] * 3
    assert connection in bench.gone


@each
def test_a_frame_that_comes_after_the_end_changes_nothing(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.Close())
    before = list(bench.exchange.evidence)
    for frame in bench.dialect.ideal.subscribe(bench.symbols, bench.channels, None):
        bench.perform(bench.exchange.received(connection, frame))
    assert bench.exchange.evidence == before


# --- holding ----------------------------------------------------------------------------------------------------------


@each
def test_holding_keeps_back_what_a_recovering_client_waits_for(name: str) -> None:
    bench = Bench(name)
    bench.exchange.hold()
    connection = bench.connect()
    assert connection not in bench.admitted
    bench.perform(bench.exchange.release())
    assert connection in bench.admitted
    bench.exchange.hold()
    bench.subscribe(connection)
    number = bench.fetch() if name in REST else None
    bench.advance(3)
    if bench.dialect.ideal.subscribe(bench.symbols, bench.channels, None):
        assert not [message for message in bench.sent(connection) if message.kind is not Kind.STATUS]
    assert number is None or number not in bench.answers
    bench.perform(bench.exchange.release())
    assert bench.exchange.subscribed(bench.symbol)
    assert number is None or number in bench.answers
    check_evidence(bench)


@each
def test_a_subscription_that_was_taken_back_while_held_harms_nothing(name: str) -> None:
    bench = Bench(name)
    connection = bench.connect()
    bench.exchange.hold()
    bench.subscribe(connection)
    bench.unsubscribe(connection)
    bench.perform(bench.exchange.release())
    assert not bench.updates(connection)
    bench.subscribe(connection)
    bench.advance(2)
    check_evidence(bench)


@each
def test_a_connection_that_left_while_held_gets_nothing(name: str) -> None:
    bench = Bench(name)
    connection = bench.connect()
    bench.exchange.hold()
    bench.subscribe(connection)
    bench.leave(connection)
    before = len(bench.sent())
    bench.perform(bench.exchange.release())
    assert len(bench.sent()) == before
    check_evidence(bench)


@each
def test_a_strike_begins_the_holding_where_the_client_is_watched(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.exchange.hold_on_strike = True
    bench.arm(1, specs.Edited(edit="unknown-type"), legal=True)
    bench.advance(2)
    assert bench.struck(1)
    assert not bench.exchange.holding, "an oddity asks for no recovery"
    bench.arm(2, specs.Drop())
    assert not bench.exchange.holding
    bench.advance(2)
    assert bench.exchange.holding


@each_rest
def test_a_handshake_let_go_does_not_overtake_an_answer_let_go(name: str) -> None:
    """The handshake's own messages come when it is admitted: what was let go with it must be on the wire by then."""
    bench = Bench(name, symbols=2)
    bench.exchange.lead = 2
    bench.connect()
    bench.exchange.hold()
    path = bench.dialect.ideal.connect_path(bench.symbols, bench.channels, None)
    second = bench.connect(path)
    third = bench.connect(path)
    bench.perform(bench.exchange.release())
    bench.exchange.hold()
    fourth = bench.connect(path)
    for connection in (second, third):
        for frame in _subscribe_frames(bench):
            bench.send(connection, frame)
    bench.perform(bench.exchange.release())
    assert fourth in bench.admitted
    check_evidence(bench)


def _subscribe_frames(bench: Bench) -> list[Frame]:
    frames = list(bench.dialect.ideal.subscribe(bench.symbols, bench.channels, None))
    if not frames:
        names = [f"{symbol.lower()}@depth@100ms" for symbol in bench.symbols]
        frames.append(Frame(msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": 1})))
    return frames


# --- barriers ---------------------------------------------------------------------------------------------------------


@each
def test_a_pong_proves_what_was_sent_before_its_ping(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    exchange = bench.exchange
    covers = exchange.position
    bench.perform(exchange.ping(exchange.connections[connection]))
    bench.advance(2)
    assert exchange.outstanding() == {connection}
    bench.pong(connection, bench.pings[connection][0])
    (barrier,) = bench.records(evidence.Barrier)
    assert barrier.covers == covers
    assert not exchange.outstanding()
    bench.pong(connection, bench.pings[connection][0])
    assert len(bench.records(evidence.Barrier)) == 1, "a second pong proves nothing more"


@each
def test_a_client_may_answer_only_the_last_of_several_pings(name: str) -> None:
    """RFC 6455, 5.5.3: an endpoint may answer only the most recent ping."""
    bench = Bench(name)
    connection = bench.client()
    exchange = bench.exchange
    for _ in range(3):
        bench.perform(exchange.ping(exchange.connections[connection]))
    bench.pong(connection, bench.pings[connection][-1])
    assert not exchange.outstanding()


@each
def test_a_pong_of_another_connection_proves_nothing(name: str) -> None:
    bench = Bench(name)
    first, second = bench.client(), bench.client()
    exchange = bench.exchange
    bench.perform(exchange.ping(exchange.connections[first]))
    bench.pong(second, bench.pings[first][0])
    assert not bench.records(evidence.Barrier)
    assert exchange.outstanding() == {first}


# --- the end ----------------------------------------------------------------------------------------------------------


@each
def test_at_the_end_nothing_is_held(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    bench.arm(1, specs.Delay(by=5))
    bench.advance(2)
    before = len(bench.updates(connection))
    bench.perform(bench.exchange.finish())
    assert len(bench.updates(connection)) == before + 1
    check_evidence(bench)


@each
def test_who_asks_without_end_is_not_answered_without_end(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    for _ in range(MOST_ASKED):
        bench.subscribe(connection)
        bench.send(connection, Frame(b"{}"))
        bench.get(HttpRequest(method="GET", path="/nope"))
    assert bench.connect() not in bench.admitted
    assert len(bench.records(evidence.Received)) + len(bench.records(evidence.Asked)) <= MOST_ASKED
    bench.advance(2)
    assert bench.updates(connection)
    bench.perform(bench.exchange.finish())
    check_evidence(bench)


@each
def test_thousands_of_subscriptions_and_connections_are_borne(name: str) -> None:
    bench = Bench(name)
    connection = bench.client()
    for _ in range(300):
        bench.subscribe(connection)
    for _ in range(100):
        bench.connect()
    bench.advance(3)
    check_evidence(bench)


@each
def test_touched_levels(name: str) -> None:
    bench = Bench(name)
    bench.client()
    bench.advance(1)
    message = bench.updates()[-1]
    levels = touched(bench.exchange.view, Tick(bench.symbol, message.first, message.last))
    assert {(change.side, change.price) for change in message.changes} <= levels or name == "kraken-v2"
