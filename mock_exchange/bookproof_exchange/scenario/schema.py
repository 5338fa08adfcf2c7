"""The JSON Schema of the scenario format, made from the model, so that editors complete and explain.

``schemas/scenario.v1.json`` is what `schema` returns; a test proves that it is current. To renew it:

    python -m bookproof_exchange.scenario.schema > schemas/scenario.v1.json
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import msgspec.inspect as types

from bookproof_exchange.faults import describe, registry, specs
from bookproof_exchange.faults.describe import default_of
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.bounds import bounds
from bookproof_exchange.scenario.shorthand import CARRIERS, EDITS, FAULTS, PRINCIPAL, STEPS

ID: Final = "urn:bookproof:scenario:v1"

Schema = dict[str, Any]


def schema() -> Schema:
    """The whole schema, JSON Schema 2020-12: accepts what the loader accepts, short forms included."""
    made: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A Bookproof scenario",
        **_struct(model.Scenario),
        "$defs": {
            "step": _step(),
            "fault": _fault(),
            "shape": _shape(),
            **{f"step-{name}": _parameters(type_) for name, type_ in STEPS.items() if type_ not in CARRIERS},
            **{f"fault-{name}": _fault_mapping(name, type_) for name, type_ in FAULTS.items()},
            "fault-by-edit": _edit_mapping(),
        },
    }
    _plain(made)
    return made


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(part: object) -> None:
    """Editors show descriptions as plain text: without the marks of code."""
    match part:
        case dict():
            if isinstance(said := part.get("description"), str):
                part["description"] = said.replace("``", "'").replace("`", "'")
            for each in part.values():
                _plain(each)
        case list():
            for each in part:
                _plain(each)
        case _:
            pass


# --- the parts ------------------------------------------------------------------------------------------------------


def _step() -> Schema:
    bare = [
        {"const": name, "description": describe.text(type_)} for name, type_ in STEPS.items() if not _required(type_)
    ]
    named = {name: _after(name, type_) for name, type_ in STEPS.items()}
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    return {
        "description": "One step: its name, or its name with its parameters.",
        "anyOf": [*bare, {**one, "properties": named}],
    }


def _after(name: str, type_: type[model.StepBase]) -> Schema:
    """What may stand after a step's name."""
    words = describe.text(type_)
    if type_ in CARRIERS:
        return {"description": words, "$ref": "#/$defs/fault"}
    forms: list[Schema] = [{"$ref": f"#/$defs/step-{name}"}]
    principal = PRINCIPAL.get(type_)
    if principal is not None:
        forms.append(_field(type_, principal))
    if not _required(type_):
        forms.append({"type": "null"})
    return {"description": words, "anyOf": forms}


def _parameters(type_: type[model.StepBase]) -> Schema:
    return _struct(type_)


def _fault() -> Schema:
    bare = [
        {"const": info.kind, "description": info.text}
        for info in registry.faults()
        if not any(parameter.required for parameter in info.parameters)
    ]
    mappings = [{"$ref": f"#/$defs/fault-{name}"} for name in FAULTS]
    return {
        "description": "A fault or oddity: its kind, or a mapping with its kind and its parameters.",
        "anyOf": [*bare, *mappings, {"$ref": "#/$defs/fault-by-edit"}],
    }


def _fault_mapping(name: str, type_: type[specs.Spec]) -> Schema:
    made = _struct(type_)
    made["properties"] = {"kind": {"const": name}, **made["properties"]}
    made["required"] = ["kind", *made.get("required", [])]
    return made


def _edit_mapping() -> Schema:
    made = _struct(specs.Edited)
    names = [{"const": kind, "description": words} for kind, words in registry.EDITS.items()]
    assert len(names) == len(EDITS)
    properties = {name: value for name, value in made["properties"].items() if name != "edit"}
    made["properties"] = {"kind": {"anyOf": names}, **properties}
    made["required"] = ["kind"]
    return made


def _shape() -> Schema:
    return {
        "description": describe.text(Shape),
        "anyOf": [_field(Shape, "kind"), _struct(Shape)],
    }


# --- types ----------------------------------------------------------------------------------------------------------


def _fields(type_: type[msgspec.Struct]) -> tuple[types.Field, ...]:
    info = types.type_info(type_)
    assert isinstance(info, types.StructType)
    return info.fields


def _required(type_: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in _fields(type_) if field.required]


def _struct(type_: type[msgspec.Struct]) -> Schema:
    said = describe.field_texts(type_)
    properties: Schema = {}
    for field in _fields(type_):
        made = _type(field.type, type_, field.name)
        if field.name in said:
            made = {"description": said[field.name], **made}
        if not field.required and not isinstance(field.default, msgspec.Struct):
            made = {**made, "default": msgspec.to_builtins(default_of(field))}
        properties[field.name] = made
    made = {
        "description": describe.text(type_),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    required = _required(type_)
    return {**made, "required": required} if required else made


def _field(type_: type[msgspec.Struct], name: str) -> Schema:
    (field,) = (each for each in _fields(type_) if each.name == name)
    return _type(field.type, type_, name)


def _type(type_: types.Type, owner: type[msgspec.Struct], name: str) -> Schema:
    limits = bounds(owner, name)
    match type_:
        case types.StructType() if type_.cls is Shape:
            return {"$ref": "#/$defs/shape"}
        case types.StructType():
            return _struct(type_.cls)
        case types.VarTupleType():
            return {"type": "array", "items": _type(type_.item_type, owner, name)}
        case types.UnionType() if any(isinstance(each, types.StructType) for each in type_.types):
            return {"$ref": "#/$defs/step"}
        case types.UnionType():
            return {"anyOf": [_type(each, owner, name) for each in type_.types]}
        case types.DictType():
            return {"type": "object", "additionalProperties": _type(type_.value_type, owner, name)}
        case types.IntType():
            return {"type": "integer", "minimum": limits.least, "maximum": limits.most}
        case types.FloatType():
            return {"type": "number", "minimum": limits.least, "maximum": limits.most}
        case types.BoolType():
            return {"type": "boolean"}
        case types.StrType():
            return {"type": "string"}
        case types.NoneType():
            return {"type": "null"}
        case types.LiteralType():
            return {"enum": list(type_.values)}
    raise TypeError(f"no schema for {type_}")


if __name__ == "__main__":
    print(text(), end="")
