"""The record of the self-test is whole, and the page shows it. That it is true: `test_mutants` and ``bookproof selftest``
run what it names."""

from __future__ import annotations

import functools

import pytest

from bookproof.diagnosis.classes import CLASSES
from bookproof.selftest import record
from bookproof.selftest.document import figures, kill_matrix
from bookproof.selftest.jobs import Job, catalogue, do
from bookproof.selftest.matrix import merged
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.reasons import REASONS, reason
from bookproof.selftest.record import Kill, Record
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS

BUILT_IN = ("binance-spot", "kraken-v2", "mexc-v3")
RENEW = "bookproof selftest --matrix (with --mutant NAME or --case GLOB for what is new)"


@functools.cache
def records() -> dict[str, Record]:
    return record.load()


def test_the_page_shows_the_record() -> None:
    page = folder("scenarios").parent / "docs" / "kill-matrix.md"
    assert page.read_text(encoding="utf-8") == kill_matrix(records()), RENEW


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_the_record_knows_every_mutant_and_every_scenario(dialect: str) -> None:
    found = records()[dialect]
    assert found.scenarios == tuple(catalogue(dialect)), RENEW
    exist = {mutant.name for mutant in MUTANTS.values() if mutant.exists_on(DIALECTS.get(dialect))}
    assert set(found.kills) == exist, RENEW


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_every_mutant_falls_wherever_its_dialect_can_show_it(dialect: str) -> None:
    survivors = [name for name in records()[dialect].kills if records()[dialect].killer(name) is None]
    assert not survivors, "say in `not_on` why the dialect cannot show it, or write the case that does"


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_every_scenario_catches_a_mutant_or_says_why_it_is_there(dialect: str) -> None:
    found = records()[dialect]
    idle = [
        scenario
        for scenario in found.scenarios
        if found.justification(scenario) is None and reason(scenario, dialect) is None
    ]
    assert not idle, "write the mutant that it is there for, or say in `selftest.reasons` why it is there"


def test_no_reason_is_given_for_what_is_not_there() -> None:
    known = {name for dialect in BUILT_IN for scenario in catalogue(dialect) for name in (
        scenario, f"{dialect}/{scenario}", scenario.rpartition("/")[0] + "/")}  # fmt: skip
    assert set(REASONS) <= known


def test_the_diagnosis_names_the_right_class_first_in_95_percent_of_kills() -> None:
    for dialect, kills, right, _ in figures(records()):
        assert kills > 300, dialect
        assert right >= 0.95 * kills, dialect


def test_every_class_has_a_mutant_and_every_mutant_says_where_it_cannot_be() -> None:
    assert {mutant.bug_class for mutant in MUTANTS.values()} == set(CLASSES)
    assert len(MUTANTS) >= 40
    for mutant in MUTANTS.values():
        assert mutant.kills, mutant.name
        assert any(mutant.exists_on(DIALECTS.get(dialect)) for dialect in BUILT_IN), mutant.name
        assert all(mutant.not_on.values()), mutant.name


def test_mere_blindness_is_not_counted_for_another_bug() -> None:
    outcome = do(
        Job(
            dialect="kraken-v2",
            what="mutant",
            name="reverses-rows",
            scenarios=("book/delete/set-then-delete", "book/gap/best-deleted"),
        )
    )
    named = {scenario: kill.named for scenario, kill in outcome.kills.items()}
    assert named == {"book/delete/set-then-delete": True, "book/gap/best-deleted": False}


def test_a_record_survives_writing(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "kills.json"
    record.save(records().values(), path)
    assert record.load(path) == records()


def test_new_cells_take_the_place_of_old_ones() -> None:
    job = Job(dialect="kraken-v2", what="mutant", name="no-reconnect", scenarios=("book/reconnect/close",))
    old = Record(
        dialect="kraken-v2",
        scenarios=("gone",),
        kills={
            "no-reconnect": {
                "gone": Kill(check="S1"),
                "book/reconnect/close": Kill(check="S1"),
                "book/reconnect/fin": Kill(check="E1@5"),
            }
        },
    )
    new = merged({"kraken-v2": old}, [do(job)])["kraken-v2"]
    assert new.scenarios == tuple(catalogue("kraken-v2"))
    assert set(new.kills["no-reconnect"]) == {"book/reconnect/close", "book/reconnect/fin"}
    assert new.kills["no-reconnect"]["book/reconnect/close"].check.startswith("E1")
