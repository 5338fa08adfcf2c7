"""The REST tickers, computed from the truth at the cursor: 24hr, price, bookTicker.

Shapes: https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md, "Market Data endpoints" (2026-07-21).
The day is as old as the truth. Where nothing was traded yet, the price is that of the best level.
"""

from __future__ import annotations

from bookproof_exchange.dialects.api import View
from bookproof_exchange.dialects.binance_spot.codec import NOTHING, texts
from bookproof_exchange.dialects.binance_spot.traits import TEXT_DECIMALS
from bookproof_exchange.market import Side, Trade
from bookproof_exchange.numbers import to_text


def price_ticker(view: View, symbol: str) -> dict[str, object]:
    trades = _trades(view, symbol)
    price = trades[-1].price if trades else _untraded(view, symbol)
    return {"symbol": symbol, "price": texts(view.instruments[symbol]).price(price)}


def book_ticker(view: View, symbol: str) -> dict[str, object]:
    bid, ask = _best(view, symbol, Side.BID), _best(view, symbol, Side.ASK)
    return {"symbol": symbol, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1]}


def day_ticker(view: View, symbol: str) -> dict[str, object]:
    instrument = view.instruments[symbol]
    write = texts(instrument)
    trades = _trades(view, symbol)
    prices = [trade.price for trade in trades] or [_untraded(view, symbol)]
    first, last = prices[0], prices[-1]
    volume = sum(trade.size for trade in trades)
    turnover = sum(trade.size * trade.price for trade in trades)
    average = turnover // volume if volume else last
    both = instrument.price_decimals + instrument.size_decimals
    index = view.index(symbol)
    bid, ask = _best(view, symbol, Side.BID), _best(view, symbol, Side.ASK)
    return {
        "symbol": symbol,
        "priceChange": write.price(last - first),
        "priceChangePercent": to_text((last - first) * 100_000 // first, 3),
        "weightedAvgPrice": write.price(average),
        "prevClosePrice": write.price(first),
        "lastPrice": write.price(last),
        "lastQty": write.size(trades[-1].size) if trades else NOTHING,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
        "openPrice": write.price(first),
        "highPrice": write.price(max(prices)),
        "lowPrice": write.price(min(prices)),
        "volume": write.size(volume),
        "quoteVolume": to_text(turnover * 10**TEXT_DECIMALS // 10**both, TEXT_DECIMALS),
        "openTime": view.time_us(symbol, 0) // 1000,
        "closeTime": view.time_us(symbol, index) // 1000,
        "firstId": trades[0].number if trades else -1,
        "lastId": trades[-1].number if trades else -1,
        "count": len(trades),
    }


def _trades(view: View, symbol: str) -> list[Trade]:
    return [trade for event in view.truth(symbol).events(0, view.index(symbol)) for trade in event.trades]


def _best(view: View, symbol: str, side: Side) -> tuple[str, str]:
    write = texts(view.instruments[symbol])
    levels = view.truth(symbol).levels(view.index(symbol), side, 1)
    return (write.price(levels[0][0]), write.size(levels[0][1])) if levels else (NOTHING, NOTHING)


def _untraded(view: View, symbol: str) -> int:
    truth, index = view.truth(symbol), view.index(symbol)
    levels = truth.levels(index, Side.BID, 1) or truth.levels(index, Side.ASK, 1)
    return levels[0][0] if levels else view.instruments[symbol].start_price
