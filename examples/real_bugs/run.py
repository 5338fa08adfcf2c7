"""Real bugs, reproduced: a release of a client that has a bug, and the one that mended it, on the case that tells them apart.

    make real-bugs                                          # all of them
    python examples/real_bugs/run.py cryptofeed_gap         # one; any part of a folder's name will do

Every folder beside this file that has a ``bug.toml`` is one bug (the fields: `Bug`). Each release is installed from its
pinned requirements into an environment of its own in ``.real-bugs/``, which is kept for the next time. Exit status: 0 if
every buggy release failed, by the checks that its bug breaks, and every fixed one passed; 1 if not; 2 if that could not be
tried.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".real-bugs"

Which = Literal["buggy", "fixed"]

PASSING = frozenset({"pass", "info", "non-strict", "warn"})
"""Verdicts with which a run ends with exit status 0."""

NO_INDEX = ("name resolution", "NewConnectionError", "Connection refused", "is unreachable", "timed out")
"""What pip says where there is no network."""


class Bug(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``bug.toml``."""

    title: str
    client: str
    """As its registry calls it."""
    buggy: str
    fixed: str
    """Releases; their requirements stand in ``requirements-buggy.txt`` and ``-fixed.txt``."""
    links: list[str]
    dialect: str
    cases: list[str]
    scenario: str | None = None
    """A scenario file in the folder, where the catalogue has no case for the bug."""
    adapter: str = "adapter.py"
    """Relative to the folder."""
    options: list[str] = []
    """More options of ``bookproof run``."""
    breaks: list[str]
    """Checks of which the buggy release must fail at least one in each case, or ``hung`` or ``crashed``: it may not fail for
    another reason."""


class NotTried(Exception):
    """Something kept the case from being run: no network, a release that is gone, a broken adapter."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a release did."""

    verdict: str
    diagnosis: str
    as_expected: bool


def main() -> int:
    arguments = parse()
    console = Console(width=None if sys.stdout.isatty() else 160)
    bugs = {
        path.parent.name: read_bug(path)
        for path in sorted(HERE.glob("*/bug.toml"))
        if not arguments.names or any(name in path.parent.name for name in arguments.names)
    }
    if not bugs:
        console.print(f"there is no bug of the name {' or '.join(arguments.names)} in {HERE}", highlight=False)
        return 2
    table = Table("bug", "release", "expected", "verdict", "diagnosis", show_lines=True)
    wrong, not_tried = 0, 0
    for name, bug in bugs.items():
        console.print(f"[bold]{name}[/]: {escape(bug.title)}", highlight=False)
        which: Which
        for which in ("buggy", "fixed"):
            release = f"{bug.client} {getattr(bug, which)}"
            expected = "fail" if which == "buggy" else "pass"
            try:
                outcome = try_release(name, bug, which, arguments.python)
            except NotTried as reason:
                not_tried += 1
                console.print(f"  {release}: {escape(str(reason))}", highlight=False, style="red")
                table.add_row(name, release, expected, "[yellow]not tried[/]", escape(str(reason).splitlines()[0]))
                continue
            wrong += not outcome.as_expected
            colour = "green" if outcome.as_expected else "red"
            console.print(f"  {release}: {outcome.verdict}", highlight=False)
            table.add_row(name, release, expected, f"[{colour}]{outcome.verdict}[/]", escape(outcome.diagnosis))
    console.print(table)
    if wrong:
        console.print(f"{wrong} of the releases did not do what was expected of it", style="red", highlight=False)
    return 1 if wrong else 2 if not_tried else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs buggy and mended releases of real clients.")
    parser.add_argument("names", nargs="*", help="only the bugs whose folder's name has one of these in it")
    parser.add_argument("--python", default=sys.executable, help="the Python of the environments (tested: 3.11)")
    return parser.parse_args()


def read_bug(path: Path) -> Bug:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Bug)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SystemExit(f"{path}: {error}") from error


def try_release(name: str, bug: Bug, which: Which, python: str) -> Outcome:
    folder = HERE / name
    python = str(environment(f"{name}-{which}", folder / f"requirements-{which}.txt", python))
    return judge(bug, which, run_cases(folder, bug, which, [python, str(folder / bug.adapter)]))


