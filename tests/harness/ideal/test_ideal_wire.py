"""The ideal client's wire: what the other side does to a connection is a ConnectionLost, never anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from bookproof.ideal.wire import ConnectionLost, Socket, fetch
from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.script.actions import Action, Admit, Answer, HangUp, Refuse, Write
from bookproof_exchange.server.listener import Server


class Host:
    """Admits or refuses, says one thing, and does what a test tells it to when a frame comes."""

    def __init__(self) -> None:
        self.reaction: list[Action] = []
        self.refusing = False
        self.answer: HttpAnswer | None = HttpAnswer(status=200, body=b"{}")

    def arrived(self, connection: int, request: HttpRequest) -> list[Action]:
        return [Refuse(connection, HttpAnswer(status=503, body=b""))] if self.refusing else [Admit(connection)]

    def opened(self, connection: int) -> list[Action]:
        return [Write(connection, (Frame(b"hello"),))]

    def received(self, connection: int, frame: Frame) -> list[Action]:
        return self.reaction

    def ponged(self, connection: int, payload: bytes) -> list[Action]:
        return []

    def pinged(self, connection: int) -> list[Action]:
        return []

    def closed(self, connection: int, by: str, code: int | None, how: str) -> list[Action]:
        return []

    def requested(self, number: int, request: HttpRequest) -> list[Action]:
        return [Answer(number, self.answer)]


class Net:
    def __init__(self, nursery: trio.Nursery, host: Host) -> None:
        self.nursery = nursery
        self.server = Server(host)

    async def connect(self) -> trio.abc.Stream:
        mine, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.server.handle, theirs)
        return mine


async def no_exchange() -> trio.abc.Stream:
    raise ConnectionRefusedError("nobody there")


def in_trio(test: Callable[[trio.Nursery, Host], Awaitable[None]]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await test(nursery, Host())
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_hello_and_goodbye() -> None:
    in_trio(hello_and_goodbye)


async def hello_and_goodbye(nursery: trio.Nursery, host: Host) -> None:
    socket = await Socket.open(Net(nursery, host).connect, "ws://x/")
    frames = socket.frames()
    assert (await anext(frames)).payload == b"hello"
    host.reaction = [Write(1, (Frame(b"a"), Frame(b"b", True))), HangUp(1, "close", 1001)]
    await socket.send(Frame(b"go"))
    assert await anext(frames) == Frame(b"a")
    assert await anext(frames) == Frame(b"b", True)
    with pytest.raises(ConnectionLost):
        await anext(frames)
    with pytest.raises(ConnectionLost):
        await socket.send(Frame(b"too late"))
    await socket.close()


def test_several_tasks_may_send_at_once() -> None:
    in_trio(several_senders)


async def several_senders(nursery: trio.Nursery, host: Host) -> None:
    socket = await Socket.open(Net(nursery, host).connect, "ws://x/")
    got: list[bytes] = []
    host.received = lambda connection, frame: got.append(frame.payload) or []  # type: ignore[method-assign, func-returns-value]
    async with trio.open_nursery() as senders:
        for number in range(20):
            senders.start_soon(socket.send, Frame(b"%d" % number))
    with trio.move_on_after(1):
        async for _ in socket.frames():
            pass
    assert sorted(map(int, got)) == list(range(20))


@pytest.mark.parametrize("how", ["fin", "rst", "mid-frame", "close"])
def test_every_end_is_a_lost_connection(how: str) -> None:
    async def ends(nursery: trio.Nursery, host: Host) -> None:
        socket = await Socket.open(Net(nursery, host).connect, "ws://x/")
        host.reaction = [HangUp(1, how, half=Frame(b"x" * 200))]  # type: ignore[arg-type]
        await socket.send(Frame(b"go"))
        with pytest.raises(ConnectionLost):
            async for _ in socket.frames():
                pass
        await socket.close()

    in_trio(ends)


def test_refusals() -> None:
    in_trio(refusals)


async def refusals(nursery: trio.Nursery, host: Host) -> None:
    host.refusing = True
    net = Net(nursery, host)
    for connect in (net.connect, no_exchange):
        with pytest.raises(ConnectionLost):
            await Socket.open(connect, "ws://x/")
    with pytest.raises(ConnectionLost):
        await fetch(no_exchange, "http://x", HttpRequest(method="GET", path="/"))
    assert (await fetch(net.connect, "http://x", HttpRequest(method="GET", path="/"))).body == b"{}"
    host.answer = None
    with pytest.raises(ConnectionLost):
        await fetch(net.connect, "http://x", HttpRequest(method="GET", path="/"))
