"""Exchange side: one connection. JSON text for control, protobuf in binary frames for data.

https://mexcdevelop.github.io/apidocs/spot_v3_en/#live-subscription-unsubscription-to-data-streams (2025-08). Every
answer has code 0: only ``msg`` says whether it is an acknowledgement (the topics, joined with commas) or a refusal.

Not documented, and so uncertain: what happens to a repeated subscription (acknowledged again here), to a request of
which some topics are refused, to text that is no JSON, to an unknown method, to a topic that was never subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from bookproof_exchange.dialects.api import (
    Asked,
    Feed,
    Frame,
    Intent,
    Kind,
    Message,
    Pinged,
    Refused,
    Reply,
    Subscribed,
    Tick,
    Unsubscribed,
    View,
)
from bookproof_exchange.dialects.mexc_v3 import codec, listenkey
from bookproof_exchange.dialects.mexc_v3.topics import Stream, Topic, parse
from bookproof_exchange.dialects.mexc_v3.traits import MOST_TOPICS
from bookproof_exchange.market import Side

INVALID_LISTEN_KEY = "Invalid listen key"
"""A line of plain text, not JSON: seen in ccxt's mexc.ts (handleMessage), 4.5.90."""


def blocked(topics: Iterable[str]) -> str:
    """The venue's refusal, with its full-width colon and its spaces: https://github.com/JKorf/Mexc.Net/issues/35."""
    return f"Not Subscribed successfully! [{','.join(topics)}].  Reason： Blocked! "


def partly(accepted: Iterable[str], refused: Iterable[str]) -> str:
    """Some of each. Uncertain: no capture, only clients' tests have this wording."""
    return f"Subscribed successful! [{','.join(accepted)}]. {blocked(refused)}"


