"""Who may speak to the control API, and what becomes of everything else: foreign pages, and what is no HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import trio
from control_kit import DOCUMENT, Api, Stand, stand
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bookproof_exchange.control.api import Control
from bookproof_exchange.control.served import Served
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.model import Scenario


@pytest.fixture(scope="module")
def here() -> Iterator[Stand]:
    with stand() as made:
        yield made


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "[::1]:{}"])
def test_names_of_loopback(here: Stand, host: str) -> None:
    assert here.api.ask("GET", "/v1/state", headers={"host": host.format(here.port)}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{}"]
)
def test_a_rebound_name_is_refused(here: Stand, host: str) -> None:
    got = here.api.ask("GET", "/v1/state", headers={"host": host.format(here.port)})
    assert got.status == 421
    assert got.json["detail"].startswith(
        f"the header Host: expected 127.0.0.1:{here.port} or localhost:{here.port}, found"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://127.0.0.1:{}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_foreign_page_is_refused(here: Stand, headers: dict[str, str]) -> None:
    headers = {name: value.format(here.port) for name, value in headers.items()}
    before = here.api.get("/v1/state")["recorded"]
    for method, path, body in (("GET", "/v1/state", None), ("POST", "/v1/lift", {}), ("DELETE", "/v1/faults", None)):
        got = here.api.ask(method, path, body=body, headers=headers)
        assert got.status == 403
        assert not any(name.startswith("access-control") for name in got.headers)
    assert here.api.get("/v1/state")["recorded"] == before


def test_the_page_may_be_linked_to_and_may_ask(here: Stand) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert here.api.ask("GET", "/", headers=headers).status == 200
    own = {"origin": f"http://127.0.0.1:{here.port}", "sec-fetch-site": "same-origin"}
    assert here.api.ask("POST", "/v1/lift", body={}, headers=own).status == 200


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"]
)
def test_what_a_form_could_send_is_refused(here: Stand, media: str) -> None:
    got = here.api.raw("POST", "/v1/lift", b"{}", {"content-type": media})
    assert (got.status, got.headers["content-type"]) == (415, "application/problem+json")
    assert f"expected application/json, found {media!r}" in got.json["detail"]
    assert here.api.raw("POST", "/v1/lift", b"{}", {"content-type": "Application/JSON; charset=utf-8"}).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET /v1/state HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/state HTTP/1.0\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 140_000 + b"\r\n\r\n", 431),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 405),
        (b"POST /v1/lift HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/lift HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_100_000, 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_told_so(here: Stand, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", here.port), timeout=10) as wire:
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        while part := wire.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == status


def test_a_websocket_is_sent_to_the_right_port(here: Stand) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{here.port}/v1/wire")
    assert refused.value.response.status_code == 404
    assert here.endpoints["ws"] in json.loads(refused.value.response.body or b"{}")["hint"]


# --- bodies out of anything -------------------------------------------------------------------------------------------

POSTS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation and path != "/v1/await"
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "drop",
            "close",
            "edit",
            "wrong-checksum",
            "until-lift",
            "burst",
            "book/gap/single",
            "\ud7ff",
            "\x00",
            "\u2028",
        ]
    )
)
NAMES = st.sampled_from(
    ["kind", "count", "shape", "symbol", "mode", "rate", "seconds", "id", "text", "replace", "edit", "times"]
)
ODD = (b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b'"\\ud800"', b"1e999", b"NaN", b'{"rate":1e999}')
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(POSTS), BODIES)
def test_whatever_comes_is_done_or_refused_in_words(here: Stand, where: tuple[str, str], body: Any) -> None:
    """The kit holds every answer against the description: a body that it does not allow is never taken."""
    got = here.api.ask(*where, body=body)
    assert got.status < 500, got
    if got.status >= 400:
        assert got.json["detail"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(POSTS),
    st.binary(max_size=40) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b'"\\ud800"']),
)
def test_bytes_that_are_no_json(here: Stand, where: tuple[str, str], body: bytes) -> None:
    assert here.api.raw(*where, body).status < 500


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs"]), max_size=12),
    st.sampled_from(["GET", "DELETE", "X"]),
)
def test_paths_out_of_anything(here: Stand, path: str, method: str) -> None:

    target = (
        "/v1/faults/" + quote(path.encode("utf-8", "surrogatepass"))
        if len(path) % 2
        else "/" + quote(path.encode("utf-8", "surrogatepass"))
    )
    got = here.api.raw(method, target, None)
    assert got.status < 500


def test_nobody_else_was_disturbed(here: Stand) -> None:
    """After all of the above."""
    here.api.delete("/v1/faults")
    here.api.post("/v1/quiet", {"seconds": 0})
    with here.client() as client:
        assert "snapshot" in [json.loads(client.receive()).get("type") for _ in range(3)]
        other = Api(here.port)
        assert other.get("/v1/state")["connections"] == 1
        other.close()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_listens_on_loopback_only(address: str) -> None:
    async def main() -> None:
        scenario = Scenario(id="serve", title="x", purpose="x", rules=(), script=())
        control = Control(Served(DIALECTS.get("kraken-v2"), scenario, 1), bind=address)
        with trio.fail_after(5):
            await control.run()

    with pytest.raises(BaseExceptionGroup) as failed:
        trio.run(main)
    (error,) = failed.value.split(UsageError)[0].exceptions  # type: ignore[union-attr]
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert "can be reached from other hosts" in str(error)
