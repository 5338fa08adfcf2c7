"""Tapes: every edit against plain lists, and what comes back when the bytes are read as frames."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from server_fakes import Client, FakeHost, serving

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.script.actions import HangUp, Play
from bookproof_exchange.server.frames import Sharing, encode, join
from bookproof_exchange.server.tape import Reel, Tape

Row = tuple[Frame, int]

frames = st.builds(Frame, st.binary(max_size=300), st.booleans())
rows = st.lists(st.tuples(frames, st.integers(0, 1 << 40)), min_size=1, max_size=12)


def record(rows: list[Row]) -> Tape:
    return Tape.record((frame for frame, _ in rows), [version for _, version in rows])


def contents(tape: Tape) -> list[Row]:
    """What the tape says of itself, checked against its bytes."""
    assert b"".join(tape.spans()) == b"".join(encode(tape.frame(at)) for at in range(len(tape)))
    assert list(tape.versions()) == [tape.version(at) for at in range(len(tape))]
    return [(tape.frame(at), tape.version(at)) for at in range(len(tape))]


@given(rows, st.data())
def test_edits_are_edits_of_a_list(rows: list[Row], data: st.DataObject) -> None:
    tape, model = record(rows), list(rows)
    for _ in range(data.draw(st.integers(0, 6))):
        if not model:
            break
        at = data.draw(st.integers(0, len(model) - 1))
        match data.draw(st.sampled_from(["without", "repeated", "moved", "swapped", "patched", "between", "joined"])):
            case "without":
                count = data.draw(st.integers(0, len(model) - at))
                tape = tape.without(at, count)
                del model[at : at + count]
            case "repeated":
                later = data.draw(st.integers(0, len(model) - at - 1))
                tape = tape.repeated(at, later)
                model.insert(at + 1 + later, model[at])
            case "moved":
                by = data.draw(st.integers(0, len(model) - at - 1))
                tape = tape.moved(at, by)
                model.insert(at + by, model.pop(at))
            case "swapped":
                other = data.draw(st.integers(0, len(model) - 1))
                tape = tape.swapped(at, other)
                model[at], model[other] = model[other], model[at]
            case "patched":
                frame = data.draw(frames)
                tape = tape.patched(at, frame)
                model[at] = (frame, model[at][1])
            case "between":
                last = data.draw(st.integers(at, len(model)))
                tape = tape.between(at, last)
                model = model[at:last]
            case _:
                tape = tape + tape
                model = model + model
    assert contents(tape) == model
    assert tape.size() == sum(len(encode(frame)) for frame, _ in model)


@given(rows, st.integers(9, 15))
def test_the_compressed_tape_holds_the_same_messages(rows: list[Row], window: int) -> None:
    tape = record(rows).repeated(0)
    compressed = tape.compressed(window)
    assert [compressed.frame(at) for at in range(len(tape))] == [tape.frame(at) for at in range(len(tape))]
    assert list(compressed.versions()) == list(tape.versions())
    assert b"".join(compressed.spans()) == b"".join(encode(tape.frame(at), window) for at in range(len(tape)))
    assert tape.compressed(window).runs[0].reel is compressed.runs[0].reel


def test_an_edit_copies_nothing() -> None:
    tape = Tape.record([Frame(b"x" * 100)] * 1000)
    edited = tape.without(10).swapped(100, 200).repeated(300, 5).moved(400, 3)
    assert {id(run.reel) for run in edited.runs} == {id(tape.runs[0].reel)}
    assert len(edited.runs) <= 12
    assert len(tape) == 1000
    assert len(tape.between(0, 500) + tape.between(500, 1000)) == 1000
    assert len((tape.between(0, 500) + tape.between(500, 1000)).runs) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tape: tape.frame(3),
        lambda tape: tape.version(-1),
        lambda tape: tape.between(2, 4),
        lambda tape: tape.without(3),
        lambda tape: tape.repeated(1, 2),
        lambda tape: tape.moved(2, 1),
        lambda tape: tape.swapped(0, 3),
        lambda tape: tape.swapped(3, 3),
        lambda tape: tape.patched(3, Frame(b"")),
    ],
)
def test_positions_outside_are_errors(wrong: Callable[[Tape], object]) -> None:
    with pytest.raises(IndexError):
        wrong(Tape.record([Frame(b"a")] * 3))


def test_versions_must_match_the_messages() -> None:
    with pytest.raises(ValueError, match="1 messages but 2 versions"):
        Reel.record([Frame(b"")], [1, 2])


def test_an_empty_tape() -> None:
    assert (len(Tape()), Tape().spans(), Tape().size(), len(Tape.record([]))) == (0, [], 0, 0)


@given(st.lists(frames, max_size=20).map(tuple), st.sampled_from([0, 9, 15]))
def test_joined_frames_are_encoded_frames(many: tuple[Frame, ...], window: int) -> None:
    expected = b"".join(encode(frame, window) for frame in many)
    assert join(many, window) == expected
    sharing = Sharing(most=2)
    for _ in range(2):
        assert sharing.join(many, 0, len(many), window) == expected
        assert sharing.join(many, 0, len(many) // 2, window) == join(many[: len(many) // 2], window)
        assert sharing.join((Frame(b"other"),), 0, 1, window) == encode(Frame(b"other"), window)


def test_one_tape_on_many_connections_of_which_one_does_not_read() -> None:
    """Twenty connections play the same edited tape; a laggard in their midst stops nobody, and gets all when it reads."""

    async def main() -> None:
        tape = Tape.record([Frame(b"%06d" % number * 100) for number in range(3_000)]).without(5).repeated(7, 3)
        expected = b"".join(tape.spans())
        host = FakeHost()
        async with serving(host, send_buffer=8192, linger=1.0) as watched:
            clients = [await Client.dial(watched.address) for _ in range(20)]
            watched.server.perform([Play(number, tape, 0, len(tape)) for number in range(1, 21)])
            watched.server.perform([HangUp(number, "fin") for number in range(2, 21)])

            async def read(client: Client) -> None:
                total = bytearray()
                async for part in client.stream:
                    total += part
                    if len(total) >= len(expected):
                        break
                assert total == expected

            laggard, *others = clients
            async with trio.open_nursery() as nursery:
                for client in others:
                    nursery.start_soon(read, client)
            assert ("closed", 1) not in [note[:2] for note in host.closings()]
            await read(laggard)

    trio.run(main)
