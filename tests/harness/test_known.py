"""Known failures: what an entry excuses, and when it is stale."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import RESULTS, check, result

from bookproof.known import Known, apply_known, entries_of, load_known
from bookproof.known_update import update
from bookproof.results import CaseResult, Verdict
from bookproof.suite import exit_status
from bookproof_exchange.errors import UsageError

TODAY = datetime.date(2026, 7, 1)
FAILS = result("book/gap/single", Verdict.FAIL, [check("S1"), check("E1@7", anomaly="not-live")])


def entry(case: str = "kraken-v2/book/gap/single", name: str = "S1", **more: object) -> Known:
    return Known(case=case, check=name, reason="we know", **more)  # type: ignore[arg-type]


def judged(
    results: list[CaseResult], *known: Known, strict: bool = False, others: tuple[str, ...] = ()
) -> tuple[list[bool], tuple[str, ...]]:
    found = apply_known(results, known, all_cases=[*(each.id for each in results), *others], today=TODAY, strict=strict)
    return [each.known is not None for each in found.results], found.stale


def test_a_case_is_known_only_if_all_that_fails_is_listed() -> None:
    assert judged([FAILS], entry()) == ([False], ())
    assert judged([FAILS], entry(), entry(name="E1")) == ([True], ())
    assert judged([FAILS], entry(), entry(name="E1@7")) == ([True], ())
    assert judged([FAILS], entry(case="kraken-v2/book/*"), entry(name="E1", anomaly="not-live")) == ([True], ())


def test_another_anomaly_is_not_excused_and_makes_the_entry_stale() -> None:
    known, stale = judged([FAILS], entry(anomaly="torn"), entry(name="E1"))
    assert known == [False]
    assert stale == (
        "known failure kraken-v2/book/gap/single S1: kraken-v2/book/gap/single S1 fails with anomaly 'ghost', not 'torn'",
    )


def test_an_entry_ends_after_its_last_day() -> None:
    both = [entry(expires=TODAY), entry(name="E1")]
    assert judged([FAILS], *both) == ([True], ())
    known, stale = judged([FAILS], entry(expires=TODAY - datetime.timedelta(days=1)), entry(name="E1"))
    assert known == [False]
    assert stale == ("known failure kraken-v2/book/gap/single S1: the entry expired on 2026-06-30",)


def test_stale_is_what_passes_and_what_does_not_exist_but_not_what_was_not_run() -> None:
    passes = result("book/gap/single")
    unrun = "kraken-v2/book/gap/twice"
    assert judged([passes], entry())[1] == ("known failure kraken-v2/book/gap/single S1: does not fail any more",)
    assert judged([passes], entry(case="kraken-v2/nonsense"))[1] == (
        "known failure kraken-v2/nonsense S1: there is no such case",
    )
    assert judged([passes], entry(case=unrun), others=(unrun,))[1] == ()
    assert judged([passes], entry(case="*/book/gap/*"), others=(unrun,))[1] == (), "one of its cases was not run"
    assert judged([passes], entry(case="*/book/gap/*"))[1] != ()


def test_what_fails_only_sometimes_is_not_stale_until_its_day() -> None:
    passes = result("book/gap/single", Verdict.PASS, [check("S1", verdict=Verdict.PASS)])
    later, earlier = TODAY + datetime.timedelta(days=1), TODAY - datetime.timedelta(days=1)
    assert judged([passes], entry(sometimes=True, expires=later)) == ([False], ())
    assert judged([FAILS], entry(sometimes=True, expires=later), entry(name="E1")) == ([True], ())
    assert judged([FAILS], entry(sometimes=True, expires=earlier), entry(name="E1"))[0] == [False]
    (stale,) = judged([passes], entry(sometimes=True, expires=earlier))[1]
    assert stale.endswith(f"the entry expired on {earlier}")
    assert judged([passes], entry(expires=later))[1], "without the word it is stale at once"


def test_two_entries_for_one_failure_are_both_in_use() -> None:
    assert judged([FAILS], entry(), entry(case="*"), entry(name="E1")) == ([True], ())


def test_what_is_inconclusive_is_never_known_but_does_not_stand_in_the_way_of_a_known_crash() -> None:
    vague = check("S4", Verdict.INCONCLUSIVE, anomaly="not-observed")
    assert judged([result(verdict=Verdict.INCONCLUSIVE, checks=[vague])], entry(name="S4"))[0] == [False]
    crash = result(verdict=Verdict.CRASHED, checks=[vague], message="signal SIGSEGV")
    assert judged([crash], entry(name="crashed")) == ([True], ())
    assert judged([crash], entry(name="hung"))[0] == [False]


@pytest.mark.parametrize("verdict", [Verdict.HARNESS_ERROR, Verdict.ADAPTER_ERROR])
def test_errors_of_harness_and_adapter_cannot_be_listed(verdict: Verdict) -> None:
    assert judged([result(verdict=verdict, checks=[check("S1")])], entry(), entry(name=str(verdict)))[0] == [False]


def test_a_mild_verdict_must_be_listed_only_where_it_is_strict() -> None:
    mild = result(verdict=Verdict.WARN, checks=[check("S2", Verdict.WARN, anomaly="went-back")])
    both = result(verdict=Verdict.FAIL, checks=[check("S1"), check("S2", Verdict.WARN, anomaly="went-back")])
    assert judged([both], entry()) == ([True], ())
    assert judged([both], entry(), strict=True) == ([False], ())
    assert judged([mild], entry(name="S2"), strict=True) == ([True], ())


@given(st.lists(RESULTS, max_size=4, unique_by=lambda each: each.id), st.booleans())
def test_todays_entries_excuse_todays_failures_and_only_what_can_be_excused(
    results: list[CaseResult], strict: bool
) -> None:
    entries = entries_of(results, "because", strict=strict)
    found = apply_known(results, entries, all_cases=[each.id for each in results], today=TODAY, strict=strict)
    assert found.stale == ()
    assert found.outdated == ()
    left = {each.verdict for each in found.results if each.known is None}
    harmless = {Verdict.PASS} if strict else {Verdict.PASS, Verdict.INFO, Verdict.WARN, Verdict.NON_STRICT}
    assert left <= harmless | {Verdict.INCONCLUSIVE, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR}
    listed = {each.verdict for each in found.results if each.known is not None}
    assert listed.isdisjoint({Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR})
    assert exit_status(found.results, (), strict=strict) != 1


@given(st.lists(RESULTS, max_size=4, unique_by=lambda each: each.id), st.data())
def test_fewer_entries_never_excuse_more(results: list[CaseResult], data: st.DataObject) -> None:
    entries = entries_of(results, "because")
    some = [each for each in entries if data.draw(st.booleans())]
    ids = [each.id for each in results]
    more = apply_known(results, entries, all_cases=ids, today=TODAY).results
    fewer = apply_known(results, some, all_cases=ids, today=TODAY).results
    for one, two in zip(fewer, more, strict=True):
        assert one.known is None or two.known is not None


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_is_yaml_or_json(tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text("# why\n- {case: a, check: S1, reason: r, expires: 2027-01-31}\n")
    assert load_known(file) == (Known(case="a", check="S1", reason="r", expires=datetime.date(2027, 1, 31)),)
    file.write_text('[{"case": "a", "check": "S1", "reason": "r"}]')
    assert load_known(file) == (Known(case="a", check="S1", reason="r"),)
    file.write_text("")
    assert load_known(file) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {case: a, check: [}", "known.yaml:1:21: not YAML"),
        ("case: a", "Expected `array`"),
        ("- {case: a, check: S1}", "missing required field `reason`"),
        ("- {case: a, check: S1, reason: r, anomoly: x}", "unknown field `anomoly`"),
        ("- {case: a, check: S1, reason: r, expires: soon}", "expires"),
        ("- {case: a, check: S1, reason: r, expires: 2027-02-31}", "not YAML"),
        ("- {case: a, check: S1, reason: r, sometimes: true}", "no day on which it is looked at again"),
        ("- {case: a, case: b}", "duplicate key"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_known(file)
    assert said in str(caught.value)
    assert "known.yaml" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"# \xff")
    for name, said in (("nothing", "No such file"), (".", "Is a directory"), ("latin", "not UTF-8")):
        with pytest.raises(UsageError, match=said):
            load_known(tmp_path / name)


def test_update_keeps_comments_reasons_and_what_was_not_run(tmp_path: Path) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(
        "# ours\n"
        "- {case: kraken-v2/book/gap/single, check: S1, reason: ticket 7}   # stays\n"
        "- case: kraken-v2/book/gap/single   # another anomaly today\n"
        "  check: E1\n"
        "  anomaly: behind\n"
        "  reason: ticket 8\n"
        "- {case: kraken-v2/trades/plain, check: T1, reason: gone}\n"
    )
    known = load_known(file)
    crash = result("book/delete/best", Verdict.CRASHED, message="signal SIGSEGV")
    ran = [FAILS, crash, result("trades/plain")]
    found = apply_known(ran, known, all_cases=[each.id for each in ran], today=TODAY)
    assert [each.check for each in found.outdated] == ["E1", "T1"]
    done = update(file, ran, found.outdated)
    assert (done.kept, done.added, done.removed) == (1, 2, 2)
    after = load_known(file)
    assert after == (
        Known(case="kraken-v2/book/gap/single", check="S1", reason="ticket 7"),
        Known(case="kraken-v2/book/gap/single", check="E1", anomaly="not-live", reason="ticket 8"),
        Known(case="kraken-v2/book/delete/best", check="crashed", reason="to be explained"),
    )
    assert "# ours" in file.read_text()
    assert "# stays" in file.read_text()
    again = apply_known(ran, after, all_cases=[each.id for each in ran], today=TODAY)
    assert again.stale == ()
    assert exit_status(again.results, ()) == 0
    text = file.read_text()
    update(file, ran, again.outdated)
    assert file.read_text() == text


def test_update_makes_a_file(tmp_path: Path) -> None:
    for name in ("new.yaml", "new.json"):
        update(tmp_path / name, [FAILS], ())
        assert {each.check for each in load_known(tmp_path / name)} == {"S1", "E1"}
    assert (tmp_path / "new.yaml").read_text().startswith("# Expected failures")
    with pytest.raises(UsageError, match="cannot write"):
        update(tmp_path / "no" / "folder.yaml", [FAILS], ())
