"""What a script does on a dialect, read out of a rehearsal: what is sent when, where faults strike, from which message on
the ideal client knows, what it does then.

Pure. `preview` makes values of the evidence; `preview_lines` tells them in words; `timeline` draws them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bookproof.authoring.rehearsal import Rehearsal
from bookproof.authoring.words import expectations, label_of, name_of, say
from bookproof.checker.facts import Chain
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Kind, Subscribed, Unsubscribed
from bookproof_exchange.market import Change, Side
from bookproof_exchange.market.instrument import Instrument
from bookproof_exchange.numbers import to_text
from bookproof_exchange.script.exchange import Exchange

Lane = Literal["exchange", "fault", "client", "look"]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, as one character of the timeline. ``claims``: what the ideal client says of every symbol
    from here on."""

    position: int
    lane: Lane
    glyph: str
    claims: tuple[str, ...]
    noticed: bool = False
    """From this on a client can know that its book is wrong."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what it says, and what came of it."""

    place: int
    name: str
    """As it stands in the file."""
    label: str
    """In two words."""
    says: str
    happened: tuple[str, ...]
    marks: tuple[Mark, ...]
    claims: tuple[str, ...]
    """What the ideal client says of every symbol at the end."""
    seconds: float
    """How long it took the ideal client, in virtual time."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One case without a client of anybody's."""

    case: str
    seed: int
    symbols: tuple[str, ...]
    scenes: tuple[Scene, ...]
    expected: tuple[str, ...]
    rules: tuple[str, ...]
    notices: int
    """How often the ideal client was given a reason to distrust its book."""


def preview(rehearsal: Rehearsal) -> Preview:
    """The evidence of a rehearsal, step by step."""
    case, run = rehearsal.case, rehearsal.run
    exchange = run.exchange
    if exchange is None:  # only where an adapter refuses a case; the ideal client never does
        raise ValueError("nothing was played")
    notices = _notices(run.chains, run.evidence)
    script = case.scenario.script
    scenes: list[Scene] = []
    claims = dict.fromkeys(exchange.symbols, "none")
    parts = list(_by_step(run.evidence))
    for index, (place, records) in enumerate(parts):
        if place == 0:
            continue
        began = records[0].at
        ended = parts[index + 1][1][0].at if index + 1 < len(parts) else records[-1].at
        marks = tuple(_marks(records, claims, exchange.symbols, notices))
        step = script[place - 1]
        scenes.append(
            Scene(
                place=place,
                name=name_of(step),
                label=label_of(step),
                says=say(step),
                happened=tuple(_happened(records, exchange, notices)),
                marks=marks,
                claims=tuple(claims.values()),
                seconds=ended - began,
            )
        )
    return Preview(
        case=case.id,
        seed=case.seed,
        symbols=exchange.symbols,
        scenes=tuple(scenes),
        expected=tuple(expectations(case.scenario, rehearsal.timing)),
        rules=case.rules,
        notices=len(notices),
    )


def _by_step(records: Sequence[evidence.Evidence]) -> Iterator[tuple[int, list[evidence.Evidence]]]:
    """The records of each step; what comes before the first step belongs to it. What the client does when it is stopped
    belongs to none."""
    place, mine = 0, list[evidence.Evidence]()
    for record in records:
        if isinstance(record, evidence.Step):
            if place or not mine:
                if place:
                    yield place, mine
                mine = []
            place = record.place
        mine.append(record)
    while mine and isinstance(mine[-1], evidence.Closed) and mine[-1].by == "client":
        mine.pop()
    if mine:
        yield place, mine


# --- where the ideal client knows -------------------------------------------------------------------------------------


def _notices(chains: Mapping[str, Sequence[Chain]], records: Sequence[evidence.Evidence]) -> dict[int, tuple[str, str]]:
    """Position of every message (or end) that tells a correct client that its book is wrong: symbol and why."""
    found: dict[int, tuple[str, str]] = {}
    since: dict[str, int] = {}
    for record in records[: _stopped(records)]:
        if not isinstance(record, evidence.Observed):
            continue
        symbol = record.symbol
        if record.claim == "live":
            since.setdefault(symbol, record.position)
        elif symbol in since:
            position, why = _cause(chains[symbol], records, since.pop(symbol), record.position)
            found[position] = (symbol, why)
    return found


def _cause(chains: Sequence[Chain], records: Sequence[evidence.Evidence], live: int, over: int) -> tuple[int, str]:
    """Why a book that was live from one position on is not believed any more at another."""
    broken = [
        (chain.root, chain.broken)
        for chain in chains
        if chain.root <= live and chain.broken is not None and chain.broken.position <= over
    ]
    if not broken:
        return over, _SILENCE
    _, end = max(broken, key=lambda each: each[0])
    closed = next((record for record in records if record.position == end.position), None)
    if not isinstance(closed, evidence.Closed) or closed.by == "exchange":
        return end.position, _WHY[end.reason]
    # the client itself ended the connection: because of what came last, or because nothing came
    for record in reversed(records[: closed.position]):
        match record:
            case evidence.Sent(connection=connection, message=message, faults=faults) if (
                connection == closed.connection and record.position < closed.position
            ):
                if message.kind is Kind.NOTICE:
                    return record.position, "the venue announces the end of the connection"
                if faults and message.kind is not Kind.UPDATE:
                    return record.position, "the frame breaks the WebSocket protocol"
                break
            case _:
                pass
    return closed.position, _SILENCE


