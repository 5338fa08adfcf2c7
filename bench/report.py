"""Gates on ratios: measured in pairs within one run, since absolute rates differ by the machine and by the hour."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ROUNDS = 9


@dataclass
class Gate:
    """What a ratio (ours to theirs) has to be."""

    name: str
    target: float
    at_most: bool = False
    ratios: list[float] = field(default_factory=list)
    again: bool = False

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


@dataclass
class Group:
    """Gates measured together. ``once`` measures every side one right after the other and returns the ratios by the
    names of the gates."""

    gates: Sequence[Gate]
    once: Callable[[], Mapping[str, float]]
    rounds: int = ROUNDS

    def round(self) -> None:
        ratios = self.once()
        for gate in self.gates:
            gate.ratios.append(ratios[gate.name])

    @property
    def holds(self) -> bool:
        return all(gate.holds for gate in self.gates)

    def repeat(self) -> None:
        """Measure everything afresh, after something failed."""
        for gate in self.gates:
            gate.again = True
            gate.ratios = []
        for _ in range(self.rounds):
            self.round()


def note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def measure(groups: Sequence[Group]) -> bool:
    """Measure all, round by round; what fails is measured once more. Whether all hold."""
    for number in range(max(group.rounds for group in groups)):
        for group in groups:
            if number < group.rounds:
                group.round()
        note(f"round {number + 1} done")
    for group in groups:
        if not group.holds:
            note("once more: " + ", ".join(f"{gate.name} ({gate.ratio:.2f})" for gate in group.gates if not gate.holds))
            group.repeat()
    return all(group.holds for group in groups)


def table(gates: Sequence[Gate]) -> str:
    """One line a gate: target, median, extremes, verdict."""
    rows: list[tuple[str, ...]] = [("what", "target", "median", "from", "to", "")]
    for gate in gates:
        sign = "<=" if gate.at_most else ">="
        verdict = ("holds" if gate.holds else "FAILS") + (" (measured again)" if gate.again else "")
        numbers = (f"{number:.2f}" for number in (gate.ratio, min(gate.ratios), max(gate.ratios)))
        rows.append((gate.name, f"{sign} {gate.target:g}", *numbers, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(row[at].rjust(widths[at]) for at in range(1, 5)), row[5]]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
