"""What the README and the pages promise: every command line has the options that it names, every link leads somewhere."""

from __future__ import annotations

import ast
import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from ruamel.yaml import YAML

from bookproof import pytest_plugin, pytest_support
from bookproof.cli.main import bookproof
from bookproof_exchange.scenario.load import loads

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^ *(```|~~~)")
#: A command at the beginning of a line of code, behind a prompt, or in backticks.
_INLINE = re.compile(r"`(bookproof [^`]+)`")
_IN_BLOCK = re.compile(
    r"^(?:\s*(?:\$|-?\s*run:|[\w./-]*\bpython (?:-m|\S+\.py \S+ \d+)) +|\s*|[\w./]+/)(bookproof\s.*)$"
)
_PLACEHOLDER = re.compile(r"…|\.\.\.|\[[A-Z]+\](\.\.\.)?")


class Command(NamedTuple):
    page: Path
    line: int
    text: str
    whole: bool
    """In a code block: not just mentioned in a sentence, where required options may be left out."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text}"


def commands(page: Path) -> Iterator[Command]:
    """Every ``bookproof …`` of a page, in code blocks (fenced or indented) and in backticks."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fenced = False
    held = ""
    for number, line in enumerate(lines, 1):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        code = fenced or line.startswith("    ")
        if code:
            line = held + line.strip() if held else line
            held = line.rstrip("\\") if line.endswith("\\") else ""
            found = None if held else _IN_BLOCK.match(line)
            if found is not None:
                yield Command(page, number, found[1], True)
        else:
            for found in _INLINE.finditer(line):
                yield Command(page, number, found[1], False)


def parsed(text: str, *, whole: bool = True) -> str | None:
    """What is wrong with a command line; None: nothing."""
    try:
        words = shlex.split(text, comments=True)[1:]
    except ValueError as error:
        return str(error)
    command: click.Command = bookproof
    ctx = click.Context(command, info_name="bookproof", **command.context_settings)
    while isinstance(command, click.Group):
        if not words or _PLACEHOLDER.fullmatch(words[0]):
            return None
        name = words.pop(0)
        if name in ("--help", "-h", "--version"):
            return None
        inner = command.get_command(ctx, name)
        if inner is None:
            return f"there is no command {name!r}"
        command = inner
        ctx = click.Context(command, info_name=name, parent=ctx, **command.context_settings)
    whole = whole and not any(_PLACEHOLDER.search(word) for word in words)
    words = [word for word in words if not _PLACEHOLDER.fullmatch(word)]
    if "--help" in words or not words:
        return None  # the name of a command, not a command line
    try:
        given, _, _ = command.make_parser(ctx).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    missing = [
        parameter.human_readable_name
        for parameter in command.params
        if parameter.required and not _was_given(given.get(str(parameter.name)))
    ]
    return f"it lacks {', '.join(missing)}" if missing and whole else None


def _was_given(value: object) -> bool:
    """click has a value of its own for what was not."""
    return isinstance(value, str | int | float) or (
        isinstance(value, tuple | list) and bool(value) and all(map(_was_given, value))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_they_name(page: Path) -> None:
    found = {command: parsed(command.text, whole=command.whole) for command in commands(page)}
    wrong = [f"{command}\n    {problem}" for command, problem in found.items() if problem is not None]
    assert not wrong, "\n".join(["", *wrong])


def test_commands_are_found() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 40
    assert len(list(commands(ROOT / "README.md"))) >= 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bookproof run --client x --dialect kraken-v2", None),
        ("bookproof run … --reporter lines=x", None),
        ("bookproof run --client x --dialekt y", "no such option '--dialekt'"),
        ("bookproof rnu", "there is no command 'rnu'"),
        ("bookproof run --dialect kraken-v2", "it lacks client"),
        ("bookproof replay --client x", "lacks file"),
        ("bookproof scenario chek x", "there is no command 'chek'"),
        ("bookproof run --client", "option '--client' requires an argument"),
        ("bookproof list cases --dialect 'x", "no closing quotation"),
    ],
)
def test_wrong_commands_are_told(text: str, problem: str | None) -> None:
    found = parsed(text)
    assert (found is None) == (problem is None)
    assert problem is None or problem in str(found).lower()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_of_pytest_exist(page: Path) -> None:
    sources = [Path(str(pytest_plugin.__file__)), *Path(str(pytest_support.__file__)).parent.glob("*.py")]
    known = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"--bookproof-[a-z-]+", text)) | set(re.findall(r"^(bookproof_\w+) = ", text, re.MULTILINE))
    assert not [name for name in sorted(named) if not re.search(rf"{name}\b(?!-)", known)]


_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_can_be_read(page: Path) -> None:
    """Python parses, YAML and JSON load; what a whole scenario looks like is one."""
    for indent, language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        body = textwrap.dedent(text) if indent else text
        match language:
            case "python":
                ast.parse(body)
            case "yaml":
                loaded = list(YAML(typ="safe", pure=True).load_all(body))
                if loaded and isinstance(loaded[0], dict) and {"id", "script", "expect"} <= set(loaded[0]):
                    loads(body, str(page))
            case "json":
                parts = [body] if body.startswith(("{\n", "[\n")) else body.splitlines()
                assert all(json.loads(part) is not None for part in parts)
            case _:
                pass


# --- links ------------------------------------------------------------------------------------------------------------


_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
_IMAGE = re.compile(r"<img[^>]+src=\"([^\"]+)\"|srcset=\"([^\"]+)\"")


def links(page: Path) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        if fenced or line.startswith("    "):
            continue
        shown = re.sub(r"`[^`]*`", "", line)
        for found in _LINK.finditer(shown):
            yield number, found[1]
        for found in _IMAGE.finditer(shown):
            yield number, found[1] or found[2]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found: set[str] = set()
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else re.match(r"#{1,6} +(.*)", line)
        if heading is not None:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            name = re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")
            number = 0
            while (name if not number else f"{name}-{number}") in found:
                number += 1
            found.add(name if not number else f"{name}-{number}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for number, link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT):
            wrong.append(f"line {number}: {link}: there is no {path}")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            wrong.append(f"line {number}: {link}: no heading makes #{anchor}")
    assert not wrong, "\n".join(["", *wrong])


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for _, link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if not re.match(r"[a-z]+:", link) and target.suffix == ".md" and target.is_file():
                waiting.append(target)
    assert not [str(page.relative_to(ROOT)) for page in PAGES if page not in seen]
