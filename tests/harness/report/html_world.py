"""Reading a page as a browser would, without one: its tags, its texts, and the packed cases."""

from __future__ import annotations

import base64
import functools
import json
import zlib
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from bookproof.case_run import CaseRun
from bookproof.cases.plan import cases
from bookproof.report.html import HtmlReporter
from bookproof.results import CaseFinished, ResultEvent, RunFinished, RunStarted
from bookproof.selftest.mutants import MUTANTS
from bookproof.selftest.prove import run_in_memory
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.load import load

_VOID = {"meta", "br", "input", "hr", "img", "link"}


class Page(HTMLParser):
    """Every tag, attribute and text of a page; complains about tags that do not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.blocks: dict[str, str] = {}
        self._open: list[str] = []
        self._block: str | None = None
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append((tag, attributes))
        if tag not in _VOID:
            self._open.append(tag)
        self._block = attributes.get("data-case")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} closes nothing"
        self._block = None

    def handle_data(self, data: str) -> None:
        if self._block is not None:
            self.blocks[self._block] = data
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def case(self, name: str) -> list[Any]:
        """A case's values: what was told, what happened, the payloads (None where left out)."""
        parts = self.blocks[name].split(".")
        return [json.loads(zlib.decompress(base64.b64decode(part))) if part else None for part in parts]


def page(tmp_path: Path, heard: Sequence[ResultEvent]) -> tuple[str, Page]:
    reporter = HtmlReporter(tmp_path)
    for event in heard:
        reporter.handle(event)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return text, Page(text)


@functools.cache
def failing(dialect: str = "kraken-v2", mutant: str | None = None) -> CaseRun:
    """A case of a client with one known bug, which fails; without one: of the ideal client."""
    scenario = load(folder("scenarios") / "gap" / "single.scenario.yaml")
    made, _ = cases([(scenario, None)], [DIALECTS.get(dialect)])
    if mutant is None:
        (run,) = run_in_memory(made)
    else:
        (run,) = run_in_memory(made, make=MUTANTS[mutant].make)
    return run


def heard(*runs: CaseFinished) -> list[ResultEvent]:
    """A whole run of these cases."""
    return [
        RunStarted(
            client="a client", dialects=("kraken-v2",), cases=tuple(each.result.id for each in runs), version="9"
        ),
        *runs,
        RunFinished(seconds=1.0, exit_status=1),
    ]
