"""All benchmarks: gates on ratios (exit status 1 if one fails twice), then figures without gates.

    python bench/run.py            all, under four minutes
    python bench/run.py wire       only that module's gates (wire, fanout, live), or that module's figures

Everything runs on loopback, the receivers in processes of their own. Absolute rates are this machine's; only the ratios
are judged: both sides of a pair are measured one right after the other, and the median of at least nine pairs counts.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import report

GATED = ("wire", "fanout", "live")
#: Modules that offer `measure() -> dict[str, float]`, where they exist.
FIGURES = ("truth", "checker", "case")


def main(names: list[str]) -> int:
    began = time.monotonic()
    groups: list[report.Group] = []
    for module in GATED:
        if not names or module in names:
            groups += importlib.import_module(module).groups()
    held = report.measure(groups) if groups else True
    if groups:
        print(report.table([gate for group in groups for gate in group.gates]))
    for module in FIGURES:
        if names and module not in names:
            continue
        if not Path(__file__).with_name(f"{module}.py").exists():
            continue
        print(f"\n{module}")
        figures: dict[str, float] = importlib.import_module(module).measure()
        width = max(map(len, figures))
        for name, value in figures.items():
            print(f"  {name.ljust(width)}  {value:14,.2f}")
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
