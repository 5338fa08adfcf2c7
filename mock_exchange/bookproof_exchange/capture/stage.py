"""A recording on the stage: the truth, the market view and the dialect of an exchange that sends what was recorded.

What was recorded is sent as it was: updates, snapshots in band, REST snapshots, and the answers to requests that equal the
recorded client's. Everything else (an acknowledgement of another request, a snapshot at another moment, of another depth) is
made by the dialect from the truth, in the venue's form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bookproof_exchange.capture.framing import Framing, framing_of
from bookproof_exchange.capture.stretch import Answer, Step, Stretch
from bookproof_exchange.capture.truth import RecordedTruth
from bookproof_exchange.dialects.api import (
    Dialect,
    Edit,
    Feed,
    Frame,
    HttpAnswer,
    HttpRequest,
    Ideal,
    Kind,
    Message,
    Reply,
    RestSnapshot,
    Rule,
    Session,
    Tick,
    Traits,
    View,
)
from bookproof_exchange.market import Change, Instrument, Side, Truth
from bookproof_exchange.script.view import MarketView


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario replays: one stretch of each symbol, the first the primary one, and the recorded client's requests
    with what they were answered."""

    name: str
    dialect: str
    stretches: tuple[Stretch, ...]
    replies: Mapping[bytes, tuple[Frame, ...]] = {}
    """By a client's frame: what the venue answered to it the first time."""
    welcome: tuple[Frame, ...] = ()
    """What the venue said before the client said anything."""


class RecordedTick(Tick, frozen=True):
    """A tick with the recorded update that it is; None: there was none (the recording is over)."""

    step: Step | None = None


class RecordedView(MarketView):
    """The recorded market at the script's cursor."""

    def __init__(self, recorded: Recorded, symbols: int) -> None:
        self.stretches = {stretch.symbol: stretch for stretch in recorded.stretches[:symbols]}
        self._instruments = {symbol: stretch.instrument for symbol, stretch in self.stretches.items()}
        self._truths: dict[str, Truth] = {
            symbol: RecordedTruth(stretch.instrument, stretch.bids, stretch.asks, stretch.events)
            for symbol, stretch in self.stretches.items()
        }
        self._index = dict.fromkeys(self.stretches, 0)
        self._bases = {}
        self.sent = dict.fromkeys(self.stretches, 0)
        """By symbol: how many recorded updates have passed."""
        self._began = {symbol: stretch.at for symbol, stretch in self.stretches.items()}
        self.time_base_us = min(self._began.values())

    def sequence(self, symbol: str, index: int) -> int:
        sequences = self.stretches[symbol].sequences
        return sequences[index] if index < len(sequences) else index

    def sequence_base(self, symbol: str) -> int:
        """So that the version at the cursor has its number: recorded numbers are not one a version."""
        index = self.index(symbol)
        return self.sequence(symbol, index) - index

    def time_us(self, symbol: str, index: int) -> int:
        return self._began[symbol] + self._truths[symbol].time_us(index)


class RecordedSession:
    """A session of the dialect whose feeds say what was recorded. Implements `dialects.api.Session`."""

    def __init__(self, inner: Session, recorded: Recorded, view: RecordedView, framing: Framing) -> None:
        self._inner = inner
        self._recorded = recorded
        self._view = view
        self._framing = framing

    @property
    def feeds(self) -> Sequence[Feed]:
        return self._inner.feeds

    @property
    def lone(self) -> bool:
        return self._inner.lone

    def open(self) -> Reply:
        return _as_recorded(self._inner.open(), self._recorded.welcome)

    def receive(self, frame: Frame) -> Reply:
        return _as_recorded(self._inner.receive(frame), self._recorded.replies.get(frame.payload, ()))

    def refuse(self, frame: Frame) -> Reply:
        return self._inner.refuse(frame)

    def publish(self, tick: Tick) -> Sequence[Message]:
        step = tick.step if isinstance(tick, RecordedTick) else None
        recorded = [feed for feed in self.feeds if feed.symbol == tick.symbol and self._is_recorded(feed)]
        messages = [] if step is None else [self._update(feed, step) for feed in recorded]
        if tick.last > tick.first:
            messages += [message for message in self._inner.publish(tick) if message.feed not in recorded]
        return messages

    def snapshot(self, feed: Feed) -> Message | None:
        stretch = self._view.stretches.get(feed.symbol)
        if stretch is None or stretch.snapshot is None or self._view.index(feed.symbol) or not self._is_recorded(feed):
            return self._inner.snapshot(feed)
        return Message(
            kind=Kind.SNAPSHOT,
            payload=stretch.snapshot.payload,
            binary=stretch.snapshot.binary,
            feed=feed,
            changes=(
                *(Change(Side.BID, price, size) for price, size in stretch.bids),
                *(Change(Side.ASK, price, size) for price, size in stretch.asks),
            ),
        )

    def heartbeat(self) -> Sequence[Message]:
        return self._inner.heartbeat()

    def farewell(self) -> Sequence[Message]:
        return self._inner.farewell()

    def _is_recorded(self, feed: Feed) -> bool:
        stretch = self._view.stretches.get(feed.symbol)
        return stretch is not None and feed.channel == "book" and feed.depth == stretch.depth

    def _update(self, feed: Feed, step: Step) -> Message:
        frame = self._framing(step.frame, feed, self._inner)
        return Message(
            kind=Kind.UPDATE,
            payload=frame.payload,
            binary=frame.binary,
            feed=feed,
            first=step.first,
            last=step.last,
            changes=step.changes,
        )


