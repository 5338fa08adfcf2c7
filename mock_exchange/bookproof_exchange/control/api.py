"""The control API: an HTTP host in front of a served exchange."""

from __future__ import annotations

import functools
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import trio

from bookproof_exchange.control import asking, guard, model, page, recording
from bookproof_exchange.control.entries import KINDS, concerns, entry
from bookproof_exchange.control.hand import Conflict, Injected
from bookproof_exchange.control.kinds import kinds
from bookproof_exchange.control.openapi import text as openapi_text
from bookproof_exchange.control.problems import Refusal, bad, of_scenario
from bookproof_exchange.control.routes import (
    MOST_ENTRIES,
    MOST_PAYLOAD,
    MOST_UPDATES,
    MOST_WAIT,
    PAYLOAD,
    ROUTES,
    Route,
)
from bookproof_exchange.control.served import Script, Served, serve
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text
from bookproof_exchange.scenario import model as scenario_model
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import catalogue, loads
from bookproof_exchange.scenario.problems import Problem, ScenarioError
from bookproof_exchange.scenario.shorthand import short_fault
from bookproof_exchange.scenario.write import write
from bookproof_exchange.script.actions import Action, Answer, Refuse
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.server.listener import Address, Server

#: So many requests wait at once; then a controller is told to come again.
MOST_WAITING = 100
#: So many connections that are gone are listed.
_GONE = 50
#: Entries are looked through in portions, so that a filter that fits nothing does not stop the rest.
_PORTION = 2_000
#: Numbers in a fault that stand for updates to be made at once.
_UPDATES = ("away", "by", "count", "later", "messages")


class Call(msgspec.Struct, frozen=True):
    """A request that found its route."""

    request: HttpRequest
    parts: Mapping[str, str]
    """What the path's placeholders stand for."""

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query


