"""Which numbers make sense where: the ranges that the types of the model do not say."""

from __future__ import annotations

from typing import NamedTuple

from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model


class Range(NamedTuple):
    """Both ends included."""

    least: int = 0
    most: int = 1_000_000

    def words(self) -> str:
        """As part of a sentence: ``from 1 to 9``."""
        return f"from {self.least} to {self.most}"


_FROM_ONE = Range(1)
_COUNTED: dict[tuple[type, str], Range] = {
    (model.Send, "count"): _FROM_ONE,
    (model.Await, "limit"): Range(1, 3600),
    (model.Quiet, "seconds"): Range(0, 3600),
    (model.Market, "levels"): Range(1, 100_000),
    (model.Market, "symbols"): Range(1, 100),
    (model.Scenario, "seed"): Range(0, 2**63 - 1),
    (model.Expect, "most_resyncs"): Range(0, 1000),
    (model.Subscribe, "depth"): Range(1, 100_000),
    (Shape, "count"): _FROM_ONE,
    (specs.Drop, "count"): _FROM_ONE,
    (specs.Delay, "by"): _FROM_ONE,
    (specs.Edited, "count"): _FROM_ONE,
    (specs.Edited, "value"): Range(0, 2**64 - 1),
    (specs.Fragmented, "count"): _FROM_ONE,
    (specs.Fragmented, "pieces"): Range(2, 1000),
    (specs.LateTail, "messages"): _FROM_ONE,
    (specs.PiecedRest, "pieces"): Range(2, 1000),
    (specs.LateAck, "messages"): _FROM_ONE,
    (specs.EarlyUpdates, "messages"): _FROM_ONE,
    (specs.SlowRest, "messages"): _FROM_ONE,
    (specs.AheadRest, "by"): _FROM_ONE,
    (specs.FailingRest, "status"): Range(0, 599),
    # RFC 6455 section 7.4: 1000-4999 may be sent; 1005, 1006 and 1015 never appear on the wire.
    (specs.Close, "code"): Range(1000, 4999),
    (specs.Farewell, "code"): Range(1000, 4999),
}


def bounds(owner: type, field: str) -> Range:
    """The range of a number field of a step, a fault or another part of a scenario."""
    if (owner, field) in _COUNTED:
        return _COUNTED[owner, field]
    if field in ("times", "symbol"):
        return _FROM_ONE
    return Range()
