"""Listen keys of private connections: 64 characters, as in the documentation's example.

Pure: a key is derived from the API key, so that REST and WebSocket agree without a store. Keys do not expire here.
https://mexcdevelop.github.io/apidocs/spot_v3_en/#listen-key (2025-08)
"""

from __future__ import annotations

import hashlib
import re

_SHAPE = re.compile(r"[0-9a-f]{64}")


def issued(api_key: str) -> str:
    """The listen key of an account."""
    return hashlib.blake2b(api_key.encode(), digest_size=32).hexdigest()


def valid(key: str) -> bool:
    """Whether it has the shape of an issued key."""
    return _SHAPE.fullmatch(key) is not None
