"""A replay is what was recorded, to the byte, where no fault strikes; where one does, clients are judged as ever."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from captures_kit import answered, imported, lived, replay, sent, written_down

from bookproof.ideal.client import IdealClient
from bookproof.ideal.keeper import Keeper, Need
from bookproof_exchange import evidence
from bookproof_exchange.capture.recording import Closed, Fetched, Said
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import BookUpdate, Frame
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Shape
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.model import (
    Converge,
    Inject,
    Lift,
    Market,
    Oddity,
    Probe,
    Scenario,
    Send,
    Settle,
    Step,
    Sync,
)
from bookproof_exchange.scenario.write import write

each = pytest.mark.parametrize("dialect", DIALECTS.names())
by_rest = pytest.mark.parametrize("dialect", ["binance-spot", "mexc-v3"])


@each
@pytest.mark.parametrize("symbols", [1, 2])
def test_the_replay_is_the_recording_to_the_byte(dialect: str, symbols: int, tmp_path: Path) -> None:
    before = lived(dialect, symbols=symbols, depth=10 if dialect == "kraken-v2" else None)
    names = () if symbols == 1 else tuple(instrument.symbol for instrument in DIALECTS.get(dialect).instruments[:2])
    scenario = imported(tmp_path, written_down(before), dialect, *names)
    again = replay(scenario)
    assert again.result.verdict == "pass", again.result.message
    assert sent(again) == sent(before)
    # (which of two requests that are on their way together comes first is the client's affair)
    assert sorted(answered(again)) == sorted(answered(before))


@each
def test_what_an_import_writes_is_a_sound_scenario(dialect: str, tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived(dialect)), dialect)
    assert check(scenario, list(DIALECTS)) == []
    assert scenario.capture == str(tmp_path / "lived.frames.jsonl")


def test_symbols_on_connections_of_their_own_are_replayed_together(tmp_path: Path) -> None:
    before = lived("binance-spot", symbols=2)
    recording = written_down(before)
    entries = [
        msgspec.structs.replace(entry, connection=2)
        if isinstance(entry, Said) and b"ethusdt@" in entry.frame.payload
        else entry
        for entry in recording.entries
    ]
    apart = msgspec.structs.replace(recording, entries=tuple(entries))
    again = replay(imported(tmp_path, apart, "binance-spot", "BTCUSDT", "ETHUSDT"))
    assert again.result.verdict == "pass", again.result.message
    assert sent(again) == sent(before)


def test_two_runs_are_the_same(tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived("mexc-v3")), "mexc-v3")
    assert sent(replay(scenario)) == sent(replay(scenario))


def test_an_end_of_the_recording_is_an_end_of_the_stream(tmp_path: Path) -> None:
    before = lived("kraken-v2", 20, depth=10)
    scenario = imported(tmp_path, written_down(before), "kraken-v2")
    again = replay(scenario, Sync(), Send(count=500), Settle())
    assert again.result.verdict == "pass", again.result.message
    assert sent(again) == sent(before)


# --- faults laid over it ----------------------------------------------------------------------------------------------

FAULTS: dict[str, Step] = {
    "drop": Inject(fault=specs.Drop()),
    "swap": Inject(fault=specs.Swap()),
    "delay": Inject(fault=specs.Delay()),
    "cut": Inject(fault=specs.Edited(edit="cut")),
    "foreign": Inject(fault=specs.Edited(edit="foreign-symbol")),
    "fragmented": Oddity(fault=specs.Fragmented(count=2)),
    "close": Inject(fault=specs.Close(away=5)),
    "stall": Inject(fault=specs.Stall(away=5, lost=True)),
}


@each
@pytest.mark.parametrize("name", FAULTS)
def test_the_ideal_client_gets_through_faults(dialect: str, name: str, tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived(dialect)), dialect)
    between: tuple[Step, ...] = () if name == "close" else (Lift(),) if name == "stall" else (Send(count=3),)
    after = (Send(count=5),) if name == "stall" else ()
    found = replay(
        scenario, Sync(), Send(count=20), FAULTS[name], *between, *after, Converge(), Send(count=5), Settle()
    )
    assert found.result.verdict == "pass", found.result.message
    assert any(isinstance(record, evidence.Struck) for record in found.evidence)


@by_rest
@pytest.mark.parametrize("fault", [specs.StaleRest(by=4), specs.AheadRest(by=3), specs.SlowRest(messages=3)])
def test_faults_of_the_snapshot(dialect: str, fault: specs.Fault, tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived(dialect)), dialect)
    script: tuple[Step, ...] = (Sync(), Send(count=10), Inject(fault=specs.Drop()), Inject(fault=fault))
    found = replay(scenario, *script, Send(count=3), Converge(), Send(count=5), Settle())
    assert found.result.verdict == "pass", found.result.message
    assert {record.kind for record in found.evidence if isinstance(record, evidence.Struck)} >= {"drop"}
    assert sum(isinstance(record, evidence.Struck) for record in found.evidence) >= 2


@each
def test_bytes_before_a_fault_are_those_of_the_recording(dialect: str, tmp_path: Path) -> None:
    before = lived(dialect, depth=10 if dialect == "kraken-v2" else None)
    scenario = imported(tmp_path, written_down(before), dialect)
    found = replay(scenario, Sync(), Send(count=20), Inject(fault=specs.Drop()), Send(count=4), Converge(), Settle())
    (whole,) = sent(before).values()
    faulty = next(iter(sent(found).values()))
    same = next(at for at, (one, other) in enumerate(zip(whole, faulty, strict=False)) if one != other)
    assert same >= 20
    assert faulty[same] == whole[same + 1]  # the one that was lost


@pytest.mark.parametrize("depth", [25, 100])
@pytest.mark.parametrize("fault", [specs.Drop(), specs.Edited(edit="cut"), specs.Delay(by=2)])
def test_a_loss_that_only_a_checksum_tells_of_strikes_where_it_does(
    fault: specs.Fault, depth: int, tmp_path: Path
) -> None:
    before = lived("kraken-v2", 150, depth=depth)
    scenario = imported(tmp_path, written_down(before), "kraken-v2")
    script = (Sync(), Send(count=20), Inject(fault=fault), Send(count=60), Converge(), Settle())
    found = replay(scenario, *script, resync="some")
    assert found.result.verdict == "pass", found.result.message
    struck = next(record for record in found.evidence if isinstance(record, evidence.Struck))
    assert found.exchange is not None
    truth = found.exchange.view.truth("BTC/USD")
    for change in truth.event(struck.last).changes:
        ranks = [truth.book(index).rank(change.side, change.price) for index in (struck.first, struck.last)]
        assert min(ranks) < 10


class _IgnoresGaps(Keeper):
    """Applies whatever comes."""

    def follow(self, update: BookUpdate) -> Need:
        self.first = False
        self.apply(update)
        self.sequence = update.last
        self.changed = True
        return Need.NOTHING

    def verified(self, checksum: int | None) -> bool:
        return True


class _Careless(IdealClient):
    keeper_type = _IgnoresGaps


@each
def test_a_client_that_is_wrong_is_caught(dialect: str, tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived(dialect)), dialect)
    script = (Sync(), Send(count=20), Inject(fault=specs.Drop(count=3)), Send(count=5), Probe(), Converge(), Settle())
    good = replay(scenario, *script, honest=True, resync="some")
    assert good.result.verdict == "pass", good.result.message
    bad = replay(scenario, *script, make=_Careless, honest=True, resync="some")
    assert bad.result.verdict == "fail"


# --- clients that ask otherwise ---------------------------------------------------------------------------------------


class _Raw(IdealClient):
    """Connects to one raw stream of the slower kind, where the recording is of a combined connection."""

    async def follow(self) -> None:
        self.ideal = _Streams(f"/ws/{self.start.symbols[0].lower()}@depth", self.ideal)  # type: ignore[assignment]
        await super().follow()


class _Streams:
    def __init__(self, path: str, ideal: object) -> None:
        self._path = path
        self._ideal = ideal

    def connect_path(self, *_: object) -> str:
        return self._path

    def __getattr__(self, name: str) -> object:
        return getattr(self._ideal, name)


def test_a_raw_connection_gets_the_same_events_without_their_envelope(tmp_path: Path) -> None:
    before = lived("binance-spot")
    scenario = imported(tmp_path, written_down(before), "binance-spot")
    found = replay(scenario, make=_Raw)
    assert found.result.verdict == "pass", found.result.message
    (wrapped,), (bare,) = sent(before).values(), sent(found).values()
    assert [message.partition(b'"data":')[2].removesuffix(b"}") for message in wrapped] == bare


def test_another_topic_is_named_in_its_messages(tmp_path: Path) -> None:
    from bookproof_exchange.capture.framing_mexc import framed
    from bookproof_exchange.dialects.api import Feed
    from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper

    (messages,) = sent(lived("mexc-v3", 3)).values()
    feed = Feed("BTCUSDT", "book", None, "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT")
    same, other = PushDataV3ApiWrapper(), PushDataV3ApiWrapper()
    same.ParseFromString(messages[-1])
    other.ParseFromString(framed(Frame(messages[-1], True), feed, None).payload)  # type: ignore[arg-type]
    assert other.channel == feed.name
    other.channel = same.channel
    assert other == same


class _Shallow(IdealClient):
    """Subscribes to fewer levels than were recorded."""

    def __init__(self, dialect: object, start: object, *rest: object) -> None:
        super().__init__(dialect, msgspec.structs.replace(start, depth=10), *rest)  # type: ignore[arg-type,type-var]


def test_a_subscription_of_another_depth_is_made_of_the_truth(tmp_path: Path) -> None:
    scenario = imported(tmp_path, written_down(lived("kraken-v2", depth=25)), "kraken-v2")
    assert scenario.subscribe.depth == 25
    found = replay(scenario, make=_Shallow)
    assert found.result.verdict == "pass", found.result.message


@by_rest
def test_a_snapshot_at_another_moment_is_built_in_the_venues_form(dialect: str, tmp_path: Path) -> None:
    before = lived(dialect)
    scenario = imported(tmp_path, written_down(before), dialect)
    found = replay(scenario, Sync(), Send(count=30), Inject(fault=specs.Drop()), Send(count=3), Converge(), Settle())
    first, second = answered(found)
    assert first == answered(before)[0]
    mine, recorded = json.loads(second), json.loads(first)
    assert mine.keys() == recorded.keys()
    numbers = {
        json.loads(message).get("data", {}).get("u") if dialect == "binance-spot" else mine["lastUpdateId"]
        for lane in sent(before).values()
        for message in lane
        if dialect == "mexc-v3" or message.startswith(b"{")
    }
    assert mine["lastUpdateId"] in numbers  # a number at which a recorded update ends


# --- what the recorded client heard -----------------------------------------------------------------------------------


def test_a_recording_with_a_hole_is_replayed_from_there_on(tmp_path: Path) -> None:
    recording = written_down(lived("kraken-v2", 60, depth=10))
    venue = [at for at, entry in enumerate(recording.entries) if isinstance(entry, Said) and entry.by == "venue"]
    entries = list(recording.entries)
    del entries[venue[20]]
    scenario = imported(tmp_path, msgspec.structs.replace(recording, entries=tuple(entries)), "kraken-v2")
    sends = sum(step.count for step in scenario.script if isinstance(step, Send))
    assert 5 <= sends < 40
    assert replay(scenario).result.verdict == "pass"


def test_the_recorded_clients_private_life_is_no_part_of_the_frames(tmp_path: Path) -> None:
    recording = written_down(lived("binance-spot", 10))
    imported(tmp_path, recording, "binance-spot")
    text = (tmp_path / "lived.frames.jsonl").read_text()
    assert sum(isinstance(entry, Closed) for entry in recording.entries) == 1
    assert '"kind":"close"' not in text
    assert text.count('"kind":"http"') == sum(isinstance(entry, Fetched) for entry in recording.entries)


# --- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dialects": ["binance-spot", "kraken-v2"]}, "the recording cannot be used: it is of kraken-v2"),
        ({"dialects": None}, "the recording cannot be used: it is of kraken-v2"),
        ({"capture": "nothing.jsonl"}, "nothing.jsonl: cannot be read: No such file"),
        ({"market": {"symbols": 2}}, "it has 1 symbol, the scenario wants 2"),
    ],
)
def test_a_file_that_does_not_fit_its_recording(change: dict[str, object], message: str, tmp_path: Path) -> None:
    from bookproof_exchange.scenario.load import load
    from bookproof_exchange.scenario.problems import ScenarioError

    scenario = imported(tmp_path, written_down(lived("kraken-v2", 10)), "kraken-v2")
    wrong = msgspec.convert({**msgspec.to_builtins(scenario), "capture": "lived.frames.jsonl", **change}, Scenario)
    path = tmp_path / "wrong.scenario.yaml"
    path.write_text(write(wrong))
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"market": Market(levels=500)}, "the market was recorded"),
        ({"script": (Sync(), Send(shape=Shape(kind="drain")), Settle())}, "cannot be asked to be 'drain'"),
        (
            {"script": (Sync(), Inject(fault=specs.Drop(shape=Shape(kind="delete"))), Send(count=9), Settle())},
            "cannot be asked to be 'delete'",
        ),
        ({"script": (Inject(fault=specs.StraddledRest()), Sync(), Settle())}, "in the middle of a recorded update"),
        ({"script": (Sync(), Oddity(fault=specs.Resnapshot(empty=True)), Settle())}, "was not empty"),
        ({"dialects": None}, "a recording is of one dialect"),
    ],
)
def test_what_a_recording_cannot_express_is_told(change: dict[str, object], message: str) -> None:
    from bookproof_exchange.scenario.captured import problems

    plain = Scenario(
        id="x/y",
        title="x",
        purpose="x",
        rules=("no-false-alarm",),
        dialects=("kraken-v2",),
        capture="x",
        script=(Sync(), Send(), Settle()),
    )
    assert list(problems(plain)) == []
    found = list(problems(msgspec.structs.replace(plain, **change)))
    assert [message in problem.message for problem in found] == [True]


@pytest.mark.parametrize(
    ("script", "used"),
    [
        ((Sync(), Send(count=500), Settle()), None),
        ((Sync(lead=0), Send(count=80), Inject(fault=specs.Drop()), Send(count=5), Converge(), Settle()), None),
        ((Sync(lead=0), Send(count=90), Inject(fault=specs.Drop()), Send(count=5), Converge(), Settle()), 98),
        (
            (
                Sync(lead=0),
                Send(count=80),
                Inject(fault=specs.Drop()),
                Send(count=5),
                Converge(),
                Send(count=90),
                Settle(),
            ),
            None,
        ),
        ((Sync(lead=0), Send(count=80), Inject(fault=specs.Close(away=15)), Converge(), Settle()), 98),
        ((Sync(lead=0), Inject(fault=specs.Duplicate()), Send(count=500), Settle()), None),
        ((Sync(lead=0), Inject(fault=specs.Drop()), Send(count=500), Settle()), 500),
        ((Sync(lead=3), Send(count=92), Inject(fault=specs.Drop()), Send(count=5), Probe(), Settle()), 100),
    ],
)
def test_a_fault_at_the_end_of_a_recording_can_be_noticed_by_nobody(script: tuple[Step, ...], used: int | None) -> None:
    from bookproof_exchange.scenario.captured import exhausted

    scenario = Scenario(id="x", title="x", purpose="x", rules=(), capture="x", script=script)
    found = exhausted(scenario, 100)
    assert (found is None) == (used is None)
    if found is not None:
        assert f"the script has used {used} when" in found.message
