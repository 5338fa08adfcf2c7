"""What each operation of the control API does."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import trio

from bookproof_exchange.control import asking, model, page, recording, saving, views
from bookproof_exchange.control.entries import KINDS, concerns, entry, size
from bookproof_exchange.control.hand import Conflict, Injected
from bookproof_exchange.control.kinds import kinds
from bookproof_exchange.control.openapi import text as openapi_text
from bookproof_exchange.control.problems import Refusal, bad, of_scenario
from bookproof_exchange.control.routes import MOST_ANSWER, MOST_ENTRIES, MOST_PAYLOAD, MOST_UPDATES, MOST_WAIT, PAYLOAD
from bookproof_exchange.control.served import Served
from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest
from bookproof_exchange.errors import did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.scenario import model as scenario_model
from bookproof_exchange.scenario.load import catalogue, loads
from bookproof_exchange.scenario.problems import ScenarioError

#: Entries are looked through in portions, so that a filter that fits nothing does not stop the rest.
_PORTION = 2_000
#: Numbers in a fault that stand for updates to be made at once.
_UPDATES = ("away", "by", "count", "later", "messages")

Patiently = Callable[[Callable[[], bool], float], Awaitable[bool]]
"""Waits until it is so, for so many seconds; whether it is. Refusal where too many wait."""


class Call(msgspec.Struct, frozen=True):
    """A request that found its route."""

    request: HttpRequest
    parts: Mapping[str, str]
    """What the path's placeholders stand for."""

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query


