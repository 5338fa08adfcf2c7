"""What the proxies of a run answer with: each case's exchange, at the addresses of its venue, with certificates for them."""

from __future__ import annotations

import os
import ssl
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import trio

from bookproof.case_run import ServerLike
from bookproof.drivers.api import Start
from bookproof.intercept.environment import Trust, environment
from bookproof.intercept.keystore import PASSWORD, java_key_store
from bookproof.intercept.proxy import Proxy
from bookproof.report.text import clean
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Address, Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.server import tls
from bookproof_exchange.server.listener import Server
from bookproof_exchange.server.wire import Wire


class Served:
    """One case's exchange, for as long as the case runs."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self.server = server
        self.nursery = nursery
        self.over = False

    async def watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Notices the case's end: a task of its nursery."""
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self.over = True


class Interception:
    """Serves the cases of one run; is also their `Venue`. ``folder`` takes the certificates."""

    def __init__(self, dialects: Sequence[Dialect], folder: Path) -> None:
        """UsageError where the addresses of a dialect's venue are not known."""
        for dialect in dialects:
            if {address.what for address in dialect.traits.addresses} != {"ws", "rest"}:
                raise UsageError(
                    f"the dialect {dialect.name} does not say which addresses are its venue's",
                    hint="its traits need `addresses`; without them its clients have to be redirected",
                )
        hosts = dict.fromkeys(address.host for dialect in dialects for address in dialect.traits.addresses)
        files = tls.make(folder, *hosts)
        store = folder / "ca.jks"
        store.write_bytes(java_key_store(_der(files.ca)))
        self._trust = Trust(pem=files.ca.absolute(), java=store.absolute(), java_password=PASSWORD)
        self._context = files.context()
        self._served: dict[str, Served] = {}
        self._count: Counter[str] = Counter()

    async def open(self, exchange: Exchange, nursery: trio.Nursery) -> tuple[ServerLike, str, str, str | None]:
        """As a `Venue`: a listener of its own as everywhere, and the exchange can be found by its address."""
        server = Server(exchange, compression=exchange.dialect.traits.compression)
        address = await nursery.start(server.run)
        served = self._served[urlsplit(address.http).netloc] = Served(server, nursery)
        await nursery.start(served.watch)
        return server, address.ws, address.http, None

    def served(self, start: Start) -> Served | None:
        """The exchange of the case that begins so; None where it is not one of ours (the probe's)."""
        self._served = {name: served for name, served in self._served.items() if not served.over}
        return self._served.get(urlsplit(start.rest_url).netloc)

    def real(self, start: Start) -> Start:
        """The same start with the venue's own addresses, and the authority to trust."""
        dialect = DIALECTS.get(start.dialect)
        endpoints = dict(dialect.endpoints(_url(dialect, "ws"), _url(dialect, "rest")))
        return msgspec.structs.replace(
            start,
            ws_url=endpoints["ws"],
            rest_url=endpoints["rest"],
            endpoints=endpoints,
            tls_ca=str(self._trust.pem),
        )

    def say(self, text: str) -> None:
        """Something that went another way than the user meant; for the report."""
        self._count[text] += 1

    def report(self) -> None:
        """Say on stderr what was refused in the whole run."""
        for text, count in self._count.items():
            print(f"bookproof: {clean(text)}" + (f" ({count} times)" if count > 1 else ""), file=sys.stderr)

    def passage(self) -> Passage:
        """For one client process."""
        return Passage(self)

    def proxy(self, passage: Passage) -> Proxy:
        return Proxy(passage, self._context)

    def environment(self, port: int) -> Mapping[str, str]:
        return environment(port, self._trust, os.environ)


class Passage:
    """What one client process may reach now. The gate of its proxy."""

    def __init__(self, interception: Interception) -> None:
        self._interception = interception
        self._case: str | None = None
        self._served: Served | None = None
        self._addresses: tuple[Address, ...] = ()
        self._dialect = ""
        self.count = 0
        """Connections to the venue's addresses in this case, over TLS that the client trusts."""
        self.said: list[str] = []
        """What was refused in this case, by either side."""

    def begin(self, start: Start, served: Served) -> None:
        """The client's next case: its venue's addresses lead to this exchange."""
        self._case, self._served, self._dialect = start.case, served, start.dialect
        self._addresses = DIALECTS.get(start.dialect).traits.addresses
        self.count, self.said = 0, []

    @property
    def addresses(self) -> str:
        """Where the case's venue is, in words."""
        return ", ".join(f"{address.host}:{address.port}" for address in self._addresses)

    def end(self) -> None:
        """Nothing is reached any more."""
        self._case = self._served = None

    def admits(self, host: str, port: int) -> str | None:
        if self._served is None or self._served.over:
            return "no case is running"
        if any((address.host, address.port) == (host, port) for address in self._addresses):
            return None
        return f"not an address of {self._dialect} that the mock exchange serves"

    def refused(self, what: str, why: str) -> None:
        if self._case is not None:  # between two cases a client may still try to come back
            self._say(f"refused {what}: {why}")

    def trusted(self) -> None:
        self.count += 1

    def distrusted(self, address: str, why: str) -> None:
        if self._case is not None:
            self._say(
                f"the client gave up the TLS handshake with {address} ({why}): it does not trust the run's authority"
            )

    def passed(self, host: str, port: int, wire: Wire) -> bool:
        if self._served is None or self._served.over:  # the case ended while the client was told that it may go on
            return False
        self._served.nursery.start_soon(self._served.server.take, wire)
        return True

    def _say(self, text: str) -> None:
        self.said.append(text)
        self._interception.say(text)


def _url(dialect: Dialect, what: str) -> str:
    """The usual address of the kind, as a client writes it."""
    address = next(address for address in dialect.traits.addresses if address.what == what)
    port = "" if address.port == 443 else f":{address.port}"
    return f"{'wss' if what == 'ws' else 'https'}://{address.host}{port}"


def _der(pem: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.read_text("ascii"))
