"""The loop in the background: what goes in and out of it, and its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import trio

from bookproof.pytest_support.portal import Portal, in_caller
from bookproof_exchange.errors import HarnessError


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


def test_values_and_exceptions_come_back_and_the_loop_stays(portal: Portal) -> None:
    async def loop() -> trio.lowlevel.TrioToken:
        return trio.lowlevel.current_trio_token()

    async def fail() -> None:
        raise LookupError("gone")

    first = portal.call(loop)
    with pytest.raises(LookupError, match="gone"):
        portal.call(fail)
    assert portal.call(loop) is first


def test_a_task_can_ask_the_calling_thread(portal: Portal) -> None:
    async def ask() -> tuple[int | None, int | None]:
        return await in_caller(lambda: threading.current_thread().ident), threading.current_thread().ident

    there, here = portal.call(ask)
    assert there == threading.current_thread().ident
    assert here != there


def test_an_interrupt_in_the_calling_thread_ends_the_task_first(portal: Portal) -> None:
    ended: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def task() -> None:
        try:
            await in_caller(interrupt)
        finally:
            ended.append("task")

    with pytest.raises(KeyboardInterrupt):
        portal.call(task)
    assert ended == ["task"]


def test_closing_ends_what_runs_and_a_new_call_begins_a_new_loop(portal: Portal) -> None:
    ended = threading.Event()

    async def background() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async def spawn() -> None:
        trio.lowlevel.spawn_system_task(background)
        await trio.lowlevel.checkpoint()

    portal.call(spawn)
    portal.close()
    portal.close()
    assert ended.is_set()
    portal.call(trio.lowlevel.checkpoint)


def test_a_loop_that_dies_leaves_nobody_waiting(portal: Portal) -> None:
    async def crash() -> None:
        raise RuntimeError("a bug")

    async def spawn() -> None:
        trio.lowlevel.spawn_system_task(crash)
        await trio.sleep_forever()

    with pytest.raises(HarnessError, match=r"loop has ended|cancelled"):
        portal.call(spawn)
