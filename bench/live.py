"""Live: a real dialect's session encodes each update of a real market at the moment when it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from report import Gate, Group
from senders import by_bookproof, by_websockets
from wire import update

from bookproof_exchange.dialects.api import Frame, HttpRequest, Tick
from bookproof_exchange.dialects.registry import DIALECTS
from bookproof_exchange.market.truth import Profile
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.actions import Action, Write
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.server.frames import join
from bookproof_exchange.server.listener import Server

DIALECT = "binance-spot"
REQUEST = HttpRequest(method="GET", path="/ws/btcusdt@depth")
#: Updates made, encoded and sent together: a stream of this rate reaches the wire several times in a millisecond.
BATCH = 64
COUNT = 16_000


class Live:
    """A market and what a session publishes of it. The same seed makes the same market, so what comes is known."""

    def __init__(self, profile: Profile, events: int) -> None:
        """``events``: how many market events one message covers."""
        self._profile: Profile = profile
        self._events = events
        self.made = self.market()
        self.symbol = next(iter(self.made.instruments))
        self.start = self.made.index(self.symbol)
        batches = list(self._batches(self.made))
        self.count = sum(map(len, batches))
        self.size = sum(len(join(batch)) for batch in batches)

    def market(self) -> MarketView:
        return MarketView(DIALECTS.get(DIALECT), Market(profile=self._profile), 1)

    def _batches(self, view: MarketView) -> Iterator[Sequence[Frame]]:
        view.move(self.symbol, self.start)
        session = DIALECTS.get(DIALECT).session(REQUEST, view)
        session.open()
        truth, events = view.truth(self.symbol), self._events
        for first in range(self.start, self.start + COUNT * events, BATCH * events):
            frames: list[Frame] = []
            truth.ensure(first + BATCH * events)
            for version in range(first, first + BATCH * events, events):
                view.move(self.symbol, version + events)
                ticked = Tick(self.symbol, version, version + events)
                frames.extend([message.frame for message in session.publish(ticked)])
            yield frames

    def cost(self, view: MarketView) -> float:
        """CPU seconds a message, published from ``view``."""

        def script(server: Server) -> Iterator[Sequence[Action]]:
            for frames in self._batches(view):
                yield [Write(1, tuple(frames))]

        return by_bookproof(script, 1, self.size, clock=time.process_time)[0] / self.count


def theirs(size: int) -> Callable[[], float]:
    """CPU seconds a message of websockets.asyncio sending ready strings of ``size`` bytes."""
    texts = [update(number, size).decode() for number in range(10_000)]
    sent = len(texts) * (size + (2 if size < 126 else 4))
    return lambda: by_websockets(texts, 1, sent, clock=time.process_time) / len(texts)


def groups() -> list[Group]:
    """In CPU time of the sending process, from the first message to the receiver's word that it has all: other work on
    the machine disturbs both sides less."""
    busy, load, full = Live("busy", 1), Live("load", 1), Live("load", 5)
    short, long = theirs(132), theirs(250)
    for live, size in ((busy, 132), (load, 132), (full, 250)):
        if not 0.95 < live.size / live.count / (size + 4) < 1.05:
            raise AssertionError(f"the live messages have {live.size / live.count:.0f} bytes, not {size}")

    def once() -> dict[str, float]:
        ours = [load.cost(load.market()), busy.cost(busy.made), busy.cost(busy.market()), full.cost(full.market())]
        they, they_long = short(), long()
        return dict(zip(_NAMES, [they / ours[0], they / ours[1], they / ours[2], they_long / ours[3]], strict=True))

    return [Group([Gate(name, target) for name, target in zip(_NAMES, (1, 1, 0.4, 0.35), strict=True)], once)]


_NAMES = (
    "live: load market made, encoded, sent / websockets, ready strings",
    "live: busy market encoded, sent / websockets, ready strings",
    "live: busy market made, encoded, sent / websockets, ready strings",
    "live: the same with five load events a message, 250 B",
)
