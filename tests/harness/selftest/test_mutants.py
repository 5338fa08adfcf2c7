"""Every mutant is caught, by a property that names its bug, on the few cases that are made for it; and liars are caught
wherever nothing else is wrong. All cases on all dialects: ``bookproof selftest``."""

from __future__ import annotations

import functools

import pytest

from bookproof.cases.plan import Case
from bookproof.cli.options import all_cases, dialects_named
from bookproof.results import Verdict
from bookproof.selftest import record
from bookproof.selftest.jobs import Job, do
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.prove import prove_mutant, run_in_memory
from bookproof_exchange.dialects import DIALECTS

#: The classes of bugs that the taxonomy of real clients' mistakes has, and what this project added.
CLASSES = set("ABCDEFGHIJKLMTX")

#: The cases that were made for a bug: each mutant has to fall in one of its own.
MADE_FOR = {
    "merges-snapshot": ("resnapshot/plain", "gap/best-deleted"),
    "update-replaces-side": ("delete/best",),
    "ignores-gap": ("gap/best-deleted",),
    "ignores-checksum": ("gap/best-deleted",),
    "drops-buffer": ("start-up/slow-snapshot",),
    "takes-stale-snapshot": ("start-up/stale-snapshot",),
    "applies-old-events": ("duplicate/later",),
    "updates-before-snapshot": ("start-up/early-updates",),
    "never-recovers": ("gap/single",),
    "subscribes-twice": ("gap/single",),
    "storms": ("start-up/plain",),
    "alarms-on-old": ("duplicate/no-alarm",),
    "alarms-on-unknown": ("oddity/unknown-type",),
    "alarms-on-absent-delete": ("delete/absent",),
    "keeps-deleted": ("start-up/plain", "oddity/burst"),
    "adds-sizes": ("start-up/plain",),
    "no-truncation": ("window/evict-and-return",),
    "one-side-of-two": ("start-up/plain", "oddity/burst"),
    "first-row-only": ("start-up/plain",),
    "loses-digits": ("start-up/plain",),
    "no-reconnect": ("reconnect/close",),
    "reconnect-keeps-live": ("honesty/disconnected",),
    "ignores-refusal": ("start-up/refused",),
    "dies-on-malformed": ("malformed/cut",),
    "mixes-symbols": ("multi/three-symbols",),
    "stays-live-when-broken": ("honesty/lost-update",),
    "does-nothing": ("start-up/plain",),
    "always-syncing": ("start-up/plain",),
    "lies-live": ("start-up/plain",),
    "previous-case": ("delete/best", "start-up/plain"),
    "unsorted": ("start-up/plain",),
    "ignores-later-snapshot": ("resnapshot/plain",),
    "gap-event-over-snapshot": ("gap/busy-recovery",),
    "error-is-empty-book": ("gap/snapshot-error",),
    "recovers-once": ("gap/twice",),
    "resubscribes-wrongly": ("gap/single",),
    "late-snapshot-wins": ("stall/quiet-market",),
    "rejects-overlap": ("start-up/straddled-snapshots",),
    "signed-checksum": ("start-up/plain",),
    "data-watchdog": ("stall/quiet-market",),
    "reverses-rows": ("delete/set-then-delete",),
    "keeps-too-few": ("start-up/plain",),
    "dies-on-empty-side": ("window/one-sided", "resnapshot/empty"),
    "deletes-by-text": ("numbers/trimmed",),
    "reconnects-without-subscribing": ("reconnect/close",),
    "no-watchdog": ("stall/silent-socket",),
    "shares-sequence": ("multi/three-symbols",),
    "shows-half": ("start-up/plain", "oddity/burst"),
    "polls-snapshots": ("stall/quiet-market",),
    "storms-rest": ("start-up/plain",),
    "ignores-retry-after": ("start-up/snapshot-rate-limited", "gap/snapshot-rate-limited"),
    "pings-too-fast": ("start-up/plain",),
    "reconnects-without-pause": ("etiquette/outage",),
    "waits-for-ack": ("subscribe/no-ack",),
    "first-trade-only": ("trades/plain",),
    "trades-twice": ("trades/plain",),
    "trade-sides": ("trades/plain",),
    "takes-frames-for-messages": ("wire/fragmented",),
    "dies-on-bad-frame": ("wire/masked",),
    "dies-on-bad-text": ("wire/invalid-utf8",),
    "reads-once": ("rest/trickled",),
    "needs-length": ("rest/chunked",),
    "gives-up-on-error": ("rest/redirect",),
    "strict-schema": ("schema/new-fields-later",),
    "keeps-side-when-empty": ("reconnect/empty-side",),
    "takes-any-symbol": ("identity/foreign-symbol",),
    "bounded-queue": ("oddity/burst",),
    "skips-first-update": ("start-up/plain",),
    "ignores-empty-snapshot": ("resnapshot/empty",),
    "exchanges-sides": ("start-up/plain",),
    "single-precision": ("start-up/plain",),
}

RECORD = record.load()

PAIRS = [
    (name, dialect)
    for name, mutant in MUTANTS.items()
    for dialect in ("binance-spot", "kraken-v2", "mexc-v3")
    if mutant.exists_on(DIALECTS.get(dialect))
]


@functools.cache
def catalogue(dialect: str) -> dict[str, Case]:
    made, _ = all_cases(dialects_named((dialect,)))
    return {case.scenario.id: case for case in made}


def cases_of(dialect: str, names: tuple[str, ...]) -> list[Case]:
    known = catalogue(dialect)
    return [known[name] for name in names if name in known]


@pytest.mark.parametrize(("name", "dialect"), PAIRS)
def test_every_mutant_is_caught(name: str, dialect: str) -> None:
    """In the case that the record names for it, and just as the record says; where that does not know it yet, in one of
    those that were made for it."""
    killer = RECORD[dialect].killer(name) if dialect in RECORD else None
    if killer is not None:
        outcome = do(Job(dialect=dialect, what="mutant", name=name, scenarios=(killer,)))
        expected, found = RECORD[dialect].of(name)[killer], outcome.kills[killer]
        assert (found.check, found.anomaly, found.named) == (expected.check, expected.anomaly, True)
        return
    scenarios = tuple(scenario if scenario.startswith("trades") else f"book/{scenario}" for scenario in MADE_FOR[name])
    kill = prove_mutant(MUTANTS[name], cases_of(dialect, scenarios))
    assert kill.case is not None, kill.others


def test_every_class_of_bugs_has_a_mutant() -> None:
    assert {mutant.bug_class for mutant in MUTANTS.values()} >= CLASSES


@pytest.mark.parametrize("dialect", ["kraken-v2"])
@pytest.mark.parametrize("name", ["does-nothing", "always-syncing", "lies-live", "previous-case"])
def test_a_liar_is_caught_where_nothing_else_is_wrong(name: str, dialect: str) -> None:
    names = ("book/oddity/small-reads", "book/delete/best", "trades/plain")
    runs = run_in_memory(cases_of(dialect, names), make=MUTANTS[name].make)
    assert [run.result.verdict for run in runs][1:] == [Verdict.FAIL] * 2
