"""The environment variables that make a program use a proxy and trust a certificate authority."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

#: Which programs read which is in docs/intercept.md. Both spellings: libraries differ, and some prefer one.
_PROXY = ("HTTPS_PROXY", "HTTP_PROXY", "WSS_PROXY", "WS_PROXY", "ALL_PROXY")
_NO_PROXY = "NO_PROXY"
_CA_FILE = (
    "SSL_CERT_FILE",  # OpenSSL, and with it Python, Ruby; Go on Linux; rustls-native-certs
    "REQUESTS_CA_BUNDLE",  # requests
    "CURL_CA_BUNDLE",  # curl, requests
    "WEBSOCKET_CLIENT_CA_BUNDLE",  # websocket-client
    "NODE_EXTRA_CA_CERTS",  # Node.js
    "DENO_CERT",  # Deno
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # gRPC
)

#: Loaded into every Node.js process; it reads the port of the proxy from this variable.
NODE_PRELOAD = Path(__file__).parent.absolute() / "node_preload.cjs"
NODE_PORT = "BOOKPROOF_PROXY_PORT"


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Where a client finds the authority that it has to trust."""

    pem: Path
    java: Path
    """A Java key store with nothing else in it."""
    java_password: str


def environment(port: int, trust: Trust, present: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment ``present`` for a client whose proxy listens on this port of 127.0.0.1."""
    url = f"http://127.0.0.1:{port}"
    found = dict.fromkeys(_PROXY, url) | {name: str(trust.pem) for name in _CA_FILE}
    found[_NO_PROXY] = ""
    found |= {name.lower(): found[name] for name in (*_PROXY, _NO_PROXY)}
    found["NODE_USE_ENV_PROXY"] = "1"  # Node.js 22.21 and later: fetch, https and WebSocket look at the rest only then
    found[NODE_PORT] = str(port)
    found["NODE_OPTIONS"] = _added(present.get("NODE_OPTIONS"), f'--require "{_quoted(str(NODE_PRELOAD))}"')
    found["JAVA_TOOL_OPTIONS"] = _added(present.get("JAVA_TOOL_OPTIONS"), *_java_options(port, trust))
    return found


def _added(present: str | None, *words: str) -> str:
    return " ".join(filter(None, (present, *words)))


def _quoted(text: str) -> str:
    """Inside double quotes, as NODE_OPTIONS has them."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _java_options(port: int, trust: Trust) -> list[str]:
    return [
        *(f"-D{scheme}.proxy{what}" for scheme in ("https", "http") for what in ("Host=127.0.0.1", f"Port={port}")),
        "-Dhttp.nonProxyHosts=",
        f"-Djavax.net.ssl.trustStore={trust.java}",
        f"-Djavax.net.ssl.trustStorePassword={trust.java_password}",
    ]
