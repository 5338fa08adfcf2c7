"""Answers to HTTP requests, with the faults of REST snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Dialect, HttpAnswer, HttpRequest
from bookproof_exchange.faults import specs
from bookproof_exchange.script.actions import Action, Answer
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.drift import Drift
from bookproof_exchange.script.gate import Gate
from bookproof_exchange.script.ledger import Ledger
from bookproof_exchange.script.view import AtIndex, MarketView

#: A redirection to the address that was asked (RFC 9110, 15.4): who follows it is answered then.
_REDIRECTIONS = frozenset({301, 302, 307, 308})


class Answers:
    """Answers HTTP requests: a snapshot shows the market at the cursor, unless a fault strikes it; who was told to wait is
    refused until then."""

    def __init__(
        self,
        dialect: Dialect,
        view: MarketView,
        ledger: Ledger,
        cursor: Cursor,
        armory: Armory,
        gate: Gate,
        drift: Drift,
    ) -> None:
        self._dialect = dialect
        self._view = view
        self._ledger = ledger
        self._cursor = cursor
        self._armory = armory
        self._gate = gate
        self._drift = drift

    def is_snapshot(self, request: HttpRequest) -> bool:
        """Whether the request is for a REST snapshot."""
        return self._dialect.rest(request, self._view).snapshot is not None

    def answer(self, number: int, asked: int, request: HttpRequest) -> Iterator[Action]:
        """Answer request ``number``, which came at position ``asked``."""
        answer: HttpAnswer | None = self._dialect.rest(request, self._view)
        assert answer is not None
        faults: tuple[int, ...] = ()
        refused = self._gate.refused(request, answer.weight)
        if refused is not None:
            answer, faults = refused
        elif answer.snapshot is not None:
            symbol = answer.snapshot.symbol
            slow = self._armory.take(specs.SlowRest)
            armed = self._armory.take(specs.StaleRest, specs.AheadRest, specs.StraddledRest, specs.FailingRest)
            if armed is not None:
                faults += (armed.number,)
                answer = self._struck(armed, symbol, request, answer)
            if slow is not None and isinstance(slow.spec, specs.SlowRest):
                faults += (slow.number,)
                self._armory.strike(slow, None, symbol=symbol)
                yield from self._cursor.advance(slow.spec.messages, symbol=symbol)
            if answer is not None and faults:
                self._gate.wait(request, answer, faults)
            pieced = None if answer is None else self._armory.take(specs.PiecedRest)
            if answer is not None and pieced is not None and isinstance(pieced.spec, specs.PiecedRest):
                # a matter of bytes alone: what is answered is the same, so that it does not count as the fault's
                self._armory.strike(pieced, None, symbol=symbol)
                answer = msgspec.structs.replace(answer, pieces=pieced.spec.pieces, chunked=pieced.spec.chunked)
        if answer is not None:
            answer = self._drift.answer(answer)
        if answer is not None and answer.snapshot is not None:
            self._cursor.showed(answer.snapshot.symbol, answer.snapshot.index)
        self._ledger.record(
            lambda position, at: evidence.Rest(
                position=position, at=at, asked=asked, number=number, request=request, answer=answer, faults=faults
            )
        )
        yield Answer(number, answer)

    def _struck(self, armed: Armed, symbol: str, request: HttpRequest, right: HttpAnswer) -> HttpAnswer | None:
        ticks = self._cursor.streams[symbol]
        index = self._view.index(symbol)
        match armed.spec:
            case specs.StaleRest(by=by):
                index = ticks.past(by)
            case specs.AheadRest(by=by):
                index = ticks.plan(by).last
            case specs.StraddledRest():
                straddled = ticks.wide()
                index = (straddled.first + straddled.last) // 2
            case _:
                pass
        self._armory.strike(armed, None, symbol=symbol, first=index, last=index)
        if isinstance(armed.spec, specs.FailingRest):
            return self._failure(armed.spec, request, right)
        return self._dialect.rest(request, AtIndex(self._view, symbol, index))

    def _failure(self, spec: specs.FailingRest, request: HttpRequest, right: HttpAnswer) -> HttpAnswer | None:
        if spec.status == 0:
            return None
        answer = self._dialect.limited(spec.status, spec.retry_after)
        if spec.status in _REDIRECTIONS:
            location = request.path + ("?" + urlencode(request.query) if request.query else "")
            answer = msgspec.structs.replace(answer, headers=(*answer.headers, ("location", location)))
        match spec.body:
            case "venue":
                return answer
            case "empty":
                return msgspec.structs.replace(answer, body=b"")
            case "html":
                page = b"<html><head><title>Error</title></head><body><h1>Service unavailable</h1></body></html>"
                kept = tuple(pair for pair in answer.headers if pair[0].lower() != "content-type")
                return msgspec.structs.replace(answer, body=page, headers=(("content-type", "text/html"), *kept))
            case "cut":
                half = right.body[: len(right.body) // 2]
                return msgspec.structs.replace(answer, body=half)
            case "short":
                half = right.body[: len(right.body) // 2]
                headers = (*answer.headers, ("content-length", str(len(right.body))))
                return msgspec.structs.replace(answer, body=half, headers=headers)
            case "text":
                return msgspec.structs.replace(
                    right, status=spec.status, headers=(("content-type", "text/plain; charset=utf-8"),)
                )
