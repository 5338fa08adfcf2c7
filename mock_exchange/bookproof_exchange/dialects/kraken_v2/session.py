"""Exchange side: one connection to Kraken WebSocket v2, sans-I/O.

Covers the channels ``book`` and ``trade`` whole, ``instrument`` (snapshot), ``ping`` and the heartbeat. ``ticker`` and
``ohlc`` are refused: the mock exchange does not offer them, and says so in its own words rather than pretend.

Answers and their key order (alphabetical) are as seen live in August and September 2026; where a refusal's wording is
known only from version 1 of the protocol, or only from clients, the code says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

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
from bookproof_exchange.dialects.kraken_v2.codec import HEARTBEAT, Codec, rfc3339
from bookproof_exchange.dialects.kraken_v2.instruments import instrument_snapshot
from bookproof_exchange.dialects.kraken_v2.traits import DEFAULT_DEPTH, DEPTHS, TRADE_SNAPSHOT
from bookproof_exchange.dialects.kraken_v2.window import Window
from bookproof_exchange.market import Change, Event, Side
from bookproof_exchange.seeds import derive

#: Seen live 2026-08 and 2026-09.
NOT_SUPPORTED = "Currency pair not supported"
BAD_DEPTH = "Subscription depth not supported"
ALREADY = "Already subscribed"
PRIVATE = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
#: Seen by a client (the docs.rs page of rustrade-data 0.14.0), with the method ``error``.
MALFORMED = "Malformed request"
#: Seen by a client that named one symbol as a text: https://github.com/btschwertfeger/python-kraken-sdk/issues/148
#: (2023-08). Version 1.6.1 of it resubscribes like that after every reconnect, and never comes back.
SYMBOL_NO_ARRAY = "Symbol field must be an array"
#: Wordings of version 1 (https://docs.kraken.com/exchange/api-reference/spot-websocket-v1/subscriptionstatus); version
#: 2 has kept those of its neighbours, these were not seen.
BAD_CHANNEL = "Subscription name invalid"
NO_SUBSCRIPTION = "Subscription Not Found"
DEPTH_NOT_INTEGER = "Subscription book depth must be an integer"
#: The mock's own words.
NOT_OFFERED = "Channel not offered by this mock exchange"

_PRIVATE_CHANNELS = frozenset({"executions", "balances", "level3"})
_UNOFFERED_CHANNELS = frozenset({"ticker", "ohlc"})
_TRADING = frozenset(
    {
        "add_order",
        "amend_order",
        "edit_order",
        "cancel_order",
        "cancel_all",
        "cancel_all_orders_after",
        "batch_add",
        "batch_cancel",
    }
)
_CHANNELS: Mapping[str, Literal["book", "trades"]] = {"book": "book", "trade": "trades"}
_WIRE_NAMES = {channel: name for name, channel in _CHANNELS.items()}

_TURNAROUND_US = 43
"""From ``time_in`` to ``time_out`` of an answer; the venue's are between 15 and 50."""


