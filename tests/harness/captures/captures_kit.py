"""Runs over recordings, in memory and under the virtual clock."""

from __future__ import annotations

from pathlib import Path

from bookproof.captures import importer
from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.ideal.client import IdealClient
from bookproof.selftest.prove import run_in_memory
from bookproof_exchange import evidence
from bookproof_exchange.capture import recording as recordings
from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Place, Recording, Said
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.scenario.load import load
from bookproof_exchange.scenario.model import Expect, Market, Scenario, Send, Settle, Step, Subscribe, Sync

BEGAN = 1_790_000_000_000_000


def case(dialect: str, *script: Step, symbols: int = 1, depth: int | None = None, **rest: object) -> Case:
    """A case with a generated market."""
    scenario = Scenario(
        id="test/capture",
        title="test",
        purpose="test",
        rules=("no-false-alarm",),
        market=Market(symbols=symbols),
        subscribe=Subscribe(depth=depth),
        script=script,
        **rest,  # type: ignore[arg-type]
    )
    return Case(dialect=dialect, scenario=scenario, seed=3)


def run(of: Case, make: type[IdealClient] = IdealClient) -> CaseRun:
    (found,) = run_in_memory([of], make=make)
    return found


def lived(dialect: str, updates: int = 120, *, symbols: int = 1, depth: int | None = None) -> CaseRun:
    """What a recorder would have seen: the ideal client, from its start to its end."""
    found = run(case(dialect, Sync(), Send(count=updates), Settle(), symbols=symbols, depth=depth))
    assert found.result.verdict == "pass", found.result.message
    return found


def written_down(of: CaseRun) -> Recording:
    """The evidence of a run as a recording."""
    entries: list[Opened | Said | Closed | Fetched] = []
    for number, record in enumerate(of.evidence):
        # the virtual clock stands still while things happen; a real one does not
        at, place = BEGAN + number * 1000, Place("lived", number)
        match record:
            case evidence.Opened():
                entries.append(Opened(at=at, place=place, connection=record.connection, url=record.path))
            case evidence.Received():
                frame = Frame(record.payload, record.binary)
                entries.append(Said(at=at, place=place, connection=record.connection, by="client", frame=frame))
            case evidence.Sent(message=message):
                entries.append(Said(at=at, place=place, connection=record.connection, by="venue", frame=message.frame))
            case evidence.Rest():
                entries.append(Fetched(at=at, place=place, request=record.request, answer=record.answer))
            case evidence.Closed(by=by):
                who = "client" if by == "client" else "venue"
                entries.append(
                    Closed(at=at, place=place, connection=record.connection, by=who, code=record.code)  # type: ignore[arg-type]
                )
            case _:
                pass
    return Recording(entries=tuple(entries))


def imported(folder: Path, recording: Recording, dialect: str, *symbols: str) -> Scenario:
    """The scenario that an import makes of a recording, from its files."""
    made = importer.make(
        recording, DIALECTS.get(dialect), source="lived.jsonl", symbols=symbols, beside="lived.frames.jsonl"
    )
    (folder / "lived.frames.jsonl").write_bytes(b"".join(recordings.write(made.frames)))
    path = folder / "lived.scenario.yaml"
    path.write_text(made.text)
    return load(path)


def replay(scenario: Scenario, *script: Step, make: type[IdealClient] = IdealClient, **expect: object) -> CaseRun:
    """A run over the recording of a scenario, with another script where one is given."""
    if script:
        scenario = Scenario(
            id=scenario.id,
            title=scenario.title,
            purpose=scenario.purpose,
            rules=("no-false-alarm", "gap-restart", "recover-after-checksum"),
            dialects=scenario.dialects,
            capture=scenario.capture,
            market=scenario.market,
            subscribe=scenario.subscribe,
            script=script,
            expect=Expect(**expect),  # type: ignore[arg-type]
        )
    assert scenario.dialects is not None
    return run(Case(dialect=scenario.dialects[0], scenario=scenario, seed=1), make)


def sent(of: CaseRun) -> dict[int, list[bytes]]:
    """By connection: everything that the exchange said, but for the timer lane."""
    lanes: dict[int, list[bytes]] = {}
    for record in of.evidence:
        if isinstance(record, evidence.Sent) and not record.timer:
            lanes.setdefault(record.connection, []).append(record.message.payload)
    return lanes


def answered(of: CaseRun) -> list[bytes]:
    """The bodies of the REST answers."""
    return [record.answer.body for record in of.evidence if isinstance(record, evidence.Rest) and record.answer]
