"""The end of a run on a terminal: verdicts by topic and dialect, and what they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from bookproof.report.causes import causes
from bookproof.report.matrix import Matrix
from bookproof.report.style import counted
from bookproof.report.text import clean
from bookproof.results import CaseResult

#: So many cases are named with a cause.
_CASES = 3


def matrix_lines(results: Sequence[CaseResult], width: int | None) -> list[Text]:
    """Rows: topics; columns: dialects. Where that is wider than ``width``, a block a dialect."""
    matrix = Matrix.of(results)
    rows = [[Text(clean(topic)), *(_cell(cell) for cell in row)] for topic, row in matrix.rows]
    lines = _table([[Text(""), *(Text(dialect, "bold") for dialect in matrix.dialects)], *rows])
    if width is None or max(len(line) for line in lines) <= width:
        return lines
    narrow: list[Text] = []
    for number, dialect in enumerate(matrix.dialects, 1):
        narrow.append(Text(dialect, "bold"))
        narrow += _table([[row[0], row[number]] for row in rows if row[number].plain != "-"])
    return narrow


def cause_lines(results: Sequence[CaseResult]) -> list[Text]:
    """What looks wrong, with how many cases and their names; empty where nothing stands out."""
    found = causes(results)
    if not found:
        return []
    lines = [Text("what it looks like", "bold").append(", by how many cases show it:", "not bold")]
    for cause in found:
        head = f"{len(cause.cases):>4}  {cause.name}" + (f" (class {cause.bug_class})" if cause.bug_class else "")
        names = ", ".join(case.partition("/")[2] for case in cause.cases[:_CASES])
        more = len(cause.cases) - _CASES
        lines.append(Text(head).append(f": {clean(names)}{f' and {more} more' if more > 0 else ''}", "dim"))
    return lines


def _cell(cell: Sequence[tuple[str, int]]) -> Text:
    return counted(cell) or Text("-", "dim")


def _table(rows: Sequence[Sequence[Text]]) -> list[Text]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_joined(row, widths) for row in rows]


def _joined(row: Sequence[Text], widths: Sequence[int]) -> Text:
    def cells() -> Iterator[Text]:
        for cell, width in zip(row, widths, strict=True):
            padded = cell.copy()
            padded.pad_right(max(0, width - len(cell)))
            yield padded

    line = Text("  ").join(cells())
    line.rstrip()
    return line
