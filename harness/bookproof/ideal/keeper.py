"""Keeps one symbol's book as a correct client must: pure, messages in, claims and needs out."""

from __future__ import annotations

import enum

from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Ideal, Link
from bookproof_exchange.evidence import Claim
from bookproof_exchange.market import Book, Instrument


class Need(enum.Enum):
    """What the keeper needs the client to do."""

    NOTHING = "nothing"
    SNAPSHOT = "snapshot"
    """Fetch a snapshot by REST."""
    RESUBSCRIBE = "resubscribe"
    """Unsubscribe and subscribe again, for a snapshot in band."""


class Keeper:
    """One symbol on one subscription. Small methods, so that a mutant differs in exactly one of them."""

    def __init__(self, ideal: Ideal, instrument: Instrument, depth: int | None) -> None:
        self.ideal = ideal
        self.instrument = instrument
        self.window = ideal.window(depth)
        self.book = Book()
        self.claim: Claim = "none"
        self.sequence: int | None = None
        self.buffer: list[BookUpdate] = []
        self.first = True
        self.fetching = False
        self.changed = False
        """Whether what is shown changed since the shell last looked."""

    # --- events ---------------------------------------------------------------------------------------------------

    def subscribed(self) -> Need:
        """A subscription was sent: whatever was known is over."""
        self.reset()
        self.show("syncing")
        return Need.NOTHING

    def lost(self) -> None:
        """The connection is gone."""
        self.fetching = False
        self.buffer.clear()
        if self.claim == "live":
            self.show("stale")

    def stream_snapshot(self, snapshot: BookSnapshot) -> Need:
        self.replace(snapshot)
        self.cut()
        if not self.verified(snapshot.checksum):
            return self.broken()
        self.show("live")
        return Need.NOTHING

    def update(self, update: BookUpdate) -> Need:
        if self.ideal.snapshot_from == "stream":
            return self._in_band(update)
        return self._by_rest(update)

    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        self.fetching = False
        if self.too_old(snapshot):
            return self.fetch()
        self.replace(snapshot)
        self.first = True
        pending, self.buffer = self.buffer, []
        for position, update in enumerate(pending):
            need = self.follow(update)
            if need is not Need.NOTHING:
                self.buffer = pending[position:]
                return need
        self.show("live")
        return Need.NOTHING

    def rest_failed(self) -> Need:
        """The snapshot request failed; the shell waits as long as the venue asked before it tries again."""
        self.fetching = False
        return self.fetch()

    # --- judgement ------------------------------------------------------------------------------------------------

    def _in_band(self, update: BookUpdate) -> Need:
        if self.claim != "live":
            return Need.NOTHING
        self.apply(update)
        self.cut()
        if not self.verified(update.checksum):
            return self.broken()
        self.changed = True
        return Need.NOTHING

    def _by_rest(self, update: BookUpdate) -> Need:
        if self.claim != "live":
            self.buffer.append(update)
            return self.fetch()
        need = self.follow(update)
        if need is not Need.NOTHING:
            self.buffer = [update]
        return need

    def follow(self, update: BookUpdate) -> Need:
        """An update after the snapshot, by the dialect's sequence rule."""
        match self.link(update):
            case Link.OLD:
                return Need.NOTHING
            case Link.GAP:
                return self.broken()
            case Link.NEXT:
                self.first = False
                self.apply(update)
                self.sequence = update.last
                self.changed = True
                return Need.NOTHING

    def fetch(self) -> Need:
        if self.fetching:
            return Need.NOTHING
        self.fetching = True
        return Need.SNAPSHOT

    def too_old(self, snapshot: BookSnapshot) -> bool:
        """Older than the first buffered update: something between is missing for good."""
        if not self.buffer or snapshot.sequence is None:
            return False
        first = self.buffer[0].first
        return first is not None and snapshot.sequence + 1 < first

    def broken(self) -> Need:
        """The book cannot be right any more: stop claiming it, and recover."""
        self.show("stale")
        if self.ideal.snapshot_from == "stream":
            return Need.RESUBSCRIBE
        self.buffer.clear()
        return self.fetch()

    # --- the parts that mutants replace -----------------------------------------------------------------------------

    def reset(self) -> None:
        self.book.clear()
        self.sequence = None
        self.buffer.clear()
        self.first = True
        self.fetching = False

    def replace(self, snapshot: BookSnapshot) -> None:
        self.book = Book(snapshot.bids, snapshot.asks)
        self.sequence = snapshot.sequence

    def link(self, update: BookUpdate) -> Link:
        return self.ideal.link(self.sequence, update, first_after_snapshot=self.first)

    def apply(self, update: BookUpdate) -> None:
        self.book.apply(update.changes)

    def cut(self) -> None:
        if self.window is not None:
            self.book.truncate(self.window)

    def verified(self, checksum: int | None) -> bool:
        return self.ideal.verify(self.book, checksum, self.instrument)

    def show(self, claim: Claim) -> None:
        self.claim = claim
        self.changed = True
