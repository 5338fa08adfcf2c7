"""Where the scenario catalogue and the schemas are: inside the wheel, or beside a source checkout."""

from __future__ import annotations

from pathlib import Path

from bookproof_exchange.errors import HarnessError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``scenarios`` or ``schemas``."""
    for candidate in (_PACKAGE / "data" / name, _PACKAGE.parent.parent / name):
        if candidate.is_dir():
            return candidate
    raise HarnessError(f"the folder {name!r} is missing from this installation", hint="reinstall bookproof")
