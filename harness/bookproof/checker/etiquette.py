"""E2, E5 and E6: what a client asks of the exchange, from its start to its end. The venue's own limits: `checker.limits`."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof.checker.facts import Facts
from bookproof.checker.finding import Finding, check
from bookproof.checker.timeline import Recovery, Timeline
from bookproof.results import Check, Verdict

#: Faults after which asking again on the same connection is no mistake of the client.
_UNANSWERED = frozenset({"no-ack", "late-ack", "refuse-subscribe", "no-snapshot", "stall"})

#: So much of a kind a client may ask for, of each symbol, until it is first in sync, and one a second more: a cache that
#: fills while snapshots are fetched, a first connection that fails, subscriptions that are sent again.
_TO_START = 10

#: Seconds in which a client that reads the same on several connections has made them all.
_STARTING = 2.0

_BY_LEVEL = {"MUST": Verdict.FAIL, "SHOULD": Verdict.WARN, "MAY": Verdict.INFO}


def etiquette(facts: Facts, timeline: Timeline) -> list[Check]:
    """E5; and E2 and E6, from what the client asked of the exchange after it was first in sync."""
    synced = next((w.position for w in timeline.waited if w.what == "sync" and w.came), None)
    asked = [
        recovery for recovery in timeline.recoveries if recovery.what in ("connection", "subscription", "snapshot")
    ]
    if synced is None:
        return [_effort(facts, timeline, asked, (), timeline.records[-1].position if timeline.records else 0)]
    end = _end(timeline)
    first = [recovery for recovery in asked if recovery.position < synced]
    again = [recovery for recovery in asked if synced < recovery.position <= end]
    alarms = _without_additions(timeline, again, end)
    return [
        *_stable(facts, timeline, alarms),
        _effort(facts, timeline, first, again, synced),
        *_alarm(facts, again if facts.resync == "some" else alarms),
    ]


def _end(timeline: Timeline) -> int:
    """Where the script ended. What faults still hold back is let go after that, so nothing is asked of the client then:
    if the last step was a wait, that is the end."""
    last = timeline.waited[-1]
    if timeline.last_step is None or timeline.last_step.place > last.place:
        return timeline.records[-1].position
    return last.position


def _without_additions(timeline: Timeline, again: Sequence[Recovery], end: int) -> list[Recovery]:
    """Without what a further connection asks for that is made while the client starts: one that reads the same on two
    connections, and keeps both, recovers from nothing. (One that it leaves for the new one was replaced.)"""
    start = min((opened.at for opened in timeline.opened.values()), default=0.0)
    additions: dict[int, int] = {}  # by connection: the position
    for recovery in again:
        number = recovery.connection
        if recovery.what == "connection" and number is not None and recovery.at - start <= _STARTING:
            before = [other for other in timeline.opened if _open(timeline, other, recovery.position)]
            kept = [other for other in before if _open(timeline, other, end) or timeline.closed[other].by == "exchange"]
            if before and kept == before:
                additions[number] = recovery.position
    found: list[Recovery] = []
    snapshots: dict[str | None, int] = {}
    for recovery in again:
        if recovery.connection in additions:
            continue
        if recovery.what == "snapshot":
            snapshots[recovery.symbol] = snapshots.get(recovery.symbol, 0) + 1
            if snapshots[recovery.symbol] <= sum(position < recovery.position for position in additions.values()):
                continue
        found.append(recovery)
    return found


def _open(timeline: Timeline, connection: int, position: int) -> bool:
    closed = timeline.closed.get(connection)
    return timeline.opened[connection].position < position and (closed is None or closed.position > position)


def _readers(timeline: Timeline, symbol: str | None, position: int) -> int:
    """How many connections carry the symbol's book (None: any book), at least one."""
    carrying = {
        recovery.connection
        for recovery in timeline.recoveries
        if recovery.what == "subscription" and recovery.position < position and symbol in (None, recovery.symbol)
    }
    return max(1, sum(number is not None and _open(timeline, number, position) for number in carrying))


def _stable(facts: Facts, timeline: Timeline, again: Sequence[Recovery]) -> list[Check]:
    converged = [w.position for w in timeline.waited if w.what == "converge" and w.came]
    last_struck = max((struck.position for struck in timeline.struck), default=0)
    if not converged or converged[-1] < last_struck:
        return []
    # What the client asked for before it was proven to have read so far belongs to the recovery that has just ended.
    settled = next((barrier.position for barrier in timeline.barriers if barrier.covers >= converged[-1]), None)
    late = [recovery for recovery in again if settled is not None and recovery.position > settled]
    late = _without_other_readers(timeline, late, last_struck)
    findings = [
        Finding(
            verdict=_BY_LEVEL[facts.stability],
            anomaly="unstable",
            message=f"After it was live again the client recovered once more: {_listed(late)}.",
            position=late[0].position,
        )
    ] if late else []  # fmt: skip
    return [check("E2", facts.rules.get("E2"), findings, len(again))]


