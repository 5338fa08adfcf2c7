"""The HTML report: one self-contained file that opens without a network."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.text import clean
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import ResultEvent, RunFinished


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
    environment = Environment(
        loader=PackageLoader("bookproof.report"), autoescape=select_autoescape(default=True), finalize=_shown
    )
    environment.globals.update(label=label, why=why, telling=telling, rule_of=rule_of)
    scenarios = list(dict.fromkeys(result.scenario for result in collected.results))
    dialects = list(dict.fromkeys(result.dialect for result in collected.results))
    by_place = {(result.scenario, result.dialect): result for result in collected.results}
    status = 5 if collected.finished is None else collected.finished.exit_status
    return environment.get_template("report.html.jinja").render(
        run=collected,
        started=collected.started,
        finished=collected.finished,
        scenarios=scenarios,
        dialects=dialects,
        by_place=by_place,
        status=status,
        meaning=EXIT_MEANING.get(status, ""),
    )


def _shown(value: object) -> object:
    """Control characters spelled out, in everything that the page shows."""
    match value:
        case Markup():
            return Markup(clean(str(value)))
        case str():
            return clean(value)
        case _:
            return value
