"""Reads the kind of mistake off the evidence alone; nothing here knows a mutant."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof.diagnosis.conduct import Conduct
from bookproof.diagnosis.failed import Clue, Failed
from bookproof.diagnosis.quantities import wrong_book
from bookproof.results import Verdict


def clues(failed: Failed) -> list[Clue]:
    """The clues, the most specific first; of one class only the first."""
    found: dict[str, str] = {}
    for letter, why in _all(failed):
        found.setdefault(letter, why)
    return list(found.items())


def _all(failed: Failed) -> Iterator[Clue]:
    conduct = Conduct(failed)
    if failed.result.verdict in (Verdict.CRASHED, Verdict.HUNG):
        yield conduct.ended()
    wrong = failed.wrong_book
    trades = failed.bad.get("T1")
    if trades is not None and (wrong is None or trades.verdict.rank > wrong.verdict.rank):
        yield "T", trades.message
    if wrong is not None:
        yield from wrong_book(failed, wrong)
    # what is too much, as the venue has it, is too much whatever else happens
    yield from conduct.limits()
    for name in ("S4", "S5"):
        check = failed.bad.get(name)
        if check is not None and check.anomaly in ("rejected-applied", "beyond-break", "false-live"):
            yield from conduct.dishonest(check)
        elif check is not None and check.anomaly == "resumed":
            yield "J", "After a reconnection it goes on with the book of before."
    if trades is not None:
        yield "T", trades.message
    if "S2" in failed.bad:
        yield conduct.backwards(failed.bad["S2"])
    yield from conduct.behaviour()
    if "S6" in failed.bad:
        yield "X", failed.bad["S6"].message
