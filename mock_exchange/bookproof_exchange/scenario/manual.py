"""The scenario manual, ``docs/scenarios.md``, made from the model, so that it cannot fall behind. To renew it:

python -m bookproof_exchange.scenario.manual > docs/scenarios.md
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bookproof_exchange.faults import describe, specs
from bookproof_exchange.faults.registry import FaultInfo, Group, Parameter, faults
from bookproof_exchange.market.events import Shape, ShapeKind
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.needs import TERMS
from bookproof_exchange.scenario.shorthand import CARRIERS, STEPS

_HEAD = """\
# Scenarios

A scenario is one behaviour of the exchange, told as a short script. Every dialect that can express it makes one case
of it. A file holds one scenario and its name ends in `.scenario.yaml`; `bookproof scenario check FILE` says what is
wrong with it, with line and column. Point an editor at `schemas/scenario.v1.json` and it completes and explains.

This page is made from the model (`python -m bookproof_exchange.scenario.manual`); a test keeps it current.

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

YAML is read strictly, by version 1.2: `true` and `false` are the only truth values, numbers have no underscores,
and a key that is given twice, a tab, an anchor or a tag is an error.
"""

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
    return "\n".join((_HEAD, *_scenario(), *_steps(), *_shapes(), *_faults(), *_needs()))


def _scenario() -> Iterator[str]:
    yield "## The parts of a scenario\n"
    yield from _table(model.Scenario)
    for title, type_ in (("market", model.Market), ("subscribe", model.Subscribe), ("expect", model.Expect)):
        yield f"### {title}\n"
        yield f"{_marked(describe.text(type_))}\n"
        yield from _table(type_)


def _steps() -> Iterator[str]:
    yield "## Steps\n"
    yield (
        "A step is its name (`- probe`), its name with its main parameter (`- send: 10`), or its name with a mapping "
        "(`- send: {count: 10, mode: each}`).\n"
    )
    for name, type_ in STEPS.items():
        yield f"### {name}\n"
        yield f"{_marked(describe.text(type_))}\n"
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
        "edits that are legal may stand only there.\n"
    )
    everything = faults()
    for group, title in _GROUPS.items():
        yield f"### {title}\n"
        members = [info for info in everything if info.group == group and info.kind in _known_kinds()]
        if group == "edit":
            yield from _edits(members)
            continue
        for info in members:
            yield f"**`{info.kind}`**{' (legal)' if info.legal else ''}: {_marked(info.text)}\n"
            yield from _example(FAULT_EXAMPLES[info.kind])
            own = [parameter for parameter in info.parameters if parameter.name not in ("shape", "symbol")]
            if own:
                yield f"Parameters: {', '.join(map(_default, own))}.\n"
    yield "Every message fault and edit also takes `shape` (of the first update that it strikes) and `symbol`.\n"
    yield (
        f"**`custom`**: {_marked(describe.text(specs.Custom))} See [faults.md](faults.md).\n\n"
        "```yaml\n- fault: {kind: custom, name: every-third, options: {times: 2}}\n```\n"
    )


def _known_kinds() -> frozenset[str]:
    """What is built in: a page must not depend on what happens to be installed."""
    return frozenset(FAULT_EXAMPLES) | frozenset(info.kind for info in faults() if info.group == "edit")


def _edits(members: Sequence[FaultInfo]) -> Iterator[str]:
    yield "| kind | stands in | what it does |\n| --- | --- | --- |"
    for info in members:
        yield f"| `{info.kind}` | {'`oddity`' if info.legal else '`fault`'} | {_marked(info.text)} |"
    yield ""
    yield from _example("fault: {kind: wrong-checksum, count: 3}")
    own = [parameter for parameter in members[0].parameters if parameter.name not in ("shape", "symbol")]
    yield f"Parameters: {', '.join(map(_default, own))}. Updates that cannot carry the edit pass until one can.\n"


def _needs() -> Iterator[str]:
    yield "## Needs: what a dialect must be able to do\n"
    yield "`a|b` is fulfilled by either. Where a need is not fulfilled, the scenario makes no case of that dialect.\n"
    yield "| need | without it |\n| --- | --- |"
    for term, reason in TERMS.items():
        if not term.startswith("edit:"):
            yield f"| `{term}` | {reason} |"
    yield "| `edit:KIND` | it has no use for that edit |\n"


# --- pieces ---------------------------------------------------------------------------------------------------------


def _table(type_: type[msgspec.Struct]) -> Iterator[str]:
    fields = msgspec.structs.fields(type_)
    if not fields:
        return
    said = describe.field_texts(type_)
    yield "| key | default | |\n| --- | --- | --- |"
    for field in fields:
        default = "required" if field.required else f"`{_yaml(describe.default_of(field))}`"
        yield f"| `{field.name}` | {default} | {_marked(said.get(field.name, _choices(type_, field.name)))} |"
    yield ""


def _choices(type_: type[msgspec.Struct], name: str) -> str:
    hint = typing.get_type_hints(type_)[name]
    options = [option for part in (hint, *typing.get_args(hint)) for option in _literals(part)]
    return " or ".join(f"`{option}`" for option in options)


def _literals(hint: object) -> tuple[object, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _default(parameter: Parameter) -> str:
    return f"`{parameter.name}` ({'required' if parameter.required else f'`{_yaml(parameter.default)}`'})"


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
