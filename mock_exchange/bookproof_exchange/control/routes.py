"""The operations of the control API, as data: `api` carries them out, `openapi` describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bookproof_exchange.control import model
from bookproof_exchange.control.entries import KINDS

Schema = Mapping[str, Any]

#: Seconds that a request may wait at most for something to happen.
MOST_WAIT = 60.0
#: So many entries come at once.
MOST_ENTRIES = 1000
#: About so many bytes come at once: who asks for more gets fewer entries, and goes on from there.
MOST_ANSWER = 8 << 20
#: Bytes of a payload that come unasked, and at most.
PAYLOAD, MOST_PAYLOAD = 4096, 1 << 20
#: So many updates are made at once by hand.
MOST_UPDATES = 10_000


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of the query."""

    name: str
    text: str
    schema: Schema


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. ``body``: the schema of the request body; ``answer``: the type, or the media type, of what comes."""

    name: str
    method: str
    path: str
    summary: str
    text: str = ""
    query: tuple[Query, ...] = ()
    body: type[msgspec.Struct] | Schema | None = None
    answer: type[msgspec.Struct] | str
    status: int = 200
    example: Any = None

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parts of the path that stand for something; None where it is another path."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()


def _integer(least: int, most: int, default: int | None = None) -> Schema:
    schema: dict[str, Any] = {"type": "integer", "minimum": least, "maximum": most}
    return schema if default is None else {**schema, "default": default}


def reference(name: str) -> Schema:
    """A component by name."""
    return {"$ref": f"#/components/schemas/{name}"}


_SYMBOL = Query(
    name="symbol",
    text="A symbol, or its number from 1. The primary one where it is left out.",
    schema={"type": "string"},
)
_WAIT = Query(
    name="wait",
    text="Seconds to wait, at most, until there is something to say.",
    schema={"type": "number", "minimum": 0, "maximum": MOST_WAIT, "default": 0},
)

ROUTES: tuple[Route, ...] = (
    Route(
        name="page",
        method="GET",
        path="/",
        summary="The live page",
        text="The book, the connections, the wire, and a button for everything that this API can do.",
        answer="text/html",
    ),
    Route(
        name="openapi",
        method="GET",
        path="/openapi.json",
        summary="This description",
        answer="application/json",
    ),
    Route(
        name="state",
        method="GET",
        path="/v1/state",
        summary="How the exchange is now",
        answer=model.Overview,
    ),
    Route(
        name="book",
        method="GET",
        path="/v1/book",
        summary="The truth: the book as it really was",
        text="At the cursor, or at an earlier version, or at the venue's own sequence number.",
        query=(
            _SYMBOL,
            Query(name="depth", text="So many levels a side; all where it is left out.", schema=_integer(1, 100_000)),
            Query(name="version", text="A version from 0 to the cursor's.", schema=_integer(0, 10**12)),
            Query(
                name="sequence",
                text="The version that has this number in the venue's messages (`u`, `lastUpdateId` …).",
                schema=_integer(0, 10**15),
            ),
        ),
        answer=model.Book,
    ),
    Route(
        name="connections",
        method="GET",
        path="/v1/connections",
        summary="The connections and what they are subscribed to",
        answer=model.Links,
    ),
    Route(
        name="wire",
        method="GET",
        path="/v1/wire",
        summary="The wire log after a position",
        text="All that was sent, received, struck and done, in one order. With `wait` a long poll: ask again with `next`.",
        query=(
            Query(
                name="since",
                text="Entries after this position; from the oldest one kept where it is left out.",
                schema=_integer(0, 10**12, 0),
            ),
            Query(
                name="limit",
                text="So many entries at most; fewer where they are large.",
                schema=_integer(1, MOST_ENTRIES, 200),
            ),
            _WAIT,
            Query(name="connection", text="Of this connection only.", schema=_integer(1, 10**9)),
            Query(
                name="kind",
                text=f"Only these kinds, separated by commas: {', '.join(KINDS)}.",
                schema={"type": "string", "pattern": f"^({'|'.join(KINDS)})(,({'|'.join(KINDS)}))*$"},
            ),
            Query(
                name="payload",
                text="So many bytes of each payload at most.",
                schema=_integer(0, MOST_PAYLOAD, PAYLOAD),
            ),
        ),
        answer=model.Wire,
    ),
    Route(
        name="kinds",
        method="GET",
        path="/v1/kinds",
        summary="The kinds of faults and their parameters",
        answer=model.Kinds,
    ),
    Route(
        name="faults",
        method="GET",
        path="/v1/faults",
        summary="The faults that were injected, the newest first",
        query=(Query(name="limit", text="So many at most.", schema=_integer(1, 1000, 100)),),
        answer=model.InjectedList,
    ),
    Route(
        name="inject",
        method="POST",
        path="/v1/faults",
        summary="Inject a fault now",
        text="In the words of a scenario file: its kind, or an object with the kind and its parameters. Stream and "
        "connection faults strike at once, others wait for their moment. What a venue may do counts as an oddity.",
        body=reference("FaultAsked"),
        answer=model.Injected,
        status=201,
        example={"kind": "drop", "count": 2},
    ),
    Route(
        name="fault",
        method="GET",
        path="/v1/faults/{number}",
        summary="Whether a fault struck",
        text="With `wait` it is answered as soon as the fault has struck.",
        query=(_WAIT,),
        answer=model.Injected,
    ),
    Route(
        name="disarm",
        method="DELETE",
        path="/v1/faults/{number}",
        summary="Let a fault that waits strike no more",
        answer=model.Injected,
    ),
    Route(
        name="clear",
        method="DELETE",
        path="/v1/faults",
        summary="Undo all faults",
        text="What waits is disarmed, what stands is lifted, what is held back goes out. For the end of a test.",
        answer=model.Done,
    ),
    Route(
        name="send",
        method="POST",
        path="/v1/send",
        summary="Move the market: send the next updates now",
        text="The parameters of a scenario's step `send`; `symbol` may also be a text.",
        body=reference("SendAsked"),
        answer=model.Done,
        example={"count": 3, "shape": "improve"},
    ),
    Route(
        name="skip",
        method="POST",
        path="/v1/skip",
        summary="Move the market without telling anybody",
        body=model.Skip,
        answer=model.Done,
        example={"count": 3},
    ),
    Route(
        name="quiet",
        method="POST",
        path="/v1/quiet",
        summary="The market does not move by itself for a while",
        text="What is sent by hand is sent. The answer comes at once.",
        body=model.Quiet,
        answer=model.Done,
        example={"seconds": 5},
    ),
    Route(
        name="rate",
        method="PUT",
        path="/v1/rate",
        summary="How fast the market moves by itself",
        body=model.Rate,
        answer=model.Done,
        example={"rate": 0},
    ),
    Route(
        name="lift",
        method="POST",
        path="/v1/lift",
        summary="End every stall and outage",
        body=model.Nothing,
        answer=model.Done,
        example={},
    ),
    Route(
        name="hold",
        method="POST",
        path="/v1/hold",
        summary="Keep back what a recovering client waits for",
        text="Handshakes, acknowledgements and snapshots, until `release`: time to look at what the client shows meanwhile.",
        body=model.Nothing,
        answer=model.Done,
        example={},
    ),
    Route(
        name="release",
        method="POST",
        path="/v1/release",
        summary="Let go what `hold` kept back",
        body=model.Nothing,
        answer=model.Done,
        example={},
    ),
    Route(
        name="await",
        method="POST",
        path="/v1/await",
        summary="Wait for something that the client must do",
        text="Since the last fault struck or, without one, since the exchange began; or since a position.",
        body=model.Await,
        answer=model.Happened,
        example={"what": "subscribe", "limit": 0.1},
    ),
    Route(
        name="scenarios",
        method="GET",
        path="/v1/scenarios",
        summary="The scenarios of the catalogue",
        answer=model.Scenarios,
    ),
    Route(
        name="scenario",
        method="GET",
        path="/v1/scenario",
        summary="The scenario that was started last",
        query=(_WAIT,),
        text="With `wait` it is answered as soon as that one is over.",
        answer=model.Running,
    ),
    Route(
        name="start",
        method="POST",
        path="/v1/scenario",
        summary="Play a scenario's script on the present market",
        text="For whoever is connected; nobody is disconnected. Its `market` and `seed` do not count: those are the served "
        "exchange's. What looks at a client's book has none to look at, and goes on when the client has read everything. "
        "The market does not move by itself meanwhile.",
        body=model.Start,
        answer=model.Running,
        status=201,
        example={"id": "book/gap/single"},
    ),
    Route(
        name="stop",
        method="DELETE",
        path="/v1/scenario",
        summary="Stop the scenario that is being played",
        text="What it holds back goes out, what stands is lifted, its faults that wait are disarmed.",
        answer=model.Running,
    ),
    Route(
        name="recording",
        method="GET",
        path="/v1/recording",
        summary="What was done, as a scenario file",
        text="What `bookproof scenario check` accepts and `bookproof run --scenarios` plays.",
        query=(
            Query(
                name="id",
                text="The scenario's id.",
                schema={"type": "string", "default": "own/recorded"},
            ),
            Query(
                name="title",
                text="What happens, in a few words.",
                schema={"type": "string", "default": "Recorded by hand"},
            ),
            Query(
                name="purpose",
                text="What a client must do then.",
                schema={
                    "type": "string",
                    "default": "The client must keep its book right through what was done by hand.",
                },
            ),
        ),
        answer="application/yaml",
    ),
    Route(
        name="forget",
        method="DELETE",
        path="/v1/recording",
        summary="Begin the recording anew",
        answer=model.Done,
    ),
)
