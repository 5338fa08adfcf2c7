"""What looks wrong with a client, over all its cases: many red cases often have one cause."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bookproof.results import CaseResult, Verdict


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of mistake, and the cases of which it is the likeliest explanation."""

    bug_class: str
    """Its letter; empty: cases without a diagnosis."""
    name: str
    cases: tuple[str, ...]


def causes(results: Iterable[CaseResult]) -> tuple[Cause, ...]:
    """Of the cases that did not pass and are not known: the commonest cause first, those without a diagnosis last."""
    found: dict[str, list[str]] = {}
    names: dict[str, str] = {"": "no diagnosis"}
    for result in results:
        if result.known is None and stands_out(result):
            letter = result.suspects[0].bug_class if result.suspects else ""
            names.setdefault(letter, result.suspects[0].name if result.suspects else "")
            found.setdefault(letter, []).append(result.id)
    made = [Cause(bug_class=letter, name=names[letter], cases=tuple(cases)) for letter, cases in found.items()]
    return tuple(sorted(made, key=lambda cause: (not cause.bug_class, -len(cause.cases), cause.bug_class)))


def stands_out(result: CaseResult) -> bool:
    """Whether there is something to say about a case: it did not pass, or passed with a remark."""
    return result.failing or result.verdict in (Verdict.WARN, Verdict.NON_STRICT)
