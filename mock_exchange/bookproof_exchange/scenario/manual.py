"""The scenario manual, ``docs/scenarios.md``, made from the model, so that it cannot fall behind. To renew it:

python -m bookproof_exchange.scenario.manual > docs/scenarios.md
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import describe, specs
from bookproof_exchange.faults.registry import FaultInfo, Group, faults
from bookproof_exchange.market.events import Shape, ShapeKind
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.bounds import bounds
from bookproof_exchange.scenario.mistakes import MISTAKES, said
from bookproof_exchange.scenario.needs import TERMS
from bookproof_exchange.scenario.shorthand import CARRIERS, PRINCIPAL, STEPS

_HEAD = """\
# Scenarios

A scenario is one behaviour of the exchange, told as a short script. Every dialect that can express it makes one case
of it. A file holds one scenario and its name ends in `.scenario.yaml`.

This page is made from the model (`python -m bookproof_exchange.scenario.manual`); a test keeps it current.

## In five minutes

    bookproof scenario new                 # asks what shall happen, writes a commented file
    bookproof scenario check FILE          # what is wrong with it, with line and column, and how to mend it
    bookproof scenario show FILE           # what is sent when, where faults strike, what is expected
    bookproof scenario try FILE            # the ideal client plays it: it has to pass
    bookproof scenario try FILE --mutant all    # which known bugs it catches
    bookproof scenario watch FILE          # all of it, whenever the file is saved
    bookproof replay FILE --client CMD     # your client plays it

A whole file:

```yaml
id: book/gap/single
title: One update is lost in mid-stream
purpose: The client must notice, stop claiming that its book is right, and build it anew.
rules: [gap-restart, checksum-verify]
needs: [sequence|checksum]
script:
  - sync
  - send: 5
  - read
  - fault: {kind: drop, shape: improve}
  - send: 3
  - probe
  - converge
  - settle
expect: {resync: some, honest: true}
```

Read it so: the client comes in sync; five updates; a look at its book; the next update, a new best price, is lost; three more
updates of which the first is the lost one, so that the second tells of it; a look while it must know; it recovers; at the end
it shows exactly the last book.

How a script is made, in this order:

1. Faults of the start (acknowledgement, snapshot) come before `sync`. Everything else comes after it.
2. A fault is *armed*: message faults strike the next updates that are sent, so `send` follows. Stream and connection faults
   strike at once.
3. Something looks at the client after the fault: `read` or `probe` now, `converge` until it is right again, `settle` at
   the end.
4. `expect` says whether starting over is wanted (`resync`), and whether the client must stop saying that its book is right
   (`honest`, with a `probe`).

Recipes to copy: [cookbook.md](cookbook.md). Completion in VS Code and JetBrains: [editors.md](editors.md). What a file
cannot say: [pytest-scripts.md](pytest-scripts.md).

## Units

* Times are in seconds, as plain numbers (`quiet: 0.5`); the limits of a run and `quiet` are multiplied by its `--time-scale`.
* `send` and faults count *updates*: messages of the book's stream. An update of a dialect may cover several *changes* of the
  market (kraken-v2: one; binance-spot and mexc-v3: a few); `away` and `by` of snapshots count those.
* Ranks count price levels from 0, the best. Symbols and steps count from 1.

