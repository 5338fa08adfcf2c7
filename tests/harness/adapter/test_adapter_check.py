"""``check_adapter`` finds what is wrong with an adapter: each of these keeps the protocol in all but one thing."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
import trio

from bookproof.adapter.check import check_adapter
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
    for line in sys.stdin.buffer:
        if len(line) > MOST: fail("too long")
        try: message = json.loads(line)
        except ValueError: fail("not JSON")
        kind = message["type"]
        if kind == "hello":
            say(type="hello", protocol=1, client={"name": "n"}, dialects=["d"], channels=["book"], push=False,
                claims=False, numbers="string")
        elif kind == "start": say(type="unsupported", reason="no", case=message["case"])
        elif kind == "bye": sys.exit(0)
        else: fail("unknown message")
"""

PATIENT = Timing(hello=20, start=20, read=20, stop=20, bye=20, kill=20)


def failing(tmp_path: Path, changes: dict[str, str], **limits: float) -> dict[str, str]:
    """The checks that fail, with their messages, once the good adapter is changed so."""
    code = ADAPTER + "main()\n# END\n"
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    script = tmp_path / "adapter.py"
    script.write_text(code)
    timing = msgspec.structs.replace(PATIENT, **limits)
    results = trio.run(lambda: check_adapter([sys.executable, "-IS", str(script)], timing=timing))
    return {result.name: result.message for result in results if not result.ok}


def test_a_good_one(tmp_path: Path) -> None:
    assert failing(tmp_path, {}) == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "message"),
    [
        ('"name": "n"', '"title": "n"', "hello", "hello.client.name: the field is missing"),
        ('kind == "hello"', 'kind == "hello" and len(message) == 3', "unknown-field", "but it ended: exit status 2"),
        ('type="unsupported", reason="no",', 'type="started",', "nonsense-dialect", "expected 'unsupported'"),
        ('fail("unknown message")', "pass", "unknown-message", "but it goes on running"),
        ('fail("unknown message")', "os._exit(2)", "unknown-message", "ended silently: exit status 2"),
        ('fail("not JSON")', "sys.exit(0)", "malformed-line", "other than 0"),
        ('fail("too long")', "pass", "oversize-line", "other than 0"),
        ("# END", "sys.exit(3)", "end-of-input", "expected exit status 0, got exit status 3"),
        ('"bye": sys.exit(0)', '"bye": sys.exit(5)', "bye", "expected exit status 0, got exit status 5"),
        ("lambda *_: sys.exit(0)", "signal.SIG_IGN", "termination", "still running"),
    ],
)
def test_a_bad_one(tmp_path: Path, old: str, new: str, check: str, message: str) -> None:
    limits = {"termination": {"kill": 0.1}, "unknown-message": {"stop": 1.0}}.get(check, {})
    failed = failing(tmp_path, {old: new}, **limits)
    assert set(failed) == {check}
    assert message in failed[check]


def test_nothing_else_is_tried_where_hello_fails() -> None:
    results = trio.run(lambda: check_adapter("cat", timing=PATIENT))
    assert [(result.name, result.ok) for result in results] == [("hello", False)]


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(UsageError):
        trio.run(lambda: check_adapter("bookproof-no-such-program", timing=PATIENT))
