"""The published schema is current, and agrees with the loader."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from ruamel.yaml import YAML
from scenario_strategies import SCENARIOS

from bookproof_exchange.data import folder
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import SUFFIX, loads
from bookproof_exchange.scenario.problems import ScenarioError
from bookproof_exchange.scenario.schema import schema, text
from bookproof_exchange.scenario.write import write

VALIDATOR = jsonschema.Draft202012Validator(schema())
HEAD = "id: x\ntitle: t\npurpose: p\nrules: [r]\n"


def plain(yaml: str) -> Any:
    return YAML(typ="safe", pure=True).load(yaml)


def is_loadable(yaml: str) -> bool:
    try:
        loads(yaml)
    except ScenarioError:
        return False
    return True


def test_the_file_is_current() -> None:
    path = folder("schemas") / "scenario.v1.json"
    renew = "renew it: python -m bookproof_exchange.scenario.schema > schemas/scenario.v1.json"
    assert path.read_text(encoding="utf-8") == text(), renew


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_everything_is_explained() -> None:
    """Every step, fault and part has words that an editor can show."""
    made = schema()
    for name, part in made["$defs"].items():
        assert part["description"].strip(), name
    for step in made["$defs"]["step"]["anyOf"]:
        if "const" in step:
            assert step["description"].strip()


def test_the_catalogue_is_valid() -> None:
    files = sorted(folder("scenarios").rglob(f"*{SUFFIX}"))
    assert len(files) >= 44
    for path in files:
        VALIDATOR.validate(plain(path.read_text(encoding="utf-8")))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(SCENARIOS)
def test_what_the_loader_accepts_the_schema_accepts(scenario: model.Scenario) -> None:
    VALIDATOR.validate(plain(write(scenario)))


STEPS = [
    "sync",
    "sync:",
    "sync: 3",
    "send",
    "send: 3",
    "send: {count: 3, shape: improve}",
    "send: {shape: {kind: delete, rank: 0, side: bid}}",
    "fault: drop",
    "fault: {kind: drop, count: 2, shape: far}",
    "fault: cut",
    "fault: {kind: cut, count: 2}",
    "fault: {kind: edit, edit: cut}",
    "oddity: {kind: resnapshot, empty: true}",
    "await: reconnect",
    "await: {what: reconnect, limit: 2.5}",
    "quiet: 1.5",
    "read: 2",
    "probe",
]
WRONG_STEPS = [
    "sned",
    "sned: 3",
    "send: many",
    "send: 0",
    "send: {cuont: 3}",
    "send: {shape: imporve}",
    "send: [3]",
    "probe: 3",
    "fault",
    "fault:",
    "fault: dorp",
    "fault: {count: 2}",
    "fault: {kind: drop, by: 2}",
    "fault: edit",
    "fault: {kind: edit}",
    "fault: {kind: cut, edit: cut}",
    "fault: {kind: close, code: 99}",
    "oddity: 3",
    "await",
    "await: lunch",
    "{send: 1, read: 2}",
    "{}",
    "5",
    "[sync]",
]


@pytest.mark.parametrize("step", STEPS + WRONG_STEPS)
def test_schema_and_loader_agree_on_steps(step: str) -> None:
    yaml = f"{HEAD}script:\n  - {step}\n"
    assert is_loadable(yaml) == (step in STEPS)
    assert VALIDATOR.is_valid(plain(yaml)) == (step in STEPS)


@pytest.mark.parametrize(
    ("rest", "good"),
    [
        ("script: [sync]", True),
        ("script: []", True),
        ("script: sync", False),
        ("", False),
        ("script: [sync]\ndialects: null", True),
        ("script: [sync]\ndialects: kraken-v2", False),
        ("script: [sync]\nslow: true", True),
        ("script: [sync]\nslow: 1", False),
        ("script: [sync]\nmarket: {profile: thin, levels: 4}", True),
        ("script: [sync]\nmarket: {profile: fat}", False),
        ("script: [sync]\nmarket: null", False),
        ("script: [sync]\nsubscribe: {depth: most}", True),
        ("script: [sync]\nsubscribe: {depth: 25}", True),
        ("script: [sync]\nsubscribe: {depth: 0}", False),
        ("script: [sync]\nexpect: {most_resyncs: null}", True),
        ("script: [sync]\nexpect: {resync: maybe}", False),
        ("script: [sync]\nextra: 1", False),
    ],
)
def test_schema_and_loader_agree_on_the_rest(rest: str, good: bool) -> None:
    yaml = f"{HEAD}{rest}\n"
    assert is_loadable(yaml) == good
    assert VALIDATOR.is_valid(plain(yaml)) == good
