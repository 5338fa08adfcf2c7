"""What was done by hand becomes a scenario that the linter takes, whatever it was and in whatever order."""

from __future__ import annotations

import os

import pytest
from control_kit import NAMES, scenario_of, stand
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.control import saving
from bookproof_exchange.control.recording import (
    MOST_MOVED,
    Deed,
    Did,
    Joined,
    Moved,
    Named,
    Recorder,
    Released,
    Setting,
    Skipped,
    drafts,
    rules_for,
)
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.offered import lacking
from bookproof_exchange.faults.registry import faults
from bookproof_exchange.market import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import catalogue, loads
from bookproof_exchange.scenario.shorthand import short_step

#: Each is played for the ideal client, some many times: the same few every time, unless more are asked for.
EXAMPLES = int(os.environ.get("BOOKPROOF_RECORDINGS", "12"))
NAMED = Named(id="own/recorded", title="Recorded", purpose="For a test.")
CATALOGUE = tuple(loaded.scenario for loaded in catalogue(folder("scenarios")))


def setting(name: str, symbols: int = 1) -> Setting:
    return Setting(dialect=DIALECTS.get(name), market=model.Market(symbols=symbols), seed=1)


def inject(fault: specs.Fault) -> Did:
    return Did(model.Oddity(fault=fault) if is_legal(fault) else model.Inject(fault=fault))


def first(deeds: list[Deed], name: str = "kraken-v2") -> list[object]:
    """The script in its most faithful form, as the file says it."""
    draft = next(iter(drafts(deeds, setting(name), NAMED, ("gap-restart",))))
    return [short_step(step) for step in draft.script]


def test_a_fault_and_what_follows() -> None:
    deeds: list[Deed] = [Moved(900), Joined(), Moved(5), inject(specs.Drop()), Did(model.Send(count=2)), Moved(500)]
    assert first(deeds) == ["sync", {"send": 5}, {"fault": "drop"}, {"send": 2 + MOST_MOVED}, "converge", "settle"]


def test_a_fault_is_written_where_its_updates_follow() -> None:
    """It was armed, then the connection ended, and it struck after the next one had begun."""
    deeds: list[Deed] = [
        Joined(),
        inject(specs.Drop(count=2)),
        inject(specs.Close()),
        Joined(),
        Did(model.Send(count=1)),
    ]
    assert first(deeds) == [
        "sync",
        {"fault": "close"},
        "converge",
        {"fault": {"kind": "drop", "count": 2}},
        {"send": 1},
        {"send": 2},
        "converge",
        "settle",
    ]


def test_what_comes_before_the_first_client() -> None:
    deeds: list[Deed] = [
        inject(specs.NoSnapshot()),
        inject(specs.Farewell()),
        Did(model.Send(count=100)),
        Skipped(3),
        Joined(),
    ]
    assert first(deeds)[:4] == [{"fault": "no-snapshot"}, "sync", {"fault": "farewell"}, "converge"]


def test_a_stall_that_nobody_lifted_and_a_skip() -> None:
    assert first([Joined(), inject(specs.Stall())]) == [
        "sync",
        {"fault": "stall"},
        "lift",
        {"send": 5},
        "converge",
        "settle",
    ]
    assert first([Joined(), Skipped(2), Moved(1)])[:3] == ["sync", {"fault": {"kind": "drop", "count": 2}}, {"send": 3}]


def test_a_script_that_was_played_comes_out_as_it_went_in() -> None:
    scenario = loads(
        scenario_of(
            "  - sync\n  - send: 4\n  - read\n  - fault: drop\n  - send: 3\n  - probe\n  - converge\n  - settle\n"
        )
    )
    deeds: list[Deed] = [*map(Did, scenario.script[:1]), Joined(), *map(Did, scenario.script[1:])]
    draft = next(iter(drafts(deeds, setting("kraken-v2"), NAMED, ("gap-restart",))))
    assert draft.script == scenario.script


def test_the_rules_are_those_of_scenarios_with_such_faults() -> None:
    dialect = DIALECTS.get("binance-spot")
    rules = rules_for([Joined(), inject(specs.FailingRest(status=429))], CATALOGUE, dialect)
    assert rules
    assert set(rules) <= set(dialect.rules)
    assert rules[0] in ("rest-retry", "rest-backoff")
    assert rules_for([Did(model.Send())], CATALOGUE, dialect)


