"""The market of a scenario: generated, or recorded. What a recording needs is imported when there is one."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.script.armory import Armory
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.outlet import Outlet
from bookproof_exchange.script.view import MarketView


def staged(dialect: Dialect, scenario: Scenario, seed: int) -> tuple[Dialect, MarketView]:
    """The dialect and the market view of a scenario. UsageError where its recording cannot be used, or is not of the
    dialect."""
    if scenario.capture is None:
        return dialect, MarketView(dialect, scenario.market, seed)
    from bookproof_exchange.capture import store
    from bookproof_exchange.capture.stage import RecordedDialect, RecordedView

    recorded = store.recorded(scenario.capture)
    if recorded.dialect != dialect.name:
        raise UsageError(
            f"{scenario.capture}: expected a recording of {dialect.name}, found one of {recorded.dialect}",
            hint=f"say `dialects: [{recorded.dialect}]` in the scenario",
        )
    view = RecordedView(recorded, scenario.market.symbols)
    return RecordedDialect(dialect, recorded, view), view


def cursor_of(
    dialect: Dialect,
    view: MarketView,
    seed: int,
    outlet: Outlet,
    armory: Armory,
    no_room: Callable[[UsageError], None] | None,
) -> Cursor:
    """What moves through the market."""
    if type(view) is MarketView:
        return Cursor(dialect, view, seed, outlet, armory, no_room)
    from bookproof_exchange.capture.cursor import RecordedCursor
    from bookproof_exchange.capture.stage import RecordedView

    assert isinstance(view, RecordedView)
    return RecordedCursor(dialect, view, seed, outlet, armory, no_room)
