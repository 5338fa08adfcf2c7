"""TLS for tests: a certificate authority made for one run, and one certificate of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import trustme


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files are. Only ``ca`` goes to the client, which has to trust it."""

    ca: Path
    chain: Path
    """Private key and certificate of the server, PEM."""

    def context(self) -> ssl.SSLContext:
        """A server context. HTTP/1.1 only, as ALPN says (WebSocket over HTTP/2 is another protocol: RFC 8441)."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain)
        context.set_alpn_protocols(["http/1.1"])
        return context


def make(directory: Path, *names: str) -> TlsFiles:
    """Make an authority and a certificate for ``names`` (host names or addresses; localhost, 127.0.0.1 and ::1 when
    none is given) and write both as PEM files into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="Bookproof test authority")
    certificate = authority.issue_cert(*(names or ("localhost", "127.0.0.1", "::1")))
    files = TlsFiles(ca=directory / "ca.pem", chain=directory / "server.pem")
    authority.cert_pem.write_to_path(str(files.ca))
    files.chain.touch(mode=0o600)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(files.chain))
    return files
