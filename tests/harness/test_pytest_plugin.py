"""The plugin from outside: whole pytest runs, with real clients and deliberately bad ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bookproof.pytest_support.client  # once, not at every run below
import bookproof.pytest_support.items  # noqa: F401

pytest_plugins = ["pytester"]

CONFORMANCE = ("--bookproof-dialect", "kraken-v2", "--pyargs", "bookproof.conformance")

ADAPTERS = """
import os
import time
from bookproof.adapter import unsupported
from bookproof.ideal.adapter import IdealAdapter

with open("pids", "a") as file:
    file.write(f"{os.getpid()}\\n")

class Good(IdealAdapter):
    pass

class Lying(IdealAdapter):
    pushes = False
    reads = 0

    def read(self, symbol, channel):
        book = super().read(symbol, channel)
        self.reads += 1
        if self.reads % 2 or book.claim != "live":
            return book
        return book._replace(bids=[(book.bids[0][0], "7.77"), *list(book.bids)[1:]])

class CrashingOnce(IdealAdapter):
    def read(self, symbol, channel):
        if not os.path.exists("crashed"):
            open("crashed", "w").close()
            print("about to die")
            os._exit(3)
        return super().read(symbol, channel)

class Hanging(IdealAdapter):
    def read(self, symbol, channel):
        open("hanging", "w").close()
        time.sleep(600)

class Unsupported(IdealAdapter):
    async def start(self, start):
        unsupported("no books today")
"""

SCENARIO = """
id: own/calm
title: Five updates
purpose: An own scenario of this test.
rules: [checksum-verify]
tags: [mine]
script: [sync, send: 5, read, settle]
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(adapters=ADAPTERS)
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config -p no:hypothesispytest\n")
    return pytester


def client(name: str) -> tuple[str, str]:
    return "--bookproof-client", f"python:adapters:{name}"


def pids(pytester: pytest.Pytester) -> list[int]:
    return [int(line) for line in (pytester.path / "pids").read_text().split()]


