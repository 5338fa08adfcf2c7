"""Every safety property: a client that keeps it and one that breaks it."""

from __future__ import annotations

import pytest
from checker_world import INSTRUMENT, OTHER, World, real_truth, rows

from bookproof.checker.match import Matcher
from bookproof.results import Verdict
from bookproof_exchange.market import Book, Change, Side, Truth

PASS, FAIL, INFO, WARN = Verdict.PASS, Verdict.FAIL, Verdict.INFO, Verdict.WARN


@pytest.fixture
def world() -> World:
    return World(real_truth(3, 60))


def synced(world: World, upto: int = 20) -> None:
    world.connect()
    world.snapshot(10)
    world.updates(*range(11, upto + 1))
    world.show_version(upto)


def top(world: World, index: int) -> Book:
    book = world.truth.book(index)
    if world.depth is not None:
        book.truncate(world.depth)
    return book


def touching(truth: Truth, first: int, depth: int, count: int = 1) -> int:
    """The first version from ``first`` whose event changes at least ``count`` levels that stay within the depth."""
    for index in range(first, truth.last):
        before, after = ([dict(truth.levels(version, side, depth)) for side in Side] for version in (index - 1, index))
        changes = truth.event(index).changes
        inside = [c for c in changes if before[c.side].get(c.price) and after[c.side].get(c.price)]
        if len(inside) >= count and len(changes) == len(inside):
            return index
    raise AssertionError("no such event")


def test_a_right_client_passes_everything(world: World) -> None:
    synced(world)
    world.show_version(18, read=False, claim="stale")
    world.updates(21, 22)
    world.show_version(21)
    world.show_version(22)
    checks = world.judge()
    assert {check.verdict for check in checks.values()} == {PASS}
    assert checks["S1"].observations == 3
    assert checks["S1"].rule == "test/rule"


def test_s1_a_version_in_the_middle_of_a_message_is_torn(world: World) -> None:
    synced(world)
    prints = world.truth.fingerprints(5)
    first = next(i for i in range(20, 50) if len({*prints[i : i + 4]}) == 4)
    world.updates(*range(21, first + 1))
    world.update(first + 3, first=first)
    world.show_version(first + 1)
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly) == (FAIL, "torn")


def test_s1_missed_update_names_the_message_and_the_writers(world: World) -> None:
    synced(world)
    missed = touching(world.truth, 21, 5)
    world.updates(*range(21, missed))
    cause = world.update(missed)
    book = top(world, missed - 1)
    after = missed
    while True:
        after += 1
        world.update(after)
        book = top(world, after)
        change = world.truth.event(missed).changes[0]
        if dict(world.truth.levels(after, change.side, 5)).get(change.price) == change.size:
            book.set(change.side, change.price, world.truth.book(missed - 1).get(change.side, change.price))
            if world.truth.fingerprints(5)[after] != world.truth.fingerprints(5)[missed]:
                break
    world.show_book(book)
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly, check.cause) == (FAIL, "missed-update", cause)
    assert check.position == world.position
    (diff,) = check.diff
    assert f"update {missed} changed it" in diff.note
    assert diff.truth is not None
    assert f"without update {missed}" in check.message
    assert check.truth
    assert check.shown


def test_s1_future_is_the_harness_s_own_error(world: World) -> None:
    synced(world)
    world.show_version(50)
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly) == (Verdict.HARNESS_ERROR, "future")


def test_s1_a_book_before_anything_was_sent(world: World) -> None:
    world.connect()
    world.show_version(4)
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly) == (FAIL, "previous-case")


def test_s1_an_empty_book_is_none_for_clients_without_claims_only(world: World) -> None:
    world.connect()
    world.show((), ())
    world.snapshot(10)
    world.updates(11, 12)
    world.show_version(12)
    world.show_version(12)
    assert world.judge(claims=False)["S1"].verdict is PASS
    assert world.judge(claims=True)["S1"].verdict is FAIL
    world.show((), ())
    assert world.judge(claims=False)["S1"].verdict is FAIL
    world.evidence.pop()
    world.evidence.pop()
    world.close()
    world.show((), ())
    assert world.judge(claims=False)["S1"].verdict is PASS


