"""``bookproof list``."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from bookproof.cli.options import all_cases, dialects_named


@click.command("list")
@click.argument("what", type=click.Choice(["cases", "dialects", "faults", "rules"]))
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Only this dialect (may be repeated).")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(what: str, dialects: tuple[str, ...], as_json: bool) -> None:
    """What there is: cases, dialects, faults or rules."""
    rows = {"cases": _cases, "dialects": _dialects, "faults": _faults, "rules": _rules}[what](dialects)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(_line(row))
    click.echo(f"{len(rows)} {what}", err=True)


def _cases(names: Sequence[str]) -> list[dict[str, Any]]:
    made, _ = all_cases(dialects_named(names))
    return [
        {
            "id": case.id,
            "title": case.scenario.title,
            "slow": case.scenario.slow,
            "rules": list(case.rules),
            "seed": case.seed,
        }
        for case in made
    ]


def _dialects(names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": dialect.name,
            "title": dialect.title,
            "snapshot": dialect.traits.snapshot_from,
            "sequence": dialect.traits.sequence,
            "checksum": dialect.traits.checksum,
            "channels": list(dialect.traits.channels),
            "symbols": [instrument.symbol for instrument in dialect.instruments],
        }
        for dialect in dialects_named(names)
    ]


def _faults(names: Sequence[str]) -> list[dict[str, Any]]:
    chosen = dialects_named(names)
    return [
        {
            "id": fault.kind,
            "title": fault.title,
            "legal": fault.legal,
            "parameters": {parameter.name: str(parameter.default) for parameter in fault.parameters},
            "dialects": [dialect.name for dialect in chosen if fault.lacking(dialect) is None],
        }
        for fault in ()
    ]


def _rules(names: Sequence[str]) -> list[dict[str, Any]]:
    return [
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


def _line(row: dict[str, Any]) -> str:
    head = str(row["id"])
    text = str(row.get("title") or row.get("text") or "")
    extra = []
    if row.get("slow"):
        extra.append("slow")
    if row.get("legal"):
        extra.append("legal oddity")
    if "level" in row:
        extra.append(str(row["level"]))
    if row.get("parameters"):
        extra.append(", ".join(f"{name}={value}" for name, value in row["parameters"].items()))
    tail = f"  [{'; '.join(extra)}]" if extra else ""
    return textwrap.shorten(f"{head:<44} {text}", 220, placeholder=" …") + tail if text else head + tail
