"""Prints the digest of what went over the wire in each of the named cases: run in processes of their own, for comparing.

python transcript_digests.py kraken-v2 book/gap/single book/start-up/plain
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases, dialects_named
from bookproof.report.transcript import comparable
from bookproof.selftest.prove import run_in_memory


def cases_named(dialect: str, names: Sequence[str] = ()) -> list[Case]:
    """The cases of a dialect whose scenario has one of these ids (all, where none is given)."""
    made, _ = all_cases(dialects_named((dialect,)))
    chosen = [case for case in made if not names or case.scenario.id in names]
    assert not names or {case.scenario.id for case in chosen} == set(names)
    return chosen


def digest(run: CaseRun) -> str:
    """Of the lanes of a run, and of its verdict."""
    text = repr((sorted(comparable(run.evidence).items()), str(run.result.verdict)))
    return hashlib.sha256(text.encode()).hexdigest()


def digests(dialect: str, names: Sequence[str] = ()) -> dict[str, str]:
    return {run.result.id: digest(run) for run in run_in_memory(cases_named(dialect, names))}


if __name__ == "__main__":
    for name, value in digests(sys.argv[1], sys.argv[2:]).items():
        print(name, value)
