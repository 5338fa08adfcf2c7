"""Text from outside, and a result in words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import RESULTS, check, result

from bookproof.report.causes import causes
from bookproof.report.matrix import Matrix
from bookproof.report.text import clean, one_line
from bookproof.report.words import columns, diff_lines, label, likely, telling, why
from bookproof.results import CaseResult, LevelDiff, Suspect, Verdict


@given(st.text(st.characters()))
def test_clean_leaves_nothing_that_steers(text: str) -> None:
    cleaned = clean(text)
    assert not {unicodedata.category(c) for c in cleaned if c not in "\t\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")


def test_clean_says_what_was_there_and_leaves_other_scripts_alone() -> None:
    assert clean("a\x1b[31m\u202eb\x00\ud800\U000e0001") == "a\\x1b[31m\\u202eb\\x00\\ud800\\U000e0001"
    assert clean("日本語 ÷ ≥ 🦀\tx\r\ny") == "日本語 ÷ ≥ 🦀\tx\ny"


def test_one_line() -> None:
    assert one_line("a\n\n  b\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"


@given(RESULTS)
def test_a_result_that_is_not_clean_says_why(found: CaseResult) -> None:
    assert label(found).startswith(str(found.verdict))
    if found.verdict is Verdict.PASS:
        assert telling(found) is None
    elif found.verdict is not Verdict.INFO:
        assert why(found).endswith((".", ")"))


def test_a_crash_says_so_first_and_what_was_wrong_before_it() -> None:
    vague = check("V0", Verdict.INCONCLUSIVE, message="Nothing was observed.")
    wrong = check("S1", message="A ghost.")
    crash = result(verdict=Verdict.CRASHED, message="the client ended: signal SIGSEGV", checks=[vague, wrong])
    assert label(crash) == "crashed S1 ghost"
    assert why(crash) == "The client ended: signal SIGSEGV. Before that: A ghost."
    only = result(verdict=Verdict.CRASHED, message="the client ended: signal SIGSEGV", checks=[vague])
    assert label(only) == "crashed"
    assert why(only) == "The client ended: signal SIGSEGV."


def test_nothing_is_said_twice() -> None:
    failed = check("S1", message="A ghost.")
    assert why(result(verdict=Verdict.FAIL, checks=[failed], message="A ghost.")) == "A ghost."
    note = "A ghost. It did not come back when run again in a fresh process."
    assert why(result(verdict=Verdict.FAIL, checks=[failed], message=note)) == note


def test_a_diagnosis_leaves_out_what_was_said_already() -> None:
    ghost = (
        "At position 8 the client said live. Level bid 1.5 is from before the snapshot. (45 such observations in all.)"
    )
    guess = f"This looks like X (class A): It holds too much. {ghost.partition('. ')[2].replace('45', '20')}"
    failed = result(verdict=Verdict.FAIL, checks=[check(message=ghost)], diagnosis=guess)
    assert likely(failed) == "This looks like X (class A): It holds too much."
    assert why(failed) == f"{ghost} {likely(failed)}"
    assert likely(result()) == ""
    only = result(
        verdict=Verdict.FAIL, checks=[check(message=ghost)], diagnosis=f"This looks like X (class A): {ghost}"
    )
    assert likely(only) == "This looks like X (class A)."


def test_causes_are_grouped_the_commonest_first() -> None:
    def bad(scenario: str, letter: str | None, verdict: Verdict = Verdict.FAIL, known: str | None = None) -> CaseResult:
        suspects = () if letter is None else (Suspect(bug_class=letter, name=f"kind {letter}", reason="r"),)
        return result(scenario, verdict, [check()], suspects=suspects, known=known)

    found = causes(
        [
            bad("book/a", None),
            bad("book/b", "D"),
            bad("book/c", "A"),
            bad("book/d", "D", Verdict.WARN),
            bad("book/e", "A", known="they know"),
            bad("book/f", None, Verdict.CRASHED),
            bad("book/g", None, Verdict.UNSUPPORTED),
            result("book/h"),
        ]
    )
    assert [(each.bug_class, each.name, [case[-1] for case in each.cases]) for each in found] == [
        ("D", "kind D", ["b", "d"]),
        ("A", "kind A", ["c"]),
        ("", "no diagnosis", ["a", "f"]),
    ]


def test_columns_and_differences_are_aligned_without_trailing_spaces() -> None:
    rows = [
        LevelDiff(side="bid", price=str(10**n), shown=None, truth="1", note="" if n else "a note") for n in range(8)
    ]
    lines = diff_lines(rows)
    assert lines[0] == "side  price   client  truth"
    assert lines[1] == "bid   1       -       1      a note"
    assert lines[-1] == "and 2 more"
    assert all(line == line.rstrip() for line in lines)
    assert columns([]) == []


def test_the_matrix_counts_every_case_once() -> None:
    results = [
        result("book/gap/single", Verdict.FAIL, [check()]),
        result("book/gap/twice"),
        result("book/gap/sweep", Verdict.FAIL, [check()], known="yes"),
        result("trades/plain", dialect="binance-spot"),
    ]
    matrix = Matrix.of(results)
    assert matrix.dialects == ("binance-spot", "kraken-v2")
    assert matrix.rows == (
        ("book/gap", ((), (("pass", 1), ("fail", 1), ("known", 1)))),
        ("trades", ((("pass", 1),), ())),
    )


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_place_in_the_matrix(verdict: Verdict) -> None:
    assert Matrix.of([result(verdict=verdict)]).rows == (("book/gap", (((str(verdict), 1),),)),)