def test_a_recording_has_an_end() -> None:
    recorder = Recorder()
    for _ in range(2_500):
        recorder.add(Did(model.Send()))
        recorder.add(Moved(1))
    assert (len(recorder.deeds), recorder.cut) == (2_000, True)
    recorder.clear(joined=True)
    assert (recorder.deeds, recorder.cut, recorder.count) == ([Joined()], False, 0)


SPECS = [
    each
    for info in faults()
    if info.kind != "custom"
    for each in (info.example, *([specs.Stall(scope="socket", lost=True)] if info.kind == "stall" else ()))
] + [
    specs.Drop(count=4),
    specs.Drop(shape=Shape(kind="far")),
    specs.Delay(by=7),
    specs.Close(how="rst", refuse="until-lift"),
    specs.Close(how="mid-frame", refuse=2),
    specs.Resnapshot(empty=True),
    specs.FailingRest(status=429, retry_after=1),
    specs.RefuseSubscribe(times=3),
]
STEPS: list[model.Step] = [
    model.Send(count=3),
    model.Send(shape=Shape(kind="drain", side="bid")),
    model.Send(shape=Shape(kind="refill", side="bid", count=5)),
    model.Send(count=2, shape=Shape(kind="improve"), mode="each"),
    model.Lift(),
    model.Hold(),
    model.Quiet(seconds=0.01),
    model.Sync(),
    model.Probe(),
    model.Read(),
    model.Converge(),
    model.Settle(),
    model.Await(what="reconnect"),
    model.Await(what="subscribe"),
]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_was_done_the_linter_takes_it(name: str) -> None:
    dialect = DIALECTS.get(name)
    known = [spec for spec in SPECS if lacking(spec, dialect) is None]
    deeds = st.lists(
        st.sampled_from(known).map(inject)
        | st.sampled_from(STEPS).map(lambda step: Did(step))
        | st.just(Joined())
        | st.just(Released())
        | st.builds(Moved, st.integers(1, 40))
        | st.builds(Skipped, st.integers(1, 4)),
        max_size=9,
    )

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 50)
    @given(deeds)
    def each(done: list[Deed]) -> None:
        rules = rules_for(done, CATALOGUE, dialect)
        text = saving.file(done, setting(name), NAMED, rules, cut=False)
        scenario = loads(text)
        errors = [str(problem) for problem in check(scenario, tuple(DIALECTS)) if problem.weight == "error"]
        assert errors == [], text

    each()


def test_what_no_client_can_be_asked_for_is_left_out() -> None:
    deeds: list[Deed] = [Did(model.Send()), Joined(), *[inject(specs.RefuseSubscribe(times=3))] * 6]
    text = saving.file(deeds, setting("mexc-v3"), NAMED, ("refusal-surfaced",), cut=False)
    assert "are left out: no client can be asked for all of them." in text
    assert "refuse-subscribe" in text


@pytest.mark.parametrize("name", NAMES)
def test_from_the_wire_to_the_file(name: str) -> None:
    """By the API, with a client: the file says what was done, and where it was done."""
    with stand(name, symbols=2, seed=9) as made, made.client():
        made.api.post("/v1/faults", {"kind": "drop", "symbol": 2})
        made.api.post("/v1/send", {"count": 4, "symbol": 2})
        got = made.api.ask(
            "GET", "/v1/recording", query={"id": "own/hole", "title": "A hole: in ETH", "purpose": "See."}
        )
        assert got.headers["content-type"] == "application/yaml"
        assert got.headers["content-disposition"] == 'attachment; filename="hole.scenario.yaml"'
        scenario = loads(got.raw.decode())
        assert (scenario.id, scenario.title, scenario.dialects) == ("own/hole", "A hole: in ETH", (name,))
        assert (scenario.market.symbols, scenario.seed) == (2, 9)
        assert [short_step(step) for step in scenario.script][1:3] == [
            {"fault": {"kind": "drop", "symbol": 2}},
            {"send": {"count": 4, "symbol": 2}},
        ]
        assert made.api.refused("GET", "/v1/recording", id="Own Hole")["errors"][0]["field"] == "id"
        assert made.api.refused("GET", "/v1/recording", title=" ")["errors"][0]["field"] == "title"
        made.api.delete("/v1/recording")
        assert made.api.refused("GET", "/v1/recording")["status"] == 409
