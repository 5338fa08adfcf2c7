"""More bugs for `selftest.mutants`: of concurrency, routing, text, trades, watchdogs and resources."""

from __future__ import annotations

import contextlib
import re
import struct

import msgspec
import trio
from websockets.exceptions import InvalidState

from bookproof.ideal.client import IdealClient, Reconnect
from bookproof.ideal.keeper import Keeper, Need
from bookproof.ideal.wire import ConnectionLost, Socket, fetch
from bookproof_exchange.dialects.api import (
    Acked,
    Beat,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Frame,
    HttpAnswer,
    Link,
    TradeReport,
)
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text


class BlindKeeper(Keeper):
    """Looks at no checksum, as many clients: what else is wrong with it is then shown."""

    def verified(self, checksum: int | None) -> bool:
        return True


# --- A, C, D: snapshots and recovery --------------------------------------------------------------------------------


class IgnoresLaterSnapshot(Keeper):
    def stream_snapshot(self, snapshot: BookSnapshot) -> Need:
        return Need.NOTHING if self.claim == "live" else super().stream_snapshot(snapshot)


class GapEventOverSnapshot(Keeper):
    """The event that revealed the gap is applied to the fresh snapshot, whatever its number."""

    revealing: BookUpdate | None = None

    def follow(self, update: BookUpdate) -> Need:
        if self.claim == "live" and self.link(update) is Link.GAP:
            self.revealing = update
        return super().follow(update)

    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        need = super().rest_snapshot(snapshot)
        if need is Need.NOTHING and self.revealing is not None:
            self.apply(self.revealing)
            self.revealing = None
        return need


class ErrorIsEmptyBook(Keeper):
    """An answer that is no book is taken for an empty one."""

    def rest_failed(self) -> Need:
        self.book.clear()
        self.show("live")
        return super().rest_failed()


class RecoversOnce(Keeper):
    recovered = False

    def broken(self) -> Need:
        need = super().broken()
        if self.recovered:
            self.fetching = True
            return Need.NOTHING
        self.recovered = True
        return need


class RecoversOnceClient(IdealClient):
    keeper_type = RecoversOnce

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass


class ResubscribesWrongly(IdealClient):
    """The second subscription is spelled in a way that the venue refuses."""

    async def send_subscribe(self, symbol: str) -> None:
        self.keepers[symbol].subscribed()
        self.after(symbol)
        for frame in self.ideal.subscribe((symbol,), ("book",), self.start.depth):
            wrong = frame.payload.replace(symbol.encode(), symbol.lower().encode())
            await self.send(msgspec.structs.replace(frame, payload=wrong))


class LateSnapshotWins(IdealClient):
    """Two requests compete; the answer of the slower one replaces the book, however old it is by then."""

    async def snapshot(self, symbol: str, generation: int) -> None:
        await super().snapshot(symbol, generation)
        keeper = self.keepers[symbol]
        book, sequence = keeper.book.copy(), keeper.sequence
        await trio.sleep(0.2)
        if generation == self.generation and keeper.claim == "live":
            keeper.book, keeper.sequence, keeper.changed = book, sequence, True
            self.after(symbol)


class SkipsFirstUpdate(BlindKeeper):
    """The first update after a snapshot is taken to be in it already."""

    skipping = False

    def replace(self, snapshot: BookSnapshot) -> None:
        super().replace(snapshot)
        self.skipping = True

    def apply(self, update: BookUpdate) -> None:
        if self.skipping:
            self.skipping = False
        else:
            super().apply(update)


class IgnoresEmptySnapshot(Keeper):
    """A snapshot with an empty side is none: the book from before goes on."""

    def stream_snapshot(self, snapshot: BookSnapshot) -> Need:
        if self.claim == "live" and not (snapshot.bids and snapshot.asks):
            return Need.NOTHING
        return super().stream_snapshot(snapshot)


# --- E: false alarms --------------------------------------------------------------------------------------------------


