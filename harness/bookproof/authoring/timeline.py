"""The preview as a drawing in plain ASCII: one column an event, one row a lane, one block a step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from bookproof.authoring.preview import Lane, Mark, Preview, Scene

#: The rows, from top to bottom, with what they are called; the claims of each symbol come below.
_ROWS: tuple[tuple[Lane | Literal["notice"], str], ...] = (
    ("fault", "fault"),
    ("exchange", "exchange"),
    ("notice", "can know"),
    ("client", "client"),
    ("look", "looked at"),
)
_CLAIMS = {"live": "=", "stale": "~", "syncing": ".", "none": "."}
#: More of the same in a row are drawn as one and their number.
_MOST = 6

_LEGEND = {
    "u": "update",
    "1": "update of symbol 1, 2, 3",
    "U": "update that a fault touched",
    "S": "snapshot",
    "a": "acknowledgement",
    "t": "trades",
    "R": "refusal",
    "N": "notice of the end",
    "E": "error instead of a snapshot",
    "i": "status",
    "o": "other message",
    "X": "end of the connection",
    "c": "connects",
    "s": "subscribes",
    "n": "unsubscribes",
    "r": "asks for a snapshot",
    "e": "tells its user",
    "!": "fault strikes",
    "^": "from here on a client can know",
    "?": "the book is looked at",
}


def draw(shown: Preview, width: int = 100) -> Iterator[str]:
    """The drawing, in rows no wider than ``width`` (at least 40), and its legend."""
    names = [name for _, name in _ROWS]
    books = ["book"] if len(shown.symbols) == 1 else list(shown.symbols)
    margin = max(map(len, [*names, *books])) + 1
    room = max(width, 40) - margin - 1
    blocks = [block for scene in shown.scenes for block in _blocks(scene, len(shown.symbols), room)]
    for line in _lay(blocks, room):
        labels = ["", *names, *books]
        rows = ["".join(block[row] for block in line) + "|" for row in range(len(labels))]
        for label, row in zip(labels, rows, strict=True):
            if label in ("", "exchange", *books) or row.strip(" |"):
                yield f"{label:<{margin}}{row}".rstrip()
        yield ""
    used = {mark.glyph for scene in shown.scenes for mark in scene.marks}
    used |= {"^" for scene in shown.scenes for mark in scene.marks if mark.noticed}
    if used & set("123456789"):
        used.add("1")
    yield from _wrapped([f"{glyph} {what}" for glyph, what in _LEGEND.items() if glyph in used], width)
    yield from _wrapped(["the ideal client's book: = live", "~ stale", ". none yet"], width)


def _lay(blocks: Sequence[list[str]], room: int) -> Iterator[list[list[str]]]:
    """The blocks, as many side by side as there is room for."""
    line: list[list[str]] = []
    used = 0
    for block in blocks:
        if line and used + len(block[0]) > room:
            yield line
            line, used = [], 0
        line.append(block)
        used += len(block[0])
    if line:
        yield line


class _Cell(NamedTuple):
    """One column, or several of the same in a row."""

    lane: Lane
    text: str
    claims: tuple[str, ...]
    noticed: bool

    def row(self, lane: Lane | Literal["notice"]) -> str:
        if lane == "notice":
            return "^".ljust(len(self.text)) if self.noticed else " " * len(self.text)
        return self.text if lane == self.lane else " " * len(self.text)


def _blocks(scene: Scene, symbols: int, room: int) -> Iterator[list[str]]:
    """A step as equally long texts: the head, the lanes, the books; several where it is wider than the drawing."""
    cells = _cells(scene.marks)
    label = f"{scene.place} {scene.label}"
    while True:
        part: list[_Cell] = []
        used = 0
        while cells and used + len(cells[0].text) <= room - 2:
            used += len(cells[0].text)
            part.append(cells.pop(0))
        most = max(used, _LABEL)
        text = label if len(label) <= most else label[: most - 1] + "."
        length = max(used, len(text)) + 1
        yield [
            f"|{text}".ljust(length + 1),
            *(f"|{''.join(cell.row(lane) for cell in part)}".ljust(length + 1) for lane, _ in _ROWS),
            *(_book(part, number).ljust(length + 1, _last(scene, part, number)) for number in range(symbols)),
        ]
        if not cells:
            return
        label = f"{scene.place} ..."


#: Steps with few events are given so much room for their name.
_LABEL = 18


def _book(part: Sequence[_Cell], symbol: int) -> str:
    return "|" + "".join(_CLAIMS.get(cell.claims[symbol], "?") * len(cell.text) for cell in part)


def _last(scene: Scene, part: Sequence[_Cell], symbol: int) -> str:
    return _CLAIMS.get((part[-1] if part else scene).claims[symbol], "?")


def _cells(marks: Sequence[Mark]) -> list[_Cell]:
    """The columns; many of the same in one."""
    cells: list[_Cell] = []
    for (lane, glyph, claims, noticed), group in itertools.groupby(
        marks, key=lambda mark: (mark.lane, mark.glyph, mark.claims, mark.noticed)
    ):
        count = len(list(group))
        if count > _MOST and glyph.strip():
            cells.append(_Cell(lane, f"{glyph}*{count} ", claims, noticed))
        else:
            cells.extend(_Cell(lane, glyph, claims, noticed) for _ in range(count))
    return cells


def _wrapped(parts: Sequence[str], width: int) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and len(line) + len(part) + 3 > width:
            yield line
            line = ""
        line = f"{line}   {part}" if line else part
    if line:
        yield line
