"""``check_adapter`` finds what is wrong with an adapter: each of these keeps the protocol in all but one thing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
import trio

from bookproof.adapter.check import AdapterCheck, check_adapter
from bookproof.adapter.obligations import OBLIGATIONS
from bookproof.cli import main
from bookproof_exchange.errors import UsageError
from bookproof_exchange.timing import Timing

ADAPTER = """
import json, os, signal, sys, time
MOST = 16 * 1024 * 1024
def say(**message):
    print(json.dumps(message), flush=True)
def fail(problem):
    print(problem, file=sys.stderr)
    sys.exit(2)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
def main():
    case = None
    for line in iter(sys.stdin.buffer.readline, b""):
        if len(line) > MOST: fail("too long")
        try: message = json.loads(line)
        except ValueError: fail("not JSON")
        kind = message["type"]
        if kind == "hello":
            say(type="hello", protocol=1, client={"name": "n"}, dialects=["kraken-v2"], channels=["book"],
                push=False, claims=False, numbers="string")
        elif kind == "start":
            if message["dialect"] != "kraken-v2": say(type="unsupported", reason="no", case=message["case"])
            elif message["channels"] != ["book"]: say(type="unsupported", reason="none", case=message["case"])
            else:
                case = message["case"]
                say(type="started", case=case)
        elif kind == "read":
            say(type="book", case=case, symbol=message["symbol"], claim="live", bids=[["1", "1"]], asks=[],
                read=message["id"])
        elif kind == "stop": say(type="stopped", case=case); case = None
        elif kind == "bye": sys.exit(0)
        else: fail("unknown message")
    if case is not None: sys.exit(0)
"""

PATIENT = Timing(hello=20, start=20, read=20, stop=20, bye=20, kill=20)


def checked(tmp_path: Path, changes: dict[str, str], **limits: float) -> list[AdapterCheck]:
    """What is found once the good adapter is changed so."""
    code = ADAPTER + "main()\n# END\n"
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    script = tmp_path / "adapter.py"
    script.write_text(code)
    timing = msgspec.structs.replace(PATIENT, **limits)
    return trio.run(lambda: check_adapter([sys.executable, "-IS", str(script)], timing=timing))


def test_a_good_one(tmp_path: Path) -> None:
    found = checked(tmp_path, {})
    assert [(result.name, result.outcome) for result in found] == [(name, "ok") for name, _, _ in OBLIGATIONS]
    assert "BTC/USD live, 1 bids and 0 asks" in next(result.found for result in found if result.name == "case")


@pytest.mark.parametrize(
    ("old", "new", "check", "found"),
    [
        ('"name": "n"', '"title": "n"', "hello", "hello.client.name: the field is missing"),
        ('dialects=["kraken-v2"]', "dialects=[]", "hello", "it declares no dialect"),
        ('kind == "hello"', 'kind == "hello" and len(message) == 3', "unknown-field long-line", "it ended: exit status 2"),
        ("sys.stdin.buffer.readline,", "lambda: os.read(0, 1 << 16),", "long-line pieces", "it ended: exit"),
        ('"unsupported", reason="no",', '"started",', "pieces nonsense-dialect", "expected 'unsupported'"),
        ('"unsupported", reason="none",', '"started",', "nonsense-channel", "expected 'unsupported'"),
        ('read=message["id"]', "read=1", "case", "answers the read 1, expected 1000000"),
        (', symbol=message["symbol"]', ', symbol="ETH/USD"', "case", "'ETH/USD' is not one of the case (BTC/USD)"),
        ('say(type="book", case=case', 'say(type="book", case="c"', "case", "the case of its 'book' is 'c'"),
        ('say(type="stopped", case=case)', 'say(type="stopped", case=case.encode("ascii", "ignore").decode())', "case",
         "the case of its 'stopped' is"),
        ('fail("unknown message")', "pass", "unknown-message", "it goes on running"),
        ('fail("unknown message")', "os._exit(2)", "unknown-message", "ended silently: exit status 2"),
        ('fail("not JSON")', "sys.exit(0)", "malformed-line", "exit status 0, as if nothing had been wrong"),
        ('fail("too long")', "pass", "oversize-line", "exit status 0, as if nothing had been wrong"),
        ("# END", "sys.exit(3)", "end-of-input", "it ended with exit status 3"),
        ("is not None: sys.exit(0)", "is not None: sys.exit(4)", "end-of-input-in-case", "it ended with exit status 4"),
        ('"bye": sys.exit(0)', '"bye": sys.exit(5)', "bye", "it ended with exit status 5"),
        ("lambda *_: sys.exit(0)", "signal.SIG_IGN", "termination termination-in-case", "still running"),
        ("case=case)\n        elif", "case=case); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        elif",
         "termination-in-case", "still running"),
    ],
)  # fmt: skip
def test_a_bad_one(tmp_path: Path, old: str, new: str, check: str, found: str) -> None:
    limits = {"termination": {"kill": 0.1}, "termination-in-case": {"kill": 0.1}, "unknown-message": {"stop": 1.0}}
    failed = [result for result in checked(tmp_path, {old: new}, **limits.get(check.split()[0], {})) if not result.ok]
    assert [result.name for result in failed] == check.split()
    assert found in failed[0].message
    assert failed[0].message.startswith(f"expected {failed[0].expected}; ")


def test_a_dialect_that_nobody_knows_here(tmp_path: Path) -> None:
    skipped = [one for one in checked(tmp_path, {"kraken-v2": "kraken-v3"}) if one.outcome == "not-tried"]
    assert [one.name for one in skipped] == ["nonsense-channel", "case", "end-of-input-in-case", "termination-in-case"]
    assert "did you mean 'kraken-v2'?" in skipped[0].found


def test_a_case_that_is_not_supported(tmp_path: Path) -> None:
    lines = checked(
        tmp_path, {'say(type="started", case=case)': 'say(type="unsupported", case=case, reason="no spot")'}
    )
    (case,) = (one for one in lines if one.name == "case")
    assert (case.outcome, "no spot" in case.found) == ("not-tried", True)


def test_nothing_else_is_tried_where_hello_fails() -> None:
    results = trio.run(lambda: check_adapter("cat", timing=PATIENT))
    assert [(result.name, result.ok) for result in results] == [("hello", False)]


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(UsageError):
        trio.run(lambda: check_adapter("bookproof-no-such-program", timing=PATIENT))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "adapter.py"
    script.write_text(ADAPTER.replace('"unsupported", reason="no",', '"started",') + "main()\n")
    client = f"{sys.executable} -IS {script}"
    assert main(["adapter", "check", "--client", client]) == 3
    out = capsys.readouterr().out
    assert "ok   hello: n: kraken-v2; book; is polled; no claims\n" in out
    assert "FAIL nonsense-dialect\n     expected: 'unsupported' for the dialect" in out
    assert out.endswith("the adapter does not keep the protocol: 2 of 15 points failed\n")
    assert main(["adapter", "check", "--client", client, "--json"]) == 3
    read = json.loads(capsys.readouterr().out)
    assert (read["client"], read["exit_status"], len(read["checks"])) == (client, 3, 15)
    assert {check["name"] for check in read["checks"] if check["outcome"] == "failed"} == {"pieces", "nonsense-dialect"}
