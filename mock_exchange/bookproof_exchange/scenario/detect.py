"""Detectability: whether what a scenario asks for can be known at all.

The script is played, without sockets, for the ideal client of the dialect (`follower`). For every fault the *detection
point* is the first delivered message that the mandatory checks reject: a broken sequence, a wrong checksum, the end of a
connection. Where a fault makes the book wrong and there is no such point, no client can know: a scenario that asks for
honesty, a recovery or a right book there is refused, with the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.follower import Detection, Follower
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.problems import Problem
from bookproof_exchange.script.player import Pause, Perform, ReadNow, Shows, Until, play
from bookproof_exchange.seeds import derive
from bookproof_exchange.timing import Timing

#: Shorter than for real clients: this one is as fast as it can be.
TIMING = Timing(sync=10.0, converge=10.0, settle=2.0)
#: A demand must be fair whatever the seed brings; a few show it.
SEEDS = 2


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one fault of the script. ``place``: its step, from 1. ``struck``: position of its first strike, None
    if there was none. ``told``: the first detection from there on that can be of it, None if nothing gave it away."""

    place: int
    fault: specs.Fault
    struck: int | None
    told: Detection | None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A step that the ideal client does not get through."""

    place: int
    what: str
    wrong: tuple[str, ...]
    """Symbols whose book it believes, and which is not the true one."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a script with the ideal client."""

    seed: int
    faults: tuple[Told, ...]
    failed: tuple[Failed, ...]
    idle: tuple[int, ...]
    """Steps whose fault never struck."""
    recovered: bool
    """Whether it did anything that counts as a recovery."""
    probes: tuple[tuple[int, int], ...]
    """Of every probe: its step, and its position in the evidence."""


def played(scenario: model.Scenario, dialect: Dialect, seed: int) -> Played:
    """Play a scenario that the dialect can express."""
    follower = Follower(dialect, scenario, derive(seed, "detect", dialect.name, scenario.id))
    exchange = follower.exchange
    failed: list[Failed] = []
    seen = 0
    waits = play(exchange, TIMING)
    wait = next(waits, None)
    came = False
    while wait is not None:
        match wait:
            case Perform(actions=actions):
                follower.perform(actions)
                came = True
            case Until(ready=ready, limit=limit):
                came = follower.wait(limit, ready)
            case ReadNow(symbol=symbol):
                came = follower.wait(0.0, lambda: True) and follower.live(symbol)
            case Shows(symbol=symbol, least=least, exactly=exactly, limit=limit):
                came = follower.wait(limit, functools.partial(follower.shows, symbol, least, exactly=exactly))
            case Pause(seconds=seconds):
                came = follower.wait(seconds, lambda: False)
        try:
            wait = waits.send(came)
        except StopIteration:
            wait = None
        for record in exchange.evidence[seen:]:
            if isinstance(record, evidence.Waited) and not record.came:
                wrong = tuple(symbol for symbol in exchange.symbols if not follower.right(symbol))
                failed.append(Failed(place=record.place, what=record.what, wrong=wrong))
        seen = len(exchange.evidence)
    return Played(
        seed=seed,
        faults=tuple(_told(scenario, follower)),
        failed=tuple(failed),
        idle=tuple(_idle(scenario, exchange.evidence)),
        recovered=follower.recovered,
        probes=tuple(
            (record.place, record.position)
            for record in exchange.evidence
            if isinstance(record, evidence.Step) and record.step == "probe"
        ),
    )


def _idle(scenario: model.Scenario, records: Sequence[evidence.Evidence]) -> Iterable[int]:
    struck = {record.fault for record in records if isinstance(record, evidence.Struck)}
    armed = (place for place, step in enumerate(scenario.script, 1) if isinstance(step, model.Inject | model.Oddity))
    return (place for number, place in enumerate(armed, 1) if number not in struck)


def _told(scenario: model.Scenario, follower: Follower) -> Iterable[Told]:
    number = 0
    for place, step in enumerate(scenario.script, 1):
        if not isinstance(step, model.Inject | model.Oddity):
            continue
        number += 1
        strikes = [
            record
            for record in follower.exchange.evidence
            if isinstance(record, evidence.Struck) and record.fault == number
        ]
        first = strikes[0] if strikes else None
        told = None
        if first is not None:
            told = next((found for found in follower.detections if _can_be_of(found, first)), None)
        if isinstance(step, model.Inject):
            yield Told(place=place, fault=step.fault, struck=None if first is None else first.position, told=told)


def _can_be_of(found: Detection, strike: evidence.Struck) -> bool:
    same = found.symbol is None or strike.symbol is None or found.symbol == strike.symbol
    return same and found.position >= strike.position


# --- what may not be asked --------------------------------------------------------------------------------------------


