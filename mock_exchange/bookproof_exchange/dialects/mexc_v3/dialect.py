"""The parts put together: what `dialects.api.Dialect` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bookproof_exchange.dialects.api import Edit, HttpAnswer, HttpRequest, Ideal, Message, Rule, Session, Traits, View
from bookproof_exchange.dialects.mexc_v3 import edits, rest
from bookproof_exchange.dialects.mexc_v3.ideal import MexcIdeal
from bookproof_exchange.dialects.mexc_v3.rules import RULES
from bookproof_exchange.dialects.mexc_v3.session import MexcSession
from bookproof_exchange.dialects.mexc_v3.traits import INSTRUMENTS, NAME, TITLE, TRAITS, WS_PATH
from bookproof_exchange.market import Instrument


class MexcV3:
    """MEXC spot v3."""

    name: str = NAME
    title: str = TITLE
    traits: Traits = TRAITS
    instruments: Sequence[Instrument] = INSTRUMENTS
    rules: Mapping[str, Rule] = RULES
    ideal: Ideal = MexcIdeal()

    def endpoints(self, ws: str, http: str) -> Mapping[str, str]:
        """``ws``: the whole URL of the socket; ``rest``: the host, to which clients append ``/api/v3/…``."""
        return {"ws": ws + WS_PATH, "rest": http}

    def accepts(self, request: HttpRequest) -> HttpAnswer | None:
        return None if request.path.rstrip("/") == WS_PATH else rest.error(404, 404, "Not Found")

    def session(self, request: HttpRequest, view: View) -> Session:
        return MexcSession(view, request.query.get("listenKey"))

    def rest(self, request: HttpRequest, view: View) -> HttpAnswer:
        return rest.answer(request, view)

    def limited(self, status: int, retry_after: int | None) -> HttpAnswer:
        return rest.limited(status, retry_after)

    def edit(self, message: Message, edit: Edit, view: View) -> Message | None:
        return edits.apply(message, edit, view)
