"""The HTML report: one self-contained file that opens without a network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.drawing import drawing, told
from bookproof.report.text import clean
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import ResultEvent, RunFinished, Verdict

#: So many failures are unfolded when the page is opened.
_MOST_OPEN = 12


class HtmlReporter:
    """Writes ``report.html`` into a folder when the run ends."""

    def __init__(self, folder: Path, name: str = "report.html") -> None:
        self._path = folder / name
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        if isinstance(event, RunFinished):
            self._path.write_text(page(self._collected), encoding="utf-8", errors="backslashreplace")


def page(collected: Collected) -> str:
    """The whole page."""
    loader = PackageLoader("bookproof.report")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True),
        finalize=_shown,
        trim_blocks=True,
    )
    environment.globals.update(label=label, why=why, telling=telling, rule_of=rule_of, drawing=drawing, told=told)
    script = loader.get_source(environment, "report.js")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    results = sorted(collected.results, key=lambda result: result.id)
    worst_first = sorted(results, key=lambda result: (result.known is not None, -result.verdict.rank))
    bad = [result.id for result in worst_first if result.known is None and result.failing]
    unclean = {result.scenario for result in results if result.verdict not in (Verdict.PASS, Verdict.INFO)}
    scenarios = sorted({result.scenario for result in results})
    status = 5 if collected.finished is None else collected.finished.exit_status
    return environment.get_template("report.html.jinja").render(
        run=collected,
        started=collected.started,
        finished=collected.finished,
        client="" if collected.started is None else collected.started.client,
        scenarios=scenarios,
        clean=set(scenarios) - unclean,
        dialects=sorted({result.dialect for result in results}),
        by_place={(result.scenario, result.dialect): result for result in results},
        ordered=worst_first,
        opened=set(bad[:_MOST_OPEN]),
        status=status,
        meaning=EXIT_MEANING.get(status, ""),
        script=_Ours(script),
        script_hash=f"sha256-{digest}",
    )


class _Ours(Markup):
    """Markup of our own, not of a client."""


def _shown(value: object) -> object:
    """Control characters spelled out, in everything that the page shows."""
    match value:
        case _Ours():
            return value
        case Markup():
            return Markup(clean(str(value)))
        case str():
            return clean(value)
        case _:
            return value