class Operations:
    """The operations on one served exchange, by the names of the routes."""

    def __init__(self, served: Served, patiently: Patiently) -> None:
        self.served = served
        self._patiently = patiently
        self._catalogue: tuple[scenario_model.Scenario, ...] | None = None
        self.by_name: Mapping[str, Callable[[Call], Awaitable[Any]]] = {
            "page": self._page,
            "openapi": self._openapi,
            "state": self._state,
            "book": self._book,
            "connections": self._connections,
            "wire": self._wire,
            "kinds": self._kinds,
            "faults": self._faults,
            "inject": self._inject,
            "fault": self._fault,
            "disarm": self._disarm,
            "clear": self._clear,
            "send": self._send,
            "skip": self._skip,
            "quiet": self._quiet,
            "rate": self._rate,
            "lift": self._lift,
            "hold": self._hold,
            "release": self._release,
            "await": self._await,
            "scenarios": self._scenarios,
            "scenario": self._scenario,
            "start": self._start,
            "stop": self._stop,
            "recording": self._recording,
            "forget": self._forget,
        }

    # --- looking --------------------------------------------------------------------------------------------------

    async def _page(self, call: Call) -> HttpAnswer:
        return page.answer()

    async def _openapi(self, call: Call) -> HttpAnswer:
        return HttpAnswer(status=200, body=openapi_text().encode())

    async def _state(self, call: Call) -> model.Overview:
        return views.overview(self.served)

    def _done(self) -> model.Done:
        return views.done(self.served)

    def _symbol(self, call: Call) -> str:
        symbols = self.served.exchange.symbols
        return symbols[asking.symbol_of(call.query.get("symbol", 1), symbols) - 1]

    async def _book(self, call: Call) -> model.Book:
        symbol = self._symbol(call)
        depth = asking.integer(call.query, "depth", None, 1, 100_000)
        newest = self.served.exchange.view.index(symbol)
        version = asking.integer(call.query, "version", None, 0, newest)
        if "sequence" in call.query:
            numbers = [views.sequence(self.served, symbol, each) for each in (0, newest)]
            if numbers[0] is None or numbers[1] is None:
                raise bad("sequence", "no sequence", "one", hint=f"{self.served.dialect.name} has none: ask by version")
            if version is not None:
                raise bad("sequence", "version or sequence", "both")
            wanted = asking.integer(call.query, "sequence", None, numbers[0], numbers[1]) or numbers[0]
            # the newest version that the number covers: where it was recorded, there is not one a version
            view = self.served.exchange.view
            version = bisect_right(range(newest + 1), wanted, key=lambda each: view.sequence(symbol, each)) - 1
        return views.book(self.served, symbol, newest if version is None else version, depth)

    async def _connections(self, call: Call) -> model.Links:
        return views.links(self.served)

    async def _wire(self, call: Call) -> model.Wire:
        since = asking.integer(call.query, "since", 0, 0, 10**12) or 0
        limit = asking.integer(call.query, "limit", 200, 1, MOST_ENTRIES) or 1
        payload = asking.integer(call.query, "payload", PAYLOAD, 0, MOST_PAYLOAD) or 0
        connection = asking.integer(call.query, "connection", None, 1, 10**9)
        wait = asking.seconds(call.query, "wait", MOST_WAIT)
        wanted = frozenset(call.query["kind"].split(",")) if "kind" in call.query else frozenset()
        for kind in sorted(wanted - set(KINDS)):
            raise bad("kind", f"kinds out of {', '.join(KINDS)}", repr(kind), hint=did_you_mean(kind, KINDS))
        log = self.served.log
        since = min(since, log.last)
        lost = max(0, log.first - since - 1)
        entries: list[model.AnyEntry] = []
        reached, room = since, MOST_ANSWER

        def look() -> bool:
            nonlocal reached, room
            while len(entries) < limit and room > 0:
                some = log.after(reached, _PORTION)
                for record in some:
                    reached = record.position
                    if concerns(record, connection, wanted) and (made := entry(record, payload)) is not None:
                        entries.append(made)
                        room -= size(made)
                    if len(entries) >= limit or room <= 0:
                        break
                if len(some) < _PORTION:
                    break
            return bool(entries)

        if not look():
            await self._patiently(look, wait)
        return model.Wire(entries=tuple(entries), next=reached, last=log.last, lost=lost)

    # --- faults ---------------------------------------------------------------------------------------------------

    async def _kinds(self, call: Call) -> model.Kinds:
        return kinds(self.served.dialect)

    async def _faults(self, call: Call) -> model.InjectedList:
        limit = asking.integer(call.query, "limit", 100, 1, 1000) or 1
        newest = list(self.served.faults.values())[: -limit - 1 : -1]
        return model.InjectedList(faults=tuple(map(views.fault, newest)))

    async def _inject(self, call: Call) -> model.Injected:
        given = asking.body(call.request.body)
        if not isinstance(given, dict | str):
            raise bad("", "the kind of a fault, or an object with its kind", asking.words(given))
        step = asking.step("fault", given, self.served.exchange.symbols)
        assert isinstance(step, scenario_model.Inject)
        for name in _UPDATES:
            number = getattr(step.fault, name, 0)
            asking.number(number, name, 0, MOST_UPDATES)
        if isinstance(step.fault, specs.Custom):
            asking.custom(step.fault)
        self._known_symbol(step.fault)
        return views.fault(self.served.inject(step.fault))

    def _known_symbol(self, part: object) -> None:
        asking.symbol_of(getattr(part, "symbol", 1), self.served.exchange.symbols)

    def _numbered(self, call: Call) -> Injected:
        number = asking.integer(call.parts, "number", None, 1, 10**9)
        found = self.served.faults.get(number or 0)
        if found is None:
            count = len(self.served.faults)
            raise Refusal(404, f"there is no fault {number}", hint=f"{count} were injected; GET /v1/faults lists them")
        return found

    async def _fault(self, call: Call) -> model.Injected:
        injected = self._numbered(call)
        wait = asking.seconds(call.query, "wait", MOST_WAIT)
        await self._patiently(lambda: injected.state != "waiting", wait)
        return views.fault(injected)

    async def _disarm(self, call: Call) -> model.Injected:
        injected = self._numbered(call)
        self.served.disarm(injected)
        return views.fault(injected)

    async def _clear(self, call: Call) -> model.Done:
        self.served.clear()
        return self._done()

    # --- the market -----------------------------------------------------------------------------------------------

    async def _send(self, call: Call) -> model.Done:
        given = asking.body(call.request.body)
        if not isinstance(given, dict):
            raise bad("", "an object with count, shape, symbol and mode", asking.words(given))
        step = asking.step("send", given, self.served.exchange.symbols)
        assert isinstance(step, scenario_model.Send)
        asking.number(step.count, "count", 1, MOST_UPDATES)
        await self.served.send(step)
        return self._done()

    async def _skip(self, call: Call) -> model.Done:
        given = asking.struct(call.request.body, model.Skip)
        asking.number(given.count, "count", 1, MOST_UPDATES)
        self.served.skip(given.count)
        return self._done()

    async def _quiet(self, call: Call) -> model.Done:
        given = asking.struct(call.request.body, model.Quiet)
        asking.number(given.seconds, "seconds", 0, 3600)
        self.served.quiet(given.seconds)
        return self._done()

    async def _rate(self, call: Call) -> model.Done:
        given = asking.struct(call.request.body, model.Rate)
        asking.number(given.rate, "rate", 0, MOST_UPDATES)
        self.served.set_rate(given.rate)
        return self._done()

    async def _lift(self, call: Call) -> model.Done:
        asking.struct(call.request.body, model.Nothing)
        self.served.lift()
        return self._done()

    async def _hold(self, call: Call) -> model.Done:
        asking.struct(call.request.body, model.Nothing)
        self.served.hold()
        return self._done()

    async def _release(self, call: Call) -> model.Done:
        asking.struct(call.request.body, model.Nothing)
        self.served.release()
        return self._done()

    async def _await(self, call: Call) -> model.Happened:
        given = asking.struct(call.request.body, model.Await)
        asking.number(given.limit, "limit", 0, MOST_WAIT)
        step = scenario_model.Await(what=given.what, limit=max(1.0, given.limit))
        if given.since is not None:
            asking.number(given.since, "since", 0, 10**12)
        ready = self.served.happens(step, given.since)
        came = await self._patiently(ready, given.limit)
        return model.Happened(came=came, position=self.served.exchange.position)

    # --- scenarios ------------------------------------------------------------------------------------------------

    async def _known_scenarios(self) -> tuple[scenario_model.Scenario, ...]:
        if self._catalogue is None:
            found = await trio.to_thread.run_sync(lambda: catalogue(folder("scenarios")))
            self._catalogue = tuple(loaded.scenario for loaded in found)
        return self._catalogue

    async def _scenarios(self, call: Call) -> model.Scenarios:
        return model.Scenarios(
            scenarios=tuple(
                model.ScenarioInfo(
                    id=scenario.id,
                    title=scenario.title,
                    purpose=scenario.purpose,
                    lacking=self.served.stage.lacking(scenario),
                )
                for scenario in await self._known_scenarios()
            )
        )

    async def _scenario(self, call: Call) -> model.Running:
        wait = asking.seconds(call.query, "wait", MOST_WAIT)
        script = self.served.stage.script
        if script is None:
            raise Refusal(404, "no scenario was started yet", hint="POST /v1/scenario starts one")
        await self._patiently(lambda: script.state != "running", wait)
        return views.running(script)

    async def _start(self, call: Call) -> model.Running:
        given = asking.struct(call.request.body, model.Start)
        if (given.id is None) == (given.text is None):
            found = "neither" if given.id is None else "both"
            raise bad("", "either `id` or `text`", found, status=422)
        if given.text is not None:
            try:
                scenario = loads(given.text, "text")
            except ScenarioError as error:
                raise of_scenario(error.problems, "") from None
        else:
            everything = {scenario.id: scenario for scenario in await self._known_scenarios()}
            if given.id not in everything:
                hint = did_you_mean(str(given.id), everything)
                raise bad("id", "the id of a scenario of the catalogue", repr(given.id), hint=hint, status=422)
            scenario = everything[given.id]
        if given.replace and self.served.stage.running:
            self.served.stage.stop()
        return views.running(self.served.stage.start(scenario))

    async def _stop(self, call: Call) -> model.Running:
        return views.running(self.served.stage.stop())

    # --- the recording --------------------------------------------------------------------------------------------

    async def _recording(self, call: Call) -> HttpAnswer:
        named = recording.Named(
            id=call.query.get("id", "own/recorded"),
            title=call.query.get("title", "Recorded by hand"),
            purpose=call.query.get("purpose", "The client must keep its book right through what was done by hand."),
        )
        if re.fullmatch(recording.ID, named.id) is None:
            raise bad("id", "lower-case words joined by - and /, such as own/lost-update", repr(named.id))
        for name, text in (("title", named.title), ("purpose", named.purpose)):
            if not text.strip():
                raise bad(name, "a few words", repr(text))
        recorder = self.served.recorder
        if not recorder.count:
            raise Conflict("nothing was done yet", hint="inject a fault or send something, then save it")
        deeds, cut, setting = tuple(recorder.deeds), recorder.cut, self.served.setting()
        rules = recording.rules_for(deeds, await self._known_scenarios(), setting.dialect)
        text = await trio.to_thread.run_sync(functools.partial(saving.file, deeds, setting, named, rules, cut=cut))
        name = named.id.rpartition("/")[2]
        headers = (
            ("content-type", "application/yaml"),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", f'attachment; filename="{name}.scenario.yaml"'),
            ("cache-control", "no-store"),
        )
        return HttpAnswer(status=200, body=text.encode(), headers=headers)

    async def _forget(self, call: Call) -> model.Done:
        self.served.forget()
        return self._done()