class RejectsOverlap(Keeper):
    def link(self, update: BookUpdate) -> Link:
        link = super().link(update)
        overlaps = self.sequence is not None and update.first is not None and update.first <= self.sequence
        return Link.GAP if link is Link.NEXT and overlaps else link


class SignedChecksum(Keeper):
    def verified(self, checksum: int | None) -> bool:
        return super().verified(checksum) and (checksum is None or checksum < 2**31)


class DataWatchdog(IdealClient):
    """A quiet market counts as a dead connection, although the exchange shows that it is alive."""

    data_at = 0.0

    async def handle(self, decoded: Decoded) -> None:
        if not isinstance(decoded, Beat):
            self.data_at = trio.current_time()
        await super().handle(decoded)

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        self.data_at = trio.current_time()
        while generation == self.generation and self.socket is socket:
            await trio.sleep(1.0)
            if trio.current_time() - self.data_at > 5.0:
                await socket.close()


# --- F, G, H, I: content ----------------------------------------------------------------------------------------------


class ReversesRows(BlindKeeper):
    def apply(self, update: BookUpdate) -> None:
        self.book.apply(reversed(update.changes))


class KeepsTooFew(BlindKeeper):
    def cut(self) -> None:
        if self.window is not None:
            self.book.truncate(self.window - 1)


class ExchangesSides(BlindKeeper):
    """The bids of a snapshot are filled from its asks."""

    def replace(self, snapshot: BookSnapshot) -> None:
        super().replace(msgspec.structs.replace(snapshot, bids=snapshot.asks))


class SinglePrecision(BlindKeeper):
    """Sizes are kept as binary floating point of 32 bits."""

    def apply(self, update: BookUpdate) -> None:
        self.book.apply(change._replace(size=_single(change.size)) for change in update.changes)


def _single(size: int) -> int:
    (rounded,) = struct.unpack("f", struct.pack("f", size))
    return int(rounded)


class DiesOnEmptySide(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        await super().handle(decoded)
        if isinstance(decoded, BookUpdate | BookSnapshot) and decoded.symbol in self.keepers:
            keeper = self.keepers[decoded.symbol]
            if keeper.claim == "live" and not all(keeper.book.levels(side, 1) for side in Side):
                raise IndexError("list index out of range")


class DeletesByText(IdealClient):
    """A level is found by the text of its price: one that is spelled otherwise than usual is another one, so that its
    deletion deletes nothing."""

    frame: Frame | None = None
    usual: int | None = None
    """How many decimals the prices of the first message have."""

    async def receive(self, frame: Frame) -> None:
        self.frame = frame
        await super().receive(frame)

    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, BookUpdate) and decoded.symbol in self.instruments:
            places = self.instruments[decoded.symbol].price_decimals
            if self.usual is None and decoded.changes:
                self.usual = self.decimals(decoded.changes[0].price, places)
            kept = tuple(
                change
                for change in decoded.changes
                if change.size or self.decimals(change.price, places) in (self.usual, None)
            )
            decoded = msgspec.structs.replace(decoded, changes=kept)
        await super().handle(decoded)

    def decimals(self, price: int, places: int) -> int | None:
        """The decimals with which the message spells a price; None: it cannot be found in it."""
        assert self.frame is not None
        whole, _, part = to_text(price, places).partition(".")
        pattern = re.escape(whole) + r"(?:\.(" + re.escape(part.rstrip("0")) + r"0*))?(?![0-9])"
        for found in re.finditer(pattern.encode(), self.frame.payload):
            digits = (found[1] or b"").decode()
            if digits.rstrip("0") == part.rstrip("0"):
                return len(digits)
        return None


class DeletesByTextClient(DeletesByText):
    keeper_type = BlindKeeper


# --- J: liveness ------------------------------------------------------------------------------------------------------


class ReconnectsWithoutSubscribing(IdealClient):
    async def follow(self) -> None:
        if self.generation:
            self.start = msgspec.structs.replace(self.start, symbols=())
        await super().follow()

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass


class NoWatchdog(IdealClient):
    @property
    def silence(self) -> float:
        return 1e9

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass


# --- K, L, M ----------------------------------------------------------------------------------------------------------


