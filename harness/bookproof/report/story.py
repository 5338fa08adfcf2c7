"""What happened in a case, in a few dozen moments: the evidence without its payloads, repetitions put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from bookproof.report.text import one_line
from bookproof.results import Moment
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Asked, Pinged, Refused, Subscribed, Unsubscribed

#: So many moments are told at most, so many of them before the one that matters.
MOST = 120
_BEFORE = 80

Lane = Literal["script", "fault", "exchange", "client", "book"]
_What = tuple[Lane, str, str]
"""Lane, kind, text."""


def story(records: Sequence[evidence.Evidence], around: int | None = None) -> tuple[Moment, ...]:
    """The moments of a case. ``around``: the position that matters, where the case is longer than `MOST`."""
    moments: list[Moment] = []
    newest: dict[Lane, int] = {}
    for record in records:
        for lane, kind, text in _tell(record):
            place = newest.get(lane)
            # what the two sides send and show goes on side by side: only script and faults come between
            barrier = max(newest.get("script", -1), newest.get("fault", -1))
            if place is not None and place > barrier and lane in ("exchange", "book"):
                before = moments[place]
                if (before.kind, before.text) == (kind, text):
                    moments[place] = msgspec.structs.replace(before, until=record.position, count=before.count + 1)
                    continue
            newest[lane] = len(moments)
            moments.append(
                Moment(position=record.position, until=record.position, at=record.at, lane=lane, kind=kind, text=text)
            )
    if len(moments) <= MOST:
        return tuple(moments)
    center = len(moments) if around is None else sum(moment.position < around for moment in moments)
    first = max(0, min(center - _BEFORE, len(moments) - MOST))
    return tuple(moments[first : first + MOST])


def _tell(record: evidence.Evidence) -> Iterator[_What]:
    match record:
        case evidence.Step(place=place, step=step):
            yield "script", "step", f"step {place}: {step}"
        case evidence.Waited(what=what, came=came, limit=limit):
            yield "script", "waited", f"{what}: {'came' if came else f'did not come within {limit:g} s'}"
        case evidence.Struck(kind=kind, note=note, symbol=symbol, first=first, last=last):
            versions = f" {symbol} version {last}" if symbol is not None and last > first else ""
            yield "fault", kind, f"{kind}{versions}{f' ({note})' if note else ''}"
        case evidence.Sent(timer=False, message=message):
            kind = str(message.kind)
            symbol = "" if message.feed is None else f" {message.feed.symbol}"
            touched = " (touched by a fault)" if record.faults else ""
            yield "exchange", kind, f"{kind}{symbol}{touched}"
        case evidence.Rest(request=request, answer=answer):
            how = "connection dropped" if answer is None else f"status {answer.status}"
            yield "exchange", "rest", f"answer to {request.method} {request.path}: {how}"
        case evidence.Closed(by=by, code=code, how=how, connection=number):
            lane: Lane = "client" if by == "client" else "exchange"
            yield lane, "closed", f"connection {number} closed ({how}{'' if code is None else f' {code}'})"
        case evidence.Opened(connection=number):
            yield "client", "opened", f"connection {number} opened"
        case evidence.Received(intents=intents):
            for intent in intents:
                match intent:
                    case Subscribed(feed=feed) | Unsubscribed(feed=feed):
                        name = type(intent).__name__.lower()
                        yield "client", name, f"{name} {feed.symbol} {feed.channel}"
                    case Refused(what=what, reason=reason):
                        yield "client", "refused", one_line(f"refused: {what} ({reason})", 120)
                    case Pinged() | Asked():
                        pass
        case evidence.Asked(request=request):
            yield "client", "asked", f"{request.method} {request.path}"
        case evidence.ClientEvent(kind=kind, message=text):
            yield "client", kind, one_line(f"{kind}: {text}", 160)
        case evidence.Observed(symbol=symbol, claim=claim):
            yield "book", claim, f"{claim} {symbol}"
        case evidence.Sent() | evidence.Barrier() | evidence.Pinged() | evidence.ReadAsked() | evidence.ObservedTrade():
            pass
