"""Collects the events of a run into one value, for reporters that write at the end."""

from __future__ import annotations

from collections import Counter

from bookproof.results import (
    CaseFinished,
    CaseResult,
    CaseStarted,
    ResultEvent,
    RunFinished,
    RunStarted,
    Trouble,
    Verdict,
)


class Collected:
    """Everything heard so far."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.finished: RunFinished | None = None
        self.results: list[CaseResult] = []
        self.troubles: list[Trouble] = []

    def handle(self, event: ResultEvent) -> None:
        match event:
            case RunStarted():
                self.started = event
            case CaseFinished(result=result):
                self.results.append(result)
            case Trouble():
                self.troubles.append(event)
            case RunFinished():
                self.finished = event
            case CaseStarted():
                pass

    @property
    def counts(self) -> dict[str, int]:
        """How many cases had each verdict, best first; known failures apart."""
        found = Counter("known" if result.known is not None else str(result.verdict) for result in self.results)
        order = [*map(str, Verdict), "known"]
        return {name: found[name] for name in order if found[name]}

    @property
    def not_run(self) -> tuple[str, ...]:
        """Cases that were selected and have no result."""
        if self.started is None:
            return ()
        done = {result.id for result in self.results}
        return tuple(case for case in self.started.cases if case not in done)


#: What each exit status means, in a few words.
EXIT_MEANING = {
    0: "everything passed, or failed as listed",
    1: "some check failed, or the client crashed or hung",
    2: "something proved nothing, nothing ran, or a known-failures entry is stale",
    3: "the adapter broke the driver protocol",
    4: "wrong usage, or a file that cannot be used",
    5: "Bookproof itself failed",
    130: "interrupted",
}
