"""A pure client for trying a script: a dialect's `Ideal` run against an exchange without sockets, tasks or a clock.

It does what the venue's documents let a client do and nothing more: it joins updates to a snapshot, verifies what can be
verified, recovers when a message is rejected, and notes where that was. Time is a number that moves only when the script
waits: from one of the client's own timers to the next.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import (
    Acked,
    BookSnapshot,
    BookUpdate,
    Dialect,
    Frame,
    GoingDown,
    HttpAnswer,
    HttpRequest,
    Link,
)
from bookproof_exchange.faults.forms import Broken
from bookproof_exchange.market import Book, Side
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.script.actions import (
    Action,
    Admit,
    Answer,
    HangUp,
    Mute,
    PingClient,
    Play,
    Refuse,
    Write,
    WriteOdd,
)
from bookproof_exchange.script.exchange import Exchange

Reason = Literal["gap", "checksum", "closed", "violation", "silence", "no-snapshot", "refused", "farewell"]

#: Seconds: between attempts (first, and most), before a snapshot in band is asked for again, before a silent connection
#: counts as dead where the venue sends no heartbeats (else ten of its intervals).
_BACK_OFF = (0.05, 5.0)
_PATIENCE = 5.0
_SILENCE = 60.0
_REFUSED = 1.0


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or the lack of one, by which a correct client knows that something is wrong.

    ``position``: of the message in the evidence (of the newest evidence, where it is a silence or an end)."""

    reason: Reason
    position: int
    connection: int
    symbol: str | None = None


class _Kept:
    """One symbol's book."""

    def __init__(self) -> None:
        self.book = Book()
        self.live = False
        self.sequence: int | None = None
        self.first = True
        self.buffer: list[BookUpdate] = []
        self.fetching = False
        self.worst: dict[Side, int | None] = {Side.BID: None, Side.ASK: None}
        """Prices beyond which a snapshot that was cut says nothing."""