def gone(pid: int) -> bool:
    """Whether the process has ended (children of the pytest process that ended are reaped by init, in a moment)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_good_client_passes_in_one_process_and_junit_knows_the_cases(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess(
        *client("Good"), *CONFORMANCE, "-k", "gap/single or start-up", "-m", "smoke and kraken-v2 and not slow",
        "-v", "--junitxml=junit.xml",
    )  # fmt: skip
    result.stdout.fnmatch_lines(["*::kraken-v2/book/gap/single PASSED*"])
    assert result.ret == 0
    assert "warning" not in result.stdout.str().lower()
    assert len(set(pids(suite))) == 1
    assert gone(pids(suite)[0])
    cases = {case.get("name"): case for case in ElementTree.parse(suite.path / "junit.xml").iter("testcase")}
    assert len(cases) >= 2
    properties = {each.get("name"): each.get("value") for each in cases["kraken-v2/book/gap/single"].iter("property")}
    assert properties["bookproof_verdict"] == "pass"


def test_a_lying_client_fails_in_words_and_lf_runs_it_again(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess(
        *client("Lying"),
        "--bookproof-once",
        "--bookproof-time-scale",
        "2",
        *CONFORMANCE,
        "-k",
        "gap/single or gap/several",
        "-x",
        "--junitxml=junit.xml",
    )
    assert result.ret == 1
    result.assert_outcomes(failed=1, deselected=len_of(result) - 2)
    result.stdout.fnmatch_lines(
        [
            "kraken-v2/book/gap/several: Eight updates in a row are lost",
            "fail S1 wrong-size: *",
            "rule kraken-v2/checksum-verify (SHOULD): *",
            "*https://docs.kraken.com/*",
            "*side * price * client * truth*",
            "*bid * 7.77* never sent with this size",
            "again: pytest --bookproof-client python:adapters:Lying --bookproof-time-scale 2 --bookproof-dialect "
            "kraken-v2 --pyargs bookproof.conformance.catalogue::kraken-v2/book/gap/several",
            "again: bookproof run --client python:adapters:Lying * --case book/gap/several --time-scale 2",
            "transcript: *kraken-v2__book__gap__several.jsonl",
            "FAILED *::kraken-v2/book/gap/several - fail S1 wrong-size*",
        ]
    )
    text = result.stdout.str()
    assert "Traceback" not in text
    assert "items.py" not in text
    transcript = next(line for line in text.splitlines() if line.startswith("transcript: ")).split(": ")[1]
    assert any(json.loads(line)["what"] == "observed" for line in Path(transcript).read_text().splitlines())
    (failure,) = ElementTree.parse(suite.path / "junit.xml").iter("failure")
    assert "wrong-size" in failure.get("message", "")
    assert "rule kraken-v2/checksum-verify" in (failure.text or "")
    mended = suite.runpytest_subprocess(*client("Good"), *CONFORMANCE, "--lf", "-v")
    mended.stdout.fnmatch_lines(["*kraken-v2/book/gap/several PASSED*"])
    assert mended.ret == 0
    assert mended.parseoutcomes()["passed"] == 1


def len_of(result: pytest.RunResult) -> int:
    """How many items were collected."""
    line = next(line for line in result.outlines if line.startswith("collected "))
    return int(line.split()[1])


def test_by_node_id_and_a_crash_that_does_not_come_back(suite: pytest.Pytester) -> None:
    """The crashed case is run again in a fresh process, and the next case gets a living one."""
    module = "bookproof.conformance.catalogue::kraken-v2/book/gap"
    result = suite.runpytest_inprocess(
        *client("CrashingOnce"), "--bookproof-dialect", "kraken-v2", "--pyargs", f"{module}/single", f"{module}/several"
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["crashed*exit status 3*", "*about to die", "run again in a fresh process: passed"])
    assert "Traceback" not in result.stdout.str()
    assert len(set(pids(suite))) == 2
    assert all(map(gone, pids(suite)))


def test_what_is_unsupported_is_skipped_and_nothing_proved_is_not_green(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess(*client("Unsupported"), *CONFORMANCE, "-k", "gap/single", "-rs")
    result.assert_outcomes(skipped=1, deselected=len_of(result) - 1)
    result.stdout.fnmatch_lines(["*no case was run: nothing is proved*", "SKIPPED*unsupported: no books today"])
    assert result.ret == 1


def test_a_client_that_never_starts_is_not_tried_at_every_case(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess(
        *client("Missing"), *CONFORMANCE, "-k", "gap/single or gap/several or gap/twice", "-ra"
    )
    result.assert_outcomes(failed=3, deselected=len_of(result) - 3)
    result.stdout.fnmatch_lines(
        ["adapter-error: *Missing*", "the client has never started: *", "FAILED *adapter-error*"]
    )
    assert "Traceback (" not in result.stdout.str().replace("    Traceback (", "")
    assert len(pids(suite)) == 2


def test_xdist_reports_and_exit_status(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess(
        *client("Good"), *CONFORMANCE, "-k", "gap/single or gap/several or delete/best", "-n", "2",
        "--bookproof-report", "out",
    )  # fmt: skip
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert 1 <= len(set(pids(suite))) <= 2
    assert all(map(gone, pids(suite)))
    report = json.loads((suite.path / "out" / "report.json").read_text())
    assert "kraken-v2/book/gap/single" in json.dumps(report)
    assert (suite.path / "out" / "report.html").exists()
    assert len(list((suite.path / "out" / "transcripts").iterdir())) == 3
    assert report["exit_status"] == 0


def test_own_scenario_files_are_items_and_a_broken_one_is_a_collection_error(suite: pytest.Pytester) -> None:
    (suite.path / "calm.scenario.yaml").write_text(SCENARIO)
    suite.makepyfile(test_other="def test_other(): pass")
    untouched = suite.runpytest_inprocess()
    untouched.assert_outcomes(passed=1)
    options = (*client("Good"), "--bookproof-dialect", "kraken-v2")
    result = suite.runpytest_inprocess(*options, "-v", "-m", "mine")
    result.stdout.fnmatch_lines(["calm.scenario.yaml::kraken-v2/own/calm PASSED*"])
    assert result.ret == 0
    (suite.path / "broken.scenario.yaml").write_text(
        SCENARIO.replace("own/calm", "own/other").replace("settle", "setle")
    )
    broken = suite.runpytest_inprocess(*options)
    broken.stdout.fnmatch_lines(["*broken.scenario.yaml:7:*unknown step 'setle' (did you mean 'settle'?)*"])
    assert "Traceback" not in broken.stdout.str()
    assert broken.ret == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--bookproof-client", "true", "--bookproof-dialect", "kraken-v3", "--pyargs", "bookproof.conformance"),
            "ERROR: bookproof: unknown dialect 'kraken-v3' (did you mean 'kraken-v2'?)",
        ),
        (("--pyargs", "bookproof.conformance"), "ERROR: bookproof: there is no client to test (give *"),
        (
            ("--bookproof-client", "no-such-program", *CONFORMANCE),
            "ERROR: bookproof: the client command was not found: 'no-such-program' (is it installed, and on PATH?)",
        ),
        (
            ("--bookproof-client", "true", "--bookproof-time-scale", "fast", *CONFORMANCE),
            "ERROR: bookproof: --bookproof-time-scale must be a number from 0.01 to 100, not 'fast'",
        ),
    ],
)
def test_mistakes_end_the_session_in_one_line(
    pytester: pytest.Pytester, arguments: tuple[str, ...], message: str
) -> None:
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_run_that_selects_nothing_is_not_green(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess(*client("Good"), *CONFORMANCE, "-k", "no_such_case")
    assert result.ret == 5


def test_a_project_that_does_not_use_it_is_left_alone(pytester: pytest.Pytester) -> None:
    (pytester.path / "calm.scenario.yaml").write_text("not: [ours")
    pytester.makepyfile(
        """
        import sys

        def test_nothing_came_with_the_plugin():
            names = {name.partition(".")[0] for name in sys.modules}
            assert not names & {"trio", "hypothesis", "msgspec", "bookproof_exchange"}
            assert not any(name.startswith("bookproof.pytest_support") for name in sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("--strict-markers", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    assert "bookproof:" not in result.stdout.str()


def test_ctrl_c_ends_the_client_too(suite: pytest.Pytester) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *client("Hanging"), *CONFORMANCE, "-k", "gap/single"],
        cwd=suite.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (suite.path / "hanging").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)  # another process's file: there is nothing to wait on
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 2
    assert "KeyboardInterrupt" in output
    assert "nothing is proved" not in output
    assert all(map(gone, pids(suite)))
