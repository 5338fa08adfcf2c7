"""Runs one case: exchange, server, client and script in one nursery; then the checker on the evidence.

The shell around the pure parts. It performs what the player asks for, records what the client shows, and turns what can
go wrong with the process (hang, crash, broken protocol) into a verdict with everything that was measured until then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import trio

from bookproof import collecting
from bookproof.cases.plan import Case
from bookproof.cases.properties import rules_by_property, weighed
from bookproof.checker.facts import Chain, Facts, Region
from bookproof.checker.judge import judge_with_lag
from bookproof.checker.match import Matcher
from bookproof.drivers.api import (
    BookShown,
    ClientCrashed,
    ClientHung,
    ClientInfo,
    Driver,
    EventShown,
    Shown,
    Start,
    TradeShown,
    Unsupported,
)
from bookproof.reference import Reference
from bookproof.results import CaseResult, Check, Detail, Verdict, worst
from bookproof_exchange import evidence
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Traits
from bookproof_exchange.errors import AdapterError, HarnessError
from bookproof_exchange.faults import specs
from bookproof_exchange.scenario.model import Await, Inject, Oddity, Scenario
from bookproof_exchange.script.actions import Action
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.script.player import Pause, Perform, Play, ReadNow, Shows, Until, Wait, play
from bookproof_exchange.timing import Timing

#: Edits that make the ideal client's own book differ from the truth without a way to notice at once.
_ALTERING = frozenset({"corrupt-level", "corrupt-level-consistent", "renumbered-gap", "wrong-type"})

#: So many levels a side a venue's checksum covers.
_CHECKED_LEVELS = 10

#: No case makes a client show a hundredth of this.
_MOST_SAID = 200_000

#: Edits after which the numbers on the wire are not those of the truth: what a client states then proves nothing (S6).
_RENUMBERING = frozenset({"renumbered-gap"})

#: Edits by which an update is lost.
_LOSING = frozenset({"cut", "wrong-type", "unknown-type"})


class ServerLike(Protocol):
    """What a case needs of a server (`bookproof_exchange.server.Server`)."""

    changed: Callable[[], None]

    def perform(self, actions: Sequence[Action]) -> None: ...

    def flush(self) -> None: ...


class Venue(Protocol):
    """Where a case's exchange can be reached: a listener on loopback, or an in-memory network."""

    async def open(self, exchange: Exchange, nursery: trio.Nursery) -> tuple[ServerLike, str, str, str | None]:
        """Serve the exchange in the nursery: the server, WebSocket base URL, HTTP base URL, path of the CA file."""
        ...


class CaseRun(msgspec.Struct, kw_only=True):
    """The outcome of one run of a case, with all its evidence."""

    result: CaseResult
    evidence: Sequence[evidence.Evidence]
    chains: dict[str, tuple[Chain, ...]]
    exchange: Exchange | None = None
    facts: Facts | None = None
    """What the checker was given besides the evidence; None where nothing was judged."""
    start: Start | None = None
    """What the client was told to do."""
    detail: Detail | None = None
    """For the HTML page, where one is wanted."""


