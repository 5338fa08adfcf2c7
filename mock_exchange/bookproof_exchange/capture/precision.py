"""The instruments of a recording, from what is seen in it: symbols, decimals of prices and sizes.

A recording does not say how precise a symbol is. Messages are decoded with many decimals; what all numbers of a symbol need
is its precision. Where the venue has a checksum over the digits (trailing zeros count), the first snapshot whose checksum is
known settles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bookproof_exchange.dialects.api import BookSnapshot, BookUpdate, Decoded, Dialect
from bookproof_exchange.market import Book, Change, Instrument

#: More than any venue has: what is read with this many loses nothing.
MANY = 24
_ZEROS_TRIED = 9
"""So many trailing zeros more than its numbers need a symbol may have, before its checksum is given up."""

_JOINED = re.compile("(.+?)(FDUSD|USDT|USDC|TUSD|BUSD|USD1|USDE|DAI|USD|EUR|GBP|JPY|TRY|BRL|BTC|ETH|BNB|MX)")
"""Base and quote of symbols without a separator; only for the reference data that a client may ask for."""


def wide(symbol: str) -> Instrument:
    """An instrument that any number fits."""
    base, quote = names(symbol)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_decimals=MANY,
        size_decimals=MANY,
        start_price=1,
        typical_size=1,
    )


class AnySymbol(Mapping[str, Instrument]):
    """Stands for every symbol; remembers which were asked for."""

    def __init__(self) -> None:
        self._seen: dict[str, Instrument] = {}

    def __getitem__(self, symbol: str) -> Instrument:
        if symbol not in self._seen:
            self._seen[symbol] = wide(symbol)
        return self._seen[symbol]

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return 2  # never the only one: nothing is taken for it that does not say its symbol


def names(symbol: str) -> tuple[str, str]:
    """Base and quote currency, as well as they can be told from a symbol."""
    parts = re.split(r"[/_\-]", symbol)
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1]
    joined = _JOINED.fullmatch(symbol)
    if joined is not None:
        return joined[1], joined[2]
    return symbol, ""


def instrument(symbol: str, dialect: Dialect, decoded: Iterable[Decoded]) -> Instrument:
    """The symbol's instrument, given everything that was decoded of it with `MANY` decimals.

    The dialect's own, where it has one that all numbers fit; else made of what the numbers need."""
    prices, sizes = _Numbers(), _Numbers()
    snapshot: BookSnapshot | None = None
    for each in decoded:
        match each:
            case BookSnapshot(bids=bids, asks=asks):
                snapshot = each if snapshot is None and each.checksum is not None else snapshot
                for price, size in (*bids, *asks):
                    prices.add(price)
                    sizes.add(size)
            case BookUpdate(changes=changes):
                for _, price, size in changes:
                    prices.add(price)
                    sizes.add(size)
            case _:
                pass
    known = next((each for each in dialect.instruments if each.symbol == symbol), None)
    fitting = known is not None and known.price_decimals >= prices.needed and known.size_decimals >= sizes.needed
    if known is not None and fitting and (snapshot is None or _holds(snapshot, known, dialect)):
        return known
    base, quote = (known.base, known.quote) if known is not None else names(symbol)

    def made(price_decimals: int, size_decimals: int) -> Instrument:
        return Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            price_decimals=price_decimals,
            size_decimals=size_decimals,
            start_price=max(1, prices.middle // 10 ** (MANY - price_decimals)),
            typical_size=max(1, sizes.middle // 10 ** (MANY - size_decimals)),
        )

    if snapshot is not None and dialect.traits.checksum:
        for more in range(_ZEROS_TRIED):
            for price_more in range(more + 1):
                for size_more in {more} if price_more < more else range(more + 1):
                    tried = made(prices.needed + price_more, sizes.needed + size_more)
                    if _holds(snapshot, tried, dialect):
                        return tried
    return made(prices.needed, sizes.needed)


def scaled(number: int, decimals: int) -> int:
    """A number of `MANY` decimals with fewer (which it must fit)."""
    return number // int(10 ** (MANY - decimals))


def rows(levels: Sequence[tuple[int, int]], instrument: Instrument) -> tuple[tuple[int, int], ...]:
    """Levels of `MANY` decimals as the instrument's."""
    price_unit = 10 ** (MANY - instrument.price_decimals)
    size_unit = 10 ** (MANY - instrument.size_decimals)
    return tuple((price // price_unit, size // size_unit) for price, size in levels)


def changed(changes: Sequence[Change], instrument: Instrument) -> tuple[Change, ...]:
    """Changes of `MANY` decimals as the instrument's."""
    price_unit = 10 ** (MANY - instrument.price_decimals)
    size_unit = 10 ** (MANY - instrument.size_decimals)
    return tuple(Change(side, price // price_unit, size // size_unit) for side, price, size in changes)


def _holds(snapshot: BookSnapshot, instrument: Instrument, dialect: Dialect) -> bool:
    book = Book(rows(snapshot.bids, instrument), rows(snapshot.asks, instrument))
    return dialect.ideal.verify(book, snapshot.checksum, instrument)


class _Numbers:
    """Numbers of `MANY` decimals: how many of these they need, and one of the usual size."""

    def __init__(self) -> None:
        self._unit = 10**MANY
        self.needed = 0
        self._some: list[int] = []

    def add(self, number: int) -> None:
        if not number:
            return
        while number % self._unit:
            self._unit //= 10
            self.needed += 1
        if len(self._some) < 1000:
            self._some.append(number)

    @property
    def middle(self) -> int:
        return sorted(self._some)[len(self._some) // 2] if self._some else 0
