"""The python-kraken-sdk example: its known-failures file names cases that exist; the adapter keeps the protocol.

The second needs python-kraken-sdk beside this Python and is skipped where it is not installed. Whole runs against the mock
exchange are no part of the tests: see docs/clients/python-kraken-sdk.md.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import sys
from pathlib import Path

import pytest
import trio

from bookproof.adapter.check import check_adapter
from bookproof.cli.options import all_cases, dialects_named
from bookproof.known import load_known

HERE = Path(__file__).parents[2] / "examples" / "python_kraken_sdk"


def test_known_failures_are_of_cases_that_there_are() -> None:
    made, _ = all_cases(dialects_named(["kraken-v2"]))
    entries = load_known(HERE / "known-failures.yaml")
    assert entries
    for entry in entries:
        assert any(fnmatch.fnmatchcase(case.id, entry.case) for case in made), entry.case


@pytest.mark.skipif(importlib.util.find_spec("kraken") is None, reason="python-kraken-sdk is not installed here")
def test_the_adapter_keeps_the_protocol() -> None:
    results = trio.run(check_adapter, [sys.executable, str(HERE / "python_kraken_sdk_adapter.py")])
    assert [f"{check.name}: {check.message}" for check in results if not check.ok] == []
