"""A client is first asked for something that does not exist: an adapter that accepts it accepts anything, and then what
it accepts proves nothing."""

from __future__ import annotations

from bookproof.drivers.api import ClientCrashed, ClientHung, Driver, DriverFactory, Start, Started
from bookproof_exchange.errors import AdapterError

#: No dialect is called so, and none ever will be.
NONSENSE = "bookproof-no-such-dialect"

#: The port of the discard service: nobody listens there, should the adapter really connect.
_NOWHERE = "127.0.0.1:9"


def nonsense(case: str = "probe") -> Start:
    """A start that only an adapter which does not look at what it is asked for can accept."""
    return Start(
        case=case,
        dialect=NONSENSE,
        ws_url=f"ws://{_NOWHERE}/",
        rest_url=f"http://{_NOWHERE}/",
        endpoints={},
        symbols=("NO/SUCH",),
    )


def probed(factory: DriverFactory) -> DriverFactory:
    """The same drivers, the first of them probed.

    AdapterError where the adapter lies. One that dies or hangs of the question says no, in its way: a fresh one follows."""
    return _Probed(factory)


class _Probed:
    def __init__(self, factory: DriverFactory) -> None:
        self._factory = factory
        self._asked = False

    async def __call__(self) -> Driver:
        driver = await self._factory()
        if self._asked:
            return driver
        self._asked = True
        try:
            answer = await driver.start(nonsense(), lambda shown: None)
        except (ClientCrashed, ClientHung, AdapterError):
            answer = None
        if isinstance(answer, Started):
            await driver.close()
            self._asked = False  # it lies to whoever asks next, too
            raise AdapterError(
                f"the adapter lies: it started a client for the dialect {NONSENSE!r}, which does not exist",
                hint="answer `unsupported` to a start whose dialect the client does not speak (`bookproof adapter check`)",
            )
        if not driver.alive or driver.info.isolation == "process":
            await driver.close()
            return await self._factory()
        return driver
