"""How the cases of each topic came out on each dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from bookproof.results import CaseResult, Verdict

Cell = tuple[tuple[str, int], ...]
"""(verdict, or ``known``; how many), best first."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Rows: topics, in the order of the alphabet; columns: dialects."""

    dialects: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @classmethod
    def of(cls, results: Sequence[CaseResult]) -> Matrix:
        dialects = tuple(sorted({result.dialect for result in results}))
        found: dict[str, dict[str, Counter[str]]] = {}
        for result in results:
            cells = found.setdefault(topic(result), {dialect: Counter() for dialect in dialects})
            cells[result.dialect]["known" if result.known is not None else str(result.verdict)] += 1
        return cls(
            dialects=dialects,
            rows=tuple((name, tuple(_cell(count) for count in found[name].values())) for name in sorted(found)),
        )


def topic(result: CaseResult) -> str:
    """``book/gap`` of ``book/gap/single``."""
    return result.scenario.rsplit("/", 1)[0]


def _cell(count: Counter[str]) -> Cell:
    return tuple((name, count[name]) for name in [*map(str, Verdict), "known"] if count[name])
