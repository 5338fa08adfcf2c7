"""The preview: what it says is what happens, the drawing is aligned and fits, every step and fault has its sentence."""

from __future__ import annotations

import itertools
import re

import pytest

from bookproof.authoring.preview import Preview, preview, preview_lines
from bookproof.authoring.rehearsal import rehearse
from bookproof.authoring.timeline import draw
from bookproof.authoring.words import say, say_fault
from bookproof_exchange import evidence
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Kind
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.registry import FaultInfo, faults
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import catalogue, loads
from bookproof_exchange.scenario.shorthand import STEPS

GAP = """\
id: own/gap
title: t
purpose: p
rules: [gap-restart, checksum-verify]
script:
  - sync
  - send: 5
  - read
  - fault: drop
  - send: 3
  - probe
  - converge
  - settle
expect: {resync: some, honest: true}
"""


def shown(text: str, dialect: str, seed: int | None = None) -> Preview:
    return preview(rehearse(loads(text), DIALECTS.get(dialect), seed=seed))


def happened(preview: Preview, place: int) -> tuple[str, ...]:
    return preview.scenes[place - 1].happened


@pytest.mark.parametrize(
    ("dialect", "why"),
    [
        ("kraken-v2", "its checksum is not that of the book"),
        ("binance-spot", "its sequence numbers leave a hole"),
        ("mexc-v3", "its sequence numbers leave a hole"),
    ],
)
def test_a_gap(dialect: str, why: str) -> None:
    """The first update after the lost one tells; the book is not live at the probe, and live again after it."""
    gap = shown(GAP, dialect)
    struck, first, notice, *_ = happened(gap, 5)
    assert struck.startswith("! drop strikes: lost: ")
    assert first.startswith("sent: 1 update, up to version ")
    assert notice == f"^ from here on a client can know: {why}"
    assert gap.notices == 1
    told = [mark for scene in gap.scenes for mark in scene.marks if mark.noticed]
    assert [mark.glyph for mark in told] == ["u"]
    assert gap.scenes[4].claims == ("live",), "what is sent in one go is shown later"
    assert "live" not in gap.scenes[5].claims
    assert gap.scenes[7].claims == ("live",)


def test_it_is_what_is_sent() -> None:
    """Every update of the evidence is in the drawing, in its step."""
    rehearsal = rehearse(loads(GAP), DIALECTS.get("kraken-v2"))
    sent = sum(isinstance(r, evidence.Sent) and r.message.kind is Kind.UPDATE for r in rehearsal.run.evidence)
    gap = preview(rehearsal)
    drawn = sum(mark.glyph in "uU" for scene in gap.scenes for mark in scene.marks)
    assert drawn == sent
    assert "".join(mark.glyph for mark in gap.scenes[1].marks) == "uuuuu"
    assert preview(rehearse(loads(GAP), DIALECTS.get("kraken-v2"))) == gap, "the same every time"
    assert shown(GAP, "kraken-v2", seed=2) != gap


def test_the_drawing() -> None:
    lines = list(draw(shown(GAP, "binance-spot"), 200))
    assert lines[:7] == [
        "          |1 sync   |2 send 5 |3 read |4 fault drop |5 send 3 |6 probe |7 converge |8 settle |",
        "fault     |         |         |       |             |!        |        |           |         |",
        "exchange  | uuu  S  |uuuuu    |       |             | uu      |  S     |uuu        |         |",
        "can know  |         |         |       |             | ^       |        |           |         |",
        "client    |c    r   |         |       |             |         |r       |           |         |",
        "looked at |    ?  ? |         |?      |             |         | ?      |   ??      |?        |",
        "book      |.......==|=========|=======|=============|=========|~~~~~~~~|~~~~=======|=========|",
    ]
    assert all(line.isascii() for line in lines)


CATALOGUE = {loaded.scenario.id: loaded.scenario for loaded in catalogue(folder("scenarios"))}


@pytest.mark.parametrize(
    ("id", "dialect", "width"),
    [
        ("book/multi/gap-in-one", "mexc-v3", 60),
        ("book/load/gap-in-burst", "kraken-v2", 80),
        ("book/stall/silent-socket", "binance-spot", 100),
        ("book/wire/masked", "kraken-v2", 40),
        ("book/start-up/refused", "kraken-v2", 72),
        ("book/start-up/stale-snapshots", "binance-spot", 45),
        ("trades/plain", "kraken-v2", 100),
    ],
)
def test_every_drawing_is_aligned_and_fits(id: str, dialect: str, width: int) -> None:
    seen = preview(rehearse(CATALOGUE[id], DIALECTS.get(dialect)))
    lines = list(draw(seen, width))
    assert all(len(line) <= width for line in lines)
    rows = [line for line in lines if "|" in line]
    for first, second in itertools.pairwise(rows):
        if first[0] == " " or second[0] != " ":  # of one group
            borders = [[place for place, mark in enumerate(row) if mark == "|"] for row in (first, second)]
            assert borders[0] == borders[1]
    heads = re.findall(r"\|(\d+) ", "".join(row for row in rows if row.startswith(" ")))
    assert list(dict.fromkeys(map(int, heads))) == list(range(1, len(seen.scenes) + 1))
    words = list(preview_lines(seen, max(60, width)))
    assert all(len(line) <= max(60, width) + 24 for line in words)
    assert len([line for line in words if re.match(r" *\d+  ", line)]) >= len(seen.scenes)


@pytest.mark.parametrize(
    ("id", "dialect", "why"),
    [
        ("book/wire/masked", "kraken-v2", "the frame breaks the WebSocket protocol"),
        ("book/stall/silent-socket", "binance-spot", "nothing has come for too long"),
        ("book/reconnect/reset", "mexc-v3", "the connection has ended"),
        ("book/load/gap-in-burst", "kraken-v2", "its checksum is not that of the book"),
    ],
)
def test_why_a_client_can_know(id: str, dialect: str, why: str) -> None:
    seen = preview(rehearse(CATALOGUE[id], DIALECTS.get(dialect)))
    notices = [line for scene in seen.scenes for line in scene.happened if line.startswith("^")]
    assert notices == [f"^ from here on a client can know: {why}"]


def test_what_is_legal_gives_no_reason_to_distrust() -> None:
    for id in ("book/oddity/burst", "book/start-up/plain", "book/stall/quiet-market"):
        assert preview(rehearse(CATALOGUE[id], DIALECTS.get("kraken-v2"))).notices == 0


@pytest.mark.parametrize("info", faults(), ids=lambda info: info.kind)
def test_every_fault_has_its_sentence(info: FaultInfo) -> None:
    said = say_fault(info.example)
    assert said == said.strip()
    assert said[0].islower() or said[0].isdigit()
    assert not said.endswith(".")
    assert "``" not in said
    assert not re.search(r"\b1 \w+s (is|are|come|fail|bring)", said), said


def test_numbers_of_things() -> None:
    assert say_fault(specs.Drop(count=1)).startswith("the next update is lost")
    assert say_fault(specs.Drop(count=3)).startswith("the next 3 updates are lost")
    assert say_fault(specs.LateAck(messages=1)).startswith("1 update of the next subscription comes")
    assert say(model.Send(count=1)) == "1 update of the book"
    assert say(model.Send(count=4, symbol=2, mode="each")) == "4 updates of the book of symbol 2, one write each"


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_its_sentence(name: str) -> None:
    text = {"fault": "fault: drop", "oddity": "oddity: cut", "await": "await: report"}.get(name, name)
    (step,) = loads(f"id: x\ntitle: t\npurpose: p\nrules: [r]\nscript:\n  - {text}\n").script
    assert len(say(step)) > 10
