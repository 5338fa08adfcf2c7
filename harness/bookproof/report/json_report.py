"""The machine-readable report: ``report.json``, described by ``schemas/report.v1.json``.

That file is what `schema` returns; a test proves that it is current. To renew it:

    python -m bookproof.report.json_report > schemas/report.v1.json
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import msgspec

from bookproof.report.causes import Cause, causes
from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.results import CaseResult, ResultEvent, RunFinished, RunStarted, Trouble, Verdict

FORMAT = "bookproof-report/1"


def as_value(collected: Collected, *, began: datetime.datetime | None = None) -> dict[str, Any]:
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
        "began": None if began is None else began.isoformat(timespec="seconds"),
        "seconds": 0.0 if finished is None else finished.seconds,
        "interrupted": finished is None or finished.interrupted,
        "exit_status": status,
        "exit_meaning": EXIT_MEANING.get(status, ""),
        "counts": collected.counts,
        "causes": [msgspec.to_builtins(cause) for cause in causes(collected.results)],
        "selected": [] if started is None else list(started.cases),
        "skipped_slow": [] if started is None else list(started.skipped_slow),
        "not_run": list(collected.not_run),
        "troubles": [msgspec.to_builtins(trouble) for trouble in collected.troubles],
        "cases": [msgspec.to_builtins(result) for result in collected.results],
    }


class JsonReporter:
    """Writes ``report.json`` into a folder when the run ends."""

    def __init__(self, folder: Path, name: str = "report.json") -> None:
        self._path = folder / name
        self._collected = Collected()
        self._began: datetime.datetime | None = None

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        match event:
            case RunStarted():
                self._began = datetime.datetime.now(tz=datetime.UTC)
            case RunFinished():
                value = _encodable(as_value(self._collected, began=self._began))
                self._path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
            case _:
                pass


def _encodable(value: Any) -> Any:
    """Texts with lone surrogates (a command line need not be UTF-8) spelled out: JSON cannot hold them."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {name: _encodable(item) for name, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value


def schema() -> dict[str, Any]:
    """The JSON Schema of the report, made from the result types."""
    (case, trouble, cause), components = msgspec.json.schema_components(
        [CaseResult, Trouble, Cause], ref_template="#/$defs/{name}"
    )
    texts = {"type": "array", "items": {"type": "string"}}
    properties = {
        "format": {"const": FORMAT},
        "bookproof": {"type": "string", "description": "Bookproof's version."},
        "client": {"type": "string", "description": "The command line of the adapter."},
        "dialects": texts,
        "seed": {"type": ["integer", "null"], "description": "Null: each scenario's own."},
        "jobs": {"type": "integer", "minimum": 1},
        "began": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When the run began; UTC.",
        },
        "seconds": {"type": "number", "minimum": 0},
        "interrupted": {"type": "boolean"},
        "exit_status": {"enum": sorted(EXIT_MEANING)},
        "exit_meaning": {"type": "string"},
        "counts": {
            "type": "object",
            "description": "Cases by verdict; those that failed as listed under 'known'.",
            "propertyNames": {"enum": [*map(str, Verdict), "known"]},
            "additionalProperties": {"type": "integer", "minimum": 1},
        },
        "causes": {
            "type": "array",
            "items": cause,
            "description": "What looks wrong with the client, the commonest first: the cases by their first suspect.",
        },
        "selected": {**texts, "description": "Ids of the cases that were to run."},
        "skipped_slow": {**texts, "description": "Ids of the slow cases that the selection left out."},
        "not_run": {**texts, "description": "Ids of selected cases without a result."},
        "troubles": {"type": "array", "items": trouble},
        "cases": {"type": "array", "items": case},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "report.v1.json",
        "title": "Bookproof report, version 1",
        "type": "object",
        "required": list(properties),
        "properties": properties,
        # later versions of the format may add fields
        "$defs": components,
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
