"""How fast the checker judges: observations of 25 levels a side, each after an update, as the driver decodes them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from bookproof.checker.facts import Admissible, Chain, Facts
from bookproof.checker.judge import judge
from bookproof.checker.match import Matcher
from bookproof.drivers.api import BookShown
from bookproof.drivers.protocol import LineDecoder, encode_shown
from bookproof.results import Verdict
from bookproof_exchange.dialects.api import Feed, Kind, Message
from bookproof_exchange.evidence import Evidence, Observed, Sent
from bookproof_exchange.market import Instrument, Side, Truth
from bookproof_exchange.numbers import to_text

DEPTH = 25
VERSIONS = 20_000
REPEATS = 5

INSTRUMENT = Instrument(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    price_decimals=2,
    size_decimals=8,
    start_price=5_000_000,
    typical_size=50_000_000,
)


def truth_and_lines(versions: int = VERSIONS, depth: int = DEPTH) -> tuple[Truth, list[bytes]]:
    """A truth, and what an adapter says that pushes the right book after every event of it."""
    truth = Truth(INSTRUMENT, 1, profile="busy", levels=40)
    truth.ensure(versions)
    lines: list[bytes] = []
    for version in range(versions + 1):
        bids, asks = (
            tuple(
                (to_text(price, INSTRUMENT.price_decimals), to_text(size, INSTRUMENT.size_decimals))
                for price, size in truth.levels(version, side, depth)
            )
            for side in Side
        )
        shown = BookShown(symbol=INSTRUMENT.symbol, claim="live", bids=bids, asks=asks)
        lines.append(encode_shown("bench", shown).rstrip())
    return truth, lines


def decoded(lines: Sequence[bytes], *, shared: bool = True) -> list[BookShown]:
    """What the driver makes of the lines. Not ``shared``: as if each were the first, so that no two books have an object
    in common (the driver never does that; it is the worst that the checker could be given)."""
    decoder = LineDecoder()
    books: list[BookShown] = []
    for line in lines:
        what = (decoder if shared else LineDecoder()).decode(line).what
        assert isinstance(what, BookShown)
        books.append(what)
    return books


def world(truth: Truth, books: Sequence[BookShown], depth: int = DEPTH) -> tuple[Facts, list[Evidence]]:
    """A stream of updates with an observation after each."""
    feed = Feed(INSTRUMENT.symbol, "book", depth)
    evidence: list[Evidence] = []
    states: list[Admissible] = []
    prints = truth.fingerprints(depth)
    for version, book in enumerate(books):
        message = Message(
            kind=Kind.UPDATE if version else Kind.SNAPSHOT,
            payload=b"",
            feed=feed,
            first=max(0, version - 1),
            last=version,
        )
        position = len(evidence) + 1
        evidence.append(Sent(position=position, at=version * 1e-3, connection=1, message=message))
        states.append(Admissible(position, version, prints[version]))
        evidence.append(
            Observed(
                position=position + 1,
                at=version * 1e-3,
                symbol=book.symbol,
                claim=book.claim,
                bids=book.bids,
                asks=book.asks,
            )
        )
    chain = Chain(symbol=INSTRUMENT.symbol, connection=1, root=1, snapshot_index=0, states=states, depth=depth)
    facts = Facts(
        dialect="bench",
        truths={INSTRUMENT.symbol: truth},
        instruments={INSTRUMENT.symbol: INSTRUMENT},
        chains={INSTRUMENT.symbol: (chain,)},
        depth_shown=None,
        claims=True,
        pushes=True,
        numbers="string",
        atomic_read=True,
        sorted_by_adapter=False,
        notice=2.0,
        rules={},
    )
    return facts, evidence


def measure() -> dict[str, float]:
    """Observations a second. ``decoded``: by the driver, from lines. ``matched``: recognised as versions, every row new
    once. ``judged``: by the whole of `judge`, indexing and every property included; ``judged_unshared``: the same where
    the rows of no two observations are the same objects. Best of so many.

    CPU seconds, so that other work on the machine does not count."""
    truth, lines = truth_and_lines()
    began = time.process_time()
    books = decoded(lines)
    decoding = time.process_time() - began
    count = len(lines)
    facts, evidence = world(truth, books)
    _, unshared = world(truth, decoded(lines, shared=False))
    matching = judging = worst = float("inf")
    for _ in range(REPEATS):
        matcher = Matcher(truth, INSTRUMENT, DEPTH, "string")
        began = time.process_time()
        for book in books:
            if not matcher.candidates(book.bids, book.asks):
                raise AssertionError("the bench's client is right, yet its book was not recognised")
        matching = min(matching, time.process_time() - began)
        judging = min(judging, _judging(facts, evidence))
        worst = min(worst, _judging(facts, unshared))
    return {
        "checker.decoded_per_s": count / decoding,
        "checker.matched_per_s": count / matching,
        "checker.judged_per_s": count / judging,
        "checker.judged_unshared_per_s": count / worst,
    }


def _judging(facts: Facts, evidence: Sequence[Evidence]) -> float:
    began = time.process_time()
    checks = judge(facts, evidence)
    took = time.process_time() - began
    wrong = [check for check in checks if check.verdict is not Verdict.PASS]
    if wrong:
        raise AssertionError(f"the bench's client is right, yet: {wrong[0]}")
    return took


if __name__ == "__main__":
    for name, value in measure().items():
        sys.stdout.write(f"{name} {value:,.0f}\n")
