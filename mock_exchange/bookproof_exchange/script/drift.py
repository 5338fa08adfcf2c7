"""Schema drift: from some point on everything that the exchange says has a field more than anybody knows."""

from __future__ import annotations

import json

import msgspec

from bookproof_exchange.dialects.api import Dialect, Edit, HttpAnswer, Message, View
from bookproof_exchange.script.armory import Armed, Armory

_EDIT = Edit(kind="unknown-field")
_FIELD = b',"bookproof_unknown":{"v":1,"x":[]}}'


class Drift:
    """The new fields of one case. Before `begin` everything passes as it is."""

    def __init__(self, dialect: Dialect, view: View, armory: Armory) -> None:
        self._dialect = dialect
        self._view = view
        self._armory = armory
        self._armed: Armed | None = None

    def begin(self, armed: Armed) -> None:
        """From now on."""
        self._armed = armed

    def message(self, connection: int, message: Message) -> tuple[Message, tuple[int, ...]]:
        """The message as it goes out, and the number of the fault if it was touched."""
        if self._armed is None:
            return message, ()
        changed = self._dialect.edit(message, _EDIT, self._view)
        if changed is None:
            return message, ()
        if not self._armed.struck:
            symbol = None if message.feed is None else message.feed.symbol
            note = "from here on everything has a new field"
            self._armory.strike(
                self._armed, connection, symbol=symbol, first=message.last, last=message.last, note=note
            )
        return changed, (self._armed.number,)

    def answer(self, answer: HttpAnswer) -> HttpAnswer:
        """An HTTP answer as it goes out."""
        if self._armed is None or not _is_object(answer.body):
            return answer
        if not self._armed.struck:
            self._armory.strike(self._armed, None, note="from here on everything has a new field")
        end = answer.body.rindex(b"}")
        return msgspec.structs.replace(answer, body=answer.body[:end] + _FIELD + answer.body[end + 1 :])


def _is_object(body: bytes) -> bool:
    """Whether it is a JSON object with at least one member."""
    try:
        return bool(body.lstrip().startswith(b"{") and json.loads(body))
    except ValueError:
        return False