def environment(name: str, requirements: Path, python: str) -> Path:
    """The Python of the release's environment, which is made if it is not there or not of these requirements."""
    home = ENVIRONMENTS / name
    made_of = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()
    stamp = home / "made-of"
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if stamp.is_file() and stamp.read_text() == made_of:
        return inside
    shutil.rmtree(home, ignore_errors=True)
    ENVIRONMENTS.mkdir(exist_ok=True)
    (ENVIRONMENTS / ".gitignore").write_text("*\n")
    call([python, "-m", "venv", str(home)], "no environment could be made")
    call(
        [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
        f"{requirements.name} could not be installed",
    )
    stamp.write_text(made_of)
    return inside


def call(command: Sequence[str], otherwise: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotTried(f"{otherwise}: {error}") from error
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).strip()
    if any(sign in said for sign in NO_INDEX):
        otherwise += ": the package index could not be reached (the first run needs the network)"
    raise NotTried("\n".join([otherwise, *said.splitlines()[-4:]]))


def run_cases(folder: Path, bug: Bug, which: Which, client: Sequence[str]) -> dict[str, Any]:
    """The report of ``bookproof run``."""
    with tempfile.TemporaryDirectory(prefix="real-bugs-") as report:
        command = [sys.executable, "-m", "bookproof", "run", "--client", " ".join(f"'{word}'" for word in client)]
        command += ["--dialect", bug.dialect, "--jobs", "1", "--quiet", "--report", report, *bug.options]
        command += ["--once"] if which == "buggy" else []  # it is to fail: to see it fail again takes as long
        for case in bug.cases:
            command += ["--case", case]
        if bug.scenario is not None:
            command += ["--scenarios", str(folder / bug.scenario)]
        # the clients' environments find the adapter kit there; they need nothing else of Bookproof
        kit = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "harness"), os.environ.get("PYTHONPATH")]))}
        # in the report's folder, because a client may write files where it is (cryptofeed: feedhandler.log)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | kit, cwd=report, timeout=1800
        )
        if done.returncode not in (0, 1, 2):
            said = (done.stdout + done.stderr).strip().splitlines()
            raise NotTried("\n".join([f"bookproof run ended with exit status {done.returncode}", *said[-6:]]))
        result: dict[str, Any] = json.loads((Path(report) / "report.json").read_text(encoding="utf-8"))
        return result


def judge(bug: Bug, which: Which, report: dict[str, Any]) -> Outcome:
    cases = report["cases"]
    verdicts = [case["verdict"] for case in cases]
    if not verdicts:
        return Outcome(verdict="no case was run", diagnosis="", as_expected=False)
    right = which == "fixed"
    if right:
        as_expected = all(verdict in PASSING for verdict in verdicts)
    else:
        as_expected = all(broken(case) & set(bug.breaks) for case in cases)
    return Outcome(
        verdict=", ".join(dict.fromkeys(verdicts)),
        diagnosis="\n".join(dict.fromkeys(filter(None, map(diagnosis, cases)))),
        as_expected=as_expected,
    )


def broken(case: dict[str, Any]) -> set[str]:
    """The checks that failed (``S1``, and ``E1`` where the report says ``E1@7``), and ``hung`` or ``crashed``."""
    checks = {check["id"].split("@")[0] for check in case["checks"] if check["verdict"] == "fail"}
    return checks | ({case["verdict"]} & {"hung", "crashed"})


def diagnosis(case: dict[str, Any]) -> str:
    """What the report says of a case that did not pass: its diagnosis, else the first check that failed."""
    if case.get("diagnosis"):
        return str(case["diagnosis"])
    wrong = [check for check in case["checks"] if check["verdict"] not in PASSING]
    if not wrong:
        return str(case.get("message", ""))
    codes = " ".join(f"{check['id'].split('@')[0]} {check.get('anomaly') or ''}".strip() + "," for check in wrong)
    return f"{codes.rstrip(',')}: {wrong[0].get('message', '')}"


if __name__ == "__main__":
    sys.exit(main())
