"""How often Python's collector of cycles runs while cases do: rarely.

A case makes tens of thousands of objects that live until it is judged, and leaves few cycles behind. At the usual pace the
collector goes through them, and through the whole catalogue, again and again: a quarter of the time of a case.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_WHILE_CASES_RUN = (20_000, 10, 10)
"""`gc.set_threshold`: objects made more than freed before the young are looked through, and how seldom the older ones are.
What a case leaves behind is bounded by that, some megabytes."""

_running = 0
_usual = gc.get_threshold()


@contextmanager
def rarely() -> Iterator[None]:
    """While the block runs, which may do so beside others of its kind. The last one puts back what was before the first."""
    global _running, _usual
    if not _running:
        _usual = gc.get_threshold()
        if _usual[0]:  # (0: somebody has switched it off)
            gc.set_threshold(*_WHILE_CASES_RUN)
    _running += 1
    try:
        yield
    finally:
        _running -= 1
        if not _running:
            gc.set_threshold(*_usual)


def spare() -> None:
    """What there is now stays to the end of the process, and is never gone through again: for a program that has loaded
    its catalogue and goes on to run cases."""
    gc.collect()
    gc.freeze()
