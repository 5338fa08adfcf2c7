"""While cases run the collector of cycles runs rarely, and afterwards as before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bookproof import collecting


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_last_of_several_cases_puts_back_what_was() -> None:
    gc.set_threshold(701, 11, 12)
    with collecting.rarely():
        seldom = gc.get_threshold()
        assert seldom[0] > 701
        with collecting.rarely():
            pass
        assert gc.get_threshold() == seldom
    assert gc.get_threshold() == (701, 11, 12)


def test_a_case_that_fails_puts_it_back_too() -> None:
    gc.set_threshold(701, 11, 12)
    with pytest.raises(KeyError), collecting.rarely():
        raise KeyError
    assert gc.get_threshold() == (701, 11, 12)


def test_a_collector_that_is_off_stays_off() -> None:
    gc.set_threshold(0)
    with collecting.rarely():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold()[0] == 0
