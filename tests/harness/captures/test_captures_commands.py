"""``bookproof scenario import`` and ``bookproof record`` as a user has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio
from captures_kit import lived, replay, sent, written_down

from bookproof.captures.proxy import passed, secret, target
from bookproof.cli import main
from bookproof.drivers.api import BookShown, Shown, Start
from bookproof.ideal.client import IdealClient
from bookproof_exchange.capture.recording import Fetched, Opened, Said, read, write
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import HttpRequest
from bookproof_exchange.scenario.load import load

COMMAND = [sys.executable, "-m", "bookproof"]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "lived.jsonl"
    path.write_bytes(b"".join(write(written_down(lived("kraken-v2", 20, symbols=2, depth=10)))))
    return path


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    out = capsys.readouterr()
    return out.out, out.err


def test_import(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "btc.scenario.yaml"
    arguments = ["scenario", "import", str(recording), "--dialect", "kraken-v2", "-o", str(out)]
    assert main([*arguments, "--symbol", "BTC/USD"]) == 0
    text, _ = said(capsys)
    assert "BTC/USD: 20 updates, 20 versions, 10 levels a side; 1 decimals of price, 8 of size" in text
    assert text.splitlines()[-1] == f"wrote {out} and {out.with_name('btc.frames.jsonl')}"
    assert load(out).id == "capture/lived"
    assert main(["scenario", "check", str(out)]) == 0
    assert (
        main(["scenario", "import", str(out.with_name("btc.frames.jsonl")), "-o", str(tmp_path / "2.scenario.yaml")])
        == 0
    )
    assert main(["scenario", "import", str(recording), "-o", str(tmp_path / "3.scenario.yaml")]) == 4
    assert "does not say what the venue speaks (--dialect with one of" in said(capsys)[1]
    assert main([*arguments, "--symbol", "BTC/USD"]) == 4
    assert "is there already (--force writes over it)" in said(capsys)[1]
    assert main([*arguments, "--symbol", "ETH/USD", "--symbol", "BTC/USD", "--force", "--id", "my/own"]) == 0
    assert (load(out).id, load(out).market.symbols) == ("my/own", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "expected one symbol, found 2: BTC/USD, ETH/USD (choose with --symbol BTC/USD (again for each further one))",
        ),
        (["--symbol", "XRP/USD"], "expected updates of 'XRP/USD', found only those of BTC/USD, ETH/USD"),
        (["--symbol", "BTC/USD", "--stretch", "2"], "expected a stretch from 1 to 1 of BTC/USD, found 2"),
        (["--symbol", "BTC/USD", "--format", "tardis"], "lived.jsonl:1: expected a time such as"),
        (["--symbol", "BTC/USD", "--dialect", "binance-spot"], "say --dialect kraken-v2"),
        (["--symbol", "BTC/USD", "-o", "x.yaml"], "expected a file name that ends in .scenario.yaml, found 'x.yaml'"),
    ],
)
def test_import_says_in_a_line_what_is_wrong(
    arguments: list[str], message: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ["scenario", "import", str(recording), "--dialect", "kraken-v2", "-o", str(tmp_path / "x.scenario.yaml")]
    assert main([*first, *arguments]) == 4
    text = said(capsys)[1]
    assert message in text
    assert text.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lived.jsonl"]


# --- recording --------------------------------------------------------------------------------------------------------


class Process:
    """A command that says where it is in its first line, and ends by Ctrl-C."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.told = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.interrupt()

    def interrupt(self) -> tuple[int, str]:
        """Exit status, and what it said at its end."""
        os.kill(self._process.pid, signal.SIGINT)
        _, err = self._process.communicate(timeout=20)
        return self._process.returncode, err


async def follow(dialect: str, where: dict[str, str], updates: int) -> None:
    """An ideal client that has seen so many updates of a live book."""
    shown = 0
    enough = trio.Event()

    def emit(what: Shown) -> None:
        nonlocal shown
        if isinstance(what, BookShown) and what.claim == "live":
            shown += 1
            if shown >= updates:
                enough.set()

    url = urlsplit(where["ws"])
    start = Start(
        case="x",
        dialect=dialect,
        ws_url=where["ws"],
        rest_url=where["rest"],
        endpoints=where,
        symbols=(DIALECTS.get(dialect).instruments[0].symbol,),
        channels=("book",),
        depth=10 if dialect == "kraken-v2" else None,
    )
    client = IdealClient(
        DIALECTS.get(dialect), start, lambda: trio.open_tcp_stream(url.hostname or "", url.port or 0), emit
    )
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            await enough.wait()
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_what_is_recorded_can_be_replayed_to_the_byte(dialect: str, tmp_path: Path) -> None:
    out, made = tmp_path / "rec.jsonl", tmp_path / "rec.scenario.yaml"
    with Process("serve", "--dialect", dialect, "--rate", "200", "--symbols", "1") as served:
        ends = served.told["endpoints"]
        with Process("record", "--upstream", ends["ws"], "--rest", ends["rest"], "-o", str(out)) as recorder:
            trio.run(follow, dialect, recorder.told, 40)
            status, err = recorder.interrupt()
    assert status == 0
    assert err.startswith("recorded ")
    recording = read(out.read_bytes().splitlines(), "rec")
    assert [entry.connection for entry in recording.entries if isinstance(entry, Opened)] == [1]
    fetched = [entry for entry in recording.entries if isinstance(entry, Fetched)]
    assert len(fetched) == (1 if DIALECTS.get(dialect).ideal.snapshot_from == "rest" else 0)
    assert main(["scenario", "import", str(out), "--dialect", dialect, "-o", str(made)]) == 0
    scenario = load(made)
    again = replay(scenario)
    assert again.result.verdict == "pass", again.result.message
    beat = b'{"channel":"heartbeat"}'
    heard = [
        entry.frame.payload
        for entry in recording.entries
        if isinstance(entry, Said) and entry.by == "venue" and entry.frame.payload != beat
    ]
    (replayed,) = sent(again).values()
    assert replayed == heard


