"""The client's control messages, and the venue's answers to right and wrong ones.

Requests, replies and the table of errors: https://github.com/binance/binance-spot-api-docs/blob/master/
web-socket-streams.md, "Live Subscribing/Unsubscribing to streams" (2026-07-21). The venue parses with Rust's serde, as
its texts show; where the table gives no text for a mistake, serde's own is used. "Too many subscriptions" was seen in
https://github.com/oliver-zehentleitner/unicorn-binance-websocket-api/issues/17 (2020-04). Errors are not wrapped in an
object ``error``, as the documents have it (some clients report that they were, in earlier years).
"""

from __future__ import annotations

import json
import re
from typing import Literal, cast

import msgspec

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"]
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")

Id = int | str | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request. ``streams`` of SUBSCRIBE and UNSUBSCRIBE; ``value`` of SET_PROPERTY."""

    method: Method
    id: Id
    streams: tuple[str, ...] = ()
    value: bool = False


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the venue answers with an error. ``id`` only where the documented error carries it."""

    code: int
    msg: str
    id: Id | msgspec.UnsetType = msgspec.UNSET

    @property
    def payload(self) -> bytes:
        return msgspec.json.encode(self)


def result(value: object, id: Id) -> bytes:
    """A reply, ``{"result":null,"id":1}``."""
    return msgspec.json.encode({"result": value, "id": id})


def too_many_subscriptions(id: Id) -> Fault:
    """More than 1024 streams."""
    return Fault(code=4, msg="Too many subscriptions", id=id)


def understand(payload: bytes) -> Call | Fault:
    """A client's frame. Never raises."""
    try:
        request = msgspec.json.decode(payload)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return _not_json(payload)
    if not isinstance(request, dict):
        return Fault(code=3, msg="Invalid JSON: expected value at line 1 column 1")
    if "method" not in request:
        return _invalid(f"missing field `method` at {_place(payload, len(payload.rstrip()))}")
    method = request["method"]
    if method not in _METHODS:
        text = method if isinstance(method, str) else json.dumps(method)
        expected = ", ".join(f"`{name}`" for name in _METHODS)
        return _invalid(f"unknown variant {text}, expected one of {expected} at {_method_place(payload)}")
    id = request.get("id", msgspec.UNSET)
    if not _is_id(id):
        return _invalid("request ID must be an unsigned integer")
    return _call(method, cast(Id, id), request.get("params"), payload)


def _call(method: Method, id: Id, params: object, payload: bytes) -> Call | Fault:
    match method:
        case "SUBSCRIBE" | "UNSUBSCRIBE":
            return _streams(method, id, params, payload)
        case "LIST_SUBSCRIPTIONS":
            return _invalid("too many parameters") if params else Call(method=method, id=id)
        case "GET_PROPERTY" | "SET_PROPERTY":
            return _property(method, id, params)


def _streams(method: Method, id: Id, params: object, payload: bytes) -> Call | Fault:
    end = _place(payload, len(payload.rstrip()))
    if params is None:
        return _invalid(f"missing field `params` at {end}")
    if not isinstance(params, list):
        return _invalid(f"invalid type: {_serde(params)}, expected a sequence at {end}")
    for name in params:
        if not isinstance(name, str):
            return _invalid(f"invalid type: {_serde(name)}, expected a string at {end}")
    return Call(method=method, id=id, streams=tuple(params))


def _property(method: Method, id: Id, params: object) -> Call | Fault:
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        return _invalid("property name must be a string")
    if len(params) > (1 if method == "GET_PROPERTY" else 2):
        return _invalid("too many parameters")
    if params[0] != "combined":
        return Fault(code=0, msg="Unknown property", id=id)
    if method == "GET_PROPERTY":
        return Call(method=method, id=id)
    if len(params) < 2 or not isinstance(params[1], bool):
        return Fault(code=1, msg="Invalid value type: expected Boolean")
    return Call(method=method, id=id, value=params[1])


def _is_id(id: object) -> bool:
    """int64, an alphanumeric text of up to 36 characters (a UUID has hyphens), or null."""
    if isinstance(id, bool):
        return False
    if isinstance(id, int):
        return -(2**63) <= id < 2**63
    if isinstance(id, str):
        return re.fullmatch(r"[A-Za-z0-9_-]{1,36}", id) is not None
    return id is None


def _invalid(what: str) -> Fault:
    return Fault(code=2, msg=f"Invalid request: {what}")


def _not_json(payload: bytes) -> Fault:
    at = 0
    try:
        json.loads(payload.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        at = error.pos
    except RecursionError:
        pass
    return Fault(code=3, msg=f"Invalid JSON: expected value at {_place(payload, at + 1)}")


def _method_place(payload: bytes) -> str:
    """Where the value of ``method`` ends: serde has read up to there when it refuses it."""
    found = re.search(rb'"method"\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\s]*)', payload)
    return _place(payload, found.end() if found is not None else len(payload))


def _place(payload: bytes, end: int) -> str:
    """serde's ``line 1 column 28`` of the last byte read, counted from 1."""
    read = payload[:end]
    line = read.count(b"\n") + 1
    column = len(read) - (read.rfind(b"\n") + 1)
    return f"line {line} column {column}"


def _serde(value: object) -> str:
    match value:
        case bool():
            return f"boolean `{json.dumps(value)}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f"string {json.dumps(value, ensure_ascii=False)}"
        case list():
            return "sequence"
        case dict():
            return "map"
        case _:
            return "null"
