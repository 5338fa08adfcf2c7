"""``bookproof scenario new``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import click

from bookproof.authoring.findings import examine
from bookproof.authoring.wizard import (
    EXPECTED,
    NOTHING,
    OFFERED,
    PLACES,
    Answers,
    Expected,
    Place,
    compose,
    document,
    fault_named,
    slug,
    usual_expectation,
    usual_place,
)
from bookproof.authoring.words import say_fault
from bookproof.cli.scenario.common import complain, say
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import HarnessError, UsageError
from bookproof_exchange.market.events import ShapeKind
from bookproof_exchange.scenario.load import SUFFIX, catalogue
from bookproof_exchange.scenario.schema import ID

T = TypeVar("T", bound=str)

#: The name of the schema's file.
_SCHEMA = "scenario.v1.json"


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--title", metavar="TEXT", help="What happens, in a few words.")
@click.option("--id", "id_", metavar="ID", help="Its stable name, as in book/gap/single. Default: made of the title.")
@click.option("--purpose", metavar="TEXT", help="What a client must do, and why it matters.")
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--fault", metavar="KIND", help="What goes wrong: see 'bookproof list faults'; nothing: a healthy run.")
@click.option("--where", type=click.Choice(list(PLACES)), help="When it goes wrong.")
@click.option("--shape", type=click.Choice(list(get_args(ShapeKind))), help="What the struck update changes.")
@click.option("--expect", "expected", type=click.Choice(list(EXPECTED)), help="What the client does about it.")
@click.option("--ask/--no-ask", default=None, help="Ask what is not given. Default: in a terminal.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def new(
    file: str | None,
    title: str | None,
    id_: str | None,
    purpose: str | None,
    dialects: tuple[str, ...],
    fault: str | None,
    where: Place | None,
    shape: ShapeKind | None,
    expected: Expected | None,
    ask: bool | None,
    force: bool,
) -> int:
    """Ask what shall happen, and write a commented scenario file that is valid and that the ideal client passes.

    Every question is an option too, so that it works without a terminal; what is not said is what usually fits.
    """
    asking = sys.stdin.isatty() if ask is None else ask
    path = None if file is None else _path(file, force)
    if title is None:
        if not asking:
            raise UsageError("what happens?", hint="say it with --title TEXT, or run it in a terminal")
        title = click.prompt("What happens, in a few words (the title)", type=str)
    title = " ".join(str(title).split())
    if path is None:
        path = _path(_asked("The file", f"{slug(title)}{SUFFIX}", asking), force)
    names = [dialect.name for dialect in DIALECTS]
    for name in dialects:
        DIALECTS.get(name)
    if fault is None:
        fault = _what(asking)
    if fault != NOTHING:
        fault_named(fault)
    if where is None:
        where = _one("When does it go wrong?", PLACES, usual_place(fault), asking and fault != NOTHING)
    if expected is None and asking:
        expected = _one("What does a good client do?", EXPECTED, usual_expectation(fault, where), asking)
    if not dialects and asking:
        given = _asked(f"Only on some dialects ({', '.join(names)})? Names, or all", "all", asking)
        dialects = () if given.strip() == "all" else tuple(given.replace(",", " ").split())
        for name in dialects:
            DIALECTS.get(name)
    if id_ is None:
        id_ = _asked("Its id, never to be reused", f"own/{slug(title)}", asking)
    examples = [loaded.scenario for loaded in catalogue(folder("scenarios"))]
    answers = Answers(
        title=title,
        id=id_,
        purpose=" ".join((purpose or "").split()),
        fault=fault,
        place=where,
        expected=expected,
        shape=shape,
        dialects=tuple(dict.fromkeys(dialects)),
    )
    draft = compose(answers, list(DIALECTS), examples)
    _write(path, document(draft, schema=_schema_for(path)))
    findings = examine(str(path))
    if not findings.usable:
        complain(findings)
        raise HarnessError(f"{path}: what was written is not valid; please report this")
    say(f"written: {path}, for {', '.join(findings.dialects)}")
    say(f"next:    bookproof scenario show {path}")
    say(f"         bookproof scenario try {path}")
    say(f"         bookproof scenario watch {path}    (while you edit it)")
    return 0


# --- questions --------------------------------------------------------------------------------------------------------


def _what(asking: bool) -> str:
    if not asking:
        return NOTHING
    say("What goes wrong?")
    for number, kind in enumerate(OFFERED, 1):
        say(f"  {number:>2}  {kind:<15} {say_fault(fault_named(kind).example).partition(' (')[0]}")
    say(f"   0  {NOTHING:<15} a healthy run")
    given = click.prompt("A number, or the name of another kind (bookproof list faults)", type=str, default="1")
    if given.isdigit() and int(given) <= len(OFFERED):
        return NOTHING if int(given) == 0 else OFFERED[int(given) - 1]
    return str(given)


def _one(question: str, choices: Mapping[T, str], usual: T, asking: bool) -> T:
    """One of several, by number or name."""
    if not asking:
        return usual
    keys: Sequence[T] = list(choices)
    say(question)
    for number, key in enumerate(keys, 1):
        say(f"  {number:>2}  {key:<9} {choices[key]}")
    given = str(
        click.prompt(
            "A number or a name",
            type=click.Choice([*map(str, range(1, len(keys) + 1)), *keys]),
            default=str(usual),
            show_choices=False,
        )
    )
    return keys[int(given) - 1] if given.isdigit() else next(key for key in keys if key == given)


def _asked(question: str, default: str, asking: bool) -> str:
    return str(click.prompt(question, default=default)) if asking else default


# --- the file ---------------------------------------------------------------------------------------------------------


def _path(name: str, force: bool) -> Path:
    path = Path(name if name.endswith(SUFFIX) else f"{name.removesuffix('.yaml').removesuffix('.scenario')}{SUFFIX}")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="choose another name, or say --force to overwrite it")
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def _schema_for(path: Path) -> str | None:
    """The schema's path relative to a new file, where the project has one: in the file's folder or one above it, up to the
    root of the repository."""
    here = path.resolve().parent
    for above in (here, *here.parents):
        for candidate in (above / _SCHEMA, above / "schemas" / _SCHEMA):
            if _is_schema(candidate):
                return Path(os.path.relpath(candidate, here)).as_posix()
        if (above / ".git").exists():
            return None
    return None


def _is_schema(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("$id") == ID)
    except (OSError, ValueError, AttributeError):
        return False
