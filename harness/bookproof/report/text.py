"""Text from outside (clients, files, command lines), made fit to be shown."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[\x20-\x7e]*")


def clean(text: str) -> str:
    """The text with every character that could steer a terminal or disturb a line spelled out (``\\x1b``): control
    characters but tab and line feed, direction marks, lone surrogates."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def one_line(text: str, limit: int | None = None) -> str:
    """As `clean`, on one line, no longer than ``limit``."""
    line = " ".join(clean(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _shown(character: str) -> str:
    if character in "\t\n":
        return character
    # Cc: control, Cf: format (direction marks, zero width), Cs: surrogate, Zl and Zp: line and paragraph separators
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        code = ord(character)
        if code <= 0xFF:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character
