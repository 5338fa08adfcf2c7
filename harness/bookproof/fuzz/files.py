"""A finding as a scenario file: for ``bookproof replay``, and for the project's own catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from bookproof.fuzz.finding import Finding
from bookproof.report.failures import scenario_of
from bookproof.report.text import one_line
from bookproof.report.words import label, why
from bookproof_exchange.scenario.load import SUFFIX
from bookproof_exchange.scenario.write import write as as_text

_OTHER = re.compile(r"[^a-z0-9]+")


def file_name(finding: Finding) -> str:
    """``s1-missed-update-4f2a9c1b07.scenario.yaml``"""
    words = _OTHER.sub("-", str(finding.signature).lower()).strip("-")
    return f"{words}-{finding.case.scenario.id.rpartition('/')[2]}{SUFFIX}"


def write(finding: Finding, folder: Path) -> Path:
    """Write the finding's script into a folder, which is made where there is none; returns the path."""
    result = finding.result
    said = one_line(f"{result.client}: {label(result)}: {why(result)}", 400)
    scenario = msgspec.structs.replace(
        scenario_of(finding.case),
        purpose=f"Made and shrunk by `bookproof fuzz`, for a client that failed it: {label(result)}.",
    )
    path = folder / file_name(finding)
    folder.mkdir(parents=True, exist_ok=True)
    head = f"# {said}\n# bookproof replay THIS-FILE --client CMD\n"
    path.write_text(head + as_text(scenario), encoding="utf-8", errors="backslashreplace")
    return path
