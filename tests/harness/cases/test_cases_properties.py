"""Which rule a failed property breaks, and how much that counts."""

from __future__ import annotations

import pytest

from bookproof.cases.properties import PROPERTIES, rules_by_property, weighed
from bookproof.results import Check, Verdict
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Rule


def check(name: str, verdict: Verdict = Verdict.FAIL, rule: str | None = "d/key") -> Check:
    return Check(id=name, verdict=verdict, title="", rule=rule)


def rules(level: str, *, certain: bool = True) -> dict[str, Rule]:
    return {
        "key": Rule(key="key", level=level, text="", source="", seen="2026-01", certain=certain)  # type: ignore[arg-type]
    }


def test_a_failure_counts_as_much_as_its_rule() -> None:
    assert weighed(check("E6"), rules("MUST")).verdict is Verdict.FAIL
    assert weighed(check("E6"), rules("SHOULD")).verdict is Verdict.WARN
    assert weighed(check("E6"), rules("MAY")).verdict is Verdict.INFO
    assert weighed(check("E6"), rules("MUST", certain=False)).verdict is Verdict.WARN
    assert weighed(check("E6", rule=None), rules("MAY")).verdict is Verdict.FAIL
    assert weighed(check("E6", rule="d/other"), rules("MAY")).verdict is Verdict.FAIL


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.HARNESS_ERROR, Verdict.NON_STRICT])
def test_only_failures_are_weighed(verdict: Verdict) -> None:
    assert weighed(check("E6", verdict), rules("MAY")).verdict is verdict


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S7", "T1", "V0", "E1@7", "E3@9"])
@pytest.mark.parametrize("level", ["SHOULD", "MAY"])
def test_a_wrong_or_dead_book_fails_whatever_the_rule_says(name: str, level: str) -> None:
    """A venue that only recommends to look at its checksum does not allow a client that never comes back."""
    assert weighed(check(name), rules(level)).verdict is Verdict.FAIL


def test_the_first_rule_that_a_scenario_names_is_cited() -> None:
    found = rules_by_property("d", {"gap-restart": 0, "align-start": 0}, ["unknown-key", "gap-restart", "align-start"])
    assert found["S1"] == "d/gap-restart"
    assert found["E3"] == "d/align-start"


@pytest.mark.parametrize("name", DIALECTS.names())
def test_every_rule_of_a_dialect_is_tested_by_some_property(name: str) -> None:
    assert set(DIALECTS.get(name).rules) <= set(PROPERTIES)
