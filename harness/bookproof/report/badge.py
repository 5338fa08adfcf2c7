"""A badge for a README: how many cases pass, as a small SVG image that needs nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.text import one_line
from bookproof.results import ResultEvent, RunFinished, Verdict

LABEL = "order book"
#: White text on each of these has a contrast of more than 4.5:1 (WCAG 2.2, 1.4.3).
_GREEN, _AMBER, _RED, _GREY = "#1a7f37", "#8a5a00", "#b3261e", "#59636e"
_HEIGHT = 20
_PAD = 7
#: Widths of characters at 11 pixels in the fonts named below; the image sets the length of its texts, so that another font
#: fits too.
_NARROW, _WIDE, _USUAL = 3.8, 9.5, 6.7


class BadgeReporter:
    """Writes the badge when the run ends."""

    def __init__(self, folder: Path, name: str = "badge.svg") -> None:
        self._path = folder / name
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        if isinstance(event, RunFinished):
            self._path.write_text(svg(self._collected), encoding="utf-8")


def svg(collected: Collected) -> str:
    """The image of a run."""
    said, colour = message(collected)
    client = "" if collected.started is None else collected.started.client
    shown = next((result.client for result in collected.results if result.client), client)
    counts = ", ".join(f"{count} {name}" for name, count in collected.counts.items()) or "nothing was run"
    title = _xml(f"{LABEL}: {said}. {one_line(shown, 80)}: {counts}")
    label_width, said_width = (round(_width(text)) + 2 * _PAD for text in (LABEL, said))
    width = label_width + said_width
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="r"><rect width="{width}" height="{_HEIGHT}" rx="3"/></clipPath>
<g clip-path="url(#r)">
<rect width="{label_width}" height="{_HEIGHT}" fill="#24292f"/>
<rect x="{label_width}" width="{said_width}" height="{_HEIGHT}" fill="{colour}"/>
</g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">
{_text(LABEL, _PAD)}
{_text(said, label_width + _PAD)}
</g>
</svg>
"""


def message(collected: Collected) -> tuple[str, str]:
    """What the badge says, and its colour: green only where every case that was selected passed."""
    finished = collected.finished
    status = 5 if finished is None else finished.exit_status
    results = collected.results
    passed = sum(result.known is None and result.verdict.rank < Verdict.UNSUPPORTED.rank for result in results)
    selected = len(results) + len(collected.not_run)
    said = f"{passed} of {selected} pass" if results else "nothing was run"
    match status:
        case 0:
            return said, _GREEN if passed == selected else _AMBER
        case 1 | 3:
            return said, _RED
        case 2:
            return said, _GREY if passed == 0 else _AMBER
        case _:  # it did not come to its end: what it counted is not the client's
            return EXIT_MEANING[130] if status == 130 else "error", _GREY


def _text(text: str, x: int) -> str:
    return f'<text x="{x}" y="14" textLength="{round(_width(text))}">{_xml(text)}</text>'


def _width(text: str) -> float:
    return sum(
        _NARROW if character in " .,:;'|ijlI1" else _WIDE if character in "mwMW%" else _USUAL for character in text
    )


def _xml(text: str) -> str:
    return escape(one_line(text), {'"': "&quot;"}).encode("utf-8", "backslashreplace").decode()
