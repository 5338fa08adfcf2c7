"""Recordings that were damaged: a whole part is found, and replays well, or one line says why there is none."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import pytest
from captures_kit import imported, replay

from bookproof.captures import formats
from bookproof_exchange.capture.recording import write
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.scenario.model import Converge, Inject, Send, Settle, Step, Sync

sys.path.append(str(Path(__file__).parents[2] / "exchange" / "capture"))
from capture_kit import Venue, plain

LOSSES = (specs.Drop(), specs.Swap(), specs.Delay(by=2), specs.Edited(edit="cut"))


def eventful(dialect: str, chance: random.Random) -> Venue:
    """A recording with losses, reconnections and snapshots at any time."""
    depths = DIALECTS.get(dialect).traits.depths[:3]
    venue = plain(
        dialect,
        chance.randint(5, 40),
        symbols=chance.choice((1, 2)),
        seed=chance.randrange(10**6),
        depth=chance.choice((None, *depths)),
    )
    for _ in range(chance.randint(0, 3)):
        match chance.choice(("lose", "connect", "", "")):
            case "lose":
                venue.lose(chance.choice(venue.symbols))
            case "connect":
                venue.connect()
            case _:
                pass
        if venue.dialect.ideal.snapshot_from == "rest" and chance.random() < 0.8:
            venue.fetch(chance.choice(venue.symbols), limit=str(chance.choice((5, 20, 100, 1000))))
        venue.send(chance.randint(0, 15), chance.choice(venue.symbols))
    return venue


def damaged(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """With a line lost, repeated, out of its place, or with another digit."""
    at = chance.randrange(1, len(lines) - 1)
    match chance.choice(("lost", "repeated", "swapped", "digit", "cut")):
        case "lost":
            del lines[at]
        case "repeated":
            lines.insert(at, lines[at])
        case "swapped":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case "digit":
            place = chance.choice(list(re.finditer(rb"\d", lines[at]))).start()
            lines[at] = lines[at][:place] + chance.choice(b"123456789").to_bytes() + lines[at][place + 1 :]
        case "cut":
            lines[at] = lines[at][: len(lines[at]) // 2]
    return lines


@pytest.mark.parametrize("dialect", DIALECTS.names())
@pytest.mark.parametrize("seed", range(8))
def test_what_is_whole_replays_well(dialect: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    venue = eventful(dialect, chance)
    lines = list(write(venue.recording()))
    for _ in range(chance.randint(0, 2)):
        lines = damaged(lines, chance)
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\n".join(line.rstrip(b"\n") for line in lines))
    try:
        scenario = imported(tmp_path, formats.read([str(path)], venue.dialect), dialect, *venue.symbols)
    except UsageError as error:
        text = str(error)
    else:
        text = ""
    assert "\n" not in text
    if text:
        return
    plainly = replay(scenario)
    assert plainly.result.verdict == "pass", plainly.result.message
    assert isinstance(scenario.script[0], Sync)
    script: tuple[Step, ...] = (
        scenario.script[0],
        Send(count=3),
        Inject(fault=chance.choice(LOSSES)),
        Send(count=4),
        Converge(during=1),
        Settle(),
    )
    struck = replay(scenario, *script)
    # a short recording may have no update that the fault could strike
    assert struck.result.verdict in ("pass", "inconclusive"), struck.result.message
