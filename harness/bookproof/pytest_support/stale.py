"""Known failures that do not hold any more."""

from __future__ import annotations

import datetime
import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bookproof.cases.plan import cases
from bookproof.known import apply_known, load_known
from bookproof.pytest_support.settings import Settings
from bookproof.results import CaseResult
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import BookproofError
from bookproof_exchange.scenario.load import SUFFIX, catalogue, load
from bookproof_exchange.scenario.model import Scenario


def stale(settings: Settings, results: Sequence[CaseResult], config: pytest.Config) -> tuple[str, ...]:
    """What is wrong with the entries, judged by what was run; those of cases that were not all run are left alone."""
    assert settings.known_failures is not None
    known = load_known(settings.known_failures)
    every = {result.id for result in results}
    every.update(
        case.id for case in cases(((each.scenario, None) for each in catalogue(folder("scenarios"))), list(DIALECTS))[0]
    )
    # an entry by its whole name that is met needs no look at the user's other files
    if not all(entry.case in every for entry in known):
        every.update(case.id for case in cases(((own, None) for own in _own(config)), list(DIALECTS))[0])
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return apply_known(results, known, all_cases=sorted(every), today=today, strict=settings.strict).stale


def _own(config: pytest.Config) -> Iterator[Scenario]:
    """The user's own scenarios, also those that this session did not collect."""
    skipped = config.getini("norecursedirs")
    for where, below, files in os.walk(config.rootpath):
        below[:] = [name for name in below if not any(fnmatch.fnmatch(name, pattern) for pattern in skipped)]
        for name in files:
            if name.endswith(SUFFIX):
                try:
                    yield load(Path(where, name))
                except BookproofError:
                    continue  # said where it is collected
