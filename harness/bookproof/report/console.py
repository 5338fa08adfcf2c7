"""What standard output can take: colours, a line that renews itself, or whole plain lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.console import Console


def console_for(output: TextIO, environment: Mapping[str, str]) -> Console:
    """Colours go to terminals only. ``NO_COLOR`` (https://no-color.org): never; ``FORCE_COLOR``
    (https://force-color.org): also to pipes and files. Where both are given, no colours."""
    plain = bool(environment.get("NO_COLOR"))
    forced = bool(environment.get("FORCE_COLOR")) and not plain
    terminal = forced or output.isatty()
    dumb = environment.get("TERM") in ("dumb", "unknown")
    system = "standard" if forced and dumb else "auto"
    return Console(
        file=output,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=terminal,
        color_system=None if plain else system,  # type: ignore[arg-type]
        _environ=environment,
    )


def is_live(output: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether lines may be rewritten and text be wrapped: a terminal with somebody before it. CI systems that give their
    jobs a terminal keep what it was sent as a log, and say so (``CI``)."""
    return output.isatty() and environment.get("TERM") not in ("dumb", "unknown") and not environment.get("CI")
