"""A mock exchange in the hands of a test: the words of a scenario as methods, synchronous.

Behind it is the same machinery as behind a case: the test plays the script and is the driver, and what it shows of its
client is judged by the same checker.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import trio

from bookproof.case_run import ServerLike, _Running, conclude
from bookproof.cases.plan import Case
from bookproof.checker.match import Matcher
from bookproof.drivers.api import BookShown, ClientInfo, Sink, Start, Started
from bookproof.pytest_support.portal import Portal, in_caller
from bookproof.pytest_support.words import CaseFailed
from bookproof.results import CaseResult, Check, Verdict, worst
from bookproof.script import step as step_named
from bookproof.venues import LoopbackVenue
from bookproof_exchange import evidence
from bookproof_exchange.errors import HarnessError, UsageError
from bookproof_exchange.market import Side
from bookproof_exchange.scenario.model import Inject, Oddity, Step
from bookproof_exchange.script.actions import HangUp
from bookproof_exchange.script.player import Until, play_step
from bookproof_exchange.server.tls import make
from bookproof_exchange.timing import Timing

if TYPE_CHECKING:
    from bookproof.adapter import Book

Look = Callable[[str], "tuple[Iterable[Sequence[Any]], Iterable[Sequence[Any]]] | Book | None"]
"""What the client shows of a symbol now: (bids, asks), best first, rows of (price, size) as the client has them; or a
`bookproof.adapter.Book`, with a claim; None: no book."""

#: A test's author sees the test: our own frames only where we are wrong.
__tracebackhide__ = operator.methodcaller("errisinstance", (UsageError, AssertionError))

#: Seconds for clients to answer the close frames at the end.
_FAREWELL = 0.5


class Levels(NamedTuple):
    """A book as it really is: rows of (price, size), exact, best first."""

    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class MockExchange:
    """Serves one dialect on loopback from its creation to `close` (or the end of a ``with`` block).

    Everything that has to wait for the client (`sync`, `read`, `probe`, `converge`, `settle`, `wait_for`) blocks the
    calling thread; in an async test call it in another one: ``await asyncio.to_thread(exchange.sync)``."""

    def __init__(self, portal: Portal, case: Case, timing: Timing, *, tls_folder: Path | None = None) -> None:
        self._portal = portal
        self._timing = timing
        self._tls = None if tls_folder is None else make(tls_folder)
        self._place = self._faults = 0
        self._stop: trio.Event | None = None
        self._failures: list[Exception] = []
        self._running, self._server, ws, http, self.tls_ca = portal.call(self._open, case)
        self.dialect: str = case.dialect
        self.endpoints: dict[str, str] = dict(self._running.dialect.endpoints(ws, http))
        """Every URL of the dialect by name."""
        self.ws_url: str = self.endpoints["ws"]
        self.rest_url: str = self.endpoints["rest"]
        self.symbols: tuple[str, ...] = self._running.exchange.symbols

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the exchange and every connection to it. The truth and what was recorded can still be asked for."""
        stop, self._stop = self._stop, None
        if stop is not None:
            self._portal.call(self._end, stop)

    # --- the words of a scenario -------------------------------------------------------------------------------------

    def sync(self, lead: int = 3) -> None:
        """Wait until the client has subscribed to every symbol and, where `shows` was called, shows the right book."""
        if self._running.hand.look is not None:
            self._come("sync", {"lead": lead}, "does not show the right book")
            return
        if not self._portal.call(self._subscribed, lead):
            missing = [symbol for symbol in self.symbols if not self._running.exchange.subscribed(symbol)]
            raise AssertionError(f"the client did not subscribe to {', '.join(missing)} within {self._timing.sync:g} s")

    def send(
        self, count: int = 1, *, symbol: int | str = 1, shape: str | dict[str, Any] = "any", mode: str = "burst"
    ) -> None:
        """Send the next ``count`` updates. ``shape``: what the market does (``improve``, ``sweep``, ``delete`` …)."""
        self._do("send", {"count": count, "symbol": self._ordinal(symbol), "shape": shape, "mode": mode})

    def fault(self, kind: str, **parameters: Any) -> None:
        """Arm a fault (``drop``, ``close``, ``wrong-checksum`` …), with the parameters that a scenario file takes."""
        self._do("fault", {"kind": kind, **self._ordinals(parameters)})

    def oddity(self, kind: str, **parameters: Any) -> None:
        """Arm something unusual that the venue may do."""
        self._do("oddity", {"kind": kind, **self._ordinals(parameters)})

    def hold(self) -> None:
        """From now on keep back handshakes, acknowledgements and snapshots: what a recovering client waits for."""
        self._do("hold", {})

    def release(self) -> None:
        """Let go what `hold` kept back."""
        self._portal.call(self._release)

    def lift(self) -> None:
        """End every standing fault (``stall``)."""
        self._do("lift", {})

    def read(self, symbol: int | str = 1) -> None:
        """Prove by a ping that the client has read everything, look at its book, and judge it. Needs `shows`."""
        self._look_at("read", {"symbol": self._ordinal(symbol)})

    def probe(self) -> None:
        """Like `read`, of every symbol; then let go what was held back. Needs `shows`."""
        self._look_at("probe", {})

    def converge(self, during: int = 3) -> None:
        """The stream goes on until the client shows a right book at or beyond this point. Needs `shows`."""
        self._come("converge", {"during": during}, "did not show a right book again")

    def settle(self) -> None:
        """The exchange is quiet; the client must show exactly the last state. Needs `shows`."""
        self._come("settle", {}, "does not show the last state")

    def wait_for(self, what: str, limit: float | None = None) -> None:
        """Wait for something that the client must do: ``reconnect``, ``subscribe``, ``unsubscribe`` or
        ``snapshot-request``, since the last fault struck (a scenario's ``await``)."""
        self._come("await", {"what": what, "limit": limit}, f"did not {what.replace('-', ' ')}", looks=False)

    # --- the client --------------------------------------------------------------------------------------------------

    def shows(self, look: Look, *, depth: int | None = None, floats: bool = False, claims: bool = False) -> None:
        """Tell how to look at the client: ``exchange.shows(lambda symbol: (client.bids, client.asks))``.

        ``depth``: how many levels a side the client keeps (None: all); ``floats``: its numbers are floats; ``claims``:
        the books that ``look`` returns say whether the client believes in them. ``look`` is called in the thread that
        waits."""
        self._running.depth_shown = depth
        self._running.hand.look = look
        self._running.hand.info = ClientInfo(name="test", claims=claims, numbers="float" if floats else "string")

    @property
    def connections(self) -> int:
        """How many WebSocket connections are open."""
        return len(self._running.exchange.open_connections())

    def received(self) -> tuple[str, ...]:
        """What the client sent, as texts, in order, on all connections."""
        return tuple(
            record.payload.decode("utf-8", "replace")
            for record in tuple(self._running.exchange.evidence)
            if isinstance(record, evidence.Received)
        )

    # --- the truth ---------------------------------------------------------------------------------------------------

    def truth(self, symbol: int | str = 1, depth: int | None = None) -> Levels:
        """The market as it really is, at the last update sent: exact decimals. ``depth``: so many levels a side."""
        view = self._running.exchange.view
        name = self.symbols[self._ordinal(symbol) - 1]
        instrument = view.instruments[name]
        price, size = (
            Decimal(1).scaleb(-decimals) for decimals in (instrument.price_decimals, instrument.size_decimals)
        )

        def ask() -> Levels:
            sides = (view.truth(name).levels(view.index(name), side, depth) for side in Side)
            return Levels(*([(row[0] * price, row[1] * size) for row in rows] for rows in sides))

        levels: Levels = self._portal.call(_async(ask))
        return levels

    # --- the judgement -----------------------------------------------------------------------------------------------

    def result(self) -> CaseResult:
        """The checker's judgement of everything that was shown until now."""
        result: CaseResult = self._portal.call(_async(lambda: conclude(self._running).result))
        return result

    def assert_passed(self) -> None:
        """CaseFailed where anything that was shown was wrong, or nothing was proved."""
        result = self.result()
        if result.failing:
            raise CaseFailed(result)

    # --- steps -------------------------------------------------------------------------------------------------------

    def _look_at(self, name: str, parameters: dict[str, Any]) -> None:
        self._do(name, parameters, looks=True)
        self._judge_safety()

    def _come(self, name: str, parameters: dict[str, Any], failure: str, *, looks: bool = True) -> None:
        came = self._do(name, parameters, looks=looks)
        self._judge_safety()
        if not came:
            raise AssertionError(f"{name}: the client {failure} within the limit")

    def _do(self, name: str, parameters: dict[str, Any], *, looks: bool = False) -> bool:
        if self._stop is None:
            raise UsageError("the exchange is closed")
        if self._failures:
            raise HarnessError("the mock exchange has failed; please report this") from self._failures[0]
        if looks and self._running.hand.look is None:
            raise UsageError(
                f"{name} has to look at the client's book",
                hint="say how: exchange.shows(lambda symbol: (client.bids, client.asks))",
            )
        step = step_named(name, **parameters)
        if isinstance(step, Inject | Oddity):
            self._faults += 1
        self._place += 1
        return self._portal.call(self._running.step, self._server, step, self._place, self._faults)

    def _judge_safety(self) -> None:
        """Whatever comes next: a wrong book that was shown is a failure here and now."""
        result = self.result()
        bad = tuple(check for check in result.checks if check.verdict.rank >= Verdict.FAIL.rank)
        if bad:
            raise CaseFailed(msgspec.structs.replace(result, checks=bad, verdict=_worst(bad), message=bad[0].message))

    def _ordinal(self, symbol: int | str) -> int:
        if isinstance(symbol, int) and 1 <= symbol <= len(self.symbols):
            return symbol
        if symbol in self.symbols:
            return self.symbols.index(str(symbol)) + 1
        raise UsageError(f"there is no symbol {symbol!r} here", hint=f"there are: {', '.join(self.symbols)}")

    def _ordinals(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if "symbol" in parameters:
            return {**parameters, "symbol": self._ordinal(parameters["symbol"])}
        return parameters

    # --- in the loop -------------------------------------------------------------------------------------------------

    async def _open(self, case: Case) -> tuple[_ByHand, ServerLike, str, str, str | None]:
        stop = self._stop = trio.Event()
        running = _ByHand(case, self._timing)
        opened = trio.Event()
        endpoints: list[tuple[ServerLike, str, str, str | None]] = []
        failures = self._failures

        async def serve() -> None:
            try:
                await running.serve(LoopbackVenue(tls=self._tls), endpoints.append, opened, stop)
            except Exception as error:
                failures.append(error)
            finally:
                opened.set()

        trio.lowlevel.spawn_system_task(serve, name="bookproof: an exchange in the hands of a test")
        await opened.wait()
        if not endpoints:
            raise failures[0] if failures else HarnessError("the exchange could not be opened")
        return running, *endpoints[0]

    async def _end(self, stop: trio.Event) -> None:
        """Close frames first, so that a client in another thread comes to an orderly end."""
        try:
            exchange = self._running.exchange
            leaving = exchange.open_connections()
            self._server.perform([HangUp(connection.number, "close", 1001) for connection in leaving])
            gone = Until("the end", lambda: not any(connection.open for connection in leaving), _FAREWELL)
            await self._running._await(self._server, gone)
        finally:
            stop.set()

    async def _subscribed(self, lead: int) -> bool:
        exchange = self._running.exchange
        exchange.lead = lead
        wanted = Until("subscription", lambda: all(map(exchange.subscribed, self.symbols)), self._timing.sync)
        if not await self._running._await(self._server, wanted):
            return False
        for connection in exchange.open_connections():
            self._server.perform(exchange.ping(connection))
        await self._running._await(
            self._server, Until("barrier", lambda: not exchange.outstanding(), self._timing.barrier)
        )
        return True

    async def _release(self) -> None:
        self._server.perform(self._running.exchange.release())


class _Hand:
    """The test as a driver: it is asked for the client's book in its own thread."""

    def __init__(self) -> None:
        self.info = ClientInfo(name="test")
        self.alive = True
        self.look: Look | None = None
        self.sink: Sink | None = None

    async def start(self, start: Start, sink: Sink) -> Started:
        raise HarnessError("a test starts its client itself")

    async def read(self, symbol: str, channel: str = "book") -> BookShown:
        look = self.look
        assert look is not None
        assert self.sink is not None
        shown = _shown(symbol, await in_caller(lambda: look(symbol)), floats=self.info.numbers == "float")
        self.sink(shown)
        return shown

    async def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def watch(self) -> None:
        await trio.sleep_forever()

    def log(self) -> tuple[str, ...]:
        return ()


class _ByHand(_Running):
    """A case without a script: its steps come one by one."""

    def __init__(self, case: Case, timing: Timing) -> None:
        self.hand = _Hand()
        super().__init__(case, self.hand, timing)
        self.hand.sink = self.sink

    async def serve(
        self,
        venue: LoopbackVenue,
        report: Callable[[tuple[ServerLike, str, str, str | None]], None],
        opened: trio.Event,
        stop: trio.Event,
    ) -> None:
        async with trio.open_nursery() as nursery:
            endpoints = await venue.open(self.exchange, nursery)
            server = endpoints[0]
            server.changed = self.poke
            if self.dialect.traits.heartbeat_s is not None:
                nursery.start_soon(self._heartbeats, server, self.dialect.traits.heartbeat_s)
            if self.dialect.traits.ping_s is not None:
                nursery.start_soon(self._pings, server, self.dialect.traits.ping_s)
            report(endpoints)
            opened.set()
            await stop.wait()
            nursery.cancel_scope.cancel()

    async def step(self, server: ServerLike, step: Step, place: int, fault: int) -> bool:
        scenario = self.case.scenario
        self.case = msgspec.structs.replace(
            self.case, scenario=msgspec.structs.replace(scenario, script=(*scenario.script, step))
        )
        waits = play_step(self.exchange, self.timing, step, place=place, fault=fault)
        came: bool | None = None
        try:
            while True:
                self._match_depth()
                wait = waits.send(came) if came is not None else next(waits)
                came = await self._await(server, wait)
        except StopIteration as end:
            return bool(end.value)

    def _match_depth(self) -> None:
        """The client chose its depth when it subscribed, and may have subscribed anew."""
        for symbol, instrument in self.exchange.view.instruments.items():
            limits = [self.depth_shown] if self.depth_shown is not None else []
            if self.dialect.traits.windowed:
                limits += [
                    feed.depth
                    for connection in self.exchange.open_connections()
                    if connection.session is not None
                    for feed in connection.session.feeds
                    if feed.symbol == symbol and feed.channel == "book" and feed.depth is not None
                ]
            depth = min(limits, default=None)
            present = self.matchers.get(symbol)
            if present is None or present.depth != depth or present.numbers != self.hand.info.numbers:
                truth = self.exchange.view.truth(symbol)
                self.matchers[symbol] = Matcher(truth, instrument, depth, self.hand.info.numbers)


def _shown(symbol: str, seen: Any, *, floats: bool) -> BookShown:
    if seen is None:
        return BookShown(symbol=symbol, claim="none", bids=(), asks=())
    claim: evidence.Claim = getattr(seen, "claim", "live")
    bids, asks = (seen.bids, seen.asks) if hasattr(seen, "bids") else seen
    return BookShown(symbol=symbol, claim=claim, bids=_rows(bids, floats), asks=_rows(asks, floats))


def _rows(rows: Iterable[Sequence[Any]], floats: bool) -> tuple[tuple[str, ...], ...]:
    texts: list[tuple[str, ...]] = []
    for row in rows:
        if not floats and any(isinstance(value, float) for value in row):
            raise UsageError(f"the client's numbers are floats: {row!r}", hint="exchange.shows(…, floats=True)")
        texts.append(tuple(repr(float(value)) if floats else str(value) for value in row))
    return tuple(texts)


def _worst(checks: Sequence[Check]) -> Verdict:
    return worst([check.verdict for check in checks])


def _async(function: Callable[[], Any]) -> Callable[[], Any]:
    async def call() -> Any:
        return function()

    return call
