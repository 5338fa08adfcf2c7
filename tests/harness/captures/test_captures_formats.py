"""Recordings of other programs: tardis.dev's and cryptofeed's raw files, told apart, merged, and refused with a line."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from captures_kit import BEGAN, lived, written_down

from bookproof.captures import formats
from bookproof_exchange.capture.rebuild import rebuild
from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Recording, Said, micros, write
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError

BINANCE, KRAKEN, MEXC = (DIALECTS.get(name) for name in ("binance-spot", "kraken-v2", "mexc-v3"))


def tardis(recording: Recording) -> bytes:
    """As tardis.dev's recorder would have written it: what the venue said, REST snapshots as messages of their own."""
    out = []
    for entry in recording.entries:
        stamp = datetime.fromtimestamp(entry.at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"
        match entry:
            case Said(by="venue", frame=frame):
                out.append(stamp.encode() + b" " + frame.payload)
            case Fetched(request=request, answer=answer) if answer is not None:
                stream = f"{request.query['symbol'].lower()}@depthSnapshot"
                head = f'{{"stream":"{stream}","generated":true,"data":'
                out.append(stamp.encode() + b" " + head.encode() + answer.body + b"}")
            case Closed():
                out.append(b"")
            case _:
                pass
    return b"\n".join(out) + b"\n"


def cryptofeed(recording: Recording) -> tuple[bytes, bytes]:
    """As cryptofeed's AsyncFileCallback would have written it: a file of the connection, and one of HTTP."""
    ws, http = [b"configuration: {'channels': {}}"], [b"configuration: {}"]
    for entry in recording.entries:
        at = repr(entry.at / 1e6).encode()
        match entry:
            case Opened(url=url):
                ws.append(f"wss://example.com{url} <-> ".encode() + at)
            case Said(by="venue", frame=frame):
                ws.append(at + b": " + (repr(frame.payload).encode() if frame.binary else frame.payload))
            case Said(frame=frame):
                ws.append(b"wss://example.com <- " + at + b": " + frame.payload)
            case Fetched(request=request, answer=answer) if answer is not None:
                query = "&".join(f"{key}={value}" for key, value in request.query.items())
                http.append(f"https://example.com{request.path}?{query} -> ".encode() + at + b": " + answer.body)
            case _:
                pass
    return b"\n".join(ws) + b"\n", b"\n".join(http) + b"\n"


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {name: written_down(lived(name, 30)) for name in DIALECTS.names()}


def truth(recording: Recording, dialect: str) -> object:
    found = rebuild(recording, DIALECTS.get(dialect))
    assert found.holes == ()
    ((stretch,),) = found.stretches.values()
    return (
        stretch.bids,
        stretch.asks,
        [event.changes for event in stretch.events],
        [step.frame for step in stretch.steps],
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dialect", ["binance-spot", "kraken-v2"])
def test_tardis(dialect: str, packed: bool, recordings: dict[str, Recording], tmp_path: Path) -> None:
    path = tmp_path / "2026-09-21-00-00.json.gz"
    content = tardis(recordings[dialect])
    path.write_bytes(gzip.compress(content) if packed else content)
    read = formats.read([str(path)], DIALECTS.get(dialect))
    assert truth(read, dialect) == truth(recordings[dialect], dialect)
    assert all(entry.at >= BEGAN for entry in read.entries)


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_cryptofeed(dialect: str, recordings: dict[str, Recording], tmp_path: Path) -> None:
    ws, http = cryptofeed(recordings[dialect])
    (tmp_path / "X.ws.1.0").write_bytes(ws)
    (tmp_path / "X.http.0.0").write_bytes(http)
    names = [str(tmp_path / "X.http.0.0"), str(tmp_path / "X.ws.1.0")]
    if dialect == "kraken-v2":
        names = names[1:]  # it asks nothing by HTTP, and its file would be empty
    read = formats.read(names, DIALECTS.get(dialect))
    assert truth(read, dialect) == truth(recordings[dialect], dialect)
    said = [entry for entry in read.entries if isinstance(entry, Said) and entry.by == "client"]
    assert len(said) == sum(isinstance(entry, Said) and entry.by == "client" for entry in recordings[dialect].entries)


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_bookproofs_own(dialect: str, recordings: dict[str, Recording], tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(b"".join(write(recordings[dialect])))
    assert truth(formats.read([str(path)], DIALECTS.get(dialect)), dialect) == truth(recordings[dialect], dialect)


def test_an_empty_line_of_tardis_is_the_end_of_a_connection(recordings: dict[str, Recording], tmp_path: Path) -> None:
    lines = tardis(recordings["kraken-v2"]).splitlines()[:-1]
    path = tmp_path / "x"
    path.write_bytes(b"\n".join([*lines[:10], b"", b"", *lines[10:]]))
    read = formats.read([str(path)], KRAKEN)
    assert sum(isinstance(entry, Closed) for entry in read.entries) == 1
    assert {entry.connection for entry in read.entries if isinstance(entry, Said)} == {1, 2}


def test_a_reconnect_of_cryptofeed_is_another_connection(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("configuration: {}\nwss://x/ <-> 1.5\n2.5: {}\nwss://x/ <-> 3.5\n4.5: {}\n")
    read = formats.read([str(path)], KRAKEN)
    assert [(type(entry).__name__, entry.at) for entry in read.entries] == [
        ("Opened", 1_500_000),
        ("Said", 2_500_000),
        ("Closed", 3_500_000),
        ("Opened", 3_500_000),
        ("Said", 4_500_000),
    ]
    assert [entry.connection for entry in read.entries if isinstance(entry, Said)] == [1, 2]


def test_two_files_are_one_recording_in_the_order_of_their_times(tmp_path: Path) -> None:
    head = '{"kind":"recording","version":1}\n'
    for name, seconds in (("a", (1, 3)), ("b", (2, 4))):
        (tmp_path / name).write_text(
            head + "".join(f'{{"kind":"message","at":"1970-01-01T00:00:0{at}Z","text":"{at}"}}\n' for at in seconds)
        )
    read = formats.read([str(tmp_path / "a"), str(tmp_path / "b")], KRAKEN)
    assert [entry.frame.payload for entry in read.entries if isinstance(entry, Said)] == [b"1", b"2", b"3", b"4"]
    assert [entry.connection for entry in read.entries if isinstance(entry, Said)] == [1, 2, 1, 2]


@pytest.mark.parametrize("dialect", ["binance-spot", "kraken-v2"])
def test_tardis_cuts_one_stream_into_files(dialect: str, recordings: dict[str, Recording], tmp_path: Path) -> None:
    rows = tardis(recordings[dialect]).splitlines(keepends=True)
    names = []
    for number, start in enumerate(range(0, len(rows), 9)):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(gzip.compress(b"".join(rows[start : start + 9])))
        names.append(str(path))
    read = formats.read(names[::-1], DIALECTS.get(dialect))
    assert truth(read, dialect) == truth(recordings[dialect], dialect)


def test_cryptofeed_goes_on_in_another_file(recordings: dict[str, Recording], tmp_path: Path) -> None:
    ws, http = cryptofeed(recordings["mexc-v3"])
    rows = ws.splitlines(keepends=True)
    (tmp_path / "MEXC.ws.1.0").write_bytes(b"".join(rows[:15]))
    (tmp_path / "MEXC.ws.1.1").write_bytes(b"".join(rows[15:]))
    (tmp_path / "MEXC.http.0.0").write_bytes(http)
    read = formats.read([str(path) for path in tmp_path.iterdir()], MEXC)
    assert truth(read, "mexc-v3") == truth(recordings["mexc-v3"], "mexc-v3")


def test_a_connection_that_ended_does_not_go_on(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("2026-01-01T00:00:00.0Z {}\n\n")
    (tmp_path / "2").write_text("2026-01-01T00:01:00.0Z {}\n")
    (tmp_path / "3").write_text("2026-01-01T00:02:00.0Z {}\n")
    read = formats.read([str(tmp_path / name) for name in "123"], KRAKEN)
    assert [entry.connection for entry in read.entries if isinstance(entry, Said)] == [1, 2, 2]


def test_a_clock_that_is_set_back_a_little_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("5.0: {}\n4.5: {}\n6.0: {}\n")
    assert [entry.at for entry in formats.read([str(path)], KRAKEN).entries] == [5_000_000, 5_000_000, 6_000_000]


@pytest.mark.parametrize(
    ("content", "dialect", "line", "message"),
    [
        (b"", KRAKEN, None, "expected a recording, found an empty file"),
        (b"\n\n", KRAKEN, None, "expected a recording, found an empty file"),
        (b"time,price\n1,2\n", KRAKEN, 1, "expected a recording (bookproof, tardis or cryptofeed), found 'time,price'"),
        (bytes(range(256)), KRAKEN, 1, "expected a recording"),
        (b'{"kind":"recording","version":1}\n', KRAKEN, None, "expected messages after the first line, found none"),
        (b'{"kind":"recording","version":1,"dialect":"mexc-v3"}\n', KRAKEN, 1, "found one of mexc-v3"),
        (b"2026-01-01T00:00:00.0000000Z {}\n2026-13-01T00:00:00.0000000Z {}\n", KRAKEN, 2, "expected a time such as"),
        (b"2026-01-01T00:00:00.0000000Z {}\nnonsense\n", KRAKEN, 2, "expected a time such as"),
        (
            b"2026-01-01T00:00:00.0000000Z {}\n2026-01-01T00:00:01.0000000Z nonsense\n",
            KRAKEN,
            2,
            "expected a JSON message",
        ),
        (b'2026-01-01T00:00:00.0Z {"channel":"spot@x"}\n', MEXC, 1, "expected the bytes that MEXC sent"),
        (b"5.0: {}\nhello\n", KRAKEN, 2, "expected `time: message`, or `url`, an arrow and a time, found 'hello'"),
        (b"5.0: {}\nwss://x <-> soon\n", KRAKEN, 2, "expected `time: message`"),
        (b"5.0: {}\n6.0: b'x\n", KRAKEN, 2, "expected bytes as Python writes them"),
        (b"5.0: {}\n3.0: {}\n", KRAKEN, 2, "expected a time from 1970-01-01T00:00:05.000000Z on"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    content: bytes, dialect: object, line: int | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        formats.read([str(path)], dialect)  # type: ignore[arg-type]
    text = str(caught.value)
    assert message in text
    assert text.startswith(f"{path}: " if line is None else f"{path}:{line}: ")
    assert "\n" not in text


def test_gzip_that_ends_too_early(recordings: dict[str, Recording], tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    whole = gzip.compress(tardis(recordings["binance-spot"]))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        UsageError, match=r"x\.gz:\d+: expected whole gzip data, found its end or damage after line \d+"
    ):
        formats.read([str(path)], BINANCE)


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bookproof_exchange.capture import recording

    monkeypatch.setattr(recording, "LONGEST_LINE", 1 << 20)
    path = tmp_path / "x"
    path.write_bytes(b"5.0: {}\n6.0: " + b"x" * (1 << 21))
    with pytest.raises(UsageError, match=r"x:2: expected a line of at most 1 MiB"):
        formats.read([str(path)], KRAKEN)


def test_snapshots_that_tardis_made_are_the_answers_that_they_were(
    recordings: dict[str, Recording], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(tardis(recordings["binance-spot"]))
    read = formats.read([str(path)], BINANCE)
    (fetched,) = [entry for entry in read.entries if isinstance(entry, Fetched)]
    assert fetched.answer is not None
    assert (fetched.request.path, dict(fetched.request.query)) == (
        "/api/v3/depth",
        {"symbol": "BTCUSDT", "limit": "1000"},
    )
    assert json.loads(fetched.answer.body).keys() == {"lastUpdateId", "bids", "asks"}
    assert fetched.at == micros("2026-09-21T14:13:20Z") + fetched.at % 1_000_000
