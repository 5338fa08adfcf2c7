"""The machine-readable report: ``report.json``, described by ``schemas/report.v1.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.results import ResultEvent, RunFinished

FORMAT = "bookproof-report/1"


def as_value(collected: Collected) -> dict[str, Any]:
    """The whole report as plain JSON values."""
    started, finished = collected.started, collected.finished
    status = 5 if finished is None else finished.exit_status
    return {
        "format": FORMAT,
        "bookproof": "" if started is None else started.version,
        "client": "" if started is None else started.client,
        "dialects": [] if started is None else list(started.dialects),
        "seed": None if started is None else started.seed,
        "jobs": 1 if started is None else started.jobs,
        "seconds": 0.0 if finished is None else finished.seconds,
        "interrupted": finished is None or finished.interrupted,
        "exit_status": status,
        "exit_meaning": EXIT_MEANING.get(status, ""),
        "counts": collected.counts,
        "selected": [] if started is None else list(started.cases),
        "skipped_slow": [] if started is None else list(started.skipped_slow),
        "not_run": list(collected.not_run),
        "troubles": [msgspec.to_builtins(trouble) for trouble in collected.troubles],
        "cases": [msgspec.to_builtins(result) for result in collected.results],
    }


class JsonReporter:
    """Writes ``report.json`` into a folder when the run ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "report.json"
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        if isinstance(event, RunFinished):
            text = msgspec.json.format(msgspec.json.encode(as_value(self._collected)), indent=2)
            self._path.write_bytes(text + b"\n")


def schema() -> dict[str, Any]:
    """The JSON Schema of the report, made from the result types."""
    from bookproof.results import CaseResult
    from bookproof.results import Trouble as TroubleType

    (case, trouble), components = msgspec.json.schema_components(
        [CaseResult, TroubleType], ref_template="#/$defs/{name}"
    )
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "report.v1.json",
        "title": "Bookproof report, version 1",
        "type": "object",
        "required": ["format", "client", "dialects", "exit_status", "counts", "cases"],
        "properties": {
            "format": {"const": FORMAT},
            "bookproof": {"type": "string"},
            "client": {"type": "string"},
            "dialects": texts,
            "seed": {"type": ["integer", "null"]},
            "jobs": {"type": "integer", "minimum": 1},
            "seconds": {"type": "number", "minimum": 0},
            "interrupted": {"type": "boolean"},
            "exit_status": {"enum": [0, 1, 2, 3, 4, 5, 130]},
            "exit_meaning": {"type": "string"},
            "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
            "selected": texts,
            "skipped_slow": texts,
            "not_run": texts,
            "troubles": {"type": "array", "items": trouble},
            "cases": {"type": "array", "items": case},
        },
        "additionalProperties": False,
        "$defs": components,
    }
