"""A served exchange: a market that moves by itself, whatever a hand does in between, and scripts on demand.

One event loop, no threads: what two hands do happens in some order, each thing whole, and is on record in that order.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import trio

from bookproof_exchange import evidence
from bookproof_exchange.control.hand import Conflict, Injected, needed_now, waits_for
from bookproof_exchange.control.log import Log
from bookproof_exchange.control.model import End
from bookproof_exchange.control.recording import Did, Joined, Moved, Recorder, Released, Setting, Skipped, words
from bookproof_exchange.control.stage import Script, Stage
from bookproof_exchange.dialects.api import Dialect, Kind, Subscribed
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.offered import lacking
from bookproof_exchange.scenario import model
from bookproof_exchange.script.actions import Action, HangUp
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.script.player import (
    happened_since,
)
from bookproof_exchange.server.listener import Address, Server
from bookproof_exchange.server.tls import TlsFiles

#: Seconds for clients and controllers to take note of the end.
FAREWELL = 0.5
#: So many updates are sent between two looks at what else there is to do.
_SLICE = 250
#: So many faults can be injected into one served exchange: each stays on its books.
MOST_FAULTS = 10_000
#: So many connections that are gone are remembered, or up to twice as many.
MOST_GONE = 500


class Served:
    """One exchange on a port of loopback, until cancelled. To be made inside a trio run.

    What cannot be done raises UsageError: `Conflict` where it could be at another time."""

    def __init__(
        self,
        dialect: Dialect,
        scenario: model.Scenario,
        seed: int,
        *,
        rate: float = 5.0,
        port: int = 0,
        tls: TlsFiles | None = None,
    ) -> None:
        """``scenario``: its market and its subscription; `start` plays it. ``rate``: updates a second by itself."""
        began = trio.current_time()
        self.dialect = dialect
        self.seed = seed
        self.tls = tls
        self.market = scenario.market
        self._no_room: list[UsageError] = []
        """Why the newest action could not have the updates that it asked for."""
        self.exchange = Exchange(
            dialect,
            scenario,
            seed,
            clock=lambda: trio.current_time() - began,
            most_asked=None,
            no_room=self._no_room.append,
        )
        self.server = Server(self.exchange, port=port, tls=tls, compression=dialect.traits.compression)
        self.server.changed = self.tell
        self.address: Address | None = None
        self.log = Log(self.exchange.evidence)
        self.log.seen = self._seen
        self.recorder = Recorder()
        self.faults: dict[int, Injected] = {}
        """Every fault injected, by hand or by script, by number."""
        self.stage = Stage(self)
        self.ends: dict[int, End] = {}
        """How connections ended, by number."""
        self.rate = rate
        self._quiet_until = 0.0
        self._number = 0
        self._standing = False
        self._changed = trio.Event()
        self._tempo = trio.Event()
        self._nursery: trio.Nursery | None = None

    # --- its life -------------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; then the clients are told (close code 1001). Reports the address."""
        traits = self.dialect.traits
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.address = await nursery.start(serve, self.server, self._farewell)
            if traits.heartbeat_s is not None:
                nursery.start_soon(self._heartbeats, traits.heartbeat_s)
            if traits.ping_s is not None:
                nursery.start_soon(self._pings, traits.ping_s)
            nursery.start_soon(self._move)
            task_status.started(self.address)

    async def _farewell(self) -> None:
        leaving = self.exchange.open_connections()
        self.server.perform([HangUp(connection.number, "close", 1001, "the exchange ends") for connection in leaving])
        await self.until(lambda: not any(connection.open for connection in leaving))

    async def _heartbeats(self, interval: float) -> None:
        while True:
            await trio.sleep(interval)
            for connection in self.exchange.open_connections():
                self.perform(self.exchange.beat(connection))

    async def _pings(self, interval: float) -> None:
        while True:
            await trio.sleep(interval)
            for connection in self.exchange.open_connections():
                if not connection.muted:
                    self.perform(self.exchange.ping(connection))

    async def _move(self) -> None:
        """The market, by itself: not while a script plays, nor while it is to be quiet."""
        while True:
            wait = max(self.quiet_for, 1 / self.rate if self.rate and not self.stage.running else math.inf)
            self._tempo = trio.Event()
            with trio.move_on_after(wait) as slept:
                await self._tempo.wait()
            if slept.cancelled_caught and not self.stage.running and self.rate and not self.quiet_for:
                self.perform(self.exchange.advance(1))
                self.recorder.add(Moved(1))

    # --- what there is --------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Something may have changed."""
        self.log.take_in()
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    async def until(self, ready: Callable[[], bool], limit: float = math.inf) -> bool:
        """Wait until it is so, ``limit`` seconds at most; whether it is."""
        with trio.move_on_after(limit):
            while not ready():
                await self._changed.wait()
        return ready()

    def spawn(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run beside everything else, as long as the exchange is served."""
        assert self._nursery is not None
        self._nursery.start_soon(task)

    def retime(self) -> None:
        """What the market does by itself may have changed."""
        self._tempo.set()
        self.tell()

    @property
    def quiet_for(self) -> float:
        """Seconds for which the market is still to be quiet."""
        return max(0.0, self._quiet_until - trio.current_time())

    @property
    def standing(self) -> bool:
        """Whether a stall or an outage may stand: `lift` ends it."""
        return self._standing

    def setting(self) -> Setting:
        """Where what is recorded was done: as the newest subscription had it."""
        feeds = [feed for connection in self.exchange.connections.values() for feed in connection.feeds]
        books = [feed for feed in feeds if feed.channel == "book"]
        return Setting(
            dialect=self.dialect,
            market=self.market,
            seed=self.seed,
            channels=tuple({feed.channel: None for feed in feeds if feed.channel != "book"} | {"book": None}),
            depth=books[-1].depth if books else None,
        )

    # --- what a hand does -----------------------------------------------------------------------------------------

    async def send(self, step: model.Send) -> None:
        """Send updates now. Conflict where the present book cannot have the shape asked for: ordinary ones were sent."""
        self._note_step(step)
        self.recorder.add(Did(step))
        symbol = self.exchange.symbols[step.symbol - 1]
        left = step.count
        self._no_room.clear()
        while left:
            some = min(left, _SLICE)
            self.perform(self.exchange.advance(some, symbol=symbol, shape=step.shape, mode=step.mode))
            left -= some
            if self._no_room:
                reason = self._no_room[0].message
                raise Conflict(f"{reason}; {step.count - left} ordinary updates were sent", hint="send another shape")
            await trio.lowlevel.checkpoint()

    def skip(self, count: int) -> None:
        """Every book moves by ``count`` updates that nobody is told of."""
        self.note(f"skip {count}")
        self.recorder.add(Skipped(count))
        self.perform(self.exchange.skip(count))

    def inject(self, fault: specs.Fault) -> Injected:
        """Arm a fault, or let it strike, now. What a venue may do is an oddity. Conflict where there is nothing for it to
        strike; UsageError where the dialect cannot express it."""
        reason = lacking(fault, self.dialect)
        if reason is not None:
            raise UsageError(
                f"{self.dialect.name} cannot express {specs.kind_of(fault)!r}: {reason}",
                hint="GET /v1/kinds says which faults it can",
            )
        missing = needed_now(fault, self.exchange)
        if missing is not None:
            raise Conflict(
                f"{specs.kind_of(fault)!r} strikes at once, and {missing}", hint="let a client subscribe first"
            )
        step = model.Oddity(fault=fault) if is_legal(fault) else model.Inject(fault=fault)
        self._note_step(step)
        injected = self.register(step)
        self.recorder.add(Did(step))
        self.perform(self.exchange.arm(injected.number, fault, legal=injected.legal))
        return injected

    def disarm(self, injected: Injected) -> None:
        """A fault that waits strikes no more."""
        if not injected.disarmed:
            self.note(f"disarm {injected.number}")
            self.withdraw(injected)

    def withdraw(self, injected: Injected) -> None:
        """It strikes no more; nothing is noted of that."""
        if not injected.disarmed:
            injected.disarmed = True
            self.perform(self.exchange.disarm(injected.number))

    def clear(self) -> None:
        """Everything is as if nothing had been injected: what waits is disarmed, what stands is lifted, what is held goes."""
        self.note("clear")
        for injected in self.faults.values():
            self.withdraw(injected)
        self.lift()
        self.release()

    def lift(self) -> None:
        """End every stall and outage."""
        self._note_step(model.Lift())
        self.recorder.add(Did(model.Lift()))
        self.lifted()
        self.perform(self.exchange.lift())

    def lifted(self) -> None:
        """A script has lifted, or will: nothing stands any more."""
        self._standing = False

    def hold(self) -> None:
        """Keep back handshakes, acknowledgements and snapshots."""
        self._note_step(model.Hold())
        self.recorder.add(Did(model.Hold()))
        self.exchange.hold()
        self.tell()

    def release(self) -> None:
        """Let go what was held back."""
        self.note("release")
        self.recorder.add(Released())
        self.perform(self.exchange.release())

    def quiet(self, seconds: float) -> None:
        """The market does not move by itself for so long, from now on."""
        step = model.Quiet(seconds=seconds)
        self._note_step(step)
        if seconds:
            self.recorder.add(Did(step))
        self._quiet_until = trio.current_time() + seconds
        self.retime()

    def set_rate(self, rate: float) -> None:
        """So many updates a second by itself, from now on; 0: none."""
        self.note(f"rate {rate:g}")
        self.rate = rate
        self.retime()

    def happens(self, step: model.Await, since: int | None) -> Callable[[], bool]:
        """A question: whether the client has done that since a position; None: since the last fault struck or, without one,
        since the exchange began."""
        if since is None:
            since = max((injected.last or 0 for injected in self.faults.values()), default=0)
        happened = happened_since(self.exchange, step.what, since)
        self._note_step(step)
        self.recorder.add(Did(step))
        return happened

    def forget(self) -> None:
        """Begin the recording anew."""
        self.recorder.clear(joined=any(map(self.exchange.subscribed, self.exchange.symbols)))

    # --- underneath -----------------------------------------------------------------------------------------------

    def perform(self, actions: Sequence[Action]) -> None:
        """Carry out what the exchange wants, now."""
        self.server.perform(actions)
        self.tell()

    def _note_step(self, step: model.Step) -> None:
        self.note(words(step))

    def note(self, text: str) -> None:
        """What a hand does is on record beside what comes of it. It has no place in a script: 0."""
        self.exchange.record(lambda position, at: evidence.Step(position=position, at=at, place=0, step=text))
        self.tell()

    def register(self, step: model.Inject | model.Oddity, script: Script | None = None) -> Injected:
        """Give a fault its number. Conflict where there were too many."""
        if len(self.faults) >= MOST_FAULTS:
            raise Conflict(f"{MOST_FAULTS} faults were injected already", hint="end this exchange and serve another")
        self._number += 1
        injected = Injected(
            number=self._number,
            fault=step.fault,
            legal=isinstance(step, model.Oddity),
            waits_for=waits_for(step.fault, self.exchange),
            position=self.exchange.position,
            script=script,
        )
        self.faults[self._number] = injected
        if isinstance(step.fault, specs.Stall) or (
            isinstance(step.fault, specs.Close) and step.fault.refuse == "until-lift"
        ):
            self._standing = True
        return injected

    def _seen(self, record: evidence.Evidence) -> None:
        match record:
            case evidence.Struck(fault=number, position=position, note=note):
                if number in self.faults:
                    self.faults[number].struck(position, note)
            case evidence.Opened(intents=intents) | evidence.Received(intents=intents):
                if any(isinstance(intent, Subscribed) and intent.feed.channel == "book" for intent in intents):
                    self.recorder.add(Joined())
            case evidence.Closed(connection=connection, by=by, code=code, how=how):
                self.ends[connection] = End(by=by, code=code, how=how)
                self._forget_connections()
            case evidence.Sent(message=message) if message.kind is Kind.SNAPSHOT and message.feed is not None:
                self._whole(message.feed.symbol)
            case evidence.Rest(answer=answer) if answer is not None and answer.snapshot is not None:
                self._whole(answer.snapshot.symbol)
            case _:
                pass

    def _forget_connections(self) -> None:
        """An exchange that runs for days sees many come and go: the oldest that are gone are let go of."""
        connections = self.exchange.connections
        if len(connections) > 2 * MOST_GONE:
            gone = [number for number, each in connections.items() if not each.open and not each.waiting]
            for number in gone[:-MOST_GONE]:
                del connections[number]
                self.ends.pop(number, None)

    def _whole(self, symbol: str) -> None:
        """A client builds its book anew: the levels that faults kept still may move again. (A script sees to that itself.)"""
        waiting = any(
            injected.state == "waiting"
            and isinstance(injected.fault, specs.OnUpdates)
            and self.exchange.symbols[injected.fault.symbol - 1] == symbol
            for injected in self.faults.values()
        )
        if not self.stage.running and not waiting:
            self.exchange.whole(symbol)


async def serve(
    server: Server,
    farewell: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a server until cancelled; then ``farewell``, while it still serves, and the end."""
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope(shield=True)

        async def carry(*, task_status: trio.TaskStatus[Address]) -> None:
            with scope:
                await server.run(task_status=task_status)

        address = await nursery.start(carry)
        task_status.started(address)
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(FAREWELL, shield=True):
                await farewell()
            scope.cancel()
