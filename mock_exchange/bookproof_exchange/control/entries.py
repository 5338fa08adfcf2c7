"""From evidence to the entries of the wire log."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from bookproof_exchange import evidence
from bookproof_exchange.control import model
from bookproof_exchange.dialects.api import Asked, Intent, Pinged, Refused, Subscribed, Unsubscribed


def entry(record: evidence.Evidence, payload: int) -> model.AnyEntry | None:
    """The entry of a record, with at most ``payload`` bytes of its content; None for what only a judged case has."""
    position, at = record.position, round(record.at, 6)
    match record:
        case evidence.Opened():
            return model.Opened(
                position=position,
                at=at,
                connection=record.connection,
                path=record.path,
                intents=_intents(record.intents),
            )
        case evidence.Closed():
            return model.Closed(
                position=position,
                at=at,
                connection=record.connection,
                by=record.by,
                code=record.code,
                how=record.how,
            )
        case evidence.Sent(message=message):
            return model.Sent(
                position=position,
                at=at,
                connection=record.connection,
                message=message.kind.value,
                symbol=None if message.feed is None else message.feed.symbol,
                first=message.first,
                last=message.last,
                faults=record.faults,
                timer=record.timer,
                payload=_payload(message.payload, message.binary, payload),
            )
        case evidence.Received():
            return model.Received(
                position=position,
                at=at,
                connection=record.connection,
                intents=_intents(record.intents),
                payload=_payload(record.payload, record.binary, payload),
            )
        case evidence.Pinged():
            return model.Pinged(position=position, at=at, connection=record.connection)
        case evidence.Asked(request=request):
            return model.Request(
                position=position,
                at=at,
                number=record.number,
                method=request.method,
                path=request.path,
                query=request.query,
                payload=_payload(request.body, False, payload),
            )
        case evidence.Rest(answer=answer):
            snapshot = None if answer is None else answer.snapshot
            return model.Answer(
                position=position,
                at=at,
                number=record.number,
                status=None if answer is None else answer.status,
                symbol=None if snapshot is None else snapshot.symbol,
                version=None if snapshot is None else snapshot.index,
                faults=record.faults,
                payload=_payload(b"" if answer is None else answer.body, False, payload),
            )
        case evidence.Struck():
            return model.Struck(
                position=position,
                at=at,
                fault=record.fault,
                fault_kind=record.kind,
                connection=record.connection,
                symbol=record.symbol,
                first=record.first,
                last=record.last,
                note=record.note,
            )
        case evidence.Barrier():
            return model.Proved(position=position, at=at, connection=record.connection, covers=record.covers)
        case evidence.Step():
            return model.Step(position=position, at=at, place=record.place, step=record.step)
        case evidence.Waited():
            came = "came" if record.came else f"did not come within {record.limit:g} s"
            return model.Step(position=position, at=at, place=record.place, step=f"{record.what} {came}")
        case evidence.ReadAsked() | evidence.Observed() | evidence.ObservedTrade() | evidence.ClientEvent():
            return None


def size(made: model.AnyEntry) -> int:
    """About how many bytes an entry takes in an answer."""
    match made:
        case model.Sent() | model.Received() | model.Request() | model.Answer():
            return 200 + len(made.payload.text)
        case _:
            return 200


def concerns(record: evidence.Evidence, connection: int | None, kinds: frozenset[str]) -> bool:
    """Whether a record is asked for. ``kinds`` empty: all."""
    if kinds and _KINDS.get(type(record)) not in kinds:
        return False
    return connection is None or getattr(record, "connection", None) == connection


_KINDS: dict[type, str] = {
    evidence.Opened: "opened",
    evidence.Closed: "closed",
    evidence.Sent: "sent",
    evidence.Received: "received",
    evidence.Pinged: "pinged",
    evidence.Asked: "request",
    evidence.Rest: "answer",
    evidence.Struck: "struck",
    evidence.Barrier: "proved",
    evidence.Step: "step",
    evidence.Waited: "step",
}
KINDS: tuple[str, ...] = tuple(dict.fromkeys(_KINDS.values()))
"""The kinds of entries."""


def _payload(content: bytes, binary: bool, most: int) -> model.Payload:
    part = content[:most]
    cut = len(part) < len(content)
    if not binary:
        try:
            # a character that the cut goes through is left out
            text = part.decode("utf-8", "strict" if not cut else "ignore")
            return model.Payload(size=len(content), text=text, encoding="text", cut=cut)
        except UnicodeDecodeError:
            pass
    return model.Payload(size=len(content), text=base64.b64encode(part).decode(), encoding="base64", cut=cut)


def _intents(intents: Iterable[Intent]) -> tuple[str, ...]:
    return tuple(map(_intent, intents))


def _intent(intent: Intent) -> str:
    match intent:
        case Subscribed(feed=feed, again=again):
            depth = "" if feed.depth is None else f" depth {feed.depth}"
            return f"subscribe {feed.channel} {feed.symbol}{depth}{' (again)' if again else ''}"
        case Unsubscribed(feed=feed):
            return f"unsubscribe {feed.channel} {feed.symbol}"
        case Refused(what=what, reason=reason):
            return f"refused: {what}: {reason}"
        case Pinged():
            return "ping"
        case Asked(what=what):
            return f"ask {what}"