def _stopped(records: Sequence[evidence.Evidence]) -> int:
    """How many records there are before the client is stopped."""
    steps = (place for place, record in enumerate(records) if isinstance(record, evidence.Waited | evidence.Step))
    return max((*steps, _tail(records) - 1)) + 1


def _tail(records: Sequence[evidence.Evidence]) -> int:
    end = len(records)
    while end and isinstance(records[end - 1], evidence.Closed | evidence.Observed):
        end -= 1
    return end


_SILENCE = "nothing has come for too long"
_WHY = {
    "gap": "its sequence numbers leave a hole",
    "checksum": "its checksum is not that of the book",
    "closed": "the connection has ended",
    "malformed": "it cannot be read",
    "snapshot-lost": "the snapshot was lost",
    "superseded": "a newer snapshot has come",
}

# --- marks ------------------------------------------------------------------------------------------------------------


def _marks(
    records: Sequence[evidence.Evidence],
    claims: dict[str, str],
    symbols: Sequence[str],
    notices: dict[int, tuple[str, str]],
) -> Iterator[Mark]:
    several = len(symbols) > 1

    def mark(record: evidence.Evidence, lane: Lane, glyph: str) -> Mark:
        said = tuple(claims[name] for name in symbols)
        noticed = record.position in notices
        return Mark(position=record.position, lane=lane, glyph=glyph, claims=said, noticed=noticed)

    for record in records:
        match record:
            case evidence.Observed(symbol=symbol, claim=claim) if symbol in claims:
                claims[symbol] = claim
            case evidence.Sent(timer=False, message=message, faults=faults):
                glyph = _GLYPHS.get(message.kind, "o")
                if message.kind is Kind.UPDATE:
                    feed = message.feed
                    glyph = str(symbols.index(feed.symbol) + 1) if several and feed and feed.symbol in symbols else "u"
                    glyph = "U" if faults else glyph
                yield mark(record, "exchange", glyph)
            case evidence.Rest(answer=answer):
                yield mark(record, "exchange", "S" if answer is not None and answer.snapshot is not None else "E")
            case evidence.Struck():
                yield mark(record, "fault", "!")
            case evidence.Closed(by=by):
                yield mark(record, "client" if by == "client" else "exchange", "X")
            case evidence.Opened():
                yield mark(record, "client", "c")
            case evidence.Asked():
                yield mark(record, "client", "r")
            case evidence.Received(intents=intents):
                for intent in intents:
                    if isinstance(intent, Subscribed | Unsubscribed):
                        yield mark(record, "client", "s" if isinstance(intent, Subscribed) else "n")
            case evidence.ClientEvent():
                yield mark(record, "client", "e")
            case evidence.ReadAsked():
                yield mark(record, "look", "?")
            case _ if record.position in notices:
                yield mark(record, "client", " ")
            case _:
                pass


_GLYPHS = {
    Kind.SNAPSHOT: "S",
    Kind.UPDATE: "u",
    Kind.TRADES: "t",
    Kind.ACK: "a",
    Kind.REFUSAL: "R",
    Kind.NOTICE: "N",
    Kind.STATUS: "i",
}

# --- words ------------------------------------------------------------------------------------------------------------


def _happened(
    records: Sequence[evidence.Evidence], exchange: Exchange, notices: dict[int, tuple[str, str]]
) -> Iterator[str]:
    """In sentences; the same thing several times in a row is told once."""
    told: list[tuple[str, int]] = []
    spans: dict[str, list[int]] = {}

    def flush() -> Iterator[str]:
        for symbol, span in spans.items():
            of = f" of {symbol}" if len(exchange.symbols) > 1 else ""
            many = "1 update" if span[0] == 1 else f"{span[0]} updates"
            yield f"sent: {many}{of}, up to version {span[1]}"
        spans.clear()

    for record in records:
        if isinstance(record, evidence.Sent) and record.message.kind is Kind.UPDATE and not record.faults:
            feed = record.message.feed
            span = spans.setdefault("" if feed is None else feed.symbol, [0, 0])
            span[0] += 1
            span[1] = record.message.last
            if record.position not in notices:
                continue
        lines = list(_tell(record, exchange, records[0].at))
        if record.position in notices:
            symbol, why = notices[record.position]
            of = f" of {symbol}" if len(exchange.symbols) > 1 else ""
            lines.append(f"^ from here on a client can know{of}: {why}")
        if lines:
            for line in flush():
                told.append((line, 1))
            for line in lines:
                if told and told[-1][0] == line:
                    told[-1] = (line, told[-1][1] + 1)
                else:
                    told.append((line, 1))
    told += [(line, 1) for line in flush()]
    for line, count in told:
        yield f"{line} ({count} times)" if count > 1 else line


