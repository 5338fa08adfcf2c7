"""What each verdict becomes in pytest, known failures included: with canned results in the place of a client."""

from __future__ import annotations

import pytest

import bookproof.pytest_support.client  # once, not at every run below
import bookproof.pytest_support.items  # noqa: F401

pytest_plugins = ["pytester"]

#: In the place of a client: verdicts by the last word of the case's id.
CONFTEST = """
import pytest
from bookproof.case_run import CaseRun
from bookproof.pytest_support.client import Client
from bookproof.results import CaseResult, Check, LevelDiff, Verdict

def run(self, case):
    verdict = Verdict(case.scenario.id.rpartition("/")[2])
    checks = ()
    if verdict in (Verdict.FAIL, Verdict.WARN, Verdict.NON_STRICT, Verdict.INFO):
        diff = (LevelDiff(side="bid", price="1.5", shown=None, truth="2", note="written by update 7"),)
        checks = (Check(id="S1", verdict=verdict, title="t", anomaly="torn", message="It is torn.", diff=diff),)
    result = CaseResult(
        id=case.id, dialect=case.dialect, scenario=case.scenario.id, title=case.scenario.title, seed=case.seed,
        verdict=verdict, checks=checks, message="" if checks else "Canned words.", slow=case.scenario.slow,
    )
    return CaseRun(result=result, evidence=(), chains={})

@pytest.hookimpl
def pytest_configure(config):
    config.real, Client.run = Client.run, run

def pytest_unconfigure(config):
    Client.run = config.real
"""

VERDICTS = (
    "pass", "info", "warn", "non-strict", "unsupported", "inconclusive", "fail", "hung", "crashed", "adapter-error",
    "harness-error",
)  # fmt: skip


@pytest.fixture
def canned(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makeini(
        "[pytest]\naddopts = --strict-markers -p no:hypothesispytest\n"
        "bookproof_client = true\nbookproof_dialects = kraken-v2 binance-spot\n"
    )
    return pytester


def scenario(pytester: pytest.Pytester, verdict: str, extra: str = "") -> None:
    (pytester.path / f"{verdict}.scenario.yaml").write_text(
        f"id: own/{verdict}\ntitle: {verdict}\npurpose: Canned.\nrules: [checksum-verify]\ndialects: [kraken-v2]\n"
        f"script: [sync, settle]\n{extra}"
    )


def known(pytester: pytest.Pytester, *entries: str) -> tuple[str, str]:
    (pytester.path / "known.yaml").write_text("".join(f"- {{{entry}, reason: issue 12}}\n" for entry in entries))
    return "--bookproof-known-failures", "known.yaml"


def test_every_verdict(canned: pytest.Pytester) -> None:
    for verdict in VERDICTS:
        scenario(canned, verdict)
    result = canned.runpytest_inprocess("-v", "-rs")
    lines = result.stdout
    for verdict, word in {
        "pass": "PASSED", "info": "PASSED", "warn": "PASSED", "non-strict": "PASSED", "unsupported": "SKIPPED*",
        "inconclusive": "FAILED", "fail": "FAILED", "hung": "FAILED", "crashed": "FAILED", "adapter-error": "FAILED",
        "harness-error": "FAILED",
    }.items():  # fmt: skip
        lines.fnmatch_lines_random([f"{verdict}.scenario.yaml::kraken-v2/own/{verdict} {word}*"])
    result.assert_outcomes(passed=4, skipped=1, failed=6, warnings=2)
    lines.fnmatch_lines_random(["*BookproofWarning: warn S1 torn: It is torn.*"])
    lines.fnmatch_lines_random(["SKIPPED*unsupported.scenario.yaml*unsupported: Canned words."])
    lines.fnmatch_lines(["*side  price  client  truth", "*bid   1.5    -       2      written by update 7"])
    assert "Traceback" not in lines.str()
    assert result.ret == 1


def test_strict_takes_remarks_for_failures(canned: pytest.Pytester) -> None:
    for verdict in ("pass", "info", "warn", "non-strict"):
        scenario(canned, verdict)
    canned.runpytest_inprocess().assert_outcomes(passed=4, warnings=2)
    canned.runpytest_inprocess("--bookproof-strict").assert_outcomes(passed=1, failed=3)


def test_warnings_as_errors_fail_in_words(canned: pytest.Pytester) -> None:
    scenario(canned, "warn")
    result = canned.runpytest_inprocess("-W", "error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED *own/warn - warn S1 torn: It is torn."])
    assert "items.py" not in result.stdout.str()


