"""A scenario that was written loads to the same value, and to a file that people can read."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from scenario_strategies import SCENARIOS, TEXTS

from bookproof_exchange.data import folder
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.load import catalogue, loads
from bookproof_exchange.scenario.write import write


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(SCENARIOS)
def test_what_was_written_loads_to_the_same_value(scenario: model.Scenario) -> None:
    assert loads(write(scenario)) == scenario


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_any_text_survives(text: str) -> None:
    scenario = model.Scenario(id=text, title=text, purpose=text, rules=(text,), script=(model.Sync(),), tags=(text,))
    assert loads(write(scenario)) == scenario


def test_the_catalogue_survives() -> None:
    for loaded in catalogue(folder("scenarios")):
        assert loads(write(loaded.scenario)) == loaded.scenario


def test_the_short_forms_are_used() -> None:
    scenario = model.Scenario(
        id="found/1",
        title="Found by search: a gap",
        purpose="x",
        rules=("gap-restart",),
        script=(
            model.Sync(),
            model.Send(count=1),
            model.Send(count=10, shape=Shape(kind="improve")),
            model.Inject(fault=specs.Drop()),
            model.Inject(fault=specs.Edited(edit="wrong-checksum", count=2)),
            model.Oddity(fault=specs.Edited(edit="reversed-rows")),
            model.Read(symbol=2),
            model.Probe(),
            model.Await(what="reconnect", limit=30.0),
            model.Settle(),
        ),
        expect=model.Expect(resync="some", most_resyncs=None),
    )
    assert write(scenario) == (
        "id: found/1\n"
        'title: "Found by search: a gap"\n'
        "purpose: x\n"
        "rules: [gap-restart]\n"
        "script:\n"
        "  - sync\n"
        "  - send: 1\n"
        "  - send: {count: 10, shape: improve}\n"
        "  - fault: drop\n"
        "  - fault: {kind: wrong-checksum, count: 2}\n"
        "  - oddity: reversed-rows\n"
        "  - read: 2\n"
        "  - probe\n"
        "  - await: {what: reconnect, limit: 30}\n"
        "  - settle\n"
        "expect: {resync: some, most_resyncs: null}\n"
    )
