"""Known bugs, replayed: a client with one bug is given the very bytes that the failed client was given, without a network.

The client under test decided what to ask and when; the replayed one gets the answers to that. Nothing waits: a coroutine
that would (for a timer, say) ends the replay of that bug, for what it would do then is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from bookproof.drivers.api import BookShown, Shown, Start, TradeShown
from bookproof.ideal.client import IdealClient, Reconnect
from bookproof.ideal.keeper import Need
from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import (
    BookSnapshot,
    Decoded,
    Dialect,
    Frame,
    HttpAnswer,
    HttpRequest,
    Kind,
    Subscribed,
)
from bookproof_exchange.market import Instrument


class Bug(Protocol):
    """What is replayed: a mutant."""

    @property
    def name(self) -> str: ...
    @property
    def bug_class(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def make(self) -> Callable[..., IdealClient]: ...
    @property
    def blind(self) -> bool:
        """Whether it looks at no checksum, besides."""
        ...


class Book(msgspec.Struct, frozen=True):
    """A book that a replayed client shows from ``position`` on."""

    position: int
    shown: BookShown


class Asks(msgspec.Struct, frozen=True):
    """Something that a replayed client asks of the exchange, having read up to ``position``."""

    position: int
    what: str
    """``subscription``, ``snapshot`` or ``connection``, as in `checker.timeline.Recovery`."""
    symbol: str | None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a known bug does with the bytes."""

    books: tuple[Book, ...]
    trades: tuple[tuple[int, TradeShown], ...]
    asks: tuple[Asks, ...]
    died: int | None = None
    """Position of the message that ended it."""
    complete: bool = True
    """False: it came to where it would have waited."""


class Delivery:
    """The bytes of one case, decoded once for all the clients that they are replayed to."""

    def __init__(
        self,
        dialect: Dialect,
        start: Start,
        records: Sequence[evidence.Evidence],
        *,
        until: int | None = None,
    ) -> None:
        """``until``: the last position that is replayed."""
        self._start = start
        self._dialect = _Memo(dialect, start)
        self._records = [
            record
            for record in records
            if isinstance(record, evidence.Opened | evidence.Closed | evidence.Received | evidence.Rest)
            or (isinstance(record, evidence.Sent) and not (record.timer and record.message.kind is Kind.HEARTBEAT))
        ]
        if until is not None:
            self._records = [record for record in self._records if record.position <= until]

    def __len__(self) -> int:
        return len(self._records)

    @property
    def asks_by_rest(self) -> bool:
        """Whether anything came by REST."""
        return any(isinstance(record, evidence.Rest) for record in self._records)

    def replay(self, make: Callable[..., IdealClient], *, late: tuple[int, int] = (0, 0)) -> Replayed:
        """What the client that ``make`` makes would have shown and asked for. ``late``: so many messages of the stream
        overtake the first answer of REST, and each later one: they have a connection of their own."""
        return _Replay(self._dialect, self._start, make).run(self._late(late))

    def _late(self, late: tuple[int, int]) -> Sequence[evidence.Evidence]:
        if not any(late):
            return self._records
        first = True
        found: list[evidence.Evidence] = []
        held: list[tuple[int, evidence.Evidence]] = []
        for record in self._records:
            if isinstance(record, evidence.Rest):
                by = late[0] if first else late[1]
                first = False
                if by:
                    held.append((by, record))
                else:
                    found.append(record)
                continue
            if not isinstance(record, evidence.Sent):
                # a subscription or the end of a connection is later than what was answered before it
                found.extend(rest for _, rest in held)
                held = []
            found.append(record)
            if isinstance(record, evidence.Sent):
                held = [(left - 1, rest) for left, rest in held]
                found.extend(rest for left, rest in held if left <= 0)
                held = [(left, rest) for left, rest in held if left > 0]
        return [*found, *(rest for _, rest in held)]


class _Memo:
    """A dialect whose client side remembers what it decoded."""

    def __init__(self, dialect: Dialect, start: Start) -> None:
        self._dialect = dialect
        self.ideal = _MemoIdeal(dialect.ideal)
        self.requests = {symbol: dialect.ideal.snapshot_request(symbol, start.depth) for symbol in start.symbols}
        self.subscribe = {
            frame: symbol
            for symbol in start.symbols
            for frame in dialect.ideal.subscribe((symbol,), ("book",), start.depth)
        }
        self.unsubscribe = {
            frame for symbol in start.symbols for frame in dialect.ideal.unsubscribe((symbol,), ("book",), start.depth)
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)


class _MemoIdeal:
    def __init__(self, ideal: Any) -> None:
        self._ideal = ideal
        self._frames: dict[Frame, Sequence[Decoded]] = {}
        self._answers: dict[tuple[str, bytes, int], Decoded] = {}
        self.snapshot_from = ideal.snapshot_from
        self.link = ideal.link
        self.verify = ideal.verify
        self.window = ideal.window

    def decode(self, frame: Frame, instruments: Mapping[str, Instrument]) -> Sequence[Decoded]:
        found = self._frames.get(frame)
        if found is None:
            found = self._frames[frame] = self._ideal.decode(frame, instruments)
        return found

    def decode_rest(self, symbol: str, answer: HttpAnswer, instruments: Mapping[str, Instrument]) -> Decoded:
        key = symbol, answer.body, answer.status
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = self._ideal.decode_rest(symbol, answer, instruments)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ideal, name)


