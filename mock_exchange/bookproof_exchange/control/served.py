"""A served exchange: a market that moves by itself, whatever a hand does in between, and scripts on demand.

One event loop, no threads: what two hands do happens in some order, each thing whole, and is on record in that order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import trio

from bookproof_exchange import evidence
from bookproof_exchange.control.hand import Conflict, Injected, needed_now, waits_for
from bookproof_exchange.control.log import Log
from bookproof_exchange.control.model import End
from bookproof_exchange.control.recording import Did, Joined, Moved, Recorder, Released, Setting, Skipped, words
from bookproof_exchange.dialects.api import Dialect, Kind, Subscribed
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.offered import lacking
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.script.actions import Action, HangUp
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.script.player import (
    Pause,
    Perform,
    Play,
    ReadNow,
    Shows,
    Until,
    Wait,
    happened_since,
    play_step,
    probe_follows,
)
from bookproof_exchange.server.listener import Address, Server
from bookproof_exchange.server.tls import TlsFiles
from bookproof_exchange.timing import Timing

#: A script waits for its first client as long as it takes; nobody is hurried.
TIMING = Timing(sync=86_400.0)
#: Seconds for clients and controllers to take note of the end.
FAREWELL = 0.5
#: So many updates are sent between two looks at what else there is to do.
_SLICE = 250
#: So many faults can be injected into one served exchange: each stays on its books.
MOST_FAULTS = 10_000


class Script:
    """A scenario that is, or was, played on the served market."""

    def __init__(self, scenario: model.Scenario) -> None:
        self.scenario = scenario
        self.state: Literal["running", "over", "stopped", "given-up"] = "running"
        self.place = 0
        """The step that it is at, from 1."""
        self.why: str | None = None
        """Why it was given up."""
        self.scope = trio.CancelScope()


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
        self.script: Script | None = None
        """The last script that was started."""
        self.ended: Callable[[Script], None] = lambda script: None
        """Told when a script is over, stopped or given up."""
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
                self._do(self.exchange.beat(connection))

    async def _pings(self, interval: float) -> None:
        while True:
            await trio.sleep(interval)
            for connection in self.exchange.open_connections():
                if not connection.muted:
                    self._do(self.exchange.ping(connection))

    async def _move(self) -> None:
        """The market, by itself: not while a script plays, nor while it is to be quiet."""
        while True:
            wait = max(self.quiet_for, 1 / self.rate if self.rate and not self.running else math.inf)
            self._tempo = trio.Event()
            with trio.move_on_after(wait) as slept:
                await self._tempo.wait()
            if slept.cancelled_caught and not self.running and self.rate and not self.quiet_for:
                self._do(self.exchange.advance(1))
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

    @property
    def running(self) -> bool:
        """Whether a script plays."""
        return self.script is not None and self.script.state == "running"

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
        self._note(step)
        self.recorder.add(Did(step))
        symbol = self.exchange.symbols[step.symbol - 1]
        left = step.count
        self._no_room.clear()
        while left:
            some = min(left, _SLICE)
            self._do(self.exchange.advance(some, symbol=symbol, shape=step.shape, mode=step.mode))
            left -= some
            if self._no_room:
                reason = self._no_room[0].message
                raise Conflict(f"{reason}; {step.count - left} ordinary updates were sent", hint="send another shape")
            await trio.lowlevel.checkpoint()

    def skip(self, count: int) -> None:
        """Every book moves by ``count`` updates that nobody is told of."""
        self._note_text(f"skip {count}")
        self.recorder.add(Skipped(count))
        self._do(self.exchange.skip(count))

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
        self._note(step)
        injected = self._register(step)
        self.recorder.add(Did(step))
        self._do(self.exchange.arm(injected.number, fault, legal=injected.legal))
        return injected

    def disarm(self, injected: Injected) -> None:
        """A fault that waits strikes no more."""
        if not injected.disarmed:
            self._note_text(f"disarm {injected.number}")
            self._disarm(injected)

    def _disarm(self, injected: Injected) -> None:
        if not injected.disarmed:
            injected.disarmed = True
            self._do(self.exchange.disarm(injected.number))

    def clear(self) -> None:
        """Everything is as if nothing had been injected: what waits is disarmed, what stands is lifted, what is held goes."""
        self._note_text("clear")
        for injected in self.faults.values():
            self._disarm(injected)
        self.lift()
        self.release()

    def lift(self) -> None:
        """End every stall and outage."""
        self._note(model.Lift())
        self.recorder.add(Did(model.Lift()))
        self._standing = False
        self._do(self.exchange.lift())

    def hold(self) -> None:
        """Keep back handshakes, acknowledgements and snapshots."""
        self._note(model.Hold())
        self.recorder.add(Did(model.Hold()))
        self.exchange.hold()
        self.tell()

    def release(self) -> None:
        """Let go what was held back."""
        self._note_text("release")
        self.recorder.add(Released())
        self._do(self.exchange.release())

    def quiet(self, seconds: float) -> None:
        """The market does not move by itself for so long, from now on."""
        step = model.Quiet(seconds=seconds)
        self._note(step)
        if seconds:
            self.recorder.add(Did(step))
        self._quiet_until = trio.current_time() + seconds
        self._tempo.set()
        self.tell()

    def set_rate(self, rate: float) -> None:
        """So many updates a second by itself, from now on; 0: none."""
        self._note_text(f"rate {rate:g}")
        self.rate = rate
        self._tempo.set()
        self.tell()

    def happens(self, step: model.Await, since: int | None) -> Callable[[], bool]:
        """A question: whether the client has done that since a position; None: since the last fault struck or, without one,
        since the exchange began."""
        if since is None:
            since = max((injected.last or 0 for injected in self.faults.values()), default=0)
        happened = happened_since(self.exchange, step.what, since)
        self._note(step)
        self.recorder.add(Did(step))
        return happened

    def forget(self) -> None:
        """Begin the recording anew."""
        self.recorder.clear(joined=any(map(self.exchange.subscribed, self.exchange.symbols)))

    # --- scripts --------------------------------------------------------------------------------------------------

    def start(self, scenario: model.Scenario) -> Script:
        """Play a scenario's script on the present market, for whoever is connected. What it says before it first waits is
        done when this returns. Conflict while another one plays."""
        if self.script is not None and self.running:
            raise Conflict(
                f"the scenario {self.script.scenario.id!r} is being played, at step {self.script.place} of "
                f"{len(self.script.scenario.script)}",
                hint="stop it first (DELETE /v1/scenario), or say `replace: true`",
            )
        reason = self.lacking(scenario)
        if reason is not None:
            raise UsageError(f"the scenario {scenario.id!r} cannot be played here: {reason}")
        script = self.script = Script(scenario)
        self.exchange.scenario = scenario
        self._note_text(f"start {scenario.id}")
        self._tempo.set()
        waits = self._steps(script)
        wait: Wait | None
        try:
            wait = next(waits)
            while isinstance(wait, Perform):
                self._do(wait.actions)
                wait = waits.send(True)
        except StopIteration as end:
            self._end(script, "over" if end.value else "given-up")
            return script
        assert self._nursery is not None
        self._nursery.start_soon(self._play, script, waits, wait)
        return script

    def lacking(self, scenario: model.Scenario) -> str | None:
        """Why a scenario cannot be played here; None: it can."""
        reason = applicable(scenario, self.dialect)
        if reason is not None:
            return f"{self.dialect.name} cannot express it: {reason}"
        wanted, there = scenario.market.symbols, len(self.exchange.symbols)
        if wanted > there:
            return f"it wants {wanted} symbols, and {there} are served (bookproof serve --symbols {wanted})"
        return None

    def stop(self) -> Script:
        """End the script that plays: what it holds back goes, what stands is lifted, its faults that wait are disarmed.
        Conflict where none does."""
        script = self.script
        if script is None or not self.running:
            raise Conflict("no scenario is being played", hint="POST /v1/scenario starts one")
        self._end(script, "stopped")
        script.scope.cancel()
        for injected in self.faults.values():
            if injected.script is script:
                self._disarm(injected)
        self._standing = False
        self._do([*self.exchange.finish(), *self.exchange.lift()])
        return script

    def _end(self, script: Script, state: Literal["over", "stopped", "given-up"]) -> None:
        script.state = state
        self.exchange.hold_on_strike = False
        self._note_text(f"{state} {script.scenario.id}")
        self._tempo.set()
        self.tell()
        self.ended(script)

    def _steps(self, script: Script) -> Play:
        steps = script.scenario.script
        for place, step in enumerate(steps, 1):
            script.place = place
            number = 0
            if isinstance(step, model.Inject | model.Oddity):
                number = self._register(step, script).number
            self.recorder.add(Did(step))
            went = yield from play_step(
                self.exchange, TIMING, step, place=place, fault=number, watched=probe_follows(steps[place:])
            )
            if not went:
                script.why = f"step {place} ({step.__struct_config__.tag}): the client did not come so far in time"
                return False
        yield Perform(tuple(self.exchange.finish()))
        return True

    async def _play(self, script: Script, waits: Play, wait: Wait) -> None:
        with script.scope:
            try:
                while True:
                    wait = waits.send(await self._await(script, wait))
            except StopIteration as end:
                self._end(script, "over" if end.value else "given-up")

    async def _await(self, script: Script, wait: Wait) -> bool:
        """A script that looks at a client's book has none to look at here: it is enough that the client listens and has read
        all that was sent."""
        match wait:
            case Perform(actions=actions):
                self._do(actions)
                await trio.lowlevel.checkpoint()
                return True
            case Until(what="subscription", limit=limit):
                return await self.until(functools.partial(self._listening, script.scenario), limit)
            case Until(ready=ready, limit=limit):
                return await self.until(ready, limit)
            case ReadNow():
                return True
            case Shows(symbol=symbol, limit=limit):
                return await self._reads(script.scenario, symbol, limit)
            case Pause(seconds=seconds):
                await trio.sleep(seconds)
                return True

    def _listening(self, scenario: model.Scenario) -> bool:
        return all(
            self.exchange.subscribed(symbol, channel)
            for symbol in self.exchange.symbols[: scenario.market.symbols]
            for channel in scenario.subscribe.channels
        )

    async def _reads(self, scenario: model.Scenario, symbol: str, limit: float) -> bool:
        """Whether somebody who listens to the symbol proves, by a pong, to have read everything."""
        if symbol not in self.exchange.symbols[: scenario.market.symbols]:
            return True
        exchange = self.exchange
        deadline = trio.current_time() + limit

        def listeners() -> list[int]:
            return [
                connection.number
                for connection in exchange.open_connections()
                if not connection.muted and any(feed in connection.ready for feed in connection.books(symbol))
            ]

        if not await self.until(lambda: bool(listeners()), limit):
            return False
        asked = set(listeners())
        for connection in exchange.open_connections():
            if connection.number in asked:
                self._do(exchange.ping(connection))
        proved = await self.until(
            lambda: not (asked & exchange.outstanding()) - exchange.deaf, deadline - trio.current_time()
        )
        if not proved and limit >= 1:
            exchange.deaf |= asked & exchange.outstanding()  # it answers no pings: it is not waited for again
        return proved

    # --- underneath -----------------------------------------------------------------------------------------------

    def _do(self, actions: Sequence[Action]) -> None:
        self.server.perform(actions)
        self.tell()

    def _note(self, step: model.Step) -> None:
        self._note_text(words(step))

    def _note_text(self, text: str) -> None:
        """What a hand does is on record beside what comes of it. It has no place in a script: 0."""
        self.exchange.record(lambda position, at: evidence.Step(position=position, at=at, place=0, step=text))
        self.tell()

    def _register(self, step: model.Inject | model.Oddity, script: Script | None = None) -> Injected:
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
            case evidence.Sent(message=message) if message.kind is Kind.SNAPSHOT and message.feed is not None:
                self._whole(message.feed.symbol)
            case evidence.Rest(answer=answer) if answer is not None and answer.snapshot is not None:
                self._whole(answer.snapshot.symbol)
            case _:
                pass

    def _whole(self, symbol: str) -> None:
        """A client builds its book anew: the levels that faults kept still may move again. (A script sees to that itself.)"""
        waiting = any(
            injected.state == "waiting"
            and isinstance(injected.fault, specs.OnUpdates)
            and self.exchange.symbols[injected.fault.symbol - 1] == symbol
            for injected in self.faults.values()
        )
        if not self.running and not waiting:
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
