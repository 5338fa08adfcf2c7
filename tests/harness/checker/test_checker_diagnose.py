"""Each kind of mistake gets its own name and points at the message that was handled wrongly."""

from __future__ import annotations

from checker_world import ScriptedTruth, World

from bookproof.results import Check, Verdict
from bookproof_exchange.market import Book, Change, Side

BIDS = ((100, 11), (99, 12), (98, 13), (97, 14))
ASKS = ((101, 21), (102, 22), (103, 23), (104, 24))

CHANGES = [
    (Change(Side.BID, 100, 31),),  # 1
    (Change(Side.BID, 100, 32),),  # 2
    (Change(Side.ASK, 101, 0), Change(Side.ASK, 102, 42), Change(Side.BID, 99, 43)),  # 3
    (Change(Side.BID, 98, 44),),  # 4
    (Change(Side.ASK, 103, 45),),  # 5
    (Change(Side.BID, 97, 0),),  # 6
    (Change(Side.ASK, 104, 47),),  # 7
]


def world(*updates: int) -> World:
    built = World(ScriptedTruth(BIDS, ASKS, CHANGES), depth=5)
    built.connect()
    built.snapshot(0)
    built.updates(*updates)
    return built


def wrong(built: World, index: int, *changes: Change) -> Check:
    """Version ``index`` with these changes made to it, shown."""
    book = built.truth.book(index)
    book.apply(changes)
    built.show_book(book)
    check = built.judge()["S1"]
    assert check.verdict is Verdict.FAIL
    assert check.diff
    assert check.position == built.position
    return check


def test_late_applied_names_the_late_message() -> None:
    built = world(2, 3, 4)
    late = built.update(1)
    check = wrong(built, 4, Change(Side.BID, 100, 31))
    assert (check.anomaly, check.cause) == ("late-applied", late)


def test_two_neighbours_exchanged_are_reordered() -> None:
    built = world(2)
    late = built.update(1)
    built.updates(3, 4)
    check = wrong(built, 4, Change(Side.BID, 100, 31))
    assert (check.anomaly, check.cause) == ("reordered", late)


def test_duplicate_applied() -> None:
    built = world(1, 2, 3)
    copy = built.update(1)
    check = wrong(built, 3, Change(Side.BID, 100, 31))
    assert (check.anomaly, check.cause) == ("duplicate-applied", copy)


def test_half_a_message_is_torn() -> None:
    built = world(1, 2)
    cause = built.update(3)
    check = wrong(built, 2, Change(Side.ASK, 101, 0))
    assert (check.anomaly, check.cause) == ("torn", cause)


def test_a_whole_message_is_missing() -> None:
    built = world(1, 2, 3, 4, 5, 6, 7)
    undone = (Change(Side.ASK, 101, 21), Change(Side.ASK, 102, 22), Change(Side.BID, 99, 12))
    check = wrong(built, 7, *undone)
    assert (check.anomaly, check.cause) == ("missed-update", 3 + 3)
    assert {diff.note for diff in check.diff} == {
        "ghost: deleted by update 3",
        "written in the initial book; update 3 changed it",
    }
    assert check.message.endswith("Level bid 9.9 holds the size written in the initial book; update 3 changed it.")


def test_several_lost_messages_of_one_fault_are_missed() -> None:
    built = world(1, 2, 3)
    built.struck(first=3, last=5)
    built.updates(6, 7)
    check = wrong(built, 7, Change(Side.BID, 98, 13), Change(Side.ASK, 103, 23))
    assert (check.anomaly, check.cause) == ("missed-update", built.evidence[6].position)


def test_levels_of_several_updates_that_should_be_gone_are_ghosts() -> None:
    built = world(1, 2, 3, 4, 5, 6, 7)
    check = wrong(built, 7, Change(Side.BID, 97, 14), Change(Side.ASK, 101, 21))
    assert check.anomaly == "ghost"
    assert [diff.note for diff in check.diff] == ["ghost: deleted by update 6", "ghost: deleted by update 3"]


def test_a_level_of_the_other_side() -> None:
    built = world(1, 2, 3, 4)
    check = wrong(built, 4, Change(Side.BID, 90, 24), Change(Side.BID, 97, 0), Change(Side.BID, 104, 24))
    assert check.anomaly == "wrong-side"


def test_sizes_that_add_up_instead_of_replacing() -> None:
    built = world(1, 2)
    check = wrong(built, 2, Change(Side.BID, 100, 31 + 32))
    assert check.anomaly == "wrong-size"
    assert [(diff.shown, diff.truth) for diff in check.diff] == [("0.063", "0.032")]


def test_a_missing_level_says_who_set_it() -> None:
    built = world(1, 2, 3, 4)
    check = wrong(built, 4, Change(Side.BID, 98, 0))
    assert check.diff[0].note == "missing: set by update 4"
    assert check.diff[0].shown is None


def test_the_book_itself_is_reported() -> None:
    built = world(1)
    check = wrong(built, 1, Change(Side.BID, 100, 99))
    assert check.shown[0] == ("bid", "10.0", "0.099")
    assert check.truth[0] == ("bid", "10.0", "0.031")
    assert isinstance(built.truth.book(1), Book)
