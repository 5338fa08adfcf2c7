"""Mutants: ideal clients with exactly one bug each, as real clients have had them. The self-test proves that each is
caught, and by which property."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import msgspec
import trio

from bookproof.drivers.api import BookShown
from bookproof.ideal.client import IdealClient
from bookproof.ideal.keeper import Keeper, Need
from bookproof.selftest import more_bugs as more
from bookproof.selftest import wire_bugs as wire
from bookproof.selftest.more_bugs import BlindKeeper
from bookproof_exchange.dialects.api import (
    BookSnapshot,
    BookUpdate,
    Decoded,
    Dialect,
    Ignored,
    Link,
    Malformed,
)
from bookproof_exchange.market import Change, Side

Where = Literal["all", "rest", "stream", "sequence", "checksum", "windowed", "overlap", "refusal"]

#: Why a mutant does not exist on a dialect that lacks what ``where`` asks for.
_LACKS: Mapping[Where, str] = {
    "rest": "its snapshots come in the stream",
    "stream": "its snapshots come by REST",
    "sequence": "its book messages have no sequence numbers",
    "checksum": "its messages have no checksum",
    "windowed": "its stream has no window",
    "overlap": "its documents do not say that old events are to be ignored",
    "refusal": "its documents do not say how a refusal is told",
}


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One bug. ``kills``: the properties (or verdicts) by which it must be caught, in at least one case.
    ``bug_class``: the letter of its class in `bookproof.diagnosis.classes`. ``where``: on which dialects it can exist."""

    name: str
    bug_class: str
    title: str
    """What it does, in one line."""
    make: Callable[..., IdealClient]
    kills: frozenset[str]
    where: Where = "all"
    not_on: Mapping[str, str] = {}
    """Dialects on whose wire the bug makes no difference, and why."""
    remembers: bool = False
    """It carries something over from the case before, so that it has to be given one."""

    def maker(self) -> Callable[..., IdealClient]:
        """What makes its clients, with nothing remembered."""
        return type("Fresh", (self.make,), {"memory": {}}) if self.remembers else self.make  # type: ignore[arg-type]

    @property
    def blind(self) -> bool:
        """Whether it looks at no checksum either: else its bug would only be seen as broken books. What a client that is
        just blind would be caught by proves nothing about it."""
        keeper = getattr(self.make, "keeper_type", Keeper)
        return issubclass(keeper, BlindKeeper)

    def why_not(self, dialect: Dialect) -> str | None:
        """Why it cannot exist on a dialect; None: it can."""
        if dialect.name in self.not_on:
            return self.not_on[dialect.name]
        traits = dialect.traits
        match self.where:
            case "all":
                possible = True
            case "rest" | "stream":
                possible = traits.snapshot_from == self.where
            case "sequence":
                possible = traits.sequence
            case "refusal":
                possible = "refusal-surfaced" in dialect.rules
            case "overlap":
                # only where the venue's own words say that an old event is to be ignored
                possible = "overlap-accepted" in dialect.rules
            case "checksum":
                possible = traits.checksum
            case "windowed":
                possible = traits.windowed
        return None if possible else _LACKS[self.where]

    def exists_on(self, dialect: Dialect) -> bool:
        """Whether a client of the dialect can have the bug so that it makes a difference."""
        return self.why_not(dialect) is None


def _client(keeper: type[Keeper]) -> type[IdealClient]:
    return type(f"{keeper.__name__}Client", (IdealClient,), {"keeper_type": keeper})


# --- A: snapshots -------------------------------------------------------------------------------------------------


class MergesSnapshot(Keeper):
    def reset(self) -> None:
        kept = self.book.copy()
        super().reset()
        self.book = kept

    def replace(self, snapshot: BookSnapshot) -> None:
        for side, levels in ((Side.BID, snapshot.bids), (Side.ASK, snapshot.asks)):
            for price, size in levels:
                self.book.set(side, price, size)
        self.sequence = snapshot.sequence

    def verified(self, checksum: int | None) -> bool:
        # as the real ones: a snapshot's checksum is not looked at, so the merged book is believed for a while
        return True if self.claim != "live" else super().verified(checksum)

    def lost(self) -> None:
        kept = self.book.copy()
        super().lost()
        self.book = kept