class Follower:
    """One client of one exchange. `perform` gives it what the exchange wants done; `wait` lets time pass."""

    def __init__(self, dialect: Dialect, scenario: Scenario, seed: int) -> None:
        self.now = 0.0
        self.exchange = Exchange(dialect, scenario, seed, clock=lambda: self.now)
        self.dialect = dialect
        self.ideal = dialect.ideal
        self.detections: list[Detection] = []
        self.recovered = False
        """Whether it ever asked for anything again."""
        traits = dialect.traits
        asked = scenario.subscribe.depth
        if isinstance(asked, str):
            asked = (min if asked == "least" else max)(traits.depths) if traits.depths else None
        self._depth: int | None = asked
        self._channels = scenario.subscribe.channels
        self._window = self.ideal.window(self._depth)
        self._silence = _SILENCE if traits.heartbeat_s is None else 10 * traits.heartbeat_s
        self._kept = {symbol: _Kept() for symbol in self.exchange.symbols}
        self._connection: int | None = None
        self._arrived = 0
        self._requests: dict[int, tuple[str, int]] = {}
        self._asked = 0
        self._attempt = 0
        self._failures = 0
        self._not_before = 0.0
        self._todo: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._muted: set[int] = set()
        self._sent: dict[int, deque[int]] = {}
        self._scanned = 0
        self._todo.append(self._connect)

    # --- for the script ----------------------------------------------------------------------------------------------

    def wait(self, limit: float, ready: Callable[[], bool]) -> bool:
        """Let up to ``limit`` seconds pass, until ``ready()``."""
        end = self.now + limit
        while True:
            while self._todo:
                self._todo.popleft()()
            if ready():
                return True
            if not self._timers or self._timers[0][0] > end:
                self.now = end
                return False
            due, _, what = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            what()

    def perform(self, actions: Sequence[Action]) -> None:
        """What the exchange wants done; then the client reacts."""
        self._perform(actions)
        while self._todo:
            self._todo.popleft()()

    def shows(self, symbol: str, least: int, *, exactly: bool) -> bool:
        """Whether it holds, live, the truth of a version from ``least`` on."""
        if not self._kept[symbol].live:
            return False
        newest = least if exactly else self.exchange.newest(symbol)
        return any(self.agrees(symbol, version) for version in range(newest, least - 1, -1))

    def live(self, symbol: str) -> bool:
        """Whether it claims to hold a right book."""
        return self._kept[symbol].live

    def right(self, symbol: str) -> bool:
        """Whether its book, if it claims one, is a true one of any version."""
        return not self._kept[symbol].live or self.shows(symbol, 0, exactly=False)

    def agrees(self, symbol: str, version: int) -> bool:
        """Whether its book is that of a version, as far as it can know."""
        kept = self._kept[symbol]
        stated = self.exchange.view.sequence(symbol, version)
        if kept.sequence is not None and self.dialect.traits.sequence and kept.sequence != stated:
            return False
        truth = self.exchange.view.truth(symbol)
        for side in Side:
            worst = kept.worst[side]
            mine = kept.book.levels(side)
            true = truth.levels(version, side, self._window)
            if _within(mine, side, worst) != _within(true, side, worst):
                return False
        return True

    # --- what the exchange does --------------------------------------------------------------------------------------

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Admit(connection=number):
                    if number == self._connection:
                        self._perform(self.exchange.opened(number))
                        self._todo.append(self._subscribe)
                case Refuse():
                    self._later(self._back_off(), self._connect)
                case Write(connection=number, frames=frames):
                    for frame in frames:
                        self._receive(number, frame)
                case WriteOdd(connection=number, frame=frame, form=form):
                    if isinstance(form, Broken):
                        self._position(number)
                        self._violated(number)
                    else:
                        self._receive(number, frame)
                case PingClient(connection=number, payload=payload):
                    if number == self._connection and number not in self._muted:
                        self._todo.append(functools.partial(self._pong, number, payload))
                case HangUp(connection=number, code=code, how=how):
                    self._perform(self.exchange.closed(number, "exchange", code, how))
                    if number == self._connection:
                        self._lost("closed")
                case Mute(connection=number, on=on):
                    (self._muted.add if on else self._muted.discard)(number)
                    if on:
                        self._later(self._silence, functools.partial(self._silent, number))
                case Answer(number=number, answer=answer):
                    self._answered(number, answer)
                case Play():
                    raise TypeError("an exchange of a case plays no tapes")

    def _position(self, connection: int) -> int:
        """Of the next message that was sent on a connection."""
        records = self.exchange.evidence
        for record in records[self._scanned :]:
            if isinstance(record, evidence.Sent):
                self._sent.setdefault(record.connection, deque()).append(record.position)
        self._scanned = len(records)
        return self._sent[connection].popleft()

    def _receive(self, connection: int, frame: Frame) -> None:
        position = self._position(connection)
        if connection != self._connection:
            return
        for decoded in self.ideal.decode(frame, self.exchange.view.instruments):
            match decoded:
                case BookSnapshot(symbol=symbol) if self.ideal.snapshot_from == "stream":
                    self._snapshot(symbol, decoded, position)
                case BookUpdate(symbol=symbol):
                    self._update(symbol, decoded, position)
                case Acked(ok=False, what="subscribe", reason=reason):
                    self._detect("refused", position)
                    self._report(reason)
                    self._later(_REFUSED, self._subscribe)
                case GoingDown():
                    self._detect("farewell", position)
                    self._todo.append(functools.partial(self._leave, connection, "farewell"))
                case _:
                    pass

    # --- the connection ----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._arrived += 1
        self._connection = self._arrived
        self.recovered |= self._arrived > 1
        endpoint = self.dialect.endpoints("ws://x", "http://x")["ws"]
        path = self.ideal.connect_path(self.exchange.symbols, self._channels, self._depth)
        parts = urlsplit(endpoint + path)
        request = HttpRequest(method="GET", path=parts.path, query=dict(parse_qsl(parts.query)))
        self._perform(self.exchange.arrived(self._arrived, request))

    def _subscribe(self) -> None:
        """To everything that is not live."""
        symbols = [symbol for symbol, kept in self._kept.items() if not kept.live]
        self._send(self.ideal.subscribe(symbols, self._channels, self._depth) if symbols else ())
        if self.ideal.snapshot_from == "stream":
            self._watch()

    def _watch(self) -> None:
        number = self._connection

        def look() -> None:
            if number != self._connection:
                return
            for symbol, kept in self._kept.items():
                if not kept.live:
                    self._detect("no-snapshot", self.exchange.position, symbol)
                    self._renew(symbol)

        self._later(_PATIENCE, look)

    def _send(self, frames: Sequence[Frame]) -> None:
        number = self._connection
        for frame in frames:
            if number is not None and number == self._connection:
                self._perform(self.exchange.received(number, frame))

    def _pong(self, number: int, payload: bytes) -> None:
        if number == self._connection:
            self._perform(self.exchange.ponged(number, payload))

    def _silent(self, number: int) -> None:
        if number in self._muted and number == self._connection:
            self._detect("silence", self.exchange.position)
            self._leave(number, "silence")

    def _violated(self, number: int) -> None:
        if number == self._connection:
            self._detect("violation", self.exchange.position)
            self._todo.append(functools.partial(self._leave, number, "violation"))

    def _leave(self, number: int, reason: Reason) -> None:
        """The client itself ends the connection."""
        if number == self._connection:
            self._connection = None
            self._perform(self.exchange.closed(number, "client", 1000, "close"))
            self._lost(reason)

    def _lost(self, reason: Reason) -> None:
        if reason == "closed":
            self._detect("closed", self.exchange.position)
        self._connection = None
        for kept in self._kept.values():
            kept.live = kept.fetching = False
            kept.buffer.clear()
        self._later(self._back_off(), self._connect)

    # --- the books ---------------------------------------------------------------------------------------------------

    def _snapshot(self, symbol: str, snapshot: BookSnapshot, position: int) -> None:
        kept = self._kept[symbol]
        kept.book = Book(snapshot.bids, snapshot.asks)
        kept.live = True
        self._attempt = 0
        self._checked(symbol, snapshot.checksum, position)

    def _update(self, symbol: str, update: BookUpdate, position: int) -> None:
        kept = self._kept[symbol]
        if self.ideal.snapshot_from == "stream":
            if kept.live:
                kept.book.apply(update.changes)
                self._checked(symbol, update.checksum, position)
            return
        if kept.live:
            self._join(symbol, update, position)
        else:
            kept.buffer.append(update)
            self._fetch(symbol)

    def _checked(self, symbol: str, checksum: int | None, position: int) -> None:
        kept = self._kept[symbol]
        if self._window is not None:
            kept.book.truncate(self._window)
        if not self.ideal.verify(kept.book, checksum, self.exchange.view.instruments[symbol]):
            self._detect("checksum", position, symbol)
            kept.live = False
            self._todo.append(functools.partial(self._renew, symbol))

    def _renew(self, symbol: str) -> None:
        """Begin one subscription anew, for a snapshot in band."""
        self.recovered = True
        self._send(self.ideal.unsubscribe((symbol,), ("book",), self._depth))
        self._send(self.ideal.subscribe((symbol,), ("book",), self._depth))
        self._watch()

    def _join(self, symbol: str, update: BookUpdate, position: int) -> bool:
        kept = self._kept[symbol]
        match self.ideal.link(kept.sequence, update, first_after_snapshot=kept.first):
            case Link.OLD:
                return True
            case Link.NEXT:
                kept.first = False
                kept.book.apply(update.changes)
                kept.sequence = update.last
                return True
            case Link.GAP:
                self._detect("gap", position, symbol)
                kept.live = False
                kept.buffer = [update]
                self._fetch(symbol)
                return False

    def _fetch(self, symbol: str) -> None:
        kept = self._kept[symbol]
        if not kept.fetching:
            kept.fetching = True
            number = self._connection
            wait = max(self._not_before - self.now, self._pause())
            self._later(wait, functools.partial(self._request, symbol, number))

    def _request(self, symbol: str, number: int | None) -> None:
        if number is None or number != self._connection:
            return
        self._asked += 1
        self.recovered |= self._asked > len(self._kept)
        self._requests[self._asked] = (symbol, number)
        request = self.ideal.snapshot_request(symbol, self._depth)
        assert request is not None
        self._perform(self.exchange.requested(self._asked, request))

    def _answered(self, number: int, answer: HttpAnswer | None) -> None:
        symbol, connection = self._requests.pop(number)
        if connection != self._connection:
            return
        kept = self._kept[symbol]
        kept.fetching = False
        whole = answer is not None and not _is_short(answer)
        snapshot = self.ideal.decode_rest(symbol, answer, self.exchange.view.instruments) if whole and answer else None
        first = kept.buffer[0].first if kept.buffer else None
        if not isinstance(snapshot, BookSnapshot):
            self._failures += 1
            self._not_before = max(self._not_before, self.now + _retry_after(answer))
            self._fetch(symbol)
            return
        if first is not None and snapshot.sequence is not None and snapshot.sequence + 1 < first:
            self._failures += 1
            self._fetch(symbol)
            return
        limit = None if answer is None or answer.snapshot is None else answer.snapshot.limit
        kept.book = Book(snapshot.bids, snapshot.asks)
        kept.worst = {
            side: rows[-1][0] if limit is not None and len(rows) >= limit else None
            for side, rows in ((Side.BID, snapshot.bids), (Side.ASK, snapshot.asks))
        }
        kept.sequence, kept.first, kept.live = snapshot.sequence, True, True
        buffered, kept.buffer = kept.buffer, []
        for place, update in enumerate(buffered):
            if not self._join(symbol, update, self.exchange.position):
                kept.buffer = buffered[place:]
                self._failures += 1
                return
        self._failures = self._attempt = 0

    def _report(self, reason: str) -> None:
        """Tell the user of a refusal."""
        self.exchange.record(
            lambda position, at: evidence.ClientEvent(position=position, at=at, kind="error", message=reason)
        )

    # --- small things ------------------------------------------------------------------------------------------------

    def _detect(self, reason: Reason, position: int, symbol: str | None = None) -> None:
        connection = self._connection or self._arrived
        self.detections.append(Detection(reason=reason, position=position, connection=connection, symbol=symbol))

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        if seconds <= 0:
            self._todo.append(what)
        else:
            heapq.heappush(self._timers, (self.now + seconds, next(self._count), what))

    def _back_off(self) -> float:
        self._attempt += 1
        first, most = _BACK_OFF
        return float(min(first * 2 ** (self._attempt - 1), most))

    def _pause(self) -> float:
        first, most = _BACK_OFF
        return float(min(first * 2 ** (self._failures - 1), most)) if self._failures else 0.0


def _within(levels: Sequence[tuple[int, int]], side: Side, worst: int | None) -> Sequence[tuple[int, int]]:
    if worst is None:
        return tuple(levels)
    return tuple(level for level in levels if (level[0] >= worst if side is Side.BID else level[0] <= worst))


def _is_short(answer: HttpAnswer) -> bool:
    """Whether it ends before its stated length."""
    stated = dict(answer.headers).get("content-length")
    return stated is not None and int(stated) > len(answer.body)


def _retry_after(answer: HttpAnswer | None) -> float:
    value = "" if answer is None else dict(answer.headers).get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0