def test_known_failures_are_expected_to_fail(canned: pytest.Pytester) -> None:
    for verdict in ("pass", "fail", "crashed"):
        scenario(canned, verdict)
    entries = ("case: kraken-v2/own/fail, check: S1, anomaly: torn", "case: '*/own/crashed', check: crashed")
    result = canned.runpytest_inprocess(*known(canned, *entries), "-rx")
    result.assert_outcomes(passed=1, xfailed=2)
    result.stdout.fnmatch_lines(["XFAIL *own/fail*known failure: issue 12*"])
    assert result.ret == 0
    unknown = canned.runpytest_inprocess(*known(canned, *entries), "--runxfail")
    unknown.assert_outcomes(passed=1, failed=2)


@pytest.mark.parametrize(
    ("entry", "words", "parallel"),
    [
        ("own/pass", "known failure kraken-v2/own/pass S1: does not fail any more", ()),
        ("own/none", "known failure kraken-v2/own/none S1: there is no such case", ()),
        ("own/pass", "known failure kraken-v2/own/pass S1: does not fail any more", ("-n", "1")),
    ],
)
def test_a_stale_entry_fails_the_session(
    canned: pytest.Pytester, entry: str, words: str, parallel: tuple[str, ...]
) -> None:
    scenario(canned, "pass")
    run = canned.runpytest_subprocess if parallel else canned.runpytest_inprocess
    result = run(*known(canned, f"case: kraken-v2/{entry}, check: S1"), *parallel)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*{words}*"])
    assert result.ret == 1


def test_an_entry_that_fails_otherwise_excuses_nothing(canned: pytest.Pytester) -> None:
    scenario(canned, "fail")
    result = canned.runpytest_inprocess(*known(canned, "case: kraken-v2/own/fail, check: S1, anomaly: ghost"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fails with anomaly 'torn', not 'ghost'*"])


def test_entries_of_cases_that_were_not_run_are_left_alone(canned: pytest.Pytester) -> None:
    scenario(canned, "pass")
    scenario(canned, "fail")
    entries = ("case: kraken-v2/own/*, check: S1", "case: binance-spot/book/gap/single, check: S1")
    result = canned.runpytest_inprocess(*known(canned, *entries), "-k", "own/pass")
    result.assert_outcomes(passed=1, deselected=1)
    assert result.ret == 0
    # also when the file of a case is outside what was asked for
    named = canned.runpytest_inprocess(*known(canned, "case: kraken-v2/own/fail, check: S1"), "pass.scenario.yaml")
    named.assert_outcomes(passed=1)
    assert named.ret == 0


def test_slow_cases_run_when_asked_for(canned: pytest.Pytester) -> None:
    scenario(canned, "pass", "slow: true\n")
    scenario(canned, "info")
    left = canned.runpytest_inprocess()
    left.assert_outcomes(passed=1, skipped=1)
    left.stdout.fnmatch_lines(["1 slow case* not run (--bookproof-slow runs them): kraken-v2/own/pass"])
    for arguments in (["--bookproof-slow"], ["-m", "slow or not slow"], ["pass.scenario.yaml::kraken-v2/own/pass"]):
        assert "skipped" not in canned.runpytest_inprocess(*arguments).parseoutcomes()


def test_a_scenario_that_no_dialect_can_express_is_visible(canned: pytest.Pytester) -> None:
    scenario(canned, "pass")
    result = canned.runpytest_inprocess("--bookproof-dialect", "mexc-v3", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*cannot be expressed: *"])
    assert result.ret != 0


def test_markers(canned: pytest.Pytester) -> None:
    scenario(canned, "pass", "tags: [nightly]\n")
    scenario(canned, "info")
    for expression in ("nightly", "bookproof(scenario='own/pass')", "own and kraken-v2"):
        result = canned.runpytest_inprocess("-m", expression, "-v")
        assert result.parseoutcomes()["passed"] == (2 if expression.startswith("own") else 1), expression
        assert "PytestUnknownMarkWarning" not in result.stdout.str()