class UpdateReplacesSide(Keeper):
    def apply(self, update: BookUpdate) -> None:
        for side in Side:
            mine = [change for change in update.changes if change.side is side]
            if mine:
                for price, _ in self.book.levels(side):
                    self.book.set(side, price, 0)
        super().apply(update)


# --- B: gaps ------------------------------------------------------------------------------------------------------


class IgnoresGap(Keeper):
    def link(self, update: BookUpdate) -> Link:
        link = super().link(update)
        return Link.NEXT if link is Link.GAP and not self.first else link


class IgnoresChecksum(Keeper):
    def verified(self, checksum: int | None) -> bool:
        return True


# --- C: start-up --------------------------------------------------------------------------------------------------


class DropsBuffer(Keeper):
    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        self.fetching = False
        self.buffer.clear()
        self.replace(snapshot)
        self.first = True
        self.show("live")
        return Need.NOTHING

    def link(self, update: BookUpdate) -> Link:
        # what was thrown away cannot be missed: the first update after the snapshot is taken as it comes
        return Link.NEXT if self.first else super().link(update)


class TakesStaleSnapshot(Keeper):
    def too_old(self, snapshot: BookSnapshot) -> bool:
        return False

    def link(self, update: BookUpdate) -> Link:
        link = super().link(update)
        return Link.NEXT if self.first and link is Link.GAP else link


class AppliesOldEvents(Keeper):
    def link(self, update: BookUpdate) -> Link:
        link = super().link(update)
        return Link.NEXT if link is Link.OLD else link


class UpdatesBeforeSnapshot(Keeper):
    def _in_band(self, update: BookUpdate) -> Need:
        if self.claim == "syncing":
            self.apply(update)
            self.show("live")
            return Need.NOTHING
        return super()._in_band(update)


# --- D: recovery --------------------------------------------------------------------------------------------------


class NeverRecovers(Keeper):
    def broken(self) -> Need:
        self.show("stale")
        self.fetching = True
        return Need.NOTHING


class NeverRecoversClient(IdealClient):
    keeper_type = NeverRecovers

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass


class SubscribesTwice(IdealClient):
    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass

    async def resubscribe(self, symbol: str) -> None:
        if self.socket is not None:
            await self.send_subscribe(symbol)


class StormsOnEveryUpdate(Keeper):
    def _by_rest(self, update: BookUpdate) -> Need:
        need = super()._by_rest(update)
        if need is Need.NOTHING and self.claim == "live" and not self.first:
            return self.fetch()
        return need

    def _in_band(self, update: BookUpdate) -> Need:
        need = super()._in_band(update)
        return Need.RESUBSCRIBE if need is Need.NOTHING and self.claim == "live" else need


# --- E: false alarms ----------------------------------------------------------------------------------------------


class AlarmsOnOld(Keeper):
    def follow(self, update: BookUpdate) -> Need:
        if self.claim == "live" and self.link(update) is Link.OLD:
            return self.broken()
        return super().follow(update)


