"""The in-memory twin: same driver, same lines, a virtual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import trio
import trio.testing

from bookproof.drivers.api import (
    BookShown,
    ClientCrashed,
    ClientHung,
    ClientInfo,
    Driver,
    EventShown,
    Shown,
    Start,
    Started,
    StateShown,
    TickerShown,
    Unsupported,
)
from bookproof.drivers.memory import MemoryClient, MemorySession, memory_factory
from bookproof_exchange.errors import AdapterError, HarnessError
from bookproof_exchange.timing import Timing

T = TypeVar("T")


class StreamClient:
    """An ideal client in small: it connects by ``connect(url)``, reads a byte a second, and shows how many came."""

    def __init__(self, connect: Callable[[str], trio.abc.Stream]) -> None:
        self._connect = connect
        self._count = 0

    async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
        if start.dialect != "d":
            return Unsupported(reason=f"no {start.dialect}")
        self._session = session
        self._stream = self._connect(start.ws_url)
        session.nursery.start_soon(self._follow)
        return Started(depth_shown=start.depth)

    async def _follow(self) -> None:
        try:
            while piece := await self._stream.receive_some(1):
                if piece == b"!":
                    raise ValueError("bang")
                self._count += 1
                self._session.show(self._book())
            self._session.show(EventShown(kind="disconnected", message="the stream ended"))
        except trio.ClosedResourceError:
            pass  # by stop

    def _book(self) -> BookShown:
        return BookShown(symbol="X", claim="live", bids=((str(self._count), "1"),), asks=())

    async def read(self, symbol: str, channel: str) -> StateShown:
        if channel == "ticker":
            return TickerShown(symbol=symbol, values={"bid": "1"})
        return self._book()

    async def stop(self) -> None:
        await self._stream.aclose()


class Quiet:
    """Does what it is told to do at each call."""

    def __init__(self, **calls: Callable[[], Awaitable[Any]]) -> None:
        self._calls = calls

    async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
        self.session = session
        await self._do("start")
        return Started()

    async def read(self, symbol: str, channel: str) -> StateShown:
        await self._do("read")
        return BookShown(symbol=symbol, claim="none", bids=(), asks=())

    async def stop(self) -> None:
        await self._do("stop")

    async def _do(self, what: str) -> None:
        if what in self._calls:
            await self._calls[what]()


INFO = ClientInfo(name="memory", version="1", dialects=("d",), push=True, claims=True)


def run(main: Callable[[], Awaitable[T]]) -> T:
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def a_start(case: str = "c1", **more: Any) -> Start:
    fields: dict[str, Any] = {
        "case": case,
        "dialect": "d",
        "ws_url": "memory://x",
        "rest_url": "",
        "endpoints": {},
        "symbols": ("X",),
        "depth": 10,
    }
    return Start(**{**fields, **more})


async def opened(make: Callable[[], MemoryClient], info: ClientInfo = INFO) -> Driver:
    return await memory_factory(make, info)()


async def whole_case(driver: Driver) -> None:
    await driver.start(a_start(), lambda shown: None)
    await driver.read("X")
    await driver.stop()


def exchange(urls: list[str], bytes_: bytes) -> Callable[[], MemoryClient]:
    """A client over an exchange that sends one of ``bytes_`` a second, then hangs up."""

    def connect(url: str) -> trio.abc.Stream:
        urls.append(url)
        ours, theirs = trio.testing.memory_stream_pair()

        async def send() -> None:
            try:
                for byte in bytes_:
                    await trio.sleep(1)
                    await ours.send_all(bytes([byte]))
                await ours.aclose()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass

        trio.lowlevel.spawn_system_task(send)
        return theirs

    return lambda: StreamClient(connect)


@pytest.mark.parametrize("numbers", ["string", "float"])
def test_a_client_over_streams_case_after_case(numbers: Any) -> None:
    urls: list[str] = []
    info = ClientInfo(name="memory", push=True, numbers=numbers)

    async def main() -> None:
        driver = await opened(exchange(urls, b"." * 5), info)
        assert driver.info == info
        for case in ("c1", "c2", "c3"):
            shown: list[Shown] = []
            assert await driver.start(a_start(case), shown.append) == Started(depth_shown=10)
            await trio.sleep(3.5)
            book = await driver.read("X")
            spelled = "3.0" if numbers == "float" else "3"
            assert book.bids[0][0] == spelled
            assert len(shown) == 4
            assert shown[-1] == book
            if case == "c2":
                await trio.sleep(10)
                assert isinstance(shown[-1], EventShown)
                assert len(shown) == 7
            await driver.stop()
            count = len(shown)
            await trio.sleep(10)
            assert len(shown) == count
        assert driver.alive
        await driver.close()
        assert not driver.alive

    run(main)
    assert urls == ["memory://x"] * 3


def test_unsupported() -> None:
    async def main() -> None:
        driver = await opened(exchange([], b""))
        assert await driver.start(a_start(dialect="e"), print) == Unsupported(reason="no e")
        await driver.stop()
        assert isinstance(await driver.start(a_start("c2"), print), Started)
        await driver.close()

    run(main)


def test_a_state_that_is_no_book() -> None:
    async def main() -> None:
        driver = await opened(exchange([], b""))
        await driver.start(a_start(), lambda shown: None)
        state = await driver.read_state("X", "ticker")  # type: ignore[attr-defined]
        assert state == TickerShown(symbol="X", values={"bid": "1"}, read=1)
        with pytest.raises(HarnessError, match="read_state"):
            await driver.read("X", "ticker")
        await driver.close()

    run(main)


@pytest.mark.parametrize("what", ["start", "read", "stop"])
def test_a_hang_takes_its_whole_limit_of_virtual_time(what: str) -> None:
    async def main() -> None:
        driver = await opened(lambda: Quiet(**{what: trio.sleep_forever}))
        before = trio.current_time()
        with pytest.raises(ClientHung) as caught:
            await whole_case(driver)
        assert caught.value.what == what
        assert trio.current_time() - before == pytest.approx(getattr(Timing(), what))
        assert not driver.alive
        await driver.close()

    run(main)


@pytest.mark.parametrize("what", ["start", "read", "stop"])
def test_an_exception_is_a_crash(what: str) -> None:
    async def bang() -> None:
        raise ValueError("bang")

    async def main() -> None:
        driver = await opened(lambda: Quiet(**{what: bang}))
        with pytest.raises(ClientCrashed) as caught:
            await whole_case(driver)
        assert caught.value.how == "exception ValueError: bang"
        assert "ValueError: bang" in "".join(caught.value.stderr)
        await driver.close()

    run(main)


def test_an_exception_in_a_background_task_is_seen_by_watch() -> None:
    async def main() -> None:
        driver = await opened(exchange([], b"..!."))
        shown: list[Shown] = []
        await driver.start(a_start(), shown.append)
        with pytest.raises(ClientCrashed, match="ValueError: bang"):
            await driver.watch()
        assert len(shown) == 2
        await driver.close()

    run(main)


def test_what_it_shows_wrongly_is_an_adapter_error() -> None:
    class Wrong(Quiet):
        async def read(self, symbol: str, channel: str) -> StateShown:
            return BookShown(symbol=symbol, claim="live", bids=(("x", "1"),), asks=())

    async def main() -> None:
        driver = await opened(Wrong)
        await driver.start(a_start(), lambda shown: None)
        with pytest.raises(AdapterError, match=r"book.bids\[0\]\[0\]: expected a decimal number"):
            await driver.read("X")
        await driver.close()

    run(main)


def test_show_after_stop_does_nothing() -> None:
    sessions: list[MemorySession] = []

    class Late(Quiet):
        async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
            sessions.append(session)
            session.log(f"started {start.case}")
            return await super().start(start, session)

    async def main() -> None:
        driver = await opened(Late)
        shown: list[Shown] = []
        for case in ("c1", "c2"):
            await driver.start(a_start(case), shown.append)
            assert driver.log() == (f"started {case}",)
            if sessions[1:]:
                sessions[0].show(EventShown(kind="error", message="late"))
            await driver.read("X")
            await driver.stop()
        assert not any(isinstance(one, EventShown) for one in shown)
        await driver.close()

    run(main)


def test_the_end_of_the_loop_ends_what_was_left_open() -> None:
    ended = []

    class Watched(Quiet):
        async def start(self, start: Start, session: MemorySession) -> Started | Unsupported:
            async def background() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    ended.append(start.case)

            session.nursery.start_soon(background)
            return Started()

    async def main() -> None:
        driver = await opened(Watched)
        await driver.start(a_start(), lambda shown: None)

    run(main)
    assert ended == ["c1"]
