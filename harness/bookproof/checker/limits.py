"""E5 of the venue's limits: how often a client may do something, and when it has to wait.

A client is blamed only for what is certain: the times in the evidence are those at which the exchange read, not those at
which the client sent (see `bookproof_exchange.pace`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bookproof.checker.facts import Facts
from bookproof.checker.finding import Finding, check
from bookproof.checker.timeline import Timeline
from bookproof.results import Check, Verdict
from bookproof_exchange.dialects.api import HttpRequest, Limit
from bookproof_exchange.evidence import (
    Asked,
    Barrier,
    Closed,
    Evidence,
    Observed,
    Opened,
    Pinged,
    Received,
    Rest,
    Sent,
    Struck,
)
from bookproof_exchange.pace import Pace, Reads
from bookproof_exchange.script.gate import EARLY, retry_after

#: The part of a time to wait in which a request is excused: it may have been on its way when the answer came.
EXCUSED = 0.5

#: What an exchange does about a frame, at once: no sign that it read anything else meanwhile.
_CONSEQUENCES = frozenset({Sent, Struck, Closed})

#: What tells of connections and HTTP requests.
_REQUESTS = frozenset({Opened, Closed, Struck, Asked, Rest})


def limits(facts: Facts, timeline: Timeline) -> list[Check]:
    """One check for each kind of limit that the dialect has, and one for the pauses that the exchange asked for."""
    found: list[Check] = []
    requests = [record for record in timeline.records if type(record) in _REQUESTS]
    kinds = dict.fromkeys(limit.what for limit in facts.limits)
    for what in kinds:
        findings: list[Finding] = []
        seen = 0
        for limit in facts.limits:
            if limit.what == what:
                match what:
                    case "messages":
                        seen, finding = _messages(limit, timeline.records)
                    case "connections":
                        seen, finding = _connections(limit, requests)
                    case "weight":
                        seen, finding = _weight(limit, requests)
                if finding is not None:
                    findings.append(finding)
        rule = next(limit.rule for limit in facts.limits if limit.what == what)
        if seen:
            found.append(check(f"E5@{what}", f"{facts.dialect}/{rule}", findings, seen, found=1))
    if facts.backoff is not None:
        found += _waits(facts, requests, facts.backoff)
    return found


def _too_much(limit: Limit, what: str, position: int) -> Finding:
    return Finding(
        verdict=Verdict.FAIL,
        anomaly=f"too-many-{limit.what}",
        message=f"The client {what} within {limit.seconds:g} s; the venue allows {limit.most}.",
        position=position,
    )


def _messages(limit: Limit, records: Sequence[Evidence]) -> tuple[int, Finding | None]:
    """Data frames and pings, on each connection by itself."""
    seen = 0
    paces: dict[int, tuple[Reads, Pace]] = {}
    frame: int | None = None
    """The connection whose frame was the last thing that happened by itself."""
    for record in records:
        match record:
            case Observed() | Sent():  # the two kinds that come by the thousand
                if type(record) is Observed:
                    frame = None
            case Opened():
                paces[record.connection] = (Reads(record.at), Pace(limit.certain, limit.seconds))
                frame = None
            case Received() | Pinged() if record.connection in paces:
                seen += 1
                reads, pace = paces[record.connection]
                since = reads.read(record.at, apart=frame != record.connection)
                frame = record.connection
                if pace.add(since, record.at):
                    return seen, _too_much(limit, f"sent {pace.count:.0f} messages on one connection", record.position)
            case Barrier() if record.connection in paces:
                paces[record.connection][0].read(record.at, apart=frame != record.connection)
                frame = record.connection
            case _ if type(record) not in _CONSEQUENCES:
                frame = None
            case _:
                pass
    return seen, None


def _connections(limit: Limit, records: Sequence[Evidence]) -> tuple[int, Finding | None]:
    """Attempts to connect, the refused ones, too. A client makes one after the other on each of its connections, so an
    attempt was made after the answer to the one before; one that keeps several connections may do as much for each."""
    attempts = [record for record in records if _attempted(record)]
    lanes = max(1, _open_at_once(records))
    pace = Pace(limit.certain * lanes, limit.seconds)
    since = 0.0
    for seen, record in enumerate(attempts, start=1):
        if pace.add(since, record.at):
            return seen, _too_much(limit, f"tried to connect {pace.count:.0f} times", record.position)
        since = record.at
    return len(attempts), None


def _attempted(record: Evidence) -> bool:
    # of a close that refuses handshakes each refusal is a strike without a connection
    return isinstance(record, Opened) or (
        isinstance(record, Struck) and record.kind == "close" and record.connection is None
    )


def _open_at_once(records: Sequence[Evidence]) -> int:
    count = most = 0
    for record in records:
        if isinstance(record, Opened):
            count += 1
            most = max(most, count)
        elif isinstance(record, Closed):
            count -= 1
    return most


def _weight(limit: Limit, records: Sequence[Evidence]) -> tuple[int, Finding | None]:
    """Of all requests that no fault answered. One that the venue refused weighs as much as the one before on its path."""
    asked: dict[int, float] = {}
    paces: dict[str, Pace] = {}
    weights: dict[str, int] = {}
    seen = 0
    for record in records:
        match record:
            case Asked():
                asked[record.number] = record.at
            case Rest(request=request, answer=answer, faults=()) if answer is not None:
                seen += 1
                if retry_after(answer) is None:
                    weights[request.path] = answer.weight
                scope = request.path if limit.each_path else ""
                pace = paces.setdefault(scope, Pace(limit.certain, limit.seconds))
                # since when a request can have been on its way is told by nothing: of a limit over many seconds, what is
                # read within half of them was sent within all of them
                at = asked.get(record.number, record.at)
                if pace.add(max(0.0, at - limit.seconds / 2), at, weights.get(request.path, 0)):
                    what = f"asked for a weight of {pace.count:.0f}{f' of {scope}' if scope else ''}"
                    return seen, _too_much(limit, what, record.position)
            case _:
                pass
    return seen, None


def _waits(facts: Facts, records: Sequence[Evidence], rule: str) -> Iterator[Check]:
    """Whether the client waited as long as an answer told it to."""
    each_path = any(limit.each_path for limit in facts.limits)

    def scope(request: HttpRequest) -> str:
        return request.path if each_path else ""

    told = 0
    waiting: dict[str, tuple[float, float, int]] = {}  # by scope: since when, until when, the status
    findings: list[Finding] = []
    for record in records:
        match record:
            case Rest(request=request, answer=answer) if answer is not None:
                seconds = retry_after(answer)
                before = waiting.get(scope(request))
                # answers while it waits already (to what it asked all the same) make it no longer
                if seconds is not None and (before is None or record.at >= before[1] - EARLY):
                    told += 1
                    waiting[scope(request)] = (record.at, record.at + seconds, answer.status)
            case Asked(request=request) if scope(request) in waiting:
                since, until, status = waiting[scope(request)]
                if since + (until - since) * EXCUSED < record.at < until - EARLY:
                    findings.append(
                        Finding(
                            verdict=Verdict.FAIL,
                            anomaly="ignores-retry-after",
                            message=f"The venue answered {status} and said to wait {until - since:.0f} s; the client "
                            f"asked again after {record.at - since:.2f} s.",
                            position=record.position,
                        )
                    )
            case _:
                pass
    if told:
        yield check("E5@retry-after", rule, findings, told)
