"""From a request to values: the query and the body, checked, with what is wrong said in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from bookproof_exchange.control import model
from bookproof_exchange.control.problems import Refusal, bad, of_scenario
from bookproof_exchange.errors import did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.registry import FOREIGN
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.model import Step
from bookproof_exchange.scenario.problems import ScenarioError

T = TypeVar("T", bound=msgspec.Struct)

#: JSON deeper than this is no request of ours.
_DEEPEST = 12
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`(?: - at `\$(?P<at>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`(?: - at `\$(?P<at>.*)`)?", re.DOTALL)
_WRONG = re.compile(r"Expected (?P<expected>.*), got (?P<found>.*?)(?: - at `\$(?P<at>.*)`)?", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (?P<found>.*?)(?: - at `\$(?P<at>.*)`)?", re.DOTALL)


# --- the query --------------------------------------------------------------------------------------------------------


def known(query: Mapping[str, str], names: Sequence[str]) -> None:
    """Refusal for a parameter that does not exist."""
    for name in query:
        if name not in names:
            expected = ", ".join(names) if names else "no parameters"
            raise bad(name, expected, f"the parameter {name!r}", hint=did_you_mean(name, names))


def integer(query: Mapping[str, str], name: str, default: int | None, least: int, most: int) -> int | None:
    """A number without a fraction."""
    text = query.get(name)
    if text is None:
        return default
    if re.fullmatch(r"-?[0-9]{1,18}", text) is None or not least <= int(text) <= most:
        raise bad(name, f"a whole number from {least} to {most}", repr(text))
    return int(text)


def seconds(query: Mapping[str, str], name: str, most: float) -> float:
    """A time to wait."""
    text = query.get(name, "0")
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) is None or float(text) > most:
        raise bad(name, f"seconds from 0 to {most:g}", repr(text))
    return float(text)


def symbol_of(given: object, symbols: Sequence[str], field: str = "symbol") -> int:
    """The number of a symbol, from 1, by its text or its number."""
    if isinstance(given, str):
        if given in symbols:
            return symbols.index(given) + 1
        if given.isascii() and given.isdecimal():
            given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= len(symbols):
        return given
    expected = f"one of {', '.join(symbols)}, or its number from 1 to {len(symbols)}"
    raise bad(field, expected, words(given), hint=did_you_mean(str(given), symbols))


# --- the body ---------------------------------------------------------------------------------------------------------


def body(raw: bytes) -> Any:
    """The JSON of a body."""
    if not raw.strip():
        return {}
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad("", "JSON", f"something else ({error})", hint="the body is one JSON object, in UTF-8") from None
    except RecursionError:
        raise bad("", f"JSON at most {_DEEPEST} levels deep", "a deeper one") from None
    if _deeper(value, _DEEPEST):
        raise bad("", f"JSON at most {_DEEPEST} levels deep", "a deeper one")
    return value


def struct(raw: bytes, type_: type[T]) -> T:
    """The body as a value of ``type_``."""
    value = body(raw)
    if not isinstance(value, dict):
        raise bad("", "a JSON object", words(value))
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise _objection(str(error), value, type_) from None


def number(value: float, field: str, least: float, most: float) -> None:
    """Refusal for a number out of its range."""
    if not least <= value <= most:
        raise bad(field, f"a number from {least:g} to {most:g}", f"{value:g}", status=422)


def step(name: str, parameters: Any, symbols: Sequence[str]) -> Step:
    """A step in the words of a scenario file, by the scenario loader: the same words, the same checks."""
    if isinstance(parameters, dict) and "symbol" in parameters:
        parameters = {**parameters, "symbol": symbol_of(parameters["symbol"], symbols)}
    # JSON is YAML but for a few characters, which stand escaped here
    text = json.dumps(
        {"id": "x", "title": "x", "purpose": "x", "rules": [], "script": [{name: parameters or None}]},
        ensure_ascii=False,
    )
    try:
        return loads(text).script[0]
    except ScenarioError as error:
        raise of_scenario(error.problems, f"script[1].{name}" if name == "fault" else "script[1]") from None


def custom(fault: specs.Custom) -> None:
    """Refusal for a message fault that no installed package brings."""
    if fault.name not in FOREIGN:
        hint = did_you_mean(fault.name, FOREIGN.names()) or "no installed package brings one"
        raise bad("name", "a message fault of an installed package", repr(fault.name), hint=hint, status=422)


def _objection(text: str, value: Mapping[str, Any], type_: type[msgspec.Struct]) -> Refusal:
    names = [field.name for field in msgspec.structs.fields(type_)]
    takes = ", ".join(names) or "an empty object"
    if parts := _UNKNOWN.fullmatch(text):
        return bad(
            parts["name"], takes, f"the field {parts['name']!r}", hint=did_you_mean(parts["name"], names), status=422
        )
    if parts := _MISSING.fullmatch(text):
        return bad(parts["name"], f"the field {parts['name']!r}", "none", status=422)
    if parts := _ENUM.fullmatch(text):
        field = (parts["at"] or "").removeprefix(".")
        options = _options(type_, field)
        found = value.get(field)
        return bad(
            field, "one of " + ", ".join(options), words(found), hint=did_you_mean(str(found), options), status=422
        )
    if parts := _WRONG.fullmatch(text):
        field = (parts["at"] or "").removeprefix(".")
        return bad(field, parts["expected"].replace("`", ""), words(value.get(field)), status=422)
    return Refusal(422, text, errors=[model.Wrong(detail=text)])


def _options(type_: type[msgspec.Struct], field: str) -> tuple[str, ...]:
    schema = msgspec.json.schema(type_)["$defs"][type_.__name__]["properties"].get(field, {})
    return tuple(map(str, schema.get("enum", ())))


def _deeper(value: Any, levels: int) -> bool:
    inside: Sequence[Any]
    match value:
        case dict():
            inside = list(value.values())
        case list():
            inside = value
        case _:
            return False
    return levels == 0 or any(_deeper(each, levels - 1) for each in inside)


def words(value: Any) -> str:
    """A value as it may stand in a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
