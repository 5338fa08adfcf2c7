"""Which dialect can express what, and the reason where it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from scenario_dialects import BLIND, NUMBERS, SUMS, dialect

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.needs import TERMS, lacking, unknown_terms

HEAD = "id: x\ntitle: t\npurpose: p\nrules: [r]\n"


def reason(rest: str, of: Any, script: str = "[sync]") -> str | None:
    return applicable(loads(f"{HEAD}script: {script}\n{rest}"), of)


@pytest.mark.parametrize(
    ("needs", "of", "expected"),
    [
        ("sequence", NUMBERS, None),
        ("sequence", SUMS, "its updates carry no sequence"),
        ("checksum", NUMBERS, "it has no checksum"),
        ("sequence|checksum", NUMBERS, None),
        ("sequence|checksum", SUMS, None),
        ("sequence|checksum", BLIND, "its updates carry no sequence and it has no checksum"),
        ("'sequence', 'checksum'", NUMBERS, "it has no checksum"),
        ("windowed", SUMS, None),
        ("windowed", NUMBERS, "it keeps no window of levels"),
        ("'snapshot:rest'", NUMBERS, None),
        ("'snapshot:rest'", SUMS, "its snapshots do not come by REST"),
        ("'snapshot:stream'", NUMBERS, "its snapshots do not come in band"),
        ("'edit:padded-numbers'", NUMBERS, None),
        ("'edit:padded-numbers'", SUMS, "it has no use for the edit 'padded-numbers'"),
        ("'channel:trades'", SUMS, None),
        ("'channel:trades'", BLIND, "it has no trades channel"),
        ("farewell", NUMBERS, None),
        ("farewell", SUMS, "it announces no end of a connection"),
        ("depth-choice", SUMS, None),
        ("depth-choice", NUMBERS, "it offers no choice of depth"),
    ],
)
def test_needs(needs: str, of: Any, expected: str | None) -> None:
    assert reason(f"needs: [{needs}]", of) == expected


@pytest.mark.parametrize(
    ("fault", "of", "expected"),
    [
        ("drop", BLIND, None),
        ("cut", BLIND, "it has no use for the edit 'cut'"),
        ("cut", SUMS, None),
        ("resnapshot", SUMS, None),
        ("resnapshot", NUMBERS, "its snapshots do not come in band"),
        ("early-updates", NUMBERS, "its snapshots do not come in band"),
        ("no-snapshot", NUMBERS, "its snapshots do not come in band"),
        ("stale-rest", SUMS, "its snapshots do not come by REST"),
        ("ahead-rest", SUMS, "its snapshots do not come by REST"),
        ("slow-rest", SUMS, "its snapshots do not come by REST"),
        ("failing-rest", SUMS, "its snapshots do not come by REST"),
        ("straddled-rest", SUMS, "its snapshots do not come by REST"),
        ("straddled-rest", NUMBERS, None),
        (
            "straddled-rest",
            dialect("single", snapshot_from="rest"),
            "each of its updates covers one version: a snapshot cannot fall into the middle of one",
        ),
        ("late-ack", SUMS, None),
        ("late-ack", NUMBERS, "a client subscribes by the URL: nothing is acknowledged"),
        ("farewell", SUMS, "it announces no end of a connection"),
        ("farewell", NUMBERS, None),
        ("close", SUMS, None),
        ("{kind: close, code: 4000}", SUMS, "it does not close a connection with code 4000"),
        ("{kind: close, how: rst, code: 4000}", SUMS, None),
    ],
)
@pytest.mark.parametrize("step", ["fault", "oddity"])
def test_faults_and_oddities(step: str, fault: str, of: Any, expected: str | None) -> None:
    assert reason("", of, f"[sync, {{{step}: {fault}}}]") == expected


@pytest.mark.parametrize(
    ("rest", "of", "expected"),
    [
        ("dialects: [sums]", SUMS, None),
        ("dialects: [sums]", NUMBERS, "the scenario is only for sums"),
        ("subscribe: {depth: 25}", SUMS, None),
        ("subscribe: {depth: 26}", SUMS, "it does not offer the depth 26"),
        ("subscribe: {depth: 25}", NUMBERS, "it does not offer the depth 25"),
        ("subscribe: {depth: most}", SUMS, None),
        ("subscribe: {depth: least}", NUMBERS, "it offers no choice of depth"),
        ("subscribe: {channels: [trades]}", BLIND, "it has no trades channel"),
        ("market: {symbols: 3}", SUMS, None),
        ("market: {symbols: 4}", SUMS, "it has 3 instruments, the scenario wants 4"),
    ],
)
def test_the_rest(rest: str, of: Any, expected: str | None) -> None:
    assert reason(rest, of) == expected


def test_awaiting_a_snapshot_request_takes_rest() -> None:
    assert reason("", NUMBERS, "[sync, {await: snapshot-request}]") is None
    assert reason("", SUMS, "[sync, {await: snapshot-request}]") == "its snapshots do not come by REST"


def test_one_of_the_rules_must_exist() -> None:
    assert reason("", dialect("d", rules=("q", "r"))) is None
    assert reason("", dialect("d", rules=("q",))) == "it has no rule r"


def test_every_term_is_understood() -> None:
    """No term is known to the list only: some dialect fulfils it, another one does not."""
    able = dialect(
        "able",
        sequence=True,
        checksum=True,
        windowed=True,
        depths=(1, 2),
        farewell=True,
        edits=frozenset(term.removeprefix("edit:") for term in TERMS if term.startswith("edit:")),
    )
    able_rest = dialect("rest", snapshot_from="rest")
    bare = dialect("bare", channels=())
    for term in TERMS:
        assert unknown_terms(term) == []
        assert lacking(term, able) is None or lacking(term, able_rest) is None
        assert lacking(term, bare) is not None or lacking(term, able_rest) is not None


def test_unknown_terms_come_with_a_hint() -> None:
    assert unknown_terms("sequence|chekcsum") == [("chekcsum", "did you mean 'checksum'?")]


def test_the_built_in_dialects_answer() -> None:
    scenario = loads(f"{HEAD}script: [sync, {{fault: stale-rest}}]\n".replace("[r]", "[gap-restart, checksum-verify]"))
    for each in DIALECTS:
        assert (applicable(scenario, each) is None) == (each.traits.snapshot_from == "rest")
