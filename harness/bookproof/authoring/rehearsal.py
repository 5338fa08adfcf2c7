"""A script played in memory, under the virtual clock, with the ideal client or with a known bug: no sockets, no waiting."""

from __future__ import annotations

import msgspec

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.ideal.client import IdealClient
from bookproof.selftest.mutants import Mutant
from bookproof.selftest.prove import TIMING, run_in_memory
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.timing import Timing

__all__ = ["TIMING", "Rehearsal", "rehearse"]


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """A case, and what came of it."""

    case: Case
    run: CaseRun
    timing: Timing


def rehearse(
    scenario: Scenario, dialect: Dialect, *, seed: int | None = None, mutant: Mutant | None = None
) -> Rehearsal:
    """Play a scenario on a dialect exactly as a run with a client does: same seed, same bytes, same checker. UsageError
    where the dialect cannot express it, or the mutant cannot exist on it."""
    reason = applicable(scenario, dialect)
    if reason is not None:
        raise UsageError(f"{scenario.id} cannot be expressed on {dialect.name}: {reason}")
    if mutant is not None and (why := mutant.why_not(dialect)) is not None:
        raise UsageError(f"the known bug {mutant.name!r} cannot exist on {dialect.name}: {why}")
    case = Case(dialect=dialect.name, scenario=scenario, seed=scenario.seed if seed is None else seed)
    make = IdealClient if mutant is None else mutant.maker()
    (run,) = run_in_memory([case], make=make)
    return Rehearsal(case=case, run=run, timing=TIMING)