class Control:
    """Answers the requests to one served exchange. Implements `script.actions.Host` for a `Server` of its own.

    Every operation is carried out whole before the next one, in the order in which requests are read: two controllers do
    not meet in the middle of anything. A request that waits holds up nobody."""

    def __init__(self, served: Served, *, bind: str = "127.0.0.1", port: int = 0) -> None:
        self.served = served
        self.server = Server(self, bind=bind, port=port)
        self.server.malformed = lambda status, reason: Refusal(status, reason, hint="speak HTTP/1.1").answer()
        self.address: Address | None = None
        self._nursery: trio.Nursery | None = None
        self._open: set[int] = set()
        self._waiting = 0
        self._catalogue: tuple[scenario_model.Scenario, ...] | None = None
        self._handlers: Mapping[str, Callable[[Call], Awaitable[Any]]] = {
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

    async def run(self, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled; then whoever waits is told (503). Reports the address. UsageError where it cannot listen,
        or not on loopback."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.address = await nursery.start(serve, self.server, self._farewell)
            task_status.started(self.address)

    async def _farewell(self) -> None:
        end = Refusal(503, "the exchange ends", hint="start it again").answer()
        self.server.perform([Answer(number, end) for number in self._open])
        self._open.clear()
        await trio.sleep(0.05)  # time to write it

    # --- the host -------------------------------------------------------------------------------------------------

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        where = "" if self.served.address is None else f": {self._endpoints()['ws']}"
        refusal = Refusal(404, "no WebSocket is served here", hint=f"the exchange has a port of its own{where}")
        return [Refuse(connection, refusal.answer())]

    def opened(self, connection: int) -> Sequence[Action]:
        return []

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        return []

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        return []

    def pinged(self, connection: int) -> Sequence[Action]:
        return []

    def closed(
        self, connection: int, by: Literal["client", "exchange"], code: int | None, how: str
    ) -> Sequence[Action]:
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        assert self._nursery is not None
        self._open.add(number)
        self._nursery.start_soon(self._respond, number, request)
        return []

    async def _respond(self, number: int, request: HttpRequest) -> None:
        try:
            answer = await self._answer(request)
        except Refusal as refusal:
            answer = refusal.answer()
        except Conflict as error:
            answer = Refusal(409, error.message, hint=error.hint).answer()
        except UsageError as error:
            answer = Refusal(422, error.message, hint=error.hint).answer()
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = Refusal(500, "Bookproof itself failed", hint="please report what it printed").answer()
        if number in self._open:
            self._open.discard(number)
            self.server.perform([Answer(number, answer)])

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        assert self.address is not None
        guard.check(request, self.address.port)
        route, parts = _route(request)
        asking.known(request.query, [query.name for query in route.query])
        made = await self._handlers[route.name](Call(request, parts))
        if isinstance(made, HttpAnswer):
            return made
        headers = (("content-type", "application/json"), ("cache-control", "no-store"))
        return HttpAnswer(status=route.status, body=msgspec.json.encode(made), headers=headers)

    async def _patiently(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is so."""
        if not seconds or ready():
            return ready()
        if self._waiting >= MOST_WAITING:
            raise Refusal(
                503,
                f"{MOST_WAITING} requests wait already",
                hint="let go of connections that nobody reads",
                headers=(("retry-after", "1"),),
            )
        self._waiting += 1
        try:
            return await self.served.until(ready, seconds)
        finally:
            self._waiting -= 1

    # --- looking --------------------------------------------------------------------------------------------------

    async def _page(self, call: Call) -> HttpAnswer:
        return page.answer()

    async def _openapi(self, call: Call) -> HttpAnswer:
        return HttpAnswer(status=200, body=openapi_text().encode())

    def _endpoints(self) -> Mapping[str, str]:
        address = self.served.address
        assert address is not None
        return self.served.dialect.endpoints(address.ws, address.http)

    async def _state(self, call: Call) -> model.Overview:
        served = self.served
        return model.Overview(
            dialect=served.dialect.name,
            title=served.dialect.title,
            endpoints=self._endpoints(),
            tls_ca=None if served.tls is None else str(served.tls.ca),
            symbols=served.exchange.symbols,
            versions=self._versions(),
            seed=served.seed,
            profile=served.market.profile,
            rate=served.rate,
            quiet_for=round(served.quiet_for, 3),
            position=served.exchange.position,
            connections=len(served.exchange.open_connections()),
            holding=served.exchange.holding,
            standing=served.standing,
            scenario=None if served.script is None else _running(served.script),
            recorded=served.recorder.count,
            recorded_faults=len(served.faults),
        )

    def _versions(self) -> Mapping[str, int]:
        view = self.served.exchange.view
        return {symbol: view.index(symbol) for symbol in self.served.exchange.symbols}

    def _done(self) -> model.Done:
        return model.Done(position=self.served.exchange.position, versions=self._versions())

    def _symbol(self, call: Call) -> str:
        symbols = self.served.exchange.symbols
        return symbols[asking.symbol_of(call.query.get("symbol", 1), symbols) - 1]

    async def _book(self, call: Call) -> model.Book:
        view = self.served.exchange.view
        symbol = self._symbol(call)
        depth = asking.integer(call.query, "depth", None, 1, 100_000)
        newest = view.index(symbol)
        version = asking.integer(call.query, "version", None, 0, newest)
        base = view.sequence_base(symbol) if self.served.dialect.traits.sequence else None
        if "sequence" in call.query:
            if base is None:
                raise bad("sequence", "no sequence", "one", hint=f"{self.served.dialect.name} has none: ask by version")
            if version is not None:
                raise bad("sequence", "version or sequence", "both")
            version = asking.integer(call.query, "sequence", None, base, base + newest) or base
            version -= base
        at = newest if version is None else version
        instrument = view.instruments[symbol]

        def rows(side: Side) -> tuple[tuple[str, str], ...]:
            return tuple(
                (to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals))
                for price, size in view.truth(symbol).levels(at, side, depth)
            )

        return model.Book(
            symbol=symbol,
            version=at,
            newest=newest,
            sequence=None if base is None else base + at,
            time_us=view.time_us(symbol, at),
            bids=rows(Side.BID),
            asks=rows(Side.ASK),
        )

    async def _connections(self, call: Call) -> model.Links:
        everyone = list(self.served.exchange.connections.values())
        gone = [connection for connection in everyone if not connection.open and not connection.waiting][-_GONE:]
        shown = {connection.number for connection in gone}
        ends = self.served.ends
        return model.Links(
            connections=tuple(
                _link(connection, ends.get(connection.number))
                for connection in everyone
                if connection.open or connection.waiting or connection.number in shown
            )
        )

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
        reached = since

        def look() -> bool:
            nonlocal reached
            while len(entries) < limit:
                some = log.after(reached, _PORTION)
                for record in some:
                    reached = record.position
                    if concerns(record, connection, wanted):
                        made = entry(record, payload)
                        if made is not None:
                            entries.append(made)
                    if len(entries) >= limit:
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
        return model.InjectedList(faults=tuple(map(_injected, newest)))

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
        return _injected(self.served.inject(step.fault))

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
        return _injected(injected)

    async def _disarm(self, call: Call) -> model.Injected:
        injected = self._numbered(call)
        self.served.disarm(injected)
        return _injected(injected)

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
                    lacking=self.served.lacking(scenario),
                )
                for scenario in await self._known_scenarios()
            )
        )

    async def _scenario(self, call: Call) -> model.Running:
        wait = asking.seconds(call.query, "wait", MOST_WAIT)
        script = self.served.script
        if script is None:
            raise Refusal(404, "no scenario was started yet", hint="POST /v1/scenario starts one")
        await self._patiently(lambda: script.state != "running", wait)
        return _running(script)

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
        if given.replace and self.served.running:
            self.served.stop()
        return _running(self.served.start(scenario))

    async def _stop(self, call: Call) -> model.Running:
        return _running(self.served.stop())

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
        text = await trio.to_thread.run_sync(functools.partial(_file, deeds, setting, named, rules, cut))
        name = named.id.rpartition("/")[2]
        headers = (
            ("content-type", "application/yaml"),
            ("content-disposition", f'attachment; filename="{name}.scenario.yaml"'),
            ("cache-control", "no-store"),
        )
        return HttpAnswer(status=200, body=text.encode(), headers=headers)

    async def _forget(self, call: Call) -> model.Done:
        self.served.forget()
        return self._done()


def _route(request: HttpRequest) -> tuple[Route, Mapping[str, str]]:
    method = "GET" if request.method == "HEAD" else request.method
    others: list[str] = []
    for route in ROUTES:
        parts = route.match(request.path)
        if parts is None:
            continue
        if route.method == method:
            return route, parts
        others += [route.method] if route.method != "GET" else ["GET", "HEAD"]
    if others:
        allowed = ", ".join(others)
        raise Refusal(
            405,
            f"{request.path}: expected {allowed}, found {request.method}",
            hint="GET /openapi.json describes every operation",
            headers=(("allow", allowed),),
        )
    hint = did_you_mean(request.path, {route.path for route in ROUTES})
    if hint is None or not hint.startswith("did"):
        hint = "GET /openapi.json describes every operation"
    raise Refusal(404, f"there is no {request.path!r} here", hint=hint)


def _file(
    deeds: Sequence[recording.Deed],
    setting: recording.Setting,
    named: recording.Named,
    rules: tuple[str, ...],
    cut: bool,
) -> str:
    """The first form to which nobody objects; the one with the fewest objections where there is none."""
    best: tuple[tuple[int, int], scenario_model.Scenario, list[Problem]] | None = None
    tried: set[scenario_model.Scenario] = set()
    for draft in recording.drafts(deeds, setting, named, rules):
        if draft in tried:
            continue
        tried.add(draft)
        try:
            problems = check(draft, list(DIALECTS))
        except UsageError as error:  # the market of another moment has no room for a shape
            problems = [Problem(code="unfair", message=error.message)]
        errors = sum(problem.weight == "error" for problem in problems)
        rank = (errors, len(problems))
        if best is None or rank < best[0]:
            best = (rank, draft, problems)
        if not errors:
            break
    assert best is not None
    return recording.comments(best[2], cut=cut) + write(best[1])


def _running(script: Script) -> model.Running:
    steps = script.scenario.script
    doing = steps[max(script.place, 1) - 1]
    return model.Running(
        id=script.scenario.id,
        title=script.scenario.title,
        state=script.state,
        step=script.place,
        steps=len(steps),
        doing=recording.words(doing),
        why=script.why,
    )


def _injected(injected: Injected) -> model.Injected:
    script = injected.script
    return model.Injected(
        number=injected.number,
        kind=specs.kind_of(injected.fault),
        fault=short_fault(injected.fault),
        legal=injected.legal,
        state=injected.state,
        strikes=injected.strikes,
        waits_for=injected.waits_for,
        position=injected.position,
        struck_at=injected.first,
        note=injected.note,
        scenario=script.scenario.id if isinstance(script, Script) else None,
    )


def _link(connection: Connection, end: model.End | None) -> model.Link:
    path = connection.request.path
    if connection.request.query:
        path += "?" + "&".join(f"{key}={value}" for key, value in connection.request.query.items())
    return model.Link(
        connection=connection.number,
        state="open" if connection.open else "waiting" if connection.waiting else "closed",
        path=path,
        subscriptions=tuple(
            model.Subscription(
                symbol=feed.symbol,
                channel=feed.channel,
                depth=feed.depth,
                name=feed.name,
                ready=feed in connection.ready,
            )
            for feed in (connection.feeds if connection.open else ())
        ),
        muted=connection.muted,
        end=end,
    )
