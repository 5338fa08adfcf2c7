"""Dialects that exist only to be asked what they can do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bookproof_exchange.dialects.api import Traits


def dialect(
    name: str, rules: tuple[str, ...] = ("r",), *, instruments: int = 3, by_url: bool = False, **traits: Any
) -> Any:
    base: dict[str, Any] = {
        "snapshot_from": "stream",
        "sequence": False,
        "checksum": False,
        "windowed": False,
        "default_depth": None,
        "depths": (),
    }
    return SimpleNamespace(
        name=name,
        traits=Traits(**(base | traits)),
        instruments=[SimpleNamespace(symbol=f"S{number}") for number in range(instruments)],
        rules=dict.fromkeys(rules),
        ideal=SimpleNamespace(subscribe=lambda symbols, channels, depth: [] if by_url else ["subscribe"]),
    )


#: Like Kraken: snapshots in band, a checksum, a window, no sequence.
SUMS = dialect(
    "sums",
    checksum=True,
    windowed=True,
    default_depth=10,
    depths=(10, 25),
    edits=frozenset({"wrong-checksum", "corrupt-level", "corrupt-level-consistent", "reversed-rows", "cut"}),
)
#: Like Binance: snapshots by REST, a sequence, several versions an update, a farewell.
NUMBERS = dialect(
    "numbers",
    snapshot_from="rest",
    sequence=True,
    batch=(1, 6),
    farewell=True,
    by_url=True,
    edits=frozenset({"corrupt-level", "renumbered-gap", "padded-numbers", "cut"}),
)
#: A feed that carries nothing by which a loss could be known.
BLIND = dialect("blind", channels=("book",))
ALL = (SUMS, NUMBERS, BLIND)