class _Running:
    """The state of one case while it runs."""

    def __init__(self, case: Case, driver: Driver, timing: Timing) -> None:
        self.case = case
        self.driver = driver
        self.timing = timing
        self.dialect = DIALECTS.get(case.dialect)
        self.began = trio.current_time()
        self.exchange = Exchange(
            self.dialect, case.scenario, case.exchange_seed, clock=lambda: trio.current_time() - self.began
        )
        self._reference = Reference(self.dialect, self.exchange.view.truths, self.exchange.view.instruments)
        self._followed = 0
        self.changed = trio.Event()
        self.depth_shown: int | None = None
        self.matchers: dict[str, Matcher] = {}
        """By symbol, for the depth that the client is asked for."""
        self._other_depths: dict[tuple[str, int | None], Matcher] = {}
        self.reads = 0
        self.latest: dict[str, BookShown] = {}
        self._said = 0
        self.unsupported: str | None = None
        self.trouble: tuple[Verdict, str, tuple[str, ...]] | None = None
        self.start: Start | None = None
        self.finished = False

    # --- what happens ----------------------------------------------------------------------------------------------

    def poke(self) -> None:
        self.changed.set()

    def sink(self, shown: Shown) -> None:
        """What the adapter says becomes evidence, in the order in which its lines are read. AdapterError for a flood:
        all of it is kept until the case is judged."""
        self._said += 1
        if self._said > _MOST_SAID:
            raise AdapterError(
                f"the adapter said more than {_MOST_SAID} things in one case",
                hint="push a state only where it changed, and an event only once",
            )
        match shown:
            case BookShown():
                self.latest[shown.symbol] = shown
                self.exchange.record(
                    lambda position, at: evidence.Observed(
                        position=position,
                        at=at,
                        symbol=shown.symbol,
                        claim=shown.claim,
                        bids=shown.bids,
                        asks=shown.asks,
                        version=shown.version,
                        # reads are asked one at a time, so an answer belongs to the newest
                        read=None if shown.read is None else self.reads,
                    )
                )
            case TradeShown():
                self.exchange.record(
                    lambda position, at: evidence.ObservedTrade(
                        position=position,
                        at=at,
                        symbol=shown.symbol,
                        price=shown.price,
                        size=shown.size,
                        side=shown.side,
                        trade_id=shown.trade_id,
                    )
                )
            case EventShown():
                self.exchange.record(
                    lambda position, at: evidence.ClientEvent(
                        position=position,
                        at=at,
                        kind=shown.kind,
                        message=shown.message,
                        symbol=shown.symbol,
                        exception=shown.exception,
                        fatal=shown.fatal,
                    )
                )
            case _:
                pass  # other channels are not judged yet
        self.poke()

    async def run(self, venue: Venue) -> None:
        """Everything until the client is stopped; process trouble ends it early."""
        async with trio.open_nursery() as nursery:
            server, ws, http, tls_ca = await venue.open(self.exchange, nursery)
            server.changed = self.poke
            if self.dialect.traits.heartbeat_s is not None:
                nursery.start_soon(self._heartbeats, server, self.dialect.traits.heartbeat_s)
            if self.dialect.traits.ping_s is not None:
                nursery.start_soon(self._pings, server, self.dialect.traits.ping_s)
            try:
                with trio.fail_after(self.timing.case):
                    await self._drive(server, ws, http, tls_ca)
            except trio.TooSlowError:
                self.trouble = (Verdict.HUNG, f"the case took longer than {self.timing.case:g} s", self.driver.log())
                await self.driver.close()
            except ClientHung as hung:
                self.trouble = (Verdict.HUNG, str(hung), hung.stderr)
            except ClientCrashed as crashed:
                self.trouble = (Verdict.CRASHED, str(crashed), crashed.stderr)
            except AdapterError as error:
                self.trouble = (Verdict.ADAPTER_ERROR, str(error), self.driver.log())
            nursery.cancel_scope.cancel()

    async def _drive(self, server: ServerLike, ws: str, http: str, tls_ca: str | None) -> None:
        endpoints = dict(self.dialect.endpoints(ws, http))
        scenario = self.case.scenario
        self.start = start = Start(
            case=self.case.id,
            dialect=self.case.dialect,
            ws_url=endpoints["ws"],
            rest_url=endpoints["rest"],
            endpoints=endpoints,
            symbols=self.exchange.symbols,
            channels=scenario.subscribe.channels,
            depth=_depth(scenario.subscribe.depth, self.dialect.traits.depths),
            tls_ca=tls_ca,
            time_base=self.exchange.view.time_base_us // 1000,
        )
        # What the script says before it first waits (faults that are armed before `sync`) holds before the client begins:
        # a client may have connected, subscribed and fetched its snapshot by the time it says that it has started.
        waits = play(self.exchange, self.timing)
        first = next(waits, None)
        async with trio.open_nursery() as nursery:
            # a client that dies between two questions is noticed at once
            nursery.start_soon(self.driver.watch)
            started = await self.driver.start(start, self.sink)
            if isinstance(started, Unsupported):
                self.unsupported = started.reason
            else:
                self.depth_shown = self._reference.depth_shown = started.depth_shown
                for symbol in self.exchange.view.instruments:
                    self.matchers[symbol] = self._matcher(symbol, self._compare_depth(start.depth))
                await self._play(server, waits, first)
                await self.driver.stop()
            nursery.cancel_scope.cancel()

    def _compare_depth(self, subscribed: int | None) -> int | None:
        traits = self.dialect.traits
        feed = (traits.default_depth if subscribed is None else subscribed) if traits.windowed else None
        limits = [limit for limit in (feed, self.depth_shown) if limit is not None]
        return min(limits) if limits else None

    def _matcher(self, symbol: str, depth: int | None) -> Matcher:
        info = self.driver.info
        instrument = self.exchange.view.instruments[symbol]
        return Matcher(self.exchange.view.truth(symbol), instrument, depth, info.numbers, sort=info.sorted_by_adapter)

    def _matchers_now(self, symbol: str) -> list[Matcher]:
        """One for every depth that the client has subscribed to: that need not be the one that it was asked for."""
        feeds = {feed.depth for connection in self.exchange.open_connections() for feed in connection.books(symbol)}
        found: list[Matcher] = []
        for depth in {self._compare_depth(feed) for feed in feeds} or {self.matchers[symbol].depth}:
            if depth == self.matchers[symbol].depth:
                found.append(self.matchers[symbol])
                continue
            if (symbol, depth) not in self._other_depths:
                self._other_depths[symbol, depth] = self._matcher(symbol, depth)
            found.append(self._other_depths[symbol, depth])
        return found

    async def _play(self, server: ServerLike, waits: Play, wait: Wait | None) -> None:
        try:
            while wait is not None:
                wait = waits.send(await self._await(server, wait))
        except StopIteration as end:
            self.finished = bool(end.value)

    async def _await(self, server: ServerLike, wait: Wait) -> bool:
        match wait:
            case Perform(actions=actions):
                server.perform(actions)
                server.flush()
                await trio.lowlevel.checkpoint()
                return True
            case Until(ready=ready, limit=limit):
                with trio.move_on_after(limit):
                    while not ready():
                        self.changed = trio.Event()
                        await self.changed.wait()
                return ready()
            case ReadNow(symbol=symbol):
                return (await self._read(symbol)).claim == "live"
            case Shows(symbol=symbol, least=least, exactly=exactly, limit=limit):
                return await self._shows(symbol, least, exactly, limit)
            case Pause(seconds=seconds):
                await trio.sleep(seconds)
                return True

    async def _read(self, symbol: str) -> BookShown:
        self.reads += 1
        number = self.reads
        self.exchange.record(
            lambda position, at: evidence.ReadAsked(position=position, at=at, read=number, symbol=symbol)
        )
        return await self.driver.read(symbol)

    async def _shows(self, symbol: str, least: int, exactly: bool, limit: float) -> bool:
        """Read until the state is there; between two reads wait for something to arrive, or a moment."""
        deadline = trio.current_time() + limit
        patience = self.timing.poll
        while True:
            shown = await self._read(symbol)
            there = shown.claim == "live" and (shown.bids or shown.asks or self._empty(symbol, least))
            if there and any(
                self._matches(matcher, symbol, shown, least, exactly) for matcher in self._matchers_now(symbol)
            ):
                return True
            left = deadline - trio.current_time()
            if left <= 0:
                return False
            self.changed = trio.Event()
            with trio.move_on_after(min(patience, left)):
                await self.changed.wait()
                # a client shows a message some time after its bytes were read: look again soon, not at once
                await trio.sleep(min(self.timing.poll, left))
            patience = min(patience * 2, self.timing.poll_most)

    def _empty(self, symbol: str, index: int) -> bool:
        truth = self.exchange.view.truth(symbol)
        return not truth.book(index).levels(0, 1) and not truth.book(index).levels(1, 1)  # type: ignore[arg-type]

    def _matches(self, matcher: Matcher, symbol: str, shown: BookShown, least: int, exactly: bool) -> bool:
        bids, asks = shown.bids, shown.asks
        high = self.exchange.newest(symbol)
        for region in self._regions(symbol):
            if exactly:
                if matcher.equals(bids, asks, least, region):
                    return True
            elif matcher.match(bids, asks, at_least=least, at_most=high, region=region) is not None:
                return True
        return False

    def _regions(self, symbol: str) -> set[Region]:
        """What a client can know of the book: REST snapshots may be cut."""
        if self.dialect.traits.snapshot_from == "stream":
            return {Region()}
        return self.follow().regions(symbol) or {Region()}

    def follow(self) -> Reference:
        """The reference, up to the newest evidence."""
        records = self.exchange.evidence
        while self._followed < len(records):
            self._reference.see(records[self._followed])
            self._followed += 1
        return self._reference

    async def _heartbeats(self, server: ServerLike, interval: float) -> None:
        while True:
            await trio.sleep(interval)
            for connection in self.exchange.open_connections():
                server.perform(self.exchange.beat(connection))

    async def _pings(self, server: ServerLike, interval: float) -> None:
        while True:
            await trio.sleep(interval)
            for connection in self.exchange.open_connections():
                if not connection.muted:
                    server.perform(self.exchange.ping(connection))


