"""The log forgets the oldest, by count and by size, and says what is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange import evidence
from bookproof_exchange.control.log import Log
from bookproof_exchange.evidence import Evidence


def record(position: int, size: int) -> Evidence:
    return evidence.Received(position=position, connection=1, payload=b"x" * size, binary=False)


@given(st.lists(st.lists(st.integers(0, 400), max_size=12), max_size=12))
def test_the_newest_stay_within_bounds_and_all_are_seen(batches: list[list[int]]) -> None:
    records: list[Evidence] = []
    log = Log(records, most=10, most_bytes=3_000)
    seen: list[int] = []
    log.seen = lambda record: seen.append(record.position)
    count = 0
    for sizes in batches:
        for size in sizes:
            count += 1
            records.append(record(count, size))
        log.take_in()
        assert seen == list(range(1, count + 1))
        assert len(records) <= 10
        assert sum(200 + len(each.payload) for each in records) <= 3_000  # type: ignore[union-attr,misc]
        kept = [each.position for each in records]
        assert kept == list(range(count - len(kept) + 1, count + 1)), "the newest, without a hole"
        if count:
            assert log.last == count
            assert kept, "the newest stays whatever it weighs"
        assert log.first == (kept[0] if kept else 1)
        for since in (0, max(0, count - 3), count, count + 5):
            assert [each.position for each in log.after(since, 4)] == [at for at in kept if at > since][:4]


def test_one_that_is_too_large_by_itself_stays_until_the_next() -> None:
    records: list[Evidence] = [record(1, 5), record(2, 9_000)]
    log = Log(records, most=10, most_bytes=3_000)
    log.take_in()
    assert [each.position for each in records] == [2]
    records.append(record(3, 5))
    log.take_in()
    assert [each.position for each in records] == [3]
