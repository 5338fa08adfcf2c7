"""The HTML report: one self-contained file that opens without a network."""

from __future__ import annotations

from pathlib import Path

from bookproof.report.collect import Collected
from bookproof.report.page.document import Blocks, write
from bookproof.results import CaseFinished, ResultEvent, RunFinished


class HtmlReporter:
    """Writes ``report.html`` into a folder when the run ends. What a case needs is packed when its event comes, and kept
    outside memory."""

    def __init__(self, folder: Path, name: str = "report.html") -> None:
        self._path = folder / name
        self._collected = Collected()
        self._blocks = Blocks()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        match event:
            case CaseFinished(result=result, detail=detail):
                self._blocks.add(result, detail)
            case RunFinished():
                write(self._path, self._collected, self._blocks)
                self._blocks.close()
            case _:
                pass