@pytest.mark.parametrize(
    ("damage", "anomaly"),
    [
        (lambda bids, asks: (bids[::-1], asks), "unsorted"),
        (lambda bids, asks: ((bids[0], *bids), asks), "unsorted"),
        (lambda bids, asks: (((bids[0][0], "0.000"), *bids[1:]), asks), "wrong-size"),
        (lambda bids, asks: (((bids[0][0], "-1"), *bids[1:]), asks), "wrong-size"),
        (lambda bids, asks: (((bids[0][0], "many"), *bids[1:]), asks), "wrong-size"),
        (lambda bids, asks: (((bids[0][0], "NaN"), *bids[1:]), asks), "wrong-size"),
        (lambda bids, asks: (((bids[0][0], bids[0][1] + "1"), *bids[1:]), asks), "precision"),
        (lambda bids, asks: (((bids[0][0], "987654321"), *bids[1:]), asks), "wrong-size"),
        (lambda bids, asks: (asks, bids), "wrong-side"),
        (lambda bids, asks: (asks[::-1], bids[::-1]), "wrong-side"),
        (lambda bids, asks: (bids, (("1.0", "5.000"), *asks)), "wrong-size"),
    ],
)
def test_s1_damaged_books(world: World, damage: object, anomaly: str) -> None:
    synced(world)
    bids, asks = (rows(world.truth.levels(20, side, 5)) for side in Side)
    world.show(*damage(bids, asks))  # type: ignore[operator]
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly) == (FAIL, anomaly)


def test_s1_sorted_by_adapter_takes_any_order(world: World) -> None:
    synced(world)
    bids, asks = (rows(world.truth.levels(20, side, 5)) for side in Side)
    world.show(bids[::-1], asks[::-1])
    assert world.judge(sorted_by_adapter=True)["S1"].verdict is PASS
    assert world.judge()["S1"].verdict is FAIL


def test_s1_float_clients_match_by_the_nearest_double(world: World) -> None:
    synced(world)
    sides = [rows(world.truth.levels(20, side, 5)) for side in Side]
    texts = [tuple((repr(float(p)), repr(float(s))) for p, s in side) for side in sides]
    world.show(*texts)
    assert world.judge(numbers="float")["S1"].verdict is PASS
    broken = ((repr(float(texts[0][0][0])), repr(float(texts[0][0][1]) + 1e-9)), *texts[0][1:])
    world.show(broken, texts[1])
    check = world.judge(numbers="float")["S1"]
    assert (check.verdict, check.anomaly) == (FAIL, "precision")


def test_s1_more_levels_than_the_window(world: World) -> None:
    synced(world)
    world.show_version(20, depth=8)
    check = world.judge()["S1"]
    assert (check.verdict, check.anomaly) == (FAIL, "not-truncated")


def test_s1_depth_shown_cuts_the_comparison(world: World) -> None:
    synced(world)
    world.evidence.pop()
    world.show_version(20, depth=3)
    assert world.judge(depth_shown=3)["S1"].verdict is PASS
    assert world.judge(depth_shown=4)["S1"].verdict is FAIL


