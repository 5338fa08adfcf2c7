"""Errors, by who is to blame. Each says where, what was expected, what was found, and how to mend it.

    BookproofError
    ├── UsageError        the user's command line, scenario file or configuration   exit 4
    ├── AdapterError      the adapter broke the driver protocol                     exit 3
    └── HarnessError      Bookproof itself is wrong                                 exit 5

What the *client under test* does wrong is never an exception: it is a verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BookproofError(Exception):
    """The base: a one-line message and an optional hint."""

    exit_status = 5

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class Where(tuple[str, int | None, int | None, str | None]):
    """A place in a file: path, line (from 1), column (from 1), field path."""

    __slots__ = ()

    def __new__(cls, path: str, line: int | None = None, column: int | None = None, field: str | None = None) -> Where:
        return super().__new__(cls, (path, line, column, field))

    def __str__(self) -> str:
        path, line, column, field = self
        text = path
        if line is not None:
            text += f":{line}"
            if column is not None:
                text += f":{column}"
        return text if field is None else f"{text}: {field}"


class UsageError(BookproofError):
    """The user asked for something that does not exist or cannot be."""

    exit_status = 4

    def __init__(self, message: str, *, hint: str | None = None, where: Where | None = None) -> None:
        super().__init__(message if where is None else f"{where}: {message}", hint=hint)
        self.where = where


class AdapterError(BookproofError):
    """The adapter broke the driver protocol."""

    exit_status = 3


class HarnessError(BookproofError):
    """Bookproof is wrong: never blamed on the client."""

    exit_status = 5


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint for a mistyped name, or a short list of what exists; None where nothing exists."""
    names = sorted(known)
    if not names:
        return None
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) <= 12:
        return "known: " + ", ".join(names)
    return f"known: {', '.join(names[:10])} and {len(names) - 10} more"
