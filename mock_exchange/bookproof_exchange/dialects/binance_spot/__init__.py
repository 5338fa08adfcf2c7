"""Binance Spot (``binance-spot``): diff depth over WebSocket, its snapshot by REST.

Complete for ``@depth``, ``@depth5|10|20`` (each at 1000 or 100 ms), ``@trade``, ``@aggTrade`` and ``@bookTicker``, raw
and combined. The venue's other streams (kline, ticker, miniTicker, avgPrice …) are accepted and stay silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof_exchange.dialects.api import (
    Dialect,
    Edit,
    HttpAnswer,
    HttpRequest,
    Ideal,
    Message,
    Rule,
    Session,
    Traits,
    View,
)
from bookproof_exchange.dialects.binance_spot import edits, rest
from bookproof_exchange.dialects.binance_spot import traits as venue
from bookproof_exchange.dialects.binance_spot.ideal import BinanceIdeal
from bookproof_exchange.dialects.binance_spot.rules import RULES
from bookproof_exchange.dialects.binance_spot.session import BinanceSession, streams_of
from bookproof_exchange.market import Instrument

__all__ = ["DIALECT"]


class BinanceSpot:
    """See `bookproof_exchange.dialects.api.Dialect`."""

    name: str = venue.NAME
    title: str = venue.TITLE
    traits: Traits = venue.TRAITS
    instruments: Sequence[Instrument] = venue.INSTRUMENTS
    rules: Mapping[str, Rule] = RULES
    ideal: Ideal = BinanceIdeal()

    def endpoints(self, ws: str, http: str) -> Mapping[str, str]:
        return venue.endpoints(ws, http)

    def accepts(self, request: HttpRequest) -> HttpAnswer | None:
        return None if streams_of(request) is not None else rest.not_found()

    def session(self, request: HttpRequest, view: View) -> Session:
        return BinanceSession(request, view)

    def rest(self, request: HttpRequest, view: View) -> HttpAnswer:
        return rest.answer(request, view)

    def edit(self, message: Message, edit: Edit, view: View) -> Message | None:
        return edits.edited(message, edit, view)

    def limited(self, status: int, retry_after: int | None) -> HttpAnswer:
        """A refused REST request in the venue's words, with the header Retry-After where it is given."""
        return rest.limited(status, retry_after)

    def failure(self, status: int) -> HttpAnswer:
        """A failed REST request in the venue's words."""
        return rest.failure(status)


DIALECT: Dialect = BinanceSpot()
