"""Says in words why a message of an adapter was refused: the field, what was expected, what was there."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_ROW = re.compile(r"^(bids|asks)\[\d+\]$")
_NAMES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def quote(raw: bytes | bytearray | str, most: int = 160) -> str:
    """A line for an error message: escaped, and shortened in its middle."""
    text = raw if isinstance(raw, str) else bytes(raw[: most * 8]).decode("utf-8", "backslashreplace")
    size = len(raw)
    if size > most:
        keep = most // 2
        tail = raw[-keep // 2 :]
        end = tail if isinstance(tail, str) else bytes(tail).decode("utf-8", "backslashreplace")
        unit = "characters" if isinstance(raw, str) else "bytes"
        text = f"{text[:keep]} … ({size} {unit}) … {end}"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shorten(value: Any, most: int = 80) -> str:
    """A JSON value for an error message."""
    try:
        text = msgspec.json.encode(value).decode()
    except (ValueError, TypeError):
        text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def explain(kind: str, message: dict[str, Any], error: str, *, floats: bool) -> str:
    """``book.bids[0]: expected an array of 2 or 3 texts, got ["1"]`` from msgspec's error about a ``book``."""
    found = _AT.match(error)
    assert found is not None
    problem, path = found["problem"], found["path"] or "$"
    field, value = _look_up(message, path)
    if found["path"] is None or field == "":
        missing = re.search(r"missing required field `([^`]+)`", problem)
        if missing is not None:
            return f"{kind}.{missing[1]}: the field is missing"
        return f"{kind}: {problem}"
    missing = re.search(r"missing required field `([^`]+)`", problem)
    if missing is not None:
        return f"{kind}.{field}.{missing[1]}: the field is missing"
    if _ROW.match(field):
        wanted = "2 numbers (and an order id)" if floats else "2 or 3 texts"
        return f"{kind}.{field}: expected an array of {wanted}, got {shorten(value)}"
    hint = ""
    if not floats and isinstance(value, int | float) and not isinstance(value, bool) and "`str" in problem:
        hint = ' (hello declared numbers: "string")'
    return f"{kind}.{field}: {_in_words(problem)}, got {shorten(value)}{hint}"


def _look_up(message: Any, path: str) -> tuple[str, Any]:
    """The field's path without its ``$.`` and the value there."""
    value, place = message, ""
    for step in _STEP.finditer(path):
        name, index = step[1], step[2]
        if name is not None:
            place += f".{name}"
            value = value.get(name) if isinstance(value, dict) else None
        elif index is not None:
            place += f"[{index}]"
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:  # msgspec does not name the key of a mapping: the first value that is not a number or text will do
            place += "[...]"
    return place.removeprefix("."), value


def _in_words(problem: str) -> str:
    """msgspec's sentence, with the words of the protocol's table instead of Python's."""
    expected = re.match(r"Expected `([^`]+)`( of length [^,]+| [<>]=? \S+)?", problem)
    if expected is not None:
        kinds = [_NAMES.get(name.strip(), name.strip()) for name in expected[1].split("|")]
        return f"expected {' or '.join(kinds)}{expected[2] or ''}"
    invalid = re.match(r"Invalid enum value", problem)
    if invalid is not None:
        return "not one of the values that the protocol knows"
    return problem[:1].lower() + problem[1:]