class _Waits(Exception):
    """The client would wait here."""


class _Wire:
    """Stands for the socket: what is sent is noted; nothing comes of it but what the evidence holds."""

    def __init__(self, dialect: _Memo, note: Callable[[str, str | None], None]) -> None:
        self._dialect = dialect
        self._note = note

    async def send(self, frame: Frame) -> None:
        if frame not in self._dialect.unsubscribe:
            symbol = self._dialect.subscribe.get(frame)
            self._note("refused" if symbol is None else "subscription", symbol)

    async def close(self) -> None:
        self._note("connection", None)


class _Tasks:
    """Stands for the nursery: of tasks only the request for a snapshot is noted, its answer is in the evidence."""

    def __init__(self, note: Callable[[str, str | None], None]) -> None:
        self._note = note

    def start_soon(self, task: Callable[..., Any], *arguments: Any) -> None:
        if getattr(task, "__name__", "") == "snapshot" and arguments:
            self._note("snapshot", arguments[0])


class _Replay:
    def __init__(self, dialect: _Memo, start: Start, make: Callable[..., IdealClient]) -> None:
        self._books: list[Book] = []
        self._trades: list[tuple[int, TradeShown]] = []
        self._asks: list[Asks] = []
        self._position = 0
        self._underway: dict[str, int] = {}
        """By symbol: how many subscriptions it has sent that have not arrived yet."""
        self._dialect = dialect
        self._client = make(dialect, start, None, self._emit)
        self._wire: Any = _Wire(dialect, self._note)
        self._client.nursery = _Tasks(self._note)  # type: ignore[assignment]
        self._on: dict[int, set[str]] = {}
        """By open connection: the symbols subscribed on it."""

    def run(self, records: Iterable[evidence.Evidence]) -> Replayed:
        died, complete = None, True
        for record in records:
            self._position = record.position
            try:
                self._see(record)
            except _Waits:
                complete = False
                break
            except Reconnect:
                self._note("connection", None)
            except Exception:
                died = record.position
                break
        return Replayed(
            books=tuple(self._books),
            trades=tuple(self._trades),
            asks=tuple(self._asks),
            died=died,
            complete=complete,
        )

    def _emit(self, shown: Shown) -> None:
        match shown:
            case BookShown():
                self._books.append(Book(self._position, shown))
            case TradeShown():
                self._trades.append((self._position, shown))
            case _:
                pass

    def _note(self, what: str, symbol: str | None) -> None:
        if what == "subscription" and symbol is not None:
            self._underway[symbol] = self._underway.get(symbol, 0) + 1
        self._asks.append(Asks(self._position, what, symbol))

    def _see(self, record: evidence.Evidence) -> None:
        client = self._client
        match record:
            case evidence.Opened(connection=connection, intents=intents):
                self._on[connection] = set()
                self._underway.clear()
                client.generation += 1
                client.socket = self._wire
                self._subscribed(connection, intents)
            case evidence.Received(connection=connection, intents=intents):
                self._subscribed(connection, intents)
            case evidence.Closed(connection=connection):
                for symbol in sorted(self._on.pop(connection, ())):
                    if not any(symbol in others for others in self._on.values()):
                        client.keepers[symbol].lost()
                        client.after(symbol)
                if not self._on:
                    client.socket = None
            case evidence.Sent(connection=connection, message=message) if connection in self._on:
                _finish(client.receive(message.frame))
            case evidence.Rest(request=request, answer=answer):
                about = self._symbol_of(request)
                if about is not None:
                    self._answered(about, answer)
            case _:
                pass

    def _subscribed(self, connection: int, intents: Sequence[object]) -> None:
        for intent in intents:
            if isinstance(intent, Subscribed) and intent.feed.channel == "book":
                symbol = intent.feed.symbol
                if symbol in self._client.keepers:
                    self._on.setdefault(connection, set()).add(symbol)
                    if self._underway.get(symbol):
                        # it began anew when it asked, not when that arrived
                        self._underway[symbol] -= 1
                        continue
                    self._client.keepers[symbol].subscribed()
                    self._client.after(symbol)

    def _symbol_of(self, request: HttpRequest) -> str | None:
        for symbol, usual in self._dialect.requests.items():
            if usual is None or usual.path != request.path:
                continue
            if usual.query.get("symbol") == request.query.get("symbol"):
                return symbol
        return None

    def _answered(self, symbol: str, answer: HttpAnswer | None) -> None:
        client = self._client
        keeper = client.keepers[symbol]
        decoded = None if answer is None else client.ideal.decode_rest(symbol, answer, client.instruments)
        need = Need.NOTHING
        if isinstance(decoded, BookSnapshot):
            need = keeper.rest_snapshot(decoded)
        else:
            need = keeper.rest_failed()
        _finish(client.meet(symbol, need))


def _finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end what does not wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    except RuntimeError as error:
        # trio is not running: the client looked at the clock, or wanted to wait
        raise _Waits from error
    coroutine.close()
    raise _Waits
