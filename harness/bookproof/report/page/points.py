"""What happened in a case that did not pass, in a handful of sentences: the fault, where it could be noticed, what was
wrong, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof.checker.facts import Chain
from bookproof.report.page.model import Point
from bookproof.report.text import one_line
from bookproof.report.words import telling
from bookproof.results import CaseResult, Check
from bookproof_exchange import evidence

_REASONS = {
    "gap": "the next message does not join the one before",
    "checksum": "the checksum of a message does not agree with the book",
    "closed": "the connection ended",
    "malformed": "a message cannot be understood",
    "snapshot-lost": "the snapshot never came",
}
_MOST_FAULTS = 4


def points_of(
    result: CaseResult, records: Sequence[evidence.Evidence], chains: Mapping[str, Sequence[Chain]]
) -> tuple[Point, ...]:
    """In order of their positions; none for a case that passed."""
    check = telling(result)
    if check is None:
        return ()
    wrong = check.position
    end = records[-1].position if records else 0
    found: list[Point] = []
    strikes = [record for record in records if isinstance(record, evidence.Struck)]
    before = [record for record in strikes if wrong is None or record.position <= wrong]
    for record in before[-_MOST_FAULTS:]:
        found.append(Point(kind="fault", p=record.position, s=_strike(record)))
    struck = before[-1].position if before else 0
    noticed = _noticed(chains, struck, end if wrong is None else wrong)
    if noticed is not None:
        position, reason = noticed
        text = f"From here a right client knows that its book is broken: {_REASONS.get(reason, reason)}."
        found.append(Point(kind="notice", p=position, s=text))
    if wrong is not None:
        found.append(Point(kind="wrong", p=wrong, s=_wrong(check)))
    found += _ending(records, wrong if wrong is not None else struck)
    return tuple(sorted(found, key=lambda point: point.p))


def _wrong(check: Check) -> str:
    """What is wrong there, short: the whole sentence stands above."""
    if not check.diff:
        return one_line(f"Here it is not so that {check.title}.", 300)
    first = check.diff[0]
    shown = first.shown or "no such level"
    more = f", and {len(check.diff) - 1} more" if len(check.diff) > 1 else ""
    text = f"The client says live and shows {first.side} {first.price}: {shown}, where the truth is "
    return one_line(f"{text}{first.truth or 'no such level'}{more}.", 300)


def _strike(record: evidence.Struck) -> str:
    text = f"The exchange misbehaves on purpose: {record.kind}"
    if record.symbol is not None and record.last > record.first:
        one = record.last - record.first == 1
        span = f"update {record.last}" if one else f"updates {record.first + 1} to {record.last}"
        text += f", {span} of {record.symbol}"
    return one_line(f"{text}{f' ({record.note})' if record.note else ''}.", 300)


def _noticed(chains: Mapping[str, Sequence[Chain]], after: int, until: int) -> tuple[int, str] | None:
    """The first detection point after the last fault."""
    found = [
        (chain.broken.position, chain.broken.reason)
        for each in chains.values()
        for chain in each
        if chain.broken is not None and chain.broken.reason != "superseded" and after <= chain.broken.position <= until
    ]
    return min(found, default=None)


def _ending(records: Sequence[evidence.Evidence], after: int) -> list[Point]:
    """How the wait for the recovery came out that was under way, or came next."""
    for record in records:
        if isinstance(record, evidence.Waited) and record.position > after and record.what in ("converge", "settle"):
            if record.came:
                return [Point(kind="recovered", p=record.position, s="After that the client shows a right, live book.")]
            text = f"The client does not come back to a right, live book within {record.limit:g} s."
            return [Point(kind="lost", p=record.position, s=text)]
    return []
