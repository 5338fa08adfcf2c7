"""The probe: what an adapter that accepts a nonsense dialect brings about, and that an honest one is not disturbed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing

from bookproof.drivers.api import BookShown, ClientInfo, Start, Started, Unsupported
from bookproof.drivers.memory import MemorySession, memory_factory
from bookproof.probe import NONSENSE, nonsense, probed
from bookproof_exchange.errors import AdapterError
from bookproof_exchange.timing import Timing


class Client:
    """Says what it is told to say to a start."""

    def __init__(self, asked: list[str], answer: Callable[[str], Started | Unsupported]) -> None:
        self._asked = asked
        self._answer = answer

    async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
        self._asked.append(start.dialect)
        return self._answer(start.dialect)

    async def read(self, symbol: str, channel: str) -> BookShown:
        raise NotImplementedError

    async def stop(self) -> None:
        pass


class Probe:
    """A probed factory of such clients, twice asked for a driver."""

    def __init__(self, answer: Callable[[str], Started | Unsupported], isolation: str = "case") -> None:
        self.asked: list[str] = []
        self.made = 0
        info = ClientInfo(name="fake", isolation=isolation)  # type: ignore[arg-type]

        def make() -> Client:
            return Client(self.asked, answer)

        inner = memory_factory(make, info, timing=Timing())

        async def counted() -> object:
            self.made += 1
            return await inner()

        self.factory = probed(counted)  # type: ignore[arg-type]

    def run(self) -> None:
        async def main() -> None:
            for _ in range(2):
                driver = await self.factory()
                assert driver.alive
                answer = await driver.start(nonsense("again"), lambda shown: None)
                assert isinstance(answer, Unsupported)
                await driver.close()

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def honest(dialect: str) -> Unsupported:
    return Unsupported(reason=f"no {dialect}")


def test_an_honest_adapter_is_asked_once_and_goes_on() -> None:
    probe = Probe(honest)
    probe.run()
    assert probe.asked == [NONSENSE] * 3, "one probe, two of the test"
    assert probe.made == 2


def test_one_that_cannot_be_started_twice_in_a_process_gets_a_fresh_one() -> None:
    probe = Probe(honest, isolation="process")
    probe.run()
    assert (len(probe.asked), probe.made) == (3, 3)


def test_an_adapter_that_accepts_it_lies_to_everyone_who_asks() -> None:
    probe = Probe(lambda dialect: Started(depth_shown=None))

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(AdapterError, match=r"the adapter lies: .*which does not exist"):
                await probe.factory()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_one_that_dies_of_the_question_is_no_liar() -> None:
    died: list[bool] = []

    def answer(dialect: str) -> Unsupported:
        if not died:
            died.append(True)
            raise KeyError(dialect)
        return honest(dialect)

    probe = Probe(answer)
    probe.run()
    assert probe.made == 3
