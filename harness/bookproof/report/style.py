"""How verdicts look on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from bookproof.results import Verdict

STYLE = {
    Verdict.PASS: "green",
    Verdict.INFO: "cyan",
    Verdict.NON_STRICT: "yellow",
    Verdict.WARN: "yellow",
    Verdict.UNSUPPORTED: "dim",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.FAIL: "bold red",
    Verdict.HUNG: "bold red",
    Verdict.CRASHED: "bold red",
    Verdict.ADAPTER_ERROR: "bold red",
    Verdict.HARNESS_ERROR: "bold white on red",
}


def counted(counts: Iterable[tuple[str, int]]) -> Text:
    """``7 pass, 2 fail, 1 known``, each in its colour."""
    line = Text()
    for name, count in counts:
        line.append(", " if line else "")
        line.append(f"{count} {name}", style="dim" if name == "known" else STYLE[Verdict(name)])
    return line
