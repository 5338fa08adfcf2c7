"""The protocol's structs and its JSON Schema say the same; refusals say what is wrong."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bookproof.drivers import protocol
from bookproof.drivers.api import (
    BalanceShown,
    BookShown,
    ClientInfo,
    EventShown,
    FillShown,
    OrderShown,
    Shown,
    Start,
    TickerShown,
    TradeShown,
)
from bookproof.drivers.lines import LineSplitter, LineTooLong
from bookproof.drivers.protocol import LineDecoder
from bookproof.drivers.stderr_log import KEEP_BYTES, KEEP_LINES, StderrLog
from bookproof_exchange.data import folder
from bookproof_exchange.errors import AdapterError

SCHEMA = json.loads((folder("schemas") / "driver" / "v1.json").read_text())


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


FROM_ADAPTER = validator("adapter_to_harness")
TO_ADAPTER = validator("harness_to_adapter")


def accepts(message: Any, numbers: Any) -> bool:
    decoder = LineDecoder()
    decoder.expect(numbers)
    try:
        decoder.decode(msgspec.json.encode(message))
    except AdapterError:
        return False
    return True


# Messages, right and wrong.

texts = st.text(st.characters(codec="utf-8"), max_size=6)
names = st.sampled_from(["X", "BTC/USD", "c1"])
integers = st.integers(-(2**53), 2**53)
naturals = st.integers(0, 2**53)
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8).map(str)
floats = st.floats(allow_nan=False, allow_infinity=False)
sides = st.sampled_from(["buy", "sell"])
idents = integers | texts


def mapping(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    maybe = {name: values | st.none() for name, values in optional.items()}
    return st.fixed_dictionaries(required, optional={**maybe, "t": integers, "a_new_field": texts})


def messages(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    row = st.tuples(numbers, numbers) | st.tuples(numbers, numbers, texts)
    rows = st.lists(row.map(list), max_size=4)
    lines = {"case": names, "symbol": names}
    hello = st.fixed_dictionaries(
        {
            "type": st.just("hello"),
            "protocol": st.just(1),
            "client": st.fixed_dictionaries(
                {"name": texts.filter(bool)}, optional={"version": texts, "language": texts}
            ),
            "dialects": st.lists(texts, max_size=2),
            "channels": st.lists(texts, max_size=2),
            "push": st.booleans(),
            "claims": st.booleans(),
            "numbers": st.sampled_from(["string", "float"]),
        },
        optional={
            "atomic_read": st.booleans(),
            "sorted_by_adapter": st.booleans(),
            "isolation": st.sampled_from(["case", "process"]),
        },
    )
    book = {**lines, "type": st.just("book"), "claim": st.sampled_from(["live", "stale", "syncing"])}
    return st.one_of(
        hello,
        mapping({"type": st.just("started")}, {"case": names, "depth_shown": st.integers(1, 5000)}),
        mapping({"type": st.just("unsupported"), "reason": texts.filter(bool)}, {"case": names}),
        mapping({"type": st.just("stopped"), "case": names}, {}),
        mapping({**book, "bids": rows, "asks": rows}, {"version": idents, "read": naturals}),
        mapping(
            {**book, "claim": st.just("none"), "bids": st.just([]), "asks": st.just([])},
            {"version": idents, "read": naturals},
        ),
        mapping(
            {**lines, "type": st.just("trade"), "price": numbers, "size": numbers},
            {"side": sides, "trade_id": idents},
        ),
        mapping(
            {**lines, "type": st.just("ticker"), "values": st.dictionaries(texts, numbers, max_size=3)},
            {"version": idents, "read": naturals},
        ),
        mapping(
            {**lines, "type": st.just("order"), "order_id": idents, "status": st.sampled_from(["open", "filled"])},
            {"side": sides, "price": numbers, "size": numbers, "filled": numbers, "client_id": idents},
        ),
        mapping(
            {**lines, "type": st.just("fill"), "order_id": idents, "price": numbers, "size": numbers},
            {"side": sides, "trade_id": idents, "fee": numbers, "fee_asset": texts},
        ),
        mapping(
            {**lines, "type": st.just("balance"), "total": numbers},
            {"available": numbers, "version": idents, "read": naturals},
        ),
        mapping(
            {"type": st.just("event"), "case": names, "kind": st.sampled_from(["error", "resync"]), "message": texts},
            {"symbol": names, "channel": texts, "exception": texts},
        ),
    )


GOOD = {"string": messages(decimals), "float": messages(floats)}
both = pytest.mark.parametrize("numbers", ["string", "float"])


@both
@given(st.data())
@settings(max_examples=80, deadline=None)
def test_what_the_protocol_allows_is_valid_and_decoded(numbers: str, data: st.DataObject) -> None:
    message = data.draw(GOOD[numbers])
    FROM_ADAPTER.validate(message)
    decoder = LineDecoder()
    decoder.expect(numbers)  # type: ignore[arg-type]
    says = decoder.decode(msgspec.json.encode(message))
    if message["type"] == "book":
        assert isinstance(says.what, BookShown)
        spell = repr if numbers == "float" else str
        wanted = tuple((spell(row[0]), spell(row[1]), *row[2:]) for row in message["bids"])
        assert says.what.bids == wanted


WRONG = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "1",
    "NaN",
    [],
    {},
    [["1"]],
    [[1.5, 2.5], ["1", "2"]],
    [[1.5, 2.5, 3]],
    {"a": "b"},
]


@both
@given(st.data())
@settings(max_examples=200, deadline=None)
def test_schema_and_structs_refuse_the_same(numbers: str, data: st.DataObject) -> None:
    """A good message with one field replaced, dropped or renamed: both accept it, or both refuse it."""
    message = data.draw(GOOD[numbers])
    field = data.draw(st.sampled_from(sorted(message)))
    how = data.draw(st.sampled_from(["replace", "drop"]))
    if how == "drop":
        del message[field]
    else:
        message[field] = data.draw(st.sampled_from(WRONG))
    valid = FROM_ADAPTER.is_valid(message)
    accepted = accepts(message, numbers)
    if accepted:
        FROM_ADAPTER.validate(message)
    elif valid:
        # The schema cannot know what hello declared: the other kind of number is all that it lets through.
        other = "float" if numbers == "string" else "string"
        mixed = '[[1.5,2.5],["1","2"]]' in json.dumps(message, separators=(",", ":"))
        assert accepts(message, other) or mixed or (message["type"] != "book" and holds_both(message))


def holds_both(message: dict[str, Any]) -> bool:
    """Whether a message of several numbers now holds texts and numbers."""
    values = message.get("values")
    found = list(values.values()) if isinstance(values, dict) else []
    found += [message[name] for name in ("price", "size", "filled", "fee", "total", "available") if name in message]
    kinds = {isinstance(value, str) for value in found if value is not None}
    return kinds == {True, False}


@given(
    st.builds(
        Start,
        case=texts,
        dialect=texts,
        ws_url=texts,
        rest_url=texts,
        endpoints=st.dictionaries(texts, texts, max_size=2),
        symbols=st.lists(texts, max_size=3).map(tuple),
        depth=st.none() | integers,
        tls_ca=st.none() | texts,
        credentials=st.none() | st.dictionaries(texts, texts, max_size=2),
        time_base=integers,
        options=st.dictionaries(texts, st.integers(0, 9) | texts, max_size=2),
    )
)
@settings(max_examples=50, deadline=None)
def test_what_the_harness_says_is_valid(start: Start) -> None:
    line = protocol.start_line(start)
    data = protocol.encode(line)
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    TO_ADAPTER.validate(json.loads(data))
    assert protocol.decode_harness(data) == line


@pytest.mark.parametrize(
    "line",
    [
        protocol.HelloOut(harness="bookproof 1"),
        protocol.ReadOut(id=1, symbol="X", channel="book"),
        protocol.StopOut(),
        protocol.ByeOut(),
    ],
)
def test_the_other_lines_of_the_harness(line: protocol.HarnessLine) -> None:
    TO_ADAPTER.validate(json.loads(protocol.encode(line)))
    assert protocol.decode_harness(protocol.encode(line)) == line


def test_every_message_is_in_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    defs = SCHEMA["$defs"]
    union = [ref["$ref"].rpartition("/")[2] for ref in defs["adapter_to_harness"]["oneOf"]]
    assert tuple(union) == protocol.ADAPTER_MESSAGES
    assert set(defs["start"]["properties"]) == {"type", *Start.__struct_fields__}
    assert {"type", *Start.__struct_fields__} == set(defs["start"]["required"])


SHOWN: list[Shown] = [
    BookShown(symbol="X", claim="live", bids=(("1.5", "2.0"), ("1.0", "2.0", "id")), asks=(), version=3, read=4),
    BookShown(symbol="X", claim="none", bids=(), asks=()),
    TradeShown(symbol="X", price="1.5", size="2.0", side="buy", trade_id="7"),
    TickerShown(symbol="X", values={"bid": "1.5"}, version="v"),
    OrderShown(symbol="X", order_id="o", status="open", price="1.5", size="2.0", filled="0.0", client_id="c"),
    FillShown(symbol="X", order_id="o", price="1.5", size="2.0", side="sell", fee="0.1", fee_asset="USD"),
    BalanceShown(symbol="USD", total="10.0", available="1.0"),
    EventShown(kind="resync", message="m", symbol="X", channel="book", exception="E", fatal=True),
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: type(shown).__name__)
@pytest.mark.parametrize("floats_", [False, True])
def test_what_a_client_in_memory_shows_survives_its_line(shown: Shown, floats_: bool) -> None:
    line = protocol.encode_shown("c", shown, floats=floats_)
    FROM_ADAPTER.validate(json.loads(line))
    decoder = LineDecoder()
    decoder.expect("float" if floats_ else "string")
    says = decoder.decode(line)
    assert (says.case, says.what) == ("c", shown)


def test_hello_survives_its_line() -> None:
    info = ClientInfo(
        name="n", version="1", language="l", dialects=("a",), push=True, numbers="float", isolation="process"
    )
    says = LineDecoder().decode(protocol.encode(protocol.hello_line(info)))
    assert says.what == protocol.Greeting(info)


@given(st.binary(max_size=80))
@example(b"\xff")
@example(b'{"type":{}}')
@example(b'{"type":"book","bids":[[')
@example(b"[" * 5000)
@example(b'{"type":"stopped","case":"c","new":' + b"[" * 5000)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_decoded_or_refused_with_a_line_number(line: bytes) -> None:
    with pytest.raises(AdapterError, match=r"^line 1: "):
        LineDecoder().decode(line)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_refusal_names_the_message_and_the_field(data: st.DataObject) -> None:
    message = data.draw(messages(decimals))
    fields = sorted(set(message) - {"type", "a_new_field"})
    assume(fields)
    field = data.draw(st.sampled_from(fields))
    message[field] = {"odd": [None]}
    with pytest.raises(AdapterError) as caught:
        LineDecoder().decode(msgspec.json.encode(message))
    assert f"line 1: {message['type']}.{field}" in caught.value.message


def book_line(bids: list[list[Any]], asks: list[list[Any]]) -> bytes:
    return json.dumps(
        {"type": "book", "case": "c", "symbol": "s", "claim": "live", "bids": bids, "asks": asks}
    ).encode()


def decoded(decoder: LineDecoder, line: bytes) -> Any:
    try:
        return decoder.decode(line).what
    except AdapterError as error:
        return error.message.partition(": ")[2]  # without the line's number


_FEW_TEXTS = st.sampled_from(["1", "1.0", "2", "1e2", "-1", "x", "", "1\n2"])
_FEW_FLOATS = st.sampled_from([0.0, -0.0, 1.0, 1, 2.5, 1e300, "1"])


@pytest.mark.parametrize("numbers", ["string", "float"])
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_what_was_decoded_before_changes_nothing(numbers: Any, data: st.DataObject) -> None:
    number = _FEW_TEXTS if numbers == "string" else _FEW_FLOATS
    row = st.lists(number, min_size=2, max_size=2) | st.tuples(number, number, st.just("id")).map(list)
    side = st.lists(row, max_size=3)
    used = LineDecoder()
    used.expect(numbers)
    for bids, asks in data.draw(st.lists(st.tuples(side, side), min_size=2, max_size=6)):
        fresh = LineDecoder()
        fresh.expect(numbers)
        line = book_line(bids, asks)
        assert decoded(used, line) == decoded(fresh, line)


@pytest.mark.parametrize("numbers", ["string", "float"])
def test_a_row_that_comes_again_is_kept_once(numbers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_ROWS", 3)
    one, two = (["1", "2"], ["3", "4"]) if numbers == "string" else ([1.5, 2.0], [3.0, 4.0])
    decoder = LineDecoder()
    decoder.expect(numbers)
    first = decoded(decoder, book_line([one, two], [two]))
    again = decoded(decoder, book_line([two, one], [two]))
    assert again.asks is first.asks
    again = decoded(decoder, book_line([two, one], [one]))
    assert again.bids[0] is first.bids[1]
    assert again.bids[1] is again.asks[0] is first.bids[0]
    rows = decoder._numbers if numbers == "float" else decoder._texts
    for price in range(10, 20):
        decoder.decode(book_line([[str(price), "1"] if numbers == "string" else [float(price), 1.0]], []))
        assert len(rows) <= 4  # no more than the most, and the side that is being read


@pytest.mark.parametrize("text", ["1", "-1", "+1", "0.10", "1.", ".5", "1e-7", "1E+3", "007"])
def test_numbers(text: str) -> None:
    assert accepts({"type": "balance", "case": "c", "symbol": "X", "total": text}, "string")


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1\n", "1_0", "NaN", "inf", "1e1000", "0x1", "1,5", "--1", ".", "e5", "٣"]
)
def test_texts_that_are_no_numbers(text: str) -> None:
    assert not accepts({"type": "balance", "case": "c", "symbol": "X", "total": text}, "string")
    row = {"type": "book", "case": "c", "symbol": "X", "claim": "live", "asks": []}
    assert not accepts({**row, "bids": [["1", text]]}, "string")
    assert not accepts({**row, "bids": [[text, "1"], ["1", "1"]]}, "string")


# Lines.


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_lines_come_whole_however_they_are_cut(pieces: list[bytes], step: int) -> None:
    stream = b"".join(pieces)
    splitter, lines = LineSplitter(10_000), []
    for at in range(0, len(stream), step):
        lines += splitter.feed(stream[at : at + step])
    assert b"\n".join([*lines, splitter.rest]) == stream


@given(st.integers(0, 12), st.integers(1, 5), st.booleans())
def test_line_limit(length: int, step: int, ended: bool) -> None:
    stream = b"x" * length + (b"\n" if ended else b"")
    splitter = LineSplitter(8)

    def feed() -> None:
        for at in range(0, len(stream), step):
            splitter.feed(stream[at : at + step])

    if length > 8:
        with pytest.raises(LineTooLong):
            feed()
    else:
        feed()


@given(st.lists(st.binary(max_size=30)), st.integers(1, 9))
def test_log_keeps_the_last_lines_however_they_are_cut(pieces: list[bytes], step: int) -> None:
    stream = b"".join(pieces)
    log = StderrLog()
    for at in range(0, len(stream), step):
        log.feed(stream[at : at + step])
    wanted = [line.decode("utf-8", "replace").rstrip("\r") for line in stream.split(b"\n")]
    if not stream.split(b"\n")[-1]:
        wanted.pop()
    assert list(log.lines()) == wanted[-KEEP_LINES:]


def test_log_is_bounded_and_forgets_the_case_before() -> None:
    log = StderrLog()
    log.feed(b"a" * 10 * KEEP_BYTES + b"\n" + b"".join(b"%d\n" % n for n in range(1000)))
    assert len(log.lines()) == KEEP_LINES
    assert log.lines()[-1] == "999"
    log.begin_case()
    assert log.lines() == ()
    log.feed(b"z" * 3 * KEEP_BYTES)
    (line,) = log.lines()
    assert line.endswith(f"({2 * KEEP_BYTES} bytes more)")
