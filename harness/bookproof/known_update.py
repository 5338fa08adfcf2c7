"""Brings a known-failures file up to date with what a run found."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from bookproof.known import Known, entries_of, load_known, parsed
from bookproof.results import CaseResult
from bookproof_exchange.errors import UsageError, Where

_HEAD = "Expected failures: an entry that passes, fails differently or matches nothing fails the run."
_TO_EXPLAIN = "to be explained"


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries the file had and has."""

    kept: int
    added: int
    removed: int


def update(path: Path, results: Sequence[CaseResult], outdated: Sequence[Known], *, strict: bool = False) -> Updated:
    """Take the outdated entries out and put today's new failures in; all else stays, comments too. A new entry inherits
    the reason of an outdated one of the same case and check. Makes the file where there is none.

    UsageError where it cannot be read or written."""
    before: tuple[Known, ...] = load_known(path) if path.exists() else ()
    data = parsed(path, round_trip=True) if path.exists() else None
    rows = CommentedSeq() if data is None else data
    if not isinstance(rows, CommentedSeq):
        raise UsageError("expected a list of entries", where=Where(str(path)))
    kept = [entry for entry in before if entry not in outdated]
    for number in reversed(range(len(before))):
        if before[number] in outdated:
            del rows[number]
    added = [entry for entry in entries_of(results, _TO_EXPLAIN, strict=strict) if not _covered(entry, kept)]
    for entry in added:
        rows.append(_row(entry, outdated))
    if not before:
        rows.yaml_set_start_comment(_HEAD)
    _write(path, rows)
    return Updated(kept=len(kept), added=len(added), removed=len(before) - len(kept))


def _row(entry: Known, outdated: Sequence[Known]) -> dict[str, Any]:
    for old in outdated:
        if (old.case, old.check) == (entry.case, entry.check):
            entry = msgspec.structs.replace(entry, reason=old.reason, link=old.link)
    return {name: value for name, value in msgspec.to_builtins(entry).items() if value is not None}


def _covered(entry: Known, kept: Sequence[Known]) -> bool:
    return any(
        fnmatch.fnmatchcase(entry.case, old.case)
        and old.check.partition("@")[0] == entry.check
        and old.anomaly in (None, entry.anomaly)
        for old in kept
    )


def _write(path: Path, rows: Any) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            if path.suffix == ".json":
                json.dump(list(rows), file, indent=2, ensure_ascii=False, default=str)
                file.write("\n")
            else:
                yaml = YAML()
                yaml.width = 120
                yaml.dump(rows, file)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from None
