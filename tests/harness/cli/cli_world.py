"""The command line as a user has it: called in this process where that is enough, else as a process of its own; and
adapters that misbehave, as small scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from bookproof.cli import main

IDEAL = "python:bookproof.ideal.adapter:IdealAdapter"
COMMAND = [sys.executable, "-m", "bookproof"]

SCENARIO = """\
id: own/{name}
title: One update is lost
purpose: For a test of the command line.
rules: [gap-restart, checksum-verify, recover-after-checksum]
slow: {slow}
script:
  - sync
  - send: 4
  - read
  - fault: drop
  - send: 2
  - probe
expect: {{resync: some}}
"""

_HEAD = "import json, os, signal, sys, time\n"
_HELLO = """\
def say(**message):
    print(json.dumps(message), flush=True)
def hello():
    sys.stdin.readline()
    say(type="hello", protocol=1, client={"name": "bad", "version": "1"}, dialects=["kraken-v2"], channels=["book"],
        push=True, claims=True, numbers="string")
def start():
    asked = json.loads(sys.stdin.readline())
    case = asked["case"]
    if asked["dialect"] != "kraken-v2":
        say(type="unsupported", case=case, reason=asked["dialect"])
        return start()
    say(type="started", case=case, depth_shown=None)
    return case
"""
BAD = {
    "exits": "print('no configuration', file=sys.stderr); sys.exit(7)\n",
    "silent": "time.sleep(60)\n",
    "garbage": "sys.stdin.readline(); print('\\x1b[31m<b>Hello'); sys.stdout.flush(); time.sleep(60)\n",
    "floods": "while True: sys.stdout.write('x' * 65536)\n",
    "lies": _HELLO
    + "hello()\nfor line in sys.stdin: say(type='started', case=json.loads(line).get('case'), depth_shown=None)\n",
    "mute": _HELLO + "hello()\nfor line in sys.stdin: pass\n",
    "dies": _HELLO + "hello(); start(); print('about to die', file=sys.stderr); os.kill(os.getpid(), signal.SIGSEGV)\n",
    "breaks": _HELLO + "hello(); start(); say(type='bok', case='x'); time.sleep(60)\n",
    "spams": _HELLO + "hello(); case = start()\n"
    "while True: say(type='event', case=case, kind='warning', message='again')\n",
    "stuck": _HELLO + "hello(); start()\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if not os.fork(): time.sleep(60)\ntime.sleep(60)\n",
}
"""Adapters by what they do wrong."""

MUTANT = """\
import sys
import bookproof.ideal.adapter as ideal
from bookproof.adapter import run
from bookproof.selftest.mutants import MUTANTS
ideal.IdealClient = MUTANTS[sys.argv[1]].make
class Mutant(ideal.IdealAdapter):
    name = sys.argv[1]
run(Mutant)
"""


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


class Cli:
    """``bookproof`` in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *args: str) -> Outcome:
        self._capsys.readouterr()
        status = main(list(args))
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Outcome(status, out, err)

    def scenario(self, name: str = "single", *, slow: bool = False) -> str:
        """A scenario file, cheaper to load than the catalogue. It waits for nothing that a client with a bug never does."""
        path = self.folder / "scenarios" / f"{name}.scenario.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCENARIO.format(name=name, slow=str(slow).lower()))
        return str(path)

    def bad(self, what: str) -> str:
        """The command of an adapter that misbehaves."""
        return self.script(f"{what}.py", _HEAD + BAD[what])

    def mutant(self, name: str) -> str:
        """The command of an ideal client with one bug."""
        return f"{self.script('mutant.py', MUTANT)} {name}"

    def script(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return f"{sys.executable} {path}"


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return Cli(tmp_path, capsys)


def spawn(*args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """``bookproof`` as a process."""
    return subprocess.Popen(
        [*COMMAND, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def running(words: str) -> list[str]:
    """Command lines of live processes that hold these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if words in line and state != "Z":
                found.append(line)
    return found
