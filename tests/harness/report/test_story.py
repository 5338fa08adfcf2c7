"""The story of a case, its transcript, and its scenario as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_world import check, result

from bookproof.cases.plan import Case, cases
from bookproof.report import failures, transcript
from bookproof.report.story import MOST, story
from bookproof.results import Verdict
from bookproof.selftest.prove import run_in_memory
from bookproof_exchange import evidence
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.load import load


def live(position: int) -> evidence.Observed:
    return evidence.Observed(position=position, at=position / 10, symbol="BTC/USD", claim="live", bids=(), asks=())


RECORDS: list[evidence.Evidence] = [
    evidence.Step(position=1, place=1, step="sync"),
    evidence.Opened(position=2, connection=1, path="/v2"),
    live(3),
    evidence.ClientEvent(position=4, kind="warning", message="odd\n\x1b[31m"),
    live(5),
    evidence.ReadAsked(position=6, read=1, symbol="BTC/USD"),
    live(7),
    evidence.Struck(position=8, fault=1, kind="drop", connection=1, symbol="BTC/USD", first=4, last=5, note="lost"),
    live(9),
    evidence.Closed(position=10, connection=1, by="exchange", code=1006, how="reset"),
    evidence.Waited(position=11, place=2, what="converge", came=False, limit=2.0),
]


def test_the_story_puts_repetitions_together_but_not_over_a_fault() -> None:
    assert [(m.position, m.until, m.lane, m.text, m.count) for m in story(RECORDS)] == [
        (1, 1, "script", "step 1: sync", 1),
        (2, 2, "client", "connection 1 opened", 1),
        (3, 7, "book", "live BTC/USD", 3),
        (4, 4, "client", "warning: odd \\x1b[31m", 1),
        (8, 8, "fault", "drop BTC/USD version 5 (lost)", 1),
        (9, 9, "book", "live BTC/USD", 1),
        (10, 10, "exchange", "connection 1 closed (reset 1006)", 1),
        (11, 11, "script", "converge: did not come within 2 s", 1),
    ]


def test_a_long_story_is_told_about_what_matters() -> None:
    long: list[evidence.Evidence] = [evidence.Step(position=n, place=n, step=f"send {n}") for n in range(1, 1000)]
    told = story(long, 500)
    assert len(told) == MOST
    assert told[0].position < 500 < told[-1].position
    assert story(long, 3)[0].position == 1
    assert story(long)[-1].position == 999


def test_transcripts_name_what_every_record_is(tmp_path: Path) -> None:
    transcript.write(RECORDS, tmp_path / "a" / "t.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a" / "t.jsonl").read_text().splitlines()]
    assert [line["what"] for line in lines] == [
        "step", "opened", "observed", "client-event", "observed", "read-asked", "observed", "struck", "observed",
        "closed", "waited",
    ]  # fmt: skip
    assert lines[-1]["for"] == "converge"
    assert lines[7]["first"] == 4


@pytest.mark.parametrize("seed", [None, 77])
def test_a_failing_scenario_as_a_file_makes_the_same_case(tmp_path: Path, seed: int | None) -> None:
    scenario = load(folder("scenarios") / "gap" / "single.scenario.yaml")
    made, _ = cases([(scenario, None)], [DIALECTS.get("kraken-v2")], seed=seed)
    failed = result(verdict=Verdict.FAIL, checks=[check(message="a\n: b # c\x1b")], client="\ud800 evil\n- x")
    name = failures.write(made[0], failed, tmp_path)
    assert name == "failures/kraken-v2__book__gap__single.scenario.yaml"
    again, left = cases([(load(tmp_path / name), str(tmp_path / name))], list(DIALECTS))
    assert [case.id for case in again] == [made[0].id], "no other dialect"
    assert len(left) == len(DIALECTS.names()) - 1
    assert again[0].exchange_seed == made[0].exchange_seed
    assert _played(again[0]) == _played(made[0])


def _played(case: Case) -> dict[str, list[str]]:
    """What goes over the wire with the ideal client, byte by byte."""
    (run,) = run_in_memory([case])
    assert run.result.verdict is Verdict.PASS
    return transcript.comparable(run.evidence)
