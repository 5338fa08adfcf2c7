"""Correct clients of other habits: none is blamed. Every variant on a sample here; all of it by ``bookproof selftest``."""

from __future__ import annotations

import functools

import pytest

from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases, dialects_named
from bookproof.results import Verdict
from bookproof.selftest.prove import run_in_memory
from bookproof.selftest.variants import VARIANTS

#: What sets habits apart: starting, gaps, reconnects, several symbols.
SAMPLE = (
    "book/start-up/early-updates",
    "book/start-up/stale-snapshot",
    "book/gap/best-deleted",
    "book/reconnect/during-recovery",
    "book/multi/reconnect",
)


@functools.cache
def sample(dialect: str) -> list[Case]:
    made, _ = all_cases(dialects_named((dialect,)))
    return [case for case in made if case.scenario.id in SAMPLE]


@pytest.mark.parametrize("dialect", ["binance-spot", "kraken-v2"])
@pytest.mark.parametrize("name", VARIANTS)
def test_no_variant_is_blamed(name: str, dialect: str) -> None:
    variant = VARIANTS[name]
    allowed = {Verdict.PASS, Verdict.INFO} | ({Verdict.INCONCLUSIVE} if not variant.proves_reading else set())
    runs = run_in_memory(sample(dialect), make=variant.make, info=variant.info)
    assert len(runs) >= 4
    blamed = {
        run.result.id: [(check.id, check.message) for check in run.result.checks if check.verdict not in allowed]
        for run in runs
        if run.result.verdict not in allowed
    }
    assert not blamed
