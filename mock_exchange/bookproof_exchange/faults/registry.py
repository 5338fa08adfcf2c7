"""All faults and oddities that a scenario can name, with what each does, and those that other packages bring."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from bookproof_exchange.dialects.api import Dialect, EditKind
from bookproof_exchange.faults import describe, specs
from bookproof_exchange.faults.legal import LEGAL_KINDS
from bookproof_exchange.faults.offered import lacking
from bookproof_exchange.faults.stage import Stage
from bookproof_exchange.registry import Registry

Group = Literal["message", "edit", "stream", "subscription", "rest", "connection"]

_GROUPS: Mapping[type[specs.Spec], Group] = {
    specs.Drop: "message",
    specs.Duplicate: "message",
    specs.Swap: "message",
    specs.Delay: "message",
    specs.Edited: "edit",
    specs.Fragmented: "message",
    specs.Custom: "message",
    specs.Resnapshot: "stream",
    specs.NewFields: "stream",
    specs.Stall: "stream",
    specs.LateAck: "subscription",
    specs.NoAck: "subscription",
    specs.RefuseSubscribe: "subscription",
    specs.NoSnapshot: "subscription",
    specs.EarlyUpdates: "subscription",
    specs.LateTail: "subscription",
    specs.StaleRest: "rest",
    specs.AheadRest: "rest",
    specs.StraddledRest: "rest",
    specs.SlowRest: "rest",
    specs.PiecedRest: "rest",
    specs.FailingRest: "rest",
    specs.Close: "connection",
    specs.BrokenFrame: "connection",
    specs.Farewell: "connection",
}

#: What each edit does, in a sentence (dialects.api.EditKind says it in comments, which nothing can read).
EDITS: Mapping[EditKind, str] = {
    "wrong-checksum": "The checksum says something else (``value``), the content is right.",
    "zero-checksum": "The checksum says 0, the content is right.",
    "corrupt-level": "One level's size is wrong; the checksum, if there is one, is of the true book.",
    "corrupt-level-consistent": "One level's size is wrong and the checksum agrees with it.",
    "cut": "The message is cut in the middle: nobody can parse it.",
    "wrong-type": "A field has a wrong type.",
    "unknown-type": "A well-formed message of a type that no client can know goes out beside the update.",
    "unknown-field": "The same message with one more field.",
    "padded-numbers": "The same numbers, spelled with more trailing zeros.",
    "trimmed-numbers": "The same numbers, spelled without trailing zeros.",
    "delete-absent": "The update also deletes a level that does not exist.",
    "set-then-delete": "The update also sets an absent price and deletes it again, in this order.",
    "delete-then-set": "A level that changes is first deleted, then set, in the same update.",
    "reversed-rows": "The levels of the update stand in the reverse order.",
    "empty-update": "An update without levels.",
    "null-side": "A side that does not change is spelled the other way (null, missing).",
    "renumbered-gap": "The sequence numbers skip, the content does not.",
    "overlap": "The update begins ``value`` versions (1) earlier than it need, and says again what was said then.",
    "foreign-symbol": "A message of a symbol that nobody asked for goes out beside the update.",
}


#: Makes a stage for one arming of a foreign fault: its number, and the options of the scenario file.
Maker = Callable[[int, Mapping[str, int | str]], Stage]

#: Message faults of other packages, by entry point; the value is a `Maker`, its docstring's first line the title.
FOREIGN: Registry[Maker] = Registry("message fault", "bookproof.faults")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a fault. ``default`` None with ``required``: it must be given."""

    name: str
    default: object
    required: bool = False


class FaultInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``bookproof list faults``. ``legal``: it may stand as an oddity; edits that are legal may only."""

    kind: str
    group: Group
    title: str
    text: str
    parameters: tuple[Parameter, ...]
    legal: bool
    example: specs.Fault
    """With all defaults."""

    def lacking(self, dialect: Dialect) -> str | None:
        """None where the dialect can express the fault; else what it lacks."""
        return lacking(self.example, dialect)


def faults() -> tuple[FaultInfo, ...]:
    """Every fault by the name that a scenario file uses, grouped, in the order of the specifications."""
    listed: list[FaultInfo] = []
    for spec in typing.get_args(specs.Fault):
        if spec is specs.Edited:
            listed += (_edit(kind, words) for kind, words in EDITS.items())
            continue
        if spec is specs.Custom:
            listed += (_foreign(name) for name in FOREIGN.names())
            continue
        listed.append(
            FaultInfo(
                kind=spec.__struct_config__.tag,
                group=_GROUPS[spec],
                title=describe.summary(spec),
                text=describe.text(spec),
                parameters=parameters(spec),
                legal=spec in LEGAL_KINDS,
                example=spec(),
            )
        )
    return tuple(listed)


def parameters(spec: type[specs.Spec]) -> tuple[Parameter, ...]:
    """The parameters that a scenario file can give, with their defaults. An edit's own name is not one of them."""
    fields = [field for field in msgspec.structs.fields(spec) if (spec, field.name) != (specs.Edited, "edit")]
    return tuple(
        Parameter(field.name, None if field.required else describe.default_of(field), field.required)
        for field in fields
    )


def _edit(kind: EditKind, words: str) -> FaultInfo:
    legal = kind in specs.LEGAL_EDITS
    return FaultInfo(
        kind=kind,
        group="edit",
        title=words,
        text=words,
        parameters=parameters(specs.Edited),
        legal=legal,
        example=specs.Edited(edit=kind),
    )


def _foreign(name: str) -> FaultInfo:
    words = " ".join((FOREIGN.get(name).__doc__ or "A fault of another package.").split())
    return FaultInfo(
        kind=name,
        group="message",
        title=words.split(". ")[0].rstrip(".") + ".",
        text=words,
        parameters=parameters(specs.Custom),
        legal=False,
        example=specs.Custom(name=name),
    )
