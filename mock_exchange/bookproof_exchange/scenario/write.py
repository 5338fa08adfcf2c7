"""A `Scenario` as a file: the short form, which loads to the same value. Used to hand out what a search has found."""

from __future__ import annotations

import re

from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.scenario.shorthand import Short, short_scenario

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./|+-]*(?: [A-Za-z0-9_./|+-]+)*")
#: Words that some YAML reader or other, of any version, takes for something else than a text.
_LOADED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def write(scenario: Scenario) -> str:
    """The scenario as YAML text, ending in a newline; ``loads(write(s)) == s``."""
    lines: list[str] = []
    for key, value in short_scenario(scenario).items():
        if key == "script" and isinstance(value, list) and value:
            lines.append("script:")
            lines += [f"  - {flow(step, top=True)}" for step in value]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def flow(value: Short, *, top: bool = False) -> str:
    """A value on one line. ``top``: a mapping of one step, written without its braces."""
    match value:
        case dict():
            inside = ", ".join(f"{_text(key)}: {flow(item)}" for key, item in value.items())
            return inside if top else f"{{{inside}}}"
        case list():
            return f"[{', '.join(flow(item) for item in value)}]"
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
    raise TypeError(value)


def _text(text: str) -> str:
    """Plain where every YAML reader takes it for the same text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _LOADED:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if 0x20 <= code < 0x7F or (0xA1 <= code < 0xD800 and code not in (0x2028, 0x2029)) or 0xE000 <= code < 0xFEFF:
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
