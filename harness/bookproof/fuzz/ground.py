"""What a generated script stands on: the dialect, the market and the subscription, and the faults that it may use."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import msgspec

from bookproof_exchange.dialects.api import Dialect, Traits
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.faults import registry

#: A venue's checksum covers so many levels a side at least. In a window no deeper nothing can be lost in secret.
CHECKED = 10


class Ground(msgspec.Struct, frozen=True):
    """What is fixed while the blocks of one script are drawn."""

    dialect: Dialect
    symbols: int
    window: int | None
    """Levels a side that the client keeps; None: all."""
    slow: bool
    """Whether a script may rest on a client's own timers of many seconds."""

    @property
    def traits(self) -> Traits:
        return self.dialect.traits

    @property
    def detects(self) -> bool:
        """Whether any loss at the touch can be noticed."""
        return self.traits.sequence or self.traits.checksum

    @property
    def shows_all(self) -> bool:
        """Whether a loss anywhere in the book can be noticed."""
        return self.traits.sequence or (self.traits.checksum and self.window is not None and self.window <= CHECKED)


def kinds(dialect: Dialect, patterns: Sequence[str] = ()) -> tuple[str, ...]:
    """The faults and oddities, by the names of ``bookproof list faults``, that scripts for the dialect are made of: those
    that match any of the patterns (none: all). UsageError where a pattern matches none of them."""
    from bookproof.fuzz.blocks import STARTS, USES  # it draws upon this module
    from bookproof.fuzz.strategy import NEVER_LIVE

    usable = {info.kind for info in registry.faults() if info.lacking(dialect) is None}
    ground = Ground(dialect, 1, 10 if dialect.traits.windowed else None, True)
    made = [kind for table in (USES, STARTS) for kind, use in table.items() if use.fits(ground)]
    offered = tuple(kind for kind in dict.fromkeys((*made, *NEVER_LIVE)) if kind in usable)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(kind, pattern) for kind in offered):
            raise UsageError(
                f"no fault that scripts for {dialect.name} can be made of matches {pattern!r}",
                hint=did_you_mean(pattern, offered),
            )
    return tuple(
        kind for kind in offered if not patterns or any(fnmatch.fnmatchcase(kind, pattern) for pattern in patterns)
    )
