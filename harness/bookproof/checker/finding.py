"""What a property found, before it is summed up to one check."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof.checker.diagnose import TopRows
from bookproof.results import Check, LevelDiff, Verdict

TITLES = {
    "V0": "the case could prove something: the faults struck and the client was observed",
    "S1": "every live book is one that the exchange published",
    "S2": "the book never goes back in time",
    "S3": "nothing from before a snapshot survives it",
    "S4": "the client does not claim to be live on a broken book",
    "S5": "a rejected message has no effect",
    "S6": "a version that the client states is the version that it shows",
    "S7": "a fault on one symbol makes no other symbol's book wrong",
    "E1": "the client becomes live again in time",
    "E2": "no more recoveries once the client is live again",
    "E3": "the client shows exactly the last state once the exchange is quiet",
    "E5": "recoveries are few, subscriptions are not doubled",
    "E5@messages": "the client sends no more messages than the venue takes",
    "E5@connections": "the client connects no more often than the venue allows",
    "E5@weight": "the client's requests weigh no more than the venue allows",
    "E5@retry-after": "the client waits as long as the venue tells it to",
    "E6": "the client recovers when it must, and only then",
    "T1": "the trades are complete, in order, and none is invented",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violation of one property."""

    verdict: Verdict
    anomaly: str
    message: str
    position: int | None = None
    cause: int | None = None
    diff: tuple[LevelDiff, ...] = ()
    shown: TopRows = ()
    truth: TopRows = ()


def check(
    property_id: str, rule: str | None, findings: Sequence[Finding], observations: int, *, found: int | None = None
) -> Check:
    """One property's verdict: the first of its worst findings, or a pass. ``found``: how many there were in all, where
    not every one of them was worked out."""
    title = TITLES.get(property_id) or TITLES[property_id.partition("@")[0]]
    if not findings:
        return Check(id=property_id, verdict=Verdict.PASS, title=title, rule=rule, observations=observations)
    first = max(findings, key=lambda finding: finding.verdict.rank)
    total = len(findings) if found is None else found
    more = f" ({total} such observations in all.)" if total > 1 else ""
    return Check(
        id=property_id,
        verdict=first.verdict,
        title=title,
        rule=rule,
        anomaly=first.anomaly,
        message=first.message + more,
        position=first.position,
        cause=first.cause,
        diff=first.diff,
        shown=first.shown,
        truth=first.truth,
        observations=observations,
    )
