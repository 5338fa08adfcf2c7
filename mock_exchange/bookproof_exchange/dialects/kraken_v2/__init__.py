"""Kraken Spot, WebSocket version 2: books with a window and a checksum, no sequence numbers; trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof_exchange.dialects import api
from bookproof_exchange.dialects.kraken_v2 import rest
from bookproof_exchange.dialects.kraken_v2.edits import edit_message
from bookproof_exchange.dialects.kraken_v2.ideal import KrakenIdeal
from bookproof_exchange.dialects.kraken_v2.rules import RULES
from bookproof_exchange.dialects.kraken_v2.session import KrakenSession
from bookproof_exchange.dialects.kraken_v2.traits import INSTRUMENTS, NAME, TITLE, TRAITS, WS_PATH
from bookproof_exchange.market import Instrument

__all__ = ["DIALECT"]


class KrakenV2:
    """Implements `dialects.api.Dialect`."""

    name: str = NAME
    title: str = TITLE
    traits: api.Traits = TRAITS
    instruments: Sequence[Instrument] = INSTRUMENTS
    rules: Mapping[str, api.Rule] = RULES
    ideal: api.Ideal = KrakenIdeal()

    def endpoints(self, ws: str, http: str) -> Mapping[str, str]:
        """``ws`` is the whole WebSocket URL; ``ws_base`` is for clients that add the version to it themselves."""
        return {"ws": ws + WS_PATH, "rest": http, "public_ws": ws + WS_PATH, "ws_base": ws}

    def accepts(self, request: api.HttpRequest) -> api.HttpAnswer | None:
        """Only version 2's path: the root is version 1, another protocol, which is not served."""
        if request.path.rstrip("/") == WS_PATH:
            return None
        return api.HttpAnswer(status=404, body=b"", headers=())

    def session(self, request: api.HttpRequest, view: api.View) -> api.Session:
        return KrakenSession(view)

    def rest(self, request: api.HttpRequest, view: api.View) -> api.HttpAnswer:
        return rest.answer(request, view)

    def limited(self, status: int, retry_after: int | None) -> api.HttpAnswer:
        return rest.limited(status, retry_after)

    def edit(self, message: api.Message, edit: api.Edit, view: api.View) -> api.Message | None:
        return edit_message(message, edit, view)


DIALECT: api.Dialect = KrakenV2()
