"""Exchange side: one connection's state machine.

Raw or combined framing is a property of the connection: false on ``/ws``, true on ``/stream``, changed by
SET_PROPERTY. Control replies are never wrapped. Subscribing to what does not exist is answered with ``result: null``
and silence; internally that is a `Refused`. Source:
https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md (2026-07-21).

A partial book stream pushes a full book; its first one comes at once after the subscription (the venue's next push is
due within the stream's interval). ``bookTicker`` is kept beside the feeds: it is neither a book nor trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from bookproof_exchange.dialects.api import (
    Asked,
    Feed,
    Frame,
    HttpRequest,
    Intent,
    Kind,
    Message,
    Refused,
    Reply,
    Subscribed,
    Tick,
    Unsubscribed,
    View,
)
from bookproof_exchange.dialects.binance_spot import codec, control
from bookproof_exchange.dialects.binance_spot.streams import Stream, parse
from bookproof_exchange.dialects.binance_spot.traits import MOST_STREAMS
from bookproof_exchange.market import Instrument, Side

_UPDATE = Kind.UPDATE
"""Looking up an enumeration's member takes as long as filling in a row."""


def streams_of(request: HttpRequest) -> tuple[bool, tuple[str, ...]] | None:
    """What a WebSocket URL asks for: (combined, stream names in order); None: no such path."""
    path = unquote(request.path)
    if path.rstrip("/") == "/stream":
        return True, _names(unquote(request.query.get("streams", "")))
    if path == "/ws" or path.startswith("/ws/"):
        return False, _names(path[3:])
    return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split("/") if name)


class _Depth(NamedTuple):
    """What stays the same between two events of a diff depth stream."""

    feed: Feed
    base: int
    """The update id of version 0."""
    events: codec.DepthEvents