class KrakenSession:
    """Implements `dialects.api.Session`."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._codecs = {symbol: Codec(instrument) for symbol, instrument in view.instruments.items()}
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._windows: dict[Feed, Window] = {}
        self._instrument = False

    @property
    def feeds(self) -> Sequence[Feed]:
        return tuple(self._feeds.values())

    @property
    def lone(self) -> bool:
        return False  # subscriptions are made by messages, and a connection carries any number of symbols

    def open(self) -> Reply:
        """The status message. Its ``connection_id`` is above 2**63, as the venue's often is."""
        symbol = next(iter(self._view.instruments))
        seed = derive(self._view.sequence_base(symbol), "connection", self._view.now_us)
        payload = (
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            f'"connection_id":{(1 << 63) | seed}}}]}}'
        ).encode()
        return Reply(messages=(Message(kind=Kind.STATUS, payload=payload),))

    def receive(self, frame: Frame) -> Reply:
        return self._receive(frame, refuse=False)

    def refuse(self, frame: Frame) -> Reply:
        """Refuses every symbol as the venue refuses a pair that it does not have (the wording known best)."""
        return self._receive(frame, refuse=True)

    def publish(self, tick: Tick) -> Sequence[Message]:
        messages = []
        for feed in self._feeds.values():
            if feed.symbol == tick.symbol:
                message = self._book_update(feed, tick) if feed.channel == "book" else self._trade_update(feed, tick)
                if message is not None:
                    messages.append(message)
        return messages

    def snapshot(self, feed: Feed) -> Message | None:
        return self._book_snapshot(feed) if feed.channel == "book" else self._trade_snapshot(feed)

    def heartbeat(self) -> Sequence[Message]:
        """One a second, once there is a subscription."""
        if not self._feeds and not self._instrument:
            return ()
        return (Message(kind=Kind.HEARTBEAT, payload=HEARTBEAT),)

    def farewell(self) -> Sequence[Message]:
        """The venue closes without a notice."""
        return ()

    # --- requests -----------------------------------------------------------------------------------------------------

    def _receive(self, frame: Frame, *, refuse: bool) -> Reply:
        try:
            request = msgspec.json.decode(frame.payload)
        except (ValueError, RecursionError):
            return self._malformed()
        if not isinstance(request, dict):
            return self._malformed()
        method = request.get("method")
        req_id = request.get("req_id")
        if req_id is not None and (not isinstance(req_id, int) or isinstance(req_id, bool)):
            return self._malformed()
        match method:
            case "ping":
                pong = self._answer(Kind.REPLY, req_id, {"method": "pong"})
                return Reply(messages=(pong,), intents=(Pinged(),))
            case "subscribe" | "unsubscribe":
                params = request.get("params")
                if not isinstance(params, dict) or not isinstance(params.get("channel"), str):
                    return self._malformed(req_id)
                return self._subscription(method, params, req_id, refuse=refuse)
            case str() if method in _TRADING:
                return self._refusal(method, PRIVATE, req_id)
            case _:
                return self._malformed(req_id)

    def _subscription(
        self,
        method: Literal["subscribe", "unsubscribe"],
        params: dict[str, object],
        req_id: int | None,
        *,
        refuse: bool,
    ) -> Reply:
        channel = cast(str, params["channel"])
        if not isinstance(params.get("snapshot", True), bool):
            return self._malformed(req_id)
        if channel == "instrument":
            return self._instruments(method, params, req_id)
        if channel in _PRIVATE_CHANNELS:
            return self._refusal(method, PRIVATE, req_id)
        if channel in _UNOFFERED_CHANNELS:
            return self._refusal(method, NOT_OFFERED, req_id)
        if channel not in _CHANNELS:
            return self._refusal(method, BAD_CHANNEL, req_id)
        symbols = params.get("symbol")
        if isinstance(symbols, str):
            return self._refusal(method, SYMBOL_NO_ARRAY, req_id)
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            return self._malformed(req_id)
        depth: int | None = None
        if channel == "book" and "depth" in params:
            asked = params["depth"]
            if not isinstance(asked, int) or isinstance(asked, bool):
                return self._refusal(method, DEPTH_NOT_INTEGER, req_id)
            if asked not in DEPTHS:
                return self._refusal(method, BAD_DEPTH, req_id)
            depth = asked
        messages: list[Message] = []
        snapshots: list[Feed] = []
        intents: list[Intent] = []
        for symbol in symbols:
            if method == "subscribe":
                outcome = self._subscribe(channel, symbol, depth, params.get("snapshot"), refuse=refuse)
            else:
                outcome = self._unsubscribe(channel, symbol, depth)
            if isinstance(outcome, str):
                messages.append(self._error(method, outcome, req_id, symbol))
                intents.append(Refused(f"{method} {channel} {symbol}", outcome))
                continue
            feed, result = outcome
            messages.append(
                self._answer(Kind.ACK, req_id, {"method": method, "result": result, "success": True}, feed=feed)
            )
            intents.append(Subscribed(feed) if method == "subscribe" else Unsubscribed(feed))
            if result.get("snapshot") is True:
                snapshots.append(feed)
        return Reply(messages=tuple(messages), snapshots=tuple(snapshots), intents=tuple(intents))

    def _subscribe(
        self, channel: str, symbol: str, depth: int | None, snapshot: object, *, refuse: bool
    ) -> tuple[Feed, dict[str, object]] | str:
        """The new feed and the acknowledgement's result, or the refusal. One depth a symbol and connection."""
        if symbol not in self._codecs or refuse:
            return f"{NOT_SUPPORTED} {symbol}"
        if (channel, symbol) in self._feeds:
            return ALREADY
        result: dict[str, object] = {"channel": channel, "symbol": symbol}
        if channel == "book":
            depth = DEFAULT_DEPTH if depth is None else depth
            result["depth"] = depth
        result["snapshot"] = (channel == "book") if snapshot is None else snapshot
        feed = Feed(symbol=symbol, channel=_CHANNELS[channel], depth=depth, name=channel)
        self._feeds[channel, symbol] = feed
        return feed, result

    def _unsubscribe(self, channel: str, symbol: str, depth: int | None) -> tuple[Feed, dict[str, object]] | str:
        """The feed that ends and the acknowledgement's result, or the refusal. A depth that is not said is not held
        against the client (whether the venue does is not known)."""
        if symbol not in self._codecs:
            return f"{NOT_SUPPORTED} {symbol}"
        feed = self._feeds.get((channel, symbol))
        if feed is None or (depth is not None and depth != feed.depth):
            return NO_SUBSCRIPTION
        del self._feeds[channel, symbol]
        self._windows.pop(feed, None)
        result: dict[str, object] = {"channel": channel, "symbol": symbol}
        if feed.depth is not None:
            result["depth"] = feed.depth
        return feed, result

    def _instruments(self, method: str, params: dict[str, object], req_id: int | None) -> Reply:
        """The reference data of all pairs; its numbers are in exponent form where they are small."""
        wanted = method == "subscribe"
        if wanted == self._instrument:
            return self._refusal(method, ALREADY if wanted else NO_SUBSCRIPTION, req_id)
        self._instrument = wanted
        result: dict[str, object] = {"channel": "instrument"}
        if wanted:
            result["snapshot"] = params.get("snapshot", True)
            result["warnings"] = ["tick_size is deprecated, use price_increment"]
        messages = [self._answer(Kind.ACK, req_id, {"method": method, "result": result, "success": True})]
        if result.get("snapshot") is True:
            payload = instrument_snapshot(tuple(self._view.instruments.values()))
            messages.append(Message(kind=Kind.OTHER_DATA, payload=payload))
        return Reply(messages=tuple(messages), intents=(Asked(f"{method} instrument"),))

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer(
        self, kind: Kind, req_id: int | None, fields: dict[str, object], *, feed: Feed | None = None
    ) -> Message:
        now = self._view.now_us
        if req_id is not None:
            fields["req_id"] = req_id
        fields["time_in"] = rfc3339(now)
        fields["time_out"] = rfc3339(now + _TURNAROUND_US)
        return Message(kind=kind, payload=msgspec.json.encode(fields, order="sorted"), feed=feed)

    def _error(self, method: str, reason: str, req_id: int | None, symbol: str | None = None) -> Message:
        fields: dict[str, object] = {"error": reason, "method": method, "success": False}
        if symbol is not None:
            fields["symbol"] = symbol
        return self._answer(Kind.REFUSAL, req_id, fields)

    def _refusal(self, method: str, reason: str, req_id: int | None) -> Reply:
        return Reply(messages=(self._error(method, reason, req_id),), intents=(Refused(method, reason),))

    def _malformed(self, req_id: int | None = None) -> Reply:
        return self._refusal("error", MALFORMED, req_id)

    # --- data ---------------------------------------------------------------------------------------------------------

    def _book_snapshot(self, feed: Feed) -> Message:
        index = self._view.index(feed.symbol)
        truth = self._view.truth(feed.symbol)
        bids = truth.levels(index, Side.BID, feed.depth)
        asks = truth.levels(index, Side.ASK, feed.depth)
        return Message(
            kind=Kind.SNAPSHOT,
            payload=self._codecs[feed.symbol].snapshot(bids, asks, self._view.time_us(feed.symbol, index)),
            feed=feed,
            first=index,
            last=index,
            changes=(
                *(Change(Side.BID, price, size) for price, size in bids),
                *(Change(Side.ASK, price, size) for price, size in asks),
            ),
        )

    def _book_update(self, feed: Feed, tick: Tick) -> Message | None:
        window = self._windows.get(feed)
        if window is None:
            window = self._windows[feed] = Window(self._view.truth(feed.symbol), feed.depth)
        bids, asks = window.move(tick)
        if not bids and not asks:
            return None
        codec = self._codecs[feed.symbol]
        checksum = codec.checksum(*window.sides)
        return Message(
            kind=Kind.UPDATE,
            payload=codec.update(bids, asks, checksum, self._view.time_us(feed.symbol, tick.last)),
            feed=feed,
            first=tick.first,
            last=tick.last,
            changes=(
                *[Change(Side.BID, price, size) for price, size in bids],
                *[Change(Side.ASK, price, size) for price, size in asks],
            ),
        )

    def _trade_update(self, feed: Feed, tick: Tick) -> Message | None:
        truth = self._view.truth(feed.symbol)
        events = [truth.event(index) for index in range(tick.first + 1, tick.last + 1)]
        return self._trades(feed, [event for event in events if event.trades], tick, snapshot=False)

    def _trade_snapshot(self, feed: Feed) -> Message | None:
        """The last trades before the cursor. None where there were none: what the venue sends then is not known."""
        truth = self._view.truth(feed.symbol)
        last = self._view.index(feed.symbol)
        events: list[Event] = []
        index, count = last, 0
        while index > 0 and count < TRADE_SNAPSHOT:
            event = truth.event(index)
            if event.trades:
                wanted = event.trades[-(TRADE_SNAPSHOT - count) :]
                events.append(event if wanted == event.trades else msgspec.structs.replace(event, trades=wanted))
                count += len(wanted)
            index -= 1
        return self._trades(feed, events[::-1], Tick(feed.symbol, index, last), snapshot=True)

    def _trades(self, feed: Feed, events: Sequence[Event], tick: Tick, *, snapshot: bool) -> Message | None:
        if not events:
            return None
        timed = [(event, self._view.time_us(feed.symbol, event.index)) for event in events]
        base = self._view.sequence_base(feed.symbol)
        return Message(
            kind=Kind.TRADES,
            payload=self._codecs[feed.symbol].trades(timed, base, snapshot=snapshot),
            feed=feed,
            first=tick.first,
            last=tick.last,
        )
