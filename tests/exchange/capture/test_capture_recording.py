"""The recording format: what is written is read again, and what is no recording is told with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capture_kit import plain
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bookproof_exchange.capture import schema
from bookproof_exchange.capture.recording import (
    Closed,
    Fetched,
    Opened,
    Place,
    Recording,
    Said,
    micros,
    read,
    timestamp,
    write,
)
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.errors import UsageError

TIMES = st.integers(0, 4_000_000_000_000_000)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLACE = Place("x", 0)
FRAMES = st.one_of(
    TEXTS.map(lambda text: Frame(text.encode())), st.binary().map(lambda payload: Frame(payload, binary=True))
)
WHO = st.sampled_from(["client", "venue"])
NUMBERS = st.integers(1, 9)
ANSWERS = st.builds(
    HttpAnswer,
    status=st.integers(100, 599),
    body=st.one_of(TEXTS.map(str.encode), st.binary()),
    headers=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
)
REQUESTS = st.builds(
    HttpRequest,
    method=st.sampled_from(["GET", "POST"]),
    path=st.just("/api/v3/depth"),
    query=st.dictionaries(st.text("abcXYZ", min_size=1), st.text("abc123@/ &=é")),
)
ENTRIES = st.lists(
    st.one_of(
        st.builds(Opened, at=TIMES, place=st.just(PLACE), connection=NUMBERS, url=TEXTS),
        st.builds(Said, at=TIMES, place=st.just(PLACE), connection=NUMBERS, by=WHO, frame=FRAMES),
        st.builds(
            Closed,
            at=TIMES,
            place=st.just(PLACE),
            connection=NUMBERS,
            by=WHO,
            code=st.none() | st.integers(1000, 4999),
            reason=TEXTS,
        ),
        st.builds(Fetched, at=TIMES, place=st.just(PLACE), request=REQUESTS, answer=st.none() | ANSWERS),
    ),
    max_size=12,
)


def lines(recording: Recording) -> list[bytes]:
    return [line.rstrip(b"\n") for line in write(recording)]


@given(ENTRIES)
def test_what_was_written_is_read_again(entries: list[Opened | Said | Closed | Fetched]) -> None:
    written = lines(Recording(entries=tuple(entries), dialect="kraken-v2", depths={"BTC/USD": 25}))
    again = read(written, "x")
    assert [line for line in written if b"\n" in line] == []
    for number, (one, other) in enumerate(zip(entries, again.entries, strict=True), 2):
        assert other.place == ("x", number)
        assert lines(Recording(entries=(other,))) == lines(Recording(entries=(one,)))
    assert (again.dialect, again.depths) == ("kraken-v2", {"BTC/USD": 25})


@given(ENTRIES)
def test_every_line_has_the_form_of_the_schema(entries: list[Opened | Said | Closed | Fetched]) -> None:
    validator = Draft202012Validator(schema.schema())
    for line in lines(Recording(entries=tuple(entries))):
        validator.validate(json.loads(line))


def test_the_schema_in_the_repository_is_current() -> None:
    path = Path(__file__).parents[3] / "schemas" / "recording.v1.json"
    assert path.read_text() == schema.text()


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_bytes_survive(dialect: str) -> None:
    venue = plain(dialect, 5)
    again = read(lines(venue.recording()), "x")
    said = [entry.frame for entry in again.entries if isinstance(entry, Said)]
    assert said == [entry.frame for entry in venue.entries if isinstance(entry, Said)]


@given(TIMES)
def test_times_survive(at: int) -> None:
    assert micros(timestamp(at)) == at


def test_times_of_other_precision() -> None:
    assert micros("1970-01-01T00:00:01Z") == 1_000_000
    assert micros("1970-01-01T00:00:00.1234567Z") == 123_456
    assert micros("1970-01-01T01:00:00+01:00") == 0


HEAD = b'{"kind":"recording","version":1}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "x: expected a recording, found nothing"),
        ([b"", b"{"], "x:2: expected one JSON object"),
        ([b"[]"], "x:1: expected a line of a recording"),
        ([b'{"kind":"recording","version":2}'], "x:1: expected version 1 of the format, found 2"),
        ([b'{"kind":"open","at":"2026-01-01T00:00:00Z"}'], "x:1: expected the first line of a recording"),
        ([HEAD, HEAD], "x:2: expected what happened next, found a second first line"),
        ([HEAD, b'{"kind":"massage","at":"x"}'], "x:2: expected a line of a recording: Invalid value 'massage'"),
        ([HEAD, b'{"kind":"message","at":"x","text":"","txt":1}'], "x:2: expected a line of a recording"),
        ([HEAD, b'{"kind":"message","at":"yesterday","text":""}'], "x:2: expected a time such as"),
        ([HEAD, b'{"kind":"message","at":"2026-01-01T00:00:00","text":""}'], "x:2: expected a time such as"),
        ([HEAD, b'{"kind":"message","at":"2026-01-01T00:00:00Z"}'], "x:2: expected `text` or `base64`, found neither"),
        ([HEAD, b'{"kind":"message","at":"2026-01-01T00:00:00Z","text":"","base64":""}'], "found both"),
        ([HEAD, b'{"kind":"message","at":"2026-01-01T00:00:00Z","base64":"*"}'], "x:2: expected base64"),
        ([HEAD, b'{"kind":"http","at":"2026-01-01T00:00:00Z","url":"/","status":7}'], "x:2: expected a line"),
        ([b"\xff\xfe"], "x:1: expected"),
        (
            [HEAD, b'{"kind":"open","at":"2026-01-01T00:00:00Z","url":"wss://[x]/"}'],
            "x:2: expected a URL, found 'wss://[x]/'",
        ),
        ([HEAD, b'{"kind":"http","at":"2026-01-01T00:00:00Z","url":"//[x]/"}'], "x:2: expected a URL"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(content: list[bytes], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(content, "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
