"""The proxy: it leads to the case's exchange or nowhere, whatever is asked, and opens no connection ever."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookproof.drivers.api import Start
from bookproof.intercept.environment import NODE_PORT, NODE_PRELOAD, Trust, environment
from bookproof.intercept.interception import Interception, Passage
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.script.exchange import Exchange

SCENARIO = Scenario(id="proxy", title="", purpose="", rules=(), market=Market(symbols=1), script=())

# --- every connection that this process opens, as the interpreter itself reports it ---------------------------------------

_OUTWARDS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
_recording: list[tuple[str, Any]] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _recording is not None and event in _OUTWARDS:
        _recording.append((event, arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]))


sys.addaudithook(_audit)


@contextmanager
def outwards() -> Iterator[list[tuple[str, Any]]]:
    """What goes out of this process meanwhile."""
    global _recording
    found: list[tuple[str, Any]] = []
    _recording = found
    try:
        yield found
    finally:
        _recording = None


class World(NamedTuple):
    port: int
    passage: Passage
    interception: Interception
    start: Start


@asynccontextmanager
async def world(folder: Path, dialect_name: str = "kraken-v2") -> AsyncIterator[World]:
    """A proxy, and a case of the dialect that it leads to."""
    dialect = DIALECTS.get(dialect_name)
    interception = Interception([dialect], folder)
    exchange = Exchange(dialect, SCENARIO, 1)
    async with trio.open_nursery() as nursery:
        _, ws, http, _ = await interception.open(exchange, nursery)
        start = Start(case="c", dialect=dialect_name, ws_url=ws, rest_url=http, endpoints={}, symbols=exchange.symbols)
        passage = interception.passage()
        proxy = interception.proxy(passage)
        nursery.start_soon(proxy.run)
        served = interception.served(start)
        assert served is not None
        passage.begin(start, served)
        yield World(proxy.port, passage, interception, start)
        nursery.cancel_scope.cancel()


async def ask(port: int, data: bytes, *, end: bool = False) -> bytes:
    """All that the proxy answers, until it ends."""
    sock = trio.socket.socket()  # not a stream opener: that would look names up
    await sock.connect(("127.0.0.1", port))
    stream = trio.SocketStream(sock)
    async with stream:
        await stream.send_all(data)
        if end:
            await stream.send_eof()
        found = bytearray()
        with trio.fail_after(10):
            while piece := await stream.receive_some():
                found += piece
        return bytes(found)


def in_world(folder: Path, what: Callable[[World], Awaitable[None]], dialect: str = "kraken-v2") -> None:
    async def main() -> None:
        async with world(folder, dialect) as now:
            await what(now)

    trio.run(main)


REFUSED = [
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    b"CONNECT ws.kraken.com:80 HTTP/1.1\r\nHost: ws.kraken.com:80\r\n\r\n",
    b"CONNECT ws.kraken.com:22 HTTP/1.1\r\nHost: ws.kraken.com\r\n\r\n",
    b"CONNECT ws-auth.kraken.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT ws.kraken.com.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT 104.16.211.191:443 HTTP/1.1\r\nHost: ws.kraken.com\r\n\r\n",
    b"CONNECT [::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT ws.kraken.com:99999 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT ws.kraken.com HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://api.kraken.com/0/public/Time HTTP/1.1\r\nHost: api.kraken.com\r\n\r\n",
    b"GET https://api.kraken.com/0/public/Time HTTP/1.1\r\nHost: api.kraken.com\r\n\r\n",
    b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a ClientHello without CONNECT\r\n\r\n",
    b"\x05\x01\x00 SOCKS\r\n\r\n",
    b"GET " + b"/" * 40_000 + b" HTTP/1.1\r\n\r\n",
]


def test_nothing_is_ever_forwarded(tmp_path: Path) -> None:
    """Every address and every form is refused with a reason, and not one connection leaves the process."""

    async def main(now: World) -> None:
        with outwards() as out:
            for number, data in enumerate(REFUSED):
                answer = await ask(now.port, data)
                assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), data[:60]
                assert b"\r\n\r\nbookproof: " in answer
                assert len(now.passage.said) == number + 1
            await inside(now)
        assert out
        assert set(out) == {("socket.connect", ("127.0.0.1", now.port))}  # the asker's own

    async def inside(now: World) -> None:
        """Within a tunnel, too, whatever host is named."""
        for target in ("https://example.com/", "/0/public/Time"):
            line = f"GET {target} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
            answer = await in_tunnel(now, "api.kraken.com", 443, line.encode())
            assert answer.startswith(b"HTTP/1.1 "), target

    in_world(tmp_path, main)


async def in_tunnel(now: World, host: str, port: int, data: bytes) -> bytes:
    """Through the proxy, by TLS with the host's name checked, to the end of the answer."""
    sock = trio.socket.socket()
    await sock.connect(("127.0.0.1", now.port))
    plain = trio.SocketStream(sock)
    await plain.send_all(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += await plain.receive_some(1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    ca = now.interception.real(now.start).tls_ca
    context = ssl.create_default_context(cafile=ca)
    tls = trio.SSLStream(plain, context, server_hostname=host, https_compatible=True)
    await tls.send_all(data)
    found = bytearray()
    with trio.fail_after(10):
        while piece := await tls.receive_some():
            found += piece
    await trio.aclose_forcefully(tls)
    return bytes(found)


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_every_address_of_the_venue_is_answered(tmp_path: Path, dialect: str) -> None:
    async def main(now: World) -> None:
        paths = {"kraken-v2": "/0/public/Time", "binance-spot": "/api/v3/time", "mexc-v3": "/api/v3/time"}
        for address in DIALECTS.get(dialect).traits.addresses:
            line = f"GET {paths[dialect]} HTTP/1.1\r\nHost: {address.host}\r\nConnection: close\r\n\r\n"
            answer = await in_tunnel(now, address.host, address.port, line.encode())
            assert answer.startswith(b"HTTP/1.1 200 "), (address, answer[:200])
        assert now.passage.count == len(DIALECTS.get(dialect).traits.addresses)
        assert now.passage.said == []

    in_world(tmp_path, main, dialect)


def test_the_client_is_told_the_venues_own_addresses(tmp_path: Path) -> None:
    async def main(now: World) -> None:
        real = now.interception.real(now.start)
        assert (real.ws_url, real.rest_url) == ("wss://stream.binance.com:9443", "https://api.binance.com")
        assert real.tls_ca == str(tmp_path / "ca.pem")

    in_world(tmp_path, main, "binance-spot")


def test_between_two_cases_nothing_is_answered(tmp_path: Path) -> None:
    async def main(now: World) -> None:
        now.passage.end()
        answer = await ask(now.port, b"CONNECT ws.kraken.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"no case is running" in answer
        assert now.passage.said == []

    in_world(tmp_path, main)


@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"CONNECT ", b"a:1", b" HTTP/1.1", b"\r\n"])), max_size=8
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_it(tmp_path: Path, pieces: list[bytes]) -> None:
    async def main(now: World) -> None:
        with outwards() as out:
            await ask(now.port, b"".join(pieces), end=True)
            assert (await ask(now.port, REFUSED[0])).startswith(b"HTTP/1.1 403 ")
        assert set(out) == {("socket.connect", ("127.0.0.1", now.port))}

    in_world(tmp_path, main)


