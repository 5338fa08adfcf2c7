"""``bookproof serve --control`` as a user has it: real processes, the tests of docs/control.md, and the way from a hand to a
judged client."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_world import IDEAL, Cli, cli, spawn

__all__ = ["cli"]

DOCS = Path(__file__).parents[3] / "docs" / "control.md"
RUN = re.compile(r"<!-- run: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)
EXAMPLES = {found["name"]: found["text"] for found in RUN.finditer(DOCS.read_text(encoding="utf-8"))}

#: Clients as the examples need them.
MY_CLIENT = '''
import json
import threading

from websockets.sync.client import connect

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Frame
from bookproof_exchange.market import Book, Side
from bookproof_exchange.numbers import to_text


class MyClient:
    """Keeps one book; a wrong checksum makes it subscribe anew."""

    def __init__(self, url, symbol):
        self.url, self.symbol = url, symbol
        self.dialect = DIALECTS.get("kraken-v2")
        self.instruments = {each.symbol: each for each in self.dialect.instruments}
        self.book, self.right = None, threading.Event()

    def __enter__(self):
        self.socket = connect(self.url)
        self.say("subscribe")
        threading.Thread(target=self.follow, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, method):
        self.socket.send(json.dumps({"method": method, "params": {"channel": "book", "symbol": [self.symbol]}}))

    def follow(self):
        for text in self.socket:
            for news in self.dialect.ideal.decode(Frame(text.encode()), self.instruments):
                self.take(news)

    def take(self, news):
        if isinstance(news, BookSnapshot):
            self.book = Book(news.bids, news.asks)
            self.renewed = True
        elif isinstance(news, BookUpdate) and self.book is not None:
            self.book.apply(news.changes)
            self.book.truncate(10)
        else:
            return
        if self.dialect.ideal.verify(self.book, news.checksum, self.instruments[self.symbol]):
            self.right.set()
        else:
            self.book = None
            self.right.clear()
            self.say("unsubscribe")
            self.say("subscribe")

    def wait_for_book(self):
        assert self.right.wait(10)
        instrument = self.instruments[self.symbol]
        return tuple(
            [
                [to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals)]
                for price, size in self.book.levels(side)
            ]
            for side in Side
        )
'''
MY_CLIENT_JS = """
export async function fetchBook(rest, symbol) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const answer = await fetch(`${rest}/api/v3/depth?symbol=${symbol}&limit=100`);
    if (answer.ok) return answer.json();
    await new Promise(done => setTimeout(done, 20));
  }
  throw new Error("no snapshot");
}
"""
RECONNECTS = """
import json, sys, time
from websockets.sync.client import connect
while True:
    try:
        with connect(sys.argv[1]) as socket:
            socket.send(json.dumps({"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"]}}))
            for _ in socket:
                pass
    except Exception:
        time.sleep(0.05)
"""


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """``bookproof`` is found as a command."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def served(cli: Cli) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A served exchange: where it is, and its process."""
    with spawn("serve", "--dialect", "kraken-v2", "--symbols", "1", "--control", "0", "--json") as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0


