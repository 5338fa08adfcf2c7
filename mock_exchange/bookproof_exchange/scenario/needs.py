"""The words of a scenario's ``needs``: what a dialect must be able to do."""

from __future__ import annotations

import typing

from bookproof_exchange.dialects.api import Dialect, EditKind
from bookproof_exchange.errors import did_you_mean

EDIT_KINDS: frozenset[str] = frozenset(typing.get_args(EditKind))

#: Every term, with what the dialect lacks when it is not met.
TERMS: dict[str, str] = {
    "sequence": "its updates carry no sequence",
    "checksum": "it has no checksum",
    "windowed": "it keeps no window of levels",
    "snapshot:rest": "its snapshots do not come by REST",
    "snapshot:stream": "its snapshots do not come in band",
    "channel:book": "it has no book channel",
    "channel:trades": "it has no trades channel",
    "farewell": "it announces no end of a connection",
    "depth-choice": "it offers no choice of depth",
    **{f"edit:{kind}": f"it has no use for the edit {kind!r}" for kind in sorted(EDIT_KINDS)},
}


def unknown_terms(need: str) -> list[tuple[str, str | None]]:
    """The terms of one need (``a`` or ``a|b``) that do not exist, each with a hint."""
    return [(term, did_you_mean(term, TERMS)) for term in need.split("|") if term not in TERMS]


def lacking(need: str, dialect: Dialect) -> str | None:
    """None where the dialect fulfils one term of the need; else what it lacks, in words."""
    terms = need.split("|")
    if any(_has(term, dialect) for term in terms):
        return None
    return " and ".join(TERMS.get(term, f"nothing is called {term!r}") for term in terms)


def _has(term: str, dialect: Dialect) -> bool:
    traits = dialect.traits
    match term.split(":"):
        case ["sequence"]:
            return traits.sequence
        case ["checksum"]:
            return traits.checksum
        case ["windowed"]:
            return traits.windowed
        case ["snapshot", source]:
            return traits.snapshot_from == source
        case ["channel", channel]:
            return channel in traits.channels
        case ["edit", kind]:
            return kind in traits.edits
        case ["farewell"]:
            return traits.farewell
        case ["depth-choice"]:
            return len(traits.depths) > 1
        case _:
            return False
