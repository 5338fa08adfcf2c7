"""The example database of Hypothesis, and one round's view of it.

Failing examples are kept where Hypothesis keeps those of any test (``.hypothesis/examples``), under a key made of what they
depend on. A round of the search sees only the one example that it is to replay; what it shrinks that to is put back by the
search, which alone knows whether an example that no longer fails in a new way was mended or is merely known.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase


def default_folder() -> Path:
    """Where Hypothesis keeps examples: ``.hypothesis/examples``, or below ``$HYPOTHESIS_STORAGE_DIRECTORY``."""
    return Path(os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY", ".hypothesis")) / "examples"


class Kept:
    """The failing examples of one client on one dialect, as choice sequences in Hypothesis's own encoding."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._base = DirectoryBasedExampleDatabase(folder)
        self._key = hashlib.blake2b("\0".join(("bookproof fuzz", *names)).encode(), digest_size=16).digest()

    def examples(self) -> list[bytes]:
        """All of them, shortest first."""
        return sorted(self._base.fetch(self._key), key=lambda example: (len(example), example))

    def replace(self, old: bytes | None, new: bytes | None) -> None:
        """Put one in the place of another; either may be missing."""
        if old is not None and old != new:
            self._base.delete(self._key, old)
        if new is not None:
            self._base.save(self._key, new)


class OneRound(ExampleDatabase):
    """What Hypothesis sees in one round: the example to replay, if any. ``newest``: what it saved last, which is the smallest
    failure so far. ``closed``: nothing is saved any more (Hypothesis also saves the example in which it is interrupted)."""

    def __init__(self, example: bytes | None = None) -> None:
        super().__init__()
        self._example = example
        self.newest: bytes | None = None
        self.closed = False

    def fetch(self, key: bytes) -> Iterable[bytes]:
        if self._example is not None and not key.endswith((b".secondary", b".pareto")):
            yield self._example

    def save(self, key: bytes, value: bytes) -> None:
        if not self.closed and not key.endswith((b".secondary", b".pareto")):
            self.newest = value

    def delete(self, key: bytes, value: bytes) -> None:
        pass