def _without_other_readers(timeline: Timeline, late: Sequence[Recovery], struck: int) -> list[Recovery]:
    """Where several connections carried a book when the last fault struck, the others recover when they do: the client was
    live by the first that had."""
    counts: dict[tuple[str, str | None], int] = {}
    found: list[Recovery] = []
    for recovery in late:
        key = (recovery.what, recovery.symbol)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] >= _readers(timeline, recovery.symbol, struck):
            found.append(recovery)
    return found


def _effort(
    facts: Facts, timeline: Timeline, first: Sequence[Recovery], again: Sequence[Recovery], synced: int
) -> Check:
    findings = _start(facts, timeline, first)
    if facts.most_resyncs is not None:
        allowed = facts.most_resyncs * max(1, len(timeline.struck))
        # a client may spread its symbols over several connections, and loses all of them at once
        connections = sum(
            opened.position < synced and (number not in timeline.closed or timeline.closed[number].position > synced)
            for number, opened in timeline.opened.items()
        )
        count, what = _count(again, max(1, connections))
        if count > allowed:
            findings.append(
                Finding(
                    verdict=Verdict.FAIL,
                    anomaly="resync-storm",
                    message=f"The client asked for {what} {count} times; at most {allowed} are in order here.",
                    position=again[0].position,
                )
            )
    if timeline.repeats and not any(struck.kind in _UNANSWERED for struck in timeline.struck):
        position, symbol = timeline.repeats[0]
        findings.append(
            Finding(
                # a venue that does not want it refuses it; this one has accepted
                verdict=Verdict.INFO,
                anomaly="duplicate-subscription",
                message=f"The client subscribed to {symbol} although the connection had it already.",
                position=position,
            )
        )
    return check("E5", facts.rules.get("E5"), findings, len(first) + len(again), found=1)


def _start(facts: Facts, timeline: Timeline, first: Sequence[Recovery]) -> list[Finding]:
    """Whether the client asked, before it was first in sync, for more than a start needs. Everything was sent after the
    case began, so what was read by then was sent by then."""
    explained = (facts.most_resyncs or _TO_START) * len(timeline.struck)
    counts: dict[tuple[str, str | None], int] = {}
    findings: dict[tuple[str, str | None], Finding] = {}
    for recovery in sorted(first, key=lambda recovery: recovery.position):
        key = (recovery.what, recovery.symbol)
        count = counts[key] = counts.get(key, 0) + 1
        # of a connection it is not known for which symbol it is
        usual = _TO_START * (len(facts.truths) if recovery.what == "connection" else 1)
        if count > usual + explained + recovery.at:
            what = f"a {recovery.what}" + (f" of {recovery.symbol}" if recovery.symbol else "")
            findings[key] = Finding(
                # A client that asks again as soon as it is answered asks far more often here than of a venue that is far
                # away; ten times as much is no start any more.
                verdict=Verdict.FAIL if count > 10 * usual + explained + recovery.at else Verdict.WARN,
                anomaly="start-up-storm",
                message=f"The client asked for {what} {count} times within {recovery.at:.1f} s and was never in sync.",
                position=recovery.position,
            )
    return list(findings.values())


def _alarm(facts: Facts, again: Sequence[Recovery]) -> list[Check]:
    findings: list[Finding] = []
    match facts.resync:
        case "any":
            return []
        case "none":
            if again:
                findings.append(
                    Finding(
                        verdict=Verdict.FAIL,
                        anomaly="false-alarm",
                        message=f"Nothing was wrong, yet the client recovered: {_listed(again)}.",
                        position=again[0].position,
                    )
                )
        case "some":
            if not again:
                findings.append(
                    Finding(
                        verdict=Verdict.FAIL,
                        anomaly="no-recovery",
                        message="The client's book broke, but it neither subscribed again, nor fetched a snapshot, nor "
                        "reconnected.",
                    )
                )
    return [check("E6", facts.rules.get("E6"), findings, len(again))]


def _count(again: Sequence[Recovery], connections: int) -> tuple[int, str]:
    """How many recoveries: a reconnect with a subscription and a snapshot is one, so the most frequent kind counts."""
    counts: dict[tuple[str, str | None], int] = {}
    for recovery in again:
        key = (recovery.what, recovery.symbol)
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return 0, ""
    for key in counts:
        if key[0] == "connection":
            counts[key] = -(-counts[key] // connections)
    (what, symbol), count = max(counts.items(), key=lambda item: item[1])
    return count, f"a {what}" + (f" of {symbol}" if symbol else "")


def _listed(recoveries: Sequence[Recovery]) -> str:
    shown = ", ".join(
        f"{recovery.what}{'' if recovery.symbol is None else ' of ' + recovery.symbol} (position {recovery.position})"
        for recovery in recoveries[:4]
    )
    return shown if len(recoveries) <= 4 else f"{shown} and {len(recoveries) - 4} more"