class RecordedDialect:
    """A dialect whose sessions and REST snapshots say what was recorded. Implements `dialects.api.Dialect`."""

    def __init__(self, inner: Dialect, recorded: Recorded, view: RecordedView) -> None:
        self._inner = inner
        self._recorded = recorded
        self._view = view
        self._framing = framing_of(inner.name)
        self.name: str = inner.name
        self.title: str = inner.title
        self.traits: Traits = inner.traits
        self.instruments: Sequence[Instrument] = tuple(view.instruments.values())
        self.rules: Mapping[str, Rule] = inner.rules
        self.ideal: Ideal = inner.ideal

    def endpoints(self, ws: str, http: str) -> Mapping[str, str]:
        return self._inner.endpoints(ws, http)

    def accepts(self, request: HttpRequest) -> HttpAnswer | None:
        return self._inner.accepts(request)

    def session(self, request: HttpRequest, view: View) -> Session:
        return RecordedSession(self._inner.session(request, view), self._recorded, self._view, self._framing)

    def rest(self, request: HttpRequest, view: View) -> HttpAnswer:
        """A snapshot as it was recorded, where one of the same request shows the book at the cursor, or came just now."""
        made = self._inner.rest(request, view)
        if made.snapshot is None:
            return made
        symbol = made.snapshot.symbol
        answers = [each for each in self._view.stretches[symbol].answers if _same(each.request, request)]
        index, sent = view.index(symbol), self._view.sent[symbol]
        now = view is self._view
        for each in answers:
            if each.index == index or (now and each.steps == sent and each.index < index):
                return _answer(each, symbol, made)
        return made

    def limited(self, status: int, retry_after: int | None) -> HttpAnswer:
        return self._inner.limited(status, retry_after)

    def edit(self, message: Message, edit: Edit, view: View) -> Message | None:
        return self._inner.edit(message, edit, view)


def _as_recorded(reply: Reply, recorded: Sequence[Frame]) -> Reply:
    """The reply with the recorded messages in the place of the made ones, where there are as many."""
    if not recorded or len(recorded) != len(reply.messages):
        return reply
    messages = tuple(
        msgspec.structs.replace(message, payload=frame.payload, binary=frame.binary)
        for message, frame in zip(reply.messages, recorded, strict=True)
    )
    return msgspec.structs.replace(reply, messages=messages)


def _same(one: HttpRequest, other: HttpRequest) -> bool:
    return (one.method, one.path.rstrip("/"), dict(one.query)) == (
        other.method,
        other.path.rstrip("/"),
        dict(other.query),
    )


#: What belongs to the transport of the time, not to the answer.
_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "upgrade"}
)


def _answer(recorded: Answer, symbol: str, made: HttpAnswer) -> HttpAnswer:
    headers = tuple((name, value) for name, value in recorded.answer.headers if name.lower() not in _HOP)
    return msgspec.structs.replace(
        made,
        status=recorded.answer.status,
        body=recorded.answer.body,
        headers=headers or made.headers,
        snapshot=RestSnapshot(symbol=symbol, index=recorded.index, limit=recorded.limit),
    )
