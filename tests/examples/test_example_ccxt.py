"""The ccxt examples: the kit for JavaScript keeps the protocol; the adapters too, where ccxt is installed.

What needs ``node`` or ccxt is skipped where they are not installed (ccxt beside this Python; ``npm install`` in
examples/ccxt_javascript). Whole runs against the mock exchange are no part of the tests: see docs/clients/ccxt.md.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import trio

from bookproof.adapter.check import check_adapter
from bookproof.cli.options import all_cases, dialects_named
from bookproof.known import load_known

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "examples" / "ccxt_python"
JAVASCRIPT = ROOT / "examples" / "ccxt_javascript"
KNOWN = sorted((*PYTHON.glob("known-failures.*.yaml"), *JAVASCRIPT.glob("known-failures.*.yaml")))

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

#: A client that shows the same book for ever, and one print too many.
ECHO = """
import { serve, Unsupported } from './driver.mjs';

class Echo {
    constructor(test) { this.test = test; }
    start(start) {
        if (start.depth === 7) throw new Unsupported('seven levels');
        console.log('a print of the client');
        for (const symbol of start.symbols) this.test.book({ symbol, bids: [[1.5, 2]], asks: [] });
        this.test.error(new TypeError('oh'), { symbol: start.symbols[0] });
        return start.depth;
    }
    stop() { this.test.book({ symbol: 'last', bids: [], asks: [] }); }
}

const hello = {
    client: { name: 'echo', version: '1', language: 'javascript' },
    dialects: ['kraken-v2'], channels: ['book'], push: true, claims: false, numbers: 'float',
};
await serve(hello, (test) => new Echo(test));
"""


def failures(command: list[str]) -> list[str]:
    return [f"{check.name}: {check.message}" for check in trio.run(check_adapter, command) if not check.ok]


@pytest.fixture
def echo(tmp_path: Path) -> list[str]:
    shutil.copy(JAVASCRIPT / "driver.mjs", tmp_path)
    (tmp_path / "echo.mjs").write_text(ECHO, encoding="utf-8")
    return ["node", str(tmp_path / "echo.mjs")]


@needs_node
def test_the_javascript_kit_keeps_the_protocol(echo: list[str]) -> None:
    assert failures(echo) == []


@needs_node
def test_the_javascript_kit_converses(echo: list[str]) -> None:
    start = {"type": "start", "dialect": "kraken-v2", "symbols": ["BTC/USD"], "channels": ["book"]}
    asked: list[dict[str, object]] = [
        {"type": "hello", "protocol": 1},
        {**start, "case": "one", "depth": 7},
        {**start, "case": "two", "depth": None},
        {"type": "read", "id": 4, "symbol": "BTC/USD", "channel": "book"},
        {"type": "read", "id": 5, "symbol": "ETH/USD", "channel": "book"},
        {"type": "stop"},
        {"type": "bye"},
    ]
    lines = "".join(json.dumps(message) + "\n" for message in asked).encode()
    done = trio.run(lambda: trio.run_process(echo, stdin=lines, capture_stdout=True, capture_stderr=True))
    hello, *answers = map(json.loads, done.stdout.splitlines())
    assert hello["protocol"] == 1
    for answer in answers:
        assert isinstance(answer.pop("t"), int)
    book = {"type": "book", "case": "two", "symbol": "BTC/USD", "claim": "live", "bids": [[1.5, 2]], "asks": []}
    error = {"type": "event", "case": "two", "kind": "error", "message": "oh", "symbol": "BTC/USD", "fatal": False}
    assert answers == [
        {"type": "unsupported", "case": "one", "reason": "seven levels"},
        book,
        {**error, "exception": "TypeError"},
        {"type": "started", "case": "two", "depth_shown": None},
        {**book, "read": 4},
        {**book, "symbol": "ETH/USD", "claim": "none", "bids": [], "read": 5},
        {"type": "book", "case": "two", "symbol": "last", "claim": "live", "bids": [], "asks": []},
        {"type": "stopped", "case": "two"},
    ]
    assert b"a print of the client" in done.stderr


@needs_node
@pytest.mark.skipif(not (JAVASCRIPT / "node_modules" / "ccxt").exists(), reason="npm install was not run there")
def test_the_javascript_adapter_keeps_the_protocol() -> None:
    assert failures(["node", str(JAVASCRIPT / "adapter.mjs")]) == []


@pytest.mark.skipif(importlib.util.find_spec("ccxt") is None, reason="ccxt is not installed")
def test_the_python_adapter_keeps_the_protocol() -> None:
    assert failures([sys.executable, str(PYTHON / "adapter.py")]) == []


@pytest.mark.parametrize("path", KNOWN, ids=[f"{path.parent.name}-{path.name}" for path in KNOWN])
def test_known_failures_name_cases_that_exist(path: Path) -> None:
    dialect = path.name.removeprefix("known-failures.").removesuffix(".yaml")
    made, _ = all_cases(dialects_named([dialect]))
    names = [case.id for case in made]
    for entry in load_known(path):
        assert fnmatch.filter(names, entry.case), f"no such case: {entry.case}"


def test_versions_are_bounded_and_nothing_is_locked() -> None:
    package = json.loads((JAVASCRIPT / "package.json").read_text(encoding="utf-8"))
    wanted = [*package["dependencies"].values()]
    for line in (PYTHON / "requirements.txt").read_text(encoding="utf-8").splitlines():
        wanted.append(line.partition("#")[0].strip())
    assert wanted
    for requirement in wanted:
        assert re.search(r">=[\d.]+[ ,]+<[\d.]+$|>=[\d.]+,<\d+$", requirement), requirement
    assert not (JAVASCRIPT / "package-lock.json").exists()
