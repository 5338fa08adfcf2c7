"""Variants: correct clients that go about it differently. The self-test proves that none of them is blamed.

The ideal client is one way to be right. Each of these differs from it in one habit that real clients have: how it
fetches, how fast it reads, how it recovers, what it shows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import trio
from websockets.frames import Opcode

from bookproof.drivers.api import BookShown, ClientInfo, Shown, Start, TradeShown
from bookproof.ideal.client import IdealClient, Reconnect
from bookproof.ideal.keeper import Keeper, Need
from bookproof.ideal.memory import IDEAL_INFO
from bookproof.ideal.wire import Connect, Socket, fetch
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Dialect, Frame, TradeReport
from bookproof_exchange.evidence import Claim


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to be right."""

    name: str
    title: str
    make: Callable[..., Any]
    info: ClientInfo = IDEAL_INFO
    proves_reading: bool = True
    """Whether it answers pings: without, some checks may be inconclusive; nothing may ever fail."""


# --- how it starts ------------------------------------------------------------------------------------------------


class FetchesAtOnce(IdealClient):
    """Asks for the snapshot with the subscription, without waiting for a first update."""

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        if self.ideal.snapshot_from == "rest":
            for symbol, keeper in self.keepers.items():
                await self.meet(symbol, keeper.fetch())
        await super().keep_alive(socket, generation)


class KeepsTheNewer(Keeper):
    """A snapshot older than the live book is of no use."""

    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        if self.claim == "live" and (snapshot.sequence or 0) < (self.sequence or 0):
            self.fetching = False
            return Need.NOTHING
        return super().rest_snapshot(snapshot)


class FetchesFirst(IdealClient):
    """Has the snapshot before it subscribes; where that turns out too old, it fetches another."""

    keeper_type = KeepsTheNewer
    early: dict[str, BookSnapshot]

    async def follow(self) -> None:
        self.early = {}
        if self.ideal.snapshot_from == "rest":
            for symbol in self.keepers:
                request = self.ideal.snapshot_request(symbol, self.start.depth)
                assert request is not None
                answer = await fetch(self.connect, self.start.rest_url, request)
                decoded = self.ideal.decode_rest(symbol, answer, self.instruments)
                if isinstance(decoded, BookSnapshot):
                    self.early[symbol] = decoded
                else:
                    self.told(answer)
                    break
        await super().follow()

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        for symbol, snapshot in self.early.items():
            await self.meet(symbol, self.keepers[symbol].rest_snapshot(snapshot))
        await super().keep_alive(socket, generation)


class WaitsForUpdate(Keeper):
    """Calls a REST snapshot live only once an update has followed it."""

    primed = False

    def reset(self) -> None:
        super().reset()
        self.primed = False

    def rest_snapshot(self, snapshot: BookSnapshot) -> Need:
        need = super().rest_snapshot(snapshot)
        if need is Need.NOTHING and self.first:
            self.primed = True
            self.show("syncing")
        return need

    def _by_rest(self, update: BookUpdate) -> Need:
        if not self.primed:
            return super()._by_rest(update)
        need = self.follow(update)
        if need is Need.NOTHING and not self.first:
            self.primed = False
            self.show("live")
        elif need is not Need.NOTHING:
            self.primed = False
            self.buffer = [update]
        return need


# --- how it reads -------------------------------------------------------------------------------------------------


class ReadsSlowly(IdealClient):
    """Takes its time for every message, and reads no other meanwhile."""

    async def receive(self, frame: Frame) -> None:
        await trio.sleep(0.001)
        await super().receive(frame)


class LagsBehind(IdealClient):
    """Answers pings at once, but works through its messages a while later."""

    lag = 0.3

    def __init__(self, dialect: Dialect, start: Start, connect: Connect, emit: Callable[[Shown], None]) -> None:
        super().__init__(dialect, start, connect, emit)
        self.backlog: deque[tuple[float, int, Frame]] = deque()
        self.more = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.work)
            await super().run()

    async def receive(self, frame: Frame) -> None:
        self.backlog.append((trio.current_time() + self.lag, self.generation, frame))
        self.more.set()

    async def work(self) -> None:
        while True:
            while not self.backlog:
                self.more = trio.Event()
                await self.more.wait()
            due, generation, frame = self.backlog.popleft()
            await trio.sleep_until(due)
            if generation != self.generation or self.socket is None:
                # of a connection that is gone only the trades still count
                for decoded in self.ideal.decode(frame, self.instruments):
                    if isinstance(decoded, TradeReport):
                        await self.handle(decoded)
                continue
            try:
                await super().receive(frame)
            except Reconnect:
                await self.socket.close()


class DeafSocket(Socket):
    """Answers no pings."""

    @classmethod
    async def open(cls, connect: Connect, url: str) -> Socket:
        socket = await super().open(connect, url)
        protocol: Any = socket._protocol
        receive = protocol.recv_frame

        def without_pings(frame: Any) -> None:
            if frame.opcode is not Opcode.PING:
                receive(frame)

        protocol.recv_frame = without_pings
        return socket


class AnswersNoPings(IdealClient):
    socket_type = DeafSocket


# --- how it recovers ----------------------------------------------------------------------------------------------


