"""T1: the trades shown are what was sent, in order, without loss, duplicate or invention."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof.checker.facts import Facts
from bookproof.checker.finding import Finding, check
from bookproof.checker.match import scaled
from bookproof.checker.timeline import Timeline
from bookproof.results import Check, Verdict
from bookproof_exchange.evidence import ObservedTrade, Sent
from bookproof_exchange.market import Side, Trade
from bookproof_exchange.numbers import NumberError

_SIDES = {"buy": Side.BID, "bid": Side.BID, "b": Side.BID, "sell": Side.ASK, "ask": Side.ASK, "s": Side.ASK}


class _Delivered(msgspec.Struct, frozen=True):
    trade: Trade
    position: int
    optional: bool
    """It need not be shown: it was sent before (on another connection), or shortly before its connection ended, or on one of
    two connections only: a client that has two may take its trades from either."""


def judge_trades(facts: Facts, timeline: Timeline) -> Check | None:
    """One check over all symbols; None where no trades were sent and none shown."""
    findings: list[Finding] = []
    shown_all = 0
    symbols = sorted({*timeline.trades, *timeline.shown_trades})
    if not symbols:
        return None
    for symbol in symbols:
        shown = timeline.shown_trades.get(symbol, [])
        shown_all += len(shown)
        finding = _judge(facts, timeline, symbol, shown)
        if finding is not None:
            findings.append(finding)
    return check("T1", facts.rules.get("T1"), findings, shown_all, found=1)


def _judge(facts: Facts, timeline: Timeline, symbol: str, shown: Sequence[ObservedTrade]) -> Finding | None:
    delivered = _delivered(facts, timeline, symbol)
    if not shown:
        return _trailing(facts, timeline, symbol, delivered, 0, shown)
    best = (-1, 0, 0)  # matched, start, pointer after the last match
    for start in range(len(delivered)):
        if not _same(facts, symbol, shown[0], delivered[start].trade):
            continue
        matched, pointer = _run(facts, symbol, shown, delivered, start)
        if matched > best[0]:
            best = (matched, start, pointer)
        if matched == len(shown):
            break
    matched, start, pointer = best
    if matched == len(shown):
        early = next((o for o, d in zip(shown, delivered[start:], strict=False) if d.position >= o.position), None)
        if early is not None and _order_is_certain(delivered, start):
            return _finding(early, "future", f"it was shown before it was sent ({symbol})", Verdict.HARNESS_ERROR)
        return _trailing(facts, timeline, symbol, delivered, pointer, shown)
    return _mismatch(facts, symbol, shown, delivered, max(matched, 0), start, pointer)


def _order_is_certain(delivered: Sequence[_Delivered], start: int) -> bool:
    return not any(item.optional for item in delivered[start:])


def _delivered(facts: Facts, timeline: Timeline, symbol: str) -> list[_Delivered]:
    truth = facts.truths[symbol]
    seen: set[int] = set()
    found: list[_Delivered] = []
    messages = timeline.trades.get(symbol, ())
    on: dict[int, set[int]] = {}
    """By connection: the numbers of the trades that it carried."""
    for sent in messages:
        numbers = (
            trade.number for event in truth.events(sent.message.first, sent.message.last) for trade in event.trades
        )
        on.setdefault(sent.connection, set()).update(numbers)
    for sent in messages:
        others = [on[number] for number in on if number != sent.connection and _open(timeline, number, sent.position)]
        unread = _unread(facts, timeline, sent)
        for event in truth.events(sent.message.first, sent.message.last):
            for trade in event.trades:
                number = trade.number
                elsewhere = any(number not in carried for carried in others)
                found.append(_Delivered(trade, sent.position, number in seen or unread or elsewhere))
                seen.add(number)
    return found


def _open(timeline: Timeline, connection: int, position: int) -> bool:
    opened, closed = timeline.opened.get(connection), timeline.closed.get(connection)
    return opened is not None and opened.position < position and (closed is None or closed.position > position)


def _unread(facts: Facts, timeline: Timeline, sent: Sent) -> bool:
    """Whether a right client may never have come to it: its connection ended (or was said to end, and it left at once), and
    nothing proves that it had read so far a good while before."""
    closed, notice = timeline.closed.get(sent.connection), timeline.notices.get(sent.connection)
    if notice is not None and notice.position < sent.position:
        return True
    end = closed if notice is None else notice
    if end is None or timeline.records[-1].position == end.position:
        return False
    return not any(
        barrier.connection == sent.connection
        and barrier.covers >= sent.position
        and end.at - barrier.at > facts.notice  # (what was read may wait in a queue that ends with the connection)
        for barrier in timeline.barriers
    )


def _run(
    facts: Facts, symbol: str, shown: Sequence[ObservedTrade], delivered: Sequence[_Delivered], start: int
) -> tuple[int, int]:
    """How many shown trades match from ``start`` on without a hole, and where the delivered ones go on."""
    pointer = start
    for count, observed in enumerate(shown):
        while pointer < len(delivered) and not _same(facts, symbol, observed, delivered[pointer].trade):
            if not delivered[pointer].optional:
                return count, pointer
            pointer += 1
        if pointer == len(delivered):
            return count, pointer
        pointer += 1
    return len(shown), pointer


def _same(facts: Facts, symbol: str, observed: ObservedTrade, trade: Trade) -> bool:
    instrument = facts.instruments[symbol]
    try:
        price = scaled(observed.price, instrument.price_decimals, facts.numbers)
        size = scaled(observed.size, instrument.size_decimals, facts.numbers)
    except NumberError:
        return False
    side = None if observed.side is None else _SIDES.get(observed.side.lower())
    return price == trade.price and size == trade.size and side in (None, trade.taker)


def _mismatch(
    facts: Facts,
    symbol: str,
    shown: Sequence[ObservedTrade],
    delivered: Sequence[_Delivered],
    matched: int,
    start: int,
    pointer: int,
) -> Finding:
    observed = shown[matched]
    later = [item for item in delivered[pointer:] if _same(facts, symbol, observed, item.trade)]
    earlier = [item for item in delivered[:pointer] if _same(facts, symbol, observed, item.trade)]
    if later and pointer < len(delivered):
        skipped = delivered[pointer].trade
        comes = any(_same(facts, symbol, other, skipped) for other in shown[matched + 1 :])
        if comes:
            return _finding(observed, "trade-order", f"trade {later[0].trade.number} was shown before {skipped.number}")
        return _finding(observed, "trade-lost", f"trade {skipped.number} of {symbol} was sent but not shown")
    if earlier:
        return _finding(observed, "trade-duplicate", f"trade {earlier[-1].trade.number} of {symbol} was shown twice")
    sideless = ObservedTrade(
        position=observed.position, at=observed.at, symbol=symbol, price=observed.price, size=observed.size
    )
    if pointer < len(delivered) and _same(facts, symbol, sideless, delivered[pointer].trade):
        return _finding(observed, "trade-side", f"trade {delivered[pointer].trade.number} has the wrong side")
    return _finding(
        observed, "trade-invented", f"a trade of {observed.size} at {observed.price} of {symbol} was never sent"
    )


def _trailing(
    facts: Facts,
    timeline: Timeline,
    symbol: str,
    delivered: Sequence[_Delivered],
    pointer: int,
    shown: Sequence[ObservedTrade],
) -> Finding | None:
    """A trade that the client provably read, long before the end, and never showed."""
    missing = next((item for item in delivered[pointer:] if not item.optional), None)
    if missing is None or not timeline.records:
        return None
    end = timeline.records[-1].at
    sent = next(s for s in timeline.trades[symbol] if s.position == missing.position)
    for barrier in timeline.barriers:
        if barrier.connection == sent.connection and barrier.covers >= missing.position:
            if end - barrier.at > facts.notice:
                return Finding(
                    verdict=Verdict.FAIL,
                    anomaly="trade-lost",
                    message=f"Trade {missing.trade.number} of {symbol} was read by the client but never shown.",
                    position=missing.position,
                )
            return None
    return None


def _finding(observed: ObservedTrade, anomaly: str, what: str, verdict: Verdict = Verdict.FAIL) -> Finding:
    return Finding(
        verdict=verdict, anomaly=anomaly, message=f"At position {observed.position} {what}.", position=observed.position
    )
