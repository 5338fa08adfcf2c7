"""Which faults are none: what a venue may do at any time, however odd, and a client must take without alarm."""

from __future__ import annotations

from bookproof_exchange.faults import specs

#: Kinds that may stand as a legal oddity besides `specs.LEGAL_EDITS`: only order, timing and
#: framing, as venues and the standards below them allow, and fields that venues add without notice.
LEGAL_KINDS: frozenset[type[specs.Spec]] = frozenset(
    {
        specs.Fragmented,
        specs.NewFields,
        specs.LateTail,
        specs.PiecedRest,
        specs.LateAck,
        specs.EarlyUpdates,
        specs.Resnapshot,
        specs.StaleRest,
        specs.AheadRest,
        specs.StraddledRest,
        specs.SlowRest,
    }
)


def is_legal(fault: specs.Fault) -> bool:
    """Whether the fault may stand as an oddity."""
    return fault.edit in specs.LEGAL_EDITS if isinstance(fault, specs.Edited) else type(fault) in LEGAL_KINDS
