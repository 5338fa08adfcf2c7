"""What the exchange knows of one WebSocket connection."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.dialects.api import Feed, HttpRequest, Session
from bookproof_exchange.faults.messages import Delivery, MessageLine


class Connection:
    """One WebSocket connection, from its handshake on."""

    def __init__(self, number: int, request: HttpRequest) -> None:
        self.number = number
        self.request = request
        self.session: Session | None = None
        self.open = False
        self.waiting = True
        """Its handshake is not complete yet."""
        self.used = False
        """Whether it ever subscribed to anything."""
        self.muted = False
        self.pending: set[Feed] = set()
        """Subscribed, but acknowledgement or snapshot still held back: gets no updates."""
        self.ready: set[Feed] = set()
        """Subscribed, and everything that follows from it was sent."""
        self.queue: list[tuple[Delivery, bool]] = []
        """Kept back by a stall, in order: (delivery, timer lane). Emptied at once where the stall loses it."""
        self.lines: dict[Feed, MessageLine] = {}
        """The message faults on each book feed."""
        self.strikes_seen: dict[Feed, int] = {}

    @property
    def feeds(self) -> Sequence[Feed]:
        """Live subscriptions."""
        return () if self.session is None else self.session.feeds

    def books(self, symbol: str) -> Sequence[Feed]:
        """Its book feeds of a symbol."""
        return [feed for feed in self.feeds if feed.symbol == symbol and feed.channel == "book"]

    def leave(self, feed: Feed) -> None:
        """The client unsubscribed."""
        self.lines.pop(feed, None)
        self.strikes_seen.pop(feed, None)
        self.queue = [kept for kept in self.queue if kept[0].message.feed != feed]
        self.ready.discard(feed)
