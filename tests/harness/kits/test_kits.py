"""The kits: each skeleton keeps the protocol as it is, and with a client in its marked places it goes to a verdict."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import trio

from bookproof.adapter.check import check_adapter
from bookproof.cli import main
from bookproof.drivers.api import BookShown, EventShown, Shown, Start, Started, TradeShown, Unsupported
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.kits.languages import LANGUAGES, next_commands
from bookproof_exchange.timing import Timing

CLIENTS = Path(__file__).parent / "clients"
TOOLS = {"python": sys.executable, "javascript": "node", "go": "go", "rust": "cargo", "java": "javac"}
ELSEWHERE = {"go": "/usr/local/go/bin", "rust": str(Path.home() / ".cargo/bin")}
"""Where installers put a toolchain without putting it on PATH."""


def tool(language: str) -> str:
    found = shutil.which(TOOLS[language]) or shutil.which(TOOLS[language], path=ELSEWHERE.get(language, ""))
    if found is None:
        pytest.skip(f"{TOOLS[language]} is not installed")
    return found


def made(language: str, folder: Path) -> Path:
    """The folder as `init` makes it."""
    place = folder / "bookproof-adapter"
    assert main(["init", language, str(place)]) == 0
    return place


def built(language: str, place: Path) -> str:
    """Built as the README says; the adapter's command line, on this machine."""
    kit = LANGUAGES[language]
    program = tool(language)
    command = kit.command.replace("python", sys.executable, 1) if language == "python" else kit.command
    if kit.build is not None:
        build = kit.build.replace(TOOLS[language], program, 1)
        if language == "rust":  # the same, sooner
            build, command = build.replace(" --release", ""), f"{os.environ['CARGO_TARGET_DIR']}/debug/adapter"
        done = subprocess.run(build.split(), cwd=place, capture_output=True, text=True, timeout=300)
        if language == "rust" and re.search("failed to (download|get|fetch|query)|unable to update", done.stderr):
            pytest.skip("serde_json cannot be fetched here")
        assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    return command


@pytest.fixture
def cargo_target(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled for one test of Rust serves the next."""
    monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path_factory.getbasetemp() / "cargo"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_skeleton_keeps_the_protocol(tmp_path: Path, language: str, cargo_target: None) -> None:
    place = made(language, tmp_path)
    command = built(language, place)
    checks = trio.run(lambda: check_adapter(command, timing=Timing().scaled(0.2), cwd=place))
    assert [(check.name, check.message) for check in checks if check.outcome != "ok"] == []
    assert language in checks[0].found
    case = next(check for check in checks if check.name == "case")
    assert "the client did not connect to the exchange" in case.found


def filled(path: Path, comment: str) -> None:
    """As its user does: the samples beside the marks are no comments any more. The client has the names that they use."""
    text = path.read_text("utf-8")
    head, mark, rest = text.partition("--- YOUR CLIENT, 1 of 4")
    assert rest.count("--- YOUR CLIENT") == 3
    path.write_text(head + mark + re.sub(rf"^( *){comment}     (?=\S)", r"\1", rest, flags=re.MULTILINE), "utf-8")


def verdicts(client: str) -> dict[str, str]:
    """Of one case that goes well and one in which an update is lost, and the report's exit status."""
    cases = ["--case", "book/start-up/plain", "--case", "book/gap/single", "--time-scale", "0.25"]
    words = ["run", "--client", client, "--dialect", "kraken-v2", *cases, "--once", "-q"]
    status = main([*words, "--reporter", "json=report.json"])
    read = json.loads(Path("report.json").read_text("utf-8"))
    return {"exit": str(status)} | {case["scenario"]: case["verdict"] for case in read["cases"]}


WRONG = {"exit": "1", "book/start-up/plain": "pass", "book/gap/single": "fail"}
"""What a client that checks nothing deserves."""


def test_python_to_a_first_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = made("python", tmp_path)
    shutil.copy(CLIENTS / "my_client.py", tmp_path)
    filled(place / "adapter.py", "#")
    monkeypatch.chdir(place)
    assert verdicts(f"{sys.executable} adapter.py") == WRONG
    words = [
        "run",
        "--client",
        "python:adapter:ClientAdapter",
        "--dialect",
        "kraken-v2",
        "--case",
        "book/start-up/plain",
    ]
    assert main(words) == 0


def test_javascript_to_a_first_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tool("javascript")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip("v").split(".")[0]) < 20:
        pytest.skip(f"node {version.strip()} has no WebSocket of its own")
    place = made("javascript", tmp_path)
    (tmp_path / "src").mkdir()
    shutil.copy(CLIENTS / "client.js", tmp_path / "src")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    filled(place / "adapter.mjs", "//")
    adapter = (place / "adapter.mjs").read_text("utf-8")
    (place / "adapter.mjs").write_text(adapter.replace("numbers: 'string'", "numbers: 'float'"), "utf-8")
    monkeypatch.chdir(place)
    assert verdicts(f"{node} --experimental-websocket adapter.mjs") == WRONG


