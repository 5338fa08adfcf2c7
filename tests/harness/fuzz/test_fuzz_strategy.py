"""What the search generates is a scenario of its dialect, by construction."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from bookproof.fuzz.ground import kinds
from bookproof.fuzz.strategy import scenarios
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.model import Scenario

NAMES = ("binance-spot", "kraken-v2", "mexc-v3")
LIKE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_is_valid_for_its_dialect(name: str) -> None:
    dialect = DIALECTS.get(name)

    @settings(LIKE, max_examples=60)
    @given(scenarios(dialect, kinds(dialect)))
    def check(scenario: Scenario) -> None:
        assert lint(scenario, [dialect]) == []
        assert applicable(scenario, dialect) is None

    check()
