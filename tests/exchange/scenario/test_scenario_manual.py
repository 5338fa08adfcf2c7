"""The manual is current, complete, and every example in it works; so does the page on adding faults."""

from __future__ import annotations

import re
import typing
from typing import Any

import pytest

from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.kit import check_stage
from bookproof_exchange.faults.registry import FaultInfo, faults
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.manual import FAULT_EXAMPLES, FAULT_USES, STEP_EXAMPLES, STEP_USES, manual
from bookproof_exchange.scenario.mistakes import MISTAKES, OF_FILES, said
from bookproof_exchange.scenario.problems import Code
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
        if block.startswith("id:"):
            loads(block)
        elif block.startswith("- "):
            loads(HEAD + "".join(f"  {line}\n" for line in block.splitlines()))
        else:
            loads(f"{HEAD}  - sync\n{block}")


def test_every_kind_is_on_the_page() -> None:
    page = manual()
    for info in faults():
        assert f"`{info.kind}`" in page or f"\n#### {info.kind}" in page
    for name in STEPS:
        assert f"### {name}\n" in page
        assert STEP_USES[name] in page
    assert set(FAULT_USES) == set(FAULT_EXAMPLES)


def test_every_key_is_explained() -> None:
    """The tables have words for every parameter: no empty cell at the end of a row."""
    tables = manual().partition("## Rules")[0]
    rows = [line for line in tables.splitlines() if line.startswith("| `") and line.count(" | ") == 3]
    assert len(rows) > 60
    assert [row for row in rows if row.endswith(" |  |")] == []


@pytest.mark.parametrize("code", sorted(MISTAKES))
def test_every_mistake_is_named_and_mended(code: Code) -> None:
    """The linter calls each mistake on the page by its code, and says how to mend it."""
    found = list(said(MISTAKES[code], list(DIALECTS)))
    assert {problem.code for problem in found} == {code}
    for problem in found:
        assert problem.hint or code in _SAID_ALREADY, problem


#: Where the message itself says what to write.
_SAID_ALREADY = {"out-of-range", "strikes-at-once", "not-proven"}


def test_there_is_an_example_of_every_code() -> None:
    assert set(MISTAKES) | OF_FILES == set(typing.get_args(Code))


def test_the_fault_on_the_page_keeps_the_laws() -> None:
    (fault, _) = blocks((DOCS / "faults.md").read_text(encoding="utf-8"), "python")
    names: dict[str, Any] = {"__name__": "my_package.faults"}
    exec(fault, names)
    check_stage(lambda number: names["EveryThird"](number, {"times": 2}), examples=50)
