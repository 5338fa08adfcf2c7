"""The client of docs/newcomers.md: right while nothing goes wrong, with the two bugs that the page tells of; and mended."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from bookproof.cli import main

HERE = Path(__file__).parents[2] / "examples" / "first_client"
ADAPTER = shlex.join([sys.executable, str(HERE / "adapter.py")])
CASES = ("kraken-v2/book/start-up/plain", "kraken-v2/book/resnapshot/plain", "kraken-v2/book/gap/single")


@pytest.mark.parametrize(
    ("client", "status", "told"),
    [
        (ADAPTER, 1, [("pass", None), ("fail", "A"), ("fail", "B")]),
        (f"{ADAPTER} mended", 0, [("pass", None)] * 3),
    ],
    ids=["first", "mended"],
)
def test_what_the_page_says(tmp_path: Path, client: str, status: int, told: list[tuple[str, str | None]]) -> None:
    cases = [word for case in CASES for word in ("--case", case)]
    args = ["run", "--client", client, *cases, "--once", "--time-scale", "0.4", "--report", str(tmp_path)]
    assert main(args) == status
    results = {case["id"]: case for case in json.loads((tmp_path / "report.json").read_text())["cases"]}
    found = [
        (each["verdict"], each["suspects"][0]["bug_class"] if each["suspects"] else None)
        for each in map(results.get, CASES)
        if each
    ]
    assert found == told


def test_the_page_shows_the_adapter_as_it_is() -> None:
    page = (HERE.parents[1] / "docs" / "newcomers.md").read_text(encoding="utf-8")
    shown = page.partition("```python\n")[2].partition("```")[0]
    assert shown in (HERE / "adapter.py").read_text(encoding="utf-8")