#: In each language: the line before which it goes, and what a client does that shows two books and a trade, and reports an
#: event.
TELLS = {
    "javascript": (
        "        return start.depth;",
        """
        this.test.book({ symbol: 'BTC/USD', bids: [['1.50', '2']], asks: [] });
        this.test.book({ symbol: 'BTC/USD', bids: [['1.50', '3']], asks: [], claim: 'stale', version: 7 });
        this.test.trade({ symbol: 'BTC/USD', price: '1.50', size: '2', side: 'buy', trade_id: 'a' });
        this.test.event('resync', 'a "gap" \\u00fc');
        console.log('a print of the client');
""",
    ),
    "go": (
        "	return start.Depth, nil",
        """
	a.test.Book("BTC/USD", Book{Bids: []Row{{"1.50", "2"}}})
	a.test.Book("BTC/USD", Book{Claim: "stale", Bids: []Row{{"1.50", "3"}}, Version: 7})
	a.test.Trade("BTC/USD", Trade{Price: "1.50", Size: "2", Side: "buy", TradeID: "a"})
	a.test.Event("resync", "a \\"gap\\" \\u00fc")
	println("a print of the client")
""",
    ),
    "rust": (
        "        Ok(start.depth)",
        """
        let bids = |size: &str| vec![serde_json::json!(["1.50", size])];
        self.test.book("BTC/USD", Book { claim: "live", bids: bids("2"), asks: vec![], version: None });
        self.test.book("BTC/USD", Book { claim: "stale", bids: bids("3"), asks: vec![], version: Some(7.into()) });
        self.test.trade("BTC/USD", "1.50".into(), "2".into(), Some("buy"), Some("a"));
        self.test.event("resync", "a \\"gap\\" \\u{fc}", false);
        println!("a print of the client");
""",
    ),
    "java": (
        "        return start.depth();",
        """
        test.book("BTC/USD", new Driver.Book(List.of(List.of("1.50", "2")), List.of()));
        test.book("BTC/USD", new Driver.Book("stale", List.of(List.of("1.50", "3")), List.of(), 7));
        test.trade("BTC/USD", "1.50", "2", "buy", "a");
        test.event("resync", "a \\"gap\\" \\u00fc");
        System.out.println("a print of the client");
""",
    ),
}
PUSH = {"javascript": "push: false", "go": "Push:      false", "rust": "push: false", "java": "false, // push"}


@pytest.mark.parametrize("language", TELLS)
def test_what_a_client_tells_arrives(tmp_path: Path, language: str, cargo_target: None) -> None:
    place = made(language, tmp_path)
    own = place / LANGUAGES[language].own
    mark, tells = TELLS[language]
    text = own.read_text("utf-8").replace(mark, tells.lstrip("\n") + mark)
    own.write_text(text.replace(PUSH[language], PUSH[language].replace("false", "true")), "utf-8")
    command = built(language, place)
    shown: list[Shown] = []
    start = Start(
        case="a case",
        dialect="kraken-v2",
        ws_url="ws://x",
        rest_url="http://x",
        endpoints={},
        symbols=("BTC/USD",),
        depth=25,
    )

    async def main() -> BookShown:
        driver = await subprocess_factory(command, timing=Timing(), cwd=place)()
        assert isinstance(
            await driver.start(msgspec.structs.replace(start, channels=("trades",)), shown.append), Unsupported
        )
        assert await driver.start(start, shown.append) == Started(depth_shown=25)
        answer = await driver.read("BTC/USD")
        await driver.stop()
        await driver.close()
        return answer

    answer = trio.run(main)
    assert (answer.claim, answer.bids, answer.asks, answer.version) == ("stale", (("1.50", "3"),), (), 7)
    first, second, trade, event, last = shown
    assert isinstance(first, BookShown)
    assert (first.claim, first.bids, first.read) == ("live", (("1.50", "2"),), None)
    assert isinstance(second, BookShown)
    assert (second.bids, second.version) == ((("1.50", "3"),), 7)
    assert trade == TradeShown(symbol="BTC/USD", price="1.50", size="2", side="buy", trade_id="a")
    assert isinstance(event, EventShown)
    assert (event.kind, event.message) == ("resync", 'a "gap" ü')
    assert last == answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_readme_and_the_workflow_say(tmp_path: Path, language: str) -> None:
    from ruamel.yaml import YAML

    place = made(language, tmp_path)
    readme = (place / "README.md").read_text("utf-8")
    (file,) = (place / ".github/workflows").iterdir()
    workflow = YAML(typ="safe").load(file)
    steps = [step["run"] for step in workflow["jobs"]["bookproof"]["steps"] if "run" in step]
    for command in next_commands(LANGUAGES[language]):
        assert f"    {command}\n" in readme
        assert command in steps
    assert workflow["on"] == {"push": {"branches": ["main"]}, "pull_request": None}
    assert "@" not in readme
    assert re.findall("@[A-Z_]+@", file.read_text("utf-8")) == []
