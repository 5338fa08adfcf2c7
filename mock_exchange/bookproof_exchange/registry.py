"""Named extension points: what is built in, plus what other packages bring by entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Generic, TypeVar

from bookproof_exchange.errors import UsageError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to values; a value is made on first use, so that listing names imports nothing."""

    def __init__(self, what: str, group: str) -> None:
        self.what = what
        self.group = group
        self._makers: dict[str, Callable[[], T]] = {}
        self._made: dict[str, T] = {}
        self._scanned = False

    def add(self, name: str, maker: Callable[[], T]) -> None:
        """Register a built-in value by a function that makes it."""
        if name in self._makers:
            raise UsageError(f"the {self.what} {name!r} is registered twice")
        self._makers[name] = maker

    def get(self, name: str) -> T:
        """The value called ``name``; UsageError with a hint where there is none."""
        self._scan()
        if name not in self._made:
            if name not in self._makers:
                raise UsageError(f"unknown {self.what} {name!r}", hint=did_you_mean(name, self._makers))
            self._made[name] = self._makers[name]()
        return self._made[name]

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        self._scan()
        return tuple(sorted(self._makers))

    def __iter__(self) -> Iterator[T]:
        return (self.get(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._makers

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        for point in metadata.entry_points(group=self.group):
            if point.name not in self._makers:
                self._makers[point.name] = point.load
