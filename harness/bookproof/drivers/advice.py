"""What to do about an adapter that never said hello, as far as its last words tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LINES = 3
_NO_KIT = re.compile(r"No module named '(bookproof)(\.\w+)*'")
_NO_FILE = re.compile(r"can't open file '([^']+)'")


def last_words(log: Sequence[str]) -> str:
    """A hint: how to mend it, where that is plain, and the end of the log."""
    if not log:
        return "it wrote nothing to stderr"
    said = "its last words: " + "; ".join(line.strip() for line in log[-_LINES:])
    text = "\n".join(log)
    if _NO_KIT.search(text):
        return (
            "the adapter's Python has no bookproof: `pip install bookproof` into the client's environment, or put the folder "
            f"that holds the package on PYTHONPATH; {said}"
        )
    missing = _NO_FILE.search(text)
    if missing is not None:
        return f"there is no {missing[1]}: the command is run in the present folder"
    return said
