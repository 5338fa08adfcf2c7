"""A served exchange with its control API in a thread of its own, and a client of it that holds every request and every answer
against the OpenAPI description."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jsonschema
import trio
from websockets.sync.client import ClientConnection, connect

from bookproof_exchange.control.api import Control
from bookproof_exchange.control.openapi import text
from bookproof_exchange.control.served import Served
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.model import Market, Scenario

DOCUMENT = json.loads(text())
NAMES = ("binance-spot", "kraken-v2", "mexc-v3")


def scenario_of(text: str) -> str:
    """A scenario file around a script."""
    return (
        "id: own/test\ntitle: A test\npurpose: For a test.\nrules: [gap-restart, checksum-verify, reconnect-rebuild]\n"
        f"script:\n{text}"
    )


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Api:
    """Asks, and checks that what was asked and what came is what the description says."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The answer's content; it has to be a success."""
        got = self.ask("GET", path, query=query)
        assert got.status < 300, got
        return got.json

    def post(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """The answer's content; it has to be a success."""
        got = self.ask(method, path, body={} if body is None else body)
        assert got.status < 300, got
        return got.json

    def delete(self, path: str) -> Any:
        got = self.ask("DELETE", path)
        assert got.status < 300, got
        return got.json

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The problem; it has to be refused."""
        got = self.ask(method, path, body=body, query=query)
        assert 400 <= got.status < 500, got
        assert got.json["status"] == got.status
        assert got.json["detail"]
        return got.json

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Got:
        raw = None if body is None else json.dumps(body).encode()
        got = self.raw(method, path + (f"?{urlencode(query)}" if query else ""), raw, headers)
        self._check(method, path, body, query or {}, got)
        return got

    def raw(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> Got:
        given = {"content-type": "application/json"} if body is not None else {}
        self._http.request(method, target, body=body, headers={**given, **(headers or {})})
        answer = self._http.getresponse()
        content = answer.read()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def _check(self, method: str, path: str, body: Any, query: Mapping[str, Any], got: Got) -> None:
        operation = operation_of(method, path)
        if operation is None:
            assert got.status in (404, 405, 421, 403), got
            return
        if got.status < 300:
            known = {each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"}
            for name, value in query.items():
                valid(known[name], str(value) if known[name]["type"] == "string" else value)
            if "requestBody" in operation:
                valid(operation["requestBody"]["content"]["application/json"]["schema"], body)
        responses = operation["responses"]
        response = responses.get(str(got.status)) or responses[f"{got.status // 100}XX"]
        media = got.headers["content-type"].partition(";")[0]
        assert media in response["content"], (got, list(response["content"]))
        if media.endswith("json") and method != "HEAD":
            valid(response["content"][media]["schema"], got.json)


def operation_of(method: str, path: str) -> Any:
    """What the description says of an operation; None where there is no such one."""
    for template, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operations.get("get" if method == "HEAD" else method.lower())
    return None


def valid(schema: Mapping[str, Any], value: Any) -> None:
    """ValidationError where the value is not as the schema says."""
    _validator(json.dumps(schema, sort_keys=True)).validate(value)


def is_valid(schema: Mapping[str, Any], value: Any) -> bool:
    return bool(_validator(json.dumps(schema, sort_keys=True)).is_valid(value))


_VALIDATORS: dict[str, Any] = {}


def _validator(text: str) -> Any:
    if text not in _VALIDATORS:
        whole = {**json.loads(text), "components": DOCUMENT["components"]}
        _VALIDATORS[text] = jsonschema.Draft202012Validator(whole)
    return _VALIDATORS[text]


class Stand:
    """A served exchange, for the length of a test."""

    def __init__(
        self, served: Served, control: Control, token: trio.lowlevel.TrioToken, scope: trio.CancelScope
    ) -> None:
        assert served.address is not None
        assert control.address is not None
        self.served = served
        self.control = control
        self.endpoints = served.dialect.endpoints(served.address.ws, served.address.http)
        self.symbols = served.exchange.symbols
        self.port = control.address.port
        self.api = Api(control.address.port)
        self._token = token
        self._scope = scope

    def end(self) -> None:
        """As Ctrl-C does it."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)

    def inside(self, function: Callable[[], Any]) -> Any:
        """Call it in the exchange's own thread."""
        return trio.from_thread.run_sync(function, trio_token=self._token)

    def inside_async(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """The same of an async one."""
        return trio.from_thread.run(function, trio_token=self._token)

    @contextlib.contextmanager
    def client(self, *, subscribe: bool = True, symbols: int | None = None) -> Iterator[Client]:
        """A WebSocket client, subscribed to the books as the dialect's ideal client does it."""
        ideal = self.served.dialect.ideal
        wanted = self.symbols[:symbols]
        url = self.endpoints["ws"].rstrip("/") + ideal.connect_path(wanted, ["book"], None)
        with connect(url, max_size=None, max_queue=None, close_timeout=1) as socket:
            client = Client(socket)
            if subscribe:
                for frame in ideal.subscribe(wanted, ["book"], None):
                    socket.send(frame.payload if frame.binary else frame.payload.decode())
                self.wait(lambda: all(map(self.served.exchange.subscribed, wanted)))
            yield client

    def wait_a_moment(self, ready: Callable[[], bool]) -> None:
        """Until it is so, where nothing that happens on the exchange tells of it."""
        end = time.monotonic() + 10
        while not self.inside(ready):
            assert time.monotonic() < end
            time.sleep(0.005)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until it is so, asked in the exchange's own thread."""
        assert trio.from_thread.run(self.served.until, ready, 10.0, trio_token=self._token)


class Client:
    """A WebSocket client that notes what comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def receive(self) -> str | bytes:
        return self.socket.recv(timeout=10)

    def drain(self) -> None:
        """Read until the connection ends, which raises."""
        while True:
            self.receive()


@contextlib.contextmanager
def stand(name: str = "kraken-v2", *, symbols: int = 1, rate: float = 0, seed: int = 1) -> Iterator[Stand]:
    """``rate`` 0: the market stands still but for what is asked."""
    up = threading.Event()
    made: list[Stand] = []
    failed: list[BaseException] = []

    async def main() -> None:
        scenario = Scenario(
            id="serve", title="serve", purpose="serve", rules=(), market=Market(symbols=symbols), script=()
        )
        with trio.CancelScope() as scope:
            served = Served(DIALECTS.get(name), scenario, seed, rate=rate)
            control = Control(served)
            async with trio.open_nursery() as nursery:
                await nursery.start(served.run)
                await nursery.start(control.run)
                made.append(Stand(served, control, trio.lowlevel.current_trio_token(), scope))
                up.set()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="served exchange")
    thread.start()
    up.wait(20)
    try:
        if made:
            yield made[0]
    finally:
        for each in made:
            each.api.close()
            each.end()
        thread.join(20)
        if failed:
            raise failed[0]