async def run_case(case: Case, driver: Driver, venue: Venue, timing: Timing) -> CaseRun:
    """Run one case on a live driver and judge it. Raises only what is the harness's or the user's fault."""
    with collecting.rarely():
        return await _run_case(case, driver, venue, timing)


async def _run_case(case: Case, driver: Driver, venue: Venue, timing: Timing) -> CaseRun:
    info = driver.info
    missing = _undeclared(case, info)
    if missing is not None:
        return CaseRun(result=_result(case, info, Verdict.UNSUPPORTED, (), message=missing), evidence=(), chains={})
    running = _Running(case, driver, timing)
    try:
        await running.run(venue)
    except BaseExceptionGroup as group:
        single = _single(group)
        if isinstance(single, ClientHung | ClientCrashed | AdapterError):
            verdict = {
                ClientHung: Verdict.HUNG,
                ClientCrashed: Verdict.CRASHED,
                AdapterError: Verdict.ADAPTER_ERROR,
            }[type(single)]
            running.trouble = (verdict, str(single), getattr(single, "stderr", None) or driver.log())
        elif single is not None and not isinstance(single, Exception):
            raise single from None
        else:
            raise
    return conclude(running)


def conclude(running: _Running) -> CaseRun:
    """The checker's judgement of what a case left behind."""
    case, exchange, info = running.case, running.exchange, running.driver.info
    seconds = trio.current_time() - running.began
    records = tuple(exchange.evidence)
    if running.unsupported is not None:
        result = _result(case, info, Verdict.UNSUPPORTED, (), message=running.unsupported, seconds=seconds)
        return CaseRun(result=result, evidence=records, chains={}, exchange=exchange)
    chains = running.follow().chains()
    facts = facts_of(running, chains)
    judged, lag = judge_with_lag(facts, records, running.matchers)
    checks = [weighed(check, running.dialect.rules) for check in judged]
    checks.extend(_self_check(running, chains))
    verdict = worst([check.verdict for check in checks])
    message = ""
    log: tuple[str, ...] = ()
    if running.trouble is not None:
        trouble, message, log = running.trouble
        if trouble.rank > verdict.rank or trouble in (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR):
            verdict = trouble if verdict is not Verdict.HARNESS_ERROR else verdict
    elif verdict.rank >= Verdict.INCONCLUSIVE.rank:
        failed = max(checks, key=lambda check: check.verdict.rank, default=None)
        message = "" if failed is None else failed.message
        log = running.driver.log()
    result = _result(
        case,
        info,
        verdict,
        tuple(checks),
        message=message,
        seconds=seconds,
        stderr=log[-20:],
    )
    observations = sum(isinstance(record, evidence.Observed) for record in records)
    result = msgspec.structs.replace(result, observations=observations, lag=lag, recovery_seconds=_recovery(records))
    return CaseRun(result=result, evidence=records, chains=chains, exchange=exchange, facts=facts, start=running.start)


