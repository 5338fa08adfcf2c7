"""Why a case is there that no mutant needs: it keeps the harness itself, or the over-strict client, honest."""

from __future__ import annotations

from collections.abc import Mapping

#: By scenario, or by its folder (with a slash at the end).
REASONS: Mapping[str, str] = {}


def reason(scenario: str, dialect: str) -> str | None:
    """Why the scenario exists on a dialect although it catches no mutant there; None: nobody has said so."""
    for name in (f"{dialect}/{scenario}", scenario, scenario.rpartition("/")[0] + "/"):
        if name in REASONS:
            return REASONS[name]
    return None
