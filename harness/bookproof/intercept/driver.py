"""A driver whose client lives behind a proxy of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from bookproof.drivers.api import BookShown, ClientInfo, Driver, DriverFactory, Shown, Sink, Start, Started, Unsupported
from bookproof.intercept.interception import Interception, Passage
from bookproof_exchange.errors import AdapterError

_HINT = "does its library take a proxy from the environment? docs/intercept.md says which do"


class InterceptedFactory:
    """Makes drivers of one client, each with a proxy. ``make`` yields the factory of a client with that environment added;
    ``nursery`` outlives every driver."""

    def __init__(
        self,
        make: Callable[[Mapping[str, str]], DriverFactory],
        interception: Interception,
        nursery: trio.Nursery,
    ) -> None:
        self._make = make
        self._interception = interception
        self._nursery = nursery

    async def __call__(self) -> Driver:
        passage = self._interception.passage()
        proxy = self._interception.proxy(passage)
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                await proxy.run()

        self._nursery.start_soon(run)
        try:
            driver = await self._make(self._interception.environment(proxy.port))()
        except BaseException:
            scope.cancel()
            raise
        return _Intercepted(driver, passage, self._interception, scope.cancel)


class _Intercepted:
    """Tells the client the venue's own addresses, and leads them to the case's exchange."""

    def __init__(
        self, driver: Driver, passage: Passage, interception: Interception, end_proxy: Callable[[], None]
    ) -> None:
        self._driver = driver
        self._passage = passage
        self._interception = interception
        self._end_proxy = end_proxy
        self._showed = False

    @property
    def info(self) -> ClientInfo:
        return self._driver.info

    @property
    def alive(self) -> bool:
        return self._driver.alive

    async def start(self, start: Start, sink: Sink) -> Started | Unsupported:
        served = self._interception.served(start)
        if served is None:
            return await self._driver.start(start, sink)
        self._passage.begin(start, served)
        self._showed = False

        def watching(shown: Shown) -> None:
            if isinstance(shown, BookShown) and shown.claim == "live" and (shown.bids or shown.asks):
                self._showed = True
            sink(shown)

        answer = await self._driver.start(self._interception.real(start), watching)
        if isinstance(answer, Unsupported):
            self._passage.end()
        return answer

    async def read(self, symbol: str, channel: str = "book") -> BookShown:
        return await self._driver.read(symbol, channel)

    async def stop(self) -> None:
        """AdapterError where nothing of the client's came through its proxy: then the case has proved nothing about it."""
        try:
            await self._driver.stop()
        finally:
            self._passage.end()
        if not self._passage.count:
            raise self._nothing_came()

    def _nothing_came(self) -> AdapterError:
        if self._passage.said:
            return AdapterError(
                f"no connection to the venue came about: {self._passage.said[0]}",
                hint=f"what is answered: {self._passage.addresses}; docs/intercept.md",
            )
        if self._showed:
            return AdapterError(
                "the client showed a book, but no connection to the venue came through its proxy: it may have asked the "
                "real venue",
                hint=_HINT,
            )
        return AdapterError("no connection to the venue came through the client's proxy", hint=_HINT)

    async def close(self) -> None:
        try:
            await self._driver.close()
        finally:
            self._passage.end()
            self._end_proxy()

    async def watch(self) -> None:
        await self._driver.watch()

    def log(self) -> tuple[str, ...]:
        return (*self._driver.log(), *(f"bookproof: {line}" for line in self._passage.said))
