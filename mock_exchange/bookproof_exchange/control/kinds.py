"""The kinds of faults with what a form needs to know of their parameters."""

from __future__ import annotations

import typing

import msgspec
import msgspec.inspect as types

from bookproof_exchange.control import model
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import describe, specs
from bookproof_exchange.faults.registry import FaultInfo, faults
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario.bounds import bounds


def kinds(dialect: Dialect) -> model.Kinds:
    """Every kind of fault, and which the dialect can express."""
    return model.Kinds(
        kinds=tuple(
            model.KindInfo(
                kind=info.kind,
                group=info.group,
                title=info.title,
                text=info.text,
                legal=info.legal,
                lacking=info.lacking(dialect),
                request=_request(info),
                parameters=_parameters(info),
            )
            for info in faults()
        ),
        shape=tuple(_parameter(Shape, field) for field in _fields(Shape)),
    )


def _request(info: FaultInfo) -> dict[str, str]:
    if isinstance(info.example, specs.Custom):
        return {"kind": "custom", "name": info.kind}
    return {"kind": info.kind}


def _parameters(info: FaultInfo) -> tuple[model.ParameterInfo, ...]:
    hidden = {specs.Edited: "edit", specs.Custom: "name"}.get(type(info.example))
    return tuple(_parameter(type(info.example), field) for field in _fields(type(info.example)) if field.name != hidden)


def _fields(type_: type[msgspec.Struct]) -> tuple[types.Field, ...]:
    info = types.type_info(type_)
    assert isinstance(info, types.StructType)
    return info.fields


def _parameter(owner: type[msgspec.Struct], field: types.Field) -> model.ParameterInfo:
    alternatives = field.type.types if isinstance(field.type, types.UnionType) else (field.type,)
    options: list[str] = []
    kind: str | None = None
    numeric = nullable = False
    for each in alternatives:
        match each:
            case types.LiteralType(values=values):
                options += map(str, values)
                kind = "choice"
            case types.IntType():
                numeric = True
                kind = kind or "integer"
            case types.StrType():
                kind = kind or "text"
            case types.BoolType():
                kind = "boolean"
            case types.StructType():
                kind = "shape"
            case types.DictType():
                kind = "options"
            case types.NoneType():
                nullable = True
            case _:
                raise TypeError(f"no form for {owner.__name__}.{field.name}: {each}")
    limits = bounds(owner, field.name)
    default = None if field.required else msgspec.to_builtins(describe.default_of(field))
    return model.ParameterInfo(
        name=field.name,
        text=describe.field_texts(owner).get(field.name, ""),
        required=field.required,
        default=default,
        options=tuple(options),
        type=typing.cast(typing.Any, kind),
        least=limits.least if numeric else None,
        most=limits.most if numeric else None,
        nullable=nullable,
    )
