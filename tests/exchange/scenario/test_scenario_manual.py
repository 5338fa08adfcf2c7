"""The manual is current, complete, and every example in it works; so does the page on adding faults."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bookproof_exchange.data import folder
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.kit import check_stage
from bookproof_exchange.faults.registry import FaultInfo, faults
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.manual import FAULT_EXAMPLES, STEP_EXAMPLES, manual
from bookproof_exchange.scenario.shorthand import STEPS, tag_of

DOCS = folder("scenarios").parent / "docs"
HEAD = "id: x\ntitle: t\npurpose: p\nrules: [r]\nscript:\n"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_page_is_current() -> None:
    renew = "renew it: python -m bookproof_exchange.scenario.manual > docs/scenarios.md"
    assert (DOCS / "scenarios.md").read_text(encoding="utf-8") == manual(), renew


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_an_example_of_itself(name: str) -> None:
    (step,) = loads(f"{HEAD}  - {STEP_EXAMPLES[name]}\n").script
    assert tag_of(type(step)) == name


@pytest.mark.parametrize("info", [info for info in faults() if info.group != "edit"], ids=lambda info: info.kind)
def test_every_fault_has_an_example_of_itself(info: FaultInfo) -> None:
    (step,) = loads(f"{HEAD}  - {FAULT_EXAMPLES[info.kind]}\n").script
    assert isinstance(step, model.Inject | model.Oddity)
    assert specs.kind_of(step.fault) == info.kind
    assert isinstance(step, model.Oddity) <= info.legal


@pytest.mark.parametrize("page", ["scenarios.md", "faults.md"])
def test_every_block_of_yaml_loads(page: str) -> None:
    found = blocks((DOCS / page).read_text(encoding="utf-8"), "yaml")
    assert found
    for block in found:
        loads(block if block.startswith("id:") else HEAD + "".join(f"  {line}\n" for line in block.splitlines()))


def test_every_kind_is_on_the_page() -> None:
    page = manual()
    for info in faults():
        assert f"`{info.kind}`" in page
    for name in STEPS:
        assert f"### {name}\n" in page


def test_the_fault_on_the_page_keeps_the_laws() -> None:
    (fault, _) = blocks((DOCS / "faults.md").read_text(encoding="utf-8"), "python")
    names: dict[str, Any] = {"__name__": "my_package.faults"}
    exec(fault, names)
    check_stage(lambda number: names["EveryThird"](number, {"times": 2}), examples=50)
