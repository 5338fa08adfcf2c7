"""All randomness comes from one printed seed, split by name: same seed and name, same numbers, on every platform."""

from __future__ import annotations

import hashlib
import random


def derive(seed: int, *names: str | int) -> int:
    """A 64-bit seed for one named purpose; independent of every other name."""
    text = ":".join((str(seed), *map(str, names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stream(seed: int, *names: str | int) -> random.Random:
    """A random generator for one named purpose."""
    return random.Random(derive(seed, *names))
