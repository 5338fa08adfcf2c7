"""The JSON Schema of a line of a recording, made from the types. To renew the file:

python -m bookproof_exchange.capture.schema > schemas/recording.v1.json
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from bookproof_exchange.capture.recording import Line

ID: Final = "urn:bookproof:recording:v1"


def schema() -> dict[str, Any]:
    """Of every line but the order: the first one is the ``recording``, no other one is."""
    (made,), parts = msgspec.json.schema_components([Line], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A line of a Bookproof recording",
        "description": "JSON lines. The first line is of the kind `recording`, every further line is of another kind.",
        **made,
        "$defs": parts,
    }


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
