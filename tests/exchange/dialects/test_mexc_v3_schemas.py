"""Everything that the exchange sends in a random session is what the schemas and the .proto say."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from mexc_v3_kit import DEALS, DEPTH, LIMIT, SCHEMAS, TICKER, market, parsed, session, ticks

from bookproof_exchange.dialects.api import Edit, Frame, Kind, Message
from bookproof_exchange.dialects.mexc_v3 import DIALECT, wire


def validator(name: str) -> Any:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))


REPLY, REQUEST = validator("reply"), validator("request")
TOPICS = [
    *(DEPTH.format(symbol) for symbol in ("BTCUSDT", "ETHUSDT", "MXUSDT")),
    *(DEALS.format(symbol) for symbol in ("BTCUSDT", "MXUSDT")),
    DEPTH.format("BTCUSDT").replace("100ms", "10ms"),
    TICKER.format("BTCUSDT"),
    LIMIT.format("ETHUSDT", 5),
    LIMIT.format("BTCUSDT", 20),
    "spot@public.kline.v3.api.pb@BTCUSDT@Min1",
    "spot@public.miniTickers.v3.api.pb@UTC+8",
    "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT",
    "spot@private.deals.v3.api.pb",
    "spot@public.deals.v3.api@BTCUSDT",
    DEPTH.format("NOSUCH"),
]


def check(message: Message) -> None:
    if not message.binary:
        REPLY.validate(json.loads(message.payload))
        assert message.kind in (Kind.ACK, Kind.REFUSAL, Kind.REPLY)
        return
    wrapper = parsed(message.payload)
    wrapper.DiscardUnknownFields()
    assert wrapper.SerializeToString() == message.payload, "known fields only, and the bytes that the library writes"
    assert wrapper.channel
    assert wrapper.HasField("symbol")
    assert wrapper.HasField("sendTime")
    kinds = {
        "publicAggreDepths": Kind.UPDATE,
        "publicAggreDeals": Kind.TRADES,
        "publicAggreBookTicker": Kind.OTHER_DATA,
        "publicLimitDepths": Kind.OTHER_DATA,
    }
    assert kinds[wrapper.WhichOneof("body")] is message.kind
    numbers = [field.number for field in wire.split(message.payload)]
    assert numbers[:3] == [1, 3, 6]
    assert len(numbers) == 4


@pytest.mark.parametrize("seed", range(6))
def test_a_random_session(seed: int) -> None:
    draw = random.Random(seed)
    view = market(seed, profile=draw.choice(["busy", "thin", "one-sided"]))
    connection = session(view)
    seen = set()
    for _ in range(120):
        match draw.randrange(6):
            case 0 | 1:
                request: dict[str, Any] = {
                    "method": draw.choice(["SUBSCRIPTION", "SUBSCRIPTION", "UNSUBSCRIPTION"]),
                    "params": draw.sample(TOPICS, draw.randint(1, 4)),
                }
                if draw.random() < 0.5:
                    request["id"] = draw.randrange(1000)
                REQUEST.validate(request)
                messages = connection.receive(Frame(json.dumps(request).encode())).messages
            case 2:
                messages = connection.receive(Frame(b'{"method":"PING"}')).messages
            case _:
                symbol = draw.choice(list(view.instruments))
                messages = tuple(
                    message
                    for tick in ticks(view, symbol, draw.randint(1, 4), draw.randrange(10**6))
                    for message in connection.publish(tick)
                )
        for message in messages:
            check(message)
            seen.add(message.kind)
    assert seen == {Kind.ACK, Kind.REFUSAL, Kind.REPLY, Kind.UPDATE, Kind.TRADES, Kind.OTHER_DATA}


def test_the_ideal_clients_requests_are_requests() -> None:
    frames = [
        *DIALECT.ideal.subscribe(["BTCUSDT", "MXUSDT"], ["book", "trades"], None),
        *DIALECT.ideal.unsubscribe(["BTCUSDT"], ["book"], None),
        DIALECT.ideal.keepalive(),
    ]
    for frame in frames:
        assert frame is not None
        REQUEST.validate(json.loads(frame.payload))


@pytest.mark.parametrize(
    "reply",
    [
        {"id": 0, "code": 0},
        {"id": -1, "code": 0, "msg": "PONG"},
        {"id": 0, "code": 1, "msg": "PONG"},
        {"id": 0, "code": 0, "msg": "pong"},
        {"id": 0, "code": 0, "msg": "Not Subscribed successfully! [x].  Reason: Blocked! "},
    ],
)
def test_the_schema_of_replies_refuses_what_the_venue_does_not_say(reply: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        REPLY.validate(reply)


def test_edited_messages_still_decode_unless_they_are_meant_not_to() -> None:
    view = market(1, symbols=1)
    connection = session(view)
    connection.receive(Frame(json.dumps({"method": "SUBSCRIPTION", "params": [DEPTH.format("BTCUSDT")]}).encode()))
    for tick in ticks(view, "BTCUSDT", 10, 1):
        (message,) = connection.publish(tick)
        for kind in DIALECT.traits.edits - {"cut", "foreign-symbol"}:
            made = DIALECT.edit(message, Edit(kind=kind), view)  # type: ignore[arg-type]
            if made is not None:
                assert parsed(made.payload).symbol == "BTCUSDT"
