"""Bugs of the layers below the book, for `selftest.mutants`: frames, HTTP answers, schemas, queues, names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import trio
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from bookproof.ideal.client import IdealClient
from bookproof.ideal.keeper import Keeper, Need
from bookproof.ideal.wire import ConnectionLost, Socket
from bookproof.selftest.more_bugs import BlindKeeper
from bookproof_exchange.dialects.api import BookSnapshot, Frame
from bookproof_exchange.market import Book, Side

# --- frames -----------------------------------------------------------------------------------------------------------


class FrameSocket(Socket):
    """Every data frame is a message."""

    async def frames(self) -> AsyncIterator[Frame]:
        while True:
            events, self._early = [*self._early, *self._protocol.events_received()], []
            for event in events:
                if isinstance(event, WireFrame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    if event.opcode is not Opcode.CONT:
                        self._binary = event.opcode is Opcode.BINARY
                    yield Frame(bytes(event.data), self._binary)
            try:
                await self._flush()
                if self._protocol.close_expected() or self._protocol.parser_exc is not None:
                    raise ConnectionLost(f"closed: {self._protocol.close_code}")
                await self._receive()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionLost(f"broken: {error}") from None


class TakesFramesForMessages(IdealClient):
    """Does not put together what came in several frames."""

    socket_type = FrameSocket


class FragileSocket(Socket):
    """Whatever is wrong with a frame is raised to whoever reads."""

    async def frames(self) -> AsyncIterator[Frame]:
        try:
            async for frame in super().frames():
                yield frame
        except ConnectionLost:
            if self._protocol.parser_exc is not None:
                raise ValueError(f"bad frame: {self._protocol.parser_exc}") from None
            raise


class DiesOnBadFrame(IdealClient):
    """The exception that a broken frame raises ends the reader."""

    socket_type = FragileSocket


class TextSocket(Socket):
    """Decodes text as it comes."""

    async def frames(self) -> AsyncIterator[Frame]:
        async for frame in super().frames():
            yield frame
        # (the ideal socket ends here without a frame; a careless one has tried to decode it)

    async def _flush(self) -> None:
        sent = self._protocol.close_sent
        if sent is not None and sent.code == 1007:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        await super()._flush()


class DiesOnBadText(IdealClient):
    """A text that is not UTF-8 ends the reader."""

    socket_type = TextSocket


# --- HTTP -------------------------------------------------------------------------------------------------------------


class _OneRead(trio.abc.Stream):
    """A stream of which only the first read that brings something counts."""

    def __init__(self, stream: trio.abc.Stream, *, chunks: bool) -> None:
        self._stream = stream
        self._chunks = chunks
        self._read = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._read:
            return b""
        data = await self._stream.receive_some(max_bytes)
        if self._chunks:
            # without a length in front there is nothing to read
            return b"" if b"transfer-encoding: chunked" in bytes(data).lower() else data
        self._read = True
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


class _ReadsBadly(IdealClient):
    """Reads HTTP answers through `_OneRead`."""

    chunks = False

    async def snapshot(self, symbol: str, generation: int) -> None:
        right = self.connect

        async def connect() -> trio.abc.Stream:
            self.connect = right
            return _OneRead(await right(), chunks=self.chunks)

        self.connect = connect
        try:
            await super().snapshot(symbol, generation)
        finally:
            self.connect = right


class ReadsOnce(_ReadsBadly):
    """What comes first is the whole answer."""


class NeedsLength(_ReadsBadly):
    """An answer in chunks is none."""

    chunks = True


class GivesUpOnError(Keeper):
    """A snapshot request that fails is not made again."""

    def rest_failed(self) -> Need:
        self.fetching = True
        return Need.NOTHING


class GivesUpOnErrorClient(IdealClient):
    keeper_type = GivesUpOnError


# --- schemas, names, queues ---------------------------------------------------------------------------------------------


def _keys(value: Any) -> frozenset[str]:
    """The names of all members, wherever they stand."""
    match value:
        case dict():
            return frozenset(value).union(*(_keys(each) for each in value.values()))
        case list():
            return frozenset[str]().union(*(_keys(each) for each in value[:1]))
        case _:
            return frozenset()


class StrictSchema(IdealClient):
    """A message that has a member that none before had is thrown away, once some have come."""

    known: frozenset[str] = frozenset()
    came = 0

    async def receive(self, frame: Frame) -> None:
        try:
            keys = _keys(json.loads(frame.payload))
        except ValueError:
            keys = frozenset()
        self.came += 1
        if self.came <= 5:
            self.known |= keys
        if keys <= self.known:
            await super().receive(frame)


class TakesAnySymbol(IdealClient):
    """Has subscribed to one symbol, so that whatever comes must be about it."""

    keeper_type = BlindKeeper

    async def receive(self, frame: Frame) -> None:
        payload = frame.payload
        if len(self.keepers) == 1:
            (own,) = self.keepers
            for instrument in self.dialect.instruments:
                if instrument.symbol != own and len(instrument.symbol) == len(own):
                    for spelled in (str, str.lower):
                        payload = payload.replace(spelled(instrument.symbol).encode(), spelled(own).encode())
        await super().receive(msgspec.structs.replace(frame, payload=payload))


class BoundedQueue(IdealClient):
    """A queue of a hundred messages between reader and book: what does not fit in is lost."""

    MOST = 100
    at = -1.0
    waiting = 0

    async def receive(self, frame: Frame) -> None:
        # (under the virtual clock whatever comes in one burst comes at one time)
        now = trio.current_time()
        self.waiting = self.waiting + 1 if now == self.at else 0
        self.at = now
        if self.waiting < self.MOST:
            await super().receive(frame)


# --- snapshots ----------------------------------------------------------------------------------------------------------


class KeepsSideWhenEmpty(BlindKeeper):
    """A side that a snapshot has empty is taken for one that it does not have: the old levels stay."""

    old: Book | None = None

    def reset(self) -> None:
        kept = self.book.copy()
        super().reset()
        self.old = kept

    def replace(self, snapshot: BookSnapshot) -> None:
        if self.old is not None:
            old_bids, old_asks = (self.old.levels(side) for side in (Side.BID, Side.ASK))
            snapshot = msgspec.structs.replace(snapshot, bids=snapshot.bids or old_bids, asks=snapshot.asks or old_asks)
        super().replace(snapshot)


class KeepsSideWhenEmptyClient(IdealClient):
    keeper_type = KeepsSideWhenEmpty