class MexcSession:
    """One connection to ``/ws``, sans-I/O."""

    def __init__(self, view: View, listen_key: str | None) -> None:
        """``listen_key``: the one in the URL, None for a public connection."""
        self._view = view
        self._listen_key = listen_key
        self._topics: dict[str, Topic] = {}

    @property
    def feeds(self) -> Sequence[Feed]:
        return tuple(topic.feed for topic in self._topics.values() if topic.feed is not None)

    @property
    def lone(self) -> bool:
        return False  # subscriptions are made by messages, and a connection carries any number of symbols

    def open(self) -> Reply:
        if self._listen_key is None or listenkey.valid(self._listen_key):
            return Reply()
        return Reply(
            messages=(Message(kind=Kind.REFUSAL, payload=INVALID_LISTEN_KEY.encode()),),
            intents=(Refused("listenKey", "invalid listen key"),),
        )

    def receive(self, frame: Frame) -> Reply:
        return self._request(frame, self._subscribe)

    def refuse(self, frame: Frame) -> Reply:
        return self._request(frame, self._refuse_all)

    def publish(self, tick: Tick) -> Sequence[Message]:
        messages = []
        for topic in self._topics.values():
            if topic.symbol != tick.symbol:
                continue
            message = self._data(topic, tick)
            if message is not None:
                messages.append(message)
        return messages

    def snapshot(self, feed: Feed) -> Message | None:
        """Never: the snapshot is REST only."""
        return None

    def heartbeat(self) -> Sequence[Message]:
        """Nothing: the venue's own pings are WebSocket pings."""
        return ()

    def farewell(self) -> Sequence[Message]:
        """Nothing: the venue closes without a word."""
        return ()

    # --- control --------------------------------------------------------------------------------------------------

    def _request(self, frame: Frame, subscribe: Callable[[int, list[str]], Reply]) -> Reply:
        if frame.binary:
            return _silence("binary frame", "control is JSON text")
        try:
            request = msgspec.json.decode(frame.payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _silence("text", "not JSON")
        if not isinstance(request, dict):
            return _silence("text", "not a JSON object")
        number = _number(request.get("id"))
        match request.get("method"):
            # ccxt pings with the lower-case spelling. Whether the venue answers that is not known: uncertain.
            case "PING" | "ping":
                return _reply(number, "PONG", Kind.REPLY, Pinged())
            case "SUBSCRIPTION":
                topics = _topic_list(request)
                if topics is None:
                    return _silence("SUBSCRIPTION", "params is not a list of topics")
                return subscribe(number, topics)
            case "UNSUBSCRIPTION":
                topics = _topic_list(request)
                if topics is None:
                    return _silence("UNSUBSCRIPTION", "params is not a list of topics")
                return self._unsubscribe(number, topics)
            case method:
                return _silence(str(method), "unknown method")

    def _subscribe(self, number: int, texts: list[str]) -> Reply:
        accepted: list[str] = []
        refused: list[str] = []
        intents: list[Intent] = []
        for text in texts:
            topic, reason = self._judge(text)
            if topic is None:
                refused.append(text)
                intents.append(Refused(text, reason))
                continue
            again = text in self._topics
            self._topics[text] = topic
            accepted.append(text)
            intents.append(Asked(text) if topic.feed is None else Subscribed(topic.feed, again=again))
        if not refused:
            return _reply(number, ",".join(accepted), Kind.ACK, *intents)
        return _reply(number, partly(accepted, refused) if accepted else blocked(refused), Kind.REFUSAL, *intents)

    def _refuse_all(self, number: int, texts: list[str]) -> Reply:
        return _reply(number, blocked(texts), Kind.REFUSAL, *(Refused(text, "blocked") for text in texts))

    def _unsubscribe(self, number: int, texts: list[str]) -> Reply:
        intents: list[Intent] = []
        for text in texts:
            topic = self._topics.pop(text, None)
            feed = None if topic is None else topic.feed
            intents.append(Asked(f"unsubscribe {text}") if feed is None else Unsubscribed(feed))
        return _reply(number, ",".join(texts), Kind.ACK, *intents)

    def _judge(self, text: str) -> tuple[Topic | None, str]:
        topic = parse(text)
        if topic is None:
            return None, "unknown topic"
        if topic.symbol is not None and topic.symbol not in self._view.instruments:
            return None, "unknown symbol"
        if topic.private and (self._listen_key is None or not listenkey.valid(self._listen_key)):
            return None, "private topic without a listen key"
        if text not in self._topics and len(self._topics) >= MOST_TOPICS:
            return None, f"more than {MOST_TOPICS} topics on one connection"
        return topic, ""

    # --- data -----------------------------------------------------------------------------------------------------

    def _data(self, topic: Topic, tick: Tick) -> Message | None:
        match topic.stream:
            case Stream.DEPTH:
                return self._depth(topic, tick)
            case Stream.DEALS:
                return self._deals(topic, tick)
            case Stream.BOOK_TICKER:
                return self._best(topic, tick, 1)
            case Stream.LIMIT_DEPTH:
                return self._best(topic, tick, topic.level)
            case Stream.SILENT:
                return None

    def _send_ms(self, tick: Tick) -> int:
        return self._view.time_us(tick.symbol, tick.last) // 1000

    def _depth(self, topic: Topic, tick: Tick) -> Message | None:
        """Always, also where nothing changed: the next message's fromVersion must follow this one's toVersion."""
        if tick.last <= tick.first:
            return None
        instrument = self._view.instruments[tick.symbol]
        base = self._view.sequence_base(tick.symbol)
        changes = codec.net(self._view.truth(tick.symbol).events(tick.first, tick.last))
        payload = codec.depth_update(
            instrument,
            topic.text,
            topic.event_type,
            changes,
            base + tick.first + 1,
            base + tick.last,
            self._send_ms(tick),
        )
        return Message(
            kind=Kind.UPDATE,
            payload=payload,
            binary=True,
            feed=topic.feed,
            first=tick.first,
            last=tick.last,
            changes=changes,
        )

    def _deals(self, topic: Topic, tick: Tick) -> Message | None:
        instrument = self._view.instruments[tick.symbol]
        base = self._view.sequence_base(tick.symbol)
        rows = [
            codec.deal(
                instrument,
                trade.price,
                trade.size,
                trade.taker,
                self._view.time_us(tick.symbol, event.index) // 1000,
                codec.trade_id(base, trade.number),
            )
            for event in self._view.truth(tick.symbol).events(tick.first, tick.last)
            for trade in event.trades
        ]
        if not rows:
            return None
        payload = codec.deals(instrument, topic.text, topic.event_type, rows, self._send_ms(tick))
        return Message(
            kind=Kind.TRADES, payload=payload, binary=True, feed=topic.feed, first=tick.first, last=tick.last
        )

    def _best(self, topic: Topic, tick: Tick, depth: int) -> Message | None:
        """The best levels whole, where they changed. OTHER_DATA: not the book that the dialect's checks are about."""
        truth = self._view.truth(tick.symbol)
        bids, asks = (truth.levels(tick.last, side, depth) for side in Side)
        if all(truth.levels(tick.first, side, depth) == now for side, now in ((Side.BID, bids), (Side.ASK, asks))):
            return None
        instrument = self._view.instruments[tick.symbol]
        sent = self._send_ms(tick)
        if topic.stream is Stream.BOOK_TICKER:
            payload = codec.book_ticker(instrument, topic.text, bids, asks, sent)
        else:
            version = self._view.sequence_base(tick.symbol) + tick.last
            payload = codec.limit_depth(instrument, topic.text, topic.event_type, bids, asks, version, sent)
        return Message(kind=Kind.OTHER_DATA, payload=payload, binary=True, first=tick.first, last=tick.last)


def _reply(number: int, msg: str, kind: Kind, *intents: Intent) -> Reply:
    payload = msgspec.json.encode({"id": number, "code": 0, "msg": msg})
    return Reply(messages=(Message(kind=kind, payload=payload),), intents=intents)


def _silence(what: str, reason: str) -> Reply:
    """Bad input without an answer: what the venue says to it is not documented (uncertain)."""
    return Reply(intents=(Refused(what, reason),))


def _number(value: object) -> int:
    """The request's id, echoed; 0 without one. "An unsigned integer"."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _topic_list(request: dict[str, Any]) -> list[str] | None:
    params = request.get("params")
    if not isinstance(params, list) or not params or not all(isinstance(topic, str) for topic in params):
        return None
    return params