def impossible(scenario: model.Scenario, dialect: Dialect, *, seeds: int = SEEDS) -> list[Problem]:
    """What the scenario asks of the dialect's clients although the ideal one cannot do it, with the reasons. The scenario
    must be one that `lint` has nothing against and that the dialect can express."""
    found: list[Problem] = []
    for seed in range(scenario.seed, scenario.seed + seeds):
        for problem in unfair(scenario, dialect, played(scenario, dialect, seed)):
            if not any(problem.field == known.field for known in found):
                found.append(problem)
    return found


def unfair(scenario: model.Scenario, dialect: Dialect, run: Played) -> Iterable[Problem]:
    """What one run shows to be too much to ask."""
    silent = [told for told in run.faults if told.struck is not None and told.told is None and _is_damage(told.fault)]
    blamed: set[int] = set()
    for failure in run.failed:
        step = scenario.script[failure.place - 1]
        if isinstance(step, model.Await) and step.level == "MAY":
            continue
        causes = [told for told in silent if told.place < failure.place] if failure.wrong else []
        for cause in causes:
            if cause.place not in blamed:
                blamed.add(cause.place)
                kind = specs.kind_of(cause.fault)
                yield Problem(
                    code="undetectable",
                    field=f"script[{cause.place}]",
                    message=f"on {dialect.name} nobody could notice {kind!r}: {_why(cause.fault, dialect)}; "
                    f"but `{failure.what}` (step {failure.place}) asks for the true book (seed {run.seed})",
                    hint="add what it takes to `needs`, or strike where it shows",
                )
        if not causes:
            yield Problem(
                code="unfair",
                field=f"script[{failure.place}]",
                message=f"on {dialect.name} a client that does everything right does not get through "
                f"`{failure.what}` (seed {run.seed})",
                hint="the script asks for more than the faults before it allow",
            )
    for place in run.idle if not run.failed else ():
        step = scenario.script[place - 1]
        if isinstance(step, model.Inject | model.Oddity):
            yield Problem(
                code="nothing-to-strike",
                field=f"script[{place}]",
                message=f"on {dialect.name} {specs.kind_of(step.fault)!r} never strikes a client that does everything "
                f"right: the case would prove nothing (seed {run.seed})",
                hint="send more after it, or put it where it finds what it strikes",
                weight="warning",
            )
    if scenario.expect.honest and not _noticed(run):
        first = next((told for told in run.faults if told.struck is not None), None)
        if first is not None and first.place not in blamed:
            kind = specs.kind_of(first.fault)
            why = _why(first.fault, dialect) if first.told is None else "what tells of it comes after the last `probe`"
            yield Problem(
                code="undetectable",
                field="expect.honest",
                message=f"on {dialect.name} nobody could know of {kind!r} (step {first.place}) when the client is "
                f"probed: {why} (seed {run.seed})",
                hint="send more before the probe, or add what it takes to `needs`",
            )
    if scenario.expect.resync == "some" and not run.recovered and not blamed:
        names = ", ".join(specs.kind_of(told.fault) for told in run.faults)
        yield Problem(
            code="unfair",
            field="expect.resync",
            message=f"on {dialect.name} a client that does everything right has no reason to recover: nothing that "
            f"follows {names or 'the script'} is to be rejected (seed {run.seed})",
            hint="say `resync: any`, or add what it takes to `needs`",
        )


def _noticed(run: Played) -> bool:
    """Whether some fault was told of before some probe after it."""
    return any(
        told.struck is not None and told.told is not None and told.struck < position and told.told.position < position
        for told in run.faults
        for _, position in run.probes
    )


def _is_damage(fault: specs.Fault) -> bool:
    """Whether the fault can make a book wrong that its client believes."""
    match fault:
        case specs.Drop() | specs.Swap() | specs.Delay() | specs.Custom():
            return True
        case specs.Edited():
            return not is_legal(fault)
        case specs.Stall():
            return fault.lost
        case _:
            return False


def _why(fault: specs.Fault, dialect: Dialect) -> str:
    traits = dialect.traits
    match fault:
        case specs.Edited(edit="corrupt-level") if not traits.checksum:
            return "the number is well-formed, and there is no checksum"
        case specs.Edited(edit="corrupt-level-consistent"):
            return "the number is well-formed, and the checksum agrees with it"
        case _ if not traits.sequence and not traits.checksum:
            return "its updates carry neither sequence nor checksum"
        case _ if not traits.sequence:
            return "it has no sequence, and the checksum covers the best levels only"
        case _:
            return "no message after it is to be rejected"


# --- everything -------------------------------------------------------------------------------------------------------


def check(scenario: model.Scenario, dialects: Sequence[Dialect], *, seeds: int = SEEDS) -> list[Problem]:
    """All that is wrong with a scenario: what `lint` finds in the text, and where that is in order, what playing it shows."""
    problems = lint(scenario, dialects)
    if any(problem.weight == "error" for problem in problems):
        return problems
    for dialect in dialects:
        if applicable(scenario, dialect) is None:
            problems += impossible(scenario, dialect, seeds=seeds)
    return problems
