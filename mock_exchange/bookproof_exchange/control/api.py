"""The control API: an HTTP host in front of a served exchange."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
import trio

from bookproof_exchange.control import asking, guard, views
from bookproof_exchange.control.hand import Conflict
from bookproof_exchange.control.operations import Call, Operations
from bookproof_exchange.control.problems import Refusal
from bookproof_exchange.control.routes import ROUTES, Route
from bookproof_exchange.control.served import Served, serve
from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.script.actions import Action, Answer, Refuse
from bookproof_exchange.server.listener import Address, Server

#: So many requests wait at once; then a controller is told to come again.
MOST_WAITING = 100


class Control:
    """Answers the requests to one served exchange. Implements `script.actions.Host` for a `Server` of its own.

    Every operation is carried out whole before the next one: two controllers do not meet in the middle of anything. A
    request that waits holds up nobody."""

    def __init__(self, served: Served, *, bind: str = "127.0.0.1", port: int = 0) -> None:
        self.served = served
        self.server = Server(self, bind=bind, port=port)
        self.server.malformed = lambda status, reason: Refusal(status, reason, hint="speak HTTP/1.1").answer()
        self.address: Address | None = None
        self._nursery: trio.Nursery | None = None
        self._open: set[int] = set()
        self._waiting = 0
        self._operations = Operations(served, self._patiently)

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
        where = "" if self.served.address is None else f": {views.endpoints(self.served)['ws']}"
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
        made = await self._operations.by_name[route.name](Call(request, parts))
        if isinstance(made, HttpAnswer):
            return made
        headers = (
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        )
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