def facts_of(running: _Running, chains: dict[str, tuple[Chain, ...]]) -> Facts:
    """What the checker needs besides the evidence."""
    case, exchange, info = running.case, running.exchange, running.driver.info
    scenario = case.scenario
    return Facts(
        dialect=case.dialect,
        truths=exchange.view.truths,
        instruments=exchange.view.instruments,
        chains=chains,
        depth_shown=running.depth_shown,
        claims=info.claims,
        pushes=info.push,
        numbers=info.numbers,
        atomic_read=info.atomic_read,
        sorted_by_adapter=info.sorted_by_adapter,
        notice=running.timing.notice,
        rules=rules_by_property(case.dialect, running.dialect.rules, scenario.rules),
        honest=scenario.expect.honest,
        live=scenario.expect.live,
        channels=scenario.subscribe.channels,
        resync=scenario.expect.resync,
        most_resyncs=scenario.expect.most_resyncs,
        limits=running.dialect.traits.limits,
        backoff=f"{case.dialect}/rest-backoff" if "rest-backoff" in running.dialect.rules else None,
        sequence_base={symbol: exchange.view.sequence_base(symbol) for symbol in exchange.symbols}
        # (recorded versions are not numbered one by one)
        if running.dialect.traits.sequence and not _edited(scenario, _RENUMBERING) and scenario.capture is None
        else {},
        faults_armed=sum(isinstance(step, Inject | Oddity) for step in scenario.script),
        impossible=running.exchange.impossible,
        await_levels={
            place: step.level for place, step in enumerate(scenario.script, start=1) if isinstance(step, Await)
        },
    )


