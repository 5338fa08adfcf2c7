"""A recording as a scenario: the file, the frames beside it, and what is said about both. Pure: values in, texts out; the
command writes the files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from bookproof_exchange.capture import recording as recordings
from bookproof_exchange.capture.choose import choose, recorded, trimmed
from bookproof_exchange.capture.rebuild import Rebuilt, rebuild
from bookproof_exchange.capture.recording import Recording
from bookproof_exchange.capture.stretch import Stretch
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import HarnessError, UsageError
from bookproof_exchange.scenario.model import Expect, Market, Read, Scenario, Send, Settle, Step, Subscribe, Sync
from bookproof_exchange.scenario.write import write

#: In so many parts the updates are sent, with a look at the client after each.
_PARTS = 10
#: A client needs its time for more than this.
_MANY = 5_000
#: So many holes are told one by one.
_TOLD = 10


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import."""

    scenario: Scenario
    text: str
    """The scenario file."""
    frames: Recording
    """What stands beside it."""
    stretches: tuple[Stretch, ...]
    found: Rebuilt


def make(
    recording: Recording,
    dialect: Dialect,
    *,
    source: str,
    symbols: Sequence[str] = (),
    number: int | None = None,
    id_: str | None = None,
    beside: str,
) -> Imported:
    """The scenario of a recording that ``source`` names. ``symbols``: those that are replayed, none: the only one.
    ``number``: of the stretch, from 1; None: the longest. ``beside``: the name of the file with the frames. UsageError where
    nothing whole can be made of it."""
    found = rebuild(recording, dialect, symbols or None)
    if not symbols and len(found.stretches) > 1:
        names = list(found.stretches)
        raise UsageError(
            f"{source}: expected one symbol, found {len(names)}: {', '.join(names[:12])}",
            hint=f"choose with --symbol {names[0]} (again for each further one)",
        )
    stretches = choose(found, source, number)
    frames = trimmed(recording, dialect, stretches)
    _prove(frames, dialect, stretches, source)
    scenario = _scenario(dialect, stretches, source=source, id_=id_, beside=beside)
    return Imported(
        scenario=scenario,
        text=_comment(stretches, source) + write(scenario),
        frames=frames,
        stretches=stretches,
        found=found,
    )


def _prove(frames: Recording, dialect: Dialect, stretches: Sequence[Stretch], source: str) -> None:
    """The frames alone must give the same truth again."""
    again = choose(rebuild(frames, dialect, [stretch.symbol for stretch in stretches]), source)
    for one, other in zip(stretches, again, strict=True):
        if (one.bids, one.asks, one.events, one.sequences) != (other.bids, other.asks, other.events, other.sequences):
            raise HarnessError(f"{source}: the frames of {one.symbol} do not give the same truth again")
    recorded(frames, dialect, again, source)


def _scenario(dialect: Dialect, stretches: Sequence[Stretch], *, source: str, id_: str | None, beside: str) -> Scenario:
    primary = stretches[0]
    names = ", ".join(stretch.symbol for stretch in stretches)
    script: list[Step] = [Sync(lead=_lead(stretches)) if primary.answers else Sync()]
    updates = len(primary.steps)
    part = max(1, math.ceil(updates / _PARTS))
    for start in range(0, updates, part):
        script.append(Send(count=min(part, updates - start)))
        if start + part < updates:
            script.append(Read())
    script.append(Settle())
    return Scenario(
        id=id_ or f"capture/{_slug(source)}",
        title=f"{names} as recorded",
        purpose=f"What {dialect.title} sent from {_when(stretches)}: {updates} updates of {primary.symbol}.",
        rules=("no-false-alarm",),
        dialects=(dialect.name,),
        capture=beside,
        market=Market(symbols=len(stretches)),
        subscribe=Subscribe(depth=primary.depth),
        slow=updates > _MANY,
        script=tuple(script),
        expect=Expect(resync="none"),
        tags=("capture",),
    )


def _lead(stretches: Sequence[Stretch]) -> int:
    """How many updates each symbol's subscription is followed by: as many as had come when the recorded client got its
    snapshots, and no more; at least one, for one to follow."""
    line = sorted((step.order, stretch.symbol) for stretch in stretches for step in stretch.steps)
    had = {stretch.symbol: stretch.answers[0].steps for stretch in stretches if stretch.answers}
    for lead in range(max(had.values(), default=1), 1, -1):
        at, sent = 0, dict.fromkeys(had, 0)
        for symbol in had:
            wanted = sent[symbol] + lead
            while at < len(line) and sent[symbol] < wanted:
                sent[line[at][1]] += 1
                at += 1
        if all(sent[symbol] <= had[symbol] for symbol in had):
            return lead
    return 1


def _when(stretches: Sequence[Stretch]) -> str:
    start = min(stretch.at for stretch in stretches)
    end = max(stretch.steps[-1].at for stretch in stretches)
    return f"{recordings.timestamp(start)} to {recordings.timestamp(end)}"


def _slug(source: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", source.rpartition("/")[2].partition(".")[0].lower()).strip("-")
    return words or "recording"


def _comment(stretches: Sequence[Stretch], source: str) -> str:
    lines = [
        f"# Made by `bookproof scenario import` of {source}.",
        "# `send: N` sends the next N recorded updates of the first symbol, and whatever of the others lies between.",
        "# Lay faults over it with steps between the sends, for instance:",
        "#   - fault: drop          the next recorded update is lost",
        "#   - send: 5",
        "#   - probe                what does the client show before it recovers?",
        "#   - converge             the stream goes on until its book is right again",
        "# then say `expect: {honest: true, resync: some}`. `bookproof scenario check` tells what nobody could notice.",
    ]
    return "\n".join(lines) + "\n"


def report(imported: Imported) -> list[str]:
    """What was made of the recording and what was left out, in lines."""
    found = imported.found
    lines = []
    for stretch in imported.stretches:
        instrument = stretch.instrument
        limit = f", {stretch.depth} levels a side" if stretch.depth is not None else ""
        rest = f", {len(stretch.answers)} REST snapshot(s)" if stretch.answers else ""
        lines.append(
            f"{stretch.symbol}: {len(stretch.steps)} updates, {len(stretch.events)} versions{limit}{rest}; "
            f"{instrument.price_decimals} decimals of price, {instrument.size_decimals} of size"
        )
        others = [other for other in found.stretches[stretch.symbol] if other.updates]
        if len(others) > 1:
            sizes = ", ".join(f"{number}: {other.updates} from {other.place}" for number, other in enumerate(others, 1))
            lines.append(f"{stretch.symbol}: {len(others)} whole stretches ({sizes}); --stretch N takes another one")
        if found.unused[stretch.symbol]:
            lines.append(
                f"{stretch.symbol}: {found.unused[stretch.symbol]} updates belong to no snapshot and are left out"
            )
    for hole in found.holes[:_TOLD]:
        lines.append(f"hole: {hole.place}: {hole.symbol}: {hole.reason}")
    if len(found.holes) > _TOLD:
        lines.append(f"hole: and {len(found.holes) - _TOLD} more")
    if found.others:
        lines.append(f"{found.others} other messages (heartbeats, replies, other channels) are no part of the book")
    return lines
