"""Runs something with every client behind a proxy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio

from bookproof.case_run import Venue
from bookproof.drivers.api import DriverFactory
from bookproof.intercept.driver import InterceptedFactory
from bookproof.intercept.interception import Interception

Run = Callable[[DriverFactory, Venue], Awaitable[int]]


async def run_intercepted(
    interception: Interception, make: Callable[[Mapping[str, str]], DriverFactory], run: Run
) -> int:
    """``run`` with a factory of clients behind proxies, and the venue where these lead. ``make`` yields the factory of a
    client that has these variables in its environment."""
    async with trio.open_nursery() as nursery:
        status = await run(InterceptedFactory(make, interception, nursery), interception)
        nursery.cancel_scope.cancel()
    return status
