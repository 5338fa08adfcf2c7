"""A few answers become a scenario file: valid, commented, on every dialect where it can be asked fairly.

Pure: `compose` makes the scenario, `document` its text. The questions themselves are asked in ``cli.scenario.new``."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bookproof.authoring.words import say
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.registry import FaultInfo, faults
from bookproof_exchange.market.events import Shape, ShapeKind
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.problems import Problem
from bookproof_exchange.scenario.shorthand import short_scenario
from bookproof_exchange.scenario.write import flow

Place = Literal["start", "stream", "recovery"]
Expected = Literal["notice", "recover", "carry-on", "any"]

PLACES: Mapping[Place, str] = {
    "start": "while the client starts up: before it shows a book",
    "stream": "in mid-stream: the client is in sync and the exchange is healthy",
    "recovery": "while the client recovers from a lost update",
}
EXPECTED: Mapping[Expected, str] = {
    "notice": "notices: stops saying that its book is right, and builds it anew",
    "recover": "recovers: builds its book anew",
    "carry-on": "carries on: it is no reason to start over",
    "any": "ends with the right book, whichever way",
}
#: What most people want to try, in the order in which it is offered; every other kind goes by its name.
OFFERED: Sequence[str] = (
    "drop",
    "duplicate",
    "swap",
    "delay",
    "wrong-checksum",
    "cut",
    "close",
    "stall",
    "resnapshot",
    "stale-rest",
    "failing-rest",
    "no-ack",
    "reversed-rows",
    "unknown-field",
)
NOTHING = "nothing"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the author says. ``fault``: a kind, or `NOTHING`. ``place`` and ``expected`` None: what fits the fault.
    ``dialects`` empty: all that can express it."""

    title: str
    id: str
    purpose: str = ""
    fault: str = NOTHING
    place: Place | None = None
    expected: Expected | None = None
    shape: ShapeKind | None = None
    dialects: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario, and why it is not for every dialect."""

    scenario: model.Scenario
    left_out: Mapping[str, str] = {}
    """Dialect to the reason why the scenario makes no case there."""


def fault_named(kind: str) -> FaultInfo:
    """The fault of this kind; UsageError with a hint for an unknown one."""
    known = {info.kind: info for info in faults()}
    if kind not in known:
        raise UsageError(f"there is no fault {kind!r}", hint=did_you_mean(kind, [NOTHING, *known]))
    return known[kind]


def usual_place(kind: str) -> Place:
    """Where a fault of this kind usually strikes."""
    if kind == "late-tail":  # it takes a client that unsubscribes
        return "recovery"
    return "start" if kind != NOTHING and fault_named(kind).group in ("subscription", "rest") else "stream"


def usual_expectation(kind: str, place: Place) -> Expected:
    """What a client does about a fault of this kind."""
    if kind == NOTHING:
        return "carry-on"
    info = fault_named(kind)
    if place == "recovery":
        return "recover"
    if place == "start" or info.group in ("subscription", "rest"):
        return "any"
    if info.legal:
        return "carry-on" if kind != "resnapshot" else "any"
    match info.group:
        case "connection":
            return "recover"
        case "stream":
            return "any"
        case _:
            return "carry-on" if kind in _HARMLESS else "notice"


#: Message faults after which the book is right all the same.
_HARMLESS = frozenset({"foreign-symbol"})
#: What a legal redelivery or an alteration may call for differs from dialect to dialect.
_EITHER = frozenset({"duplicate", "zero-checksum", "corrupt-level-consistent"})


def compose(answers: Answers, dialects: Sequence[Dialect], examples: Sequence[model.Scenario]) -> Draft:
    """The scenario of some answers. ``examples``: the catalogue, which says what rules and needs go with which fault.

    UsageError where what is asked for can be had on no dialect, with the reasons."""
    kind = answers.fault
    place = answers.place or usual_place(kind)
    expected = answers.expected or usual_expectation(kind, place)
    if kind in _EITHER and answers.expected is None and place == "stream":
        expected = "any"
    asked = [dialect for dialect in dialects if not answers.dialects or dialect.name in answers.dialects]
    able = [dialect for dialect in asked if kind == NOTHING or fault_named(kind).lacking(dialect) is None]
    scenario = model.Scenario(
        id=answers.id,
        title=answers.title,
        purpose=answers.purpose or _PURPOSES[expected],
        rules=_rules(kind, place, able or asked, examples),
        needs=_needs(kind, place, expected),
        dialects=answers.dialects or None,
        script=tuple(_script(kind, place, expected, answers.shape)),
        expect=_EXPECT[expected],
    )
    bad_id = next((problem for problem in lint(scenario, ()) if problem.code == "bad-id"), None)
    if bad_id is not None:
        raise UsageError(bad_id.message, hint=bad_id.hint)
    return _fair(scenario, asked)


_PURPOSES: Mapping[Expected, str] = {
    "notice": "The client must notice, stop claiming that its book is right, and build it anew.",
    "recover": "The client must build its book anew, and lose nothing by it.",
    "carry-on": "The client must keep the right book, and has no reason to start over.",
    "any": "Whatever the client does about it, it must end with the right book and never show a wrong one as live.",
}
_EXPECT: Mapping[Expected, model.Expect] = {
    "notice": model.Expect(resync="some", honest=True),
    "recover": model.Expect(resync="some"),
    "carry-on": model.Expect(resync="none"),
    "any": model.Expect(),
}


def _fault(kind: str, shape: ShapeKind | None) -> specs.Fault:
    info = fault_named(kind)
    fault = info.example
    if isinstance(fault, specs.Close):
        fault = specs.Close(how="rst")
    if shape is None:
        return fault
    if not isinstance(fault, specs.OnUpdates):
        raise UsageError(f"{kind!r} strikes no update: it takes no shape", hint="leave the shape out")
    return msgspec.structs.replace(fault, shape=Shape(kind=shape))


def _script(kind: str, place: Place, expected: Expected, shape: ShapeKind | None) -> Iterator[model.Step]:
    if kind == NOTHING:
        yield from (model.Sync(), model.Send(count=10), model.Read(), model.Send(count=10), model.Settle())
        return
    fault = _fault(kind, shape)
    strike = model.Oddity(fault=fault) if is_legal(fault) else model.Inject(fault=fault)
    after = _after(fault)
    match place:
        case "start":
            yield strike
            if isinstance(fault, specs.OnUpdates):
                raise UsageError(
                    f"{kind!r} strikes the stream of a client that is in sync, not its start",
                    hint="say where: stream or recovery",
                )
            yield from (model.Sync(), model.Send(count=5), model.Settle())
            return
        case "stream":
            yield from (model.Sync(), model.Send(count=5), model.Read(), strike)
        case "recovery":
            yield from (model.Sync(), model.Send(count=5), model.Read(), strike)
            if not isinstance(fault, specs.OnUpdates):
                yield model.Inject(fault=specs.Drop())
            after = max(after, 3)
    if isinstance(fault, specs.Stall):
        yield model.Quiet(seconds=3.0)
        yield model.Lift()
    if after:
        yield model.Send(count=after)
    if isinstance(fault, specs.Close | specs.Farewell | specs.BrokenFrame) and expected == "notice":
        yield model.Quiet(seconds=3.0)
    if expected == "notice":
        yield model.Probe()
    elif expected == "carry-on":
        yield model.Read()
    if expected != "carry-on":
        yield model.Converge()
    yield from (model.Send(count=5), model.Settle())


def _after(fault: specs.Fault) -> int:
    """How many updates are sent after the fault is armed: what it takes, and two that tell of it."""
    match fault:
        case specs.Drop() | specs.Edited() | specs.Fragmented():
            return fault.count + 2
        case specs.Duplicate():
            return fault.later + 3
        case specs.Delay():
            return fault.by + 3
        case specs.Close() | specs.Farewell() | specs.BrokenFrame():
            return 0
        case specs.Custom():
            return 10
        case _:
            return 3


def _needs(kind: str, place: Place, expected: Expected) -> tuple[str, ...]:
    if kind == NOTHING:
        return ()
    if place == "recovery" or kind in ("drop", "swap", "delay"):
        return ("sequence|checksum",)
    if kind in ("wrong-checksum", "zero-checksum", "corrupt-level", "corrupt-level-consistent"):
        return ("checksum",) if expected != "any" or kind != "corrupt-level-consistent" else ()
    return ()


def _rules(kind: str, place: Place, dialects: Sequence[Dialect], examples: Sequence[model.Scenario]) -> tuple[str, ...]:
    """Those that the catalogue tests with such a fault; every dialect gets at least one of its own."""
    found: Counter[str] = Counter()
    for example in examples:
        kinds = {specs.kind_of(step.fault) for step in example.script if isinstance(step, model.Inject | model.Oddity)}
        if kind in kinds or (kind == NOTHING and not kinds) or (place == "recovery" and "drop" in kinds):
            found.update(example.rules)
            found.update(example.rules[:1] * 2)  # what stands first is what it is about
    chosen = [key for key, _ in found.most_common()]
    rules: list[str] = []
    for dialect in dialects:
        mine = [key for key in chosen if key in dialect.rules]
        if mine and not any(key in dialect.rules for key in rules):
            rules.append(mine[0])
    if not rules:
        rules = [
            key for dialect in dialects for key in ("no-false-alarm", "snapshot-replaces") if key in dialect.rules
        ][:1]
    return tuple(dict.fromkeys(rules))


def _fair(scenario: model.Scenario, dialects: Sequence[Dialect]) -> Draft:
    """The scenario on those dialects on which nothing is wrong with it."""
    left: dict[str, str] = {}
    good: list[str] = []
    for dialect in dialects:
        reason = applicable(scenario, dialect)
        if reason is None:
            mine = tuple(key for key in scenario.rules if key in dialect.rules)
            alone = msgspec.structs.replace(scenario, dialects=(dialect.name,), rules=mine)
            reason = _objection(check(alone, [dialect]))
            if reason is None:
                good.append(dialect.name)
            else:
                left[dialect.name] = reason
                continue
        else:
            left[dialect.name] = reason
    if not good:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left.items())
        raise UsageError(
            f"this can be asked on no dialect ({reasons})", hint="choose another fault, place or expectation"
        )
    named = [name for name in left if applicable(scenario, _of(dialects, name)) is None]
    # it could be expressed there, but what is expected would not be fair; or it was asked for there, and cannot be
    if named or (left and scenario.dialects is not None):
        scenario = msgspec.structs.replace(scenario, dialects=tuple(good))
    return Draft(scenario=scenario, left_out=left)


def _of(dialects: Sequence[Dialect], name: str) -> Dialect:
    return next(dialect for dialect in dialects if dialect.name == name)


def _objection(problems: Sequence[Problem]) -> str | None:
    return next(
        (problem.message for problem in problems if problem.weight == "error" or problem.code == "nothing-to-strike"),
        None,
    )


# --- the text ---------------------------------------------------------------------------------------------------------


def document(draft: Draft, *, schema: str | None = None) -> str:
    """The file: every key and every step with a comment. ``schema``: where its JSON Schema is, for editors."""
    return "\n".join(_lines(draft, schema)) + "\n"


def _lines(draft: Draft, schema: str | None) -> Iterator[str]:
    scenario = draft.scenario
    if schema is not None:
        yield f"# yaml-language-server: $schema={schema}"
    yield "# One behaviour of the exchange. `bookproof scenario show FILE` tells what it does, `try FILE` plays it,"
    yield "# `bookproof replay FILE --client CMD` runs a client against it. Keys, steps and faults: docs/scenarios.md"
    yield ""
    short = short_scenario(scenario)
    script = short.pop("script")
    expect = short.pop("expect", {})
    width = 0
    rows: list[tuple[str, str]] = []
    for key, value in short.items():
        if key == "purpose":
            rows += [("purpose: >-", "why: what a client must do, and what goes wrong in real ones")]
            rows += [(f"  {line}", "") for line in textwrap.wrap(str(value), 100)]
        else:
            rows.append((f"{key}: {flow(value)}", _KEYS.get(key, "")))
    for name, reason in draft.left_out.items():
        rows.append((f"# not on {name}: {' '.join(reason.split())}", ""))
    rows += [("", ""), ("script:", "")]
    assert isinstance(script, list)
    rows += [
        (f"  - {flow(step, top=True)}", say(spoken).partition(";")[0])
        for step, spoken in zip(script, scenario.script, strict=True)
    ]
    rows += [("", ""), ("expect:", "beyond what is always asked: no wrong book is ever shown as live")]
    assert isinstance(expect, dict)
    rows.append((f"  resync: {scenario.expect.resync}", _RESYNC[scenario.expect.resync]))
    if scenario.expect.honest:
        rows.append(("  honest: true", "at `probe` it must not say live while its book is wrong"))
    width = min(max(len(text) for text, comment in rows if comment), 48)
    for text, comment in rows:
        yield f"{text:<{width}}  # {comment}" if comment else text


_KEYS = {
    "id": "stable: never reused with another meaning",
    "title": "what happens, in a few words",
    "rules": "what it tests: `bookproof list rules`",
    "needs": "only on dialects that have this",
    "dialects": "only on these",
}
_RESYNC = {
    "some": "it subscribes again, fetches a snapshot or reconnects, at least once",
    "none": "it does none of that: there is no reason",
    "any": "either way",
}

_WORD = re.compile(r"[a-z0-9]+")
_SMALL = re.compile(r"an?|the|is|are|and|or|of|in|on|to|with|by|its?|not|for|from")


def slug(title: str) -> str:
    """A title as the last part of an id: ``the-best-price-lost``."""
    words = _WORD.findall(title.lower())
    kept = [word for word in words if not _SMALL.fullmatch(word)] or words
    return "-".join(kept[:6]) or "new"
