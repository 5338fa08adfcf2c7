"""Hypothesis strategies for any scenario that the model can hold, within the bounds of its numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import msgspec.inspect as types
from hypothesis import strategies as st

from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.bounds import bounds

TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        ["", "~", "null", "yes", "true", "1_000", "0x1", "1e3", "-", "- a", "a: b", "a #b", "#", "'", "…"]
    )
    | st.from_regex(r"[a-z]{1,6}(-[a-z]{1,4})?(/[a-z]{1,4})?", fullmatch=True)
)


def any_of(type_: types.Type, owner: type, name: str) -> st.SearchStrategy[Any]:
    limits = bounds(owner, name)
    match type_:
        case types.StructType():
            return structs(type_.cls)
        case types.UnionType():
            return st.one_of([any_of(each, owner, name) for each in type_.types])
        case types.VarTupleType():
            return st.lists(any_of(type_.item_type, owner, name), max_size=6).map(tuple)
        case types.DictType():
            return st.dictionaries(TEXTS, any_of(type_.value_type, owner, name), max_size=3)
        case types.IntType():
            return st.integers(limits.least, limits.most)
        case types.FloatType():
            return st.floats(limits.least, limits.most)
        case types.BoolType():
            return st.booleans()
        case types.StrType():
            return TEXTS
        case types.NoneType():
            return st.none()
        case types.LiteralType():
            return st.sampled_from(list(type_.values))
    raise TypeError(type_)


def structs(type_: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Values of a struct; a field is left at its default in half of all cases."""
    info = types.type_info(type_)
    assert isinstance(info, types.StructType)
    required = {field.name: any_of(field.type, type_, field.name) for field in info.fields if field.required}
    optional = {field.name: any_of(field.type, type_, field.name) for field in info.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: type_(**fields))


SCENARIOS: st.SearchStrategy[model.Scenario] = structs(model.Scenario)
