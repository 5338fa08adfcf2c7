"""The short forms of the file format, in one place: which they are, and from long to short.

* a step without parameters is its name: ``- probe``
* a step's most important parameter may stand alone: ``- send: 10`` is ``- send: {count: 10}``
* a fault without parameters is its kind: ``- fault: drop``
* an edit goes by its own name: ``- fault: wrong-checksum`` is ``- fault: {kind: edit, edit: wrong-checksum}``
* a shape without parameters is its kind: ``shape: improve``
"""

from __future__ import annotations

import typing
from collections.abc import Mapping

import msgspec

from bookproof_exchange.dialects.api import EditKind
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.describe import default_of
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model


def tag_of(type_: type[msgspec.Struct]) -> str:
    """The name under which a step or fault stands in a file."""
    return str(type_.__struct_config__.tag)


#: All steps by name, in the order of the model.
STEPS: Mapping[str, type[model.StepBase]] = {tag_of(step): step for step in typing.get_args(model.Step)}
#: All fault specifications by kind; ``edit`` stands for every edit.
FAULTS: Mapping[str, type[specs.Spec]] = {tag_of(fault): fault for fault in typing.get_args(specs.Fault)}
#: The edits, which a file names like faults.
EDITS: tuple[str, ...] = typing.get_args(EditKind)
#: Steps that carry a fault.
CARRIERS: frozenset[type[model.StepBase]] = frozenset({model.Inject, model.Oddity})
#: The parameter that may stand alone after a step's name.
PRINCIPAL: Mapping[type[model.StepBase], str] = {
    model.Sync: "lead",
    model.Send: "count",
    model.Inject: "fault",
    model.Oddity: "fault",
    model.Read: "symbol",
    model.Converge: "during",
    model.Quiet: "seconds",
    model.Await: "what",
}

Short = str | int | float | bool | None | dict[str, "Short"] | list["Short"]


def short_step(step: model.Step) -> Short:
    """A step as it stands in a file, as short as can be."""
    name = tag_of(type(step))
    if isinstance(step, model.Inject | model.Oddity):
        return {name: short_fault(step.fault)}
    given = _given(step)
    if isinstance(step, model.Send) and not given:
        return {name: step.count}  # legal without, but a bare "send" reads as if it sent everything
    if not given:
        return name
    if list(given) == [PRINCIPAL.get(type(step))]:
        (value,) = given.values()
        return {name: value}
    return {name: given}


def short_fault(fault: specs.Fault) -> Short:
    """A fault as it stands in a file, as short as can be."""
    given = _given(fault)
    kind = tag_of(type(fault))
    if isinstance(fault, specs.Edited):
        kind = str(given.pop("edit"))
    return {"kind": kind, **given} if given else kind


def short_shape(shape: Shape) -> Short:
    """A shape as it stands in a file, as short as can be."""
    given = _given(shape)
    kind = given.pop("kind", "any")
    return {"kind": kind, **given} if given else kind


def short_scenario(scenario: model.Scenario) -> dict[str, Short]:
    """A scenario as it stands in a file: a mapping in the order of the model, without what is the default."""
    return _given(scenario)


def _given(value: msgspec.Struct) -> dict[str, Short]:
    """The fields that differ from their defaults, in order."""
    given: dict[str, Short] = {}
    for field in msgspec.structs.fields(type(value)):
        present = getattr(value, field.name)
        if field.required or present != default_of(field):
            given[field.name] = _short(present)
    return given


def _short(value: object) -> Short:
    match value:
        case model.StepBase():
            return short_step(typing.cast(model.Step, value))
        case Shape():
            return short_shape(value)
        case msgspec.Struct():
            return _given(value)
        case dict():
            return {str(key): _short(item) for key, item in value.items()}
        case tuple() | list():
            return [_short(item) for item in value]
        case None | str() | int() | float() | bool():
            return value
    raise TypeError(f"no short form of {value!r}")
