"""How fast the checker judges: observations of 25 levels a side, decoded afresh, as a driver delivers them."""

from __future__ import annotations

import sys
import time

import msgspec

from bookproof.checker.facts import Admissible, Chain, Facts
from bookproof.checker.judge import judge
from bookproof.checker.match import Matcher
from bookproof.results import Verdict
from bookproof_exchange.dialects.api import Feed, Kind, Message
from bookproof_exchange.evidence import Evidence, Observed, Row, Sent
from bookproof_exchange.market import Instrument, Side, Truth
from bookproof_exchange.numbers import to_text

DEPTH = 25
VERSIONS = 20_000

INSTRUMENT = Instrument(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    price_decimals=2,
    size_decimals=8,
    start_price=5_000_000,
    typical_size=50_000_000,
)


def world(versions: int = VERSIONS, depth: int = DEPTH) -> tuple[Facts, list[Evidence]]:
    """A stream of ``versions`` updates with a right observation, pushed, after each."""
    truth = Truth(INSTRUMENT, 1, profile="busy", levels=40)
    truth.ensure(versions)
    feed = Feed(INSTRUMENT.symbol, "book", depth)
    evidence: list[Evidence] = []
    states: list[Admissible] = []
    prints = truth.fingerprints(depth)
    decoder = msgspec.json.Decoder(tuple[tuple[Row, ...], tuple[Row, ...]])
    for version in range(versions + 1):
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
        sides = tuple(
            [
                (to_text(price, INSTRUMENT.price_decimals), to_text(size, INSTRUMENT.size_decimals))
                for price, size in truth.levels(version, side, depth)
            ]
            for side in Side
        )
        bids, asks = decoder.decode(msgspec.json.encode(sides))  # new strings and tuples, as from the wire
        evidence.append(
            Observed(
                position=position + 1,
                at=version * 1e-3,
                symbol=INSTRUMENT.symbol,
                claim="live",
                bids=bids,
                asks=asks,
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
    """Per second: observations matched (cold: every row seen for the first time once), and judged by the whole of
    `judge`, indexing and every property included. Best of three.

    CPU seconds, so that other work on the machine does not count."""
    facts, evidence = world()
    shown = [record for record in evidence if isinstance(record, Observed)]
    matching = judging = float("inf")
    for _ in range(3):
        matcher = Matcher(facts.truths[INSTRUMENT.symbol], INSTRUMENT, DEPTH, "string")
        began = time.process_time()
        for observed in shown:
            if not matcher.candidates(observed.bids, observed.asks):
                raise AssertionError("the bench's client is right, yet its book was not recognised")
        matching = min(matching, time.process_time() - began)
        began = time.process_time()
        checks = judge(facts, evidence)
        judging = min(judging, time.process_time() - began)
        wrong = [check for check in checks if check.verdict is not Verdict.PASS]
        if wrong:
            raise AssertionError(f"the bench's client is right, yet: {wrong[0]}")
    return {
        "checker.matched_per_s": len(shown) / matching,
        "checker.judged_per_s": len(shown) / judging,
    }


if __name__ == "__main__":
    for name, value in measure().items():
        sys.stdout.write(f"{name} {value:,.0f}\n")
