"""Numbers: texts to scaled integers and back, and the texts that are remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange import numbers
from bookproof_exchange.numbers import NumberError, ScaledTexts, from_text, scaled_texts, to_text


@given(st.integers(0, 10**18), st.integers(0, 10))
def test_remembered_or_not_a_text_means_the_same(value: int, decimals: int) -> None:
    text = to_text(value, decimals)
    assert from_text(text, decimals) == value
    assert scaled_texts(decimals)[text] == value
    assert scaled_texts(decimals)[text] == value, "and again"


@pytest.mark.parametrize("text", ["", "x", "1.234", "nan", "1_0", "١"])
def test_what_is_no_number_on_the_grid_is_refused_each_time(text: str) -> None:
    for _ in range(2):
        with pytest.raises(NumberError):
            scaled_texts(2)[text]
    assert text not in scaled_texts(2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "MOST_TEXTS", 3)
    texts = ScaledTexts(1)
    for value in range(10):
        assert texts[f"{value}.0"] == value * 10
        assert len(texts) <= 3
    long = "1." + "0" * 5_000
    assert texts[long] == 10
    assert long not in texts