def ask(where: dict[str, Any], method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(where["control"] + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_the_examples_of_the_manual_are_these() -> None:
    assert set(EXAMPLES) == {"test_my_client.py", "my-client.test.mjs", "close.sh"}


def test_the_example_in_python(cli: Cli, path: None) -> None:
    (cli.folder / "my_client.py").write_text(MY_CLIENT)
    (cli.folder / "test_my_client.py").write_text(EXAMPLES["test_my_client.py"])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_client.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_example_in_javascript(cli: Cli, path: None) -> None:
    (cli.folder / "my-client.mjs").write_text(MY_CLIENT_JS)
    (cli.folder / "my-client.test.mjs").write_text(EXAMPLES["my-client.test.mjs"])
    done = subprocess.run(["node", "--test"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"pass 1\b", done.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_example_in_a_shell(served: tuple[dict[str, Any], subprocess.Popen[str]], cli: Cli) -> None:
    where, _ = served
    (cli.folder / "client.py").write_text(RECONNECTS)
    with subprocess.Popen([sys.executable, "client.py", where["endpoints"]["ws"]], stderr=subprocess.DEVNULL) as client:
        try:
            assert ask(where, "POST", "/v1/await", {"what": "subscribe"})["came"]
            done = subprocess.run(
                ["sh", "-c", EXAMPLES["close.sh"]],
                env={**os.environ, "CONTROL": where["control"]},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            client.kill()
    assert (done.returncode, done.stdout) == (0, "the client came back\n"), done.stderr


def test_from_a_hand_to_a_judged_client(served: tuple[dict[str, Any], subprocess.Popen[str]], cli: Cli) -> None:
    """What was done by hand is a scenario: the linter takes it, the ideal client passes, a client with a bug does not."""
    where, _ = served
    (cli.folder / "client.py").write_text(RECONNECTS)
    with subprocess.Popen([sys.executable, "client.py", where["endpoints"]["ws"]], stderr=subprocess.DEVNULL) as client:
        try:
            assert ask(where, "POST", "/v1/await", {"what": "subscribe"})["came"]
            ask(where, "POST", "/v1/send", {"count": 4})
            ask(where, "POST", "/v1/faults", {"kind": "drop"})
            ask(where, "POST", "/v1/send", {"count": 3})
            ask(where, "POST", "/v1/faults", {"kind": "close", "how": "fin"})
            assert ask(where, "POST", "/v1/await", {"what": "reconnect"})["came"]
        finally:
            client.kill()
    with urllib.request.urlopen(where["control"] + "/v1/recording?id=own/by-hand", timeout=60) as answer:
        file = cli.folder / "by-hand.scenario.yaml"
        file.write_bytes(answer.read())
    checked = cli("scenario", "check", str(file))
    assert (checked.status, checked.err) == (0, ""), checked.out
    run = ("run", "--dialect", "kraken-v2", "--scenarios", str(file), "--once")
    good = cli(*run, "--client", IDEAL)
    assert good.status == 0, good.out
    bad = cli(*run, "--client", cli.mutant("ignores-checksum"))
    assert bad.status == 1, bad.out


def test_ctrl_c_is_a_regular_end(served: tuple[dict[str, Any], subprocess.Popen[str]]) -> None:
    where, process = served
    assert ask(where, "GET", "/v1/state")["dialect"] == "kraken-v2"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_it_is_off_unless_asked_for(cli: Cli) -> None:
    with spawn("serve", "--dialect", "kraken-v2", "--json") as process:
        assert process.stdout is not None
        assert "control" not in json.loads(process.stdout.readline())
        process.terminate()
        process.communicate(timeout=30)


def test_it_says_where_in_words_and_plays_a_file(cli: Cli) -> None:
    with spawn("serve", "--dialect", "kraken-v2", "--control", "0", "--scenario", cli.scenario()) as process:
        assert process.stdout is not None
        lines: dict[str, str] = {}
        while "control" not in lines:
            line = process.stdout.readline().rstrip("\n")
            lines[line[:10].strip()] = line[10:].strip()
        address = lines["control"].split()[0]
        running = ask({"control": address}, "GET", "/v1/scenario")
        assert (running["id"], running["state"], running["step"]) == ("own/single", "running", 1)
        stopped = ask({"control": address}, "DELETE", "/v1/scenario")
        assert stopped["state"] == "stopped"
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err == "Ctrl-C ends it\nthe script was stopped; the market goes on\n"


@pytest.mark.parametrize(
    ("control", "message"),
    [
        ("0.0.0.0:0", "0.0.0.0 can be reached from other hosts (use 127.0.0.1"),
        ("[::]:0", ":: can be reached from other hosts"),
        ("example.invalid:0", "cannot listen on 'example.invalid'"),
        ("eighty", "--control: expected a port from 0 to 65535, found 'eighty' (--control 8800, or --control 0"),
        ("70000", "--control: expected a port from 0 to 65535, found '70000'"),
        (":80", "--control: expected a port from 0 to 65535, found ':80'"),
    ],
)
def test_wrong_addresses(cli: Cli, control: str, message: str) -> None:
    found = cli("serve", "--dialect", "kraken-v2", "--control", control)
    assert (found.status, found.out) == (4, "")
    assert message in found.err
    assert found.err.count("\n") == 1


def test_a_port_that_is_taken(served: tuple[dict[str, Any], subprocess.Popen[str]], cli: Cli) -> None:
    where, _ = served
    port = where["control"].rpartition(":")[2]
    found = cli("serve", "--dialect", "kraken-v2", "--control", port)
    assert (found.status, found.out) == (4, "")
    assert f"port {port} on 127.0.0.1 is taken" in found.err
