"""What an adapter that ended before its hello makes Bookproof say."""

from __future__ import annotations

import pytest

from bookproof.drivers.advice import last_words


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ((), "it wrote nothing to stderr"),
        (("a", "b", "  c", "d"), "its last words: b; c; d"),
        (
            ("Traceback (most recent call last):", "ModuleNotFoundError: No module named 'bookproof'"),
            "the adapter's Python has no bookproof: `pip install bookproof` into the client's environment",
        ),
        (("ModuleNotFoundError: No module named 'bookproof.adapter'",), "the adapter's Python has no bookproof"),
        (
            ("ModuleNotFoundError: No module named 'ccxt'",),
            "its last words: ModuleNotFoundError: No module named 'ccxt'",
        ),
        (
            ("python: can't open file '/here/my_adapter.py': [Errno 2] No such file or directory",),
            "there is no /here/my_adapter.py",
        ),
    ],
)
def test_last_words(log: tuple[str, ...], said: str) -> None:
    assert last_words(log).startswith(said)
