"""Live: a real dialect's session encodes each update of a real market at the moment when it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from report import Gate, Group
from senders import by_bookproof, by_websockets
from wire import update

from bookproof_exchange.dialects.api import Frame, HttpRequest, Tick
from bookproof_exchange.dialects.registry import DIALECTS
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.actions import Action, Write
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.server.frames import join
from bookproof_exchange.server.listener import Server

DIALECT = "binance-spot"
REQUEST = HttpRequest(method="GET", path="/ws/btcusdt@depth")
#: Updates sent together: a stream of this rate reaches the wire many times in a millisecond.
BATCH = 32
COUNT = 16_000


def market() -> MarketView:
    return MarketView(DIALECTS.get(DIALECT), Market(), 1)


class Live:
    """A market and what a session publishes of it. The same seed makes the same market, so what comes is known."""

    def __init__(self) -> None:
        self.made = market()
        self.symbol = next(iter(self.made.instruments))
        self.start = self.made.index(self.symbol)
        batches = list(self._batches(self.made))
        self.count = sum(map(len, batches))
        self.size = sum(len(join(batch)) for batch in batches)

    def _batches(self, view: MarketView) -> Iterator[Sequence[Frame]]:
        view.move(self.symbol, self.start)
        session = DIALECTS.get(DIALECT).session(REQUEST, view)
        session.open()
        truth = view.truth(self.symbol)
        for first in range(self.start, self.start + COUNT, BATCH):
            frames: list[Frame] = []
            for version in range(first, first + BATCH):
                truth.ensure(version + 1)
                view.move(self.symbol, version + 1)
                frames.extend(message.frame for message in session.publish(Tick(self.symbol, version, version + 1)))
            yield frames

    def rate(self, view: MarketView) -> float:
        """Messages a second, published from ``view``."""

        def script(server: Server) -> Iterator[Sequence[Action]]:
            for frames in self._batches(view):
                yield [Write(1, tuple(frames))]

        return self.count / by_bookproof(script, 1, self.size)[0]


def groups() -> list[Group]:
    live = Live()
    texts = [update(number, 250).decode() for number in range(20_000)]

    def once() -> dict[str, float]:
        encoded, made = live.rate(live.made), live.rate(market())
        theirs = len(texts) / by_websockets(texts, 1, 254 * len(texts))
        return {
            "live, encoded as it is sent / websockets, ready strings": encoded / theirs,
            "live, market made as well / websockets, ready strings": made / theirs,
        }

    return [
        Group(
            [
                Gate("live, encoded as it is sent / websockets, ready strings", 1),
                Gate("live, market made as well / websockets, ready strings", 0.25),
            ],
            once,
        )
    ]
