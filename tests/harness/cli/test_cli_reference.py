"""The reference pages are what the code says now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bookproof.checker import finding
from bookproof.cli.reference import attribute_docs, main, pages
from bookproof.report.anomalies import ANOMALIES
from bookproof.results import Verdict

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
RENEW = "renew them: python -m bookproof.cli.reference docs/reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_pages_are_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], RENEW


def test_no_other_page_stands_beside_them() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(pages())


def test_pages_are_written_where_one_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out")]) == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == set(pages())
    assert main([]) == 4
    assert "usage:" in capsys.readouterr().err


def test_tables_are_whole() -> None:
    for name, text in pages().items():
        columns = 0
        for line in text.splitlines():
            if not line.startswith("|"):
                columns = 0
                continue
            found = len(re.findall(r"(?<!\\)\|", line)) - 1
            assert columns in (0, found), (name, line)
            columns = found


def test_every_verdict_is_explained() -> None:
    assert set(attribute_docs(Verdict)) >= {verdict.name for verdict in Verdict}
    assert all(attribute_docs(Verdict)[verdict.name] for verdict in Verdict)


def test_every_anomaly_of_the_checker_is_explained_and_no_other() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in Path(finding.__file__).parent.glob("*.py"))
    given = set(re.findall(r'anomaly="([a-z-]+)"', source))
    given |= set(re.findall(r'anomaly="([a-z-]+)" if|else "([a-z-]+)" if|else "([a-z-]+)",$', source, re.MULTILINE)[0])
    given |= set(re.findall(r'return "([a-z-]+)", ', source))
    given |= set(re.findall(r'(?:vacuous\(|_finding\(\w+, )"([a-z-]+)"', source))
    given -= {""}
    assert given
    assert given <= set(ANOMALIES), "explain them in bookproof.report.anomalies"
    for code in ANOMALIES:
        kind = re.fullmatch(r"(too-many)-(messages|connections|weight)|(no)-[a-z-]+", code)
        known = f'"{code}"' in source or (kind is not None and f'f"{kind[1] or kind[3]}-{{' in source)
        assert known, f"{code}: the checker does not give it"