class ReconnectsInstead(IdealClient):
    """Leaves the connection wherever the ideal client would subscribe or fetch again."""

    async def resubscribe(self, symbol: str) -> None:
        await self.leave()

    async def meet(self, symbol: str, need: Need) -> None:
        if need is Need.SNAPSHOT and self.keepers[symbol].claim == "stale":
            self.after(symbol)
            await self.leave()
        else:
            await super().meet(symbol, need)

    async def leave(self) -> None:
        if self.socket is not None:
            await self.socket.close()


class PerSymbol:
    """A connection of its own for every symbol."""

    def __init__(self, dialect: Dialect, start: Start, connect: Connect, emit: Callable[[Shown], None]) -> None:
        self.clients = {
            symbol: IdealClient(dialect, msgspec.structs.replace(start, symbols=(symbol,)), connect, emit)
            for symbol in start.symbols
        }
        self.depth_shown = next(iter(self.clients.values())).depth_shown

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for client in self.clients.values():
                nursery.start_soon(client.run)

    def shown(self, symbol: str) -> BookShown:
        return self.clients[symbol].shown(symbol)


class TwoReaders:
    """Two connections for everything, the second a moment later; shows what one of them has, and the other's where that
    has no book."""

    def __init__(self, dialect: Dialect, start: Start, connect: Connect, emit: Callable[[Shown], None]) -> None:
        def quietly(shown: Shown) -> None:
            if not isinstance(shown, BookShown | TradeShown):
                emit(shown)

        def aloud(shown: Shown) -> None:
            if not isinstance(shown, BookShown):
                emit(shown)

        self.clients = [IdealClient(dialect, start, connect, tell) for tell in (aloud, quietly)]
        self.chosen = dict.fromkeys(start.symbols, 0)
        self.depth_shown = self.clients[0].depth_shown

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for client in self.clients:
                nursery.start_soon(client.run)
                await trio.sleep(0.02)

    def shown(self, symbol: str) -> BookShown:
        shown = self.clients[self.chosen[symbol]].shown(symbol)
        if shown.claim != "live":
            other = 1 - self.chosen[symbol]
            if self.clients[other].keepers[symbol].claim == "live":
                self.chosen[symbol] = other
                return self.clients[other].shown(symbol)
        return shown


# --- what it shows ------------------------------------------------------------------------------------------------


class Forgets(Keeper):
    """Has no book while it recovers."""

    def lost(self) -> None:
        super().lost()
        self.book.clear()

    def broken(self) -> Need:
        need = super().broken()
        self.book.clear()
        return need


class SaysNothing(IdealClient):
    """Knows no claims: it has a book, or it has none."""

    keeper_type = Forgets

    def shown(self, symbol: str) -> BookShown:
        shown = super().shown(symbol)
        claim: Claim = "live" if shown.bids or shown.asks else "none"
        return msgspec.structs.replace(shown, claim=claim)


class ShowsFive(IdealClient):
    """Keeps everything, shows the best five levels a side."""

    @property
    def depth_shown(self) -> int | None:
        return 5

    def shown(self, symbol: str) -> BookShown:
        shown = super().shown(symbol)
        return msgspec.structs.replace(shown, bids=shown.bids[:5], asks=shown.asks[:5])


class Conflates(IdealClient):
    """Pushes ten times a second at most, always the present state."""

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.tell)
            await super().run()

    waiting: frozenset[str] = frozenset()

    def after(self, symbol: str) -> None:
        if self.keepers[symbol].changed:
            self.waiting |= {symbol}

    async def tell(self) -> None:
        while True:
            await trio.sleep(0.1)
            for symbol in sorted(self.waiting):
                super().after(symbol)
            self.waiting = frozenset()


def _with(keeper: type[Keeper]) -> type[IdealClient]:
    return type(f"{keeper.__name__}Client", (IdealClient,), {"keeper_type": keeper})


_replace = msgspec.structs.replace

VARIANTS: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(name="fetches-at-once", title="fetches its snapshot with the subscription", make=FetchesAtOnce),
        Variant(name="fetches-first", title="fetches its snapshot before it subscribes", make=FetchesFirst),
        Variant(name="waits-for-update", title="is live only after an update", make=_with(WaitsForUpdate)),
        Variant(name="reads-slowly", title="takes its time for every message", make=ReadsSlowly),
        Variant(name="lags-behind", title="works through its messages later", make=LagsBehind),
        Variant(name="answers-no-pings", title="answers no pings", make=AnswersNoPings, proves_reading=False),
        Variant(name="reconnects-instead", title="reconnects to recover", make=ReconnectsInstead),
        Variant(name="per-symbol", title="has a connection for every symbol", make=PerSymbol),
        Variant(
            name="two-readers",
            title="has two connections for everything",
            make=TwoReaders,
            info=_replace(IDEAL_INFO, push=False),
        ),
        Variant(
            name="says-nothing",
            title="is polled, and makes no claims",
            make=SaysNothing,
            info=_replace(IDEAL_INFO, push=False, claims=False),
        ),
        Variant(name="shows-five", title="shows five levels a side", make=ShowsFive),
        Variant(
            name="floats",
            title="shows binary floating point",
            make=IdealClient,
            info=_replace(IDEAL_INFO, numbers="float"),
        ),
        Variant(name="conflates", title="pushes ten times a second at most", make=Conflates),
    )
}
