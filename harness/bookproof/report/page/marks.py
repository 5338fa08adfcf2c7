"""The evidence as marks on a drawing and lines of a log: every record in a few words, without its payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof.report.page.model import Lane, Mark
from bookproof.report.text import one_line
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Asked, Intent, Kind, Pinged, Refused, Subscribed, Unsubscribed

_WORDS = 160


def mark_of(record: evidence.Evidence, symbols: Mapping[str, int], steps: Sequence[str] = ()) -> Mark:
    """One record. ``symbols``: their places; ``steps``: the scenario's, in words."""
    match record:
        case evidence.Step(place=place, step=step):
            words = steps[place - 1] if 0 < place <= len(steps) else step
            return _mark(record, "script", "step", f"step {place}: {words}")
        case evidence.Waited(what=what, came=came, limit=limit):
            said = "came" if came else f"did not come within {limit:g} s"
            return _mark(record, "script", "waited" if came else "missed", f"waited for {what}: {said}")
        case evidence.Barrier(covers=covers, connection=number):
            text = f"a pong proves that the client read everything up to position {covers}"
            return _mark(record, "script", "barrier", text, c=number, q=True)
        case evidence.ReadAsked(symbol=symbol, read=number):
            return _mark(record, "script", "read", f"read {number}: asks for {symbol}", q=True)
        case evidence.Struck(kind=kind, note=note, symbol=symbol, first=first, last=last):
            words = kind
            if symbol is not None and last > first:
                words += f": update {_span(first, last)} of {symbol}"
            words += f" ({note})" if note else ""
            struck = None if symbol is None else symbols.get(symbol)
            return _mark(record, "fault", kind, words, c=record.connection, y=struck, a=first, b=last, f=True)
        case evidence.Sent():
            return _sent(record, symbols)
        case evidence.Rest(request=request, answer=answer, number=number):
            how = "connection dropped" if answer is None else f"status {answer.status}"
            words = f"answer {number} to {request.method} {request.path}: {how}"
            where: int | None = None
            version = 0
            if answer is not None and answer.snapshot is not None:
                where, version = symbols.get(answer.snapshot.symbol), answer.snapshot.index
                words += f", snapshot of version {version}"
            kind = "rest-snapshot" if where is not None else "rest"
            size = 0 if answer is None else len(answer.body)
            return _mark(record, "exchange", kind, words, y=where, b=version, f=bool(record.faults), n=size)
        case evidence.Closed(by=by, code=code, how=how, connection=number):
            lane: Lane = "client" if by == "client" else "exchange"
            words = f"connection {number} closed by the {by} ({how}{'' if code is None else f' {code}'})"
            return _mark(record, lane, "closed", words, c=number)
        case evidence.Opened(connection=number, path=path, intents=intents):
            return _mark(record, "client", "opened", f"opens connection {number}: {path}{_intents(intents)}", c=number)
        case evidence.Received(intents=intents, connection=number, payload=payload):
            words = _intents(intents).removeprefix("; ") or "sends a message that asks for nothing"
            kind = next((type(intent).__name__.lower() for intent in intents), "received")
            return _mark(record, "client", kind, words, c=number, n=len(payload), q=kind == "pinged")
        case evidence.Pinged(connection=number):
            return _mark(record, "client", "ping", "WebSocket ping", c=number, q=True)
        case evidence.Asked(request=request, number=number):
            query = "&".join(f"{name}={value}" for name, value in request.query.items())
            words = f"request {number}: {request.method} {request.path}{'?' if query else ''}{query}"
            return _mark(record, "client", "asked", words)
        case evidence.ClientEvent(kind=kind, message=message, exception=exception, symbol=symbol):
            words = f"tells its user: {kind}: {f'{exception}: ' if exception else ''}{message}"
            return _mark(record, "client", kind, words, y=None if symbol is None else symbols.get(symbol))
        case evidence.Observed(claim=claim, symbol=symbol, read=read, bids=bids, asks=asks):
            how = "pushes" if read is None else f"answers read {read}"
            words = f"{how}: {claim}, {symbol}, {len(bids)} bids and {len(asks)} asks"
            return _mark(record, "book", claim, words, y=symbols.get(symbol))
        case evidence.ObservedTrade(symbol=symbol, price=price, size=size, side=side):
            words = f"shows a trade of {symbol}: {f'{side} ' if side else ''}{size} at {price}"
            return _mark(record, "book", "trade", words, y=symbols.get(symbol), q=True)


def _sent(record: evidence.Sent, symbols: Mapping[str, int]) -> Mark:
    message = record.message
    feed, kind = message.feed, message.kind
    words = str(kind)
    place = None
    if feed is not None:
        place = symbols.get(feed.symbol)
        match kind:
            case Kind.UPDATE:
                words = f"update {_span(message.first, message.last)} of {feed.symbol}"
            case Kind.SNAPSHOT:
                words = f"snapshot of {feed.symbol}, version {message.last}"
            case _:
                words = f"{kind} of {feed.symbol}"
    if record.faults:
        words += ", touched by a fault"
    return _mark(
        record,
        "exchange",
        str(kind),
        words,
        c=record.connection,
        y=place,
        a=message.first,
        b=message.last,
        f=bool(record.faults),
        n=len(message.payload),
        q=record.timer or kind is Kind.HEARTBEAT,
    )


def _intents(intents: Sequence[Intent]) -> str:
    words = ""
    for intent in intents:
        match intent:
            case Subscribed(feed=feed, again=again):
                words += f"; subscribes to the {feed.channel} of {feed.symbol}{' once more' if again else ''}"
            case Unsubscribed(feed=feed):
                words += f"; unsubscribes from the {feed.channel} of {feed.symbol}"
            case Refused(what=what, reason=reason):
                words += f"; is refused {what} ({reason})"
            case Pinged():
                words += "; pings"
            case Asked(what=what):
                words += f"; asks for {what}"
    return words


def _mark(
    record: evidence.Evidence,
    lane: Lane,
    kind: str,
    words: str,
    *,
    c: int | None = None,
    y: int | None = None,
    a: int = 0,
    b: int = 0,
    f: bool = False,
    n: int = 0,
    q: bool = False,
) -> Mark:
    return Mark(
        p=record.position,
        t=round(record.at * 1_000_000),
        l=lane,
        k=kind,
        s=one_line(words, _WORDS),
        c=c,
        y=y,
        a=a,
        b=b,
        f=f,
        n=n,
        q=q,
    )


def _span(first: int, last: int) -> str:
    """The updates of truth versions (first, last]."""
    return str(last) if last - first <= 1 else f"{first + 1} to {last}"
