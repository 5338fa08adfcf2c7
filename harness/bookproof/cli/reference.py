"""The reference pages, ``docs/reference/``, made from the code, so that they cannot fall behind. To renew them:

python -m bookproof.cli.reference docs/reference
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from bookproof.cases.properties import PROPERTIES
from bookproof.checker.finding import TITLES
from bookproof.cli.main import COMMANDS, bookproof
from bookproof.diagnosis.classes import CLASSES
from bookproof.report.anomalies import ANOMALIES
from bookproof.report.collect import EXIT_MEANING
from bookproof.report.github import annotation_kind
from bookproof.report.junit import outcome_of
from bookproof.results import CaseResult, Verdict
from bookproof.suite import PRECEDENCE, exit_status
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect

_MADE = "This page is made from the code (`python -m bookproof.cli.reference docs/reference`); a test keeps it current."


def pages() -> Mapping[str, str]:
    """Every page by its file name."""
    return {
        name: "\n".join(lines).rstrip() + "\n"
        for name, lines in (
            ("README.md", _index()),
            ("command-line.md", _command_line()),
            ("verdicts.md", _verdicts()),
            ("properties.md", _properties()),
            ("rules.md", _rules()),
        )
    }


def _index() -> Iterator[str]:
    yield from ("# Reference", "", _MADE, "")
    yield "* [Command line](command-line.md): every command and option"
    yield "* [Verdicts and exit status](verdicts.md)"
    yield "* [Properties](properties.md): what is checked, what each anomaly means, the kinds of mistakes"
    yield "* [Dialects and their rules](rules.md), with the venue's document behind each"
    yield ""
    yield "Made in the same way: [scenarios](../scenarios.md), [coverage](../coverage.md), and the schemas in `schemas/`"
    yield "(scenario files, the driver protocol, the report, the messages of every dialect)."


# --- the command line -------------------------------------------------------------------------------------------------


def _command_line() -> Iterator[str]:
    yield from ("# The command line", "", _MADE, "")
    top = click.Context(bookproof, info_name="bookproof", **bookproof.context_settings)
    for name, (_, text) in COMMANDS.items():
        yield f"* [`bookproof {name}`](#bookproof-{name}): {text}"
    yield from ("", "Every command has `--help`. Exit status: see [verdicts](verdicts.md#exit-status).", "")
    for name in COMMANDS:
        command = bookproof.get_command(top, name)
        assert command is not None
        yield from _command(command, click.Context(command, info_name=name, parent=top, **command.context_settings), 2)


def _command(command: click.Command, ctx: click.Context, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {ctx.command_path}", "")
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield from (f"    {usage}", "")
    yield from _paragraphs(command.help or "")
    rows = [_option(parameter, ctx) for parameter in command.params if isinstance(parameter, click.Option)]
    if rows:
        yield from ("| option | default | |", "| --- | --- | --- |", *rows, "")
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None and not inner.hidden:
                yield from _command(
                    inner, click.Context(inner, info_name=name, parent=ctx, **inner.context_settings), level + 1
                )


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        if lines and lines[0] == "\b":  # click's mark for what is not to be wrapped
            yield from (f"    {line}" for line in lines[1:])
        else:
            yield " ".join(lines)
        yield ""


def _option(option: click.Option, ctx: click.Context) -> str:
    names = " / ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag or option.count else f" {option.make_metavar(ctx)}"
    given = option.get_default(ctx)
    match given:
        case _ if option.required:
            default = "required"
        case bool() | None | () | "" | 0 if option.is_flag or option.count or not given:
            default = ""
        case float():
            default = f"`{given:g}`"
        case str() | int():
            default = f"`{given}`"
        case _:
            default = ""
    return f"| `{_cell(names + value)}` | {default} | {_cell(option.help or '')} |"


# --- verdicts and exit status -----------------------------------------------------------------------------------------


def _verdicts() -> Iterator[str]:
    yield from ("# Verdicts and exit status", "", _MADE, "")
    yield "A check is one property at one place of a scenario; each has a verdict, and a case takes the worst of its checks'."
    yield from (
        "",
        "## Verdicts",
        "",
        "Best first. *Exit*: of a run in which every case ends so; *strict*: with `--strict`.",
        "",
    )
    yield "| verdict | what it means | exit | strict | JUnit | GitHub |"
    yield "| --- | --- | --- | --- | --- | --- |"
    meanings = attribute_docs(Verdict)
    for verdict in Verdict:
        result = CaseResult(
            id="d/s", dialect="d", scenario="s", title="", seed=1, verdict=verdict, checks=(), message=""
        )
        cells = [
            f"`{verdict}`",
            _cell(meanings[verdict.name]),
            str(exit_status([result], ())),
            str(exit_status([result], (), strict=True)),
            outcome_of(result) or "passed",
            annotation_kind(result) or "–",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "A failure that a known-failures file lists, with the same check and anomaly, is `known`: exit 0, skipped in JUnit."
    yield from ("", "## Exit status", "", "Where several apply, the first of these:", "")
    yield from ("| status | meaning |", "| --- | --- |")
    for status in PRECEDENCE:
        yield f"| {status} | {EXIT_MEANING[status]} |"


def attribute_docs(owner: type) -> dict[str, str]:
    """The text under each attribute of a class, on one line: what Python itself does not keep. Empty where there is none."""
    (definition,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    last = ""
    for node in definition.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name], last = "", name
            case ast.Expr(value=ast.Constant(value=str() as text)) if last:
                found[last], last = " ".join(text.split()), ""
            case _:
                last = ""
    return found


# --- properties -------------------------------------------------------------------------------------------------------


def _properties() -> Iterator[str]:
    yield from ("# Properties, anomalies and kinds of mistakes", "", _MADE, "")
    yield "S: safety, judged on every book that is shown as live. E: what must come true, in time. `E1@7`: at step 7 of the"
    yield "script."
    yield from ("", "## Properties", "", "| property | what holds | rules that it tests |", "| --- | --- | --- |")
    rules: dict[str, list[str]] = {}
    for key, names in PROPERTIES.items():
        for name in names:
            rules.setdefault(name, []).append(f"`{key}`")
    for name, title in TITLES.items():
        yield f"| `{name}` | {_cell(title)} | {', '.join(rules.get(name, ()))} |"
    yield ""
    yield "`await-reconnect` and the like: what a step `await` of the script waits for, with the level that it states."
    yield "`H1`: the reference equals the truth; where it fails, Bookproof is wrong."
    yield from ("", "## Anomalies", "")
    yield "The code behind a failed check (`fail S1 ghost`): what was wrong, as a known-failures file names it."
    yield from ("", "| anomaly | |", "| --- | --- |")
    for code, meaning in ANOMALIES.items():
        yield f"| `{code}` | {_cell(meaning)} |"
    yield from ("", "## Kinds of mistakes", "")
    yield "What a failure looks like (`class A`), and the tag `class-a` of the scenarios that are there to show it."
    yield from ("", "| class | the client has | |", "| --- | --- | --- |")
    for kind in CLASSES.values():
        yield f"| {kind.letter} | {_cell(kind.name)} | {_cell(kind.meaning)} |"


# --- dialects and rules -----------------------------------------------------------------------------------------------


def _rules() -> Iterator[str]:
    dialects = list(DIALECTS)
    yield from ("# Dialects and their rules", "", _MADE, "")
    yield "| | " + " | ".join(f"[{dialect.name}](#{dialect.name})" for dialect in dialects) + " |"
    yield "| --- |" + " --- |" * len(dialects)
    for label, cells in _traits(dialects):
        yield f"| {label} | {' | '.join(cells)} |"
    yield ""
    yield "A rule is one obligation of a client. Its level is the venue's: MUST, SHOULD or MAY. *Uncertain*: the sources"
    yield "disagree or only clients say so; then it is never more than a warning. *Read*: when the document was read. The"
    yield "checks that test a rule are in [properties](properties.md)."
    for dialect in dialects:
        yield from (
            "",
            f"## {dialect.name}",
            "",
            f"{dialect.title}. `bookproof list cases --dialect {dialect.name}`",
            "",
        )
        yield from ("| rule | level | what the client does | source |", "| --- | --- | --- | --- |")
        for rule in dialect.rules.values():
            level = rule.level + ("" if rule.certain else ", uncertain")
            yield f"| `{rule.key}` | {level} | {_cell(rule.text)} | {_cell(rule.source)} (read {rule.seen}) |"


def _traits(dialects: Sequence[Dialect]) -> Iterator[tuple[str, list[str]]]:
    traits = [dialect.traits for dialect in dialects]
    yield "snapshots", ["by REST" if each.snapshot_from == "rest" else "in the stream" for each in traits]
    yield "sequence numbers", ["yes" if each.sequence else "no" for each in traits]
    yield "checksums", ["yes" if each.checksum else "no" for each in traits]
    yield "channels", [", ".join(each.channels) for each in traits]
    yield "depths", [", ".join(map(str, each.depths)) or "–" for each in traits]
    yield "symbols", [", ".join(instrument.symbol for instrument in dialect.instruments) for dialect in dialects]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: Sequence[str]) -> int:
    """Write every page into the folder given."""
    if len(arguments) != 1:
        print("usage: python -m bookproof.cli.reference FOLDER", file=sys.stderr)
        return 4
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
