"""Transcripts: the evidence of a case as JSON lines, in logical order. Wall-clock time is in the field ``at`` only, and
what depends on the machine (ports, heartbeats) is marked, so that two runs can be compared (`comparable`)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bookproof_exchange import evidence


def lines(records: Sequence[evidence.Evidence]) -> Iterable[dict[str, Any]]:
    """One JSON value a record."""
    for record in records:
        value: dict[str, Any] = {"position": record.position, "at": round(record.at, 6)}
        match record:
            case evidence.Opened():
                value |= {"what": "opened", "connection": record.connection, "path": record.path}
            case evidence.Closed():
                value |= {
                    "what": "closed",
                    "connection": record.connection,
                    "by": record.by,
                    "how": record.how,
                    "code": record.code,
                }
            case evidence.Sent(message=message):
                value |= {"what": "sent", "connection": record.connection, "kind": str(message.kind)}
                if message.feed is not None:
                    value |= {"symbol": message.feed.symbol, "channel": message.feed.channel}
                    value |= {"first": message.first, "last": message.last}
                value |= _payload(message.payload, message.binary)
                if record.timer:
                    value["timer"] = True
                if record.faults:
                    value["faults"] = list(record.faults)
            case evidence.Received():
                value |= {"what": "received", "connection": record.connection}
                value |= _payload(record.payload, record.binary)
                value["intents"] = [_intent(intent) for intent in record.intents]
            case evidence.Rest(request=request, answer=answer):
                value |= {
                    "what": "rest",
                    "number": record.number,
                    "asked": record.asked,
                    "request": f"{request.method} {request.path}",
                    "query": dict(request.query),
                }
                if answer is None:
                    value["dropped"] = True
                else:
                    value |= {"status": answer.status, **_payload(answer.body, False)}
                    if answer.snapshot is not None:
                        value |= {"symbol": answer.snapshot.symbol, "index": answer.snapshot.index}
                if record.faults:
                    value["faults"] = list(record.faults)
            case evidence.Asked(request=request):
                value |= {"what": "asked", "number": record.number, "request": f"{request.method} {request.path}"}
            case evidence.Observed():
                value |= {"what": "observed", "symbol": record.symbol, "claim": record.claim, "read": record.read}
                value |= {"version": record.version, "bids": record.bids, "asks": record.asks}
            case evidence.Waited():
                value |= {"what": "waited", "place": record.place, "for": record.what, "came": record.came}
                value |= {"limit": record.limit}
            case _:
                plain = msgspec.to_builtins(record)
                value |= {"what": plain.pop("record"), **{k: v for k, v in plain.items() if k not in value}}
        yield value


def comparable(records: Sequence[evidence.Evidence]) -> dict[str, list[str]]:
    """What went over each connection, for comparing runs: per connection, sent and received payloads in order; without
    times, the timer lane and ports. Equal REST requests are a lane of their own: requests on connections of their own have
    no order among each other."""
    lanes: dict[str, list[str]] = {}
    for record in records:
        match record:
            case evidence.Sent(timer=False):
                lanes.setdefault(f"sent-{record.connection}", []).append(record.message.payload.hex())
            case evidence.Received():
                lanes.setdefault(f"received-{record.connection}", []).append(record.payload.hex())
            case evidence.Rest(request=request, answer=answer):
                body = "" if answer is None else answer.body.hex()
                asked = f"{request.method} {request.path} {sorted(request.query.items())}"
                lanes.setdefault(f"rest-{asked}", []).append(body)
            case _:
                pass
    return lanes


def write(records: Sequence[evidence.Evidence], path: Path) -> None:
    """Write a transcript file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encode = msgspec.json.Encoder(enc_hook=str).encode
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines(records)))


def _payload(payload: bytes, binary: bool) -> dict[str, str]:
    if not binary:
        try:
            return {"text": payload.decode("utf-8")}
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(payload).decode("ascii")}


def _intent(intent: Any) -> dict[str, Any]:
    plain = msgspec.to_builtins(intent)
    return {"intent": str(plain.pop("type")).lower(), **plain}