def _edited(scenario: Scenario, kinds: frozenset[str]) -> bool:
    """Whether the script has an edit of these kinds."""
    return any(
        isinstance(step, Inject | Oddity) and isinstance(step.fault, specs.Edited) and step.fault.edit in kinds
        for step in scenario.script
    )


def _loses_unseen(scenario: Scenario, traits: Traits) -> bool:
    """Whether what is lost or late can leave a book that passes the checksum of the message and is no true one all the same:
    without sequence numbers, in a window deeper than the checksum. The next messages tell."""
    depth = _depth(scenario.subscribe.depth, traits.depths)
    window = traits.default_depth if depth is None else depth
    if traits.sequence or not traits.windowed or (window is not None and window <= _CHECKED_LEVELS):
        return False
    return any(
        isinstance(step, Inject)
        and (
            isinstance(step.fault, specs.Drop | specs.Swap | specs.Delay | specs.Custom)
            or (isinstance(step.fault, specs.Stall) and step.fault.lost)
            # a recorded update cannot be chosen to be one that the checksum covers
            or (scenario.capture is not None and isinstance(step.fault, specs.Edited) and step.fault.edit in _LOSING)
        )
        for step in scenario.script
    )


def _self_check(running: _Running, chains: dict[str, tuple[Chain, ...]]) -> list[Check]:
    """The ideal client, run on the very bytes, must hold the truth: if it does not, the harness is wrong."""
    if _edited(running.case.scenario, _ALTERING) or _loses_unseen(running.case.scenario, running.dialect.traits):
        return []
    for symbol, followed in chains.items():
        for chain in followed:
            for state in chain.states:
                if not state.true:
                    return [
                        Check(
                            id="H1",
                            verdict=Verdict.HARNESS_ERROR,
                            title="the reference equals the truth",
                            message=f"the reference for {symbol} departs from truth version {state.index} although "
                            "nothing was corrupted on purpose: a bug of Bookproof, please report it",
                            position=state.position,
                        )
                    ]
    return []


def _recovery(records: Sequence[evidence.Evidence]) -> float | None:
    """Seconds from the last strike of a fault to the end of the `converge` that followed."""
    struck: float | None = None
    took: float | None = None
    for record in records:
        if isinstance(record, evidence.Struck):
            struck = record.at
        elif isinstance(record, evidence.Waited) and record.what == "converge" and record.came and struck is not None:
            took = record.at - struck
            struck = None
    return took


def _undeclared(case: Case, info: ClientInfo) -> str | None:
    if info.dialects and case.dialect not in info.dialects:
        return f"the adapter declares {', '.join(info.dialects)}, not {case.dialect}"
    for channel in case.scenario.subscribe.channels:
        if channel not in info.channels:
            return f"the adapter does not declare the channel {channel!r}"
    return None


def _depth(depth: int | str | None, depths: tuple[int, ...]) -> int | None:
    match depth:
        case "least":
            return min(depths) if depths else None
        case "most":
            return max(depths) if depths else None
        case int() | None:
            return depth
        case _:
            raise HarnessError(f"unknown depth {depth!r}")


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The one exception inside nested groups, or the most telling of several."""
    leaves: list[BaseException] = []

    def walk(node: BaseException) -> None:
        if isinstance(node, BaseExceptionGroup):
            for child in node.exceptions:
                walk(child)
        else:
            leaves.append(node)

    walk(group)
    for leaf in leaves:
        if not isinstance(leaf, Exception):
            return leaf
    client = [leaf for leaf in leaves if isinstance(leaf, ClientHung | ClientCrashed | AdapterError)]
    if len(client) == len(leaves):
        return client[0]
    return None


def _result(
    case: Case,
    info: ClientInfo,
    verdict: Verdict,
    checks: tuple[Check, ...],
    *,
    message: str = "",
    seconds: float = 0.0,
    stderr: tuple[str, ...] = (),
) -> CaseResult:
    return CaseResult(
        id=case.id,
        dialect=case.dialect,
        scenario=case.scenario.id,
        title=case.scenario.title,
        seed=case.seed,
        verdict=verdict,
        checks=checks,
        message=message,
        seconds=seconds,
        client=f"{info.name} {info.version}".strip(),
        slow=case.scenario.slow,
        stderr=stderr,
    )