YAML is read strictly, by version 1.2: `true` and `false` are the only truth values, numbers have no underscores,
and a key that is given twice, a tab, an anchor or a tag is an error.
"""

#: What each step is for.
STEP_USES: Mapping[str, str] = {
    "sync": "Every script has one, before everything but the faults of the start. It ends as soon as the client is right.",
    "send": "Lets the market move. What a message fault strikes is sent by it.",
    "fault": "What the venue must not do, or what ends a connection: the client has to cope.",
    "oddity": "To find false alarms: clients that start over although nothing is wrong.",
    "read": "A look in the middle, where nothing is wrong, or after an oddity.",
    "hold": "Seldom needed: holding begins by itself when a fault strikes and a `probe` follows. Before a fault that strikes "
    "later, or to look at a client in the middle of its start.",
    "probe": "To see whether the client goes on saying that a book is right of which it must know that it is not.",
    "converge": "After every fault that makes a client recover.",
    "settle": "The last step of nearly every script: nothing is lost, doubled or left over.",
    "lift": "After `stall`, and after `close` with `refuse: until-lift`.",
    "quiet": "To find clients that take a quiet market for a dead connection, or to give a client time to notice an end.",
    "await": "Where what counts is that the client acts, whatever its book: reconnects, tells its user.",
}

#: One example a step: what stands after the dash.
STEP_EXAMPLES: Mapping[str, str] = {
    "sync": "sync: {lead: 30}",
    "send": "send: {count: 5, shape: {kind: delete, side: bid, rank: 0}}",
    "fault": "fault: {kind: drop, count: 2}",
    "oddity": "oddity: reversed-rows",
    "read": "read: 2",
    "hold": "hold",
    "probe": "probe",
    "converge": "converge: 40",
    "settle": "settle",
    "lift": "lift",
    "quiet": "quiet: 8",
    "await": "await: {what: reconnect, limit: 120, level: SHOULD}",
}

#: One example a fault.
FAULT_EXAMPLES: Mapping[str, str] = {
    "drop": "fault: {kind: drop, count: 2, shape: {kind: delete, side: bid, rank: 0}}",
    "duplicate": "fault: {kind: duplicate, later: 3}",
    "swap": "fault: swap",
    "delay": "fault: {kind: delay, by: 3}",
    "fragmented": "oddity: {kind: fragmented, count: 3, pieces: 4, between: ping}",
    "resnapshot": "oddity: {kind: resnapshot, away: 20}",
    "new-fields": "oddity: new-fields",
    "stall": "fault: {kind: stall, scope: feed, away: 30, lost: true}",
    "late-ack": "fault: {kind: late-ack, messages: 3}",
    "no-ack": "fault: no-ack",
    "refuse-subscribe": "fault: {kind: refuse-subscribe, times: 2}",
    "no-snapshot": "fault: no-snapshot",
    "early-updates": "fault: {kind: early-updates, messages: 2}",
    "late-tail": "oddity: {kind: late-tail, messages: 5}",
    "stale-rest": "fault: {kind: stale-rest, by: 12, times: 3}",
    "ahead-rest": "fault: {kind: ahead-rest, by: 5}",
    "straddled-rest": "fault: straddled-rest",
    "slow-rest": "fault: {kind: slow-rest, messages: 8}",
    "pieced-rest": "oddity: {kind: pieced-rest, pieces: 50, chunked: true}",
    "failing-rest": "fault: {kind: failing-rest, status: 429, retry_after: 1}",
    "close": "fault: {kind: close, how: rst, away: 20}",
    "broken-frame": "fault: {kind: broken-frame, how: masked}",
    "farewell": "fault: {kind: farewell, messages: 5}",
}

#: Which mistakes of clients each fault finds.
FAULT_USES: Mapping[str, str] = {
    "drop": "clients that do not look at sequence numbers or checksums, and those that recover wrongly",
    "duplicate": "clients that take a message that comes again for a gap, or apply it twice",
    "swap": "clients that apply what comes in the order in which it comes",
    "delay": "clients that skip a hole and take the late update for a new one",
    "fragmented": "clients that take a frame for a message",
    "resnapshot": "clients that merge a snapshot into the book, or ignore one that they did not ask for",
    "new-fields": "clients with a strict schema",
    "stall": "clients that never notice a dead connection, or take a quiet market for one",
    "late-ack": "clients that throw away what comes before the acknowledgement",
    "no-ack": "clients that wait for an acknowledgement without end",
    "refuse-subscribe": "clients that do not tell their user, or take an error for an empty book",
    "no-snapshot": "clients that show a book without ever having had one, or wait without end",
    "early-updates": "clients that apply updates to no book",
    "late-tail": "clients that apply what is left of an old subscription to the new book",
    "stale-rest": "clients that join any snapshot to the stream, or ask for new ones without a pause",
    "ahead-rest": "clients that apply updates that the snapshot has already",
    "straddled-rest": "clients that want the first update to begin exactly behind the snapshot",
    "slow-rest": "clients that buffer nothing, or too little, while they wait",
    "pieced-rest": "clients that take the first piece of an answer for all of it",
    "failing-rest": "clients that give up, ask again at once, or take an error for an empty book",
    "close": "clients that do not reconnect, do not subscribe again, or keep the old book",
    "broken-frame": "clients whose reader ends silently",
    "farewell": "clients that wait for the end although it was announced",
}

_GROUPS: Mapping[Group, str] = {
    "message": "Message faults: strike the next updates of the book",
    "edit": "Edits: messages that say something else",
    "stream": "Stream faults: strike at once",
    "subscription": "Subscription faults: armed before `sync`, or before a reconnect",
    "rest": "REST faults: strike the next snapshot requests",
    "connection": "Connection faults: strike at once",
}


def manual() -> str:
    """The whole page."""
    parts = (_scenario(), _steps(), _shapes(), _faults(), _needs(), _rules(), _mistakes())
    return "\n".join((_HEAD, *(line for part in parts for line in part)))


def _dialects() -> tuple[Dialect, ...]:
    """Those that are built in: a page must not depend on what happens to be installed."""
    return tuple(dialect for dialect in DIALECTS if type(dialect).__module__.startswith("bookproof_exchange."))


def _scenario() -> Iterator[str]:
    yield "## The parts of a scenario\n"
    yield from _table(model.Scenario)
    for title, type_ in (("market", model.Market), ("subscribe", model.Subscribe), ("expect", model.Expect)):
        yield f"### {title}\n"
        yield f"{_marked(describe.text(type_))}\n"
        yield from _table(type_)
    yield "```yaml"
    yield "market: {profile: thin, levels: 6, symbols: 2}"
    yield "subscribe: {channels: [book, trades], depth: least}"
    yield "expect: {resync: some, honest: true, most_resyncs: 1}"
    yield "```\n"


def _steps() -> Iterator[str]:
    yield "## Steps\n"
    yield (
        "A step is its name (`- probe`), its name with its main parameter (`- send: 10`), or its name with a mapping "
        "(`- send: {count: 10, mode: each}`).\n"
    )
    for name, type_ in STEPS.items():
        yield f"### {name}\n"
        yield f"{_marked(describe.text(type_))}\n"
        yield f"{STEP_USES[name]}\n"
        if type_ in PRINCIPAL and type_ not in CARRIERS:
            yield f"Main parameter: `{PRINCIPAL[type_]}`.\n"
        yield from _example(STEP_EXAMPLES[name])
        if type_ not in CARRIERS:
            yield from _table(type_)


def _shapes() -> Iterator[str]:
    yield "## Shapes: what happens in the market next\n"
    yield "A shape is its kind (`shape: improve`) or a mapping. Ranks count from 0, the best price.\n"
    lines = [line.strip() for line in (Shape.__doc__ or "").splitlines() if line.strip().startswith("*")]
    if len(lines) != len(typing.get_args(ShapeKind)):
        raise ValueError("the docstring of Shape lists other kinds than there are")
    yield from (f"* {_marked(' '.join(line.removeprefix('*').split()))}" for line in lines)
    yield ""
    yield from _table(Shape)


def _faults() -> Iterator[str]:
    yield "## Faults and oddities\n"
    yield (
        "A fault is something that the venue must not do, or that breaks the connection; a legal oddity is something "
        "that it may do and that a client must take without alarm. Kinds marked *legal* may stand in a step `oddity`; "
        "edits that are legal may stand only there. Where a dialect cannot express a fault, the scenario makes no case "
        "of it.\n"
    )
    everything = faults()
    for group, title in _GROUPS.items():
        yield f"### {title}\n"
        members = [info for info in everything if info.group == group and info.kind in _known_kinds()]
        if group == "edit":
            yield from _edits(members)
            continue
        for info in members:
            yield f"#### {info.kind}{' (legal)' if info.legal else ''}\n"
            yield f"{_marked(info.text)}\n"
            yield f"Finds {FAULT_USES[info.kind]}. {_where(info)}\n"
            yield from _example(FAULT_EXAMPLES[info.kind])
            yield from _table(type(info.example), leave=("shape", "symbol") if info.group == "message" else ())
        if group == "message":
            yield (
                "Every message fault and edit also takes `shape` (of the first update that it strikes; default: a new "
                "size at rank 2) and `symbol`.\n"
            )
    yield (
        f"#### custom\n\n{_marked(describe.text(specs.Custom))} See [faults.md](faults.md).\n\n"
        "```yaml\n- fault: {kind: custom, name: every-third, options: {times: 2}}\n```\n"
    )


def _where(info: FaultInfo) -> str:
    """On which dialects, and why not on the others."""
    lacking = {dialect.name: info.lacking(dialect) for dialect in _dialects()}
    able = [f"`{name}`" for name, reason in lacking.items() if reason is None]
    if len(able) == len(lacking):
        return "On every dialect."
    why = "; ".join(f"not on `{name}`: {reason}" for name, reason in lacking.items() if reason is not None)
    return f"On {' and '.join(able)} ({why})." if able else f"On no dialect here ({why})."


def _known_kinds() -> frozenset[str]:
    """What is built in: a page must not depend on what happens to be installed."""
    return frozenset(FAULT_EXAMPLES) | frozenset(info.kind for info in faults() if info.group == "edit")


def _edits(members: Sequence[FaultInfo]) -> Iterator[str]:
    yield "One update says something else than it should, or something beside it.\n"
    names = [dialect.name for dialect in _dialects()]
    yield f"| kind | stands in | what it does | {' | '.join(names)} |"
    yield f"| --- | --- | --- | {' | '.join('---' for _ in names)} |"
    for info in members:
        able = ["" if info.lacking(dialect) else "yes" for dialect in _dialects()]
        words = f"| `{info.kind}` | {'`oddity`' if info.legal else '`fault`'} | {_marked(info.text)} |"
        yield f"{words} {' | '.join(able)} |"
    yield ""
    yield from _example("fault: {kind: wrong-checksum, count: 3}")
    yield from _table(specs.Edited, leave=("edit", "shape", "symbol"))
    yield "Updates that cannot carry the edit pass until one can.\n"


def _needs() -> Iterator[str]:
    yield "## Needs: what a dialect must be able to do\n"
    yield "`a|b` is fulfilled by either. Where a need is not fulfilled, the scenario makes no case of that dialect.\n"
    yield "| need | without it |\n| --- | --- |"
    for term, reason in TERMS.items():
        if not term.startswith("edit:"):
            yield f"| `{term}` | {reason} |"
    yield "| `edit:KIND` | it has no use for that edit |\n"


def _rules() -> Iterator[str]:
    yield "## Rules: what a scenario tests\n"
    yield (
        "`rules` names at least one; a dialect without any of them makes no case. `bookproof list rules` has each in "
        "words, with the document that says so.\n"
    )
    names = [dialect.name for dialect in _dialects()]
    yield f"| key | {' | '.join(names)} |"
    yield f"| --- | {' | '.join('---' for _ in names)} |"
    for key in sorted({key for dialect in _dialects() for key in dialect.rules}):
        levels = [dialect.rules[key].level if key in dialect.rules else "" for dialect in _dialects()]
        yield f"| `{key}` | {' | '.join(levels)} |"
    yield ""


def _mistakes() -> Iterator[str]:
    yield "## What `scenario check` says, and how to mend it\n"
    yield (
        "Each line is `file:line:column: error: where: what (how to mend it) [code]`; a *warning* stops nothing. One example "
        "of each code:\n"
    )
    for code, mistake in MISTAKES.items():
        problem = next(problem for problem in said(mistake, _dialects()) if problem.code == code)
        yield f"**`{code}`**{' (warning)' if problem.weight == 'warning' else ''}\n"
        yield f"```text\n{mistake.wrong.rstrip()}\n```\n"
        hint = "" if problem.hint is None else f" ({problem.hint})"
        yield f"> {problem.message}{hint}\n"
    yield (
        "**`unreadable`**: there is no such file, or it is no text in UTF-8. **`id-taken`**: two files of a folder have "
        "the same id.\n"
    )


# --- pieces ---------------------------------------------------------------------------------------------------------


def _table(type_: type[msgspec.Struct], leave: Sequence[str] = ()) -> Iterator[str]:
    fields = [field for field in msgspec.structs.fields(type_) if field.name not in leave]
    if not fields:
        return
    said_of = describe.field_texts(type_)
    yield "| key | default | values | |\n| --- | --- | --- | --- |"
    for field in fields:
        default = "required" if field.required else f"`{_yaml(describe.default_of(field))}`"
        words = _marked(said_of.get(field.name, ""))
        yield f"| `{field.name}` | {default} | {_values(type_, field.name)} | {words} |"
    yield ""


def _values(type_: type[msgspec.Struct], name: str) -> str:
    """What may stand there."""
    hint = typing.get_type_hints(type_)[name]
    options = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    words: list[str] = []
    for option in options:
        if option is bool:
            words.append("`true`, `false`")
        elif option in (int, float):
            limits = bounds(type_, name)
            most = f" to {limits.most}" if limits.most < 1_000_000 else f", from {limits.least}"
            what = "whole number" if option is int else "number"
            words.append(f"{what} {limits.least}{most}" if limits.most < 1_000_000 else f"{what}{most}")
        elif option is str:
            words.append("text")
        elif option is Shape:
            words.append("a [shape](#shapes-what-happens-in-the-market-next)")
        elif option is type(None):
            words.append("`null`")
        elif isinstance(option, type) and issubclass(option, msgspec.Struct):
            words.append(f"[below](#{option.__name__.lower()})")
        elif typing.get_origin(option) is tuple and name == "script":
            words.append("a list of [steps](#steps)")
        elif typing.get_origin(option) is tuple:
            inner = typing.get_args(option)[0]
            choices = f" of {', '.join(f'`{each}`' for each in _literals(inner))}" if _literals(inner) else " of texts"
            words.append(f"a list{choices}")
        elif typing.get_origin(option) is dict:
            words.append("a mapping")
        elif _literals(option):
            words.append(", ".join(f"`{each}`" for each in _literals(option)))
    return " or ".join(words)


def _literals(hint: object) -> tuple[object, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _example(step: str) -> Iterator[str]:
    yield f"```yaml\n- {step}\n```\n"


def _marked(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _yaml(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case msgspec.Struct():
            given = msgspec.structs.asdict(value)
            return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in given.items()) + "}"
        case dict():
            return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
        case tuple() | list():
            return "[" + ", ".join(map(_yaml, value)) + "]"
        case "":
            return '""'
        case _:
            return str(value)


if __name__ == "__main__":
    print(manual(), end="")