class AlarmsOnUnknown(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        await super().handle(decoded)
        if isinstance(decoded, Ignored | Malformed):
            for symbol, keeper in self.keepers.items():
                if keeper.claim == "live":
                    await self.meet(symbol, keeper.broken())


class AlarmsOnAbsentDelete(Keeper):
    absent = False

    def apply(self, update: BookUpdate) -> None:
        self.absent = any(
            change.size == 0 and self.book.get(change.side, change.price) == 0 for change in update.changes
        )
        super().apply(update)

    def update(self, update: BookUpdate) -> Need:
        self.absent = False
        need = super().update(update)
        return self.broken() if self.absent and need is Need.NOTHING and self.claim == "live" else need


# --- F, G, H, I: content --------------------------------------------------------------------------------------------


class KeepsDeleted(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        self.book.apply(change for change in update.changes if change.size)


class NoTruncation(BlindKeeper):
    def cut(self) -> None:
        pass


class OneSideOfTwo(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        sides = {change.side for change in update.changes}
        if len(sides) == 2:
            self.book.apply(change for change in update.changes if change.side is Side.BID)
        else:
            super().apply(update)


class FirstRowOnly(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        self.book.apply(update.changes[:1])


class LosesDigits(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        self.book.apply(
            Change(change.side, change.price, change.size // 10 * 10 if change.size > 10 else change.size)
            for change in update.changes
        )


class AddsSizes(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        for change in update.changes:
            old = self.book.get(change.side, change.price)
            self.book.set(change.side, change.price, old + change.size if change.size else 0)


# --- J: liveness ----------------------------------------------------------------------------------------------------


class NoReconnect(IdealClient):
    async def run(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                self.nursery = nursery
                await self.follow()
        except BaseException as error:
            if isinstance(error, trio.Cancelled):
                raise
        self.disconnected()
        await trio.sleep_forever()


class ReconnectKeepsLive(Keeper):
    def lost(self) -> None:
        self.fetching = False
        self.buffer.clear()


class IgnoresRefusal(IdealClient):
    async def refused(self, reason: str) -> None:
        pass


class DiesOnMalformed(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, Malformed):
            raise ValueError(f"cannot parse: {decoded.reason}")
        await super().handle(decoded)


# --- K: identity ------------------------------------------------------------------------------------------------------


class MixesSymbols(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, BookUpdate) and len(self.keepers) > 1:
            first = next(iter(self.keepers))
            if decoded.symbol != first:
                self.keepers[first].book.apply(decoded.changes[:1])
                self.keepers[first].changed = True
                self.after(first)
        await super().handle(decoded)


# --- X: dishonest ------------------------------------------------------------------------------------------------------


class StaysLiveWhenBroken(Keeper):
    def broken(self) -> Need:
        need = super().broken()
        self.claim = "live"
        self.frozen = True
        return need

    frozen = False

    def _in_band(self, update: BookUpdate) -> Need:
        return Need.NOTHING if self.frozen else super()._in_band(update)

    def subscribed(self) -> Need:
        if self.frozen:
            return Need.NOTHING
        return super().subscribed()

    def _by_rest(self, update: BookUpdate) -> Need:
        if self.frozen:
            self.buffer.append(update)
            return Need.NOTHING
        return super()._by_rest(update)

    def stream_snapshot(self, snapshot: BookSnapshot) -> Need:
        self.frozen = False
        return super().stream_snapshot(snapshot)

    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        self.frozen = False
        return super().rest_snapshot(snapshot)


class DoesNothing(IdealClient):
    async def run(self) -> None:
        await trio.sleep_forever()


class AlwaysSyncing(IdealClient):
    def shown(self, symbol: str) -> BookShown:
        return msgspec.structs.replace(super().shown(symbol), claim="syncing")


class LiesLive(IdealClient):
    """Always live: also before the first snapshot, and after a break it applies whatever comes."""

    def shown(self, symbol: str) -> BookShown:
        keeper = self.keepers[symbol]
        shown = super().shown(symbol)
        if keeper.claim in ("stale", "syncing", "none") and not shown.bids:
            rows = (("1.0", "1.0"),)
            return msgspec.structs.replace(shown, claim="live", bids=rows)
        return msgspec.structs.replace(shown, claim="live")


class PreviousCase(IdealClient):
    """Answers with the book of the case before, if there was one."""

    memory: ClassVar[dict[tuple[str, str], BookShown]] = {}

    def shown(self, symbol: str) -> BookShown:
        now = super().shown(symbol)
        key = (self.dialect.name, symbol)
        before = self.memory.get(key)
        if now.claim != "live":
            return now
        if before is None or before.bids == now.bids:
            self.memory.setdefault(key, now)
            return now
        return msgspec.structs.replace(before, claim="live")


class Unsorted(IdealClient):
    def shown(self, symbol: str) -> BookShown:
        shown = super().shown(symbol)
        return msgspec.structs.replace(shown, asks=tuple(reversed(shown.asks)))


def _mutant(
    name: str,
    bug_class: str,
    title: str,
    make: type[Keeper] | type[IdealClient],
    kills: Sequence[str],
    where: Where = "all",
    *,
    not_on: Mapping[str, str] | None = None,
    remembers: bool = False,
) -> Mutant:
    client: Callable[..., IdealClient] = _client(make) if issubclass(make, Keeper) else make
    return Mutant(
        name=name,
        bug_class=bug_class,
        title=title,
        make=client,
        kills=frozenset(kills),
        where=where,
        not_on=not_on or {},
        remembers=remembers,
    )


MUTANTS: Mapping[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        _mutant("merges-snapshot", "A", "a snapshot is merged into the old book", MergesSnapshot, ["S3", "S1"]),
        _mutant(
            "update-replaces-side", "A", "an update replaces its whole side", UpdateReplacesSide, ["S1", "E6", "E1"]
        ),
        _mutant("ignores-gap", "B", "a hole in the sequence is not noticed", IgnoresGap, ["S4", "S1"], "sequence"),
        _mutant("ignores-checksum", "B", "the checksum is never looked at", IgnoresChecksum, ["S4", "S1"], "checksum"),
        _mutant(
            "drops-buffer", "C", "updates buffered before the snapshot are thrown away", DropsBuffer, ["S1"], "rest"
        ),
        _mutant(
            "takes-stale-snapshot", "C", "a snapshot older than the stream is taken", TakesStaleSnapshot, ["S1"], "rest"
        ),
        _mutant(
            "applies-old-events",
            "C",
            "events older than the snapshot are applied",
            AppliesOldEvents,
            ["S1", "S2"],
            "rest",
        ),
        _mutant(
            "updates-before-snapshot",
            "C",
            "updates before the snapshot are shown",
            UpdatesBeforeSnapshot,
            ["S1"],
            "stream",
        ),
        _mutant("never-recovers", "D", "a broken book stays broken", NeverRecoversClient, ["E1"]),
        _mutant(
            "subscribes-twice", "D", "recovers without unsubscribing first", SubscribesTwice, ["E1", "E5"], "stream"
        ),
        _mutant("storms", "D", "recovers at every update", StormsOnEveryUpdate, ["E5", "E6", "E2", "E1"]),
        _mutant("alarms-on-old", "E", "an old event counts as a gap", AlarmsOnOld, ["E6"], "overlap"),
        _mutant("alarms-on-unknown", "E", "an unknown message counts as a broken book", AlarmsOnUnknown, ["E6"]),
        _mutant(
            "alarms-on-absent-delete",
            "E",
            "deleting an absent level counts as a broken book",
            AlarmsOnAbsentDelete,
            ["E6"],
        ),
        _mutant("keeps-deleted", "F", "deleted levels stay", KeepsDeleted, ["S1"]),
        _mutant("adds-sizes", "F", "sizes are taken as differences", AddsSizes, ["S1"]),
        _mutant("no-truncation", "G", "levels pushed out of the window stay", NoTruncation, ["S1"], "windowed"),
        _mutant("one-side-of-two", "H", "the asks of a two-sided update are ignored", OneSideOfTwo, ["S1"]),
        _mutant("first-row-only", "H", "only the first row of an update is applied", FirstRowOnly, ["S1"]),
        _mutant("loses-digits", "I", "the last digit of a size is lost", LosesDigits, ["S1"]),
        _mutant("no-reconnect", "J", "does not reconnect", NoReconnect, ["E1"]),
        _mutant("reconnect-keeps-live", "J", "stays live over a reconnect", ReconnectKeepsLive, ["S4", "S1", "E1"]),
        _mutant(
            "ignores-refusal", "J", "a refused subscription is not noticed", IgnoresRefusal, ["await-report"], "refusal"
        ),
        _mutant("dies-on-malformed", "J", "a malformed message ends the client", DiesOnMalformed, ["crashed"]),
        _mutant("mixes-symbols", "K", "updates of one symbol reach another's book", MixesSymbols, ["S7", "S1"]),
        _mutant("stays-live-when-broken", "X", "says live while it recovers", StaysLiveWhenBroken, ["S4"]),
        _mutant("does-nothing", "J", "never connects", DoesNothing, ["E1"]),
        _mutant("always-syncing", "X", "never says live", AlwaysSyncing, ["E1"]),
        _mutant("lies-live", "X", "always says live", LiesLive, ["S1", "S4"]),
        _mutant("previous-case", "X", "answers with the book of the case before", PreviousCase, ["S1"], remembers=True),
        _mutant("unsorted", "X", "shows the asks in the wrong order", Unsorted, ["S1"]),
        _mutant(
            "ignores-later-snapshot",
            "A",
            "a snapshot that was not asked for is ignored",
            more.IgnoresLaterSnapshot,
            ["S1", "E6", "E3"],
            "stream",
        ),
        _mutant(
            "gap-event-over-snapshot",
            "C",
            "the event that revealed a gap is applied to the fresh snapshot",
            more.GapEventOverSnapshot,
            ["S1"],
            "rest",
        ),
        _mutant(
            "error-is-empty-book",
            "C",
            "a failed request is an empty book",
            more.ErrorIsEmptyBook,
            ["S1"],
            "rest",
        ),
        _mutant("recovers-once", "D", "recovers only once", more.RecoversOnceClient, ["E1"]),
        _mutant(
            "resubscribes-wrongly",
            "D",
            "the second subscription is spelled wrongly",
            more.ResubscribesWrongly,
            ["E1"],
            "stream",
        ),
        _mutant(
            "late-snapshot-wins",
            "L",
            "of two competing snapshots the later answer wins",
            more.LateSnapshotWins,
            ["S1", "S2", "E2", "E6"],
            "rest",
        ),
        _mutant(
            "rejects-overlap",
            "E",
            "an event that overlaps the snapshot is a gap",
            more.RejectsOverlap,
            ["E1", "E3"],
            "overlap",
        ),
        _mutant("signed-checksum", "E", "checksums are signed", more.SignedChecksum, ["E6", "E1", "E5"], "checksum"),
        _mutant("data-watchdog", "E", "a quiet market counts as a dead connection", more.DataWatchdog, ["E6"]),
        _mutant(
            "reverses-rows",
            "H",
            "the rows of an update are applied backwards",
            more.ReversesRows,
            ["S1"],
            not_on=dict.fromkeys(
                ("binance-spot", "mexc-v3"), "a message names no price twice: the order of its rows makes no difference"
            ),
        ),
        _mutant("keeps-too-few", "G", "keeps a level less than it says", more.KeepsTooFew, ["S1"], "windowed"),
        _mutant("dies-on-empty-side", "H", "a side without levels ends the client", more.DiesOnEmptySide, ["crashed"]),
        _mutant(
            "deletes-by-text",
            "I",
            "a level is found by the text of its price",
            more.DeletesByTextClient,
            ["S1"],
            not_on={"kraken-v2": "its numbers are JSON numbers, which have no spelling once they are read"},
        ),
        _mutant(
            "reconnects-without-subscribing",
            "J",
            "does not subscribe again after a reconnect",
            more.ReconnectsWithoutSubscribing,
            ["E1"],
        ),
        _mutant("no-watchdog", "J", "does not notice a silent connection", more.NoWatchdog, ["await-reconnect"]),
        _mutant(
            "shares-sequence",
            "K",
            "one sequence number for all symbols",
            more.SharesSequence,
            ["E6", "E5", "E3", "E2", "E1", "S1", "S7"],
            "sequence",
        ),
        _mutant("shows-half", "L", "a reader sees half an update", more.ShowsHalf, ["S1"]),
        _mutant("polls-snapshots", "M", "fetches the book all the time", more.PollsSnapshots, ["E5", "E6"], "rest"),
        _mutant("storms-rest", "M", "fetches snapshots without end at its start", more.StormsRest, ["E5"], "rest"),
        _mutant(
            "ignores-retry-after",
            "M",
            "does not wait as long as the venue says",
            more.IgnoresRetryAfter,
            ["E5@retry-after"],
            "rest",
        ),
        _mutant(
            "pings-too-fast",
            "M",
            "pings the venue without a pause",
            more.PingsTooFast,
            ["E5@messages"],
            "rest",
        ),
        _mutant(
            "reconnects-without-pause",
            "M",
            "makes one attempt to connect after the other",
            more.ReconnectsWithoutPause,
            ["E5@connections"],
        ),
        _mutant(
            "waits-for-ack",
            "J",
            "waits without end for an acknowledgement",
            more.WaitsForAck,
            ["E1"],
            not_on={"binance-spot": "the URL subscribes, and nothing is acknowledged"},
        ),
        _mutant(
            "skips-first-update",
            "C",
            "the first update after a snapshot is left out",
            more.SkipsFirstUpdate,
            ["S1"],
        ),
        _mutant(
            "ignores-empty-snapshot",
            "A",
            "a snapshot with an empty side is ignored",
            more.IgnoresEmptySnapshot,
            ["S1", "S4", "E6", "E3"],
            "stream",
        ),
        _mutant("exchanges-sides", "H", "the bids of a snapshot are filled from its asks", more.ExchangesSides, ["S1"]),
        _mutant(
            "single-precision",
            "I",
            "sizes are 32-bit floating point",
            more.SinglePrecision,
            ["S1"],
            not_on={"binance-spot": "the sizes of its instruments have too few digits for 32 bits to lose one"},
        ),
        _mutant(
            "takes-frames-for-messages",
            "H",
            "every frame is taken for a message",
            wire.TakesFramesForMessages,
            ["E6", "E1", "E3"],
        ),
        _mutant("dies-on-bad-frame", "J", "a frame against the RFC ends the reader", wire.DiesOnBadFrame, ["crashed"]),
        _mutant("dies-on-bad-text", "J", "a text that is not UTF-8 ends the reader", wire.DiesOnBadText, ["crashed"]),
        _mutant(
            "reads-once", "J", "the first piece of an answer is taken for all of it", wire.ReadsOnce, ["E1"], "rest"
        ),
        _mutant("needs-length", "J", "an answer in chunks is taken for none", wire.NeedsLength, ["E1"], "rest"),
        _mutant(
            "gives-up-on-error",
            "D",
            "a snapshot request that fails is not made again",
            wire.GivesUpOnErrorClient,
            ["E1"],
            "rest",
        ),
        _mutant(
            "strict-schema",
            "E",
            "a message with a new field is thrown away",
            wire.StrictSchema,
            ["E6", "E1", "E3"],
            not_on={"mexc-v3": "a protobuf message has fields by number, and those that nobody knows are skipped"},
        ),
        _mutant(
            "keeps-side-when-empty",
            "A",
            "a side that a snapshot has empty keeps its old levels",
            wire.KeepsSideWhenEmptyClient,
            ["S1", "S3", "E1"],
        ),
        _mutant("takes-any-symbol", "K", "whatever comes is about the own symbol", wire.TakesAnySymbol, ["S1"]),
        _mutant(
            "bounded-queue", "M", "a queue that is full loses messages", wire.BoundedQueue, ["E3", "E6", "S1", "E1"]
        ),
        _mutant(
            "first-trade-only",
            "T",
            "of the trades of a message only the first is shown",
            more.FirstTradeOnly,
            ["T1"],
            not_on={"binance-spot": "a message has one trade"},
        ),
        _mutant("trades-twice", "T", "trades are shown twice", more.TradesTwice, ["T1"]),
        _mutant("trade-sides", "T", "buys are shown as sells", more.TradeSides, ["T1"]),
    )
}
