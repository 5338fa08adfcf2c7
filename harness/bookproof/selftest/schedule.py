"""The order in which trio runs tasks that are ready at the same time: the same in every run of a case.

Trio shuffles them, on purpose. In memory that is all the chance there is; without it a case that failed fails again,
and a fault schedule can be shrunk. `pytest-trio` and Hypothesis reach for the same two private names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import trio

_run: Any = trio._core._run


@contextmanager
def fixed_order() -> Iterator[None]:
    """Inside, the shuffling is drawn from `reseed`'s seed alone. For the calls of ``trio.run`` within."""
    chance: Random = _run._r
    before, state = _run._ALLOW_DETERMINISTIC_SCHEDULING, chance.getstate()
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True
    try:
        reseed(0)
        yield
    finally:
        _run._ALLOW_DETERMINISTIC_SCHEDULING = before
        chance.setstate(state)


def reseed(seed: int) -> None:
    """From here on the order follows from this seed: another seed is another order, as legal as the first."""
    _run._r.seed(seed)
