"""How fast a client went for certain: who keeps a limit is never found to exceed it, however late a server reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.pace import TOGETHER, Pace, Reads

MOST, SECONDS = 5, 1.0


def test_what_was_read_as_it_was_sent_is_counted() -> None:
    pace = Pace(MOST, SECONDS)
    since = 0.0
    over = []
    for step in range(1, 9):
        at = step * 0.125
        over.append(pace.add(since, at))
        since = at
    # of the first six everything lies within 0 and 0.75 s
    assert over == [False] * 5 + [True] * 3
    assert pace.count > MOST


def test_what_is_spread_over_the_whole_time_is_within_the_limit() -> None:
    pace = Pace(MOST, SECONDS)
    assert not any(pace.add(step * 0.2, step * 0.2) for step in range(50))


def test_a_burst_that_was_read_at_once_may_have_been_sent_before() -> None:
    pace = Pace(MOST, SECONDS)
    assert not any(pace.add(1.0, 2.5) for _ in range(50))
    pace = Pace(MOST, SECONDS)
    assert any(pace.add(1.0, 1.5) for _ in range(6))


def test_amounts_add_up() -> None:
    pace = Pace(100, 10.0)
    assert not pace.add(0.0, 0.1, 60)
    assert pace.add(0.1, 0.2, 41)


def test_the_first_read_began_with_the_handshake_and_each_later_one_with_the_one_before() -> None:
    reads = Reads(10.0)
    assert [reads.read(12.0, apart=True), reads.read(12.001, apart=False)] == [10.0, 10.0]
    assert reads.read(13.0, apart=True) == 12.0
    assert reads.read(13.5, apart=False) == 12.0
    assert reads.read(14.0, apart=True) == 13.0
    assert reads.read(20.0, apart=False) == 14.0


def test_what_comes_right_behind_counts_as_read_together() -> None:
    reads = Reads(0.0)
    reads.read(5.0, apart=True)
    assert reads.read(5.0 + TOGETHER / 2, apart=True) == 0.0
    assert reads.read(6.0, apart=True) == 5.0


@given(
    gaps=st.lists(st.floats(0.0, 0.5), min_size=1, max_size=60),
    stalls=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=20),
    most=st.integers(1, 5),
)
def test_a_client_that_keeps_the_limit_is_never_blamed(gaps: list[float], stalls: list[float], most: int) -> None:
    """The client sends as fast as the limit lets it; the server reads all that there is, then is busy for a while."""
    sent: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        if len(sent) >= most:
            now = max(now, sent[-most] + SECONDS)
        sent.append(now)
    reads, pace = Reads(0.0), Pace(most, SECONDS)
    clock, done, turn = 0.0, 0, 0
    while done < len(sent):
        clock = max(clock + stalls[turn % len(stalls)], sent[done])
        turn += 1
        first = True
        while done < len(sent) and sent[done] <= clock:
            since = reads.read(clock, apart=first)
            assert since <= sent[done]
            assert not pace.add(since, clock)
            first = False
            done += 1
