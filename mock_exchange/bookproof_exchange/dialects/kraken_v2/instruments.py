"""The snapshot of the ``instrument`` channel: reference data of assets and pairs.

``data`` is an object, not an array, and small numbers are in exponent form (``1e-08``), unlike in ``book``.
Fields: https://docs.kraken.com/api/docs/websocket-v2/instrument; number forms as seen live, 2026-08.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.dialects.kraken_v2.assets import Asset, Pair, pair
from bookproof_exchange.dialects.kraken_v2.codec import exponent_text
from bookproof_exchange.market import Instrument


def least_size(instrument: Instrument) -> int:
    """The smallest order, scaled: about a two-thousandth of a typical one, on the lot grid, one digit."""
    size = max(instrument.typical_size // 2000, instrument.lot)
    power = int(10 ** (len(str(size)) - 1))
    return size // power * power


def instrument_snapshot(instruments: Sequence[Instrument]) -> bytes:
    """All instruments and the assets that they consist of."""
    pairs = [pair(instrument) for instrument in instruments]
    assets: dict[str, Asset] = {}
    for entry in pairs:
        assets.setdefault(entry.base.code, entry.base)
        assets.setdefault(entry.quote.code, entry.quote)
    return (
        '{"channel":"instrument","type":"snapshot","data":{"assets":['
        + ",".join(_asset(asset) for asset in assets.values())
        + '],"pairs":['
        + ",".join(_pair(entry) for entry in pairs)
        + "]}}"
    ).encode()


def _asset(asset: Asset) -> str:
    return (
        f'{{"id":"{asset.code}","status":"enabled","precision":{asset.decimals},'
        f'"precision_display":{asset.display_decimals},"borrowable":true,"collateral_value":1.0,"margin_rate":0.025}}'
    )


def _pair(entry: Pair) -> str:
    instrument = entry.instrument
    tick = exponent_text(instrument.tick, instrument.price_decimals)
    return (
        f'{{"symbol":"{instrument.symbol}","base":"{instrument.base}","quote":"{instrument.quote}","status":"online",'
        f'"qty_precision":{instrument.size_decimals},'
        f'"qty_increment":{exponent_text(instrument.lot, instrument.size_decimals)},'
        f'"price_precision":{instrument.price_decimals},"cost_precision":5,"marginable":true,"has_index":true,'
        f'"cost_min":0.5,"margin_initial":0.2,"position_limit_long":300,"position_limit_short":240,'
        f'"tick_size":{tick},"price_increment":{tick},'
        f'"qty_min":{exponent_text(least_size(instrument), instrument.size_decimals)}}}'
    )
