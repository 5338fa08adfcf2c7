"""How it ends: interrupted, nobody reading any more, and the market of ``serve``. Real processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_world import IDEAL, Cli, cli, running, spawn
from websockets.sync.client import connect

__all__ = ["cli"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_its_report_and_no_process(cli: Cli, number: signal.Signals) -> None:
    good = cli.scenario("a")
    hung = cli.scenario("b")
    adapter = cli.script(
        "half.py",
        "import sys, time\nimport bookproof.ideal.adapter as ideal\nfrom bookproof.adapter import run\n"
        "class Half(ideal.IdealAdapter):\n"
        "    async def start(self, start):\n"
        "        if start.case.endswith('/b'):\n"
        "            print('waiting', file=sys.stderr, flush=True)\n"
        "            time.sleep(600)\n"
        "        await super().start(start)\n"
        "run(Half)\n",
    )
    args = ("run", "--dialect", "kraken-v2", "--client", adapter, "--scenarios", good, "--scenarios", hung)
    with spawn(*args, "--report", "out", "-v", "--jobs", "1") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("pass"):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "bookproof: interrupted, ending the clients\n"
    assert "not run any more, 1: kraken-v2/own/b" in out
    assert "exit status 130: interrupted" in out
    report = json.loads(Path("out/report.json").read_text())
    assert (report["exit_status"], report["interrupted"], report["counts"]) == (130, True, {"pass": 1})
    assert Path("out/junit.xml").exists()
    assert Path("out/report.html").exists()
    assert running(str(cli.folder)) == []


def test_an_interrupt_before_anything_runs(cli: Cli) -> None:
    """While it still imports and loads."""
    with spawn(
        "run", "--dialect", "kraken-v2", "--client", cli.bad("silent"), "--scenarios", cli.scenario()
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert running(str(cli.folder)) == []


def test_nobody_reads_the_output_any_more(cli: Cli) -> None:
    paths = [cli.scenario(name) for name in "abcd"]
    scenarios = str(Path(paths[0]).parent)
    args = ("run", "--dialect", "kraken-v2", "--client", IDEAL, "--scenarios", scenarios, "-v", "--report", "out")
    with spawn(*args) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) == (0, ""), "the run goes on, for its report and its exit status"
    assert json.loads(Path("out/report.json").read_text())["counts"] == {"pass": 4}
    with spawn("list", "faults") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read().replace("35 faults\n", "") == ""
    assert process.returncode == 0


def test_an_encoding_that_lacks_characters(cli: Cli) -> None:
    scenario = Path(cli.scenario())
    scenario.write_text(scenario.read_text().replace("One update is lost", "Ein Update fehlt 日本"), encoding="utf-8")
    with spawn("scenario", "check", str(scenario), env={"PYTHONIOENCODING": "ascii"}) as process:
        assert process.wait(timeout=30) == 0
    client = cli.mutant("ignores-checksum")
    args = (
        "run",
        "--dialect",
        "kraken-v2",
        "--client",
        client,
        "--scenarios",
        str(scenario),
        "--once",
        "--time-scale",
        "0.25",
    )
    with spawn(*args, env={"PYTHONIOENCODING": "ascii"}) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "    Ein Update fehlt \\u65e5\\u672c" in out


# --- serve --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def exchange(cli: Cli) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A served exchange: where it is, and its process."""
    with spawn("serve", "--dialect", "kraken-v2", "--rate", "200", "--json") as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0


