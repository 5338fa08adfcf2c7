"""Puts the file together: the skeleton from its template, style and script inside, and the cases as packed data.

Nothing is fetched: the policy in the page's head allows its own style and script, by their hashes, and nothing else. Every
case is a data block that the script unpacks when the case is opened, so that the page opens quickly however many there are.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.page.overview import SIGNS, groups, topics, verdict_of
from bookproof.report.page.told import result_of, rules_of
from bookproof.report.text import clean
from bookproof.results import CaseResult, Detail

#: Bytes of packed data in one page, payloads apart. Base64 makes a third more of it: together below 20 MB.
MOST_BOOKS, MOST_PAYLOADS = 8_500_000, 5_000_000

#: In this order.
_SCRIPTS = ("dom", "data", "timeline", "ladder", "wirelog", "case", "overview", "main")
_MARK = "<!--cases-->"


class Blocks:
    """The cases' data, kept outside memory until the page is written."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4_000_000)  # noqa: SIM115 - open until the end
        self._books = MOST_BOOKS
        self._payloads = MOST_PAYLOADS
        self.rules: dict[str, Any] = {}
        self.left = 0
        """So many cases came when there was no room any more."""

    def add(self, result: CaseResult, detail: Detail | None) -> None:
        """A case, as soon as it is known."""
        self.rules |= rules_of(result)
        core = b"" if detail is None else detail.core
        wire = b"" if detail is None else detail.wire
        if core and len(core) > self._books:
            core = wire = b""
            self.left += 1
        self._books -= len(core)
        if len(wire) > self._payloads:
            wire = b""
        self._payloads -= len(wire)
        told = zlib.compress(json.dumps(result_of(result, drawn=bool(core)), separators=(",", ":")).encode(), 9)
        data = b".".join(base64.b64encode(part) for part in (told, core, wire))
        name = Markup.escape(clean(result.id)).encode("ascii", "xmlcharrefreplace")
        self._file.write(b'<script type="application/x-bookproof" data-case="' + name + b'">' + data + b"</script>\n")

    def pieces(self) -> Iterator[bytes]:
        """All of it, in the order in which it came."""
        self._file.seek(0)
        while piece := self._file.read(1 << 20):
            yield piece

    def close(self) -> None:
        self._file.close()


def write(path: Path, collected: Collected, blocks: Blocks) -> None:
    """The whole page."""
    head, mark, tail = skeleton(collected, blocks).partition(_MARK)
    assert mark
    with path.open("wb") as file:
        file.write(head.encode("utf-8", "backslashreplace"))
        for piece in blocks.pieces():
            file.write(piece)
        file.write(tail.encode("utf-8", "backslashreplace"))


def skeleton(collected: Collected, blocks: Blocks) -> str:
    """Everything but the cases' data; `_MARK` stands at their place."""
    environment = _environment()
    style, script = _source("page.css"), _script()
    results = collected.results
    dialects = sorted({result.dialect for result in results})
    status = 5 if collected.finished is None else collected.finished.exit_status
    counts = {name: sum(verdict_of(result) == name for result in results) for name in reversed(SIGNS)}
    return environment.get_template("report.html.jinja").render(
        run=collected,
        started=collected.started,
        finished=collected.finished,
        client="" if collected.started is None else collected.started.client,
        dialects=dialects,
        topics=topics(results, dialects),
        groups=groups(results),
        counts={name: count for name, count in counts.items() if count},
        signs=SIGNS,
        status=status,
        meaning=EXIT_MEANING.get(status, ""),
        left=blocks.left,
        shared=_Ours(_json({"rules": blocks.rules})),
        style=_Ours(style),
        script=_Ours(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bookproof.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _source(name: str) -> str:
    environment = Environment(loader=PackageLoader("bookproof.report"), autoescape=True)
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _script() -> str:
    """The page's script: its parts in one scope of their own."""
    parts = "\n".join(_source(f"js/{name}.js") for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(value: Any) -> str:
    """JSON that can stand in a script element whatever it says."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Ours(Markup):
    """Markup of our own, not of a client."""


def _shown(value: object) -> object:
    """Control characters spelled out, in everything that the skeleton shows."""
    match value:
        case _Ours():
            return value
        case Markup():
            return Markup(clean(str(value)))
        case str():
            return clean(value)
        case _:
            return value