JAVA = """
import java.net.URI;
import java.net.http.*;
public class Ask {
    public static void main(String[] words) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://api.kraken.com/0/public/Time")).build();
        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


def test_java_trusts_the_key_store(tmp_path: Path) -> None:
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        pytest.skip("no JDK is installed")
    (tmp_path / "Ask.java").write_text(JAVA)

    async def main(now: World) -> None:
        env = {**os.environ, **now.interception.environment(now.port)}
        done = await trio.run_process(
            [java, str(tmp_path / "Ask.java")], env=env, capture_stdout=True, capture_stderr=True
        )
        assert done.stdout == b"200\n", done.stderr

    in_world(tmp_path, main)


def test_the_environment() -> None:
    trust = Trust(pem=Path("/run/ca.pem"), java=Path("/run/ca.jks"), java_password="p")
    present = {"NODE_OPTIONS": "--max-old-space-size=99", "JAVA_TOOL_OPTIONS": "-Xmx9m"}
    found = environment(41, trust, present)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "WSS_PROXY", "WS_PROXY", "ALL_PROXY"):
        assert found[name] == found[name.lower()] == "http://127.0.0.1:41"
    assert found["NO_PROXY"] == found["no_proxy"] == ""
    assert {found[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")} == {"/run/ca.pem"}
    assert found["NODE_OPTIONS"] == f'--max-old-space-size=99 --require "{NODE_PRELOAD}"'
    assert found[NODE_PORT] == "41"
    assert found["JAVA_TOOL_OPTIONS"].startswith("-Xmx9m -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=41 ")
    assert NODE_PRELOAD.is_file()
    assert os.environ.get(NODE_PORT) is None