def test_s1_order_level_rows_add_up(world: World) -> None:
    synced(world)
    bids, asks = (rows(world.truth.levels(20, side, 5)) for side in Side)
    price, size = world.truth.levels(20, Side.BID, 1)[0]
    halves = (size // 2, size - size // 2)
    split = tuple((bids[0][0], f"{half / 1000:.3f}", str(number)) for number, half in enumerate(halves))
    assert price
    world.show((*split, *((p, s, "x") for p, s in bids[1:])), tuple((p, s, "y") for p, s in asks))
    assert world.judge()["S1"].verdict is PASS


def test_s1_undetectable_states_are_admissible(world: World) -> None:
    synced(world)
    first = world.evidence[-2]
    book = top(world, 20)
    price = world.truth.levels(20, Side.BID, 5)[4][0]
    book.set(Side.BID, price, 77)
    world.update(21, untrue=book.fingerprint(5))
    world.show_book(book)
    assert world.judge(undetectable=True)["S1"].verdict is PASS
    book.set(Side.BID, price, 78)
    world.show_book(book)
    assert world.judge(undetectable=True)["S1"].verdict is FAIL
    # a client that shows less than the feed: the state's fingerprint at that depth is not known, so nothing is judged
    del world.evidence[world.evidence.index(first) :]
    world.show_version(20, depth=3)
    world.update(21, untrue=book.fingerprint(5))
    book.truncate(3)
    book.set(Side.ASK, world.truth.levels(20, Side.ASK, 1)[0][0], 78)
    world.show_book(book)
    assert world.judge(undetectable=True, depth_shown=3)["S1"].verdict is PASS


def test_s1_an_empty_snapshot_is_an_empty_book_at_any_depth(world: World) -> None:
    world.connect()
    world.snapshot(10)
    world.update(11, untrue=0)
    world.show((), ())
    assert world.judge(undetectable=True, depth_shown=3)["S1"].verdict is PASS
    assert world.judge(undetectable=True)["S1"].verdict is PASS


def test_s1_torn_reads_of_clients_that_say_so_are_info(world: World) -> None:
    synced(world)
    index = next(
        i
        for i in range(21, 50)
        if all(world.truth.levels(i, side, 5) != world.truth.levels(20, side, 5) for side in Side)
    )
    world.update(index, first=20)
    world.show(world.truth.levels(20, Side.BID, 5), world.truth.levels(index, Side.ASK, 5))
    assert world.judge(atomic_read=False)["S1"].verdict is FAIL
    world.show_version(index)
    check = world.judge(atomic_read=False)["S1"]
    assert (check.verdict, check.anomaly) == (INFO, "torn")
    assert world.judge()["S1"].verdict is FAIL


def test_s2_going_back_within_an_epoch_fails(world: World) -> None:
    synced(world)
    earlier = max(i for i in range(10, 20) if world.truth.fingerprints(5)[i] != world.truth.fingerprints(5)[20])
    world.show_version(earlier)
    checks = world.judge()
    assert checks["S1"].verdict is PASS
    assert (checks["S2"].verdict, checks["S2"].anomaly) == (FAIL, "went-back")


def test_s2_going_back_across_epochs_warns_unless_promised(world: World) -> None:
    synced(world)
    world.close()
    world.connect()
    world.snapshot(15)
    world.show_version(15)
    assert world.judge()["S2"].verdict is WARN
    assert world.judge(fresh_snapshots=True)["S2"].verdict is FAIL


def test_s2_a_new_epoch_may_be_shown_late(world: World) -> None:
    synced(world)
    world.close()
    world.connect()
    world.snapshot(30)
    world.show_version(20)
    world.updates(31, 32)
    world.show_version(30)
    world.show_version(32)
    assert world.judge()["S2"].verdict is PASS


def test_s3_a_ghost_from_before_the_snapshot(world: World) -> None:
    truth = world.truth
    before, later, side, level = next(
        (i, j, side, level)
        for i in range(11, 40)
        for j in range(i + 2, 60)
        for side in Side
        for level in truth.levels(i, side, 5)
        if not truth.book(j).get(side, level[0]) and truth.book(j).rank(side, level[0]) < 4
    )
    synced(world, before)
    world.close()
    world.connect()
    root = world.snapshot(later)
    book = top(world, later)
    book.set(side, *level)
    book.truncate(5)
    world.show_book(book)
    checks = world.judge()
    assert (checks["S3"].verdict, checks["S3"].anomaly, checks["S3"].cause) == (FAIL, "ghost", root)
    assert checks["S1"].anomaly == "ghost"
    assert any(diff.note.startswith("ghost: deleted by update") for diff in checks["S1"].diff)


def test_s4_a_live_state_beyond_the_break_fails_at_once(world: World) -> None:
    synced(world)
    later = next(i for i in range(23, 50) if world.truth.fingerprints(5)[i] not in world.truth.fingerprints(5)[:21])
    world.update(later, first=22)
    world.show_version(later)
    checks = world.judge()
    assert checks["S1"].verdict is PASS
    assert (checks["S4"].verdict, checks["S4"].anomaly) == (FAIL, "beyond-break")


def test_s4_going_on_over_a_reconnection_without_a_loss_is_a_warning(world: World) -> None:
    """The numbers say that nothing is missing: the book is right, though no venue promises that they go on."""
    synced(world)
    fingerprints = world.truth.fingerprints(5)
    later = next(i for i in range(23, 50) if fingerprints[i] not in fingerprints[:i])
    world.close()
    world.connect()
    for last in range(22, later + 1):
        world.update(last)
    world.show_version(later)
    checks = world.judge(sequence_base={world.symbol: 1000})
    assert (checks["S1"].verdict, checks["S4"].verdict) == (PASS, Verdict.WARN)
    assert checks["S4"].anomaly == "resumed"
    # without numbers nobody can know
    assert (world.judge()["S4"].verdict, world.judge()["S4"].anomaly) == (FAIL, "beyond-break")


def test_s4_going_on_over_a_loss_between_two_connections_fails(world: World) -> None:
    synced(world)
    fingerprints = world.truth.fingerprints(5)
    later = next(i for i in range(24, 50) if fingerprints[i] not in fingerprints[:i])
    world.close()
    world.connect()
    for last in range(23, later + 1):
        world.update(last)
    world.show_version(later)
    checks = world.judge(sequence_base={world.symbol: 1000})
    assert (checks["S4"].verdict, checks["S4"].anomaly) == (FAIL, "beyond-break")


def test_s4_the_last_good_state_may_stand_until_noticed(world: World) -> None:
    synced(world)
    world.update(24, first=22)
    world.barrier()
    world.wait(1.0)
    world.show_version(20)
    assert world.judge(honest=True)["S4"].verdict is PASS
    world.wait(1.5)
    world.show_version(20)
    check = world.judge(honest=True)["S4"]
    assert (check.verdict, check.anomaly) == (FAIL, "false-live")
    assert world.judge(claims=False)["S4"].verdict is INFO


def test_s4_after_a_close_the_claim_must_end(world: World) -> None:
    synced(world)
    world.close()
    world.wait(5)
    world.show_version(20)
    assert world.judge()["S4"].verdict is FAIL


def test_s4_nothing_is_asked_without_proof_or_after_recovery(world: World) -> None:
    synced(world)
    world.update(24, first=22)
    world.wait(9)
    world.show_version(20)
    assert world.judge()["S4"].verdict is PASS
    assert world.judge(honest=True)["S4"].verdict is Verdict.INCONCLUSIVE
    world.barrier()
    world.wait(9)
    world.snapshot(30)
    world.show_version(20)
    assert world.judge()["S4"].verdict is PASS


def test_s4_honest_needs_a_break(world: World) -> None:
    synced(world)
    assert world.judge(honest=True)["S4"].verdict is Verdict.INCONCLUSIVE


def test_s4_not_while_another_connection_is_healthy(world: World) -> None:
    synced(world)
    world.connect()
    world.snapshot(20)
    first = world.connections - 1
    chain = world.current[first, world.symbol]
    assert chain["broken"] is None
    world.update(21)
    world.connections = first
    world.close()
    world.wait(9)
    world.show_version(21)
    assert world.judge()["S4"].verdict is PASS


def corrupt(world: World) -> tuple[Change, ...]:
    price, size = world.truth.levels(20, Side.BID, 5)[2]
    return (Change(Side.BID, price, size + 1),)


def test_s5_a_rejected_message_applied(world: World) -> None:
    synced(world)
    world.update(21, rejected="checksum", changes=corrupt(world))
    book = top(world, 20)
    book.apply(corrupt(world))
    world.show_book(book)
    world.show_book(book)
    checks = world.judge()
    assert checks["S1"].verdict is FAIL
    assert (checks["S5"].verdict, checks["S5"].anomaly) == (FAIL, "rejected-applied")


def test_s5_seen_only_until_verified_is_non_strict_for_polled_clients(world: World) -> None:
    synced(world)
    world.update(21, rejected="checksum", changes=corrupt(world))
    book = top(world, 20)
    book.apply(corrupt(world))
    world.show_book(book)
    assert world.judge()["S1"].verdict is FAIL  # nothing shows that it went away
    world.show((), (), claim="syncing")
    checks = world.judge()
    assert checks["S1"].verdict is Verdict.NON_STRICT
    assert checks["S5"].verdict is Verdict.NON_STRICT
    assert world.judge(pushes=True)["S1"].verdict is FAIL


def test_s5_right_content_with_a_wrong_checksum(world: World) -> None:
    index = touching(world.truth, 21, 5)
    synced(world, index - 1)
    world.update(index, rejected="checksum")
    world.show_version(index)
    world.show_version(index)
    checks = world.judge()
    assert checks["S1"].verdict is PASS
    assert (checks["S4"].verdict, checks["S4"].anomaly) == (FAIL, "rejected-applied")
    assert checks["S5"].verdict is FAIL


def test_s5_keeping_the_last_good_book_is_right(world: World) -> None:
    synced(world)
    world.update(21, rejected="checksum", changes=corrupt(world))
    world.show_version(20)
    assert world.judge()["S5"].verdict is PASS


def test_s6_a_stated_version_must_be_the_one_shown(world: World) -> None:
    synced(world)
    base = 9_000_000
    prints = world.truth.fingerprints(5)
    world.show_version(20, version=base + 20)
    world.show_version(20, version=17)  # no sequence of this case: not judged
    world.show_version(20, version="abc")
    facts = {"sequence_base": {world.symbol: base}}
    assert world.judge(**facts)["S6"].verdict is PASS
    assert "S6" not in world.judge()
    other = next(i for i in range(21, 60) if prints[i] != prints[20])
    world.show_version(20, version=base + other)
    check = world.judge(**facts)["S6"]
    assert (check.verdict, check.anomaly) == (FAIL, "wrong-version")


def two_symbols() -> World:
    other = Truth(OTHER, 9, levels=12)
    other.ensure(40)
    world = World(real_truth(3, 60), other=other)
    world.connect()
    for symbol in world.truths:
        world.snapshot(10, symbol)
        world.update(11, symbol=symbol)
    world.struck()
    return world


def test_s7_isolation() -> None:
    world = two_symbols()
    world.show_version(11)
    world.show_version(11, symbol=OTHER.symbol)
    checks = world.judge()
    assert checks["S7"].verdict is PASS
    world.show_version(11, symbol=OTHER.symbol, depth=4)
    checks = world.judge()
    assert checks["S7"].verdict is FAIL
    assert checks["S1"].verdict is FAIL
    world.struck(2, symbol=None)  # a fault of the whole connection concerns everybody
    assert "S7" not in world.judge()


def test_s1_the_book_of_another_symbol() -> None:
    world = two_symbols()
    bids, asks = (world.truths[OTHER.symbol].levels(11, side, 5) for side in Side)
    world.show(bids, asks)
    assert world.judge()["S1"].anomaly == "foreign-symbol"
    world.evidence.pop()
    mixed = dict(world.truth.levels(11, Side.BID, 4)) | {bids[0][0]: bids[0][1]}
    world.show(tuple(sorted(mixed.items(), reverse=True)), world.truth.levels(11, Side.ASK, 5))
    assert world.judge()["S1"].anomaly == "foreign-symbol"


def test_a_rest_snapshot_knows_nothing_beyond_its_worst_price() -> None:
    truth = real_truth(5, 80, levels=20)
    world = World(truth, depth=None)
    world.connect()
    world.rest(10, 6)
    region = world.chains[world.symbol][0]["region"]
    known = Book(*(truth.levels(10, side, 6) for side in Side))
    world.show_book(known)
    for index in range(11, 60):
        world.update(index)
        known.apply(truth.event(index).changes)
        world.show_book(known)
    checks = world.judge()
    assert checks["S1"].verdict is PASS
    assert checks["S2"].verdict is PASS
    # inside the region nothing may be missing, beyond it nothing may be wrong
    inside = next(price for price, _ in known.levels(Side.BID) if price >= region.worst_bid)
    for change in (Change(Side.BID, inside, 0), Change(Side.BID, region.worst_bid - 500, 123_456)):
        damaged = known.copy()
        damaged.apply((change,))
        world.show_book(damaged)
        assert world.judge()["S1"].verdict is FAIL
        del world.evidence[-2:]
    matcher = Matcher(truth, INSTRUMENT, None, "string")
    bids, asks = (rows(known.levels(side)) for side in Side)
    assert matcher.match(bids, asks, region=region) is not None
    assert matcher.equals(bids, asks, 59, region)


def test_v0_vacuity(world: World) -> None:
    world.connect()
    world.snapshot(10)
    world.show_version(10, claim="stale")
    assert world.judge()["V0"].verdict is Verdict.INCONCLUSIVE
    world.show_version(10)
    assert world.judge()["V0"].verdict is PASS
    assert world.judge(faults_armed=1)["V0"].anomaly == "fault-idle"
    world.struck()
    assert world.judge(faults_armed=1)["V0"].verdict is PASS
    world.connections = 7
    world.struck(2)
    assert world.judge(faults_armed=2)["V0"].anomaly == "fault-unseen"


def test_v0_a_fault_that_cannot_occur_on_the_clients_connection_is_unsupported(world: World) -> None:
    world.connect()
    world.snapshot(10)
    world.show_version(10)
    check = world.judge(faults_armed=1, impossible=("No other symbol's message can come here.",))["V0"]
    assert (check.verdict, check.anomaly) == (Verdict.UNSUPPORTED, "fault-impossible")
    world.struck()
    assert world.judge(faults_armed=1, impossible=("It came all the same, elsewhere.",))["V0"].verdict is PASS