class SharesSequence(IdealClient):
    """One number for all symbols of a connection: the update of one is held against that of another."""

    last: tuple[str, int | None] = ("", None)

    async def handle(self, decoded: Decoded) -> None:
        if not isinstance(decoded, BookUpdate) or decoded.symbol not in self.keepers:
            await super().handle(decoded)
            return
        keeper = self.keepers[decoded.symbol]
        symbol, number = self.last
        if keeper.claim == "live" and number is not None and symbol != decoded.symbol:
            keeper.sequence = number
        await super().handle(decoded)
        if keeper.claim == "live":
            self.last = (decoded.symbol, keeper.sequence)


class ShowsHalf(IdealClient):
    """A reader sees the bids of an update before its asks are in."""

    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, BookUpdate) and len({change.side for change in decoded.changes}) == 2:
            keeper = self.keepers.get(decoded.symbol)
            if keeper is not None and keeper.claim == "live" and keeper.link(decoded) is Link.NEXT:
                keeper.book.apply(change for change in decoded.changes if change.side is Side.BID)
                self.emit(self.shown(decoded.symbol))
        await super().handle(decoded)


class PollsSnapshots(IdealClient):
    """Fetches the book ten times a second, all the time."""

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        while generation == self.generation and self.socket is socket:
            await trio.sleep(0.1)
            for symbol, keeper in self.keepers.items():
                if keeper.claim == "live" and self.socket is socket:
                    await self.meet(symbol, keeper.fetch())


# --- T: trades --------------------------------------------------------------------------------------------------------


class FirstTradeOnly(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, TradeReport):
            decoded = msgspec.structs.replace(decoded, trades=decoded.trades[:1])
        await super().handle(decoded)


class TradesTwice(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        await super().handle(decoded)
        if isinstance(decoded, TradeReport):
            await super().handle(decoded)


class TradeSides(IdealClient):
    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, TradeReport):
            decoded = msgspec.structs.replace(
                decoded, trades=tuple(trade._replace(taker=trade.taker.other) for trade in decoded.trades)
            )
        await super().handle(decoded)


# --- M: etiquette -----------------------------------------------------------------------------------------------------


class IgnoresRetryAfter(IdealClient):
    """Backs off as it sees fit, whatever the venue says."""

    def told(self, answer: HttpAnswer) -> None:
        pass


class StormsRest(IdealClient):
    """Asks for its snapshots again and again before it subscribes, without a pause."""

    async def follow(self) -> None:
        for _ in range(30):
            for symbol in self.keepers:
                request = self.ideal.snapshot_request(symbol, self.start.depth)
                assert request is not None
                await fetch(self.connect, self.start.rest_url, request)
        await super().follow()


class PingingSocket(Socket):
    async def ping(self) -> None:
        self._protocol.send_ping(b"")
        await self._flush()


class PingsTooFast(IdealClient):
    """Pings the venue without a pause, to measure how far away it is."""

    socket_type = PingingSocket

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        assert isinstance(socket, PingingSocket)
        with contextlib.suppress(InvalidState, trio.BrokenResourceError, trio.ClosedResourceError):
            # (the venue hangs up, and it would go on like that for ever)
            for _ in range(120 if generation < 3 else 0):
                await socket.ping()
        await super().keep_alive(socket, generation)


class ReconnectsWithoutPause(IdealClient):
    """The next attempt follows the last one at once."""

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            while True:
                with contextlib.suppress(Reconnect, ConnectionLost):
                    await self.follow()
                self.disconnected()
                await trio.sleep(0.002)


class WaitsForAck(IdealClient):
    """Looks at nothing before its subscription is acknowledged, and waits for that without end."""

    acknowledged = -1
    """The generation whose subscription was acknowledged."""

    async def handle(self, decoded: Decoded) -> None:
        if isinstance(decoded, Acked):
            self.acknowledged = self.generation
        if self.acknowledged == self.generation or not isinstance(decoded, BookSnapshot | BookUpdate):
            await super().handle(decoded)

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        pass
