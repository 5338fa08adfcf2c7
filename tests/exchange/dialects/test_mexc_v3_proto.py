"""The table, the .proto files and the bytes agree."""

from __future__ import annotations

import re

import pytest
from google.protobuf import descriptor_pb2, json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from mexc_v3_kit import SCHEMAS

from bookproof_exchange.dialects.mexc_v3 import proto, wire
from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper

_FIELD = re.compile(r"(repeated |optional )?(\w+) (\w+) = (\d+);")


def declared() -> dict[str, dict[str, tuple[int, str, str]]]:
    """What the .proto files say: message to field to (number, type, mark of the table)."""
    messages: dict[str, dict[str, tuple[int, str, str]]] = {}
    for path in sorted(SCHEMAS.glob("*.proto")):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        assert 'syntax = "proto3";' in text
        assert "package" not in text
        assert text.count("{") == text.count("}")
        for chunk in re.split(r"^message ", text, flags=re.MULTILINE)[1:]:
            name = chunk.split()[0]
            inside = chunk.partition("oneof body {")[2].partition("}")[0]
            fields: dict[str, tuple[int, str, str]] = {}
            for part, mark in ((inside, "|"), (chunk.replace(inside, "") if inside else chunk, "")):
                for label, kind, field, number in _FIELD.findall(part):
                    fields[field] = (int(number), kind, mark or {"repeated ": "*", "optional ": "?", "": ""}[label])
            assert len(fields) == chunk.count(" = "), name
            assert name not in messages
            messages[name] = fields
    return messages


def test_the_proto_files_say_what_the_table_says() -> None:
    table: dict[str, dict[str, tuple[int, str, str]]] = {}
    for name, fields in proto.TABLE.items():
        table[name] = {}
        for entry in fields.split():
            label, number, kind = re.fullmatch(r"(\w+)=(\d+):(\w+[*?|]?)", entry).groups()  # type: ignore[union-attr]
            mark = kind[-1] if kind[-1] in "*?|" else ""
            table[name][label] = (int(number), kind.rstrip("*?|"), mark)
    assert declared() == table


def test_the_descriptors_say_what_the_proto_files_say() -> None:
    kinds = {5: "int32", 3: "int64", 8: "bool", 9: "string"}
    for name, fields in declared().items():
        descriptor = descriptor_pb2.DescriptorProto()
        proto.message_class(name).DESCRIPTOR.CopyToProto(descriptor)
        seen = {}
        for field in descriptor.field:
            kind = field.type_name.removeprefix(".") or kinds[field.type]
            mark = ""
            if field.label == field.LABEL_REPEATED:
                mark = "*"
            elif field.proto3_optional:
                mark = "?"
            elif field.HasField("oneof_index"):
                assert descriptor.oneof_decl[field.oneof_index].name == "body"
                mark = "|"
            seen[field.name] = (field.number, kind, mark)
        assert seen == fields, name


#: Written by hand from the encoding rules: what stands on the wire, and what it means.
VECTORS = {
    "one bid": (
        bytes.fromhex("0a2e")
        + b"spot@public.aggre.depth.v3.api.pb@10ms@ETHUSDT"
        + bytes.fromhex("1a07")
        + b"ETHUSDT"
        + bytes.fromhex("30e787809fef33ca1352")
        + bytes.fromhex("120e 0a07") + b"2411.37" + bytes.fromhex("1203") + b"0.5"
        + bytes.fromhex("1a26") + b"spot@public.aggre.depth.v3.api.pb@10ms"
        + bytes.fromhex("220b") + b"30000000001"
        + bytes.fromhex("2a0b") + b"30000000004",
        {
            "channel": "spot@public.aggre.depth.v3.api.pb@10ms@ETHUSDT",
            "symbol": "ETHUSDT",
            "sendTime": "1782208005095",
            "publicAggreDepths": {
                "bids": [{"price": "2411.37", "quantity": "0.5"}],
                "eventType": "spot@public.aggre.depth.v3.api.pb@10ms",
                "fromVersion": "30000000001",
                "toVersion": "30000000004",
            },
        },
    ),
    "no body": (
        bytes.fromhex("0a0161") + bytes.fromhex("1a024d58") + bytes.fromhex("3001"),
        {"channel": "a", "symbol": "MX", "sendTime": "1"},
    ),
    "a ticker with an empty side": (
        bytes.fromhex("0a0161") + bytes.fromhex("da1306 0a0131 120132"),
        {"channel": "a", "publicAggreBookTicker": {"bidPrice": "1", "bidQuantity": "2"}},
    ),
    "an empty body": (bytes.fromhex("0a0161 ca1300"), {"channel": "a", "publicAggreDepths": {}}),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str) -> None:
    payload, meaning = VECTORS[name]
    assert json_format.MessageToDict(PushDataV3ApiWrapper.FromString(payload)) == meaning
    assert json_format.ParseDict(meaning, PushDataV3ApiWrapper()).SerializeToString() == payload
    assert wire.join(wire.split(payload)) == payload


def test_the_messages_do_not_collide_with_the_venues_own_generated_code() -> None:
    from google.protobuf import descriptor_pool

    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("PushDataV3ApiWrapper")


_FIELDS = st.lists(
    st.one_of(
        st.builds(wire.Field, st.integers(1, 2**29 - 1), st.just(wire.Wire.VARINT), st.integers(0, 2**64 - 1)),
        st.builds(wire.Field, st.integers(1, 400), st.just(wire.Wire.BYTES), st.binary(max_size=300)),
        st.builds(wire.Field, st.integers(1, 400), st.just(wire.Wire.FIXED32), st.binary(min_size=4, max_size=4)),
        st.builds(wire.Field, st.integers(1, 400), st.just(wire.Wire.FIXED64), st.binary(min_size=8, max_size=8)),
    ),
    max_size=8,
)


@given(_FIELDS)
@settings(deadline=None)
def test_split_takes_apart_what_join_puts_together(fields: list[wire.Field]) -> None:
    assert wire.split(wire.join(fields)) == fields


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_split_reads_or_refuses_any_bytes(payload: bytes) -> None:
    try:
        fields = wire.split(payload)
    except wire.WireError:
        return
    assert wire.split(wire.join(fields)) == fields


@given(st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_varints_are_the_librarys(value: int) -> None:
    message = PushDataV3ApiWrapper(sendTime=value)
    assert b"\x30" + wire.varint(value) == message.SerializeToString()
