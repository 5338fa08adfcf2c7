"""``bookproof list``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from bookproof.cases.plan import select
from bookproof.cli.options import all_cases, dialects_named
from bookproof.report.text import one_line
from bookproof.report.words import columns
from bookproof_exchange.errors import UsageError


@click.command("list")
@click.argument(
    "what", type=click.Choice(["cases", "dialects", "faults", "rules"]), metavar="cases|dialects|faults|rules"
)
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option(
    "--case", "patterns", multiple=True, metavar="GLOB", help="Only these cases (may be repeated), as in 'book/gap/*'."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with everything that is known.")
def list_(what: str, dialects: tuple[str, ...], patterns: tuple[str, ...], as_json: bool) -> None:
    """Show the cases, dialects, faults or rules that there are."""
    if patterns and what != "cases":
        raise UsageError(f"--case selects cases, and these are {what}", hint="bookproof list cases --case GLOB")
    match what:
        case "cases":
            rows, lines = _cases(dialects, patterns)
        case "dialects":
            rows, lines = _dialects(dialects)
        case "faults":
            rows, lines = _faults(dialects)
        case _:
            rows, lines = _rules(dialects)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)
    click.echo(f"{len(rows)} {what}", err=True)


Listing = tuple[list[dict[str, Any]], list[str]]
"""What is listed as plain values, and as lines."""


def _cases(names: Sequence[str], patterns: Sequence[str]) -> Listing:
    made, _ = all_cases(dialects_named(names))
    made, _ = select(made, patterns, slow=True)
    rows = [
        {
            "id": case.id,
            "dialect": case.dialect,
            "scenario": case.scenario.id,
            "title": case.scenario.title,
            "purpose": case.scenario.purpose,
            "slow": case.scenario.slow,
            "rules": list(case.rules),
            "tags": list(case.scenario.tags),
            "seed": case.seed,
        }
        for case in made
    ]
    return rows, columns((case.id, case.scenario.title + (" [slow]" if case.scenario.slow else "")) for case in made)


def _dialects(names: Sequence[str]) -> Listing:
    rows = [
        {
            "id": dialect.name,
            "title": dialect.title,
            "snapshot": dialect.traits.snapshot_from,
            "sequence": dialect.traits.sequence,
            "checksum": dialect.traits.checksum,
            "channels": list(dialect.traits.channels),
            "depths": list(dialect.traits.depths),
            "symbols": [instrument.symbol for instrument in dialect.instruments],
        }
        for dialect in dialects_named(names)
    ]
    cells = []
    for row in rows:
        guards = [name for name in ("sequence", "checksum") if row[name]]
        how = "snapshots by REST" if row["snapshot"] == "rest" else "snapshots in the stream"
        cells.append(
            (str(row["id"]), str(row["title"]), f"{how}; {' and '.join(guards) or 'no sequence, no checksum'}")
        )
    return rows, columns(cells)


def _faults(names: Sequence[str]) -> Listing:
    from bookproof_exchange.faults.registry import faults

    chosen = dialects_named(names)
    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    group = ""
    for fault in faults():
        lacks = {dialect.name: fault.lacking(dialect) for dialect in chosen}
        on = [name for name, reason in lacks.items() if reason is None]
        if names and not on:
            continue
        parameters = [
            {
                "name": each.name,
                "required": each.required,
                **({} if each.required else {"default": _plain(each.default)}),
            }
            for each in fault.parameters
        ]
        rows.append(
            {
                "id": fault.kind,
                "group": fault.group,
                "title": fault.title,
                "text": fault.text,
                "legal": fault.legal,
                "parameters": parameters,
                "dialects": on,
                "lacking": {name: reason for name, reason in lacks.items() if reason is not None},
            }
        )
        if fault.group != group:
            group = fault.group
            lines.append(f"{group}:")
        lines.append(f"  {fault.kind:<26}{'(legal) ' if fault.legal else ''}{fault.title.replace('`', '')}")
        given = ", ".join(f"{each['name']}{_default(each)}" for each in parameters)
        if given:
            lines.append(f"  {'':<26}parameters: {given}")
        if len(on) < len(chosen):
            lines.append(f"  {'':<26}on {', '.join(on) or 'no dialect'}")
    return rows, lines


def _rules(names: Sequence[str]) -> Listing:
    rows = [
        {
            "id": f"{dialect.name}/{rule.key}",
            "level": rule.level,
            "text": rule.text,
            "source": rule.source,
            "seen": rule.seen,
            "certain": rule.certain,
        }
        for dialect in dialects_named(names)
        for rule in dialect.rules.values()
    ]
    lines = []
    for row in rows:
        lines += [
            f"{row['id']} ({row['level']})",
            f"    {one_line(str(row['text']))}",
            f"    {row['source']} (read {row['seen']})",
        ]
    return rows, lines


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)


def _default(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return " (required)"
    match parameter["default"]:
        case str() as text:
            return f" = {text}"
        case dict() as parts:
            return f" = {{{', '.join(f'{name}: {value}' for name, value in parts.items())}}}"
        case value:
            return f" = {json.dumps(value, ensure_ascii=False)}"
