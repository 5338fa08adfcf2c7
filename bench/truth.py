"""How fast the market truth is made, replayed and fingerprinted.

    python bench/truth.py

CPU time of this process, best of several runs: other work on the machine disturbs little.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

from bookproof_exchange.market import Book, Change, Event, Instrument, Side, Truth
from bookproof_exchange.market.fingerprint import RollingFingerprint

INSTRUMENT = Instrument(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    price_decimals=1,
    size_decimals=8,
    start_price=600_000,
    typical_size=50_000_000,
)
EVENTS = 20_000
CHANGES = 100_000


def best_of(runs: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def level_changes(truth: Truth, count: int) -> list[Event]:
    """``count`` events of one level change each, in the mix that the market really has."""
    changes: list[Change] = []
    while len(changes) < count:
        changes.extend(truth.extend().changes)
    return [Event(number + 1, 0, (change,)) for number, change in enumerate(changes[:count])]


def measure() -> dict[str, float]:
    """Figures by name; the unit is the last word of the name."""
    figures: dict[str, float] = {}
    seeds = itertools.count()
    create = best_of(20, lambda: Truth(INSTRUMENT, next(seeds), levels=40))
    figures["create 40 levels, ms"] = create * 1e3
    deep = best_of(5, lambda: Truth(INSTRUMENT, next(seeds), profile="deep", levels=5000))
    figures["create 5000 levels, ms"] = deep * 1e3
    for profile, levels in (("busy", 40), ("calm", 40), ("deep", 5000)):
        truths = iter([Truth(INSTRUMENT, seed, profile=profile, levels=levels) for seed in range(3)])  # type: ignore[arg-type]
        figures[f"extend {profile}, us"] = best_of(3, lambda truths=truths: next(truths).ensure(EVENTS)) / EVENTS * 1e6  # type: ignore[misc]

    truth = Truth(INSTRUMENT, 1)
    bids, asks = truth.levels(0, Side.BID), truth.levels(0, Side.ASK)
    events = level_changes(truth, CHANGES)

    def roll(depth: int | None) -> None:
        RollingFingerprint(bids, asks, depth).extend(events)

    for depth in (None, 25, 10):
        name = "whole book" if depth is None else f"top {depth}"
        figures[f"apply and fingerprint {name}, M versions/s"] = CHANGES / best_of(5, lambda d=depth: roll(d)) / 1e6  # type: ignore[misc]

    def replay(depth: int | None, fingerprints: bool) -> None:
        book = Book(bids, asks)
        for event in events:
            book.apply(event.changes)
            if fingerprints:
                book.fingerprint(depth)

    figures["Book: apply, M changes/s"] = CHANGES / best_of(3, lambda: replay(None, False)) / 1e6
    figures["Book: apply and fingerprint whole, M changes/s"] = CHANGES / best_of(3, lambda: replay(None, True)) / 1e6
    figures["Book: apply and fingerprint top 25, M changes/s"] = CHANGES / best_of(3, lambda: replay(25, True)) / 1e6

    draw = random.Random(1)
    indices = [draw.randrange(truth.last) for _ in range(500)]
    figures["book(random index), us"] = best_of(3, lambda: [truth.book(index) for index in indices]) / 500 * 1e6
    figures["levels(next index, depth 25), us"] = (
        best_of(3, lambda: [truth.levels(index, Side.BID, 25) for index in range(1000, 3000)]) / 2000 * 1e6
    )
    return figures


def main() -> None:
    for name, value in measure().items():
        what, unit = name.rsplit(", ", 1)
        print(f"{what:45} {value:10.3f} {unit}")


if __name__ == "__main__":
    main()
