"""The real bugs: what ``examples/real_bugs`` says of itself is true, and its judgement can tell right from wrong.

The runs themselves need the network and are no part of the tests: ``make real-bugs``.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bookproof.cli.options import all_cases, dialects_named
from bookproof_exchange.scenario.load import load_with_places

HERE = Path(__file__).parents[2] / "examples" / "real_bugs"
BUGS = sorted(path.parent for path in HERE.glob("*/bug.toml"))


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bookproof_real_bugs", HERE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec looks annotations up there
    spec.loader.exec_module(module)
    return module


RUN = _module()


def test_there_are_at_least_five() -> None:
    assert len(BUGS) >= 5


@pytest.mark.parametrize("folder", BUGS, ids=lambda folder: folder.name)
def test_a_bug_names_what_there_is(folder: Path) -> None:
    bug = RUN.read_bug(folder / "bug.toml")
    paths = [] if bug.scenario is None else [str(folder / bug.scenario)]
    made, _ = all_cases(dialects_named([bug.dialect]), paths)
    names = {case.id for case in made}
    for case in bug.cases:
        assert any(fnmatch.fnmatchcase(name, f"{bug.dialect}/{case}") for name in names), case
    assert (folder / bug.adapter).is_file()
    assert bug.links
    for which, release in (("buggy", bug.buggy), ("fixed", bug.fixed)):
        lines = (folder / f"requirements-{which}.txt").read_text().split("\n")
        assert f"{bug.client}=={release}" in lines, which
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+|#.*|", line) for line in lines), "a version is not pinned"


def test_own_scenarios_have_ids_of_their_own() -> None:
    for path in HERE.glob("*/*.scenario.yaml"):
        assert load_with_places(path).scenario.id.startswith("book/real-bugs/")


def test_every_bug_is_in_the_documents() -> None:
    page = (HERE.parents[1] / "docs" / "real-bugs.md").read_text(encoding="utf-8")
    for folder in BUGS:
        bug = RUN.read_bug(folder / "bug.toml")
        assert folder.name in page
        assert f"{bug.client} {bug.buggy}" in page, "the buggy release"
        assert all(link in page for link in bug.links)


BUG = {
    "title": "",
    "client": "c",
    "buggy": "1",
    "fixed": "2",
    "links": ["l"],
    "dialect": "kraken-v2",
    "cases": ["book/gap/single"],
    "breaks": ["S1", "hung"],
}


def _report(*cases: tuple[str, list[tuple[str, str]]]) -> dict[str, Any]:
    return {
        "cases": [
            {"verdict": verdict, "checks": [{"id": name, "verdict": found} for name, found in checks]}
            for verdict, checks in cases
        ]
    }


@pytest.mark.parametrize(
    ("which", "report", "expected"),
    [
        ("buggy", _report(("fail", [("S1", "fail")])), True),
        ("buggy", _report(("fail", [("E1@7", "fail"), ("S1", "fail")])), True),
        ("buggy", _report(("pass", [("S1", "pass")])), False),
        ("buggy", _report(("fail", [("E1@7", "fail"), ("S1", "pass")])), False),  # for another reason
        ("buggy", _report(("crashed", [])), False),
        ("buggy", _report(("hung", [("E1@7", "fail")])), True),  # of which the bug is capable, says BUG
        ("buggy", _report(("fail", [("S1", "fail")]), ("pass", [("S1", "pass")])), False),
        ("buggy", _report(), False),
        ("fixed", _report(("pass", [("S1", "pass")])), True),
        ("fixed", _report(("warn", [("E2", "warn")])), True),
        ("fixed", _report(("inconclusive", [("S1", "inconclusive")])), False),
        ("fixed", _report(("pass", []), ("fail", [("E1@7", "fail")])), False),
        ("fixed", _report(), False),
    ],
)
def test_a_release_is_judged(which: str, report: dict[str, Any], expected: bool) -> None:
    assert RUN.judge(RUN.Bug(**BUG), which, report).as_expected is expected


def test_what_keeps_a_case_from_being_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUN, "ENVIRONMENTS", tmp_path / "environments")
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("c==1\n")
    with pytest.raises(RUN.NotTried, match="no environment could be made"):
        RUN.environment("c-buggy", wanted, "no-such-python")
    with pytest.raises(RUN.NotTried, match="the first run needs the network"):
        RUN.call([sys.executable, "-c", "raise SystemExit('NewConnectionError: no')"], "it could not be installed")
