"""Scenarios by composition: a market, a subscription, a start, blocks, an end. Valid by the way they are made.

Every scenario first draws which few kinds of fault it may use (*swarm testing*): with all of them at hand at all times,
each would drown the others, and what needs two certain ones to meet would hardly ever happen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
from hypothesis import strategies as st

from bookproof.fuzz.blocks import STARTS, USES, Block, Draw, calm
from bookproof.fuzz.ground import Ground
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario.model import (
    Await,
    Converge,
    Expect,
    Inject,
    Market,
    Oddity,
    Quiet,
    Read,
    Scenario,
    Send,
    Settle,
    Step,
    Subscribe,
    Sync,
)

#: So many kinds of fault a script uses at most, and so many blocks it has.
MOST_KINDS = 5
MOST_BLOCKS = 5

#: Depths above this cost much and show little more.
_MOST_DEPTH = 100
#: A scenario with longer waits is a slow one, as `scenario.lint` counts it.
_LONG_QUIET_S = 10.0
_LONG_AWAIT_S = 20.0

#: What any script is about, after what its faults are about.
_GENERAL = (
    "no-false-alarm",
    "snapshot-replaces",
    "delete-zero",
    "window-truncate",
    "numbers-lossless",
    "thin-book",
    "align-start",
    "buffer-before-snapshot",
    "wait-for-snapshot",
    "isolation",
    "trades-complete",
    "message-rate",
    "reconnect-backoff",
    "rest-weight",
)


#: The faults that one request for a REST snapshot meets.
_OF_SNAPSHOTS = (
    specs.StaleRest,
    specs.AheadRest,
    specs.StraddledRest,
    specs.SlowRest,
    specs.PiecedRest,
    specs.FailingRest,
)


def scenarios(
    dialect: Dialect, kinds: Sequence[str], *, slow: bool = False, channels: Sequence[str] = ("book", "trades")
) -> st.SearchStrategy[Scenario]:
    """Scenarios for one dialect, of these kinds of fault (`ground.kinds`). ``slow``: also those that rest on a client's own
    timers of many seconds. ``channels``: what the client knows."""

    @st.composite
    def scenario(draw: Draw) -> Scenario:
        swarm = tuple(draw(st.lists(st.sampled_from(kinds), unique=True, max_size=MOST_KINDS))) if kinds else ()
        if draw(st.integers(0, 15)) == 15 and (unlive := _never_live(draw, dialect, swarm)) is not None:
            return unlive
        return _script(draw, dialect, swarm, slow=slow, trading="trades" in channels)

    return scenario()


def _script(draw: Draw, dialect: Dialect, swarm: Sequence[str], *, slow: bool, trading: bool) -> Scenario:
    traits = dialect.traits
    most = min(3, len(dialect.instruments))
    symbols = draw(st.sampled_from((1, 1, *range(1, most + 1))))
    depth = draw(st.sampled_from((None, *(depth for depth in traits.depths if depth <= _MOST_DEPTH))))
    window = (traits.default_depth if depth is None else depth) if traits.windowed else None
    ground = Ground(dialect, symbols, window, slow)
    usable = [kind for kind in swarm if kind in USES and USES[kind].fits(ground)]
    starting = [kind for kind in swarm if kind in STARTS and STARTS[kind].fits(ground)]

    blocks: list[Block] = []
    if starting:
        for kind in draw(st.lists(st.sampled_from(starting), unique=True, max_size=2)):
            blocks.append(STARTS[kind].make(draw, ground, swarm))
    lead = draw(st.sampled_from((3, 0, 1, 8, 30))) if traits.snapshot_from == "rest" else 3
    blocks.append(Block((Sync(lead=lead),)))
    trades = trading and "trades" in traits.channels and draw(st.integers(0, 3)) == 3
    if trades:
        # at least one trade there has to be; the first update may have been made before, for a snapshot that falls into it
        sweep = Shape(kind="sweep", count=draw(st.integers(1, 4)))
        blocks.append(Block((Send(count=draw(st.integers(2, 5)), shape=sweep),), rules=("trades-complete",)))
    for number in draw(st.lists(st.integers(0, 2 * len(usable)), max_size=MOST_BLOCKS)):
        # 0 is the calm market, then every kind twice as often
        block = USES[usable[(number - 1) // 2]].make(draw, ground, swarm) if number else calm(draw, ground)
        blocks.append(block)
        if block.last:
            break
    return _assembled(
        dialect,
        blocks,
        market=Market(
            symbols=symbols,
            profile=draw(st.sampled_from(("busy", "busy", "calm", "load"))),
            levels=draw(st.sampled_from((40, 40, 25, 120))),
        ),
        subscribe=Subscribe(channels=("book", "trades") if trades else ("book",), depth=depth),
        seed=draw(st.integers(1, 99)),
    )


def _assembled(
    dialect: Dialect, blocks: Sequence[Block], *, market: Market, subscribe: Subscribe, seed: int
) -> Scenario:
    steps = _once(step for block in blocks for step in block.steps)
    if not blocks[-1].last:
        steps.append(Settle())
    recoveries = {block.resync for block in blocks}
    if any(isinstance(step, Inject | Oddity) and isinstance(step.fault, specs.AheadRest) for step in steps):
        # what goes wrong with updates that the snapshot holds already breaks nothing
        recoveries.discard("some")
        recoveries.add("any")
    resync = "some" if "some" in recoveries else "any" if "any" in recoveries else "none"
    return named(
        Scenario(
            id="fuzz/unnamed",
            title=_title(steps),
            purpose=PURPOSE,
            rules=_rules(dialect, [rule for block in blocks for rule in block.rules]),
            dialects=(dialect.name,),
            market=market,
            subscribe=subscribe,
            seed=seed,
            slow=any(map(_is_slow, steps)),
            script=tuple(steps),
            expect=Expect(resync=resync),  # type: ignore[arg-type]
            tags=("fuzz",),
        )
    )


def _once(steps: Iterable[Step]) -> list[Step]:
    """Without the faults that an earlier one stands in the way of: of the same kind, and made to strike several times;
    of the next REST snapshot, where the one before leaves the client no reason to ask for another."""
    kept: list[Step] = []
    standing: set[type[specs.Spec]] = set()
    content = False
    for step in steps:
        if isinstance(step, Sync | Converge):
            content = False
        if isinstance(step, Inject | Oddity):
            kind = type(step.fault)
            if kind in standing:
                continue
            if isinstance(step.fault, _OF_SNAPSHOTS):
                if content:
                    continue
                content = not isinstance(step.fault, specs.FailingRest)
            if (
                isinstance(step.fault, specs.StaleRest | specs.StraddledRest | specs.PiecedRest)
                and step.fault.times > 1
            ):
                standing.add(kind)
        kept.append(step)
    return kept


def _never_live(draw: Draw, dialect: Dialect, swarm: Sequence[str]) -> Scenario | None:
    """A start that may never lead to a live book; None: the script may not use what it takes."""
    steps: tuple[Step, ...]
    if "refuse-subscribe" in swarm:
        steps = (Inject(fault=specs.RefuseSubscribe()), Await(what="report", level="SHOULD"), Read())
        rules = ("refusal-surfaced",)
    elif "no-snapshot" in swarm:
        steps = (
            Inject(fault=specs.NoSnapshot()),
            Await(what="subscribe"),
            Send(count=draw(st.integers(1, 8))),
            Read(),
            Send(count=draw(st.integers(1, 8))),
            Read(),
        )
        rules = ("wait-for-snapshot",)
    else:
        return None
    return named(
        Scenario(
            id="fuzz/unnamed",
            title=_title(steps),
            purpose=PURPOSE,
            rules=_rules(dialect, rules),
            dialects=(dialect.name,),
            seed=draw(st.integers(1, 99)),
            script=steps,
            expect=Expect(live=False),
            tags=("fuzz",),
        )
    )


#: The kinds that only start-ups without a live book are made of.
NEVER_LIVE = ("refuse-subscribe", "no-snapshot")

PURPOSE = "Made and shrunk by `bookproof fuzz`."


def named(scenario: Scenario) -> Scenario:
    """With an id that says what is in it: another script has another id, and so other prices."""
    bare = msgspec.structs.replace(scenario, id="", title="", purpose="", tags=())
    digest = hashlib.blake2b(msgspec.json.encode(bare), digest_size=5).hexdigest()
    return msgspec.structs.replace(scenario, id=f"fuzz/{digest}")


def size(scenario: Scenario) -> int:
    """How long the script is: its steps beyond `sync`."""
    return sum(not isinstance(step, Sync) for step in scenario.script)


def _title(steps: Iterable[Step]) -> str:
    kinds = [specs.kind_of(step.fault) for step in steps if isinstance(step, Inject | Oddity)]
    return f"Found by fuzzing: {', '.join(dict.fromkeys(kinds)) or 'no fault'}"


def _rules(dialect: Dialect, first: Iterable[str]) -> tuple[str, ...]:
    return tuple(key for key in dict.fromkeys((*first, *_GENERAL)) if key in dialect.rules)


def _is_slow(step: Step) -> bool:
    match step:
        case Quiet(seconds=seconds):
            return seconds >= _LONG_QUIET_S
        case Await(limit=limit):
            return (limit or 0.0) > _LONG_AWAIT_S
        case _:
            return False
