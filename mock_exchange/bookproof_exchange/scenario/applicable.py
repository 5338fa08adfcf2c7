"""Whether a dialect can express a scenario; where not, why, in words that a report can print."""

from __future__ import annotations

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults.offered import lacking
from bookproof_exchange.scenario import needs
from bookproof_exchange.scenario.model import Await, Inject, Oddity, Scenario, Subscribe


def applicable(scenario: Scenario, dialect: Dialect) -> str | None:
    """None: the dialect can express the scenario. Else the reason, as in ``kraken-v2: its updates carry no sequence``
    without the name."""
    if scenario.dialects is not None and dialect.name not in scenario.dialects:
        return f"the scenario is only for {', '.join(scenario.dialects) or 'no dialect'}"
    for need in scenario.needs:
        if reason := needs.lacking(need, dialect):
            return reason
    if reason := _subscription(scenario.subscribe, dialect):
        return reason
    if scenario.market.symbols > len(dialect.instruments) and scenario.capture is None:
        return f"it has {len(dialect.instruments)} instruments, the scenario wants {scenario.market.symbols}"
    for step in scenario.script:
        match step:
            case Inject(fault=fault) | Oddity(fault=fault):
                if reason := lacking(fault, dialect):
                    return reason
            case Await(what="snapshot-request") if dialect.traits.snapshot_from != "rest":
                return "its snapshots do not come by REST"
            case _:
                pass
    if not any(key in dialect.rules for key in scenario.rules):
        return f"it has no rule {' or '.join(scenario.rules)}"
    return None


def _subscription(subscribe: Subscribe, dialect: Dialect) -> str | None:
    traits = dialect.traits
    for channel in subscribe.channels:
        if channel not in traits.channels:
            return f"it has no {channel} channel"
    match subscribe.depth:
        case None:
            return None
        case int() as depth if depth in traits.depths:
            return None
        case int() as depth:
            return f"it does not offer the depth {depth}"
        case _:
            return None if traits.depths else "it offers no choice of depth"