def test_serve_a_market_that_moves(exchange: tuple[dict[str, Any], subprocess.Popen[str]], cli: Cli) -> None:
    where, process = exchange
    symbol = where["symbols"][0]
    with connect(where["endpoints"]["ws"]) as socket:
        socket.send(json.dumps({"method": "subscribe", "params": {"channel": "book", "symbol": [symbol]}}))
        books: list[Any] = []
        while len(books) < 5:
            message = json.loads(socket.recv(timeout=10))
            if message.get("channel") == "book":
                books.append(message)
    assert [message["type"] for message in books] == ["snapshot", *["update"] * 4]
    assert len({message["data"][0]["checksum"] for message in books}) > 1
    port = where["endpoints"]["ws"].rpartition(":")[2].partition("/")[0]
    taken = cli("serve", "--dialect", "kraken-v2", "--port", port)
    assert (taken.status, taken.out) == (4, "")
    assert f"port {port} on 127.0.0.1 is taken" in taken.err
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


def test_serve_says_where_in_words(cli: Cli) -> None:
    with spawn("serve", "--dialect", "binance-spot", "--symbols", "1", "--tls") as process:
        assert process.stdout is not None
        lines: dict[str, str] = {}
        while "tls ca" not in lines:
            line = process.stdout.readline().rstrip("\n")
            lines[line[:10].strip()] = line[10:].strip()
        assert lines["ws"].startswith("wss://127.0.0.1:")
        assert lines["rest"].startswith("https://127.0.0.1:")
        assert lines["symbols"] == "BTCUSDT"
        assert Path(lines["tls ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert not Path(lines["tls ca"]).exists()


def test_serve_refuses_a_scenario_that_the_dialect_cannot_express(cli: Cli) -> None:
    path = Path(cli.scenario())
    path.write_text(path.read_text() + "dialects: [binance-spot]\n")
    found = cli("serve", "--dialect", "kraken-v2", "--scenario", str(path))
    assert (found.status, found.out) == (4, "")
    assert "kraken-v2 cannot express the scenario 'own/single': the scenario is only for binance-spot" in found.err


# --- adapter check and selftest -------------------------------------------------------------------------------------------


def test_adapter_check(cli: Cli) -> None:
    found = cli("adapter", "check", "--client", cli.bad("garbage"), "--time-scale", "0.1")
    assert found.status == 3
    assert found.out.startswith("FAIL hello\n")
    assert "found:    line 1: expected a JSON object" in found.out
    assert "\x1b" not in found.out
    assert running(str(cli.folder)) == []


def test_selftest_of_a_few_cases(cli: Cli) -> None:
    some = ("selftest", "--dialect", "kraken-v2", "--case", "book/delete/absent", "--jobs", "1", "--no-variants")
    found = cli(*some, "--mutant", "adds-sizes", "--seeds", "2")
    assert found.status == 0
    lines = found.out.splitlines()
    assert lines[0] == "kraken-v2: the ideal client passes 2 of 2"
    assert lines[1].split()[:3] == ["caught", "adds-sizes", "F"]
    assert lines[-1] == "everything holds"
    found = cli(*some, "--mutant", "no-reconnect")
    assert "survived  no-reconnect" in found.out
    assert found.status == 0, "these cases need not catch it"


def test_selftest_fails_where_bookproof_is_wrong(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from bookproof.selftest import jobs

    def do(job: jobs.Job) -> jobs.Outcome:
        if job.what == "ideal":
            return jobs.Outcome(job=job, runs=60, bad=("fail S1 ghost kraken-v2/book/x seed 1: x\x1b[31m",), failures=1)
        return jobs.Outcome(job=job, runs=60)

    monkeypatch.setattr(jobs, "do", do)
    found = cli(
        *("selftest", "--dialect", "kraken-v2", "--mutant", "merges-snapshot"),
        *("--jobs", "1", "--seeds", "1", "--no-variants"),
    )
    assert found.status == 5
    assert "blamed    the ideal client: fail S1 ghost kraken-v2/book/x seed 1: x\\x1b[31m" in found.out
    assert "kraken-v2: the ideal client passes 59 of 60" in found.out
    assert "survived  merges-snapshot (a snapshot is merged into the old book) on kraken-v2: not caught by" in found.out
    assert found.out.splitlines()[-1] == "2 things are wrong with Bookproof"
