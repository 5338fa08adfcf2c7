"""The catalogue covers what it says, asks for nothing impossible, and the page about it is current."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from bookproof.cases.coverage import Runs, carries, classes_of, page, runs, scenarios
from bookproof.cases.kinds import KINDS, kinds_of
from bookproof.cases.variants import NOT_HERE, VARIANTS, Variant
from bookproof.diagnosis.classes import CLASSES
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import unfair
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.model import Scenario

ROOT = Path(__file__).parents[3]


@functools.cache
def found() -> Runs:
    return runs(scenarios(), list(DIALECTS))


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "coverage.md").read_text()
    assert written == page(scenarios(), list(DIALECTS), found()), (
        "python -m bookproof.cases.coverage > docs/coverage.md"
    )


def test_the_catalogue_asks_nothing_impossible() -> None:
    everything = {scenario.id: scenario for scenario in scenarios()}
    problems = [
        f"{identity}: {problem}"
        for (identity, name), run in found().items()
        for problem in unfair(everything[identity], DIALECTS.get(name), run)
    ]
    assert problems == []


def test_every_fault_of_the_catalogue_strikes() -> None:
    idle = [
        f"{identity} on {name}: step {told.place}"
        for (identity, name), run in found().items()
        for told in run.faults
        if told.struck is None
    ]
    assert idle == []


@pytest.mark.parametrize("name", DIALECTS.names())
def test_every_kind_is_covered_or_said_to_be_none(name: str) -> None:
    here = [scenario for scenario in scenarios() if applicable(scenario, DIALECTS.get(name)) is None]
    covered = {kind for scenario in here for kind in kinds_of(scenario)}
    excused = {kind for kind, reasons in NOT_HERE.items() if name in reasons}
    assert covered | excused == set(KINDS)
    assert not covered & excused, "an excuse for what is there"


@pytest.mark.parametrize("name", DIALECTS.names())
def test_every_class_of_mistakes_has_scenarios(name: str) -> None:
    here = [scenario for scenario in scenarios() if applicable(scenario, DIALECTS.get(name)) is None]
    assert {letter for scenario in here for letter in classes_of(scenario)} >= set("ABCDEFGHIJKLM")


def test_every_scenario_is_of_known_classes() -> None:
    for scenario in scenarios():
        assert set(classes_of(scenario)) <= set(CLASSES), scenario.id
        assert classes_of(scenario) or "smoke" in scenario.tags, scenario.id


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: f"{variant.kind}: {variant.what}")
def test_every_variant_is_in_a_scenario_or_has_a_reason(variant: Variant) -> None:
    assert variant.kind in KINDS
    if variant.by is None:
        assert variant.because
    else:
        assert any(carries(scenario, variant.by) for scenario in scenarios())
        assert not variant.because


def scenario(steps: str, rest: str = "") -> Scenario:
    script = "\n".join(f"  - {step.strip()}" for step in steps.split(";"))
    return loads(f"id: a/b\ntitle: t\npurpose: p\nrules: [r]\n{rest}\nscript:\n{script}\n")


@pytest.mark.parametrize(
    ("steps", "rest", "kinds"),
    [
        ("sync; send: 5; settle", "", ()),
        ("sync; fault: drop; send: 3; converge", "", ("F2",)),
        ("sync; fault: {kind: drop, shape: delete}; send: 3; converge", "", ("F1", "F2")),
        ("sync; fault: drop; send: 3; fault: close; converge", "", ("F2", "F3", "F21")),
        ("sync; fault: drop; send: 3; converge; fault: close; converge", "", ("F2", "F3")),
        ("sync; fault: failing-rest; fault: drop; send: 3; converge", "", ("F2", "F14", "F21")),
        ("fault: failing-rest; sync; fault: drop; send: 3; converge", "", ("F2", "F14")),
        ("sync; send: 1000; settle", "", ("F17",)),
        ("sync; settle", "market: {symbols: 2}", ("F15",)),
        ("sync; oddity: fragmented; send: 1; settle", "", ("W",)),
    ],
)
def test_kinds_are_read_out_of_the_script(steps: str, rest: str, kinds: tuple[str, ...]) -> None:
    assert kinds_of(scenario(steps, rest)) == kinds
