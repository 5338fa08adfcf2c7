"""The OpenAPI 3.1 description of the control API, made from the routes and the types, so that it cannot fall behind.

``schemas/control.openapi.json`` is what `document` returns; a test proves that it is current. To renew it:

    python -m bookproof_exchange.control.openapi > schemas/control.openapi.json
"""

from __future__ import annotations

import copy
import functools
import json
import re
from typing import Any, Final

import msgspec

from bookproof_exchange.control import model
from bookproof_exchange.control.problems import MEDIA
from bookproof_exchange.control.routes import ROUTES, Route, reference
from bookproof_exchange.faults import describe
from bookproof_exchange.scenario.schema import schema as scenario_schema

VERSION: Final = "1.0.0"

_ABOUT = """\
Drives the mock exchange of `bookproof serve --control PORT` by hand: injects faults, moves the market, plays scenarios,
reads the truth and the wire. It listens on loopback only, and answers no web page but its own.
"""


def document() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bookproof mock exchange: control",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where `bookproof serve --control` says that it is."}],
        "security": [],
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


@functools.cache
def text() -> str:
    """The description as the file holds it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.text:
        made["description"] = route.text
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {"name": query.name, "in": "query", "description": query.text, "schema": dict(query.schema)}
        for query in route.query
    ]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        content: dict[str, Any] = {"schema": _schema_of(route.body)}
        if route.example is not None:
            content["example"] = route.example
        made["requestBody"] = {"required": True, "content": {"application/json": content}}
    made["responses"] = {
        str(route.status): {"description": _said(route.answer), "content": _content(route.answer)},
        "4XX": {
            "description": "The request cannot be fulfilled.",
            "content": {MEDIA: {"schema": reference("Problem")}},
        },
        "5XX": {
            "description": "Too many wait already, the exchange ends, or Bookproof itself failed.",
            "content": {MEDIA: {"schema": reference("Problem")}},
        },
    }
    return made


def _said(answer: type[msgspec.Struct] | str) -> str:
    return "A document." if isinstance(answer, str) else describe.summary(answer)


def _content(answer: type[msgspec.Struct] | str) -> dict[str, Any]:
    if not isinstance(answer, str):
        return {"application/json": {"schema": reference(answer.__name__)}}
    return {answer: {"schema": {"type": "object"} if answer == "application/json" else {"type": "string"}}}


def _schema_of(body: Any) -> dict[str, Any]:
    return dict(reference(body.__name__)) if isinstance(body, type) else dict(body)


def _schemas() -> dict[str, Any]:
    used: list[type[msgspec.Struct]] = [model.Problem]
    for route in ROUTES:
        used += [part for part in (route.body, route.answer) if isinstance(part, type)]
    _, components = msgspec.json.schema_components(
        tuple(dict.fromkeys(used)), ref_template="#/components/schemas/{name}"
    )
    for name, schema in components.items():
        type_ = getattr(model, name, None)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            _explain(schema, type_)
    return dict(sorted({**components, **_scenario_parts()}.items()))


def _explain(schema: dict[str, Any], type_: type[msgspec.Struct]) -> None:
    """What stands below each field in the source; and answers hold every field."""
    schema["description"] = describe.text(type_)
    for name, words in describe.field_texts(type_).items():
        if name in schema.get("properties", {}):
            part = schema["properties"][name]
            schema["properties"][name] = {"description": words, **part}
    if not issubclass(type_, model.Asked):
        schema["required"] = list(schema.get("properties", {}))


def _scenario_parts() -> dict[str, Any]:
    """Faults and shapes as a scenario file says them; symbols may also be named."""
    parts = copy.deepcopy(scenario_schema()["$defs"])
    wanted = {name: part for name, part in parts.items() if name.startswith("fault") or name == "shape"}
    send = parts["step-send"]
    made = {_name(name): _moved(part) for name, part in wanted.items()}
    made["SendAsked"] = _moved(send)
    made["FaultAsked"] = made.pop(_name("fault"))
    return made


def _name(name: str) -> str:
    return "scenario-" + name


def _moved(part: Any) -> Any:
    match part:
        case {"$ref": str(target), **rest} if target.startswith("#/$defs/"):
            return {"$ref": f"#/components/schemas/{_name(target.removeprefix('#/$defs/'))}", **rest}
        case dict():
            moved = {key: _moved(value) for key, value in part.items()}
            properties = moved.get("properties")
            if isinstance(properties, dict) and "symbol" in properties:
                number = properties["symbol"]
                described = {key: number[key] for key in ("description", "default") if key in number}
                bare = {key: value for key, value in number.items() if key not in described}
                properties["symbol"] = {**described, "anyOf": [bare, {"type": "string"}]}
            return moved
        case list():
            return [_moved(each) for each in part]
        case _:
            return part


if __name__ == "__main__":
    print(text(), end="")
