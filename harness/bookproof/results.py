"""Results as values: checks, cases, and the one stream of events that every reporter consumes."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec


class Verdict(enum.StrEnum):
    """Of a check; a case takes the worst. Best first."""

    PASS = "pass"
    """Everything that was asked held, and something was observed."""
    INFO = "info"
    """Nothing that counts: a MAY, or something worth knowing."""
    NON_STRICT = "non-strict"
    """Right in the end, but a wrong book was visible until a bad message was fully processed."""
    WARN = "warn"
    """A SHOULD was broken."""
    UNSUPPORTED = "unsupported"
    """Declared up front by the adapter, never inferred from failure."""
    INCONCLUSIVE = "inconclusive"
    """Proved nothing: the fault never fired or never reached the client, or nothing was observed. Never green."""
    FAIL = "fail"
    """A MUST was broken."""
    HUNG = "hung"
    """The adapter did not answer in time."""
    CRASHED = "crashed"
    """The client's process ended in the middle of a case."""
    ADAPTER_ERROR = "adapter-error"
    """The adapter broke the driver protocol."""
    HARNESS_ERROR = "harness-error"
    """Bookproof itself is wrong. Never blamed on the client."""

    @property
    def rank(self) -> int:
        return _ORDER[self]


_ORDER = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of several; INCONCLUSIVE of none (nothing was proved)."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.INCONCLUSIVE)


class LevelDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One level that differs: what the client showed (None: no such level) against the truth (None: none there)."""

    side: str
    price: str
    shown: str | None
    truth: str | None
    note: str = ""
    """Which update explains it: "written by update 57", "ghost: deleted by update 61"."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One property at one place of the scenario."""

    id: str
    """``S1``, or with a place: ``E1@7``."""
    verdict: Verdict
    title: str
    """The property in words: "every live book is one that the exchange published"."""
    rule: str | None = None
    """Id of the rule that it tests (``kraken-v2/checksum-verify``)."""
    anomaly: str | None = None
    """A code that known failures are matched by: ``ghost``, ``torn``, ``missed-update``, ``not-live`` …"""
    message: str = ""
    """What is wrong, in one or two sentences."""
    position: int | None = None
    """Of the first evidence that shows it."""
    cause: int | None = None
    """Position of the message that the client handled wrongly, where known."""
    diff: tuple[LevelDiff, ...] = ()
    shown: tuple[tuple[str, str, str], ...] = ()
    """The book as shown, top ten: (side, price, size)."""
    truth: tuple[tuple[str, str, str], ...] = ()
    """The nearest right book, top ten."""
    observations: int = 0
    """How many observations the verdict rests on."""


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How long the client took to show what it was proven to have, in seconds."""

    samples: int = 0
    p50: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a case, or several of the same kind in a row, for whoever reads or draws the case."""

    position: int
    """Of the first evidence."""
    until: int
    """Of the last."""
    at: float
    """Seconds since the case began."""
    lane: Literal["script", "fault", "exchange", "client", "book"]
    """Who did it; ``book``: what the client showed."""
    kind: str
    """In the lane ``book`` the claim; ``update``, ``snapshot``, ``drop`` …"""
    text: str
    count: int = 1


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of mistake that explains why a case did not pass."""

    bug_class: str
    """Its letter: `bookproof.diagnosis.classes`."""
    name: str
    """The kind in words: "a lost message that is not noticed"."""
    reason: str
    """Why it is suspected, in a sentence or two."""
    mutant: str | None = None
    """The known bug that reproduces what the client did from the same bytes; None: the evidence itself says so."""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one case."""

    id: str
    """``kraken-v2/book/gap/single``"""
    dialect: str
    scenario: str
    title: str
    seed: int
    verdict: Verdict
    checks: tuple[Check, ...]
    message: str = ""
    """Why, in a sentence, where the verdict is not of a check (crashed, hung …) or as a summary."""
    diagnosis: str = ""
    """What the client most probably does wrong, in words."""
    suspects: tuple[Suspect, ...] = ()
    """The kinds of mistakes that explain it, the likeliest first."""
    seconds: float = 0.0
    client: str = ""
    slow: bool = False
    attempts: int = 1
    reproduced: bool | None = None
    """A failed case is run once more in a fresh process: whether it failed again. None: not run again."""
    known: str | None = None
    """The reason, where a known-failures entry expects this outcome."""
    lag: Lag = Lag()
    observations: int = 0
    recovery_seconds: float | None = None
    transcript: str | None = None
    """Path relative to the report's folder."""
    scenario_file: str | None = None
    """The same: the scenario with the seed that failed, for ``bookproof replay``."""
    story: tuple[Moment, ...] = ()
    """What happened, where the case did not pass; of a long case the part about the first thing that was wrong."""
    stderr: tuple[str, ...] = ()
    """The last lines of the client's log, where the case did not pass."""
    reproduce: str = ""
    """The command that runs this case again."""

    @property
    def failing(self) -> bool:
        return self.verdict.rank >= Verdict.INCONCLUSIVE.rank


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of one case, packed for the HTML page (`bookproof.report.page.model`): the same data flow, but no part
    of the result."""

    core: bytes
    """What happened, and the books."""
    wire: bytes = b""
    """The payloads; empty where they are left out."""


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run-started", tag_field="event"):
    client: str
    dialects: tuple[str, ...]
    cases: tuple[str, ...]
    skipped_slow: tuple[str, ...] = ()
    """Slow cases that the selection left out: always listed."""
    jobs: int = 1
    seed: int | None = None
    version: str = ""


class CaseStarted(msgspec.Struct, frozen=True, kw_only=True, tag="case-started", tag_field="event"):
    id: str


class CaseFinished(msgspec.Struct, frozen=True, kw_only=True, tag="case-finished", tag_field="event"):
    result: CaseResult
    detail: Detail | None = None
    """Where a reporter wants it and there is evidence."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True, tag="trouble", tag_field="event"):
    """Something went wrong outside any case (client not found, stale known-failures entry, port taken …)."""

    status: int
    """The exit status that it calls for."""
    message: str


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, tag="run-finished", tag_field="event"):
    seconds: float
    exit_status: int
    interrupted: bool = False


ResultEvent = RunStarted | CaseStarted | CaseFinished | Trouble | RunFinished
