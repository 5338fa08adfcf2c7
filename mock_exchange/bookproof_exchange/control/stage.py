"""Scenarios on a served market, one at a time, for whoever is connected."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import trio

from bookproof_exchange.control.hand import Conflict
from bookproof_exchange.control.recording import Did
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.script.player import (
    Pause,
    Perform,
    Play,
    ReadNow,
    Shows,
    Until,
    Wait,
    play_step,
    probe_follows,
)
from bookproof_exchange.timing import Timing

if TYPE_CHECKING:
    from bookproof_exchange.control.served import Served

#: A script waits for its first client as long as it takes; nobody is hurried.
TIMING = Timing(sync=86_400.0)


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


class Stage:
    """Plays scripts. A script that looks at a client's book has none to look at here: it goes on when the client listens and
    has read everything."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.script: Script | None = None
        """The one that was started last."""
        self.ended: Callable[[Script], None] = lambda script: None
        """Told when a script is over, stopped or given up."""

    @property
    def running(self) -> bool:
        """Whether one plays."""
        return self.script is not None and self.script.state == "running"

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
        self._served.exchange.scenario = scenario
        self._served.note(f"start {scenario.id}")
        self._served.retime()
        waits = self._steps(script)
        try:
            wait = next(waits)
            while isinstance(wait, Perform):
                self._served.perform(wait.actions)
                wait = waits.send(True)
        except StopIteration as end:
            self._end(script, "over" if end.value else "given-up")
        except UsageError as error:
            self._give_up(script, error)
        else:
            self._served.spawn(functools.partial(self._play, script, waits, wait))
        return script

    def lacking(self, scenario: model.Scenario) -> str | None:
        """Why a scenario cannot be played here; None: it can."""
        reason = applicable(scenario, self._served.dialect)
        if reason is not None:
            return f"{self._served.dialect.name} cannot express it: {reason}"
        wanted, there = scenario.market.symbols, len(self._served.exchange.symbols)
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
        return script

    def _end(self, script: Script, state: Literal["over", "stopped", "given-up"]) -> None:
        script.state = state
        exchange = self._served.exchange
        exchange.hold_on_strike = False
        if state != "over":  # nothing of it is left behind
            for injected in self._served.faults.values():
                if injected.script is script:
                    self._served.withdraw(injected)
            self._served.lifted()
            self._served.perform([*exchange.finish(), *exchange.lift()])
        self._served.note(f"{state} {script.scenario.id}")
        self._served.retime()
        self.ended(script)

    def _give_up(self, script: Script, error: UsageError) -> None:
        script.why = error.message
        self._end(script, "given-up")

    def _steps(self, script: Script) -> Play:
        steps = script.scenario.script
        for place, step in enumerate(steps, 1):
            script.place = place
            number = 0
            if isinstance(step, model.Inject | model.Oddity):
                number = self._served.register(step, script).number
            elif isinstance(step, model.Lift):
                self._served.lifted()
            self._served.recorder.add(Did(step))
            went = yield from play_step(
                self._served.exchange, TIMING, step, place=place, fault=number, watched=probe_follows(steps[place:])
            )
            if not went:
                script.why = f"step {place} ({step.__struct_config__.tag}): the client did not come so far in time"
                return False
        yield Perform(tuple(self._served.exchange.finish()))
        return True

    async def _play(self, script: Script, waits: Play, wait: Wait) -> None:
        with script.scope:
            try:
                while True:
                    wait = waits.send(await self._await(script, wait))
            except StopIteration as end:
                self._end(script, "over" if end.value else "given-up")
            except UsageError as error:
                self._give_up(script, error)

    async def _await(self, script: Script, wait: Wait) -> bool:
        match wait:
            case Perform(actions=actions):
                self._served.perform(actions)
                await trio.lowlevel.checkpoint()
                return True
            case Until(what="subscription", limit=limit):
                return await self._served.until(functools.partial(self._listening, script.scenario), limit)
            case Until(ready=ready, limit=limit):
                return await self._served.until(ready, limit)
            case ReadNow():
                return True
            case Shows(symbol=symbol, limit=limit):
                return await self._reads(script.scenario, symbol, limit)
            case Pause(seconds=seconds):
                await trio.sleep(seconds)
                return True

    def _listening(self, scenario: model.Scenario) -> bool:
        return all(
            self._served.exchange.subscribed(symbol, channel)
            for symbol in self._served.exchange.symbols[: scenario.market.symbols]
            for channel in scenario.subscribe.channels
        )

    async def _reads(self, scenario: model.Scenario, symbol: str, limit: float) -> bool:
        """Whether somebody who listens to the symbol proves, by a pong, to have read everything."""
        if symbol not in self._served.exchange.symbols[: scenario.market.symbols]:
            return True
        exchange = self._served.exchange
        deadline = trio.current_time() + limit

        def listeners() -> list[int]:
            return [
                connection.number
                for connection in exchange.open_connections()
                if not connection.muted and any(feed in connection.ready for feed in connection.books(symbol))
            ]

        if not await self._served.until(lambda: bool(listeners()), limit):
            return False
        asked = set(listeners())
        for connection in exchange.open_connections():
            if connection.number in asked:
                self._served.perform(exchange.ping(connection))
        proved = await self._served.until(
            lambda: not (asked & exchange.outstanding()) - exchange.deaf, deadline - trio.current_time()
        )
        if not proved and limit >= 1:
            exchange.deaf |= asked & exchange.outstanding()  # it answers no pings: it is not waited for again
        return proved
