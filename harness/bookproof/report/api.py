"""What a reporter is, and the ones there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from bookproof.results import ResultEvent


class Reporter(Protocol):
    """Consumes result events, in order. It must not raise for any event; it writes what it has to at `RunFinished`,
    which always comes, also when the run was interrupted."""

    def handle(self, event: ResultEvent) -> None: ...


class Everyone:
    """Passes every event to several reporters."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self.reporters = tuple(reporters)

    def __call__(self, event: ResultEvent) -> None:
        for reporter in self.reporters:
            reporter.handle(event)