def test_an_upstream_with_tls(tmp_path: Path) -> None:
    out = tmp_path / "rec.jsonl"
    with Process("serve", "--dialect", "binance-spot", "--rate", "200", "--symbols", "1", "--tls") as served:
        ends, ca = served.told["endpoints"], served.told["tls_ca"]
        assert ends["ws"].startswith("wss://")
        assert ends["rest"].startswith("https://")
        with Process(
            "record", "--upstream", ends["ws"], "--rest", ends["rest"], "--ca", ca, "-o", str(out)
        ) as recorder:
            trio.run(follow, "binance-spot", recorder.told, 5)
            assert recorder.interrupt()[0] == 0
    entries = read(out.read_bytes().splitlines(), "rec").entries
    assert any(isinstance(entry, Fetched) and entry.answer is not None for entry in entries)
    assert any(isinstance(entry, Said) for entry in entries)


def test_an_upstream_that_is_not_there(tmp_path: Path) -> None:
    out = tmp_path / "rec.jsonl"

    async def knock(where: dict[str, str]) -> None:
        url = urlsplit(where["ws"])
        stream = await trio.open_tcp_stream(url.hostname or "", url.port or 0)
        await stream.send_all(
            b"GET /v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 502 ")
        rest = await trio.open_tcp_stream(url.hostname or "", url.port or 0)
        await rest.send_all(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"no REST endpoint was named (--rest)" in await rest.receive_some()

    with Process("record", "--upstream", "ws://127.0.0.1:9/v2", "-o", str(out)) as recorder:
        assert recorder.told["ws"].endswith("/v2")
        trio.run(knock, recorder.told)
        status, err = recorder.interrupt()
    assert status == 0
    assert "ws://127.0.0.1:9/v2: cannot connect" in err
    assert "no REST endpoint to pass it to; name one with --rest" in err
    assert len(out.read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--upstream", "https://x"], "--upstream: expected a ws or wss URL, found 'https://x' (such as wss://"),
        (["--upstream", "wss://x:port"], "--upstream: expected a URL, found 'wss://x:port'"),
        (["--upstream", "wss://x?a=1"], "without query, fragment and user"),
        (["--upstream", "wss://x", "--rest", "api.x"], "--rest: expected a http or https URL, found 'api.x'"),
        (["--upstream", "wss://x", "--listen", "80"], "--listen: expected HOST:PORT, found '80'"),
        (["--upstream", "wss://x", "--listen", "0.0.0.0:0"], "0.0.0.0 can be reached from other hosts"),
        (["--upstream", "wss://x", "--dialect", "krakn"], "did you mean 'kraken-v2'?"),
        (["--upstream", "wss://x", "-o", "/nowhere/x"], "/nowhere/x: cannot be written: No such file or directory"),
    ],
)
def test_record_says_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "-o", str(tmp_path / "x.jsonl"), *arguments]) == 4
    assert message in said(capsys)[1]


def test_a_recording_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.jsonl"
    out.write_text("precious")
    assert main(["record", "-o", str(out), "--upstream", "wss://x"]) == 4
    assert "is there already (--force writes over it)" in said(capsys)[1]
    assert out.read_text() == "precious"


def test_what_is_private_passes_and_is_not_written_down() -> None:
    assert not secret(HttpRequest(method="GET", path="/api/v3/depth", query={"symbol": "X"}, headers={"accept": "*/*"}))
    assert secret(HttpRequest(method="GET", path="/x", headers={"x-mbx-apikey": "k"}))
    assert secret(HttpRequest(method="GET", path="/x", query={"signature": "s"}))
    assert secret(HttpRequest(method="POST", path="/x", body=b"secret"))


def test_what_is_passed_on() -> None:
    headers = {"host": "127.0.0.1", "sec-websocket-key": "x", "user-agent": "mine", "connection": "Upgrade"}
    assert passed(headers) == (("user-agent", "mine"),)
    request = HttpRequest(method="GET", path="/stream", query={"streams": "btcusdt@depth@100ms/ethusdt@depth"})
    assert target(request) == "/stream?streams=btcusdt@depth@100ms/ethusdt@depth"
