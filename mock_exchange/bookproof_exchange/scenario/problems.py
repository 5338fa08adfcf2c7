"""What is wrong with a scenario: one problem, and the error that carries all problems of a file at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from bookproof_exchange.errors import UsageError, Where

Code = Literal[
    "unreadable",
    "not-yaml",
    "indentation",
    "not-in-format",
    "repeated-key",
    "empty-file",
    "unknown-key",
    "missing-key",
    "unknown-step",
    "unknown-fault",
    "wrong-type",
    "wrong-value",
    "out-of-range",
    "id-taken",
    "bad-id",
    "empty-text",
    "no-rule",
    "unknown-rule",
    "repeated-rule",
    "unknown-need",
    "unknown-dialect",
    "no-sync",
    "before-sync",
    "strikes-at-once",
    "nobody-connected",
    "not-proven",
    "probe-without-fault",
    "await-without-fault",
    "lift-without-stall",
    "refill-without-drain",
    "never-released",
    "never-lifted",
    "not-observed",
    "not-slow",
    "unknown-symbol",
    "not-legal",
    "legal",
    "too-few-updates",
    "nothing-to-strike",
    "honest-without-probe",
    "resync-without-fault",
    "resync-forbidden",
    "not-expressible",
    "undetectable",
    "unfair",
]
"""What kind of mistake it is, for programs; docs/scenarios.md shows one of each."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, in words.

    ``field``: where in the scenario, as in ``script[3].fault.count`` (lists count from 1); empty: all of it.
    ``weight``: an ``error`` makes the scenario useless or unfair, a ``warning`` makes it pointless in part."""

    message: str
    code: Code
    field: str = ""
    hint: str | None = None
    where: Where | None = None
    weight: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = str(self.where) if self.where is not None else self.field
        text = f"{place}: {self.message}" if place else self.message
        return text if self.hint is None else f"{text} ({self.hint})"


class ScenarioError(UsageError):
    """A scenario file that cannot be used. ``problems`` holds all that is wrong with it, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("a ScenarioError needs at least one problem")
        self.problems = tuple(problems)
        first = problems[0]
        place = f"{first.field}: " if first.where is None and first.field else ""
        super().__init__(f"{place}{first.message}", hint=first.hint, where=first.where)

    def __str__(self) -> str:
        rest = len(self.problems) - 1
        more = "" if not rest else f" [and {rest} more problem{'s' if rest > 1 else ''} in this file]"
        return super().__str__() + more
