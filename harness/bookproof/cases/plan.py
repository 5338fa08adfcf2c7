"""Cases: scenario × dialect, with ids that never change meaning, and their selection by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

import msgspec

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.seeds import derive


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario on one dialect. ``id``: ``kraken-v2/book/gap/single``."""

    dialect: str
    scenario: Scenario
    seed: int
    """The printed seed; the exchange's own is derived from it and the id, so that no two cases share prices."""
    path: str | None = None
    """The scenario's file, to run it again."""

    @property
    def id(self) -> str:
        return f"{self.dialect}/{self.scenario.id}"

    @property
    def exchange_seed(self) -> int:
        return derive(self.seed, self.id)

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that the dialect has, of those that the scenario tests."""
        known = DIALECTS.get(self.dialect).rules
        return tuple(f"{self.dialect}/{key}" for key in self.scenario.rules if key in known)


class Inapplicable(msgspec.Struct, frozen=True):
    """Why a scenario makes no case on a dialect."""

    dialect: str
    scenario: str
    reason: str


def cases(
    scenarios: Iterable[tuple[Scenario, str | None]], dialects: Sequence[Dialect], *, seed: int | None = None
) -> tuple[tuple[Case, ...], tuple[Inapplicable, ...]]:
    """All cases of the dialects, in catalogue order, and what cannot be expressed, with the reason."""
    made: list[Case] = []
    left: list[Inapplicable] = []
    listed = list(scenarios)
    for dialect in dialects:
        for scenario, path in listed:
            reason = applicable(scenario, dialect)
            if reason is None:
                made.append(
                    Case(
                        dialect=dialect.name,
                        scenario=scenario,
                        seed=scenario.seed if seed is None else seed,
                        path=path,
                    )
                )
            else:
                left.append(Inapplicable(dialect.name, scenario.id, reason))
    return tuple(made), tuple(left)


def select(made: Sequence[Case], patterns: Sequence[str], *, slow: bool) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The cases that match any pattern (glob over the id, with or without the dialect; no pattern: all), and the slow
    ones that were left out. UsageError where a pattern matches nothing: a selection that is empty proves nothing."""
    chosen: list[Case] = []
    for pattern in patterns:
        if not any(_matches(case, pattern) for case in made):
            names = {case.id for case in made} | {case.scenario.id for case in made}
            raise UsageError(f"no case matches {pattern!r}", hint=did_you_mean(pattern, names))
    for case in made:
        if not patterns or any(_matches(case, pattern) for pattern in patterns):
            chosen.append(case)
    # a slow case that is asked for by its whole name is run
    exact = {case.id for case in chosen if case.id in patterns or case.scenario.id in patterns}
    run = tuple(case for case in chosen if slow or not case.scenario.slow or case.id in exact)
    left = tuple(case for case in chosen if case not in run)
    return run, left


def _matches(case: Case, pattern: str) -> bool:
    return fnmatch.fnmatchcase(case.id, pattern) or fnmatch.fnmatchcase(case.scenario.id, pattern)
