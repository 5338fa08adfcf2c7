"""The connection in memory behaves as a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from bookproof_exchange.server.memory import connected


def run(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_it_is_a_stream_as_trio_understands_it() -> None:
    async def main() -> None:
        one, other = connected()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.send_all, b"abc" * 1000)
            got = b""
            while len(got) < 3000:
                got += await other.receive_some(7)
        assert got == b"abc" * 1000
        await one.send_eof()
        assert await other.receive_some(7) == b""
        assert await other.receive_some(7) == b"", "the end stays"
        await other.send_all(b"still")
        assert await one.receive_some() == b"still", "only one way has ended"
        with pytest.raises(trio.ClosedResourceError):
            await one.send_all(b"x")

    run(main)


def test_what_is_on_its_way_arrives_before_the_end_and_nothing_goes_back() -> None:
    async def main() -> None:
        one, other = connected()
        await one.send_all(b"last words")
        await one.aclose()
        assert await other.receive_some(4) == b"last"
        assert await other.receive_some() == b" words"
        assert await other.receive_some() == b""
        with pytest.raises(trio.BrokenResourceError):
            await other.send_all(b"anybody?")

    run(main)


def test_closing_wakes_who_reads_at_either_end() -> None:
    async def main() -> None:
        one, other = connected()
        ends: list[object] = []

        async def read(stream: trio.abc.Stream) -> None:
            try:
                ends.append(await stream.receive_some())
            except trio.ClosedResourceError as error:
                ends.append(type(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, one)
            nursery.start_soon(read, other)
            await trio.testing.wait_all_tasks_blocked()
            await one.aclose()
        assert sorted(map(str, ends)) == sorted(map(str, [trio.ClosedResourceError, b""]))
        with pytest.raises(trio.ClosedResourceError):
            await one.receive_some()

    run(main)


def test_who_sends_without_end_lets_others_run_and_can_be_cancelled() -> None:
    async def main() -> None:
        one, other = connected()

        async def storm() -> None:
            while True:
                await one.send_all(b"x")

        with trio.move_on_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(storm)
                assert await other.receive_some(1) == b"x"
                nursery.cancel_scope.cancel()

    run(main)
