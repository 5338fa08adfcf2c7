"""Which dialect can express which fault; where not, why, in words."""

from __future__ import annotations

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs


def lacking(fault: specs.Fault, dialect: Dialect) -> str | None:
    """None where the dialect can express the fault; else what it lacks, in words."""
    traits = dialect.traits
    match fault:
        case specs.Edited() if fault.edit not in traits.edits:
            return f"it has no use for the edit {fault.edit!r}"
        case specs.StraddledRest() if traits.snapshot_from == "rest" and traits.batch[1] < 2:
            return "each of its updates covers one version: a snapshot cannot fall into the middle of one"
        case (
            specs.StaleRest()
            | specs.AheadRest()
            | specs.StraddledRest()
            | specs.SlowRest()
            | specs.PiecedRest()
            | specs.FailingRest()
        ):
            return None if traits.snapshot_from == "rest" else "its snapshots do not come by REST"
        case specs.Resnapshot() | specs.NoSnapshot() | specs.EarlyUpdates():
            return None if traits.snapshot_from == "stream" else "its snapshots do not come in band"
        case specs.LateTail():
            return None if traits.snapshot_from == "stream" else "a client has no need to unsubscribe"
        case specs.BrokenFrame(how="bad-deflate") if not traits.compression:
            return "it negotiates no compression"
        case specs.Farewell():
            return None if traits.farewell else "it announces no end of a connection"
        case specs.LateAck() | specs.NoAck() | specs.RefuseSubscribe():
            names = [instrument.symbol for instrument in dialect.instruments[:1]]
            asks = dialect.ideal.subscribe(names, ["book"], None)
            return None if asks else "a client subscribes by the URL: nothing is acknowledged"
        case specs.Close() if fault.how == "close" and fault.code not in traits.close_codes:
            return f"it does not close a connection with code {fault.code}"
        case _:
            return None
