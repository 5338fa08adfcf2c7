"""Every recipe of the cookbook: the linter has nothing against it, the ideal client passes it on every dialect, and each
known bug that it names is caught wherever that can exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bookproof.authoring.findings import examine
from bookproof.authoring.rehearsal import rehearse
from bookproof.authoring.trial import against_bugs, mutant_named
from bookproof.results import Verdict
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS

PAGE = folder("scenarios").parent / "docs" / "cookbook.md"
RECIPES = re.findall(
    r"^## (\d+)\. .*?^```yaml\n(.*?)^```\n\nCatches (.*?)\.$",
    PAGE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def test_there_are_twelve() -> None:
    assert [int(number) for number, _, _ in RECIPES] == list(range(1, 13))


@pytest.mark.parametrize(("number", "text", "catches"), RECIPES, ids=[number for number, _, _ in RECIPES])
def test_a_recipe_works(number: str, text: str, catches: str, tmp_path: Path) -> None:
    path = tmp_path / f"{number}.scenario.yaml"
    path.write_text(text, encoding="utf-8")
    findings = examine(str(path))
    assert findings.problems == ()
    assert findings.loaded is not None
    scenario = findings.loaded.scenario
    dialects = [DIALECTS.get(name) for name in findings.dialects]
    assert dialects
    for dialect in dialects:
        assert rehearse(scenario, dialect).run.result.verdict is Verdict.PASS
    names = re.findall(r"`([a-z-]+)`", catches)
    assert names
    for name in names:
        met = [found for dialect in dialects for found in against_bugs(scenario, dialect, [mutant_named(name)])]
        assert met, f"{name} can exist on none of {findings.dialects}"
        assert [found for found in met if found.by is None] == [], f"{name} gets away"
