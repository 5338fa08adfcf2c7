"""Prices and sizes: scaled integers inside, decimal text at the edges, never floats."""

from __future__ import annotations

import functools
from decimal import Decimal, InvalidOperation

MOST_TEXTS = 50_000
"""So many texts are remembered for each number of decimals; then all of them are forgotten together."""

_LONGEST = 40
"""No text longer than this is remembered: no venue writes one."""


class NumberError(ValueError):
    """A text that is not a decimal number on the instrument's grid."""


def to_text(value: int, decimals: int) -> str:
    """The text with exactly ``decimals`` decimals: ``to_text(12345, 2) == '123.45'``."""
    if decimals == 0:
        return str(value)
    sign = ""
    if value < 0:
        sign, value = "-", -value
    digits = str(value)
    if len(digits) <= decimals:
        digits = digits.rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def from_text(text: str, decimals: int) -> int:
    """The scaled integer of a decimal text, any spelling (``1e-7``, ``0.10``, ``5``); NumberError if off the grid."""
    whole, dot, fraction = text.partition(".")
    digits = whole + fraction
    if digits.isdigit() and digits.isascii() and whole and (fraction or not dot):
        missing = decimals - len(fraction)
        if not missing:
            return int(digits)
        if missing > 0:
            return int(digits) * _power(missing)
        if not fraction[decimals:].strip("0"):
            return int(whole + fraction[:decimals])
        raise NumberError(f"{text!r} has more than {decimals} decimals")
    if not text.isascii() or "_" in text:  # Python's spellings, not a venue's
        raise NumberError(f"{text!r} is not a decimal number")
    try:
        scaled = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        raise NumberError(f"{text!r} is not a decimal number") from None
    if not scaled.is_finite():
        raise NumberError(f"{text!r} is not a finite number")
    result = int(scaled)
    if result != scaled:
        raise NumberError(f"{text!r} has more than {decimals} decimals")
    return result


class ScaledTexts(dict[str, int]):
    """`from_text` for one number of decimals, remembered: what an exchange writes is read by the reference and shown by
    the client, again and again. NumberError as there."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self.decimals = decimals

    def __missing__(self, text: str) -> int:
        value = from_text(text, self.decimals)
        if len(text) <= _LONGEST:
            if len(self) >= MOST_TEXTS:
                self.clear()
            self[text] = value
        return value


@functools.cache
def scaled_texts(decimals: int) -> ScaledTexts:
    """The (shared) scaled integers of texts with so many decimals: ``scaled_texts(2)["123.45"] == 12345``."""
    return ScaledTexts(decimals)


_POWERS = tuple(10**n for n in range(40))


def _power(n: int) -> int:
    return _POWERS[n] if n < 40 else int(10**n)
