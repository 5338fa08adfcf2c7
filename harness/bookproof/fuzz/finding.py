"""What a search finds: failures, told apart by the property that breaks and the anomaly that shows."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

import msgspec

from bookproof.cases.plan import Case
from bookproof.fuzz.strategy import size
from bookproof.report.words import telling
from bookproof.results import CaseResult, Verdict

#: What counts as a failure of a client.
FAILURES = frozenset({Verdict.FAIL, Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR})
#: With ``--strict``, as in ``bookproof run``.
STRICT = FAILURES | {Verdict.WARN, Verdict.INFO, Verdict.NON_STRICT}

_STEP = re.compile(r"@\d+$")


class Signature(NamedTuple):
    """Two failures with the same are taken for the same bug."""

    property: str
    """The property, without the step at which it broke; or the verdict, where the client or the harness came to an end."""
    anomaly: str

    def __str__(self) -> str:
        return f"{self.property} {self.anomaly}".strip()


def signature(result: CaseResult, counts: Set[Verdict]) -> Signature | None:
    """How the case failed; None: not in any way that counts."""
    if result.verdict not in counts:
        return None
    check = telling(result)
    if result.verdict in (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR) or check is None:
        return Signature(str(result.verdict), "")
    return Signature(_STEP.sub("", check.id), check.anomaly or "")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One failure, with the shortest script that was found for it."""

    signature: Signature
    case: Case
    result: CaseResult
    found_after: int
    """Examples until it was first seen."""
    first_size: int
    """Steps beyond `sync` of the script in which it was first seen."""
    tries: int = 0
    """Scripts that were tried to shrink it."""
    whole: bool = True
    """Whether shrinking came to its end."""
    reproduced: bool = True
    """Whether it failed in the same way when run again with a fresh client."""
    replayed: bool = False
    """Whether it came out of the example database."""

    @property
    def size(self) -> int:
        return size(self.case.scenario)
