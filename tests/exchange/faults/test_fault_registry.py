"""The list of all faults is complete and true."""

from __future__ import annotations

import typing

import pytest

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import EditKind
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.registry import EDITS, FaultInfo, faults
from bookproof_exchange.market.events import Shape

ALL = faults()
BY_KIND = {info.kind: info for info in ALL}


def test_every_specification_and_every_edit_is_listed_once() -> None:
    kinds = {spec.__struct_config__.tag for spec in typing.get_args(specs.Fault)} - {"edit", "custom"}
    assert sorted(BY_KIND) == sorted(kinds | set(typing.get_args(EditKind)))
    assert len(ALL) == len(BY_KIND)
    assert set(EDITS) == set(typing.get_args(EditKind))


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.kind)
def test_every_entry_explains_itself(info: FaultInfo) -> None:
    assert info.title.endswith((".", "…"))
    assert "\n" not in info.title
    assert specs.kind_of(info.example) == info.kind
    assert info.legal == is_legal(info.example)
    assert not any(parameter.required for parameter in info.parameters)


def test_parameters_and_defaults() -> None:
    assert {parameter.name: parameter.default for parameter in BY_KIND["drop"].parameters} == {
        "shape": Shape(kind="change", rank=2),
        "symbol": 1,
        "count": 1,
    }
    assert "edit" not in {parameter.name for parameter in BY_KIND["cut"].parameters}


def test_legality() -> None:
    assert {info.kind for info in ALL if info.group == "edit" and info.legal} == specs.LEGAL_EDITS
    assert not BY_KIND["drop"].legal
    assert BY_KIND["resnapshot"].legal


def test_every_fault_can_be_expressed_by_some_dialect() -> None:
    """But for the spelling of empty sides, which none of the built-in ones varies."""
    nobody = {info.kind for info in ALL if all(info.lacking(dialect) is not None for dialect in DIALECTS)}
    assert nobody <= {"null-side"}
