"""A Java key store with one trusted certificate: Java reads no PEM where its trust store is named by a property."""

from __future__ import annotations

import hashlib
import struct

#: The customary one. It protects nothing here: the store holds no secret.
PASSWORD = "changeit"

_MAGIC = 0xFEEDFEED
_VERSION = 2
_TRUSTED = 2
_SALT = b"Mighty Aphrodite"


def java_key_store(certificate: bytes, *, alias: str = "bookproof") -> bytes:
    """The JKS file for a certificate (DER).

    Format: https://github.com/openjdk/jdk/blob/master/src/java.base/share/classes/sun/security/provider/JavaKeyStore.java
    """
    created_ms = 0
    entry = struct.pack(">I", _TRUSTED) + _text(alias) + struct.pack(">Q", created_ms)
    entry += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    store = struct.pack(">III", _MAGIC, _VERSION, 1) + entry
    return store + hashlib.sha1(PASSWORD.encode("utf-16-be") + _SALT + store).digest()


def _text(value: str) -> bytes:
    data = value.encode("ascii")
    return struct.pack(">H", len(data)) + data
