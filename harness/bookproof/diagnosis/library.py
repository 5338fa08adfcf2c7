"""The diagnosis of a case for its report, with all the bugs that Bookproof knows."""

from __future__ import annotations

import msgspec

from bookproof.case_run import CaseRun
from bookproof.results import CaseResult, Verdict


def explained(run: CaseRun) -> CaseResult:
    """The result with its suspects, where the case did not pass.

    Takes up to a second or two, so not where a client's time is being measured on the same thread. What goes wrong here is
    said in the result and changes no verdict."""
    if run.facts is None or run.result.verdict.rank <= Verdict.INFO.rank or run.result.known is not None:
        return run.result
    from bookproof.diagnosis.name import diagnosed
    from bookproof.selftest.mutants import MUTANTS
    from bookproof_exchange.dialects import DIALECTS

    dialect = DIALECTS.get(run.result.dialect)
    try:
        return diagnosed(run, [mutant for mutant in MUTANTS.values() if mutant.exists_on(dialect)])
    except Exception as error:
        note = f"The diagnosis failed ({type(error).__name__}: {error}): a bug of Bookproof, please report it."
        return msgspec.structs.replace(run.result, diagnosis=note)