class BinanceSession:
    """One connection. See `bookproof_exchange.dialects.api.Session`."""

    def __init__(self, request: HttpRequest, view: View) -> None:
        self._view = view
        self._combined, self._from_url = streams_of(request) or (False, ())
        self._clock = codec.Clock(request.query.get("timeUnit", "").upper() == "MICROSECOND")
        self._streams: dict[str, Stream] = {}
        self._by_symbol: dict[str, list[Stream]] = {}
        self._depths: dict[str, _Depth] = {}
        self._silent: dict[str, tuple[int, int]] = {}
        """By diff depth stream: the versions of the last ticks that changed nothing and were not sent. The next event
        covers them too, because update ids have no holes."""
        self._aggregates: dict[str, codec.Aggregates] = {}

    @property
    def feeds(self) -> Sequence[Feed]:
        return [stream.feed for stream in self._streams.values() if stream.feed is not None]

    @property
    def combined(self) -> bool:
        """Whether data frames name their stream."""
        return self._combined

    @property
    def lone(self) -> bool:
        return not self._combined and len(self._from_url) == 1 and self._streams.keys() == set(self._from_url)

    # --- the client's requests --------------------------------------------------------------------------------------

    def open(self) -> Reply:
        return self._subscribe(self._from_url, by_url=True)

    def receive(self, frame: Frame) -> Reply:
        match control.understand(frame.payload):
            case control.Fault() as fault:
                return self._refusal(fault, frame)
            case control.Call(method="SUBSCRIBE") as call:
                if len(self._streams.keys() | set(call.streams)) > MOST_STREAMS:
                    return self._refusal(control.too_many_subscriptions(call.id), frame)
                return self._subscribe(call.streams, _ack(call))
            case control.Call(method="UNSUBSCRIBE") as call:
                return self._unsubscribe(call)
            case control.Call(method="LIST_SUBSCRIPTIONS") as call:
                return self._answer(call, list(self._streams), "list subscriptions")
            case control.Call(method="GET_PROPERTY") as call:
                return self._answer(call, self._combined, "get property combined")
            case control.Call() as call:
                self._combined = call.value
                return self._answer(call, None, "set property combined")

    def refuse(self, frame: Frame) -> Reply:
        """Refuse a subscription that would be accepted, in the words that the venue has for it."""
        call = control.understand(frame.payload)
        fault = call if isinstance(call, control.Fault) else control.too_many_subscriptions(call.id)
        return self._refusal(fault, frame)

    def _subscribe(self, names: Sequence[str], *messages: Message, by_url: bool = False) -> Reply:
        intents: list[Intent] = []
        snapshots: list[Feed] = []
        for name in names:
            stream = parse(name, self._view.instruments)
            if stream is None and by_url and "@" not in name:
                # a client's own tag in the path, such as ccxt's /ws/0: no stream, and not meant to be one
                intents.append(Asked(f"connect as {name}"))
            elif stream is None:
                intents.append(Refused(name, "no such stream"))
            elif name in self._streams:
                intents.append(Asked(name) if stream.feed is None else Subscribed(stream.feed, again=True))
            elif len(self._streams) >= MOST_STREAMS:
                intents.append(Refused(name, f"more than {MOST_STREAMS} streams"))
            else:
                self._streams[name] = stream
                self._by_symbol.setdefault(stream.symbol, []).append(stream)
                if stream.kind == "depth" and stream.feed is not None:
                    self._depths[name] = _Depth(
                        stream.feed,
                        self._view.sequence_base(stream.symbol),
                        codec.DepthEvents(self._view.instruments[stream.symbol], name),
                    )
                intents.append(Asked(name) if stream.feed is None else Subscribed(stream.feed))
                if stream.kind == "partial" and stream.feed is not None:
                    snapshots.append(stream.feed)
        return Reply(messages=messages, snapshots=tuple(snapshots), intents=tuple(intents))

    def _unsubscribe(self, call: control.Call) -> Reply:
        intents: list[Intent] = []
        for name in call.streams:
            stream = self._streams.pop(name, None)
            if stream is not None:
                self._by_symbol[stream.symbol].remove(stream)
                self._silent.pop(name, None)
                self._depths.pop(name, None)
            if stream is None or stream.feed is None:
                intents.append(Asked(f"unsubscribe {name}"))
            else:
                intents.append(Unsubscribed(stream.feed))
        return Reply(messages=(_ack(call),), intents=tuple(intents))

    def _answer(self, call: control.Call, value: object, what: str) -> Reply:
        message = Message(kind=Kind.REPLY, payload=control.result(value, call.id))
        return Reply(messages=(message,), intents=(Asked(what),))

    def _refusal(self, fault: control.Fault, frame: Frame) -> Reply:
        message = Message(kind=Kind.REFUSAL, payload=fault.payload)
        what = frame.payload[:200].decode("utf-8", "replace")
        return Reply(messages=(message,), intents=(Refused(what, fault.msg),))

    # --- what the market does ---------------------------------------------------------------------------------------

    def publish(self, tick: Tick) -> Sequence[Message]:
        streams = self._by_symbol.get(tick.symbol)
        if not streams:
            return ()
        instrument = self._view.instruments[tick.symbol]
        messages: list[Message] = []
        for stream in streams:
            match stream.kind:
                case "depth":
                    message = self._depth(stream.name, self._depths[stream.name], tick)
                    if message is not None:
                        messages.append(message)
                case "partial":
                    if self._moved(tick, stream.levels):
                        messages.append(self._partial(stream, instrument, tick.last))
                case "trade":
                    messages.extend(self._trades(stream, instrument, tick))
                case "aggTrade":
                    messages.extend(self._agg_trades(stream, instrument, tick))
                case "bookTicker":
                    if self._moved(tick, 1):
                        messages.append(self._book_ticker(stream, instrument, tick.last))
                case "silent":
                    pass
        return messages

    def snapshot(self, feed: Feed) -> Message | None:
        """The present book of a partial book stream; None for diff depth, whose snapshot is REST's."""
        stream = self._streams.get(feed.name)
        if stream is None or stream.kind != "partial":
            return None
        instrument = self._view.instruments[stream.symbol]
        return self._partial(stream, instrument, self._view.index(stream.symbol))

    def heartbeat(self) -> Sequence[Message]:
        """Nothing: the venue's only heartbeat is the WebSocket ping."""
        return ()

    def farewell(self) -> Sequence[Message]:
        data = codec.server_shutdown(self._clock.stamp(self._view.now_us))
        return (Message(kind=Kind.NOTICE, payload=self._framed("!serverShutdown", data)),)

    def _depth(self, name: str, depth: _Depth, tick: Tick) -> Message | None:
        view = self._view
        symbol, start, last = tick.symbol, tick.first, tick.last
        first = start
        if self._silent:
            silent = self._silent.pop(name, None)
            if silent is not None and silent[1] == start:
                first = silent[0]
        bids, asks = codec.net(view.truth(symbol).events(start, last))
        if not bids and not asks:
            self._silent[name] = (first, last)
            return None
        base = depth.base
        time_us = view.time_us(symbol, last)
        payload = depth.events.write(
            time_us if self._clock.micro else time_us // 1000,
            base + first + 1,
            base + last,
            bids,
            asks,
            combined=self._combined,
        )
        return Message(kind=_UPDATE, payload=payload, feed=depth.feed, first=first, last=last, changes=bids + asks)

    def _moved(self, tick: Tick, depth: int | None) -> bool:
        truth = self._view.truth(tick.symbol)
        return any(
            truth.levels(tick.first, side, depth) != truth.levels(tick.last, side, depth)
            for side in (Side.BID, Side.ASK)
        )

    def _partial(self, stream: Stream, instrument: Instrument, index: int) -> Message:
        truth = self._view.truth(stream.symbol)
        bids = truth.levels(index, Side.BID, stream.levels)
        asks = truth.levels(index, Side.ASK, stream.levels)
        data = codec.whole_book(instrument, codec.sequence(self._view, stream.symbol, index), bids, asks)
        return Message(
            kind=Kind.SNAPSHOT,
            payload=self._framed(stream.name, data),
            feed=stream.feed,
            first=index,
            last=index,
            changes=codec.changes_of(bids, asks),
        )

    def _book_ticker(self, stream: Stream, instrument: Instrument, index: int) -> Message:
        truth = self._view.truth(stream.symbol)
        data = codec.book_ticker(
            instrument,
            codec.sequence(self._view, stream.symbol, index),
            truth.levels(index, Side.BID, 1),
            truth.levels(index, Side.ASK, 1),
        )
        return Message(kind=Kind.OTHER_DATA, payload=self._framed(stream.name, data), last=index)

    def _trades(self, stream: Stream, instrument: Instrument, tick: Tick) -> list[Message]:
        messages: list[Message] = []
        for event in self._view.truth(tick.symbol).events(tick.first, tick.last):
            if event.trades:
                stamp = self._clock.stamp(self._view.time_us(tick.symbol, event.index))
                for trade in event.trades:
                    data = codec.trade(instrument, stamp, trade)
                    messages.append(self._trade_message(stream, data, event.index))
        return messages

    def _agg_trades(self, stream: Stream, instrument: Instrument, tick: Tick) -> list[Message]:
        truth = self._view.truth(tick.symbol)
        if tick.symbol not in self._aggregates:
            self._aggregates[tick.symbol] = codec.Aggregates(truth)
        number = self._aggregates[tick.symbol].before(tick.first)
        messages: list[Message] = []
        for event in truth.events(tick.first, tick.last):
            stamp = self._clock.stamp(self._view.time_us(tick.symbol, event.index))
            for run in codec.aggregated(event.trades):
                number += 1
                data = codec.agg_trade(instrument, stamp, number, run)
                messages.append(self._trade_message(stream, data, event.index))
        return messages

    def _trade_message(self, stream: Stream, data: str, index: int) -> Message:
        payload = self._framed(stream.name, data)
        return Message(kind=Kind.TRADES, payload=payload, feed=stream.feed, first=index - 1, last=index)

    def _framed(self, name: str, data: str) -> bytes:
        return codec.framed(name, data, combined=self._combined)


def _ack(call: control.Call) -> Message:
    return Message(kind=Kind.ACK, payload=control.result(None, call.id))