def _tell(record: evidence.Evidence, exchange: Exchange, began: float) -> Iterator[str]:
    match record:
        case evidence.Struck(kind=kind, symbol=symbol, first=first, last=last, note=note):
            said = f": {note}" if note and note != kind else ""
            changes = _versions(exchange, symbol, first, last)
            yield f"! {kind} strikes{said}{changes}"
        case evidence.Sent(message=message, faults=faults) if message.kind is Kind.UPDATE and faults:
            yield f"sent: an update that a fault touched, up to version {message.last}"
        case evidence.Sent(timer=False, message=message) if message.kind in _SAID:
            version = f" of version {message.last}" if message.kind is Kind.SNAPSHOT else ""
            of = f" of {message.feed.symbol}" if message.feed is not None and len(exchange.symbols) > 1 else ""
            yield f"sent: {_SAID[message.kind]}{of}{version}"
        case evidence.Rest(answer=answer):
            if answer is None:
                yield "the snapshot request gets no answer"
            elif answer.snapshot is not None:
                yield f"answered: a snapshot of version {answer.snapshot.index}"
            else:
                yield f"answered: HTTP {answer.status}"
        case evidence.Closed(by=by, code=code, how=how):
            who = "the exchange" if by == "exchange" else "the client"
            yield f"{who} ends the connection ({how}{'' if code is None else f' {code}'})"
        case evidence.Opened(intents=intents):
            feeds = [intent.feed for intent in intents if isinstance(intent, Subscribed)]
            names = ", ".join(f"{feed.channel} of {feed.symbol}" for feed in feeds)
            yield f"the client connects, and subscribes by the URL to {names}" if names else "the client connects"
        case evidence.Asked(request=request):
            yield (
                f"the client asks {request.path} for a snapshot"
                if exchange.asks_for_book(request)
                else (f"the client asks {request.path}")
            )
        case evidence.Received(intents=intents):
            for intent in intents:
                match intent:
                    case Subscribed(feed=feed):
                        yield f"the client subscribes to {feed.channel} of {feed.symbol}"
                    case Unsubscribed(feed=feed):
                        yield f"the client unsubscribes from {feed.channel} of {feed.symbol}"
                    case _:
                        pass
        case evidence.ClientEvent(message=text):
            yield f"the client tells its user: {text}"
        case evidence.Waited(what=what, came=came, limit=limit):
            took = record.at - began
            after = f" after {took:.3g} s" if took >= 0.5 else ""
            yield f"{what}: done{after}" if came else f"{what}: not done within {limit:g} s"
        case _:
            pass


_SAID = {
    Kind.SNAPSHOT: "a snapshot",
    Kind.ACK: "the acknowledgement",
    Kind.REFUSAL: "a refusal",
    Kind.NOTICE: "a notice that the connection will end",
    Kind.TRADES: "trades",
}


def _versions(exchange: Exchange, symbol: str | None, first: int, last: int) -> str:
    """What the market did between two versions, in numbers."""
    if symbol is None or symbol not in exchange.symbols or last <= first:
        return ""
    truth = exchange.view.truth(symbol)
    instrument = exchange.view.instruments[symbol]
    changes = [change for event in truth.events(first, min(last, truth.last)) for change in event.changes]
    shown = ", ".join(_change(change, instrument) for change in changes[:2])
    more = f" and {len(changes) - 2} more" if len(changes) > 2 else ""
    versions = f"version {last}" if last == first + 1 else f"versions {first + 1} to {last}"
    return f": {symbol} {versions} ({shown}{more})" if shown else f": {symbol} {versions}"


def _change(change: Change, instrument: Instrument) -> str:
    side = "bid" if change.side is Side.BID else "ask"
    price = to_text(change.price, instrument.price_decimals)
    return f"{side} {price}: " + ("gone" if not change.size else to_text(change.size, instrument.size_decimals))


#: Longer steps have a line of their own.
_WIDEST_NAME = 24


def preview_lines(shown: Preview, columns: int = 100) -> Iterator[str]:
    """The whole preview in words, without the drawing, in lines no longer than ``columns`` (at least 60)."""
    width = min(max((len(scene.name) for scene in shown.scenes), default=0), _WIDEST_NAME)
    room = max(60, columns) - width - 7
    for scene in shown.scenes:
        head = f"{scene.place:>3}  {scene.name}"
        said = textwrap.wrap(scene.says, room)
        if len(scene.name) > width:
            yield head
        else:
            yield f"{head:<{width + 7}}{said.pop(0)}".rstrip()
        yield from (f"{'':>{width + 7}}{line}" for line in said)
        for line in scene.happened:
            first, *rest = textwrap.wrap(line, room - 2)
            yield f"{'':>{width + 7}}- {first}"
            yield from (f"{'':>{width + 9}}{part}" for part in rest)
