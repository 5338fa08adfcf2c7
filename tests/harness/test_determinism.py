"""The same scenario and seed give the same bytes: twice in a process, and in processes that hash differently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from transcript_digests import cases_named, digests

from bookproof.report.transcript import comparable
from bookproof.selftest.prove import run_in_memory

#: Of every kind one: a gap, a reconnect, several symbols, a stall, a start, trades.
SAMPLE = {
    "kraken-v2": (
        "book/gap/single",
        "book/reconnect/close",
        "book/multi/three-symbols",
        "book/stall/pause",
        "book/resnapshot/plain",
        "trades/plain",
    ),
    "binance-spot": (
        "book/gap/single",
        "book/reconnect/farewell",
        "book/start-up/stale-snapshot",
        "book/multi/reconnect",
    ),
    "mexc-v3": ("book/gap/twice", "book/reconnect/reset", "book/start-up/snapshot-rate-limited"),
}


@pytest.mark.parametrize("dialect", SAMPLE)
def test_two_runs_send_the_same_bytes(dialect: str) -> None:
    first = digests(dialect, SAMPLE[dialect])
    assert len(first) == len(SAMPLE[dialect])
    assert digests(dialect, SAMPLE[dialect]) == first


def test_nothing_depends_on_the_hash_seed() -> None:
    script = Path(__file__).with_name("transcript_digests.py")
    told = {
        subprocess.run(
            [sys.executable, str(script), "kraken-v2", "book/gap/single", "book/multi/three-symbols"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert told.pop().count("\n") == 2


def test_another_seed_sends_other_bytes() -> None:
    (case,) = cases_named("kraken-v2", ["book/gap/single"])
    other = msgspec.structs.replace(case, seed=case.seed + 1)
    runs = run_in_memory([case, other])
    lanes = [comparable(run.evidence) for run in runs]
    assert lanes[0] != lanes[1]
    assert not set(lanes[0]["sent-1"]) & {frame for frame in lanes[1]["sent-1"] if len(frame) > 600}
